"""One clock run over the events of one case: when it started, what stood still, when it is or was due.

Events come in the one order of the case, which is the truth about before and after; their dates may disagree
with it where a station's clock was wrong, and a count of days is then simply zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple, TypeGuard

from ledger.cases.toldday import supply_until
from ledger.days.calendar import AMOUNT_MAX, CalendarSet, Unit, parse_date
from ledger.days.year import EPOCH_ORDINAL, FIRST_YEAR, LAST_YEAR
from ledger.errors import InputError
from ledger.rules.casetype import ClockSpec
from ledger.types import ActId, Facts

SAID_BY_ACT = -1
"""Amount of a limit whose length stands in the facts of the act that starts the clock."""


class ClockEvent(NamedTuple):
    """Something that clocks may listen to, on a date in China.

    Args:
        names: action and derived events.
        on: day on which it took effect.
        act_id: the act that it comes from.
        facts: facts of that act.
    """

    names: frozenset[str]
    on: date
    act_id: ActId
    facts: Facts


class Pause(NamedTuple):
    """Days that do not count: after ``since`` up to and including ``until`` (None while it lasts).

    ``ended`` says that the clock had come to an end meanwhile, which was taken back.
    """

    since: date
    until: date | None
    told: date | None
    act_ids: tuple[ActId, ...]
    ended: bool = False


class Limit(NamedTuple):
    """How long a clock runs.

    Args:
        amount: number of units; ``SAID_BY_ACT`` until the starting act is known to say it.
        unit: what is counted.
        yellow: working days left at which it turns yellow; None for the common rule.
        fixed: last day told by the act that started the clock, rolled on from a rest day.
    """

    amount: int
    unit: Unit
    yellow: int | None = None
    fixed: date | None = None


class Run(NamedTuple):
    """What one clock did; a tuple, for each act of a case makes several.

    Args:
        spec: the clock.
        limit: its limit, with an extension where one counts.
        start: what started it (anew).
        restarted: it was started anew after a stop.
        pauses: days that do not count, oldest first.
        extension: the extension that counts.
        late_extension: one that came after the limit was over or was not the first; it has no effect.
        stop: what ended it; None while it runs.
        due: last day; None while it stands still.
        over_before: an earlier run of this clock, before the restart, had gone over its limit.
    """

    spec: ClockSpec
    limit: Limit
    start: ClockEvent
    restarted: bool
    pauses: tuple[Pause, ...]
    extension: ClockEvent | None
    late_extension: ClockEvent | None
    stop: ClockEvent | None
    due: date | None
    over_before: bool

    @property
    def stopped_late(self) -> bool:
        """Return whether it ended after its last day."""
        return self.stop is not None and self.due is not None and self.stop.on > self.due

    @property
    def paused(self) -> bool:
        """Return whether it stands still now."""
        return self.stop is None and self.due is None

    def too_late(self, pause: Pause) -> bool:
        """Return whether a suspension began when the limit was over: it moves nothing.

        Days on which another limit ran are left out of those used all the same.
        """
        return self.due is not None and pause.since > self.due and not pause.ended

    def over(self, today: date) -> bool:
        """Return whether its limit is over on a day, or was when it ended."""
        if self.stop is not None:
            return self.stopped_late
        return self.due is not None and today > self.due


class _Tally:
    """A run while its events are read."""

    __slots__ = (
        "extension",
        "late_extension",
        "limit",
        "over_before",
        "pauses",
        "restarted",
        "start",
        "stop",
    )

    def __init__(self, start: ClockEvent, limit: Limit, *, restarted: bool, over_before: bool) -> None:
        self.start = start
        self.limit = limit
        self.restarted = restarted
        self.over_before = over_before
        self.pauses: list[Pause] = []
        self.extension: ClockEvent | None = None
        self.late_extension: ClockEvent | None = None
        self.stop: ClockEvent | None = None

    def due(self, calendars: CalendarSet) -> date | None:
        return due_after_pauses(self.start.on, self.limit, self.pauses, calendars)

    def feed(self, spec: ClockSpec, event: ClockEvent, calendars: CalendarSet) -> None:
        names = event.names
        if "case_ended" in names or not names.isdisjoint(spec.stop):
            self.stop = event
        elif not names.isdisjoint(spec.pause):
            if not self.pauses or self.pauses[-1].until is not None:
                self.pauses.append(Pause(event.on, None, _told(event, calendars), (event.act_id,)))
        elif not names.isdisjoint(spec.resume):
            if self.pauses and self.pauses[-1].until is None:
                last = self.pauses[-1]
                self.pauses[-1] = last._replace(until=event.on, act_ids=(*last.act_ids, event.act_id))
        elif not names.isdisjoint(spec.extend):
            due = self.due(calendars)
            if self.extension is not None or (due is not None and event.on > due):
                self.late_extension = event
            else:
                self.extension = event
                self.limit = self.limit._replace(amount=self.limit.amount + spec.extend_amount)

    def go_on(self, event: ClockEvent) -> None:
        """Take the end back: the days since do not count, and those used before stay used."""
        if self.stop is None:
            return
        acts = (self.stop.act_id, event.act_id)
        self.pauses.append(Pause(self.stop.on, event.on, None, acts, ended=True))
        self.stop = None

    def finish(self, spec: ClockSpec, calendars: CalendarSet) -> Run:
        return Run(
            spec=spec,
            limit=self.limit,
            start=self.start,
            restarted=self.restarted,
            pauses=tuple(self.pauses),
            extension=self.extension,
            late_extension=self.late_extension,
            stop=self.stop,
            due=self.due(calendars),
            over_before=self.over_before,
        )


def run_clock(
    spec: ClockSpec, events: Sequence[ClockEvent], *, limit: Limit, calendars: CalendarSet, deemed: bool
) -> Run | None:
    """Return what the clock did, or None when it never started or its length is unknown.

    Args:
        spec: the clock.
        events: events of the case in the one order.
        limit: its length; ``SAID_BY_ACT`` takes it from the facts of the starting act.
        calendars: the days.
        deemed: the end of the limit settles the matter, so that a later act does not start it anew.
    """
    tally: _Tally | None = None
    for event in events:
        if tally is None:
            if not event.names.isdisjoint(spec.start):
                said = _limit_at(spec, event, limit, calendars)
                if said is None:
                    return None
                tally = _Tally(event, said, restarted=False, over_before=False)
        elif tally.stop is None:
            tally.feed(spec, event, calendars)
        elif spec.restart and not event.names.isdisjoint(spec.restart):
            due = tally.due(calendars)
            over = tally.over_before or (due is not None and tally.stop.on > due)
            if over and deemed:
                continue
            said = _limit_at(spec, event, limit, calendars) or tally.limit
            tally = _Tally(event, said, restarted=True, over_before=over)
        elif spec.go_on and not event.names.isdisjoint(spec.go_on):
            tally.go_on(event)
    return None if tally is None else tally.finish(spec, calendars)


def due_after_pauses(
    start: date, limit: Limit, pauses: Sequence[Pause], calendars: CalendarSet
) -> date | None:
    """Return the last day of a limit with days excluded; None while a pause lasts.

    A pause that begins after the last day does not bring the limit back. One that begins on the last day
    leaves none to count: the limit then ends with the pause, on a rest day with the next working day.

    Source: 行政许可法 Art. 45.
    """
    if limit.fixed is not None:
        return limit.fixed
    left, unit, since = limit.amount, limit.unit, start
    for pause in pauses:
        if pause.since >= since:
            last = calendars.due_date(since, left, unit)
            if pause.since > last:
                return last
            left = max(0, left - count_days(since, pause.since, unit, calendars))
        if pause.until is None:
            return None
        since = max(since, pause.until)
    return calendars.due_date(since, left, unit)


def counted_days(run: Run, upto: date, calendars: CalendarSet) -> int:
    """Return how many days have been used by the end of a day, those excluded left out.

    A suspension after the last day excludes none, as it does not move that day.
    """
    total, since, unit = 0, run.start.on, run.limit.unit
    for pause in run.pauses:
        if run.too_late(pause):
            continue
        total += count_days(since, min(pause.since, upto), unit, calendars)
        if pause.until is None or pause.until >= upto:
            return total
        since = max(since, pause.until)
    return total + count_days(since, upto, unit, calendars)


def count_days(after: date, upto: date, unit: Unit, calendars: CalendarSet) -> int:
    """Return the days after one day up to and including another, in units; 0 if upto is earlier."""
    if unit == "working_days":
        return calendars.count_working(after, upto)
    return max(0, upto.toordinal() - after.toordinal())


def _limit_at(spec: ClockSpec, start: ClockEvent, limit: Limit, calendars: CalendarSet) -> Limit | None:
    if limit.amount != SAID_BY_ACT:
        return limit
    value = start.facts.get(str(spec.amount).removeprefix("facts."))
    if isinstance(value, str):
        fixed = _fixed_day(supply_until(start.facts, start.on.toordinal() - EPOCH_ORDINAL))
        if fixed is None:
            return None
        last = calendars.due_date(fixed, 0, "calendar_days")
        return limit._replace(amount=count_days(start.on, last, limit.unit, calendars), fixed=last)
    return limit._replace(amount=value) if is_amount(value) else None


def is_amount(value: object) -> TypeGuard[int]:
    """Return whether a value from data can be the length of a limit, in units."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= AMOUNT_MAX


def _fixed_day(text: str) -> date | None:
    try:
        day = parse_date(text)
    except InputError:
        return None
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None


def _told(event: ClockEvent, calendars: CalendarSet) -> date | None:
    """Return the last day of the time told to the applicant when the clock was stopped."""
    days = event.facts.get("expected_days")
    return calendars.add_working(event.on, days) if is_amount(days) else None
