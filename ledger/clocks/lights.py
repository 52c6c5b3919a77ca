"""Green, yellow, red: when a running clock changes its light.

Red begins with the first instant after the last day; yellow with the day on which one working day is left,
or the last day itself where the limit is under four units, so that yellow never covers more than a quarter.
A light is a reminder; what the law says about a limit that is over stands in the flags of the reading.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from ledger.clocks.run import Run
from ledger.days.calendar import CalendarSet, day_start_ms

Light = Literal["green", "yellow", "red", "paused", "done"]


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
