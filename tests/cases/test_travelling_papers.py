"""Papers that answer a correction list travel with the case, and nothing else does.

What lay with a station before the notice is what the notice found wanting: no take-over takes it off the list.
"""

from __future__ import annotations

import pytest

from tests.cases.counter import (
    CLERK,
    COUNTY,
    FOOD,
    HEAD,
    OTHER_VILLAGE,
    PERMIT,
    TOWN,
    TOWN_CLERK,
    VILLAGE,
    VILLAGER,
    Person,
    Story,
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


def test_a_list_that_goes_back_to_the_village_comes_up_with_what_came_since() -> None:
    story = Story(PERMIT)
    story.receive(VILLAGER)
    supply(story, VILLAGER, "m01")
    story.move(VILLAGER, TOWN_CLERK)
    ask(story, TOWN_CLERK, "m01", "m02")
    story.move(TOWN_CLERK, VILLAGER)
    assert supply(story, VILLAGER, "m02") == ("agent_supply",)
    assert story.events(story.move(VILLAGER, TOWN_CLERK)) == ()
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


