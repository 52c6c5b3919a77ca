"""Acts made without knowledge of each other, and the people who settle it."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.calendars import calendar_set
from ledger.cases.case import evolve_all, fold_case, follows, state_digest
from ledger.cases.order import fold_order
from ledger.cases.shape import CaseAct, CaseState
from ledger.clocks.clocks import standing, unmoved
from ledger.errors import DataError
from ledger.rules.catalogue import Rules
from ledger.types import ActId
from tests.cases.counter import (
    CLERK,
    HEAD,
    ISSUER,
    OFFICER,
    OFFICER_2,
    PERMIT,
    REMEDY,
    SUPERVISOR,
    TOKEN,
    TOWN_CLERK,
    VILLAGER,
    Person,
    Story,
    accepted,
    at,
)

PEOPLE = (CLERK, OFFICER, OFFICER_2, SUPERVISOR, HEAD, ISSUER, TOWN_CLERK, VILLAGER)


def grow(state: CaseState, act: CaseAct, rules: Rules) -> CaseState:
    """Return the state after one more act, as the views do: folded anew where the act does not follow."""
    grown = evolve_all(state, [act], rules)
    return fold_case([*(step.act for step in state.steps), act], rules) if grown is None else grown


def forked() -> tuple[Story, CaseAct, CaseAct]:
    """Return a case granted and, by a restored copy of the same station, refused."""
    story = accepted()
    base = story.acts[-1]
    grant = story.act(OFFICER, "decide", {"result": "grant"}, when="2026-03-03 09:00", after=[base])
    refuse = story.act(
        OFFICER_2, "decide", {"result": "refuse", **REMEDY}, when="2026-03-03 10:00", after=[base]
    )
    return story, grant, refuse


def test_the_first_in_order_stands_and_both_are_shown() -> None:
    story, grant, refuse = forked()
    state = story.state
    assert (state.result, state.in_conflict) == ("grant", True)
    assert [(c.kept, c.contested) for c in state.conflicts] == [((grant.act_id,), (refuse.act_id,))]
    assert (story.reason(grant), story.reason(refuse)) == ("", "case.conflict")
    assert set(state.heads) == {grant.act_id, refuse.act_id}


def test_irreversible_steps_wait_for_the_adjudication() -> None:
    story, grant, refuse = forked()
    knowingly = story.act(ISSUER, "issue", {"certificate_no": "1"})
    assert story.reason(knowingly) == "case.conflict_open"
    rule(story, uphold=[grant], set_aside=[refuse])
    assert story.reason(knowingly) == "case.conflict_open"
    assert story.reason(story.act(ISSUER, "issue", {"certificate_no": "2"})) == ""
    assert [(c.kept, c.contested) for c in story.state.conflicts] == [((grant.act_id,), (refuse.act_id,))]
    assert not story.state.in_conflict
    assert story.reason(refuse) == "case.set_aside"


def test_the_other_branch_may_be_upheld() -> None:
    story, grant, refuse = forked()
    ruling = rule(story, uphold=[refuse], set_aside=[grant])
    assert (story.state.result, story.reason(ruling)) == ("refuse", "")
    assert (story.reason(grant), story.reason(refuse)) == ("case.set_aside", "")
    assert not story.state.in_conflict


@pytest.mark.parametrize(
    ("uphold", "set_aside", "code"),
    [
        ([0], [], "case.adjudicate_incomplete"),
        ([0, 1], [1], "case.adjudicate_both"),
        ([0, 2], [1], "case.adjudicate_unknown"),
    ],
)
def test_a_ruling_names_each_act_once_and_only_what_it_saw(
    uphold: list[int], set_aside: list[int], code: str
) -> None:
    story, grant, refuse = forked()
    ids = [grant.act_id, refuse.act_id, bytes(32)]
    act = story.act(
        HEAD,
        "adjudicate",
        {"uphold": [ids[i] for i in uphold], "set_aside": [ids[i] for i in set_aside], "reason": "查明"},
    )
    assert story.reason(act) == code
    assert story.state.in_conflict


def test_a_clerk_cannot_rule_and_without_conflict_nobody_can() -> None:
    story, grant, refuse = forked()
    facts = {"uphold": [grant.act_id], "set_aside": [refuse.act_id], "reason": "x"}
    assert story.reason(story.act(CLERK, "adjudicate", facts)) == "case.role"
    calm = accepted()
    assert calm.reason(calm.act(HEAD, "adjudicate", {"reason": "x"})) == "case.no_conflict"


def test_a_later_conflicting_act_opens_the_case_anew_a_commuting_one_does_not() -> None:
    story, grant, refuse = forked()
    base = story.acts[1]
    rule(story, uphold=[grant], set_aside=[refuse])
    story.act(VILLAGER, "note", after=[base], when="2026-03-03 09:30")
    story.act(VILLAGER, "supply", {"materials": ["m03"]}, after=[base], when="2026-03-03 09:31")
    assert not story.state.in_conflict
    third = story.act(CLERK, "withdraw", {"proof": "signature"}, after=[base], when="2026-03-03 11:00")
    assert story.reason(third) == "case.conflict"
    assert story.state.in_conflict
    rule(story, uphold=[grant], set_aside=[third])
    assert not story.state.in_conflict
    assert story.state.result == "grant"


def test_an_act_void_in_its_own_view_contests_nothing() -> None:
    story = accepted()
    base = story.acts[-1]
    story.act(OFFICER, "decide", {"result": "grant"}, after=[base], when="2026-03-03 09:00")
    stranger = story.act(TOWN_CLERK, "withdraw", {"proof": "token"}, after=[base], when="2026-03-03 10:00")
    unauthorised = story.act(VILLAGER, "decide", {"result": "grant"}, after=[base], when="2026-03-03 10:01")
    early = story.act(CLERK, "close", after=[base], when="2026-03-03 10:02")
    assert story.reason(stranger) == "case.not_custodian"
    assert story.reason(unauthorised) == "case.role"
    assert story.reason(early) == "case.state"
    assert not story.state.in_conflict


def test_an_act_void_in_its_own_view_gains_no_effect_from_the_other_branch() -> None:
    story = Story(PERMIT)
    opening = story.receive(CLERK)
    story.act(CLERK, "accept", after=[opening], when="2026-03-03 09:00")
    hasty = story.act(OFFICER, "decide", {"result": "grant"}, after=[opening], when="2026-03-03 09:30")
    assert story.reason(hasty) == "case.state"
    assert story.state.status == "accepted"


def test_a_certificate_issued_unknowingly_is_contested_and_found() -> None:
    story, grant, refuse = forked()
    issue = story.act(ISSUER, "issue", {"certificate_no": "1"}, after=[grant], when="2026-03-03 11:00")
    assert story.reason(issue) == "case.conflict_open"
    assert "case.finding.irreversible_in_conflict" in story.findings()
    rule(story, uphold=[grant], set_aside=[refuse])
    assert story.reason(issue) == ""
    assert story.state.status == "issued"


def test_two_rulings_at_once_wait_for_a_third() -> None:
    story, grant, refuse = forked()
    heads = [grant, refuse]
    one = rule(story, uphold=[grant], set_aside=[refuse], after=heads, who=HEAD)
    two = rule(story, uphold=[refuse], set_aside=[grant], after=heads, who=SUPERVISOR)
    assert (story.reason(one), story.reason(two)) == ("", "case.conflict")
    assert story.state.in_conflict
    rule(story, uphold=[refuse], set_aside=[grant])
    assert story.state.result == "refuse"
    assert not story.state.in_conflict


def test_two_people_countersigning_the_same_act_agree() -> None:
    story = accepted()
    check = story.act(OFFICER, "check_on_site", {"outcome": "pass"})
    first = story.act(SUPERVISOR, "countersign", {"target": check.act_id}, after=[check])
    second = story.act(HEAD, "countersign", {"target": check.act_id}, after=[check])
    assert [story.reason(act) for act in (check, first, second)] == ["", "", "case.nothing_pending"]
    assert not story.state.in_conflict


def test_countersignatures_of_different_acts_conflict() -> None:
    story = accepted()
    facts = {"ground": "test", "expected_days": 5, "applicant_told": True}
    suspend = story.act(OFFICER, "suspend", facts)
    void = story.act(CLERK, "void", {"reason": "other"})
    heads = [void]
    first = story.act(SUPERVISOR, "countersign", {"target": suspend.act_id}, after=heads)
    second = story.act(HEAD, "countersign", {"target": void.act_id}, after=heads)
    assert (story.reason(first), story.reason(second)) == ("", "case.conflict")
    assert (story.state.status, story.state.in_conflict) == ("suspended", True)


def test_branches_keep_their_order_whatever_the_arrival() -> None:
    story, grant, refuse = forked()
    story.act(ISSUER, "issue", {"certificate_no": "1"}, after=[grant], when="2026-03-03 11:00")
    rule(story, uphold=[grant], set_aside=[refuse])
    digests = {state_digest(fold_case(acts, story.rules)) for acts in permutations(story.acts)}
    assert len(digests) == 1


def test_missing_parents_wait_and_change_nothing() -> None:
    story = accepted()
    story.act(OFFICER, "start_review")
    held = [story.acts[0], story.acts[2]]
    state = fold_case(held, story.rules)
    assert state.awaiting == (story.acts[2].act_id,)
    assert state.status == "received"
    with pytest.raises(DataError) as nothing:
        fold_case([story.acts[2]], story.rules)
    assert nothing.value.code == "case.no_acts"


def test_of_an_act_logged_twice_the_earliest_recording_stays() -> None:
    story = accepted()
    late = story.act(CLERK, "note")
    again = late._replace(recorded_at_ms=late.recorded_at_ms + 9 * 86_400_000)
    assert state_digest(fold_case([*story.acts, again], story.rules)) == state_digest(story.state)
    assert state_digest(fold_case([again, *story.acts], story.rules)) == state_digest(story.state)


def test_an_act_that_claims_to_be_earlier_than_its_parent_is_found() -> None:
    story = accepted()
    story.act(OFFICER, "start_review", when="2026-03-01 09:00")
    assert story.findings() == ["case.finding.before_parent"]


def rule(
    story: Story,
    *,
    uphold: list[CaseAct],
    set_aside: list[CaseAct],
    after: list[CaseAct] | None = None,
    who: Person = HEAD,
) -> CaseAct:
    """Adjudicate."""
    facts = {
        "uphold": [act.act_id for act in uphold],
        "set_aside": [act.act_id for act in set_aside],
        "reason": "查明",
    }
    return story.act(who, "adjudicate", facts, after=after)


CALENDARS = calendar_set()
MOVES = (
    (CLERK, "accept", {}),
    (CLERK, "withdraw", {"proof": "signature"}),
    (CLERK, "request_correction", {"missing": ["m02"], "due": "2026-03-09"}),
    (VILLAGER, "supply", {"materials": ["m02"]}),
    (OFFICER, "start_review", {}),
    (OFFICER, "suspend", {"ground": "test", "expected_days": 5, "applicant_told": True}),
    (OFFICER, "resume", {}),
    (OFFICER_2, "decide", {"result": "grant"}),
    (OFFICER, "decide", {"result": "refuse", **REMEDY}),
    (ISSUER, "issue", {"certificate_no": "1"}),
    (CLERK, "hand_over", {"to": TOWN_CLERK.station}),
    (TOWN_CLERK, "take_over", {}),
    (VILLAGER, "rate", {"level": "satisfied", "token": TOKEN}),
    (VILLAGER, "note", {}),
    (HEAD, "adjudicate", None),
    (SUPERVISOR, "countersign", None),
    (OFFICER, "decline", None),
)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Any acts by anybody, each knowing some of what came before."""
    story = Story(PERMIT)
    story.receive(CLERK)
    for _ in range(draw(st.integers(1, 9))):
        who, action, facts = MOVES[draw(st.integers(0, len(MOVES) - 1))]
        parents = draw(st.lists(st.sampled_from(story.acts), min_size=1, max_size=3, unique_by=id))
        if draw(st.booleans()):
            known = {act.act_id: act for act in story.acts}
            parents = [known[head] for head in story.state.heads]
        if facts is None:
            ids = [act.act_id for act in story.acts]
            contested = [act for pair in story.state.conflicts for act in pair.kept + pair.contested]
            ids = contested if contested and action == "adjudicate" else ids
            split = draw(st.integers(0, len(ids)))
            facts = (
                {"target": draw(st.sampled_from(ids)), **({"reason": "x"} if action == "decline" else {})}
                if action in ("countersign", "decline")
                else {"uphold": ids[:split], "set_aside": ids[split:], "reason": "x"}
            )
        when = at("2026-03-02 09:00") + draw(st.integers(0, 5)) * 3_600_000
        story.act(who, action, facts, when=when, after=parents)  # type: ignore[arg-type]
    return story


@given(stories(), st.randoms(use_true_random=False))
def test_equal_sets_give_equal_states(story: Story, random: object) -> None:
    expected = state_digest(story.state)
    shuffled = [*story.acts, *story.acts[:3]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert state_digest(fold_case(shuffled, story.rules)) == expected


@given(stories())
def test_growing_act_by_act_equals_folding_at_once(story: Story) -> None:
    ordered, _ = fold_order(story.acts)
    state: CaseState | None = None
    for act in ordered:
        state = fold_case([act], story.rules) if state is None else grow(state, act, story.rules)
    assert state is not None
    assert state_digest(state) == state_digest(story.state)


@given(stories(), st.integers(1, 12))
def test_growing_by_several_acts_equals_growing_by_each(story: Story, first: int) -> None:
    ordered, _ = fold_order(story.acts)
    before = fold_case(ordered[:first], story.rules)
    after, each_follows = before, True
    for act in ordered[first:]:
        each_follows = each_follows and follows(after, act)
        after = grow(after, act, story.rules)
    found = evolve_all(before, ordered[first:], story.rules)
    assert (found is not None) == each_follows
    assert found is None or state_digest(found) == state_digest(after)


def test_several_acts_do_not_follow_where_some_wait() -> None:
    story = accepted()
    story.act(OFFICER, "start_review")
    waiting = fold_case([story.acts[0], story.acts[2]], story.rules)
    assert evolve_all(waiting, story.acts[1:2], story.rules) is None
    before = fold_case(story.acts[:1], story.rules)
    grown = evolve_all(before, story.acts[1:], story.rules)
    assert grown is not None
    assert state_digest(grown) == state_digest(story.state)


@given(stories())
def test_an_act_that_leaves_the_clocks_unmoved_changes_no_light(story: Story) -> None:
    ordered, _ = fold_order(story.acts)
    before = fold_case(ordered[:1], story.rules)
    for act in ordered[1:]:
        after = grow(before, act, story.rules)
        if unmoved(before, after, story.rules):
            assert standing(after, story.rules, CALENDARS) == standing(before, story.rules, CALENDARS)
        before = after


@given(stories())
def test_every_act_is_shown_once_and_parents_come_first(story: Story) -> None:
    seen: set[ActId] = set()
    for step in story.state.steps:
        assert seen >= set(step.act.parents)
        seen.add(step.act.act_id)
    assert len(seen) == len(story.acts) == len(story.state.steps)


@given(stories())
def test_in_an_open_conflict_nothing_irreversible_happens_afterwards(story: Story) -> None:
    state = story.state
    still_open = [conflict for conflict in state.conflicts if conflict.is_open]
    contested = {act for conflict in still_open for act in conflict.contested}
    kept = {act for conflict in still_open for act in conflict.kept}
    knew: set[ActId] = set()
    for step in state.steps:
        act = step.act
        assert step.effective == (step.reason == "")
        assert step.effective or act.act_id not in kept
        assert not (step.effective and act.act_id in contested)
        if knew.intersection(act.parents) or contested.intersection(act.parents):
            knew.add(act.act_id)
            assert not (step.effective and act.action in ("issue", "deliver"))


def test_the_fast_path_is_taken_for_a_plain_history() -> None:
    story = accepted()
    before = story.state
    act = story.act(OFFICER, "start_review")
    assert follows(before, act)
    grown = evolve_all(before, [act], story.rules)
    assert grown is not None
    assert state_digest(grown) == state_digest(story.state)
