"""The last day of a time told to the applicant for supplying papers, by a notice or with a deficit list.

It is the day that was told. Where the notice itself was entered late (补录), that the applicant had it long
ago is the word of one person, which nobody can check: a receipt and a notice entered late together would let
a case be treated as withdrawn within a minute. So the time told is then counted once more from the day of
entry.

Source: 民法典 Art. 137, 201 (a notice takes effect where it arrives; time runs from the next day).
"""

from __future__ import annotations

from datetime import date
from typing import Final

from ledger.days.year import EPOCH_ORDINAL, LAST_YEAR
from ledger.rules.factspec import is_date
from ledger.types import Facts

NIGHT_EDGE_MS: Final = 4 * 3_600_000
"""How long after an act the day before may still be claimed for it: work begun late ends after midnight."""
LAST_DAY: Final = date(LAST_YEAR, 12, 31).toordinal() - EPOCH_ORDINAL
"""Number of the last day that calendars can hold."""


def day_number(day: str) -> int:
    """Return the number of a day ``YYYY-MM-DD`` since 1970-01-01."""
    return date.fromisoformat(day).toordinal() - EPOCH_ORDINAL


def date_of(day: int) -> str:
    """Return the day ``YYYY-MM-DD`` with a number since 1970-01-01; one beyond all calendars is the last."""
    return date.fromordinal(min(day, LAST_DAY) + EPOCH_ORDINAL).isoformat()


def entered_on(facts: Facts) -> int | None:
    """Return the local day on which a late entry says that it was typed in; None where it says none.

    The act says so itself, under its signature: the log's own times must not decide what takes effect.
    """
    late = facts.get("late_entry")
    day = late.get("entered_on") if isinstance(late, dict) else None
    return day_number(day) if isinstance(day, str) and is_date(day) else None


def supply_until(facts: Facts, told_on: int) -> str:
    """Return the last day on which the applicant may supply, ``YYYY-MM-DD``; "" where the act tells none.

    Rest days at its end are the calendar's matter (``ledger.clocks.notices.supply_ends_on``).

    Args:
        facts: of the notice or the acceptance with a deficit.
        told_on: number of the local day on which it was told.
    """
    due = facts.get("due")
    if not isinstance(due, str) or not is_date(due):
        return due if isinstance(due, str) else ""
    told, entered = day_number(due), entered_on(facts)
    if entered is None:
        return due
    again = min(entered + max(0, told - told_on), LAST_DAY)
    return due if again <= told else date_of(again)
