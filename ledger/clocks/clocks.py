"""The clocks of a case: what each says now, and why.

A pure function of the case, the rules, the newest calendars and the time: no clock is stored, so a calendar
that arrives or changes moves every limit without any act. The state of a case never depends on a clock.

Deemed acceptance (permits, or where a local rule is cited): when the acceptance clock runs out with nothing
said, the application counts as accepted as of the day of receipt; the clocks that start with acceptance then
run from that day, and a late acceptance does not change it.

Source: 行政许可法 Art. 32, 42, 44, 45, 82.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Literal, NamedTuple

from ledger.cases.guards import PERMIT
from ledger.cases.shape import CaseState
from ledger.clocks.events import clock_events, heard_of
from ledger.clocks.findings import Context, find, read_context
from ledger.clocks.lights import Light, light_of, next_change
from ledger.clocks.lines import Line, calendar_lines, explain_run
from ledger.clocks.run import (
    SAID_BY_ACT,
    ClockEvent,
    Limit,
    Run,
    count_days,
    counted_days,
    is_amount,
    run_clock,
)
from ledger.days.calendar import CalendarSet, Unit, local_date
from ledger.rules.casetype import ClockSpec
from ledger.rules.catalogue import Rules
from ledger.rules.item import Item
from ledger.types import Bilingual

_HANDLING = frozenset({"item.legal_days", "item.promised_days"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """What one clock says on a day.

    Args:
        clock: code of the clock.
        started_on: the day it started (anew); not counted itself.
        due_on: the last day; None while it stands still.
        stopped_on: the day it ended; None while it is open.
        unit: ``working_days`` or ``calendar_days``.
        limit_days: its whole length in units, an extension included.
        elapsed_days: units used, up to now or its end.
        remaining_days: units left; 0 on the last day, negative when over.
        light: ``green``, ``yellow``, ``red``, ``paused`` or ``done``.
        result: ``green`` or ``red`` once it is done: whether it ended in time.
        flags: sorted codes, for example ``overdue_acceptance`` (text code ``clock.flag.<flag>``).
        explanation: why, as text codes with values.
        calendar_version: names of the calendars used.
        law: rule and article.
        law_en: the same in English, as far as the case type says it.
    """

    clock: str
    started_on: date
    due_on: date | None
    stopped_on: date | None
    unit: Unit
    limit_days: int
    elapsed_days: int
    remaining_days: int
    light: Light
    result: Literal["", "green", "red"]
    flags: tuple[str, ...]
    explanation: tuple[Line, ...]
    calendar_version: str
    law: str
    law_en: str

    @property
    def rule(self) -> Bilingual:
        """Return rule and article in both languages."""
        return Bilingual(zh=self.law, en=self.law_en)


@dataclass(frozen=True, slots=True, kw_only=True)
class DueChange:
    """A limit that ends earlier than was said before."""

    clock: str
    old_due: date
    new_due: date


def read_clocks(
    state: CaseState, rules: Rules, calendars: CalendarSet, now_ms: int
) -> tuple[ClockReading, ...]:
    """Return every clock of a case as of a time: acceptance first, then in the order of the case type.

    Args:
        state: the case.
        rules: item and case type.
        calendars: the newest calendars known.
        now_ms: the time.
    """
    today = local_date(now_ms)
    events = _events(state, rules)
    context = read_context(events)
    return tuple(
        _reading(run, deemed, context, calendars, today)
        for run, deemed in _runs(events, rules, calendars, today)
    )


def disputable_clocks(
    state: CaseState, rules: Rules, calendars: CalendarSet, now_ms: int
) -> tuple[ClockReading, ...]:
    """Return, as ``read_clocks`` does, the clocks alone on which a calendar may have refused an act.

    Those are the ones that silence has accepted and those with an extension that has no effect: explaining
    all others, case by case, would be a good part of an audit.
    """
    today = local_date(now_ms)
    events = _events(state, rules)
    runs = [
        (run, deemed)
        for run, deemed in _runs(events, rules, calendars, today)
        if deemed or run.late_extension is not None
    ]
    if not runs:
        return ()
    context = read_context(events)
    return tuple(_reading(run, deemed, context, calendars, today) for run, deemed in runs)


class PressingChange(NamedTuple):
    """When a case turns yellow and red, in milliseconds, and which clock turns red first."""

    yellow_at_ms: int
    red_at_ms: int
    clock: str


class Standing(NamedTuple):
    """What lists and figures need of the clocks of a case.

    Attributes:
        pressing: the next changes of the light; None when no clock is open.
        late: clocks that ended after their last day, or did so before they were started anew.
    """

    pressing: PressingChange | None
    late: frozenset[str]


def standing(state: CaseState, rules: Rules, calendars: CalendarSet) -> Standing:
    """Return what presses and what was late; neither depends on the time.

    The light at any later time follows by two comparisons while neither the case nor a calendar changes.
    """
    changes: list[tuple[tuple[int, int], str]] = []
    late: list[str] = []
    for run, _ in _runs(_events(state, rules), rules, calendars, None):
        change = next_change(run, calendars)
        if change is not None:
            changes.append((change, run.spec.code))
        if run.stopped_late or run.over_before:
            late.append(run.spec.code)
    if not changes:
        return Standing(None, frozenset(late))
    red, clock = min((change[1], code) for change, code in changes)
    return Standing(PressingChange(min(change[0] for change, _ in changes), red, clock), frozenset(late))


def overrun_clocks(state: CaseState, rules: Rules, calendars: CalendarSet, now_ms: int) -> frozenset[str]:
    """Return the clocks whose last day is over as of a time, whether they ended since or run still."""
    today = local_date(now_ms)
    runs = _runs(_events(state, rules), rules, calendars, today)
    return frozenset(run.spec.code for run, _ in runs if run.over(today) or run.over_before)


def unmoved(before: CaseState, after: CaseState, rules: Rules) -> bool:
    """Return whether one more act surely left every clock as it was; False where that needs a closer look.

    True spares ``standing``: half the acts of a case are of no interest to any clock.
    """
    count = len(before.steps)
    if len(after.steps) != count + 1 or after.voided != before.voided:
        return False
    if any(old is not new for old, new in zip(before.steps, after.steps[:count], strict=True)):
        return False
    names = heard_of(after.steps[count])
    return names is not None and names.isdisjoint(heard_names(rules))


def earlier_dues(
    state: CaseState, rules: Rules, old: CalendarSet, new: CalendarSet, now_ms: int | None
) -> tuple[DueChange, ...]:
    """Return the open clocks that end earlier under the new calendars than under the old ones.

    A limit that was provisional and is now shorter must be told to the owner of the case. Without a time, an
    open acceptance clock is taken to have run out: then also the clocks are compared that a deemed acceptance
    would start.
    """
    today = date.max if now_ms is None else local_date(now_ms)
    events = _events(state, rules)
    before = {run.spec.code: run.due for run, _ in _runs(events, rules, old, today) if run.stop is None}
    changes = []
    for run, _ in _runs(events, rules, new, today):
        old_due = before.get(run.spec.code)
        if old_due is not None and run.stop is None and run.due is not None and run.due < old_due:
            changes.append(DueChange(clock=run.spec.code, old_due=old_due, new_due=run.due))
    return tuple(changes)


def _events(state: CaseState, rules: Rules) -> tuple[ClockEvent, ...]:
    return () if state.voided else clock_events(state.steps, rules.item)


def _runs(
    events: Sequence[ClockEvent], rules: Rules, calendars: CalendarSet, today: date | None
) -> Iterator[tuple[Run, bool]]:
    """Yield each clock that started, and whether a deemed acceptance started it or came of it.

    Without a day, an open acceptance clock is taken to be within its limit.
    """
    deemed_start: ClockEvent | None = None
    happened = _happened(events)
    for spec, limit, deems in _clocks_of(rules):
        if happened.isdisjoint(spec.start):
            continue
        deemed = deemed_start is not None and "effective_acceptance" in spec.start
        run = run_clock(spec, events, limit=limit, calendars=calendars, deemed=deems)
        if run is None:
            continue
        if deems and (run.stopped_late or (today is not None and run.over(today))):
            deemed_start, deemed = run.start, True
            events = _with_deemed(events, run.start)
            happened = _happened(events)
        yield run, deemed


@lru_cache(maxsize=1024)
def _clocks_of(rules: Rules) -> tuple[tuple[ClockSpec, Limit, bool], ...]:
    """Return the clocks that a case of an item may have, acceptance first, each with its limit.

    The third value says whether the end of the limit settles the matter as an acceptance.
    """
    item = rules.item
    found = []
    for published in _acceptance_first(rules.case_type.clocks):
        spec = published if is_amount(published.extend_amount) else replace(published, extend_amount=0)
        if item.legal_basis != PERMIT:
            spec = _beyond_permits(spec, item)
        limit = _limit(spec, item)
        if limit is not None and (spec.applies_to is None or item.legal_basis in spec.applies_to):
            found.append((spec, limit, spec.expiry == "deemed_accepted" and _may_deem(spec, item)))
    return tuple(found)


@lru_cache(maxsize=1024)
def heard_names(rules: Rules) -> frozenset[str]:
    """Return all names of events that any clock of an item listens to."""
    specs = [spec for spec, _, _ in _clocks_of(rules)]
    groups = [
        (*spec.start, *spec.stop, *spec.restart, *spec.go_on, *spec.pause, *spec.resume, *spec.extend)
        for spec in specs
    ]
    return frozenset(("case_ended",)).union(*groups)


def _happened(events: Sequence[ClockEvent]) -> frozenset[str]:
    """Return all names of all events: most clocks of a case type never start in a case."""
    return frozenset().union(*(event.names for event in events))


def _acceptance_first(clocks: Mapping[str, ClockSpec]) -> list[ClockSpec]:
    return sorted(clocks.values(), key=lambda spec: spec.expiry != "deemed_accepted")


def _may_deem(spec: ClockSpec, item: Item) -> bool:
    # Art. 32 speaks of permits; anything else needs a local rule that says so.
    return item.legal_basis == PERMIT or bool(spec.local_rule or item.local_rule)


def _beyond_permits(spec: ClockSpec, item: Item) -> ClockSpec:
    """Return a clock of another item than a permit: it stands still or is extended by a local rule alone."""
    if spec.local_rule or not (spec.pause or spec.extend):
        return spec
    if item.local_rule:
        law, english = f"{spec.law}；{item.local_rule}", f"{spec.law_en}; {item.local_rule}"
        return replace(spec, law=law, law_en=english)
    return replace(spec, pause=(), resume=(), extend=(), extend_amount=0)


def _limit(spec: ClockSpec, item: Item) -> Limit | None:
    """Return the limit of a clock for an item; None when the item has none.

    Where the starting act says how long, the amount is still ``SAID_BY_ACT`` here.
    """
    unit, yellow = spec.unit, spec.yellow
    amount: object = spec.amount
    if isinstance(amount, str) and amount.startswith("item."):
        # The item's unit belongs to its two handling limits; other limits have the unit of their clock.
        unit = item.unit if amount in _HANDLING else unit
        yellow = item.yellow_days if yellow is None else yellow
        amount = getattr(item, amount.removeprefix("item."), None)
    elif isinstance(amount, str):
        amount = SAID_BY_ACT
    if amount != SAID_BY_ACT and not is_amount(amount):
        return None
    days: Unit = "calendar_days" if unit == "calendar_days" else "working_days"
    return Limit(amount=amount, unit=days, yellow=yellow if is_amount(yellow) else None)


def _with_deemed(events: Sequence[ClockEvent], start: ClockEvent) -> list[ClockEvent]:
    return [
        event._replace(names=event.names | {"effective_acceptance"}) if event is start else event
        for event in events
    ]


def _reading(run: Run, deemed: bool, context: Context, calendars: CalendarSet, today: date) -> ClockReading:
    spec, stop, due = run.spec, run.stop, run.due
    day = today if stop is None else stop.on
    elapsed = counted_days(run, day, calendars)
    if due is not None and stop is None and day > due:
        left = -count_days(due, day, run.limit.unit, calendars)
    elif due is not None and run.limit.unit == "calendar_days":
        left = due.toordinal() - day.toordinal()
    else:
        if due is not None and day <= due:
            # a last day that was rolled on from a rest day is not one more
            elapsed = min(elapsed, run.limit.amount)
        left = run.limit.amount - elapsed
    first, last = run.start.on, due or max(day, run.start.on)
    provisional = calendars.provisional_between(first, last)
    names = calendars.names(first, last)
    flags, extra = find(run, deemed, context, today)
    if provisional:
        flags.add("provisional")
    lines = explain_run(run, today=today, deemed=deemed, calendars=calendars, elapsed=elapsed, left=left)
    return ClockReading(
        clock=spec.code,
        started_on=run.start.on,
        due_on=due,
        stopped_on=None if stop is None else stop.on,
        unit=run.limit.unit,
        limit_days=run.limit.amount,
        elapsed_days=elapsed,
        remaining_days=left,
        light=light_of(run, today, calendars),
        result="" if stop is None else "red" if run.stopped_late else "green",
        flags=tuple(sorted(flags)),
        explanation=(*lines, *extra, *calendar_lines(names, provisional=provisional)),
        calendar_version=names,
        law=spec.law,
        law_en=spec.law_en,
    )
