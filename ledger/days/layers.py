"""One year of working days as it comes out when its calendars are laid over the week and over each other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ledger.days.year import NATIONAL, Calendar, Festivals, statutory_days


@dataclass(frozen=True, slots=True)
class ResolvedYear:
    """One year through all layers: its working days in order, the days that are out of the week, and why."""

    working: tuple[date, ...]
    special: Mapping[date, tuple[str, str]]
    names: tuple[str, ...]
    provisional: bool


def resolve_year(year: int, layers: Sequence[Calendar], festivals: Festivals | None) -> ResolvedYear:
    """Return one year with its layers laid over each other, wide before narrow.

    Args:
        year: the year.
        layers: its calendars, from wide to narrow.
        festivals: its festivals, for the time before its national calendar is published.
    """
    special: dict[date, tuple[str, str]] = {}
    names: list[str] = []
    provisional = not any(layer.region == NATIONAL for layer in layers)
    if provisional:
        names.append(f"{NATIONAL}-{year}-provisional")
        special.update((day, ("statutory", names[0])) for day in statutory_days(year, festivals))
    for layer in layers:
        names.append(layer.name)
        special.update((day, ("holiday", layer.name)) for day in layer.days_off)
        special.update((day, ("make_up", layer.name)) for day in layer.make_up)
    first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
    # 1 January of year 1 is ordinal 1 and a Monday, so Saturday is 6 and Sunday 0 of the ordinal modulo 7.
    week = {date.fromordinal(ordinal) for ordinal in range(first, last + 1) if 0 < ordinal % 7 < 6}
    worked = {day for day, (kind, _) in special.items() if kind == "make_up"}
    working = (week - special.keys()) | worked
    return ResolvedYear(
        working=tuple(sorted(working)), special=special, names=tuple(names), provisional=provisional
    )


def fingerprint(calendars: Iterable[Calendar]) -> str:
    """Return 12 hexadecimal digits that change with anything a set of calendars holds."""
    digest = hashlib.sha256()
    for calendar in calendars:
        for line in (
            calendar.name,
            *sorted(f"-{day}" for day in calendar.days_off),
            *sorted(f"+{day}" for day in calendar.make_up),
        ):
            digest.update(line.encode("utf-8") + b"\n")
    return digest.hexdigest()[:12]
