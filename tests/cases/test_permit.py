"""What one may do now, and why not: the same judgement as the fold."""

from __future__ import annotations

from ledger.cases.permit import Permission, may
from tests.cases.counter import (
    CLERK,
    FOOD,
    HEAD,
    ISSUER,
    OFFICER,
    OFFICER_2,
    PERMIT,
    REMEDY,
    SUPERVISOR,
    VILLAGER,
    Person,
    Story,
    accepted,
    actor,
    rules_of,
)


def asked(story: Story, who: Person, action: str) -> Permission:
    """Return the answer for one action."""
    answers = may(story.state, story.rules, actor(who), story.now + 1)
    return next(answer for answer in answers if answer.action == action)


def test_every_action_is_answered_once() -> None:
    story = accepted()
    answers = may(story.state, story.rules, actor(OFFICER), story.now)
    assert [answer.action for answer in answers] == list(story.rules.case_type.actions)
    assert all(answer.allowed or answer.reason_code for answer in answers)


def test_opening_is_asked_without_a_case() -> None:
    answers = {answer.action: answer for answer in may(None, rules_of(PERMIT), actor(VILLAGER), 0)}
    assert answers["receive"].allowed
    assert answers["accept"].reason_code in ("case.level", "case.not_open")
    assert answers["note"].reason_code == "case.not_open"


def test_reasons_for_people() -> None:
    story = accepted()
    assert asked(story, CLERK, "decide").reason_code == "case.role"
    assert asked(story, VILLAGER, "hand_over").params["custodian"] == CLERK.station
    assert asked(story, ISSUER, "issue").reason_code == "case.state"
    assert asked(story, OFFICER, "check_on_site").reason_code == "case.second_needed"
    assert asked(story, HEAD, "adjudicate").reason_code == "case.no_conflict"
    assert asked(story, HEAD, "merge").reason_code == "case.nothing_to_join"
    assert asked(story, SUPERVISOR, "countersign").reason_code == "case.nothing_pending"


def test_waiting_for_a_second_person_tells_who_may_sign() -> None:
    story = accepted()
    story.act(OFFICER, "check_on_site", {"outcome": "pass"})
    assert asked(story, OFFICER, "countersign").reason_code == "case.same_person"
    assert asked(story, OFFICER_2, "countersign").allowed
    assert asked(story, OFFICER_2, "check_on_site").reason_code == "case.pending_exists"


def test_an_open_deficit_is_a_caveat_on_the_decision() -> None:
    story = Story(FOOD)
    story.receive(CLERK)
    story.act(
        CLERK, "accept_with_deficit", {"missing": ["m04"], "due": "2026-03-09", "promise_by": "applicant"}
    )
    answer = asked(story, OFFICER, "decide")
    assert (answer.allowed, answer.reason_code) == (True, "case.grant_needs_papers")
    assert answer.params["missing"] == ("m04",)


def test_in_conflict_the_head_may_rule_and_nobody_may_issue() -> None:
    story = accepted()
    base = story.acts[-1]
    story.act(OFFICER, "decide", {"result": "grant"}, after=[base])
    story.act(OFFICER_2, "decide", {"result": "refuse", **REMEDY}, after=[base])
    assert asked(story, HEAD, "adjudicate").allowed
    assert asked(story, ISSUER, "issue").reason_code == "case.conflict_open"


def test_asking_leaves_no_trace() -> None:
    story = accepted()
    before = story.state
    may(before, story.rules, actor(HEAD), story.now)
    assert before == story.state
