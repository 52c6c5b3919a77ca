"""Working days: which days count, and on which day a limit ends.

Layers, from wide to narrow: the week (Monday to Friday), the nation, the province, the city, the county; a
narrower layer overrules a wider one on the days that it names. In each layer the newest version of a year
replaces the older ones. A year without a national calendar is *provisional*: the week minus the fixed
statutory days. Nothing is ever pinned to an old calendar; whoever asks again gets the answer of today's set.

The day of the event is not counted; the last day ends at 24:00; where a limit in calendar days ends on a rest
day, it ends on the next working day.

Source: 民法典 Art. 200-204; 行政许可法 Art. 82.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from ledger.days.layers import ResolvedYear, fingerprint, resolve_year
from ledger.days.year import (
    FIRST_YEAR,
    LAST_YEAR,
    Calendar,
    Festivals,
    calendar_facts,
    day_start_ms,
    local_date,
    parse_calendar,
    parse_date,
    reach,
)
from ledger.errors import InputError

__all__ = [
    "AMOUNT_MAX",
    "UNITS",
    "Calendar",
    "CalendarSet",
    "Day",
    "Due",
    "Festivals",
    "Unit",
    "calendar_facts",
    "day_start_ms",
    "due_report",
    "local_date",
    "parse_calendar",
    "parse_date",
]

Unit = Literal["working_days", "calendar_days"]
UNITS: tuple[Unit, ...] = ("working_days", "calendar_days")
AMOUNT_MAX = 3_660


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day on the way from the start of a limit to its end.

    Args:
        date: the day.
        counted: its number in the limit, counted from 1; None where it does not count.
        kind: ``start``, ``working``, ``make_up``, ``weekend``, ``holiday`` or ``statutory`` (text code
            ``calendar.day.<kind>``).
        why: what settles the kind: ``week`` or the name of a calendar, for example ``CN-2026-1``.
    """

    date: date
    counted: int | None
    kind: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The last day of a limit, with every day on the way.

    Args:
        due: the last day; the limit is over at its 24:00, China time.
        provisional: a year on the way has no published calendar yet.
        calendar_version: the names of the calendars used.
        days: from the day of the start to the last day.
    """

    due: date
    provisional: bool
    calendar_version: str
    days: tuple[Day, ...]


class CalendarSet:
    """All calendars that hold in one place, the newest of each layer and year.

    Immutable for its users; years are resolved when first asked for and kept.

    Args:
        calendars: published calendars in the order in which they were published; of equal versions the
            later one counts.
        festivals: lunar and solar festivals by year, for years without a national calendar.
        division: six-digit code of the place; calendars of other places are left out. Empty takes only the
            national ones.
    """

    __slots__ = ("_by_year", "_version", "_years", "calendars", "division", "festivals")

    def __init__(
        self, calendars: Iterable[Calendar], *, festivals: Mapping[int, Festivals], division: str = ""
    ) -> None:
        newest: dict[tuple[int, str], Calendar] = {}
        for calendar in calendars:
            if not division.startswith(reach(calendar.region)):
                continue
            known = newest.get((calendar.year, calendar.region))
            if known is None or known.version <= calendar.version:
                newest[(calendar.year, calendar.region)] = calendar
        ordered = sorted(newest.values(), key=lambda item: (item.year, len(reach(item.region)), item.region))
        by_year: dict[int, list[Calendar]] = {}
        for calendar in ordered:
            by_year.setdefault(calendar.year, []).append(calendar)
        self.calendars = tuple(ordered)
        self.division = division
        self._version = ""
        self.festivals = festivals
        self._by_year = by_year
        self._years: dict[int, ResolvedYear] = {}

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits that change with anything the set holds; made when first asked for."""
        if not self._version:
            self._version = fingerprint(self.calendars)
        return self._version

    def with_calendars(self, more: Iterable[Calendar]) -> CalendarSet:
        """Return a new set that also knows the given calendars."""
        return CalendarSet((*self.calendars, *more), festivals=self.festivals, division=self.division)

    def instead(self, calendars: Iterable[Calendar]) -> CalendarSet:
        """Return a set of the same place that knows the given calendars and no others."""
        return CalendarSet(calendars, festivals=self.festivals, division=self.division)

    def is_working_day(self, day: date) -> bool:
        """Return whether the day is worked."""
        working = self._year(day.year).working
        index = bisect_left(working, day)
        return index < len(working) and working[index] == day

    def provisional(self, year: int) -> bool:
        """Return whether the year still lacks a national calendar."""
        return self._year(year).provisional

    def provisional_between(self, first: date, last: date) -> bool:
        """Return whether any year from first to last is provisional."""
        return any(self._year(year).provisional for year in range(first.year, last.year + 1))

    def names(self, first: date, last: date) -> str:
        """Return the names of the calendars that hold from first to last, joined by `` + ``."""
        return " + ".join(
            name for year in range(first.year, last.year + 1) for name in self._year(year).names
        )

    def kind(self, day: date) -> tuple[str, str]:
        """Return what kind of day it is and what settles that; see ``Day``."""
        special = self._year(day.year).special.get(day)
        if special is not None:
            return special
        return ("working", "week") if day.weekday() < 5 else ("weekend", "week")

    def add_working(self, start: date, amount: int) -> date:
        """Return the working day that is the given number of working days after start; 0 rolls on to one."""
        year = start.year
        working = self._year(year).working
        index = bisect_right(working, start) + amount - 1 if amount else bisect_left(working, start)
        while index >= len(working):
            index -= len(working)
            year += 1
            working = self._year(year).working
        return working[index]

    def working_before(self, day: date, amount: int) -> date:
        """Return the working day that is the given number (from 1) of working days before a day."""
        year = day.year
        working = self._year(year).working
        index = bisect_left(working, day) - amount
        while index < 0:
            year -= 1
            working = self._year(year).working
            index += len(working)
        return working[index]

    def count_working(self, after: date, upto: date) -> int:
        """Return how many working days lie after one day up to and including another; 0 if none."""
        if upto <= after:
            return 0
        first = self._year(after.year).working
        if after.year == upto.year:
            return bisect_right(first, upto) - bisect_right(first, after)
        total = len(first) - bisect_right(first, after)
        for year in range(after.year + 1, upto.year):
            total += len(self._year(year).working)
        return total + bisect_right(self._year(upto.year).working, upto)

    def due_date(self, start: date, amount: int, unit: Unit) -> date:
        """Return the last day of a limit; the fast form of ``due``, for amounts already checked."""
        if unit == "working_days":
            return self.add_working(start, amount)
        return self.add_working(date.fromordinal(start.toordinal() + amount), 0)

    def due(self, start: date, amount: int, unit: Unit) -> Due:
        """Return the last day of a limit and every day on the way to it.

        Args:
            start: the day of the event, not counted itself.
            amount: length of the limit in units, 0 to 3660; 0 means by the end of the same day.
            unit: ``working_days`` or ``calendar_days``.

        Raises:
            InputError: ``calendar.amount``, ``calendar.unit`` or ``calendar.year``.

        Source: 民法典 Art. 201, 203.
        """
        check_amount(amount, unit)
        if not FIRST_YEAR <= start.year <= LAST_YEAR:
            raise InputError("calendar.year", year=start.year)
        last = self.due_date(start, amount, unit)
        days = [Day(date=start, counted=None, kind="start", why="")]
        number = 0
        for ordinal in range(start.toordinal() + 1, last.toordinal() + 1):
            day = date.fromordinal(ordinal)
            kind, why = self.kind(day)
            counts = number < amount and (unit == "calendar_days" or kind in ("working", "make_up"))
            number += counts
            days.append(Day(date=day, counted=number if counts else None, kind=kind, why=why))
        first = date.fromordinal(start.toordinal() + 1) if last > start else start
        return Due(
            due=last,
            provisional=self.provisional_between(first, last),
            calendar_version=self.names(first, last),
            days=tuple(days),
        )

    def _year(self, year: int) -> ResolvedYear:
        known = self._years.get(year)
        if known is None:
            known = self._years[year] = resolve_year(
                year, self._by_year.get(year, []), self.festivals.get(year)
            )
        return known


def check_amount(amount: int, unit: str) -> None:
    """Refuse a limit that no calendar can hold.

    Raises:
        InputError: ``calendar.amount`` or ``calendar.unit``.
    """
    if not 0 <= amount <= AMOUNT_MAX:
        raise InputError("calendar.amount", amount=amount, most=AMOUNT_MAX)
    if unit not in UNITS:
        raise InputError("calendar.unit", unit=unit[:40])


def due_report(
    calendars: CalendarSet, start: date, amount: int, *, unit: Unit = "working_days"
) -> dict[str, object]:
    """Return the answer of ``banjian calendar due`` as plain JSON values.

    Keys: ``due``, ``provisional``, ``calendar_version``, ``days`` (each with ``date``, ``counted``, ``kind``,
    ``why``).

    Raises:
        InputError: ``calendar.amount``, ``calendar.unit`` or ``calendar.year``.
    """
    answer = calendars.due(start, amount, unit)
    return {
        "due": answer.due.isoformat(),
        "provisional": answer.provisional,
        "calendar_version": answer.calendar_version,
        "days": [
            {"date": day.date.isoformat(), "counted": day.counted, "kind": day.kind, "why": day.why}
            for day in answer.days
        ],
    }
