"""Papers that answer a correction list travel with the case, and nothing else does.

What lay with a station before the notice is what it found wanting: no take-over takes it off the list.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.calendars import calendar_set
from ledger.cases.case import fold_case
from ledger.cases.order import fold_order
from ledger.cases.permit import may
from ledger.cases.shape import CaseAct, CaseState
from ledger.clocks.notices import calendar_refusal
from ledger.types import Facts
from tests.cases.counter import (
    ARCHIVIST,
    CLERK,
    FOOD,
    HEAD,
    ISSUER,
    OFFICER,
    OTHER_VILLAGE,
    PERMIT,
    SUPERVISOR,
    TOWN,
    TOWN_CLERK,
    VILLAGER,
    Person,
    Story,
    actor,
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


def lapses(story: Story) -> str:
    """Return why the head's desk would not let the case lapse after the day told, "" where it would."""
    tried = Story(story.item, story.now, list(story.acts))
    act = tried.act(HEAD, "lapse", {"applicant_told": True}, when="2026-03-23 09:00")
    rules = story.rules
    refused = calendar_refusal(story.state, rules.case_type.actions["lapse"], act, rules, calendar_set())
    return "" if refused is None else refused.code


@pytest.mark.parametrize(("paper", "refused"), [(True, "case.nothing_missing"), (False, "")])
def test_papers_that_came_after_a_notice_from_paper_let_no_case_lapse(paper: bool, refused: str) -> None:
    """Given on the 11th, supplied on the 12th, entered late: of live acts the order says what was first."""
    story = Story(FOOD)
    story.receive(TOWN_CLERK, "2026-03-10 09:00")
    story.act(TOWN_CLERK, "supply", {"materials": ["m01", "m02"]}, when="2026-03-12 09:00")
    late: Facts = {"late_entry": {"paper_no": "9", "reason": "network"}} if paper else {}
    notice: Facts = {"missing": ["m01", "m02"], "due": DUE, **late}
    story.act(TOWN_CLERK, "request_correction", notice, when="2026-03-11 09:00")
    assert listed(story) == ("correcting", {"m01", "m02"})
    assert lapses(story) == refused
    assert story.reason(story.act(TOWN_CLERK, "accept", when="2026-03-13 09:00")) == ""


@pytest.mark.parametrize(("papers", "refused"), [(["m01", "m02"], "case.nothing_missing"), (["m01"], "")])
def test_papers_unknown_to_the_notice_let_no_case_lapse(papers: list[str], refused: str) -> None:
    story = Story(FOOD)
    opened = story.receive(TOWN_CLERK)
    came = story.act(VILLAGER, "supply", {"materials": papers}, after=[opened])  # type: ignore[dict-item]
    notice: Facts = {"missing": ["m01", "m02"], "due": DUE}
    asked = story.act(TOWN_CLERK, "request_correction", notice, after=[opened])
    story.act(
        SUPERVISOR, "adjudicate", {"uphold": [came.act_id, asked.act_id], "set_aside": [], "reason": "都有效"}
    )
    assert not story.state.in_conflict and listed(story) == ("correcting", {"m01", "m02"})
    assert lapses(story) == refused


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
