"""A correction notice that a later calendar finds too late: silence has accepted, and the case goes on.

2026: 2 March is a Monday; five working days end on Monday the 9th, or on Tuesday the 10th where the county is
off on the 4th.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ledger.clocks.notices import calendar_notices
from ledger.facade import Ledger
from ledger.types import Value
from tests.cases.counter import CLERK, PERMIT, Story
from tests.facade.counter import COUNTY, REGISTRAR, signer
from tests.law.county import FOOD, Case
from tests.law.test_elsewhere import CALENDARS

ASKED = "2026-03-02 C1 receive\n2026-03-10 C1 request_correction due=2026-03-12"


def publish(ledger: Ledger, version: int, *days_off: str) -> None:
    off: list[Value] = [*days_off]
    facts: dict[str, Value] = {
        "region": "990121", "year": 2026, "version": version, "source": "test",
        "days_off": off, "make_up": [],
    }  # fmt: skip
    ledger.publish("publish_calendar", facts, REGISTRAR)


@pytest.fixture(scope="module")
def overtaken(new_case: Callable[[str], Case]) -> Callable[[], Case]:
    """Return what makes a case with a notice of its last day, which the county's next calendar finds late."""
    versions = iter(range(1, 100))

    def make() -> Case:
        case = new_case(FOOD)
        publish(case.ledger, next(versions), "2026-03-04")
        case.tell(ASKED)
        publish(case.ledger, next(versions))
        return case

    return make


def answers(case: Case) -> dict[str, tuple[bool, str]]:
    """Return what the county's officer may do, each with its reason or caveat."""
    assert case.case_id is not None
    page = case.ledger.case(case.case_id, actor_key=signer("C1").key_id, station=COUNTY)
    return {one.action: (one.allowed, one.reason_code) for one in page.permissions}


def test_it_neither_lapses_nor_stands_still(overtaken: Callable[[], Case]) -> None:
    # Given a notice until the 12th, in time as it was given, and too late by the calendar that came after,
    case = overtaken()
    assert case.notices()["case.notice.corrected_when_deemed"] == {"due": "2026-03-09"}
    # when the time told is over, then the page offers acceptance, and neither refusal nor lapse;
    case.tell("2026-03-13 C1 lapse ! case.lapse_after_deemed")
    may = answers(case)
    assert may["accept"] == (True, "case.list_waived")
    assert may["lapse"] == (False, "case.lapse_after_deemed")
    assert may["refuse_acceptance"] == (False, "case.deemed_accepted")
    # and the acceptance says what it no longer asks for, so that a decision is due twenty days after the 2nd.
    case.tell("2026-03-13 C1 accept\n2026-03-13 C1 lapse ! case.nothing_missing")
    assert case.case_id is not None
    state = case.ledger.case(case.case_id).state
    assert (state.status, state.correction) == ("accepted", frozenset())
    assert state.steps[-1].act.facts["waived"] == ["m01", "m02"]
    assert case.shown("2026-03-20")["statutory"] == "2026-03-02 > 2026-03-30 green"
    # What is handed in after that is taken, and the case decided.
    case.tell("2026-03-16 C1 supply\n2026-03-16 C1 decide")
    assert case.status == "decided"


def test_where_the_counter_was_on_paper_what_was_done_in_time_is_offered_still(
    new_case: Callable[[str], Case],
) -> None:
    """The button of the page was dead, and the notice of those days could not be entered there."""
    case = new_case(FOOD).tell("2026-04-20 C1 receive at=2026-03-02 late_entry=1")
    may = answers(case)
    assert may["request_correction"] == may["refuse_acceptance"] == (True, "case.paper_only")
    assert may["accept"] == (True, "")
    case.tell("""
        2026-04-20 C1 request_correction due=2026-05-12 ! case.notice_after_deemed
        2026-04-20 C1 request_correction at=2026-03-05 late_entry=1 due=2026-03-12""")
    assert case.status == "correcting"


def test_a_list_that_came_in_time_is_not_waived(new_case: Callable[[str], Case]) -> None:
    case = new_case(FOOD).tell("""
        2026-03-02 C1 receive
        2026-03-09 C1 request_correction due=2026-03-20
        2026-03-20 C1 accept ! case.correction_open
        2026-03-20 C1 accept waived=m01+m02 ! case.correction_open""")
    assert answers(case)["accept"] == (False, "case.correction_open")


def test_half_of_it_handed_in_is_not_waived(overtaken: Callable[[], Case]) -> None:
    case = overtaken().tell("2026-03-11 C1 supply materials=m01\n2026-03-13 C1 accept")
    assert case.case_id is not None
    assert case.ledger.case(case.case_id).state.steps[-1].act.facts["waived"] == ["m02"]


def test_a_list_waived_elsewhere_though_it_came_in_time_is_told() -> None:
    # Given a notice of the day of receipt, when an acceptance arrives that waives half of its list,
    story = Story(PERMIT)
    story.receive(CLERK)
    notice: dict[str, Value] = {"missing": ["m01", "m02"], "due": "2026-03-31"}
    story.act(CLERK, "request_correction", notice, when="2026-03-02 10:00")
    half = story.act(CLERK, "accept", {"waived": ["m01"]}, when="2026-03-03 09:00")
    # then the list is still open; where it waives all, that has effect and is told.
    assert story.reason(half) == "case.correction_open"
    whole = story.act(CLERK, "accept", {"waived": ["m01", "m02"]}, when="2026-03-03 10:00")
    assert story.state.status == "accepted"
    (told,) = calendar_notices(story.state, story.rules, CALENDARS)
    assert (told.code, told.acts, told.params["materials"]) == (
        "case.notice.waived_in_time", (whole.act_id,), ("m01", "m02")
    )  # fmt: skip
