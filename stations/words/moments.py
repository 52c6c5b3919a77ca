"""Moments as people read them: in the time of the law."""

from __future__ import annotations

from datetime import datetime

from ledger.lawtime import DAY_MS, HOUR_MS, LAW_TIME, MINUTE_MS
from stations.texts import Say

CHINA = LAW_TIME
"""Time of the law: China Standard Time, without daylight saving."""
NO_MOMENT = "????-??-?? ??:??"
"""Shown, in every language, for a moment that no calendar has."""

_UNITS_MS = (("days", DAY_MS), ("hours", HOUR_MS), ("minutes", MINUTE_MS), ("seconds", 1_000))


def span(say: Say, span_ms: int) -> str:
    """Return how long something is, to the largest whole unit; its sign does not matter."""
    for name, unit_ms in _UNITS_MS:
        if abs(span_ms) >= unit_ms:
            return say(f"span.{name}", count=abs(span_ms) // unit_ms)
    return say("span.seconds", count=0)


def show_moment(moment_ms: int) -> str:
    """Return a moment for people, in China time to the minute.

    A moment that no calendar has (after the year 9999) is shown as a mark: whoever signed it with such a
    clock is found elsewhere, and must not keep everybody else from seeing a list.
    """
    try:
        return datetime.fromtimestamp(moment_ms / 1000, CHINA).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, OSError, ValueError):
        return NO_MOMENT
