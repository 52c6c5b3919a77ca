"""The shipped calendars against two independent sources, and against the generator."""

from __future__ import annotations

import importlib.util
import json
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType

import chinese_calendar
import holidays
import pytest

from ledger.calendars import calendar_set, festivals, shipped
from ledger.days.calendar import parse_calendar
from ledger.days.year import calendar_facts, statutory_days

ONE_DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "generate_calendars", Path(__file__).with_name("generate_calendars.py")
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_files_are_what_the_generator_writes(generator: ModuleType) -> None:
    folder = generator.FOLDER
    for year in range(2004, 2027):
        assert (folder / f"CN-{year}.json").read_text(encoding="utf-8") == generator.year_text(year)
    assert (folder / "festivals.json").read_text(encoding="utf-8") == generator.festivals_text()


def test_every_day_of_23_years_agrees_with_chinesecalendar() -> None:
    calendars = calendar_set()
    day, checked = date(2004, 1, 1), 0
    while day <= date(2026, 12, 31):
        assert calendars.is_working_day(day) == chinese_calendar.is_workday(day), day
        day += ONE_DAY
        checked += 1
    assert checked == 8_401


def test_days_off_agree_with_holidays_since_the_2014_holiday_rules() -> None:
    """``holidays`` knows days off and, where listed, the make-up days of China."""
    calendars = calendar_set()
    other = holidays.country_holidays("CN", years=range(2014, 2026))
    for day in other:
        assert not calendars.is_working_day(day), (day, other[day])


def test_published_years_are_2004_to_2026_and_cite_a_source() -> None:
    assert [calendar.year for calendar in shipped()] == list(range(2004, 2027))
    calendars = calendar_set()
    assert not any(calendars.provisional(year) for year in range(2004, 2027))
    assert calendars.provisional(2003) and calendars.provisional(2027)
    for calendar in shipped():
        assert str(calendar.year) in calendar.source
        assert ("https://www.gov.cn/" in calendar.source) == (calendar.year >= 2007)


def test_make_up_days_are_weekends_and_days_off_are_weekdays() -> None:
    for calendar in shipped():
        assert all(day.weekday() >= 5 for day in calendar.make_up)
        assert all(day.weekday() < 5 for day in calendar.days_off)


def test_shipped_calendars_can_be_published_as_they_are() -> None:
    for calendar in shipped():
        assert parse_calendar(json.loads(json.dumps(calendar_facts(calendar)))) == calendar


# Lunar 1/1, Qingming, lunar 5/5, lunar 8/15; lunardate 0.3, lunar-python 1.4 and holidays agree on them all.
KNOWN_FESTIVALS = {
    2027: ("02-06", "04-05", "06-09", "09-15"),
    2028: ("01-26", "04-04", "05-28", "10-03"),
    2029: ("02-13", "04-04", "06-16", "09-22"),
    2030: ("02-03", "04-05", "06-05", "09-12"),
    2031: ("01-23", "04-05", "06-24", "10-01"),
    2032: ("02-11", "04-04", "06-12", "09-19"),
    2033: ("01-31", "04-04", "06-01", "09-08"),
    2034: ("02-19", "04-05", "06-20", "09-27"),
    2035: ("02-08", "04-05", "06-10", "09-16"),
}


@pytest.mark.parametrize("year", KNOWN_FESTIVALS)
def test_festivals_of_the_years_to_come(year: int) -> None:
    row = festivals()[year]
    days = (row.spring_festival, row.qingming, row.dragon_boat, row.mid_autumn)
    assert tuple(day.strftime("%m-%d") for day in days) == KNOWN_FESTIVALS[year]


def test_festivals_of_the_past_were_days_off() -> None:
    """Since 2008 Qingming, Dragon Boat and Mid-Autumn are days off as well: the table meets the notices."""
    calendars = calendar_set()
    for year in range(2008, 2027):
        row = festivals()[year]
        for day in (row.spring_festival, row.qingming, row.dragon_boat, row.mid_autumn):
            assert not calendars.is_working_day(day), day


def test_statutory_days_are_thirteen_unless_two_coincide() -> None:
    counts = {year: len(statutory_days(year, festivals()[year])) for year in range(2027, 2036)}
    # 2028: Mid-Autumn is 3 October; 2031: 1 October.
    assert counts == {year: 12 if year in (2028, 2031) else 13 for year in range(2027, 2036)}
