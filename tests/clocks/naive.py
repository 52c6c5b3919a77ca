"""A second way to count: day by day, as one would with a finger on a wall calendar. Slow, and meant to be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)


def count_on(start: date, amount: int, worked: Callable[[date], bool]) -> date:
    """Return the working day ``amount`` working days after start, or the first one from start for 0."""
    day = start
    if amount == 0:
        while not worked(day):
            day += ONE_DAY
        return day
    left = amount
    while left:
        day += ONE_DAY
        left -= worked(day)
    return day


def due_with_pauses(
    start: date, amount: int, pauses: Sequence[tuple[date, date]], worked: Callable[[date], bool]
) -> date:
    """Return the last day when the days after each first date up to the second do not count.

    Where one of them begins on the last day itself, no day is left to count: its second date is the last day.
    """
    excluded = set()
    for since, until in pauses:
        day = since + ONE_DAY
        while day <= until:
            excluded.add(day)
            day += ONE_DAY
    last = count_on(start, amount, lambda day: worked(day) and day not in excluded)
    for since, until in pauses:
        if since == last:
            last = count_on(until, 0, worked)
    return last
