"""Cases by the number that another system gave them: people bring the provincial platform's.

A number is noted once, in one case, unless somebody confirms that it is so on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ledger.cases.effects import NO_NUMBER
from ledger.cases.number import searched
from ledger.cases.shape import CaseState
from ledger.errors import RuleError
from ledger.facade.base.tables import CASES, EXTERNALS
from ledger.store.contract import ReadTx, WriteTx
from ledger.store.tables import OneOf, Row
from ledger.types import CaseId, Facts

FIELD = "external_no"
"""The fact that carries such a number."""


def cases_numbered(tx: ReadTx, number: str) -> list[CaseId]:
    """Return the cases that have an external number now, in the order of their ids."""
    wanted = searched(number)
    found = (row[1] for row in tx.select(EXTERNALS, {"number": wanted})) if wanted else ()
    return sorted(CaseId(cell) for cell in found if isinstance(cell, bytes))


def require_own_number(
    read: Callable[[], ReadTx],
    state: CaseState | None,
    facts: Facts,
    *,
    may_see: Callable[[CaseId], bool] = lambda _: True,
) -> None:
    """Refuse facts with a number that another case has, or with one in place of the case's own.

    Args:
        read: opens the store, only where facts carry a number.
        state: the case; None for one that is received.
        facts: what is to be signed.
        may_see: which cases are named to the person.

    Raises:
        RuleError: ``platform.number_used``, ``platform.number_held``.
    """
    changes = facts.get("changes")
    amended = changes.get(FIELD) if isinstance(changes, dict) else None
    number = facts.get(FIELD, amended)
    if not isinstance(number, str) or number == NO_NUMBER:
        return
    tx = read()
    others = [one for one in cases_numbered(tx, number) if state is None or one != state.case_id]
    if others:
        rows = (tx.get(CASES, (one,)) for one in others if may_see(one))
        seen = "、".join(str(row[1]) for row in rows if row is not None)
        raise RuleError("platform.number_used", no=number, case=seen or "—")
    held = "" if state is None else state.external_no
    if amended is None and held and held != number:
        raise RuleError("platform.number_held", no=held)


def note_external(tx: WriteTx, states: Iterable[CaseState]) -> None:
    """Let some cases be found by the external number that each has now, and by none that it had before."""
    known = {state.case_id: searched(state.external_no) for state in states}
    wanted: set[Row] = {(number, case_id) for case_id, number in known.items() if number}
    held = set(tx.select(EXTERNALS, {"case_id": OneOf(tuple(known))})) if known else set()
    for number, case_id in held - wanted:
        tx.delete(EXTERNALS, {"number": number, "case_id": case_id})
    if wanted - held:
        tx.insert(EXTERNALS, sorted(wanted - held))
