"""What holds for every case: the fast clocks against a naive count, lights against their own forecast."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.calendars import calendar_set
from ledger.cases.shape import Step
from ledger.clocks.clocks import read_clocks, standing
from ledger.days.calendar import CalendarSet, day_start_ms, local_date
from tests.clocks.cases import at, rules, state, step, worst
from tests.clocks.naive import due_with_pauses

CALENDARS = calendar_set()
BY = rules("statutory")
ALL = rules(deficit={"yellow": 1}, statutory={"yellow": 2})
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Story:
    """An accepted case with suspensions, each resumed."""

    start: date
    pauses: tuple[tuple[date, date], ...]

    def steps(self) -> list[Step]:
        steps = [_on("receive", self.start, "organ_receipt"), _on("accept", self.start)]
        for index, (since, until) in enumerate(self.pauses):
            steps.append(_on("suspend", since, label=f"s{index}"))
            steps.append(_on("resume", until, label=f"r{index}"))
        return steps


def _on(action: str, day: date, *events: str, label: str = "") -> Step:
    return step(action, f"{day} 10:00", *events, label=label)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    start = draw(st.dates(date(2019, 10, 1), date(2027, 3, 1)))
    day, pauses = start, []
    for _ in range(draw(st.integers(0, 3))):
        since = day + timedelta(days=draw(st.integers(0, 12)))
        day = since + timedelta(days=draw(st.integers(0, 30)))
        pauses.append((since, day))
    return Story(start=start, pauses=tuple(pauses))


@settings(max_examples=200)
@given(stories())
def test_pauses_agree_with_a_naive_count(story: Story) -> None:
    (reading,) = read_clocks(state(*story.steps()), BY, CALENDARS, at("2030-01-01"))
    expected = due_with_pauses(story.start, 20, story.pauses, CALENDARS.is_working_day)
    assert reading.due_on == expected
    provisional = any(year > 2026 for year in range(story.start.year, expected.year + 1))
    assert ("provisional" in reading.flags) == provisional


@settings(max_examples=100)
@given(stories(), st.integers(0, 80))
def test_used_and_left_always_make_the_limit(story: Story, later_days: int) -> None:
    last = max((until for _, until in story.pauses), default=story.start)
    today = last + timedelta(days=later_days)
    (reading,) = read_clocks(state(*story.steps()), BY, CALENDARS, at(f"{today} 12:00"))
    if reading.light != "red":
        assert reading.elapsed_days + reading.remaining_days == 20
        assert reading.remaining_days >= 0
    else:
        assert reading.remaining_days < 0 or not CALENDARS.is_working_day(today)


@settings(max_examples=100)
@given(stories(), st.integers(-HOUR_MS, HOUR_MS), st.booleans())
def test_the_forecast_of_lights_comes_true(story: Story, shift_ms: int, accepted: bool) -> None:
    """At any moment the worst light follows from the two instants, around the instants above all."""
    steps = story.steps() if accepted else story.steps()[:1]
    case = state(*steps)
    pressing = standing(case, ALL, CALENDARS).pressing
    assert pressing is not None and pressing.yellow_at_ms < pressing.red_at_ms
    yellow_at, red_at = pressing.yellow_at_ms, pressing.red_at_ms
    assert yellow_at == day_start_ms(local_date(yellow_at)) and red_at == day_start_ms(local_date(red_at))
    for moment in (yellow_at, red_at, yellow_at - 1, red_at - 1, yellow_at + shift_ms, red_at + shift_ms):
        light = worst(reading.light for reading in read_clocks(case, ALL, CALENDARS, moment))
        assert light == ("red" if moment >= red_at else "yellow" if moment >= yellow_at else "green")


ACTIONS = [
    *("receive", "take_over", "hand_over", "decline_hand_over", "request_correction", "supply", "accept"),
    *("accept_with_deficit", "accept_on_commitment", "suspend", "resume", "extend", "decide", "deliver"),
    *("withdraw", "overrun_reason", "unknown_action"),
]
EVENTS = [
    "organ_receipt",
    "deciding_receipt",
    "full_supply",
    "deciding_supply",
    "agent_supply",
    "deficit_cleared",
    "late_supply",
]
FACTS = st.dictionaries(
    st.sampled_from(["due", "expected_days", "clock"]),
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.sampled_from(["2025-11-14", "0001-01-01", "x", ""])
    ),
)
MOMENTS = st.one_of(st.integers(at("2025-01-01"), at("2027-06-01")), st.integers(-(10**16), 10**16))
STEPS = st.builds(
    lambda action, when, events, facts, effective: step(
        action, when, *events, facts=facts, effective=effective
    ),
    st.sampled_from(ACTIONS),
    MOMENTS,
    st.lists(st.sampled_from(EVENTS), max_size=2),
    FACTS,
    st.booleans(),
)


@settings(max_examples=300)
@given(st.lists(STEPS, max_size=12), MOMENTS)
def test_no_set_of_acts_stops_the_clocks_from_being_read(steps: list[Step], now_ms: int) -> None:
    """Impossible stories arrive too: wrong clocks, forged facts, acts in no sensible order."""
    case = state(*steps)
    pressing = standing(case, ALL, CALENDARS).pressing
    readings = read_clocks(case, ALL, CALENDARS, now_ms)
    assert pressing is None or pressing.clock in {reading.clock for reading in readings}
    for reading in readings:
        assert (reading.light == "done") == (reading.stopped_on is not None) == (reading.result != "")
        assert (reading.due_on is None) <= (reading.light in ("paused", "done"))
        assert reading.elapsed_days >= 0
        if reading.light == "red":
            assert reading.due_on is not None and local_date(now_ms) > reading.due_on


@settings(max_examples=50)
@given(stories(), st.permutations(range(2004, 2027)))
def test_the_order_in_which_calendars_arrive_is_nothing(story: Story, order: list[int]) -> None:
    by_year = {calendar.year: calendar for calendar in CALENDARS.calendars}
    shuffled = CalendarSet([by_year[year] for year in order], festivals={})
    case = state(*story.steps())
    now = at("2026-12-01")
    old = [(item.due_on, item.light) for item in read_clocks(case, BY, CALENDARS, now)]
    if all(due is not None and due.year <= 2026 for due, _ in old):
        assert old == [(item.due_on, item.light) for item in read_clocks(case, BY, shuffled, now)]
    assert shuffled.version == CALENDARS.version
