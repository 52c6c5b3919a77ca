"""The life of a case, told the way the counter knows it, one rule at a time."""

from __future__ import annotations

import pytest

from ledger.cases.case import check, facts_of
from ledger.cases.permit import may
from ledger.cases.shape import CaseAct
from ledger.errors import InputError, RuleError
from tests.cases.counter import (
    CLERK,
    COUNTY,
    FOOD,
    HEAD,
    INSTANT,
    ISSUER,
    KIOSK_KEY,
    OFFICER,
    OFFICER_2,
    OTHER_VILLAGE,
    PERMIT,
    PROMISE,
    PROOF,
    REMEDY,
    SUPERVISOR,
    TOKEN,
    TOWN,
    TOWN_CLERK,
    VILLAGE,
    VILLAGER,
    VILLAGER_2,
    Person,
    Story,
    accepted,
    actor,
    at,
    decided,
    person,
)


def test_three_levels_from_the_village_to_the_signature() -> None:
    story = Story(PERMIT)
    received = story.receive(VILLAGER)
    assert (story.state.capacity, story.state.custodian) == ("applicant_agent", VILLAGE)
    assert story.events(received) == ()
    taken = story.move(VILLAGER, TOWN_CLERK)
    assert story.events(taken) == ("organ_receipt",)
    story.act(TOWN_CLERK, "accept")
    last = story.move(TOWN_CLERK, OFFICER)
    assert story.events(last) == ("deciding_receipt",)
    story.act(OFFICER, "start_review")
    story.act(OFFICER, "decide", {"result": "grant"})
    story.act(ISSUER, "issue", {"certificate_no": "采2026-7"})
    story.move(ISSUER, VILLAGER)
    story.act(VILLAGER, "arrive_at_village")
    assert (story.state.at_village, story.state.status) == (True, "issued")
    story.act(VILLAGER, "deliver", {"method": "counter", "receiver": "applicant", "proof": "fingerprint"})
    story.act(VILLAGER, "close")
    story.act(person("village archivist", VILLAGE, "archivist"), "archive", {"period": "30"})
    assert story.state.status == "archived"
    assert all(step.effective for step in story.state.steps)


def test_the_organs_own_counter_starts_the_laws_clock() -> None:
    story = Story(PERMIT)
    assert story.events(story.receive(CLERK)) == ("organ_receipt", "deciding_receipt")


@pytest.mark.parametrize(
    ("who", "code"),
    [(VILLAGER, "case.level"), (ISSUER, "case.role"), (KIOSK_KEY, "case.role")],
)
def test_a_village_never_accepts_what_is_decided_above(who: Person, code: str) -> None:
    story = Story(PERMIT)
    story.receive(VILLAGER)
    assert story.reason(story.act(who, "accept")) == code


def test_only_the_custodian_acts() -> None:
    story = accepted()
    elsewhere = story.act(TOWN_CLERK, "start_review")
    assert story.reason(elsewhere) == "case.not_custodian"
    assert story.state.steps[-1].params["custodian"] == COUNTY


def test_while_offered_the_giver_waits_and_only_the_named_station_takes() -> None:
    story = accepted()
    story.act(CLERK, "hand_over", {"to": TOWN})
    assert story.reason(story.act(OFFICER, "start_review")) == "case.offered_away"
    assert story.reason(story.act(VILLAGER, "take_over")) == "case.not_offered"
    story.act(TOWN_CLERK, "decline_hand_over", {"reason": "wrong_station"})
    assert (story.state.offered_to, story.state.custodian) == ("", COUNTY)
    assert (
        story.reason(story.act(CLERK, "recall_hand_over", {"reason": "withdrawn"})) == "case.nothing_offered"
    )
    assert story.reason(story.act(CLERK, "hand_over", {"to": COUNTY})) == "case.hand_over_self"


def test_correction_once_and_full_supply() -> None:
    story = Story(FOOD)
    story.receive(CLERK, materials=["m01"])
    story.act(CLERK, "request_correction", {"missing": ["m02", "m03"], "due": "2026-03-09"})
    assert story.state.status == "correcting"
    assert story.reason(story.act(CLERK, "accept")) == "case.correction_open"
    story.act(VILLAGER, "supply", {"materials": ["m02"]})
    late = story.act(CLERK, "supply", {"materials": ["m03"]}, when="2026-03-11 10:00")
    assert story.events(late) == ("late_supply", "correction_cleared")
    assert (story.state.status, story.state.correction) == ("correcting", frozenset())
    last = story.act(CLERK, "supply", {"materials": ["m02"]}, when="2026-03-11 11:00")
    assert story.events(last) == ("full_supply", "deciding_supply")
    assert story.state.status == "received"
    second = story.act(CLERK, "request_correction", {"missing": ["m04"], "due": "2026-03-20"})
    assert story.reason(second) == "case.second_correction"
    assert story.findings() == ["case.finding.second_correction"]
    assert story.reason(story.act(CLERK, "accept")) == ""


def test_what_was_handed_in_may_not_be_asked_again() -> None:
    story = Story(FOOD)
    story.receive(TOWN_CLERK, materials=["m01", "m02"])
    story.act(TOWN_CLERK, "request_correction", {"missing": ["m02"], "due": "2026-03-09"})
    assert story.findings() == ["case.finding.asked_again"]


def test_deficit_only_for_deferrable_materials_and_no_grant_while_open() -> None:
    story = Story(FOOD)
    story.receive(CLERK)
    deficit = {"missing": ["m01"], "due": "2026-03-09", "promise_by": "applicant"}
    assert story.reason(story.act(CLERK, "accept_with_deficit", {**deficit})) == "case.not_deferrable"
    story.act(CLERK, "accept_with_deficit", {**deficit, "missing": ["m04", "m05"]})
    assert story.reason(story.act(OFFICER, "decide", {"result": "grant"})) == "case.deficit_open"
    story.act(VILLAGER, "supply", {"materials": ["m04"]})
    cleared = story.act(VILLAGER, "supply", {"materials": ["m05"]})
    assert story.events(cleared) == ("deficit_cleared",)
    assert story.reason(story.act(OFFICER, "decide", {"result": "grant"})) == ""


def test_an_open_deficit_does_not_keep_from_refusing_and_may_lapse_after_its_day() -> None:
    story = Story(FOOD)
    story.receive(CLERK)
    story.act(
        CLERK, "accept_with_deficit", {"missing": ["m04"], "due": "2026-03-09", "promise_by": "applicant"}
    )
    early = story.act(OFFICER, "lapse", {"applicant_told": True}, when="2026-03-09 23:59")
    assert story.reason(early) == "case.due_not_passed"
    story.act(OFFICER, "lapse", {"applicant_told": True}, when="2026-03-10 00:00")
    assert story.state.status == "lapsed"


def test_proof_commitment_replaces_a_material_only_where_the_item_says_so() -> None:
    story = Story(FOOD)
    refused = story.receive(CLERK, commitments=["m01"], promise_by="applicant")
    assert story.reason(refused) == "case.not_promisable"
    story = Story(FOOD)
    general = story.receive(CLERK, commitments=["m06"], promise_by="agent_general")
    assert story.reason(general) == "case.promise_unsigned"
    story = Story(FOOD)
    story.receive(CLERK, commitments=["m06"], promise_by="agent_special")
    assert story.state.proof_commitments == {"m06"}


def test_approval_commitment_decides_on_the_spot_and_starts_the_post_check() -> None:
    story = Story(PROMISE)
    story.receive(CLERK)
    story.act(CLERK, "accept_on_commitment", {"text_version": "2026-1", "promise_by": "applicant"})
    decision = story.act(OFFICER, "decide", {"result": "grant"})
    assert story.events(decision) == ("commitment_decision",)
    check_ = story.act(OFFICER, "post_check", {"outcome": "untrue"})
    assert story.reason(check_) == "case.awaiting_second"
    story.act(OFFICER_2, "countersign", {"target": check_.act_id})
    assert story.state.promise_untrue
    assert story.findings() == ["case.finding.promise_untrue"]
    revoke = story.act(HEAD, "revoke", {"ground": "untrue_promise", **REMEDY})
    story.act(SUPERVISOR, "countersign", {"target": revoke.act_id})
    assert story.state.status == "revoked"


def test_commitment_is_refused_for_other_items() -> None:
    story = Story(FOOD)
    story.receive(CLERK)
    act = story.act(CLERK, "accept_on_commitment", {"text_version": "1", "promise_by": "applicant"})
    assert story.reason(act) == "case.no_approval_commitment"


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"ground": "no_permit_needed", **REMEDY}, ""),
        ({"ground": "not_our_power", **REMEDY}, "case.organ_missing"),
        ({"ground": "not_our_power", "organ": "县公安局", **REMEDY}, ""),
        ({"ground": "not_our_power", "organ": "县公安局"}, "case.facts_missing"),
    ],
)
def test_refusal_of_acceptance_has_two_grounds_and_remedies(facts: dict[str, object], code: str) -> None:
    story = Story(PERMIT)
    story.receive(CLERK)
    assert story.reason(story.act(CLERK, "refuse_acceptance", facts)) == code


def test_refusal_of_acceptance_on_a_later_day_is_a_finding() -> None:
    story = Story(PERMIT)
    story.receive(CLERK)
    story.act(CLERK, "refuse_acceptance", {"ground": "no_permit_needed", **REMEDY}, when="2026-03-03 09:00")
    assert story.state.status == "not_accepted"
    assert story.findings() == ["case.finding.refusal_not_same_day"]


def suspend(story: Story, ground: str = "appraisal", told: bool = True) -> CaseAct:
    facts = {"ground": ground, "expected_days": 15, "applicant_told": told}
    return story.act(OFFICER, "suspend", facts)


def test_suspension_takes_effect_with_the_second_person() -> None:
    story = accepted()
    act = suspend(story)
    assert story.state.status == "accepted"
    assert story.reason(story.act(OFFICER, "countersign", {"target": act.act_id})) == "case.same_person"
    story.act(SUPERVISOR, "countersign", {"target": act.act_id})
    assert (story.state.status, story.state.suspended_for) == ("suspended", "appraisal")
    step = next(step for step in story.state.steps if step.act.action == "suspend")
    assert step.effect_at_ms == story.now
    assert step.by_countersign == story.acts[-1].act_id
    story.act(OFFICER, "resume")
    assert story.state.status == "reviewing"


@pytest.mark.parametrize("ground", ["public_notice", "site_check", "公示"])
def test_an_unlawful_ground_is_kept_without_effect_as_a_finding(ground: str) -> None:
    story = accepted()
    act = suspend(story, ground)
    assert story.reason(act) == "case.unlawful_ground"
    assert story.findings() == ["case.finding.unlawful_ground"]
    assert story.state.pending == ()


def test_suspension_and_extension_belong_to_permits() -> None:
    story = Story("990101100011")  # real-estate transfer: confirmation
    story.receive(CLERK)
    story.act(CLERK, "accept")
    assert story.reason(suspend(story)) == "case.permit_only"
    late = story.act(HEAD, "extend", {"reason": "案情复杂", "applicant_told": True})
    assert story.reason(late) == "case.permit_only"


def test_extension_once_by_the_head_and_told() -> None:
    story = accepted()
    untold = story.act(HEAD, "extend", {"reason": "x", "applicant_told": False})
    assert story.reason(untold) == "case.applicant_not_told"
    assert story.reason(story.act(OFFICER, "extend", {"reason": "x", "applicant_told": True})) == "case.role"
    assert story.reason(story.act(HEAD, "extend", {"reason": "x", "applicant_told": True})) == ""
    again = story.act(HEAD, "extend", {"reason": "x", "applicant_told": True})
    assert story.reason(again) == "case.second_extension"
    assert story.findings() == ["case.finding.second_extension"]
    answers = {one.action: one for one in may(story.state, story.rules, actor(HEAD), story.now)}
    assert (answers["extend"].allowed, answers["extend"].reason_code) == (False, "case.second_extension")


def test_a_refusal_names_reasons_and_remedies() -> None:
    story = accepted()
    assert story.reason(story.act(OFFICER, "decide", {"result": "refuse"})) == "case.refusal_incomplete"
    story.act(OFFICER, "decide", {"result": "refuse", **REMEDY})
    assert story.reason(story.act(ISSUER, "issue", {"certificate_no": "1"})) == "case.not_granted"
    story.act(CLERK, "deliver", {"method": "counter", "receiver": "applicant", "proof": "signature"})
    assert story.state.status == "delivered"


def test_no_delivery_of_a_certificate_that_does_not_exist() -> None:
    story = decided()
    receipt = {"method": "counter", "receiver": "applicant", "proof": "signature"}
    assert story.reason(story.act(CLERK, "deliver", receipt)) == "case.not_issued"


def test_a_prescribed_step_that_is_missing_is_a_finding() -> None:
    assert "case.finding.step_missing" in decided().findings()


def test_rating_once_per_visit_with_the_applicants_token() -> None:
    story = decided()
    assert (
        story.reason(story.act(CLERK, "rate", {"level": "satisfied", "token": b"x"})) == "case.rating_token"
    )
    assert story.reason(story.act(VILLAGER, "rate", {"level": "satisfied", "token": TOKEN})) == ""
    again = story.act(VILLAGER, "rate", {"level": "very_unsatisfied", "token": TOKEN})
    assert story.reason(again) == "case.rated_already"


def test_void_on_the_same_day_by_two_people_keeps_everything() -> None:
    story = Story(PERMIT)
    story.receive(VILLAGER, when="2026-03-02 09:00")
    void = story.act(VILLAGER, "void", {"reason": "wrong_item"})
    assert not story.state.voided
    story.act(VILLAGER_2, "countersign", {"target": void.act_id}, when="2026-03-02 23:59")
    assert (story.state.status, story.state.voided, len(story.state.steps)) == ("void", True, 3)
    assert story.reason(story.act(CLERK, "note")) == "case.state"


@pytest.mark.parametrize("moment", ["2026-03-03 00:00", "2026-03-03 09:00"])
def test_void_is_too_late_on_the_next_day(moment: str) -> None:
    story = Story(PERMIT)
    story.receive(VILLAGER, when="2026-03-02 09:00")
    void = story.act(VILLAGER, "void", {"reason": "wrong_item"})
    story.act(VILLAGER_2, "countersign", {"target": void.act_id}, when=moment)
    assert not story.state.voided
    assert story.state.steps[-1].reason == "case.first_fails"
    assert story.reason(story.act(VILLAGER, "void", {"reason": "other"})) != ""


def test_a_village_with_one_clerk_is_countersigned_from_above_not_from_beside() -> None:
    story = Story(PERMIT)
    story.receive(VILLAGER)
    void = story.act(VILLAGER, "void", {"reason": "duplicate"})
    beside = person("clerk next door", OTHER_VILLAGE, "window")
    assert story.reason(story.act(beside, "countersign", {"target": void.act_id})) == "case.second_elsewhere"
    assert story.reason(story.act(TOWN_CLERK, "countersign", {"target": void.act_id})) == ""
    assert story.state.voided


def test_amend_overlays_and_keeps_the_original() -> None:
    story = decided()
    issue = story.act(ISSUER, "issue", {"certificate_no": "采2026-7"})
    amend = {"target": issue.act_id, "changes": {"certificate_no": "采2026-8"}, "reason": "抄错"}
    story.act(CLERK, "amend", amend)
    assert story.state.certificate_no == "采2026-8"
    assert facts_of(story.state, issue.act_id)["certificate_no"] == "采2026-8"
    assert issue.facts["certificate_no"] == "采2026-7"
    steering = {"target": story.acts[2].act_id, "changes": {"result": "refuse"}, "reason": "x"}
    assert story.reason(story.act(CLERK, "amend", steering)) == "case.amend_field"


def test_advice_on_the_spot_leaves_a_trace_without_receipt() -> None:
    story = Story(PERMIT)
    facts = {"item": PERMIT, "reason": "materials_missing", "missing": ["m02"]}
    story.act(CLERK, "advise_and_return", facts)
    assert (story.state.status, story.state.organ_received) == ("returned", False)


def test_village_proofs_refused_with_where_to_go() -> None:
    story = Story(PROOF)
    refused = story.receive(VILLAGER, proof_kind="marital_status")
    assert story.reason(refused) == "case.proof_refused"
    assert "婚姻登记" in str(story.state.steps[0].params["go_to"])
    story = Story(PROOF)
    assert story.reason(story.receive(VILLAGER, proof_kind="anything")) == "case.proof_unknown"
    story = Story(PROOF)
    story.receive(VILLAGER, proof_kind="guardian_designation")
    assert story.events(story.acts[0]) == ("organ_receipt", "deciding_receipt")
    story.act(VILLAGER, "accept")
    story.act(VILLAGER, "decide", {"result": "grant"})
    assert story.state.status == "decided"


def test_a_kiosk_closes_only_on_the_organs_result() -> None:
    story = Story(INSTANT)
    story.receive(KIOSK_KEY)
    assert story.state.capacity == "applicant_agent"
    assert story.reason(story.act(KIOSK_KEY, "close")) == "case.state"
    result = {"result": "grant", "organ": "溪山县医疗保障局", "external_no": "33-1", "evidence": bytes(32)}
    silent = {name: value for name, value in result.items() if name != "evidence"}
    assert story.reason(story.act(KIOSK_KEY, "record_result", silent)) == "case.no_evidence"
    blank = {**silent, "evidence_paper": " "}
    assert story.reason(story.act(KIOSK_KEY, "record_result", blank)) == "case.no_evidence"
    story.act(KIOSK_KEY, "record_result", result)
    assert story.reason(story.act(KIOSK_KEY, "close")) == ""
    assert (story.state.status, story.state.external_no) == ("closed", "33-1")


def test_late_entry_from_paper_is_marked_and_unmarked_is_a_finding() -> None:
    story = Story(PERMIT)
    marked = {"item": PERMIT, "number": "N1", "late_entry": {"paper_no": "7", "reason": "power"}}
    story.act(VILLAGER, "receive", marked, recorded=at("2026-03-05 09:00"))
    assert story.findings() == []
    story.act(VILLAGER, "note", recorded=at("2026-03-05 09:00"))
    assert story.findings() == ["case.finding.late_unmarked"]


def test_link_to_the_platform_from_any_counter() -> None:
    story = accepted()
    story.act(VILLAGER, "link_external", {"external_no": "3303822214081910"})
    assert story.state.external_no == "3303822214081910"


def test_check_refuses_before_signing_with_the_same_code() -> None:
    story = accepted()
    state = story.state
    wrong = story.act(OFFICER, "decide", {"result": "refuse"})
    with pytest.raises(RuleError) as refused:
        check(state, story.rules, wrong)
    assert refused.value.code == "case.refusal_incomplete"
    typed = Story(PERMIT, acts=story.acts[:2])
    with pytest.raises(InputError) as missing:
        check(typed.state, story.rules, typed.act(OFFICER, "decide", {}))
    assert (missing.value.code, missing.value.params["field"]) == ("case.facts_missing", "result")


def test_check_takes_what_waits_for_a_second_person_and_the_first_act() -> None:
    story = Story(PERMIT)
    opening = story.receive(CLERK)
    check(None, story.rules, opening)
    story.act(CLERK, "accept")
    state = story.state
    check(state, story.rules, suspend(story))


def test_a_blocked_act_is_kept_without_effect() -> None:
    story = accepted()
    act = story.act(OFFICER, "decide", {"result": "grant"}, blocked="authority.none")
    assert story.reason(act) == "authority.none"
    assert story.state.status == "accepted"


def test_facts_that_nobody_declared_have_no_effect() -> None:
    story = accepted()
    act = story.act(OFFICER, "start_review", {"applicant_name": "王小明"})
    assert story.reason(act) == "case.facts_unknown"


def test_who_cannot_defer_is_told_why_before_anything_is_typed() -> None:
    """An item without papers that may follow; a list that holds one that may not."""

    def deferring(story: Story, who: Person) -> tuple[bool, str]:
        answers = may(story.state, story.rules, actor(who), story.now)
        return next((one.allowed, one.reason_code) for one in answers if one.action == "accept_with_deficit")

    story = Story(INSTANT)
    story.receive(TOWN_CLERK)
    assert deferring(story, TOWN_CLERK) == (False, "case.not_deferrable")
    for missing, told in (("m01", (False, "case.correction_open")), ("m04", (True, ""))):
        story = Story(FOOD)
        story.receive(TOWN_CLERK)
        assert deferring(story, TOWN_CLERK) == (True, "")
        story.act(TOWN_CLERK, "request_correction", {"missing": [missing], "due": "2026-03-20"})
        assert deferring(story, TOWN_CLERK) == told
