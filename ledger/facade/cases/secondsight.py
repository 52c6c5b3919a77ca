"""Until when what waits for a second person can be signed, so that no list asks for a signature in vain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ledger.case import CaseState
from ledger.catalogue import Rules
from ledger.facade.base.tables import SECOND_UNTIL
from ledger.facade.logs.bodies import ASKED_MAX
from ledger.guards import SAME_DAY
from ledger.store.contract import ReadTx, WriteTx
from ledger.store.tables import OneOf, Range, Where
from ledger.types import CaseId
from ledger.waiting import NO_END_MS, signable_until_ms


def note_second(tx: WriteTx, made: Iterable[tuple[CaseState, Rules]]) -> None:
    """Write down of some cases until when what waits in them can be signed, where that ends with a day."""
    ends: dict[CaseId, int] = {}
    settled: list[CaseId] = []
    for state, rules in made:
        until_ms = signable_until_ms(state, rules)
        if 0 < until_ms < NO_END_MS:
            ends[state.case_id] = until_ms
        elif _ends_with_a_day(state, rules):
            settled.append(state.case_id)
    if settled:
        tx.delete(SECOND_UNTIL, {"case_id": OneOf(tuple(settled))})
    if ends:
        tx.upsert(SECOND_UNTIL, list(ends.items()))


def _ends_with_a_day(state: CaseState, rules: Rules) -> bool:
    """Tell whether a case ever had an act that waits for a second person on one day alone."""
    actions = rules.case_type.actions
    specs = (actions.get(step.action) for step in state.steps)
    return any(spec is not None and spec.second and SAME_DAY in spec.guards for spec in specs)


def too_late(tx: ReadTx, case_ids: Sequence[CaseId], now_ms: int) -> frozenset[CaseId]:
    """Return those of some cases in which nobody can sign any more what waits, because its day is over."""
    found: set[CaseId] = set()
    for first in range(0, len(case_ids), ASKED_MAX):
        asked: Where = {"case_id": OneOf(tuple(case_ids[first : first + ASKED_MAX]))}
        rows = tx.select(SECOND_UNTIL, {**asked, "until_ms": Range(at_most=now_ms)}, columns=("case_id",))
        found |= {CaseId(row[0]) for row in rows if isinstance(row[0], bytes)}
    return frozenset(found)
