"""What the acts of a case name as their attachments, as their authors signed it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from ledger.cases.judge import ERASE
from ledger.cases.shape import CaseState
from ledger.facade.base.synctables import ATTACHED
from ledger.store.contract import ReadTx, WriteTx
from ledger.store.tables import Row
from ledger.types import ActId, CaseId, StationId


def attachments_in(state: CaseState) -> Mapping[ActId, tuple[tuple[bytes, int], ...]]:
    """Return (hash, length) of what each act of a case names, in its author's order."""
    return {step.act.act_id: step.act.attachments for step in state.steps if step.act.attachments}


def is_erased(state: CaseState) -> bool:
    """Tell whether the personal data of a case was erased, here or elsewhere."""
    return ERASE in state.done


def note_named(tx: WriteTx, states: Iterable[CaseState]) -> None:
    """Remember which attachments the acts of some cases name; those that are known stay as they are.

    Of a case whose personal data was erased nothing is to be carried any more.
    """
    rows: list[Row] = []
    for state in states:
        named: list[Row] = [
            (content, state.case_id, size, step.act.station, 0, 0)
            for step in state.steps
            if step.act.attachments
            for content, size in step.act.attachments
        ]
        if named and is_erased(state):
            tx.delete(ATTACHED, {"case_id": state.case_id})
        else:
            rows += named
    if rows:
        tx.insert_missing(ATTACHED, rows)


def to_give_count(tx: ReadTx) -> int:
    """Return how many attachments lie here of which the station above has not said that it has them."""
    return tx.count(ATTACHED, {"held": 1, "given": 0})


def not_here_count(tx: ReadTx) -> Counter[StationId]:
    """Return for each station how many attachments its acts name that do not lie here."""
    rows = tx.select(ATTACHED, {"held": 0}, columns=("station",))
    return Counter(StationId(str(row[0])) for row in rows)


def waiting_of(tx: ReadTx, case_id: CaseId) -> frozenset[bytes]:
    """Return the hashes of a case's attachments of which the station above has not said that it has them."""
    rows = tx.select(ATTACHED, {"case_id": case_id, "given": 0})
    return frozenset(row[0] for row in rows if isinstance(row[0], bytes))
