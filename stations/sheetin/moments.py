"""A day as lists write it, and the time that may stand behind it."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Final

from stations.sheetin.clean import Raw, Unclear, dashes_plain, half_width, plain_text

_DAY: Final = re.compile(
    r"(?:([0-9]{4})\s*[-/.\u5e74]\s*([0-9]{1,2})\s*[-/.\u6708]\s*([0-9]{1,2})|([0-9]{4})([0-9]{2})([0-9]{2}))"
    r"(?![0-9])\s*\u65e5?"
)
_MORNING: Final = ("上午", "早上", "早晨")
_NIGHT: Final = ("凌晨", "am", "a.m.")
_AFTERNOON: Final = ("下午", "傍晚", "晚上", "晚", "pm", "p.m.")
_NOON: Final = ("中午",)
_LATE: Final = ("晚上", "晚")
_LATE_FROM: Final = 5
"""At one o'clock "in the evening" is after midnight: of which day, only who wrote it knows."""
_HALF: Final = "|".join(re.escape(one) for one in (*_MORNING, *_NIGHT, *_AFTERNOON, *_NOON))
_TIME: Final = re.compile(
    rf"\s*t?\s*({_HALF})?\s*([0-9]{{1,2}})\s*(?::\s*([0-9]{{1,2}})(?::[0-9]{{1,2}}(?:\.[0-9]+)?)?"
    rf"|[\u65f6\u70b9](?:\s*([0-9]{{1,2}})\s*\u5206?|(\u534a)|\u6574)?)\s*({_HALF})?",
    re.IGNORECASE,
)
"""A half of the day before it or behind it; minutes; seconds that nobody means."""


def read_moment(raw: Raw) -> tuple[str, str, str]:
    """Return a day, the time of it, and what else stands behind it and is not understood; "" for none.

    Midnight is what programs write where no time is meant; 24:00 is the last minute of the day.

    Raises:
        Unclear: ``cell.day`` for what is no day, or a time that no clock shows.
    """
    if isinstance(raw, datetime):
        return raw.date().isoformat(), _time_words(raw.hour, raw.minute), ""
    if isinstance(raw, date):
        return raw.isoformat(), "", ""
    # Spaces stay: 2026-3-2 17:00 is no 21st of March.
    text = dashes_plain(half_width(plain_text(raw)))
    found = _DAY.match(text)
    if found is None:
        raise Unclear("cell.day")
    timed = _TIME.match(text, found.end())
    rest = text[(found if timed is None else timed).end() :].strip()
    try:
        day = date(*(int(part) for part in found.groups() if part)).isoformat()
        return day, "" if timed is None else _time_of(timed), rest
    except ValueError as error:
        raise Unclear("cell.day") from error


def _time_of(timed: re.Match[str]) -> str:
    before, hours, minutes, spoken, half_past, behind = timed.groups()
    half, hour = (before or behind or "").lower(), int(hours)
    minute = 30 if half_past else int(minutes or spoken or 0)
    if (half in (*_MORNING, *_NIGHT) and hour > 12) or (half in _LATE and hour < _LATE_FROM):
        raise ValueError(hour)
    if half in _NIGHT and hour == 12:
        hour = 0
    elif (half in _AFTERNOON and hour < 12) or (half in _NOON and hour < 11):
        hour += 12
    elif half in _LATE and hour == 12:
        hour = 24
    if (hour, minute) == (24, 0):
        return "23:59"
    return _time_words(hour, minute)


def _time_words(hour: int, minute: int) -> str:
    read = time(hour, minute)
    return "" if read == time(0, 0) else f"{read:%H:%M}"
