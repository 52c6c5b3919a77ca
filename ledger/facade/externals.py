"""Cases by the number that another system gave them: people bring the provincial platform's."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.casenumber import searched
from ledger.caseshape import CaseState
from ledger.facade.tables import EXTERNALS
from ledger.store.contract import ReadTx, WriteTx
from ledger.store.tables import OneOf, Row
from ledger.types import CaseId


def cases_numbered(tx: ReadTx, number: str) -> list[CaseId]:
    """Return the cases that have an external number now, in the order of their ids."""
    wanted = searched(number)
    found = (row[1] for row in tx.select(EXTERNALS, {"number": wanted})) if wanted else ()
    return sorted(CaseId(cell) for cell in found if isinstance(cell, bytes))


def note_external(tx: WriteTx, states: Iterable[CaseState]) -> None:
    """Let some cases be found by the external number that each has now, and by none that it had before."""
    known = {state.case_id: searched(state.external_no) for state in states}
    wanted: set[Row] = {(number, case_id) for case_id, number in known.items() if number}
    held = set(tx.select(EXTERNALS, {"case_id": OneOf(tuple(known))})) if known else set()
    for number, case_id in held - wanted:
        tx.delete(EXTERNALS, {"number": number, "case_id": case_id})
    if wanted - held:
        tx.insert(EXTERNALS, sorted(wanted - held))
