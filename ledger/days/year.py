"""One year of one region's working calendar, as published, and the reading of a published one.

A calendar names only what differs from the week: days off that the week would work, and days worked that the
week (or a wider region) would not. Local law time is China Standard Time, UTC+8 without summer time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from ledger.errors import InputError
from ledger.lawtime import DAY_MS, LAW_OFFSET_MS
from ledger.types import Facts, Value

EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
NATIONAL = "CN"
FIRST_YEAR = 2000
LAST_YEAR = 2199
DAYS_COUNT_MAX = 366
SOURCE_LENGTH_MAX = 500

_LAST_ORDINAL = date(LAST_YEAR, 12, 31).toordinal()
_REGION = re.compile(r"[0-9]{6}")
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FIELDS = frozenset({"region", "year", "version", "days_off", "make_up", "source"})
_OTHER_FIELDS = frozenset({"salt", "published_on"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The working calendar of one region for one year.

    Args:
        region: ``CN``, or a six-digit code (``990000`` province, ``990100`` city, ``990121`` county).
        year: four digits; every date below lies in it.
        version: counted from 1; the newest of a region and year replaces the others whole.
        days_off: days not worked although the week or a wider region works them.
        make_up: days worked although the week or a wider region does not (调休).
        source: the notice that says so.
    """

    region: str
    year: int
    version: int
    days_off: frozenset[date]
    make_up: frozenset[date]
    source: str

    @property
    def name(self) -> str:
        """Return the printable name, for example ``CN-2026-1``."""
        return f"{self.region}-{self.year}-{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Festivals:
    """The days of one year that follow the moon or the sun, needed where no notice is published yet."""

    spring_festival: date
    qingming: date
    dragon_boat: date
    mid_autumn: date


def local_date(time_ms: int) -> date:
    """Return the date in China of a time in milliseconds since 1970-01-01T00:00:00Z.

    A time before 1970 reads as its first day, one after 2199 as its last: an absurd clock is a finding
    elsewhere and must not stop a case from being shown.
    """
    ordinal = EPOCH_ORDINAL + (time_ms + LAW_OFFSET_MS) // DAY_MS
    if ordinal < EPOCH_ORDINAL:
        ordinal = EPOCH_ORDINAL
    elif ordinal > _LAST_ORDINAL:
        ordinal = _LAST_ORDINAL
    return date.fromordinal(ordinal)


def day_start_ms(day: date) -> int:
    """Return the first instant of a day in China, in milliseconds since 1970-01-01T00:00:00Z."""
    return (day.toordinal() - EPOCH_ORDINAL) * DAY_MS - LAW_OFFSET_MS


def parse_date(text: str, *, field: str = "date") -> date:
    """Return the date written as ``YYYY-MM-DD``.

    Raises:
        InputError: ``calendar.date`` when it is not such a date.
    """
    if _ISO_DATE.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise InputError("calendar.date", field=field, value=text[:40])


def parse_calendar(facts: Facts) -> Calendar:
    """Return the calendar that the facts of a ``publish_calendar`` act describe.

    Shape: ``region`` text, ``year`` int, ``version`` int from 1, ``days_off`` and ``make_up`` lists of
    ``YYYY-MM-DD``, ``source`` text; ``published_on`` (date) may be added.

    Raises:
        InputError: ``calendar.*`` when a field is missing, unknown or wrong.
    """
    for field in sorted(_FIELDS - facts.keys()):
        raise InputError("calendar.field_missing", field=field)
    for field in sorted(facts.keys() - _FIELDS - _OTHER_FIELDS):
        raise InputError("calendar.field_unknown", field=field)
    published_on = facts.get("published_on")
    if published_on is not None:
        parse_date(_text(published_on, "published_on"), field="published_on")
    region = _text(facts["region"], "region")
    if region != NATIONAL and not _REGION.fullmatch(region):
        raise InputError("calendar.region", region=region[:40])
    year = _int(facts["year"], "year")
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise InputError("calendar.year", year=year)
    version = _int(facts["version"], "version")
    if version < 1:
        raise InputError("calendar.field", field="version")
    source = _text(facts["source"], "source")
    if not source.strip() or len(source) > SOURCE_LENGTH_MAX:
        raise InputError("calendar.field", field="source")
    days_off = _dates(facts["days_off"], "days_off", year)
    make_up = _dates(facts["make_up"], "make_up", year)
    for day in sorted(days_off & make_up):
        raise InputError("calendar.date_repeated", date=day.isoformat())
    return Calendar(
        region=region, year=year, version=version, days_off=days_off, make_up=make_up, source=source
    )


def calendar_facts(calendar: Calendar) -> Facts:
    """Return the facts of a ``publish_calendar`` act for this calendar (without salt)."""
    return {
        "region": calendar.region,
        "year": calendar.year,
        "version": calendar.version,
        "days_off": _iso(calendar.days_off),
        "make_up": _iso(calendar.make_up),
        "source": calendar.source,
    }


def reach(region: str) -> str:
    """Return the digits that a division code must begin with for the region's calendar to hold there."""
    if region == NATIONAL:
        return ""
    return region[:2] if region.endswith("0000") else region[:4] if region.endswith("00") else region


def statutory_days(year: int, festivals: Festivals | None) -> frozenset[date]:
    """Return the fixed statutory days of a year: 13, fewer where two coincide or the festivals are unknown.

    Source: 全国年节及纪念日放假办法, Article 2 (as in force since 2025-01-01).
    """
    days = {date(year, 1, 1), date(year, 5, 1), date(year, 5, 2)}
    days.update(date(year, 10, number) for number in (1, 2, 3))
    if festivals is not None:
        spring = festivals.spring_festival.toordinal()
        days.update(date.fromordinal(spring + shift) for shift in (-1, 0, 1, 2))
        days.update((festivals.qingming, festivals.dragon_boat, festivals.mid_autumn))
    return frozenset(days)


def _dates(value: Value, field: str, year: int) -> frozenset[date]:
    if not isinstance(value, list) or len(value) > DAYS_COUNT_MAX:
        raise InputError("calendar.field", field=field)
    days: set[date] = set()
    for item in value:
        day = parse_date(_text(item, field), field=field)
        if day.year != year:
            raise InputError("calendar.date_year", date=day.isoformat(), year=year)
        if day in days:
            raise InputError("calendar.date_repeated", date=day.isoformat())
        days.add(day)
    return frozenset(days)


def _text(value: Value, field: str) -> str:
    if not isinstance(value, str):
        raise InputError("calendar.field", field=field)
    return value


def _int(value: Value, field: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError("calendar.field", field=field)
    return value


def _iso(days: Iterable[date]) -> list[Value]:
    return [day.isoformat() for day in sorted(days)]
