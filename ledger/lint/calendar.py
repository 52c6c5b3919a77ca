"""What is wrong with a year's calendar, before it is published: every limit of the county follows from it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Final

from ledger.days.calendar import CalendarSet
from ledger.days.year import NATIONAL, Calendar, Festivals, parse_calendar, statutory_days
from ledger.known.knowledge import PUBLISH_CALENDAR
from ledger.lint.catalogue import LintFault, lint_publication
from ledger.oneline import code_point, hidden_character
from ledger.rules.catalogue import Catalogue
from ledger.types import Facts

STATUTORY_SINCE: Final = 2025
"""The first year of the 13 statutory days. Source: 全国年节及纪念日放假办法, in force since 2025-01-01."""


def lint_calendar(
    calendar: Calendar, held: Collection[Calendar], festivals: Festivals | None
) -> tuple[LintFault, ...]:
    """Return the faults of a calendar.

    Args:
        calendar: as it would be published.
        held: the newest of each region and year.
        festivals: of its year; None leaves those that follow the moon unchecked.
    """
    faults = [
        LintFault(
            code="lint.calendar_statutory", where=calendar.name, field="days_off", value=day.isoformat()
        )
        for day in sorted(statutory_days(calendar.year, festivals))
        if calendar.year >= STATUTORY_SINCE and _worked(calendar, day)
    ]
    hidden = hidden_character(calendar.region + calendar.source)
    if hidden:
        faults.append(
            LintFault(code="lint.name_hidden", where=calendar.name, field="source", value=code_point(hidden))
        )
    before = next((one for one in held if (one.region, one.year) == (calendar.region, calendar.year)), None)
    code = "" if before is None else _out_of_turn(calendar, before)
    if before is not None and code:
        faults.append(LintFault(code=code, where=calendar.name, field="version", value=str(before.version)))
    return tuple(faults)


def _out_of_turn(calendar: Calendar, before: Calendar) -> str:
    """Return why a calendar does not follow the newest of its region and year; "" where it does.

    A correction has the next number: a slip that skips some could be corrected by still higher ones alone.
    """
    if calendar == before:
        return "lint.calendar_held"
    if calendar.version <= before.version:
        # whoever holds the former under this name would count other days
        return "lint.calendar_version"
    return "lint.calendar_gap" if calendar.version > before.version + 1 else ""


def lint_published(
    catalogue: Catalogue, calendars: CalendarSet, action: str, facts: Facts
) -> tuple[LintFault, ...]:
    """Return the faults of any publication: of items, case types or a calendar.

    Args:
        catalogue: as it stands before.
        calendars: as they stand before.
        action: ``publish_items``, ``publish_case_types`` or ``publish_calendar``.
        facts: what it publishes.

    Raises:
        DataError: ``catalogue.shape``, ``calendar.*`` for what is not of its form.
    """
    if action != PUBLISH_CALENDAR:
        return lint_publication(catalogue, action, facts)
    calendar = parse_calendar(facts)
    return lint_calendar(calendar, calendars.calendars, calendars.festivals.get(calendar.year))


def _worked(calendar: Calendar, day: date) -> bool:
    """Tell whether a calendar lets a day be worked; one of a region stands on the national one."""
    if day in calendar.make_up:
        return True
    return calendar.region == NATIONAL and day.weekday() < 5 and day not in calendar.days_off
