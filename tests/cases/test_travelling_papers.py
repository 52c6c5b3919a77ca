"""Papers that answer a correction list travel with the case, and nothing else does.

What lay with a station before the notice is what it found wanting: no take-over takes it off the list.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ledger.calendars import calendar_set
from ledger.cases.case import fold_case
from ledger.cases.order import fold_order
from ledger.cases.permit import may
from ledger.cases.shape import CaseAct, CaseState
from ledger.clocks.clocks import read_clocks
from ledger.types import Facts, Value
from tests.cases.counter import (
    ARCHIVIST,
    CLERK,
    FOOD,
    HEAD,
    ISSUER,
    OFFICER,
    OTHER_VILLAGE,
    PERMIT,
    PROMISE,
    SUPERVISOR,
    TOWN,
    TOWN_CLERK,
    VILLAGER,
    Person,
    Story,
    actor,
    at,
    person,
)

OTHER_VILLAGER = person("clerk of the other village", OTHER_VILLAGE, "window")
DUE = "2026-03-20"


def supply(story: Story, who: Person, *materials: str) -> tuple[str, ...]:
    """Hand materials in at somebody's counter; returns the derived events."""
    return story.events(story.act(who, "supply", {"materials": list(materials)}))


def ask(story: Story, who: Person, *missing: str) -> None:
    """Give the one correction notice."""
    story.act(who, "request_correction", {"missing": list(missing), "due": DUE})


def listed(story: Story) -> tuple[str, set[str]]:
    """Return the state and the open list of a case."""
    state = story.state
    return state.status, set(state.correction)


def test_what_was_handed_in_before_the_notice_does_not_answer_it_on_the_way_up() -> None:
    story = Story(FOOD)
    story.receive(TOWN_CLERK)
    supply(story, TOWN_CLERK, "m01")
    ask(story, TOWN_CLERK, "m01", "m02")
    supply(story, TOWN_CLERK, "m02")
    taken = story.move(TOWN_CLERK, CLERK)
    assert story.events(taken) == ("deciding_receipt",)
    assert listed(story) == ("correcting", {"m01"})
    assert supply(story, CLERK, "m01") == ("correction_cleared", "full_supply", "deciding_supply")
    assert listed(story) == ("received", set())


def test_a_list_that_is_open_on_the_way_up_can_lapse_there() -> None:
    story = Story(FOOD)
    story.receive(TOWN_CLERK)
    supply(story, TOWN_CLERK, "m01")
    ask(story, TOWN_CLERK, "m01", "m02")
    supply(story, TOWN_CLERK, "m02")
    story.move(TOWN_CLERK, CLERK)
    lapse = story.act(HEAD, "lapse", {"applicant_told": True}, when="2026-03-21 09:00")
    assert story.reason(lapse) == ""


def asked_again(*before: str) -> Story:
    """A township asks for two papers, one of which it has; the other comes, and the case goes up."""
    story = Story(FOOD)
    story.receive(TOWN_CLERK, materials=list(before))
    if not before:
        supply(story, TOWN_CLERK, "m01")
    ask(story, TOWN_CLERK, "m01", "m02")
    supply(story, TOWN_CLERK, "m02")
    story.move(TOWN_CLERK, CLERK)
    return story


@pytest.mark.parametrize("before", [(), ("m01",)], ids=["supplied before", "received with it"])
def test_what_was_handed_in_before_the_notice_holds_no_acceptance_up(before: tuple[str, ...]) -> None:
    """Cases that were finished when a take-over took it off the list stay finished, and cannot lapse."""
    story = asked_again(*before)
    assert listed(story) == ("correcting", {"m01"})
    acts = [
        story.act(CLERK, "accept"),
        story.act(OFFICER, "decide", {"result": "grant"}),
        story.act(ISSUER, "issue", {"certificate_no": "JY1"}),
        story.act(CLERK, "deliver", {"method": "counter", "receiver": "applicant", "proof": "signature"}),
        story.act(CLERK, "close"),
        story.act(ARCHIVIST, "archive", {"period": "10"}),
    ]
    assert [story.reason(act) for act in acts] == [""] * 6
    assert listed(story) == ("archived", set())
    lapse = story.act(HEAD, "lapse", {"applicant_told": True}, when="2026-03-23 09:00")
    assert story.reason(lapse) == "case.state"


def test_what_was_wrongly_asked_again_alone_holds_nothing_up() -> None:
    story = Story(FOOD)
    story.receive(TOWN_CLERK, materials=["m01", "m02"])
    ask(story, TOWN_CLERK, "m01")
    assert story.findings() == ["case.finding.asked_again"]
    may_accept = next(
        one for one in may(story.state, story.rules, actor(TOWN_CLERK), story.now) if one.action == "accept"
    )
    assert (may_accept.allowed, may_accept.reason_code) == (True, "")
    assert story.reason(story.act(TOWN_CLERK, "accept")) == ""
    assert listed(story) == ("accepted", set())


def test_a_deficit_defers_what_never_came_and_what_was_asked_again_is_there() -> None:
    story = Story(FOOD)
    story.receive(TOWN_CLERK, materials=["m01"])
    ask(story, TOWN_CLERK, "m01", "m04")
    facts = {"missing": ["m04"], "due": DUE, "promise_by": "applicant"}
    assert story.reason(story.act(TOWN_CLERK, "accept_with_deficit", facts)) == ""
    assert (listed(story), story.state.deficit) == (("accepted", set()), {"m04"})


def test_what_never_came_still_holds_an_acceptance_up() -> None:
    story = Story(FOOD)
    story.receive(TOWN_CLERK, materials=["m01"])
    ask(story, TOWN_CLERK, "m01", "m02")
    refused = story.act(TOWN_CLERK, "accept")
    step = next(step for step in story.state.steps if step.act == refused)
    assert (step.reason, dict(step.params)) == ("case.correction_open", {"missing": ("m02",)})


def test_a_list_that_goes_back_to_the_village_comes_up_with_what_came_since() -> None:
    story = Story(PERMIT)
    story.receive(VILLAGER)
    supply(story, VILLAGER, "m01")
    story.move(VILLAGER, TOWN_CLERK)
    ask(story, TOWN_CLERK, "m01", "m02")
    story.move(TOWN_CLERK, VILLAGER)
    assert supply(story, VILLAGER, "m02") == ("agent_supply",)
    assert story.events(story.move(VILLAGER, TOWN_CLERK)) == ("papers_forwarded",)
    assert listed(story) == ("correcting", {"m01"})
    assert supply(story, VILLAGER, "m01") == ("agent_supply", "correction_cleared")
    story.move(TOWN_CLERK, VILLAGER)
    assert story.events(story.move(VILLAGER, TOWN_CLERK)) == ("full_supply",)


@pytest.mark.parametrize("where", [OTHER_VILLAGER, VILLAGER], ids=["elsewhere", "where it began"])
def test_papers_stay_where_they_lie_when_the_case_travels_without_them(where: Person) -> None:
    story = Story(PERMIT)
    story.receive(VILLAGER)
    supply(story, VILLAGER, "m01")
    story.move(VILLAGER, TOWN_CLERK)
    ask(story, TOWN_CLERK, "m01")
    assert supply(story, where, "m01") == ("agent_supply", "correction_cleared")
    assert story.events(story.move(TOWN_CLERK, CLERK)) == ("deciding_receipt",)
    assert (story.state.status, story.state.not_at_organ) == ("correcting", {"m01"})
    story.move(CLERK, where)
    assert story.events(story.move(where, CLERK)) == ("full_supply", "deciding_supply")
    assert story.state.status == "received"


def test_what_comes_after_the_offer_waits_for_the_next_one() -> None:
    story = Story(PERMIT)
    story.receive(VILLAGER)
    story.move(VILLAGER, TOWN_CLERK)
    ask(story, TOWN_CLERK, "m01", "m02")
    story.move(TOWN_CLERK, VILLAGER)
    supply(story, VILLAGER, "m01")
    story.act(VILLAGER, "hand_over", {"to": TOWN})
    supply(story, VILLAGER, "m02")
    assert story.events(story.act(TOWN_CLERK, "take_over")) == ()
    assert story.state.not_at_organ == {"m02"}
    story.move(TOWN_CLERK, VILLAGER)
    assert story.events(story.move(VILLAGER, TOWN_CLERK)) == ("full_supply",)


@pytest.mark.parametrize("way_back", ["decline_hand_over", "recall_hand_over"])
def test_papers_of_an_offer_that_came_back_lie_where_they_were(way_back: str) -> None:
    story = Story(PERMIT)
    story.receive(VILLAGER)
    story.move(VILLAGER, TOWN_CLERK)
    ask(story, TOWN_CLERK, "m01", "m02")
    story.move(TOWN_CLERK, VILLAGER)
    supply(story, VILLAGER, "m01")
    story.act(VILLAGER, "hand_over", {"to": TOWN})
    supply(story, VILLAGER, "m02")
    who = TOWN_CLERK if way_back == "decline_hand_over" else VILLAGER
    story.act(who, way_back, {"reason": "wrong_station"})
    assert story.events(story.move(VILLAGER, TOWN_CLERK)) == ("full_supply",)


def test_parts_from_two_villages_come_by_two_ways() -> None:
    story = Story(PERMIT)
    story.receive(VILLAGER)
    story.move(VILLAGER, TOWN_CLERK)
    ask(story, TOWN_CLERK, "m01", "m02")
    story.move(TOWN_CLERK, VILLAGER)
    supply(story, VILLAGER, "m01")
    supply(story, OTHER_VILLAGER, "m02")
    story.move(VILLAGER, OTHER_VILLAGER)
    assert story.state.not_at_organ == {"m01", "m02"}
    assert story.events(story.move(OTHER_VILLAGER, TOWN_CLERK)) == ("full_supply",)
    assert story.events(story.move(TOWN_CLERK, CLERK)) == ("deciding_supply", "deciding_receipt")


def test_a_second_copy_at_another_counter_keeps_nothing_waiting() -> None:
    story = Story(PERMIT)
    story.receive(VILLAGER)
    story.move(VILLAGER, TOWN_CLERK)
    ask(story, TOWN_CLERK, "m01")
    supply(story, VILLAGER, "m01")
    assert supply(story, TOWN_CLERK, "m01") == ("full_supply",)
    assert story.events(story.move(TOWN_CLERK, CLERK)) == ("deciding_supply", "deciding_receipt")


def test_an_acceptance_says_that_the_papers_are_there_to_travel_on() -> None:
    story = Story(FOOD)
    story.receive(TOWN_CLERK)
    ask(story, TOWN_CLERK, "m01")
    supply(story, VILLAGER, "m01")
    story.act(TOWN_CLERK, "accept")
    assert story.state.not_at_organ == frozenset()
    assert story.events(story.move(TOWN_CLERK, CLERK)) == ("deciding_supply", "deciding_receipt")


def test_what_a_deficit_defers_travels_with_nothing() -> None:
    story = Story(FOOD)
    story.receive(TOWN_CLERK)
    ask(story, TOWN_CLERK, "m01", "m04")
    supply(story, TOWN_CLERK, "m01")
    story.act(TOWN_CLERK, "accept_with_deficit", {"missing": ["m04"], "due": DUE, "promise_by": "applicant"})
    assert story.events(story.move(TOWN_CLERK, CLERK)) == ("deciding_supply", "deciding_receipt")
    assert story.state.deficit == {"m04"}
    assert supply(story, VILLAGER, "m04") == ("deficit_cleared",)


LATE: Facts = {"late_entry": {"paper_no": "9", "reason": "network"}}


def read(story: Story, on: str) -> dict[str, str]:
    """Return the clocks of a case on a day: from when, until when, and its light or how it ended."""
    readings = read_clocks(story.state, story.rules, calendar_set(), at(f"{on} 12:00"))
    return {
        one.clock: f"{one.started_on:%m-%d} > {one.stopped_on or one.due_on:%m-%d} {one.result or one.light}"
        for one in readings
    }


def answered_on_the_12th(*, entered_late: bool) -> Story:
    """Asked on the 11th, supplied on the 12th: typed as it happened, or the notice from paper afterwards."""
    story = Story(FOOD)
    story.receive(CLERK, "2026-03-10 09:00")
    came: Facts = {"materials": ["m01", "m02"]}
    notice: Facts = {"missing": ["m01", "m02"], "due": DUE}
    if entered_late:
        story.act(CLERK, "supply", came, when="2026-03-12 09:00")
        story.act(CLERK, "request_correction", {**notice, **LATE}, when="2026-03-11 09:00")
    else:
        story.act(CLERK, "request_correction", notice, when="2026-03-11 09:00")
        story.act(CLERK, "supply", came, when="2026-03-12 09:00")
    return story


def test_a_notice_entered_late_behind_its_answer_counts_as_if_it_had_been_typed_before() -> None:
    """Five working days from the 12th; on the 20th silence has accepted, whoever typed when."""
    late, live = answered_on_the_12th(entered_late=True), answered_on_the_12th(entered_late=False)
    assert listed(late) == listed(live) == ("received", frozenset())
    for day in ("2026-03-13", "2026-03-19", "2026-03-20"):
        assert read(late, day) == read(live, day)
    assert read(late, "2026-03-20") == {
        "acceptance": "03-12 > 03-19 red",
        "correction": "03-11 > 03-12 green",
        "statutory": "03-12 > 04-10 green",
        "promised": "03-12 > 03-19 red",
    }
    assert [found.code for found in late.state.findings] == ["case.finding.before_parent"]
    assert story_explains(late) == story_explains(live)
    assert late.reason(late.act(HEAD, "lapse", {"applicant_told": True}, when="2026-03-23 09:00"))


def story_explains(story: Story) -> list[str]:
    """Return what the acceptance clock says of its start, by the action that it names."""
    actions = {step.act.act_id: step.action for step in story.state.steps}
    reading = read_clocks(story.state, story.rules, calendar_set(), at("2026-03-13 12:00"))[0]
    return [f"{line.code} {actions[one]}" for line in reading.explanation for one in line.act_ids]


def test_papers_that_crossed_before_the_organ_had_the_case_do_not_let_silence_accept_it() -> None:
    """Offered on the 4th, m01 with the village on the 5th, taken on the 6th; asked unknowing on the 9th."""
    story = Story(PERMIT)
    story.receive(VILLAGER, "2026-03-02 09:00")
    offered = story.act(VILLAGER, "hand_over", {"to": CLERK.station}, when="2026-03-04 09:00")
    came = story.act(VILLAGER, "supply", {"materials": ["m01"]}, when="2026-03-05 09:00")
    taken = story.act(CLERK, "take_over", when="2026-03-06 09:00", after=[offered])
    notice: Facts = {"missing": ["m01", "m03"], "due": DUE}
    asked = story.act(CLERK, "request_correction", notice, when="2026-03-09 09:00", after=[taken])
    both: Facts = {"uphold": [came.act_id, asked.act_id], "reason": "都有效"}
    story.act(HEAD, "adjudicate", both, when="2026-03-10 09:00", after=[came, asked])
    assert listed(story) == ("correcting", {"m03"})
    assert read(story, "2026-03-16") == {
        "acceptance": "03-06 > 03-09 green",
        "forwarding": "03-09 > 03-11 red",
        "transit": "03-04 > 03-06 green",
        "correction": f"03-09 > {DUE[5:]} green",
    }


def test_of_live_acts_the_order_says_what_was_first() -> None:
    story = Story(FOOD)
    story.receive(TOWN_CLERK, "2026-03-10 09:00")
    story.act(TOWN_CLERK, "supply", {"materials": ["m01", "m02"]}, when="2026-03-12 09:00")
    notice: Facts = {"missing": ["m01", "m02"], "due": DUE}
    story.act(TOWN_CLERK, "request_correction", notice, when="2026-03-11 09:00")
    assert listed(story) == ("correcting", {"m01", "m02"})
    assert "case.finding.asked_again" in [found.code for found in story.state.findings]


@pytest.mark.parametrize("came", ["2026-03-10 10:00", "2026-03-11 09:00"])
def test_what_came_before_a_notice_from_paper_or_with_it_answers_nothing(came: str) -> None:
    story = Story(FOOD)
    story.receive(TOWN_CLERK, "2026-03-10 09:00", materials=["m02"])
    story.act(TOWN_CLERK, "supply", {"materials": ["m01"]}, when=came)
    notice: Facts = {"missing": ["m01", "m02"], "due": DUE, **LATE}
    story.act(TOWN_CLERK, "request_correction", notice, when="2026-03-11 09:00")
    assert listed(story) == ("correcting", {"m01", "m02"})


def test_the_organ_has_all_of_it_on_the_day_of_the_last_paper_whichever_is_typed_last() -> None:
    """Asked on the 10th; m01 came on the 12th and was typed on the 16th, behind m02 of the 13th."""
    story = Story(FOOD)
    story.receive(CLERK, "2026-03-09 09:00")
    story.act(CLERK, "request_correction", {"missing": ["m01", "m02"], "due": DUE}, when="2026-03-10 09:00")
    story.act(CLERK, "supply", {"materials": ["m02"]}, when="2026-03-13 09:00")
    last = story.act(CLERK, "supply", {"materials": ["m01"], **LATE}, when="2026-03-12 09:00")
    assert story.events(last) == ("correction_cleared", "full_supply", "deciding_supply")
    assert read(story, "2026-03-16") == {
        "acceptance": "03-13 > 03-20 green",
        "correction": "03-10 > 03-13 green",
    }


def test_the_last_paper_counts_where_the_notice_is_typed_behind_all_of_them_as_well() -> None:
    story = Story(FOOD)
    story.receive(CLERK, "2026-03-09 09:00")
    story.act(CLERK, "supply", {"materials": ["m02"]}, when="2026-03-13 09:00")
    story.act(CLERK, "supply", {"materials": ["m01"], **LATE}, when="2026-03-12 09:00")
    notice: Facts = {"missing": ["m01", "m02"], "due": DUE, **LATE}
    story.act(CLERK, "request_correction", notice, when="2026-03-10 09:00")
    assert read(story, "2026-03-16") == {
        "acceptance": "03-13 > 03-20 green",
        "correction": "03-10 > 03-13 green",
    }


@settings(max_examples=60)
@given(st.permutations((0, 1, 2, 3)), st.lists(st.integers(11, 13), min_size=3, max_size=3))
def test_it_is_the_same_in_whatever_order_notice_and_papers_are_typed(
    order: list[int], days: list[int]
) -> None:
    """Asked on the 10th, one paper a day or several: the organ has all of it on the day of the last."""
    story = Story(FOOD)
    story.receive(CLERK, "2026-03-09 09:00")
    asked = ["m01", "m02", "m03"]
    for place in order:
        if place:
            came: Facts = {"materials": [asked[place - 1]], **LATE}
            story.act(CLERK, "supply", came, when=f"2026-03-{days[place - 1]} 09:00")
        else:
            facts: Facts = {"missing": asked, "due": DUE, **LATE}  # type: ignore[dict-item]
            story.act(CLERK, "request_correction", facts, when="2026-03-10 09:00")
    assert listed(story) == ("received", frozenset())
    readings = read_clocks(story.state, story.rules, calendar_set(), at("2026-03-16 12:00"))
    last = date(2026, 3, max(days))
    assert [(one.clock, one.started_on) for one in readings[:1]] == [("acceptance", last)]
    assert [one.stopped_on for one in readings if one.clock == "correction"] == [last]


def test_a_deficit_ends_on_the_day_of_its_last_paper_whichever_is_typed_last() -> None:
    story = Story(PROMISE)
    story.receive(CLERK, "2026-03-09 09:00", materials=["m01", "m04"])
    facts: Facts = {"missing": ["m02", "m03"], "due": "2026-03-12", "promise_by": "applicant"}
    story.act(CLERK, "accept_with_deficit", facts, when="2026-03-09 10:00")
    story.act(CLERK, "supply", {"materials": ["m02"]}, when="2026-03-16 09:00")
    last = story.act(CLERK, "supply", {"materials": ["m03"], **LATE}, when="2026-03-11 09:00")
    assert story.events(last) == ("deficit_cleared",)
    assert read(story, "2026-03-17")["deficit"] == "03-09 > 03-16 red"


def test_a_paper_of_an_earlier_day_that_the_notice_did_not_know_answers_it_on_its_day() -> None:
    """With the village on the 9th, entered on the 13th: nothing of it before the notice of the 11th."""
    story = Story(PERMIT)
    story.receive(TOWN_CLERK, "2026-03-09 09:00")
    ask_on_the_11th: Facts = {"missing": ["m01"], "due": DUE}
    story.act(TOWN_CLERK, "request_correction", ask_on_the_11th, when="2026-03-11 09:00")
    story.act(VILLAGER, "supply", {"materials": ["m01"], **LATE}, when="2026-03-09 15:00")
    assert read(story, "2026-03-12") == {
        "acceptance": "03-09 > 03-11 green",
        "forwarding": "03-11 > 03-13 green",
        "correction": "03-11 > 03-11 green",
    }


def test_half_of_it_that_came_after_a_notice_from_paper_is_off_the_list() -> None:
    story = Story(FOOD)
    story.receive(TOWN_CLERK, "2026-03-10 09:00", materials=["m02"])
    story.act(TOWN_CLERK, "supply", {"materials": ["m01"]}, when="2026-03-12 09:00")
    notice: Facts = {"missing": ["m01", "m02"], "due": DUE, **LATE}
    story.act(TOWN_CLERK, "request_correction", notice, when="2026-03-11 09:00")
    assert listed(story) == ("correcting", {"m02"})
    asked = [found.params for found in story.state.findings if found.code == "case.finding.asked_again"]
    assert asked == [{"materials": ("m02",)}]
    story.act(TOWN_CLERK, "supply", {"materials": ["m02"]}, when="2026-03-16 09:00")
    assert read(story, "2026-03-17")["acceptance"] == "03-16 > 03-23 green"


def test_papers_that_came_to_the_agent_after_a_notice_from_paper_are_followed_to_the_organ() -> None:
    """Asked on the 11th, handed in at the village on the 12th, with the township on the 13th; typed then."""
    story = Story(PERMIT)
    story.receive(VILLAGER, "2026-03-09 09:00")
    story.act(VILLAGER, "hand_over", {"to": TOWN}, when="2026-03-10 09:00")
    story.act(TOWN_CLERK, "take_over", when="2026-03-10 10:00")
    story.act(TOWN_CLERK, "hand_over", {"to": VILLAGER.station}, when="2026-03-11 10:00")
    story.act(VILLAGER, "take_over", when="2026-03-11 11:00")
    came = story.act(VILLAGER, "supply", {"materials": ["m01"]}, when="2026-03-12 09:00")
    offered = story.act(VILLAGER, "hand_over", {"to": TOWN}, when="2026-03-12 10:00")
    over = story.act(TOWN_CLERK, "take_over", when="2026-03-13 10:00")
    notice: Facts = {"missing": ["m01"], "due": DUE, **LATE}
    story.act(TOWN_CLERK, "request_correction", notice, when="2026-03-11 09:00")
    assert listed(story) == ("received", frozenset())
    assert story.events(came) == ("agent_supply", "correction_cleared")
    assert (story.events(offered), story.events(over)) == ((), ("full_supply",))
    clocks = read(story, "2026-03-16")
    assert clocks["acceptance"] == "03-13 > 03-20 green"
    assert clocks["correction"] == "03-11 > 03-12 green"
    assert clocks["forwarding"] == "03-12 > 03-12 green"


def test_papers_that_still_lie_with_the_agent_start_nothing_of_the_organ() -> None:
    story = Story(PERMIT)
    story.receive(VILLAGER, "2026-03-09 09:00")
    story.act(VILLAGER, "hand_over", {"to": TOWN}, when="2026-03-10 09:00")
    story.act(TOWN_CLERK, "take_over", when="2026-03-10 10:00")
    story.act(VILLAGER, "supply", {"materials": ["m01"]}, when="2026-03-12 09:00")
    notice: Facts = {"missing": ["m01"], "due": DUE, **LATE}
    story.act(TOWN_CLERK, "request_correction", notice, when="2026-03-11 09:00")
    assert listed(story) == ("correcting", frozenset()) and story.state.not_at_organ == {"m01"}
    clocks = read(story, "2026-03-13")
    assert clocks["acceptance"] == "03-10 > 03-11 green"
    assert clocks["correction"] == "03-11 > 03-12 green"
    assert clocks["forwarding"] == "03-12 > 03-16 green"
    story.act(VILLAGER, "supply", {"materials": ["m01"]}, when="2026-03-13 09:00")
    came = story.act(TOWN_CLERK, "supply", {"materials": ["m01"]}, when="2026-03-16 09:00")
    assert story.events(came) == ("full_supply",) and story.state.status == "received"


def test_an_agent_has_nothing_to_forward_once_the_organ_has_it_though_the_list_is_open() -> None:
    """Asked on the 10th; m01 at the village on the 11th, by courier with the township on the 12th."""
    story = Story(PERMIT)
    story.receive(VILLAGER, "2026-03-09 09:00")
    story.act(VILLAGER, "hand_over", {"to": TOWN}, when="2026-03-09 10:00")
    story.act(TOWN_CLERK, "take_over", when="2026-03-10 09:00")
    asked = ["m01", "m02", "m03"]
    story.act(TOWN_CLERK, "request_correction", {"missing": asked, "due": DUE}, when="2026-03-10 10:00")  # type: ignore[dict-item]
    story.act(TOWN_CLERK, "supply", {"materials": ["m03"]}, when="2026-03-10 11:00")
    assert read(story, "2026-03-10")["forwarding"] == "03-09 > 03-09 green"
    story.act(VILLAGER, "supply", {"materials": ["m01"]}, when="2026-03-11 09:00")
    assert read(story, "2026-03-12")["forwarding"] == "03-11 > 03-13 green"
    came = story.act(TOWN_CLERK, "supply", {"materials": ["m01"]}, when="2026-03-12 09:00")
    assert story.events(came) == ("papers_forwarded",)
    assert listed(story) == ("correcting", {"m02"})
    assert read(story, "2026-03-17")["forwarding"] == "03-11 > 03-12 green"
    # what the agent takes in next has its limit again, and half of it does not end that
    story.act(OTHER_VILLAGER, "supply", {"materials": ["m02"]}, when="2026-03-17 09:00")
    assert read(story, "2026-03-17")["forwarding"] == "03-17 > 03-19 green"
    came = story.act(TOWN_CLERK, "supply", {"materials": ["m02"]}, when="2026-03-18 09:00")
    assert story.events(came) == ("full_supply",)
    assert read(story, "2026-03-20")["forwarding"] == "03-17 > 03-18 green"


def test_an_agent_has_to_forward_what_the_organ_has_not_got_yet() -> None:
    story = Story(PERMIT)
    story.receive(VILLAGER)
    story.move(VILLAGER, TOWN_CLERK)
    ask(story, TOWN_CLERK, "m01", "m02", "m03")
    supply(story, VILLAGER, "m01", "m02")
    assert supply(story, TOWN_CLERK, "m01") == ()
    assert supply(story, TOWN_CLERK, "m02") == ("papers_forwarded",)
    assert supply(story, TOWN_CLERK, "m02") == ()


@pytest.mark.parametrize(("papers", "left"), [(["m01", "m02"], set()), (["m01"], {"m02"})])
def test_papers_unknown_to_the_notice_answer_it_whichever_is_typed_first(
    papers: list[Value], left: set[str]
) -> None:
    """Handed in at the county's counter on the 10th, asked for at the township on the 12th; both upheld."""
    story = Story(FOOD)
    opened = story.receive(TOWN_CLERK, "2026-03-09 09:00")
    came = story.act(CLERK, "supply", {"materials": papers}, after=[opened], when="2026-03-10 09:00")
    notice: Facts = {"missing": ["m01", "m02"], "due": DUE}
    asked = story.act(TOWN_CLERK, "request_correction", notice, after=[opened], when="2026-03-12 09:00")
    ruling: Facts = {"uphold": [came.act_id, asked.act_id], "set_aside": [], "reason": "都有效"}
    story.act(SUPERVISOR, "adjudicate", ruling, when="2026-03-12 14:00")
    assert not story.state.in_conflict
    assert listed(story) == ("correcting" if left else "received", left)
    assert "case.finding.asked_again" not in [found.code for found in story.state.findings]
    clocks = read(story, "2026-03-13")
    assert clocks["acceptance"] == ("03-09 > 03-12 green" if left else "03-12 > 03-19 green")
    assert clocks["correction"] == ("03-12 > 03-20 green" if left else "03-12 > 03-12 green")


@pytest.mark.parametrize("how", ["entered late", "unknown", "known"])
def test_a_deficit_that_came_after_its_promise_is_not_open(how: str) -> None:
    story = Story(FOOD)
    opened = story.receive(CLERK, "2026-03-10 09:00")
    after = [opened] if how == "unknown" else None
    came = story.act(CLERK, "supply", {"materials": ["m04"]}, when="2026-03-12 09:00")
    promise: Facts = {"missing": ["m04"], "due": DUE, "promise_by": "applicant"}
    if how == "entered late":
        promise = {**promise, **LATE}
    when = "2026-03-11 09:00" if how == "entered late" else "2026-03-13 09:00"
    story.act(CLERK, "accept_with_deficit", promise, when=when, after=after)
    assert story.state.deficit == (frozenset({"m04"}) if how == "known" else frozenset())
    if how != "known":
        assert story.events(came) == ("deficit_cleared",)
    expected = {"entered late": "03-11 > 03-12 green", "unknown": "03-13 > 03-13 green"}
    assert read(story, "2026-03-13")["deficit"] == expected.get(how, "03-13 > 03-20 green")


@dataclass
class Whereabouts:
    """Where copies of what the list names lie, told naively from all the acts that took effect."""

    listed: frozenset[str] = frozenset()
    still: frozenset[str] = frozenset()
    at: dict[str, set[str]] = field(default_factory=dict)
    travelling: set[str] = field(default_factory=set)
    custodian: str = ""
    organ: set[str] = field(default_factory=set)
    decider: set[str] = field(default_factory=set)

    def follow(self, act: CaseAct) -> tuple[bool, bool]:
        """Take in one act; tells whether with it the organ and the decider have all, as they had not."""
        before = self._complete()
        facts, here = act.facts, self.at.setdefault(act.station, set())
        if act.action == "receive":
            self.custodian = act.station
        elif act.action == "request_correction":
            self.listed = self.still = frozenset(facts["missing"])  # type: ignore[arg-type]
            self.at.clear()
            before = (False, False)
        elif act.action == "supply":
            came = self.listed & frozenset(facts["materials"])  # type: ignore[arg-type]
            here |= came
            self.still -= came
            self._seen(act, came)
        elif act.action == "hand_over":
            self.travelling = here.copy()
            here.clear()
        elif act.action in ("take_over", "decline_hand_over", "recall_hand_over"):
            if act.action == "take_over":
                self.custodian = act.station
            self.at.setdefault(self.custodian, set()).update(self.travelling)
            self.travelling = set()
            if act.action == "take_over":
                self._seen(act, frozenset(here))
        organ, decider = self._complete()
        return organ and not before[0], decider and not before[1]

    def with_agent(self, act: CaseAct) -> bool:
        """Tell whether something that the organ has not got lies with the village that acts."""
        return act.station_level == "village" and bool(self.at[act.station] - self.organ)

    def _seen(self, act: CaseAct, papers: frozenset[str]) -> None:
        if act.station_level != "village":
            self.organ |= papers
        if act.station_level == "county":
            self.decider |= papers

    def _complete(self) -> tuple[bool, bool]:
        return self.listed <= self.organ, self.listed <= self.decider


PAPERS = ("m01", "m02", "m03")
CLERKS = (VILLAGER, OTHER_VILLAGER, TOWN_CLERK, CLERK)


@st.composite
def journeys(draw: st.DrawFn) -> Story:
    """A case that wanders between villages, township and county, with papers, before and after its list."""
    story = Story(PERMIT)
    story.receive(draw(st.sampled_from(CLERKS)))
    if draw(st.booleans()):
        story.act(holder(story), "supply", {"materials": list(PAPERS)})
    for _ in range(draw(st.integers(0, 4))):
        wander(draw, story)
    if story.state.offered_to:
        story.act(holder(story), "recall_hand_over", {"reason": "wrong_station"})
    missing = draw(st.lists(st.sampled_from(PAPERS), min_size=1, unique=True))
    if holder(story) in (TOWN_CLERK, CLERK):
        story.act(holder(story), "request_correction", {"missing": missing, "due": DUE})
    for _ in range(draw(st.integers(1, 12))):
        wander(draw, story)
    return story


def holder(story: Story, *, offered: bool = False) -> Person:
    """Return the clerk who has the case, or whom it is offered to."""
    state = story.state
    place = (offered and state.offered_to) or state.custodian
    return next(clerk for clerk in CLERKS if clerk.station == place)


def wander(draw: st.DrawFn, story: Story) -> None:
    """Let papers come in somewhere, or the case go a step."""
    action = draw(st.sampled_from(("supply", "supply", "move", "move", *WANDERING)))
    who = draw(st.sampled_from(CLERKS))
    if action == "supply":
        some = draw(st.lists(st.sampled_from(PAPERS), min_size=1, unique=True))
        story.act(draw(st.sampled_from((who, holder(story)))), action, {"materials": some})
    elif action == "move":
        story.move(holder(story), who)
    elif action == "hand_over":
        story.act(holder(story), action, {"to": who.station})
    elif action == "take_over":
        story.act(holder(story, offered=True), action)
    else:
        by_other = action == "decline_hand_over"
        story.act(holder(story, offered=by_other), action, {"reason": "wrong_station"})


WANDERING = ("hand_over", "take_over", "decline_hand_over", "recall_hand_over")


@settings(max_examples=300)
@given(journeys())
def test_papers_are_where_a_naive_count_says(story: Story) -> None:
    naive = Whereabouts()
    for step in story.state.steps:
        if step.effective:
            full, deciding = naive.follow(step.act)
            assert (full, deciding) == ("full_supply" in step.events, "deciding_supply" in step.events)
            wanting = naive.with_agent(step.act) and step.action == "take_over"
            assert wanting == ("papers_to_forward" in step.events)
    state = story.state
    assert state.correction == naive.still
    assert state.not_at_organ == naive.listed - naive.still - naive.organ
    assert state.not_at_decider == naive.listed - naive.still - naive.decider


@settings(max_examples=300)
@given(journeys(), st.data())
def test_no_take_over_takes_anything_off_the_list(story: Story, data: st.DataObject) -> None:
    """Also where people act without knowing of each other: only what came since is off the list."""
    for _ in range(data.draw(st.integers(0, 4))):
        who = data.draw(st.sampled_from(CLERKS))
        action = data.draw(st.sampled_from(("supply", "take_over", "request_correction")))
        facts = {
            "supply": {"materials": ["m02"]},
            "take_over": {},
            "request_correction": {"missing": ["m01", "m02"], "due": DUE},
        }[action]
        after = [data.draw(st.sampled_from(story.acts))]
        story.act(who, action, facts, after=after)  # type: ignore[arg-type]
    ordered, _ = fold_order(story.acts)
    before: CaseState | None = None
    asked: frozenset[str] = frozenset()
    came: set[str] = set()
    for end in range(1, len(ordered) + 1):
        after_it = fold_case(ordered[:end], story.rules)
        act, takes_effect = ordered[end - 1], after_it.steps[-1].effective
        if before is not None and act.action == "take_over":
            assert after_it.correction == before.correction
        if takes_effect and act.action == "request_correction":
            asked, came = after_it.correction, set()
        elif takes_effect and act.action == "supply":
            came |= set(act.facts["materials"])  # type: ignore[arg-type]
        assert after_it.correction == asked - came
        before = after_it


Typed = tuple[Person, str, Facts, int]


@st.composite
def days_of_work(draw: st.DrawFn) -> tuple[list[Typed], int]:
    """Return what is typed in a case, each with its time, and the place of the one notice in it."""
    now, done = at("2026-03-02 09:00"), []
    opening: Facts = {"item": PERMIT, "number": "N1", "token_hash": b"\1" * 32}
    done.append((draw(st.sampled_from(CLERKS)), "receive", opening, now))
    for _ in range(draw(st.integers(1, 9))):
        now += draw(st.sampled_from((3_600_000, 25 * 3_600_000)))
        who, facts = draw(st.sampled_from(CLERKS)), Facts()
        action = draw(st.sampled_from(("supply", "supply", "hand_over", "take_over", "recall_hand_over")))
        if action == "supply":
            facts = {"materials": draw(st.sampled_from((["m01"], ["m02"], ["m01", "m02"])))}
        elif action == "hand_over":
            facts = {"to": draw(st.sampled_from([one.station for one in CLERKS if one is not who]))}
        elif action == "recall_hand_over":
            facts = {"reason": "wrong_station"}
        done.append((who, action, facts, now))
    return done, draw(st.integers(1, len(done)))


def typed(work: list[Typed], place: int = 0, notice: Typed | None = None) -> Story:
    """Type everything, the notice at its place."""
    story = Story(PERMIT)
    for who, action, facts, when in (*work[:place], *([] if notice is None else [notice]), *work[place:]):
        story.act(who, action, facts, when=when)
    return story


def understood(story: Story) -> tuple[object, ...]:
    """Return what a case says and its clocks read, but for the order of its acts and what is odd about it."""
    state = story.state
    passed = ("steps", "heads", "findings", "case_id", "tokens")
    said = [getattr(state, name) for name in state._fields if name not in passed]
    took = sorted((step.act.occurred_at_ms, step.effective) for step in state.steps)
    end_ms = max(act.occurred_at_ms for act in story.acts)
    read_on = [
        (one.clock, one.started_on, one.due_on, one.stopped_on, one.light, one.flags)
        for days in (0, 9)
        for one in read_clocks(state, story.rules, calendar_set(), end_ms + days * 86_400_000)
    ]
    return (*said, took, read_on)


@settings(max_examples=200)
@given(days_of_work())
def test_it_is_the_same_when_a_notice_is_entered(told: tuple[list[Typed], int]) -> None:
    """As it happened, or from its paper after everything else: the same case, and the same limits."""
    work, place = told
    custodian = typed(work).state.custodian
    author = next(one for one in CLERKS if one.station == custodian)
    facts: Facts = {"missing": ["m01", "m02"], "due": "2026-04-30"}
    when = work[place - 1][3] + 600_000
    late = typed(work, len(work), (author, "request_correction", {**facts, **LATE}, when))
    assume(late.state.steps[-1].effective)
    for one in (TOWN_CLERK, CLERK):
        live = typed(work, place, (one, "request_correction", facts, when))
        if live.state.steps[place].effective:
            assert understood(late) == understood(live)


JOBLESS = "990103600036"
"""Registration as jobless: decided on the spot in the township; its second material may be promised."""


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("m01", {}),
        ("m02", {"commitments": ["m02"], "promise_by": "applicant"}),
        ("m02", {"waived": ["m02"]}),
    ],
    ids=["found good", "promised", "waived"],
)
def test_what_is_accepted_without_a_supply_is_decided_that_day(missing: str, said: Facts) -> None:
    """A list took the limit of an item decided on the spot away for good, though nothing more had to come."""
    story = Story(JOBLESS)
    story.receive(TOWN_CLERK, "2026-03-02 09:00", materials=["m01"])
    story.act(TOWN_CLERK, "request_correction", {"missing": [missing], "due": DUE}, when="2026-03-02 10:00")
    taken = story.act(TOWN_CLERK, "accept", said, when="2026-03-11 09:00")
    assert story.reason(taken) == "" and story.events(taken) == ("deciding_supply",)
    readings = read_clocks(story.state, story.rules, calendar_set(), at("2026-03-12 09:00"))
    (light,) = [(reading.light, str(reading.due_on)) for reading in readings if reading.clock == "same_day"]
    assert light == ("red", "2026-03-11")


def test_what_a_lower_station_accepts_without_a_supply_is_there_with_the_case() -> None:
    """The county, which decides, has it, the township accepts on a promise, and it goes back."""
    story = Story("990100400004")
    story.receive(CLERK, "2026-03-02 09:00", materials=["m01", "m02"])
    ask(story, OFFICER, "m03")
    story.move(CLERK, TOWN_CLERK)
    promised: Facts = {"commitments": ["m03"], "promise_by": "applicant"}
    taken = story.act(TOWN_CLERK, "accept", promised, when="2026-03-11 09:00")
    assert story.reason(taken) == "" and story.events(taken) == ()
    assert story.events(story.move(TOWN_CLERK, CLERK)) == ("deciding_supply",)
