"""Moments as people read them: in the time of the law."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))
"""Time of the law: China Standard Time, without daylight saving."""
NO_MOMENT = "????-??-?? ??:??"
"""Shown, in every language, for a moment that no calendar has."""


def show_moment(moment_ms: int) -> str:
    """Return a moment for people, in China time to the minute.

    A moment that no calendar has (after the year 9999) is shown as a mark: whoever signed it with such a
    clock is found elsewhere, and must not keep everybody else from seeing a list.
    """
    try:
        return datetime.fromtimestamp(moment_ms / 1000, CHINA).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, OSError, ValueError):
        return NO_MOMENT
