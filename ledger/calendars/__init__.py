"""The national calendars that ship with the product, 2004 to 2026, and the festivals of the years to come.

Read from package data; everything else about calendars is pure and lies in ``ledger.days.calendar``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from importlib import resources

from ledger.days.calendar import Calendar, CalendarSet, Festivals, parse_calendar
from ledger.types import Facts


@cache
def shipped() -> tuple[Calendar, ...]:
    """Return the shipped national calendars by year."""
    return tuple(parse_calendar(facts) for facts in shipped_facts())


def shipped_facts() -> tuple[Facts, ...]:
    """Return the facts of ``publish_calendar`` acts that publish the shipped calendars, by year."""
    folder = resources.files(__package__)
    names = sorted(path.name for path in folder.iterdir() if path.name.startswith("CN-"))
    return tuple(json.loads(folder.joinpath(name).read_text(encoding="utf-8")) for name in names)


@cache
def festivals() -> Mapping[int, Festivals]:
    """Return the lunar and solar festivals by year, 2000 to 2060."""
    table = json.loads(resources.files(__package__).joinpath("festivals.json").read_text(encoding="utf-8"))
    return {
        int(year): Festivals(**{name: date.fromisoformat(f"{year}-{day}") for name, day in row.items()})
        for year, row in table["years"].items()
    }


def calendar_set(published: Iterable[Calendar] = (), *, division: str = "") -> CalendarSet:
    """Return the shipped calendars with those published in a ledger on top.

    Args:
        published: calendars of ``publish_calendar`` acts, in log order.
        division: six-digit code of the county; empty for the national calendars alone.
    """
    return CalendarSet((*shipped(), *published), festivals=festivals(), division=division)
