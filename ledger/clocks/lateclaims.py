"""Limits that were kept by a late entry (补录) alone: over on the day on which the act was typed.

The day that a late entry claims counts, for the paper may well be of that day; but it is one person's word.
So each such act is read once more as if it had happened on the day of its entry, which the act says itself
under its signature (``ledger.cases.toldday``) and its log confirms, and what that makes overdue is told on
the page of its case.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from ledger.cases.shape import CaseAct, CaseFinding, CaseState, Step, local_day
from ledger.cases.toldday import LAST_DAY, NIGHT_EDGE_MS, entered_on
from ledger.clocks.clocks import heard_names, read_clocks
from ledger.clocks.events import clock_events
from ledger.clocks.findings import OVERDUE_FLAGS
from ledger.days.calendar import CalendarSet, local_date
from ledger.days.year import EPOCH_ORDINAL, day_start_ms
from ledger.rules.catalogue import Rules
from ledger.types import ActId

_OVERDUE: Final = frozenset((*OVERDUE_FLAGS.values(), "overdue"))


def in_time_by_late_entry(state: CaseState, rules: Rules, calendars: CalendarSet) -> tuple[CaseFinding, ...]:
    """Return the acts that keep a limit by a late entry alone, each with the first limit that it keeps.

    Args:
        state: the case.
        rules: item and case type.
        calendars: the newest calendars known.
    """
    late = list(_late_steps(state, rules))
    if not late:
        return ()
    now_ms = max(*(step.effect_at_ms for step in state.steps), *(typed_ms for _, typed_ms in late))
    before = _overdue(state, rules, calendars, now_ms)
    found = []
    for index, typed_ms in late:
        step = state.steps[index]
        moved = step._replace(effect_at_ms=typed_ms)
        steps = (*state.steps[:index], moved, *state.steps[index + 1 :])
        over = _overdue(state._replace(steps=steps), rules, calendars, now_ms)
        kept = next((clock for clock in over if clock not in before), None)
        if kept is not None:
            claimed, entered = local_date(step.effect_at_ms), local_date(typed_ms)
            params = {"clock": kept, "claimed": claimed.isoformat(), "entered": entered.isoformat()}
            found.append(CaseFinding("case.notice.in_time_by_late_entry", (step.act.act_id,), params))
    return tuple(found)


def as_typed(state: CaseState, rules: Rules) -> CaseState:
    """Return a case as if everything that was entered late had happened on the day on which it was typed."""
    steps = list(state.steps)
    for index, typed_ms in _late_steps(state, rules):
        steps[index] = steps[index]._replace(effect_at_ms=typed_ms)
    return state._replace(steps=tuple(steps))


def _late_steps(state: CaseState, rules: Rules) -> Iterator[tuple[int, int]]:
    """Yield the places of late entries that clocks listen to, each with the day of entry in milliseconds.

    What waited for a second person took effect with that signature: it counts as typed when that was.
    """
    days = {
        step.act.act_id: _entered(step.act)
        for step in state.steps
        if step.effective and "late_entry" in step.act.facts
    }
    if not days or state.voided:
        return
    heard = heard_names(rules)
    names: dict[ActId, frozenset[str]] = {}
    for event in clock_events(state.steps, rules.item):
        names[event.act_id] = names.get(event.act_id, frozenset()) | event.names
    for index, step in enumerate(state.steps):
        day = _typed_on(step, days)
        if day > local_day(step.effect_at_ms) and not heard.isdisjoint(names.get(step.act.act_id, ())):
            yield index, day_start_ms(date.fromordinal(day + EPOCH_ORDINAL))


def _entered(act: CaseAct) -> int:
    """Return the day on which a late entry was typed: what it says, or its log where that says a later one.

    A program that was changed may sign any day. Nothing gains or loses effect by this, so the log is asked.
    """
    said = entered_on(act.facts)
    if said is None:
        return min(local_day(act.recorded_at_ms), LAST_DAY)
    return min(max(said, local_day(act.recorded_at_ms - NIGHT_EDGE_MS)), LAST_DAY)


def _typed_on(step: Step, days: dict[ActId, int]) -> int:
    signed = () if step.by_countersign is None else (step.by_countersign,)
    return max(days.get(act_id, 0) for act_id in (step.act.act_id, *signed))


def _overdue(state: CaseState, rules: Rules, calendars: CalendarSet, now_ms: int) -> list[str]:
    readings = read_clocks(state, rules, calendars, now_ms)
    return [reading.clock for reading in readings if not _OVERDUE.isdisjoint(reading.flags)]
