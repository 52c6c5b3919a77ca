"""Opening hours of the made-up county, by the calendars that ship with the product."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from ledger.calendars import calendar_set
from ledger.lawtime import DAY_MS, LAW_TIME

CHINA = LAW_TIME
_OPEN = ((time(8, 30), time(12, 0)), (time(14, 0), time(17, 15)))
_CALENDARS = calendar_set()


def at(day: date, text: str) -> int:
    """Return a moment of a day, ``14:30``, in milliseconds since 1970."""
    return int(datetime.combine(day, time.fromisoformat(text), CHINA).timestamp()) * 1000


def local(now_ms: int) -> datetime:
    """Return a moment as China's clocks show it."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(CHINA)


def is_working_day(day: date) -> bool:
    """Whether the offices are open on a day."""
    return _CALENDARS.is_working_day(day)


def next_open(now_ms: int) -> int:
    """Return the first moment from one on at which the offices are open; minutes after opening are kept."""
    moment = local(now_ms)
    if is_working_day(moment.date()):
        for begin, end in _OPEN:
            if moment.time() < begin:
                return at(moment.date(), begin.isoformat()) + now_ms // 1000 % 1500 * 1000
            if moment.time() <= end:
                return now_ms
    tomorrow = moment.date() + timedelta(1)
    while not is_working_day(tomorrow):
        tomorrow += timedelta(1)
    return at(tomorrow, "08:30:00") + now_ms // 1000 % 1500 * 1000


def later(now_ms: int, working_days: int) -> int:
    """Return the same time so many working days later."""
    moment = now_ms
    for _ in range(working_days):
        moment += DAY_MS
        while not is_working_day(local(moment).date()):
            moment += DAY_MS
    return moment
