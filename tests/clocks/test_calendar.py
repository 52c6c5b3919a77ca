"""Working days: named examples, layers, provisional years, and a naive count beside the fast one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.calendars import calendar_set, festivals
from ledger.days.calendar import (
    Calendar,
    CalendarSet,
    Unit,
    calendar_facts,
    day_start_ms,
    due_report,
    local_date,
    parse_calendar,
)
from ledger.errors import InputError
from ledger.types import Facts
from tests.clocks.naive import count_on

CHINA = timezone(timedelta(hours=8))
SHIPPED = calendar_set()

EXAMPLES = [
    # A sample record of a real office, eleven working days: 20 21 22 | 25 26 27 28 29 | 1 2 3 September.
    ("2014-08-19", 11, "working_days", "2014-09-03"),
    # Spring Festival 2026: Saturday 14 February is worked, 15 to 23 are off; 14 24 25 26 27.
    ("2026-02-13", 5, "working_days", "2026-02-27"),
    # National Day 2025: Sunday 28 September worked, 1 to 8 October off; 28 29 30 | 9 10 | 11 (Saturday).
    ("2025-09-26", 6, "working_days", "2025-10-11"),
    # 31 December 2018 was a day off by the notice for 2019, worked instead on Saturday 29; 29 | 2 January.
    ("2018-12-28", 2, "working_days", "2019-01-02"),
    # 3 September 2015, the 70th anniversary: 3 and 4 off, Sunday 6 worked.
    ("2015-09-02", 1, "working_days", "2015-09-06"),
    # Leap day 2024 is a Thursday; 29 February, 1 March.
    ("2024-02-28", 2, "working_days", "2024-03-01"),
    # Received on a Saturday that nobody works: counting begins with Monday all the same.
    ("2026-03-07", 1, "working_days", "2026-03-09"),
    # Calendar days count every day; the tenth, 8 May 2026, is a Friday.
    ("2026-04-28", 10, "calendar_days", "2026-05-08"),
    # The third calendar day, 1 May, is a holiday up to the 5th: rolls on to the 6th (民法典 203).
    ("2026-04-28", 3, "calendar_days", "2026-05-06"),
    # Saturday 9 May 2026 is worked: no rolling on.
    ("2026-05-06", 3, "calendar_days", "2026-05-09"),
    # Nothing to count: the same day, or the next working day.
    ("2026-03-06", 0, "working_days", "2026-03-06"),
    ("2026-03-07", 0, "working_days", "2026-03-09"),
    ("2026-03-07", 0, "calendar_days", "2026-03-09"),
]


@pytest.mark.parametrize(("start", "amount", "unit", "due"), EXAMPLES)
def test_examples(start: str, amount: int, unit: Unit, due: str) -> None:
    answer = SHIPPED.due(date.fromisoformat(start), amount, unit)
    assert answer.due == date.fromisoformat(due)
    assert SHIPPED.due_date(date.fromisoformat(start), amount, unit) == answer.due
    assert not answer.provisional
    assert max((day.counted or 0) for day in answer.days) == amount


def test_report_of_spring_festival_2026() -> None:
    report = due_report(SHIPPED, date(2026, 2, 13), 5)
    assert (report["due"], report["provisional"]) == ("2026-02-27", False)
    assert report["calendar_version"] == "CN-2026-1"
    days = report["days"]
    assert isinstance(days, list) and len(days) == 15
    assert days[0] == {"date": "2026-02-13", "counted": None, "kind": "start", "why": ""}
    assert days[1] == {"date": "2026-02-14", "counted": 1, "kind": "make_up", "why": "CN-2026-1"}
    assert days[2] == {"date": "2026-02-15", "counted": None, "kind": "weekend", "why": "week"}
    assert days[3] == {"date": "2026-02-16", "counted": None, "kind": "holiday", "why": "CN-2026-1"}
    assert days[-1] == {"date": "2026-02-27", "counted": 5, "kind": "working", "why": "week"}


def test_unpublished_year_is_provisional_and_says_so() -> None:
    # 2027 by the bare law: Friday 1 January off; 4 5 6 7 8 | 11.
    report = due_report(SHIPPED, date(2026, 12, 31), 6)
    assert (report["due"], report["provisional"]) == ("2027-01-11", True)
    assert report["calendar_version"] == "CN-2027-provisional"
    # Crossing the year: both calendars are named.
    answer = SHIPPED.due(date(2026, 12, 30), 3, "working_days")
    assert (answer.due, answer.provisional) == (date(2027, 1, 5), True)
    assert answer.calendar_version == "CN-2026-1 + CN-2027-provisional"
    assert not SHIPPED.due(date(2026, 12, 30), 1, "working_days").provisional
    # Spring Festival 2027: eve 5 February and 6, 7, 8; a provisional year makes nothing up.
    assert SHIPPED.due(date(2027, 2, 4), 1, "working_days").due == date(2027, 2, 9)
    assert SHIPPED.kind(date(2027, 2, 8)) == ("statutory", "CN-2027-provisional")


def test_publishing_a_year_ends_the_provision() -> None:
    notice = Calendar(
        region="CN",
        year=2027,
        version=1,
        days_off=frozenset({date(2027, 1, 1)}),
        make_up=frozenset({date(2027, 1, 2)}),
        source="通知",
    )
    later = SHIPPED.with_calendars([notice])
    answer = later.due(date(2026, 12, 31), 6, "working_days")
    # Saturday 2 January is now worked: 2 | 4 5 6 7 8, one working day earlier than was said.
    assert (answer.due, answer.provisional) == (date(2027, 1, 8), False)
    assert SHIPPED.provisional(2027), "the old set stays what it was"
    assert later.version != SHIPPED.version


def _local(region: str, version: int, *, off: str = "", work: str = "") -> Calendar:
    return Calendar(
        region=region,
        year=2026,
        version=version,
        days_off=frozenset(date.fromisoformat(day) for day in off.split()),
        make_up=frozenset(date.fromisoformat(day) for day in work.split()),
        source="地方通知",
    )


def test_narrower_layers_overrule_wider_ones() -> None:
    province = _local("990000", 1, off="2026-04-20 2026-04-21", work="2026-02-15")
    county = _local("990121", 1, off="2026-02-14", work="2026-04-21")
    elsewhere = _local("980000", 1, off="2026-03-02")
    here = calendar_set([county, elsewhere, province], division="990121")
    assert not here.is_working_day(date(2026, 4, 20)), "the province says off"
    assert here.is_working_day(date(2026, 4, 21)), "the county overrules the province"
    assert not here.is_working_day(date(2026, 2, 14)), "the county overrules the nation"
    assert here.is_working_day(date(2026, 2, 15)), "the province overrules the nation"
    assert here.is_working_day(date(2026, 3, 2)), "another province's calendar does not hold here"
    assert here.names(date(2026, 1, 1), date(2026, 1, 2)) == "CN-2026-1 + 990000-2026-1 + 990121-2026-1"
    neighbour = calendar_set([county, province], division="990122")
    assert neighbour.is_working_day(date(2026, 2, 14)) and not neighbour.is_working_day(date(2026, 4, 21))
    assert calendar_set([county, province]).version == SHIPPED.version, "no division: national calendars only"


def test_newest_version_of_a_layer_and_year_wins_whatever_arrives_last() -> None:
    first = _local("990121", 1, off="2026-03-03")
    second = _local("990121", 2, off="2026-03-04")
    again = _local("990121", 2, off="2026-03-05")
    for published in ([first, second], [second, first]):
        calendars = calendar_set(published, division="990121")
        assert calendars.is_working_day(date(2026, 3, 3)) and not calendars.is_working_day(date(2026, 3, 4))
    replaced = calendar_set([second, again], division="990121")
    assert replaced.is_working_day(date(2026, 3, 4)) and not replaced.is_working_day(date(2026, 3, 5))


def test_a_local_calendar_does_not_end_the_provision() -> None:
    local = Calendar(
        region="990121",
        year=2027,
        version=1,
        days_off=frozenset({date(2027, 1, 4)}),
        make_up=frozenset(),
        source="县里",
    )
    calendars = calendar_set([local], division="990121")
    assert calendars.provisional(2027) and not calendars.is_working_day(date(2027, 1, 4))
    assert not calendars.is_working_day(date(2027, 1, 1))


def test_spring_festival_2020_changed_after_the_fact() -> None:
    """A notice of January 2020 lengthened the running holiday: 31 January off, 1 February not worked."""
    before = Calendar(
        region="CN",
        year=2020,
        version=1,
        days_off=frozenset(date(2020, 1, day) for day in (24, 27, 28, 29, 30)),
        make_up=frozenset({date(2020, 1, 19), date(2020, 2, 1)}),
        source="国办发明电[2019]16号",
    )
    old = CalendarSet([before], festivals=festivals())
    new = old.with_calendars([calendar for calendar in SHIPPED.calendars if calendar.year == 2020])
    # Old: 31 January, 1 February (Saturday), 3. New: 3, 4, 5 February.
    assert old.due(date(2020, 1, 23), 3, "working_days").due == date(2020, 2, 3)
    assert new.due(date(2020, 1, 23), 3, "working_days").due == date(2020, 2, 5)
    assert new.due(date(2020, 1, 23), 3, "working_days").calendar_version == "CN-2020-2"


MIDNIGHT_EDGES = [
    ("2026-02-12T15:59:59.999+00:00", "2026-02-12"),
    ("2026-02-12T16:00:00.000+00:00", "2026-02-13"),
    ("2026-12-31T15:59:59.999+00:00", "2026-12-31"),
    ("2026-12-31T16:00:00.000+00:00", "2027-01-01"),
    ("2024-02-28T16:00:00.000+00:00", "2024-02-29"),
    ("1970-01-01T00:00:00.000+00:00", "1970-01-01"),
]


@pytest.mark.parametrize(("instant", "day"), MIDNIGHT_EDGES)
def test_the_day_changes_at_midnight_in_china(instant: str, day: str) -> None:
    moment = datetime.fromisoformat(instant)
    time_ms = round((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))
    assert local_date(time_ms) == date.fromisoformat(day)


@given(st.integers(min_value=0, max_value=7_000_000_000_000))
def test_local_date_agrees_with_datetime(time_ms: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
    day = moment.astimezone(CHINA).date()
    assert local_date(time_ms) == day
    assert day_start_ms(day) <= time_ms < day_start_ms(day + timedelta(days=1))


@pytest.mark.parametrize("time_ms", [-(2**62), -1, 10**15, 2**63 - 1])
def test_absurd_times_still_have_a_date(time_ms: int) -> None:
    assert date(1970, 1, 1) <= local_date(time_ms) <= date(2199, 12, 31)
    assert SHIPPED.due_date(local_date(max(time_ms, 0)), 3_660, "working_days")


DAYS = st.dates(date(2003, 1, 1), date(2030, 12, 31))


@settings(max_examples=200)
@given(start=DAYS, amount=st.integers(0, 300), unit=st.sampled_from(["working_days", "calendar_days"]))
def test_fast_count_equals_naive_count(start: date, amount: int, unit: Unit) -> None:
    if unit == "working_days":
        expected = count_on(start, amount, SHIPPED.is_working_day)
    else:
        expected = count_on(start + timedelta(days=amount), 0, SHIPPED.is_working_day)
    answer = SHIPPED.due(start, amount, unit)
    assert answer.due == SHIPPED.due_date(start, amount, unit) == expected
    assert [day.counted for day in answer.days if day.counted is not None] == list(range(1, amount + 1))


@settings(max_examples=200)
@given(first=DAYS, second=DAYS)
def test_counting_back_and_forth(first: date, second: date) -> None:
    count = SHIPPED.count_working(first, second)
    span = range(first.toordinal() + 1, second.toordinal() + 1)
    assert count == sum(SHIPPED.is_working_day(date.fromordinal(ordinal)) for ordinal in span)
    if count:
        due = SHIPPED.add_working(first, count)
        assert due <= second
        assert SHIPPED.working_before(due, count) <= first or not SHIPPED.is_working_day(first)
        assert SHIPPED.count_working(SHIPPED.working_before(due, count), due) == count


GOOD: Facts = {
    "region": "990121",
    "year": 2027,
    "version": 1,
    "days_off": ["2027-03-03"],
    "make_up": ["2027-03-06"],
    "source": "县政府办通知",
}

BAD: list[tuple[str, object, str]] = [
    ("region", "CHN", "calendar.region"),
    ("region", "99012", "calendar.region"),
    ("region", "９９０１２１", "calendar.region"),
    ("region", 990121, "calendar.field"),
    ("year", 1999, "calendar.year"),
    ("year", 2200, "calendar.year"),
    ("year", True, "calendar.field"),
    ("year", "2027", "calendar.field"),
    ("version", 0, "calendar.field"),
    ("source", "  ", "calendar.field"),
    ("source", "长" * 501, "calendar.field"),
    ("days_off", "2027-03-03", "calendar.field"),
    ("days_off", ["2027-03-03"] * 367, "calendar.field"),
    ("days_off", [20270303], "calendar.field"),
    ("days_off", ["2027-02-29"], "calendar.date"),
    ("days_off", ["2027-3-3"], "calendar.date"),
    ("days_off", ["20270303"], "calendar.date"),
    ("days_off", ["2028-03-03"], "calendar.date_year"),
    ("days_off", ["2027-03-03", "2027-03-03"], "calendar.date_repeated"),
    ("make_up", ["2027-03-03"], "calendar.date_repeated"),
    ("published_on", "soon", "calendar.date"),
    ("note", "x", "calendar.field_unknown"),
]


@pytest.mark.parametrize(("field", "value", "code"), BAD)
def test_bad_calendars_are_refused(field: str, value: object, code: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_calendar({**GOOD, field: value})  # type: ignore[dict-item]
    assert caught.value.code == code


@pytest.mark.parametrize("field", sorted(GOOD))
def test_missing_fields_are_refused(field: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_calendar({name: value for name, value in GOOD.items() if name != field})
    assert (caught.value.code, caught.value.params["field"]) == ("calendar.field_missing", field)


def test_facts_go_round() -> None:
    assert calendar_facts(parse_calendar({**GOOD, "salt": b"\0" * 16, "published_on": "2026-11-05"})) == GOOD


@pytest.mark.parametrize(
    ("start", "amount", "unit", "code"),
    [
        (date(2026, 1, 1), -1, "working_days", "calendar.amount"),
        (date(2026, 1, 1), 3_661, "working_days", "calendar.amount"),
        (date(2026, 1, 1), 5, "days", "calendar.unit"),
        (date(1999, 12, 31), 5, "working_days", "calendar.year"),
        (date(9999, 12, 31), 5, "working_days", "calendar.year"),
    ],
)
def test_questions_that_no_calendar_answers(start: date, amount: int, unit: Unit, code: str) -> None:
    with pytest.raises(InputError) as caught:
        due_report(SHIPPED, start, amount, unit=unit)
    assert caught.value.code == code
