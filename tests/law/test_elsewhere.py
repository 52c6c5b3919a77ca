"""Acts that come from another station: with or without effect, in conflict, settled, and their clocks."""

from __future__ import annotations

import pytest

from ledger.calendars import calendar_set
from ledger.cases.case import fold_case
from ledger.cases.shape import CaseAct, CaseState
from ledger.clocks.clocks import read_clocks
from ledger.clocks.notices import calendar_notices, calendar_refusal
from ledger.types import Value
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
    TOKEN,
    TOWN,
    TOWN_CLERK,
    VILLAGER,
    Story,
    accepted,
    at,
    decided,
    person,
)
from tests.law.county import shown

CALENDARS = calendar_set()
LIST: dict[str, Value] = {"missing": ["m01", "m02"], "due": "2026-03-31"}
DEFERRED: dict[str, Value] = {"missing": ["m04"], "promise_by": "applicant"}
TOLD = {"reason": "案情复杂", "applicant_told": True}


def clocks(story: Story, now: str) -> dict[str, str]:
    """Return the clocks of a story as of nine o'clock of a day."""
    readings = read_clocks(story.state, story.rules, CALENDARS, at(f"{now} 09:00"))
    return {reading.clock: shown(reading) for reading in readings}


def effects(story: Story, *acts: CaseAct) -> list[str]:
    """Return the reason of each act, "" for one with effect."""
    return [story.reason(act) for act in acts]


def test_a_second_list_is_kept_found_and_moves_no_clock() -> None:
    # Given a full supply on 11 March, when a second list of corrections comes from elsewhere on the 12th,
    story = Story(FOOD)
    story.receive(CLERK)
    story.act(CLERK, "request_correction", LIST, when="2026-03-06 09:00")
    story.act(CLERK, "supply", {"materials": ["m01", "m02"]}, when="2026-03-11 09:00")
    second = story.act(CLERK, "request_correction", LIST, when="2026-03-12 09:00")
    # then acceptance still runs from the 11th: 12 13 | 16 17 18.
    assert effects(story, second) == ["case.second_correction"]
    assert story.findings() == ["case.finding.second_correction"]
    assert clocks(story, "2026-03-16")["acceptance"] == "2026-03-11 > 2026-03-18 green second_correction"


def test_a_day_in_the_past_told_elsewhere_has_no_effect_and_is_found() -> None:
    # Given a notice and a deficit list from elsewhere with a day that is over or beyond every calendar,
    story = Story(FOOD)
    story.receive(CLERK)
    wrong = [
        story.act(CLERK, "request_correction", {**LIST, "due": "2026-03-01"}),
        story.act(CLERK, "accept_with_deficit", {**DEFERRED, "due": "2026-03-01"}),
        story.act(CLERK, "accept_with_deficit", {**DEFERRED, "due": "9999-12-31"}),
    ]
    # then none has effect, nobody may treat the case as withdrawn, and acceptance runs on: 3-6 | 9.
    lapse = story.act(OFFICER, "lapse", {"applicant_told": True}, when="2026-03-03 09:00")
    assert effects(story, *wrong) == ["case.due_not_ahead"] * 3
    assert story.reason(lapse) == "case.state"
    assert story.findings() == ["case.finding.due_not_ahead"] * 3
    assert clocks(story, "2026-03-04") == {"acceptance": "2026-03-02 > 2026-03-09 green"}


def test_an_unlawful_ground_even_countersigned_stops_no_clock() -> None:
    # Given a public notice passed off as a ground, when it comes from elsewhere with both signatures,
    story = accepted(PERMIT)
    facts = {"ground": "公示", "expected_days": 7, "applicant_told": True}
    first = story.act(OFFICER, "suspend", facts, when="2026-03-03 09:00")
    second = story.act(SUPERVISOR, "countersign", {"target": first.act_id})
    # then both are kept without effect, and the case is due as before.
    assert effects(story, first, second) == ["case.unlawful_ground", "case.nothing_pending"]
    assert story.findings() == ["case.finding.unlawful_ground"]
    assert clocks(story, "2026-03-20")["statutory"] == "2026-03-02 > 2026-03-30 green"


def told(story: Story) -> list[tuple[object, ...]]:
    """Return what calendars say against acts with effect: code, acts, and the day."""
    found = calendar_notices(story.state, story.rules, CALENDARS)
    return [(one.code, one.acts, one.params["due"]) for one in found]


def refusal(before: CaseState, act: CaseAct, story: Story) -> tuple[object, ...] | None:
    """Return what is said against an act before it is signed: code, last day, and day of the acceptance."""
    spec = story.rules.case_type.actions[act.action]
    reason = calendar_refusal(before, spec, act, story.rules, CALENDARS)
    return None if reason is None else (reason.code, reason.params["due"], reason.params["on"])


def test_an_extension_too_late_from_elsewhere_lengthens_nothing_and_is_told() -> None:
    # Given a limit that ended on 30 March, when an extension of the 31st and another one come from elsewhere,
    story = accepted(PERMIT)
    late = story.act(HEAD, "extend", TOLD, when="2026-03-31 09:00")
    again = story.act(HEAD, "extend", TOLD, when="2026-03-31 10:00")
    # then the first is kept, the clock does not listen, and whoever reads is told; the second has no effect.
    assert effects(story, late, again) == ["", "case.second_extension"]
    assert story.findings() == ["case.finding.second_extension"]
    assert clocks(story, "2026-04-01")["statutory"] == (
        "2026-03-02 > 2026-03-30 red late_extension overdue_decision"
    )
    assert told(story) == [("case.notice.extension_late", (late.act_id,), "2026-03-30")]


def test_a_refusal_after_deemed_acceptance_from_elsewhere_is_told() -> None:
    # Given a food permit received on the 2nd and silence until the 9th, when a refusal of the 12th arrives,
    story = Story(FOOD)
    story.receive(CLERK)
    refused = story.act(CLERK, "refuse_acceptance", {"ground": "no_permit_needed", **REMEDY},
                        when="2026-03-12 09:00")  # fmt: skip
    # then it ends the case and its clocks, and both the clock and the page say what it was.
    assert story.state.status == "not_accepted"
    assert clocks(story, "2026-04-20") == {
        "acceptance": "2026-03-02 > 2026-03-09 done:red "
        "deemed_accepted overdue_acceptance refused_when_deemed",
        "statutory": "2026-03-02 > 2026-03-30 done:green",
        "promised": "2026-03-02 > 2026-03-09 done:red overdue_promise reason_missing",
    }
    assert told(story) == [("case.notice.refused_when_deemed", (refused.act_id,), "2026-03-09")]
    # One in time says nothing of the kind.
    story = Story(FOOD)
    story.receive(CLERK)
    story.act(CLERK, "refuse_acceptance", {"ground": "no_permit_needed", **REMEDY}, when="2026-03-09 09:00")
    assert told(story) == []


def test_a_notice_after_deemed_acceptance_from_elsewhere_moves_nothing_and_is_told() -> None:
    # Given a food permit received on the 2nd and silence until the 9th, when a notice of the 10th arrives,
    story = Story(FOOD)
    story.receive(CLERK)
    notice = story.act(CLERK, "request_correction", {**LIST, "due": "2026-03-12"}, when="2026-03-10 00:00")
    # then acceptance stays as silence made it, twenty days after the 2nd, and a supply moves it neither.
    acceptance = "2026-03-02 > 2026-03-09 done:red corrected_when_deemed deemed_accepted overdue_acceptance"
    assert clocks(story, "2026-03-11")["acceptance"] == acceptance
    assert clocks(story, "2026-03-11")["statutory"] == "2026-03-02 > 2026-03-30 green"
    assert told(story) == [("case.notice.corrected_when_deemed", (notice.act_id,), "2026-03-09")]
    # A lapse is refused where the calendar is known; from elsewhere it ends the case, and is told.
    before = story.state
    lapse = story.act(OFFICER, "lapse", {"applicant_told": True}, when="2026-03-13 09:00")
    assert refusal(before, lapse, story) == ("case.lapse_after_deemed", "2026-03-09", "2026-03-02")
    assert story.state.status == "lapsed"
    assert clocks(story, "2026-04-20")["acceptance"].endswith(
        "corrected_when_deemed deemed_accepted lapsed_when_deemed overdue_acceptance"
    )
    assert told(story)[1:] == [("case.notice.lapsed_when_deemed", (lapse.act_id,), "2026-03-09")]


def test_a_lapse_from_elsewhere_for_a_deficit_that_silence_had_overtaken_is_told() -> None:
    story = Story(FOOD)
    story.receive(CLERK)
    story.act(CLERK, "accept_with_deficit", {**DEFERRED, "due": "2026-03-11"}, when="2026-03-10 09:00")
    assert told(story) == []
    lapse = story.act(OFFICER, "lapse", {"applicant_told": True}, when="2026-03-12 09:00")
    assert story.state.status == "lapsed"
    assert told(story) == [("case.notice.lapsed_when_deemed", (lapse.act_id,), "2026-03-09")]
    # One in time, with a deficit that ran out, says nothing of the kind.
    story = Story(FOOD)
    story.receive(CLERK)
    story.act(CLERK, "accept_with_deficit", {**DEFERRED, "due": "2026-03-11"}, when="2026-03-09 09:00")
    before = story.state
    lapse = story.act(OFFICER, "lapse", {"applicant_told": True}, when="2026-03-12 09:00")
    assert refusal(before, lapse, story) is None
    assert told(story) == []


@pytest.mark.parametrize(
    ("action", "facts"), [("request_correction", LIST), ("accept_with_deficit", DEFERRED)]
)
def test_an_answer_that_was_only_typed_in_later_lets_no_case_lapse(
    action: str, facts: dict[str, Value]
) -> None:
    # Given silence until the 9th, and an answer of the 3rd until the 9th that a program typed in on 20 April:
    # its time is given once more, six days after the 20th, on a Sunday, and so until Monday the 27th.
    late: dict[str, Value] = {"late_entry": {"paper_no": "7", "reason": "power", "entered_on": "2026-04-20"}}
    typed = at("2026-04-20 09:00")
    story = Story(FOOD)
    story.receive(CLERK)
    story.act(CLERK, action, {**facts, "due": "2026-03-09", **late}, when="2026-03-03 09:00", recorded=typed)
    # when it would be treated as withdrawn on the 28th, then that is refused: when typed it was accepted;
    before = story.state
    lapse = story.act(OFFICER, "lapse", {"applicant_told": True}, when="2026-04-28 09:00")
    assert refusal(before, lapse, story) == ("case.lapse_after_deemed", "2026-03-09", "2026-03-02")
    # where the receipt was on paper too, the whole counter was.
    story = Story(FOOD)
    story.receive(CLERK, **late)
    story.act(CLERK, action, {**facts, "due": "2026-03-09", **late}, when="2026-03-03 09:00", recorded=typed)
    before = story.state
    lapse = story.act(OFFICER, "lapse", {"applicant_told": True}, when="2026-04-28 09:00")
    assert refusal(before, lapse, story) is None


def test_two_extensions_at_once_lengthen_once() -> None:
    # Given an acceptance, when the head extends on two machines that do not know of each other,
    story = accepted(PERMIT)
    last = story.acts[-1:]
    first = story.act(HEAD, "extend", TOLD, after=last)
    second = story.act(HEAD, "extend", TOLD, after=last)
    # then one counts, ten days after 30 March: 31 1 2 3 | 7-10 | 13 14; the other is shown as contested.
    assert effects(story, first, second) == ["", "case.conflict"]
    assert clocks(story, "2026-03-31")["statutory"] == "2026-03-02 > 2026-04-14 green"


def test_grant_and_refusal_at_once_stop_the_certificate_until_the_head_rules() -> None:
    # Given a grant and a refusal of which neither knew,
    story = accepted(PERMIT)
    last = story.acts[-1:]
    grant = story.act(OFFICER, "decide", {"result": "grant"}, after=last)
    refusal = story.act(OFFICER_2, "decide", {"result": "refuse", **REMEDY}, after=last)
    # when somebody would issue or deliver, then that waits;
    early = story.act(ISSUER, "issue", {"certificate_no": "1"})
    delivered = {"method": "counter", "receiver": "applicant", "proof": "signature"}
    handed = story.act(CLERK, "deliver", delivered)
    assert effects(story, grant, refusal, early) == ["", "case.conflict", "case.conflict_open"]
    assert effects(story, handed) == ["case.conflict_open"]
    # a clerk cannot rule, and a ruling names all of it;
    clerk = story.act(
        CLERK, "adjudicate", {"uphold": [refusal.act_id], "set_aside": [grant.act_id], "reason": "x"}
    )
    half = story.act(HEAD, "adjudicate", {"uphold": [refusal.act_id], "set_aside": [], "reason": "x"})
    assert effects(story, clerk, half) == ["case.role", "case.adjudicate_incomplete"]
    ruling = story.act(
        HEAD, "adjudicate", {"uphold": [refusal.act_id], "set_aside": [grant.act_id], "reason": "x"}
    )
    # the refusal stands, is delivered, and nobody issues.
    assert (story.reason(ruling), story.state.result) == ("", "refuse")
    assert story.reason(story.act(ISSUER, "issue", {"certificate_no": "1"})) == "case.not_granted"
    assert story.reason(story.act(CLERK, "deliver", delivered)) == ""


def test_a_settled_conflict_opens_again_only_for_another_that_conflicts() -> None:
    # Given a conflict that is settled, when a rating arrives that knew nothing of it, then it stays settled;
    story = accepted(PERMIT)
    last = story.acts[-1:]
    grant = story.act(OFFICER, "decide", {"result": "grant"}, after=last)
    refusal = story.act(OFFICER_2, "decide", {"result": "refuse", **REMEDY}, after=last)
    story.act(HEAD, "adjudicate", {"uphold": [grant.act_id], "set_aside": [refusal.act_id], "reason": "x"})
    story.act(VILLAGER, "rate", {"level": "satisfied", "token": TOKEN}, after=last)
    assert not story.state.in_conflict
    # when a withdrawal arrives that knew nothing of it, then it is open anew.
    story.act(CLERK, "withdraw", {"proof": "signature"}, after=last)
    assert story.state.in_conflict


def test_suspension_and_decision_at_once() -> None:
    # Given a suspension that waits, when the decision and the second signature are made at once,
    story = accepted(PERMIT)
    facts = {"ground": "appraisal", "expected_days": 5, "applicant_told": True}
    waiting = story.act(OFFICER, "suspend", facts)
    decision = story.act(OFFICER_2, "decide", {"result": "grant"}, after=[waiting])
    second = story.act(SUPERVISOR, "countersign", {"target": waiting.act_id}, after=[waiting])
    # then the decision stands for the time being, and the suspension waits for the ruling.
    assert effects(story, decision, second) == ["", "case.conflict"]
    assert clocks(story, "2026-03-20")["statutory"] == "2026-03-02 > 2026-03-30 done:green"


def test_void_and_acceptance_at_once() -> None:
    # Given a mistake that waits for its second signature, when another machine accepts the case meanwhile,
    story = Story(FOOD)
    receipt = story.receive(CLERK)
    void = story.act(CLERK, "void", {"reason": "wrong_item"}, after=[receipt])
    accept = story.act(OFFICER, "accept", after=[receipt])
    second = story.act(
        person("colleague", CLERK.station, "window"), "countersign", {"target": void.act_id}, after=[void]
    )
    # then the case is not void until somebody rules.
    assert effects(story, accept, second) == ["", "case.conflict"]
    assert (story.state.voided, story.state.in_conflict) == (False, True)


def test_taken_over_and_recalled_at_once() -> None:
    # Given a case on its way, when the township takes it over while the village, offline, recalls it,
    story = Story(PERMIT)
    story.receive(VILLAGER)
    offer = story.act(VILLAGER, "hand_over", {"to": TOWN})
    taken = story.act(TOWN_CLERK, "take_over", after=[offer])
    recalled = story.act(VILLAGER, "recall_hand_over", {"reason": "other"}, after=[offer])
    # then it has one custodian, the organ has received, and the recall is shown beside it.
    assert effects(story, taken, recalled) == ["", "case.conflict"]
    assert (story.state.custodian, story.state.organ_received) == (TOWN, True)


def test_two_ratings_of_one_visit_at_once_count_once() -> None:
    # Given one token, when it is used at two counters that do not know of each other, then one rating counts.
    story = decided(PERMIT)
    last = story.acts[-1:]
    first = story.act(VILLAGER, "rate", {"level": "satisfied", "token": TOKEN}, after=last)
    second = story.act(CLERK, "rate", {"level": "very_unsatisfied", "token": TOKEN}, after=last)
    assert effects(story, first, second) == ["", "case.rated_already"]
    assert not story.state.in_conflict


def test_all_orders_of_arrival_give_one_case() -> None:
    # Given acts of two stations in conflict, when they arrive in another order, then case and clocks agree.
    story = accepted(PERMIT)
    last = story.acts[-1:]
    story.act(OFFICER, "decide", {"result": "grant"}, after=last)
    story.act(HEAD, "extend", TOLD, after=last)
    story.act(VILLAGER, "note", after=last)
    backwards = fold_case(reversed(story.acts), story.rules)
    assert backwards == story.state
    assert read_clocks(backwards, story.rules, CALENDARS, story.now) == read_clocks(
        story.state, story.rules, CALENDARS, story.now
    )
