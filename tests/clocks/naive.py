"""A second way to count: day by day, as one would with a finger on a wall calendar. Slow, and meant to be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
    start: date, amount: int, pauses: Iterable[tuple[date, date]], worked: Callable[[date], bool]
) -> date:
    """Return the last day when the days after each first date up to the second do not count."""
    excluded = set()
    for since, until in pauses:
        day = since + ONE_DAY
        while day <= until:
            excluded.add(day)
            day += ONE_DAY
    return count_on(start, amount, lambda day: worked(day) and day not in excluded)
