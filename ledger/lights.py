"""Green, yellow, red: when a running clock changes its light, and the one light of a case.

Red begins with the first instant after the last day; yellow with the day on which one working day is left,
or the last day itself where the limit is under four units, so that yellow never covers more than a quarter.
A light is a reminder; what the law says about a limit that is over stands in the flags of the reading.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Literal, Protocol, TypeVar

from ledger.calendar import CalendarSet, day_start_ms
from ledger.clockrun import Run

Light = Literal["green", "yellow", "red", "paused", "done"]

_WORST_FIRST: tuple[Light, ...] = ("red", "yellow", "green", "paused", "done")
_RANK = {light: rank for rank, light in enumerate(_WORST_FIRST)}


class Lit(Protocol):
    """Whatever has a light and a last day; a ``ClockReading`` for one."""

    @property
    def light(self) -> Light:
        """Return the light."""

    @property
    def due_on(self) -> date | None:
        """Return the last day."""


LitT = TypeVar("LitT", bound=Lit)


def light_of(run: Run, today: date, calendars: CalendarSet) -> Light:
    """Return the light of a clock on a day."""
    if run.stop is not None:
        return "done"
    if run.due is None:
        return "paused"
    if today > run.due:
        return "red"
    return "yellow" if today >= yellow_from(run, run.due, calendars) else "green"


def yellow_from(run: Run, due: date, calendars: CalendarSet) -> date:
    """Return the first yellow day of a clock that is due on a day."""
    left = run.limit.yellow
    if left is None:
        left = min(1, run.limit.amount // 4)
    # A last day that the starting act names may lie before that act: then there is no yellow day.
    return min(max(run.start.on, due if left == 0 else calendars.working_before(due, left)), due)


def next_change(run: Run, calendars: CalendarSet) -> tuple[int, int] | None:
    """Return when an open clock turns yellow and red, in milliseconds; None when done or paused."""
    if run.stop is not None or run.due is None:
        return None
    red_day = date.fromordinal(run.due.toordinal() + 1)
    return day_start_ms(yellow_from(run, run.due, calendars)), day_start_ms(red_day)


def worst(lights: Iterable[Light]) -> Light:
    """Return the light of a case from those of its clocks; ``done`` when none is open."""
    return min(lights, key=_RANK.__getitem__, default="done")


def governing(readings: Iterable[LitT]) -> LitT | None:
    """Return the open reading that the light of the case comes from: the worst, of equals the first due."""
    open_ones = [reading for reading in readings if reading.light != "done"]
    return min(open_ones, key=lambda item: (_RANK[item.light], item.due_on or date.max), default=None)
