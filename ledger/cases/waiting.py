"""Acts that wait for a second person: whether anybody can still sign them, why not, and until when.

What waits may have been overtaken: the day is over on which it could be voided, or the case has gone on.
Whoever asks for a signature asks here first, so that no list asks for one that would be refused.
"""

from __future__ import annotations

from typing import Final

from ledger.cases.draft import Draft
from ledger.cases.guards import SAME_DAY, same_day_until_ms
from ledger.cases.judge import DECLINE, first_obstacle
from ledger.cases.shape import CaseAct, CaseState, Reason
from ledger.rules.catalogue import Rules
from ledger.types import ActId

NO_END_MS: Final = 253_402_300_799_999
"""Last millisecond of the year 9999: what can be signed on any day."""


def hindrances(state: CaseState, rules: Rules, at_ms: int) -> dict[ActId, Reason]:
    """Return the waiting acts that nobody could let take effect at a moment, each with the reason.

    Args:
        state: the case.
        rules: item and case type.
        at_ms: when somebody would sign.
    """
    if not state.pending:
        return {}
    found: dict[ActId, Reason] = {}
    draft = Draft(state)
    for act_id in state.pending:
        target = draft.step_of(act_id)
        reason = None if target is None else first_obstacle(draft, target, _signed(target.act, at_ms), rules)
        if reason is not None:
            found[act_id] = reason
    return found


def signable_until_ms(state: CaseState, rules: Rules) -> int:
    """Return from which moment on no waiting act of a case can be signed any more.

    0 where none can be even now; ``NO_END_MS`` where one can be on any day, unless the case goes on.

    Args:
        state: the case.
        rules: item and case type.
    """
    until_ms = 0
    if not state.pending:
        return until_ms
    opening = state.steps[0].act.facts
    hindered = hindrances(state, rules, state.opened_at_ms)
    for step in state.steps:
        if step.act.act_id in state.pending and step.act.act_id not in hindered:
            by_day = SAME_DAY in rules.case_type.actions[step.action].guards
            last_ms = same_day_until_ms(state.opened_at_ms, opening) if by_day else NO_END_MS
            until_ms = max(until_ms, last_ms)
    return until_ms


def candidates(state: CaseState, rules: Rules, action: str, at_ms: int) -> tuple[ActId, ...]:
    """Return the waiting acts that somebody may mean who names none.

    Args:
        state: the case.
        rules: item and case type.
        action: ``countersign`` means what can be signed, if there is any; ``decline`` means whatever waits.
        at_ms: when somebody signs.
    """
    if action == DECLINE:
        return state.pending
    hindered = hindrances(state, rules, at_ms)
    return tuple(act_id for act_id in state.pending if act_id not in hindered) or state.pending


def can_decline(rules: Rules) -> bool:
    """Tell whether the case type lets waiting acts be taken back; one published long ago may not."""
    return DECLINE in rules.case_type.actions


def _signed(first: CaseAct, at_ms: int) -> CaseAct:
    """Return a countersignature of a moment, as far as it is asked: its times."""
    at_ms = max(at_ms, first.occurred_at_ms)
    return first._replace(occurred_at_ms=at_ms, recorded_at_ms=at_ms, facts={})
