"""Days and moments as people type them, in the time of the law; nothing here knows which day it is.

Commands and audit read them alike: full-width characters, hyphens, slashes, dots or 年月日, a colon or 点.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Final, NamedTuple

from ledger.lawtime import LAW_TIME

_DAY: Final = r"(\d{4})-?(\d{2})-?(\d{2})|(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
_TIME: Final = r"(上午|下午)?(\d{1,2})(?::(\d{2})(?::(\d{2}))?|[点时](?:(\d{1,2})分?)?)"
_DAY_ONLY: Final = re.compile(_DAY)
_TIME_ONLY: Final = re.compile(_TIME)
_BOTH: Final = re.compile(rf"(?P<day>{_DAY})(?:[ T]+|(?<=日))(?P<time>{_TIME})")
_AFTERNOON: Final = "下午"


_NARROW: Final = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
"""What an input method for Chinese makes of the characters of a keyboard, and what they are."""


def narrow(text: str) -> str:
    """Return a text with full-width letters, digits, signs and spaces as plain ones; all else stays."""
    return text.translate(_NARROW)


class TypedMoment(NamedTuple):
    """What was typed: a day, a time of day, or both; what was not typed is None."""

    day: date | None
    at: time | None

    def in_ms(self) -> int | None:
        """Return milliseconds since 1970, without a time the beginning of the day; None without a day."""
        if self.day is None:
            return None
        return int(datetime.combine(self.day, self.at or time(), LAW_TIME).timestamp()) * 1000


def read_day(text: str) -> date | None:
    """Return a day: 2026-02-13, 20260213, 2026/2/13 or 2026年2月13日; None when it is none."""
    return _day(_plain(text))


def read_moment(text: str) -> TypedMoment | None:
    """Return a day, a time or a day with a time: 2026年2月13日 9:30, 9:30, 下午3点; None when it is none."""
    plain = _plain(text)
    both = _BOTH.fullmatch(plain)
    day_text, time_text = both.group("day", "time") if both is not None else (plain, plain)
    day, at = _day(day_text), _time(time_text)
    if (both is not None and (day is None or at is None)) or (day is None and at is None):
        return None
    return TypedMoment(day, at)


def _plain(text: str) -> str:
    return " ".join(narrow(text).split())


def _day(plain: str) -> date | None:
    match = _DAY_ONLY.fullmatch(plain)
    if match is None:
        return None
    try:
        return date(*(int(part) for part in match.groups() if part is not None))
    except ValueError:
        return None


def _time(plain: str) -> time | None:
    match = _TIME_ONLY.fullmatch(plain)
    if match is None:
        return None
    half, hours, minutes, seconds, spoken = match.groups()
    hour = int(hours)
    if half and not 1 <= hour <= 12:
        return None
    if half:
        hour = hour % 12 + (12 if half == _AFTERNOON else 0)
    try:
        return time(hour, int(minutes or spoken or 0), int(seconds or 0))
    except ValueError:
        return None
