"""Until when what waits for a second person can be signed, so that no list asks for a signature in vain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ledger.cases.guards import SAME_DAY
from ledger.cases.shape import CaseState
from ledger.cases.waiting import NO_END_MS, signable_until_ms
from ledger.facade.base.tables import MARKS
from ledger.facade.logs.bodies import ASKED_MAX
from ledger.rules.catalogue import Rules
from ledger.store.contract import ReadTx, WriteTx
from ledger.store.tables import Cell, OneOf, prefix
from ledger.types import CaseId

MARK_SECOND: Final = "second:"
"""With what the names of these marks begin; the case in hexadecimal digits follows. The value is a moment."""


def note_second(tx: WriteTx, made: Iterable[tuple[CaseState, Rules]]) -> None:
    """Write down of some cases until when what waits in them can be signed, where that ends with a day."""
    ends: list[tuple[str, str]] = []
    settled: list[CaseId] = []
    for state, rules in made:
        until_ms = signable_until_ms(state, rules)
        if 0 < until_ms < NO_END_MS:
            ends.append((_mark(state.case_id), str(until_ms)))
        elif _ends_with_a_day(state, rules):
            settled.append(state.case_id)
    forget_second(tx, settled)
    if ends:
        tx.upsert(MARKS, ends)


def forget_second(tx: WriteTx, case_ids: Iterable[CaseId]) -> None:
    """Drop what is written down of some cases."""
    names = tuple(_mark(case_id) for case_id in case_ids)
    if names:
        tx.delete(MARKS, {"name": OneOf(names)})


def forget_all_seconds(tx: WriteTx) -> None:
    """Drop what is written down of every case."""
    tx.delete(MARKS, {"name": prefix(MARK_SECOND)})


def too_late(tx: ReadTx, case_ids: Sequence[CaseId], now_ms: int) -> frozenset[CaseId]:
    """Return those of some cases in which nobody can sign any more what waits, because its day is over."""
    found: set[CaseId] = set()
    for first in range(0, len(case_ids), ASKED_MAX):
        named = {_mark(case_id): case_id for case_id in case_ids[first : first + ASKED_MAX]}
        rows = tx.select(MARKS, {"name": OneOf(tuple(named))})
        found |= {named[str(name)] for name, until_ms in rows if _moment(until_ms) <= now_ms}
    return frozenset(found)


def _moment(value: Cell) -> int:
    """Return the moment that a mark says; no end where somebody changed it on the disk."""
    try:
        return int(str(value))
    except ValueError:
        return NO_END_MS


def _mark(case_id: CaseId) -> str:
    return MARK_SECOND + case_id.hex()


def _ends_with_a_day(state: CaseState, rules: Rules) -> bool:
    """Tell whether a case ever had an act that waits for a second person on one day alone."""
    actions = rules.case_type.actions
    specs = map(actions.get, {step.act.action for step in state.steps})
    return any(spec is not None and spec.second and SAME_DAY in spec.guards for spec in specs)
