"""Acts that wait for a second person are taken back or refused, and what waits in vain asks for nothing."""

from __future__ import annotations

from itertools import permutations

import pytest

from ledger.cases.case import check, fold_case, state_digest
from ledger.cases.permit import may
from ledger.cases.shape import CaseAct, Step
from ledger.cases.waiting import NO_END_MS, candidates, hindrances, signable_until_ms
from ledger.data import case_types
from ledger.errors import RuleError
from ledger.types import Facts
from tests.cases.counter import (
    CLERK,
    COUNTY,
    HEAD,
    OFFICER,
    OFFICER_2,
    OTHER_VILLAGE,
    PERMIT,
    SUPERVISOR,
    TOWN_CLERK,
    VILLAGER,
    Person,
    Story,
    accepted,
    actor,
    at,
    decided,
    person,
)

SUSPEND: Facts = {"ground": "appraisal", "expected_days": 5, "applicant_told": True}


def step_of(story: Story, act: CaseAct) -> Step:
    return next(step for step in story.state.steps if step.act.act_id == act.act_id)


def decline(story: Story, who: Person, target: CaseAct, **more: object) -> CaseAct:
    facts = {"target": target.act_id, "reason": "点错了"}
    return story.act(who, "decline", facts, **more)  # type: ignore[arg-type]


def permitted(story: Story, who: Person, action: str, now: int | None = None) -> tuple[bool, str]:
    found = may(story.state, story.rules, actor(who), story.now if now is None else now)
    one = next(one for one in found if one.action == action)
    return one.allowed, one.reason_code


def test_every_type_in_which_an_act_waits_lets_it_be_declined() -> None:
    for kind in case_types():
        assert any(spec.second for spec in kind.actions.values())
        assert kind.actions["decline"].required_facts == ("target", "reason")


def test_the_author_takes_back_what_waits_and_asks_anew() -> None:
    story = accepted()
    wrong = story.act(OFFICER, "suspend", {**SUSPEND, "ground": "test"})
    assert story.reason(story.act(OFFICER, "suspend", SUSPEND)) == "case.pending_exists"
    assert permitted(story, OFFICER, "decline") == (True, "")
    taken = decline(story, OFFICER, wrong)
    assert (story.reason(taken), story.reason(wrong)) == ("", "case.taken_back")
    assert step_of(story, wrong).params == {"staff_no": OFFICER.name, "said": "点错了"}
    assert (story.state.pending, story.state.status) == ((), "accepted")
    right = story.act(OFFICER, "suspend", SUSPEND)
    assert story.state.pending == (right.act_id,)
    story.act(SUPERVISOR, "countersign", {"target": right.act_id})
    assert (story.state.status, story.state.suspended_for) == ("suspended", "appraisal")
    assert story.reason(wrong) == "case.taken_back"


def test_a_wrong_check_on_site_leaves_no_finding_once_the_right_one_counts() -> None:
    story = accepted()
    wrong = story.act(OFFICER, "check_on_site", {"outcome": "fail"})
    decline(story, OFFICER_2, wrong)
    assert story.reason(wrong) == "case.declined"
    right = story.act(OFFICER, "check_on_site", {"outcome": "pass"})
    story.act(OFFICER_2, "countersign", {"target": right.act_id})
    story.act(OFFICER, "decide", {"result": "grant"})
    assert story.findings() == []


def test_what_was_declined_cannot_be_signed_or_declined_again() -> None:
    story = accepted()
    wrong = story.act(OFFICER, "suspend", SUSPEND)
    decline(story, SUPERVISOR, wrong)
    signed = story.act(SUPERVISOR, "countersign", {"target": wrong.act_id})
    again = decline(story, SUPERVISOR, wrong)
    assert [story.reason(act) for act in (wrong, signed, again)] == [
        "case.declined", "case.nothing_pending", "case.nothing_pending",
    ]  # fmt: skip
    assert permitted(story, SUPERVISOR, "decline") == (False, "case.nothing_pending")


def test_only_the_author_and_who_may_countersign_may_decline() -> None:
    story = accepted()
    wrong = story.act(OFFICER, "suspend", SUSPEND)
    assert story.reason(decline(story, OFFICER_2, wrong)) == "case.role"
    assert permitted(story, CLERK, "decline") == (False, "case.role")
    assert story.state.pending == (wrong.act_id,)
    assert story.reason(decline(story, HEAD, wrong)) == ""


def test_declined_where_it_may_be_countersigned_and_not_beside() -> None:
    story = Story(PERMIT)
    story.receive(VILLAGER)
    void = story.act(VILLAGER, "void", {"reason": "duplicate"})
    beside = person("clerk next door", OTHER_VILLAGE, "window")
    moved = person(VILLAGER.name, OTHER_VILLAGE, "window")
    assert story.reason(decline(story, beside, void)) == "case.second_elsewhere"
    assert story.reason(decline(story, moved, void)) == "case.second_elsewhere"
    assert story.reason(decline(story, TOWN_CLERK, void)) == ""
    assert story.reason(void) == "case.declined"
    assert not story.state.voided


@pytest.mark.parametrize("facts", [{}, {"reason": "x"}, {"target": bytes(32)}])
def test_a_decline_names_the_act_and_a_reason(facts: dict[str, object]) -> None:
    story = accepted()
    story.act(OFFICER, "suspend", SUSPEND)
    act = story.act(OFFICER, "decline", facts)  # type: ignore[arg-type]
    assert story.reason(act) == "case.facts_missing"
    assert len(story.state.pending) == 1


def forked() -> tuple[Story, CaseAct, CaseAct, CaseAct]:
    """Two people who do not know of each other: one signs, the other declines."""
    story = accepted()
    asked = story.act(OFFICER, "suspend", SUSPEND)
    signed = story.act(SUPERVISOR, "countersign", {"target": asked.act_id}, after=[asked])
    declined = decline(story, HEAD, asked, after=[asked])
    return story, asked, signed, declined


def test_signing_and_declining_at_once_is_a_conflict_in_any_order_of_arrival() -> None:
    story, asked, signed, declined = forked()
    assert [story.reason(act) for act in (asked, signed, declined)] == ["", "", "case.conflict"]
    assert story.state.in_conflict
    digests = {state_digest(fold_case(acts, story.rules)) for acts in permutations(story.acts)}
    assert len(digests) == 1


@pytest.mark.parametrize("first", ["countersign", "decline"])
def test_a_ruling_says_which_of_the_two_holds(first: str) -> None:
    story, asked, signed, declined = forked()
    upheld, aside = (signed, declined) if first == "countersign" else (declined, signed)
    ruling = {"uphold": [upheld.act_id], "set_aside": [aside.act_id], "reason": "核对过"}
    story.act(HEAD, "adjudicate", ruling)
    assert (story.reason(upheld), story.reason(aside)) == ("", "case.set_aside")
    assert not story.state.in_conflict
    assert story.state.pending == ()
    held = first == "countersign"
    assert story.reason(asked) == ("" if held else "case.declined")
    assert story.state.status == ("suspended" if held else "accepted")
    digests = {state_digest(fold_case(acts, story.rules)) for acts in permutations(story.acts)}
    assert len(digests) == 1


def test_two_people_who_decline_at_once_agree() -> None:
    story = accepted()
    asked = story.act(OFFICER, "suspend", SUSPEND)
    first = decline(story, SUPERVISOR, asked, after=[asked])
    second = decline(story, OFFICER, asked, after=[asked])
    assert [story.reason(act) for act in (first, second)] == ["", "case.nothing_pending"]
    assert not story.state.in_conflict


def test_declining_one_act_says_nothing_of_another_or_of_what_commutes() -> None:
    story = accepted()
    check_ = story.act(OFFICER, "check_on_site", {"outcome": "pass"})
    asked = story.act(OFFICER, "suspend", SUSPEND)
    signed = story.act(OFFICER_2, "countersign", {"target": check_.act_id}, after=[asked])
    declined = decline(story, SUPERVISOR, asked, after=[asked])
    handed = story.act(CLERK, "hand_over", {"to": TOWN_CLERK.station}, after=[asked])
    assert [story.reason(act) for act in (check_, asked, signed, declined)] == ["", "case.declined", "", ""]
    assert story.reason(handed) in ("", "case.conflict")
    in_dispute = {act for pair in story.state.conflicts for act in pair.kept + pair.contested}
    assert declined.act_id not in in_dispute


def test_a_void_after_its_day_asks_for_no_signature_and_can_be_taken_back() -> None:
    story = Story(PERMIT)
    story.receive(CLERK, when="2026-03-02 09:00")
    void = story.act(CLERK, "void", {"reason": "wrong_item"})
    midnight, colleague = at("2026-03-03 00:00"), person("second county clerk", COUNTY, "window")
    assert signable_until_ms(story.state, story.rules) == midnight
    assert hindrances(story.state, story.rules, midnight - 1) == {}
    assert permitted(story, colleague, "countersign", midnight - 1) == (True, "")
    (reason,) = hindrances(story.state, story.rules, midnight).values()
    assert reason.code == "case.void_too_late"
    assert permitted(story, colleague, "countersign", midnight) == (False, "case.first_fails")
    assert permitted(story, colleague, "decline", midnight) == (True, "")
    assert candidates(story.state, story.rules, "countersign", midnight) == (void.act_id,)
    story.act(CLERK, "accept", when="2026-03-04 09:00")
    decline(story, CLERK, void)
    assert story.state.pending == ()


def test_a_void_of_a_late_entry_can_be_signed_on_the_day_of_typing() -> None:
    story = Story(PERMIT)
    entry = {"paper_no": "P001", "reason": "power", "entered_on": "2026-03-05"}
    story.receive(CLERK, when="2026-03-02 09:00", late_entry=entry)
    story.act(CLERK, "void", {"reason": "duplicate"}, when="2026-03-05 09:00")
    assert story.state.pending
    assert hindrances(story.state, story.rules, at("2026-03-05 23:59")) == {}
    assert signable_until_ms(story.state, story.rules) == at("2026-03-06 00:00")
    assert hindrances(story.state, story.rules, at("2026-03-06 00:00"))


def test_what_the_case_has_left_behind_is_told_with_the_values_of_its_reason() -> None:
    story = accepted()
    asked = story.act(OFFICER, "suspend", SUSPEND)
    assert signable_until_ms(story.state, story.rules) == NO_END_MS
    story.act(OFFICER, "decide", {"result": "grant"})
    reason = hindrances(story.state, story.rules, story.now)[asked.act_id]
    assert reason == ("case.state", {"action": "suspend", "status": "decided"})
    assert signable_until_ms(story.state, story.rules) == 0
    signed = story.act(SUPERVISOR, "countersign", {"target": asked.act_id})
    assert step_of(story, signed).params == {"action": "suspend", "why": "case.state", "status": "decided"}
    assert story.state.pending == (asked.act_id,)


def test_in_a_voided_case_what_waits_can_still_be_ended() -> None:
    story = accepted()
    asked = story.act(OFFICER, "suspend", SUSPEND)
    void = story.act(CLERK, "void", {"reason": "duplicate"})
    story.act(HEAD, "countersign", {"target": void.act_id})
    assert story.state.voided
    assert asked.act_id in hindrances(story.state, story.rules, story.now)
    assert story.reason(decline(story, OFFICER, asked)) == ""
    assert story.state.pending == ()


def test_before_signing_a_decline_without_right_is_refused() -> None:
    story = decided()
    revoke = {"ground": "untrue_promise", "reasons": ["x"], "review_organ": "县政府", "court": "县法院"}
    asked = story.act(HEAD, "revoke", revoke)
    before = story.state
    assert before.pending == (asked.act_id,)
    act = decline(story, OFFICER, asked)
    with pytest.raises(RuleError, match=r"case\.role"):
        check(before, story.rules, act)
