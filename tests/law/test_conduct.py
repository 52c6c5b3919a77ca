"""What the law lets a counter do and what it forbids, line by line; ``! code`` ends what must be refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.facade.counter import COUNTY, signer
from tests.law.county import COMPANY, ESTATE, FELLING, FOOD, HYGIENE, INSURANCE, PROOF, RELIEF, TRADER, Case


class Told(NamedTuple):
    """A case and what must be true of it afterwards."""

    title: str
    item: str
    lines: str
    status: str
    findings: tuple[str, ...] = ()


UNMARKED = "case.finding.late_unmarked"
STEP = "case.finding.step_missing"
RECEIVING = [
    Told("the village never accepts what is decided above", FELLING, """
         2026-03-02 V1 receive
         2026-03-02 V1 accept ! case.level
         2026-03-02 V1 refuse_acceptance ! case.level
         2026-03-02 V1 request_correction ! case.level""", "received"),
    Told("handed over before acceptance, only the named station takes", FELLING, """
         2026-03-02 V1 receive
         2026-03-02 V1 hand_over to=V ! case.hand_over_self
         2026-03-02 V1 hand_over to=T
         2026-03-02 V1 advise_and_return item=990101400014 ! case.offered_away
         2026-03-02 C1 take_over ! case.not_offered
         2026-03-02 C1 accept ! case.not_custodian
         2026-03-03 T1 take_over
         2026-03-03 T1 accept""", "accepted"),
    Told("a township accepts, the county alone decides", FOOD, """
         2026-03-02 T1 receive
         2026-03-02 T1 accept
         2026-03-02 T1 decide ! case.level""", "accepted"),
    Told("a village proof of the forbidden twenty", PROOF, """
         2026-03-02 V1 receive proof_kind=marital_status ! case.proof_refused
         2026-03-02 V1 receive ! case.proof_unknown
         2026-03-02 V1 receive proof_kind=guardian_designation
         2026-03-02 V1 accept
         2026-03-02 V1 decide""", "decided"),
    Told("papers go back on the spot", FOOD, """
         2026-03-02 C1 receive
         2026-03-02T17:59 C1 advise_and_return item=990100100001""", "returned"),
    Told("papers that the organ kept overnight are answered, not handed back", FOOD, """
         2026-03-02 C1 receive
         2026-03-03T00:00 C1 advise_and_return item=990100100001 ! case.not_on_the_spot""", "received"),
    Told("told on the spot by the organ, days after the village received", FELLING, """
         2026-03-02 V1 receive
         2026-03-03 V1 hand_over to=T
         2026-03-04T09:00 T1 take_over
         2026-03-04T23:59:59.999 T1 advise_and_return item=990101400014""", "returned"),
    Told("not a day after the organ took over", FELLING, """
         2026-03-02 V1 receive
         2026-03-02 V1 hand_over to=T
         2026-03-02 T1 take_over
         2026-03-03T00:00 T1 advise_and_return item=990101400014 ! case.not_on_the_spot""", "received"),
    Told("the applicant's agent may hand papers back later", FELLING, """
         2026-03-02 V1 receive
         2026-03-03 V1 advise_and_return item=990101400014""", "returned"),
]  # fmt: skip
ACCEPTING = [
    Told("one list of corrections", FOOD, """
         2026-03-02 C1 receive
         2026-03-02 C1 request_correction missing= ! case.empty_list
         2026-03-02 C1 request_correction
         2026-03-02 C1 accept ! case.correction_open
         2026-03-03 C1 supply materials=m01
         2026-03-03 C1 accept ! case.correction_open
         2026-03-03 C1 request_correction missing=m03
         2026-03-03 C1 supply materials=m02
         2026-03-03 C1 request_correction missing=m03
         2026-03-03 C1 accept""", "accepted", ("case.finding.second_correction",) * 2),
    Told("refused on the day of receipt", FOOD, """
         2026-03-02 C1 receive
         2026-03-02 C1 refuse_acceptance ground=too_busy ! case.facts_value
         2026-03-02 C1 refuse_acceptance ground=not_our_power ! case.organ_missing
         2026-03-02 C1 refuse_acceptance reasons= ! case.refusal_incomplete
         2026-03-02T23:59:59.999 C1 refuse_acceptance ground=not_our_power organ=县公安局""", "not_accepted"),
    Told("refused a day later", FOOD, """
         2026-03-02 C1 receive
         2026-03-03T00:00 C1 refuse_acceptance""", "not_accepted", ("case.finding.refusal_not_same_day",)),
    Told("refused on the day on which the organ received from the village", FELLING, """
         2026-03-02 V1 receive
         2026-03-02 V1 hand_over to=T
         2026-03-04 T1 take_over
         2026-03-04 T1 refuse_acceptance""", "not_accepted"),
    Told("refused days after the organ received from the village", FELLING, """
         2026-03-02 V1 receive
         2026-03-02 V1 hand_over to=T
         2026-03-04 T1 take_over
         2026-03-06 T1 refuse_acceptance""", "not_accepted", ("case.finding.refusal_not_same_day",)),
    Told("refused on the day on which the list was complete", FOOD, """
         2026-03-02 C1 receive
         2026-03-03 C1 request_correction
         2026-03-10 C1 supply
         2026-03-10 C1 refuse_acceptance""", "not_accepted"),
    Told("refused a day after the list was complete", FOOD, """
         2026-03-02 C1 receive
         2026-03-03 C1 request_correction
         2026-03-10 C1 supply
         2026-03-11 C1 refuse_acceptance""", "not_accepted", ("case.finding.refusal_not_same_day",)),
    Told("what silence has accepted cannot be refused acceptance", FOOD, """
         2026-03-02 C1 receive
         2026-03-10T00:00 C1 refuse_acceptance ! case.deemed_accepted
         2026-03-10 C1 request_correction due=2026-03-20 ! case.notice_after_deemed
         2026-03-12 C1 refuse_acceptance ! case.deemed_accepted
         2026-03-12 C1 accept""", "accepted"),
    # limit 3-6 | 9; the list is open until the 12th, and on the 13th there is nothing to lapse for
    Told("nor does it lapse for what is asked after silence has accepted", FOOD, """
         2026-03-02 C1 receive
         2026-03-10 C1 request_correction due=2026-03-12 ! case.notice_after_deemed
         2026-03-13 C1 lapse ! case.state
         2026-03-13 C1 accept
         2026-03-13 C1 lapse ! case.nothing_missing
         2026-03-13 C1 decide""", "decided", ("case.finding.step_missing",)),
    # the deficit of the 10th ends on Wednesday the 11th; silence had accepted on the 9th
    Told("nor for a deficit, which is the applicant's promise all the same", FOOD, """
         2026-03-02 C1 receive
         2026-03-10T00:00 C1 accept_with_deficit due=2026-03-11
         2026-03-12 C1 lapse ! case.lapse_after_deemed
         2026-03-30 C3 lapse ! case.lapse_after_deemed
         2026-03-30 C1 decide ! case.deficit_open
         2026-03-30 C1 supply materials=m04+m05
         2026-03-30 C1 decide""", "decided", ("case.finding.step_missing",)),
    Told("a deficit taken in the last millisecond lapses", FOOD, """
         2026-03-02 C1 receive
         2026-03-09T23:59:59.999 C1 accept_with_deficit due=2026-03-11
         2026-03-11T23:59:59.999 C1 lapse ! case.due_not_passed
         2026-03-12 C1 lapse""", "lapsed"),
    # the list is complete on the 11th; acceptance anew: 12 13 | 16 17 18
    Told("nor for a deficit after a full supply that nobody answered", FOOD, """
         2026-03-02 C1 receive
         2026-03-06 C1 request_correction due=2026-03-20
         2026-03-11 C1 supply
         2026-03-19 C1 accept_with_deficit due=2026-03-19
         2026-03-20 C1 start_review
         2026-03-23 C1 lapse ! case.lapse_after_deemed""", "reviewing"),
    Told("the applicant's own withdrawal is taken all the same", FOOD, """
         2026-03-02 C1 receive
         2026-03-10 C1 accept_with_deficit due=2026-03-11
         2026-03-12 C1 withdraw""", "withdrawn"),
    Told("beyond permits nothing is deemed accepted, and what is asked late may lapse", ESTATE, """
         2026-03-02 C1 receive
         2026-03-20 C1 request_correction due=2026-03-25
         2026-03-26 C1 lapse""", "lapsed"),
    Told("in time to the last millisecond, though not on the day", FOOD, """
         2026-03-02 C1 receive
         2026-03-09T23:59:59.999 C1 refuse_acceptance""", "not_accepted",
         ("case.finding.refusal_not_same_day",)),
    Told("beyond permits silence accepts nothing, so it may be refused", ESTATE, """
         2026-03-02 C1 receive
         2026-03-12 C1 refuse_acceptance""", "not_accepted", ("case.finding.refusal_not_same_day",)),
    Told("refused while the correction is open, as on the first day", FOOD, """
         2026-03-02 C1 receive
         2026-03-02 C1 request_correction
         2026-03-02 C1 refuse_acceptance""", "not_accepted"),
]  # fmt: skip
PROMISES = [
    Told("a promise for one material, by the applicant or a special agent", FOOD, """
         2026-03-02 C1 receive commitments=m01 promise_by=applicant ! case.not_promisable
         2026-03-02 C1 receive commitments=m06 ! case.promise_unsigned
         2026-03-02 C1 receive commitments=m06 promise_by=agent_general ! case.promise_unsigned
         2026-03-02 C1 receive commitments=m06 promise_by=agent_special
         2026-03-02 C1 accept""", "accepted"),
    Told("a promise may replace what the correction asked for", FOOD, """
         2026-03-02 C1 receive
         2026-03-02 C1 request_correction missing=m01+m06
         2026-03-03 C1 supply materials=m01
         2026-03-03 C1 accept commitments=m06 promise_by=agent_general ! case.promise_unsigned
         2026-03-03 C1 accept commitments=m06 promise_by=applicant""", "accepted"),
    Told("but not what may not be promised", FOOD, """
         2026-03-02 C1 receive
         2026-03-02 C1 request_correction missing=m01
         2026-03-03 C1 accept commitments=m01 promise_by=applicant ! case.not_promisable""", "correcting"),
    Told("an approval commitment where the item has one", FOOD, """
         2026-03-02 C1 receive
         2026-03-02 C1 accept_on_commitment ! case.no_approval_commitment""", "received"),
    Told("an approval commitment is signed by the applicant", HYGIENE, """
         2026-03-02 C1 receive
         2026-03-02 C1 accept_on_commitment promise_by=agent_general ! case.promise_unsigned
         2026-03-02 C1 accept_on_commitment promise_by=agent_special
         2026-03-02 C1 decide""", "decided"),
    Told("post-checks belong to commitments", HYGIENE, """
         2026-03-02 C1 receive
         2026-03-02 C1 accept
         2026-03-03 C1 decide
         2026-03-03 C1 post_check ! case.not_on_commitment""", "decided"),
    Told("delivered below, the county still checks and revokes", HYGIENE, """
         2026-03-02 T1 receive
         2026-03-02 T1 accept_on_commitment
         2026-03-02 T1 hand_over to=C
         2026-03-02 C1 take_over
         2026-03-02 C1 decide
         2026-03-02 C4 issue
         2026-03-03 C4 hand_over to=T
         2026-03-03 T1 take_over
         2026-03-03 T1 deliver
         2026-03-03 T1 close
         2026-04-01 T1 hand_over to=C
         2026-04-01 C1 take_over
         2026-04-02 C1 post_check outcome=untrue
         2026-04-02 C1 countersign ! case.same_person
         2026-04-02 C5 countersign
         2026-04-03 C3 revoke reasons= ! case.refusal_incomplete
         2026-04-03 C3 revoke
         2026-04-03 C2 countersign
         2026-04-07 C7 archive""", "archived", ("case.finding.promise_untrue",)),
    Told("deficits: deferrable, one list, no grant, late supply taken", FOOD, """
         2026-03-02 C1 receive
         2026-03-02 C1 accept_with_deficit missing=m01 ! case.not_deferrable
         2026-03-02 C1 accept_with_deficit missing=m04+m05 due=2026-03-09
         2026-03-02 C1 accept_with_deficit ! case.state
         2026-03-03 C1 decide ! case.deficit_open
         2026-03-10 C1 supply materials=m04
         2026-03-10 C1 decide ! case.deficit_open
         2026-03-11 C1 supply materials=m05
         2026-03-11 C1 lapse ! case.nothing_missing
         2026-03-11 C1 decide""", "decided", (STEP,)),
    Told("no day that is over is told for a supply", FOOD, """
         2026-03-05 C1 receive
         2026-03-05T00:00:01 C1 request_correction due=2026-03-04 ! case.due_not_ahead
         2026-03-05 C1 request_correction due=2200-01-01 ! case.due_not_ahead
         2026-03-05 C1 request_correction due=9999-12-31 ! case.due_not_ahead
         2026-03-05T23:59:59.999 C1 request_correction due=2026-03-05
         2026-03-05T23:59:59.999 C1 lapse ! case.due_not_passed
         2026-03-06T00:00 C1 lapse""", "lapsed"),
    Told("nor for a deficit", FOOD, """
         2026-03-05 C1 receive
         2026-03-05 C1 accept_with_deficit due=2026-03-04 ! case.due_not_ahead
         2026-03-05 C1 accept_with_deficit due=2200-01-01 ! case.due_not_ahead
         2026-03-05 C1 accept_with_deficit due=2199-12-31""", "accepted"),
    Told("a deficit is promised by the applicant or a special agent", FOOD, """
         2026-03-05 C1 receive
         2026-03-05 C1 accept_with_deficit promise_by=agent_general ! case.promise_unsigned
         2026-03-05 C1 accept_with_deficit promise_by=agent_special""", "accepted"),
    Told("what the applicant gave to the agent in time cannot lapse", FELLING, """
         2026-03-02 V1 receive
         2026-03-02 V1 hand_over to=T
         2026-03-02 T1 take_over
         2026-03-03 T1 request_correction due=2026-03-06
         2026-03-06 V1 supply
         2026-03-20 T1 lapse ! case.nothing_missing
         2026-03-20 T1 supply""", "received"),
    Told("a last day that is a Saturday moves to Monday", FOOD, """
         2026-03-02 C1 receive
         2026-03-02 C1 accept_with_deficit due=2026-03-07
         2026-03-08 C1 lapse ! case.due_not_passed
         2026-03-09T23:59:59.999 C1 lapse ! case.due_not_passed
         2026-03-10T00:00 C1 lapse""", "lapsed"),
    Told("so does the day of a correction notice, over a holiday", FOOD, """
         2026-04-28 C1 receive
         2026-04-28 C1 request_correction due=2026-05-01
         2026-05-06T23:59:59.999 C1 lapse ! case.due_not_passed
         2026-05-07T00:00 C1 lapse""", "lapsed"),
    Told("a Saturday that is worked is a last day", FOOD, """
         2026-02-02 C1 receive
         2026-02-02 C1 request_correction due=2026-02-14
         2026-02-15T00:00 C1 lapse""", "lapsed"),
    Told("a deficit may lapse under review as well, after its day", FOOD, """
         2026-03-02 C1 receive
         2026-03-02 C1 accept_with_deficit due=2026-03-09
         2026-03-03 C1 start_review
         2026-03-09T23:59:59.999 C1 lapse ! case.due_not_passed
         2026-03-10T00:00 C1 lapse applicant_told=no ! case.applicant_not_told
         2026-03-10T00:00 C1 lapse""", "lapsed"),
    Told("an open deficit is no bar to a refusal", FOOD, """
         2026-03-02 C1 receive
         2026-03-02 C1 accept_with_deficit due=2026-03-09
         2026-03-03 C1 decide result=refuse ! case.refusal_incomplete
         2026-03-03 C1 decide result=refuse reasons=a review_organ=b ! case.refusal_incomplete
         2026-03-03 C1 decide result=refuse reasons=a review_organ=b court=c""", "decided"),
]  # fmt: skip
SUSPENDING = [
    *(Told(f"suspended for {ground}", FELLING, f"""
           2026-03-02 C1 receive
           2026-03-02 C1 accept
           2026-03-03 C1 suspend ground={ground}
           2026-03-03 C2 countersign""", "suspended")
      for ground in ("hearing", "tender", "auction", "inspection", "test", "quarantine", "appraisal",
                     "expert_review")),
    *(Told(f"not suspended for {ground}", FELLING, f"""
           2026-03-02 C1 receive
           2026-03-02 C1 accept
           2026-03-03 C1 suspend ground={ground} ! case.unlawful_ground""", "accepted")
      for ground in ("public_notice", "site_check", "公示", "现场核查", "holiday")),
    *(Told(f"{what} is no permit: neither suspended nor extended", item, """
           2026-03-02 T1 receive
           2026-03-02 T1 accept
           2026-03-03 T1 suspend ! case.permit_only
           2026-03-03 T3 extend ! case.permit_only""", "accepted")
      for what, item in (("confirmation", ESTATE), ("relief", RELIEF))),
    Told("two people, told in writing", FELLING, """
         2026-03-02 C1 receive
         2026-03-02 C1 suspend ! case.state
         2026-03-02 C1 accept
         2026-03-03 C1 suspend applicant_told=no ! case.applicant_not_told
         2026-03-03 C1 suspend
         2026-03-03 C5 suspend ! case.pending_exists
         2026-03-03 C1 resume ! case.state
         2026-03-03 C1 countersign ! case.same_person
         2026-03-03 C5 countersign ! case.role
         2026-03-03 T2 countersign ! case.second_elsewhere
         2026-03-03 C2 countersign
         2026-03-03 C2 countersign ! case.nothing_pending
         2026-03-04 C1 decide ! case.state
         2026-03-04 C1 resume
         2026-03-04 C1 start_review ! case.state""", "reviewing"),
    Told("extended once, by the head, and told", FELLING, """
         2026-03-02 C1 receive
         2026-03-02 C1 accept
         2026-03-03 C1 extend ! case.role
         2026-03-03 C3 extend applicant_told=no ! case.applicant_not_told
         2026-03-03 C3 extend
         2026-03-03 C3 extend ! case.second_extension""", "accepted"),
]  # fmt: skip
ENDING = [
    Told("issued, lying at the village, delivered", FELLING, """
         2026-03-02 C1 receive
         2026-03-02 C1 accept
         2026-03-03 C1 check_on_site
         2026-03-03 C5 countersign
         2026-03-03 C1 decide
         2026-03-03 C1 deliver ! case.not_issued
         2026-03-03 C4 issue
         2026-03-03 C4 hand_over to=V
         2026-03-04 V1 take_over
         2026-03-04 V1 arrive_at_village
         2026-03-04 V1 close ! case.state
         2026-03-05 V1 deliver proof=fingerprint
         2026-03-05 V1 close""", "closed"),
    Told("no certificate without a grant, the refusal is delivered", FELLING, """
         2026-03-02 C1 receive
         2026-03-02 C1 accept
         2026-03-03 C1 decide result=refuse reasons=a review_organ=b court=c
         2026-03-03 C4 issue ! case.not_granted
         2026-03-04 C1 deliver""", "delivered"),
    Told("a refusal on the spot is delivered before it is closed", INSURANCE, """
         2026-03-02 T1 receive
         2026-03-02 T1 accept
         2026-03-02 T1 decide result=refuse reasons=a review_organ=b court=c
         2026-03-02 T1 close ! case.not_delivered
         2026-03-02 T1 deliver
         2026-03-02 T1 close""", "closed"),
    Told("one visit, one rating, by the token", TRADER, """
         2026-03-02 C1 receive
         2026-03-02 C1 rate token=wrong ! case.rating_token
         2026-03-02 C1 rate
         2026-03-03 C1 rate level=very_unsatisfied ! case.rated_already""", "received"),
    Told("withdrawn by the custodian", FELLING, """
         2026-03-02 C1 receive
         2026-03-02 V1 withdraw ! case.not_custodian
         2026-03-02 V1 request_withdrawal proof=signature
         2026-03-02 C1 withdraw
         2026-03-02 C1 accept ! case.state""", "withdrawn"),
    Told("void on the day, by two", COMPANY, """
         2026-03-02 C1 receive
         2026-03-02 C1 void
         2026-03-02 C1 countersign ! case.same_person
         2026-03-02T23:59:59.999 C6 countersign
         2026-03-02T23:59:59.999 C1 accept ! case.state""", "void"),
    Told("not void a day later", COMPANY, """
         2026-03-02 C1 receive
         2026-03-03T00:00 C1 void ! case.void_too_late""", "received"),
    Told("not void when the second person comes a day later", COMPANY, """
         2026-03-02 C1 receive
         2026-03-02T23:59 C1 void
         2026-03-03T00:00 C6 countersign ! case.first_fails""", "received"),
    Told("a late entry of today that was a mistake is void today, by two", FELLING, """
         2026-03-05 V1 receive at=2026-03-02 late_entry=7
         2026-03-05 V1 void
         2026-03-05T23:59:59.999 V2 countersign""", "void"),
    Told("not void the day after it was typed", FELLING, """
         2026-03-05 V1 receive at=2026-03-02 late_entry=7
         2026-03-06T00:00 V1 void ! case.void_too_late""", "received"),
    Told("not void when the second person comes the day after", FELLING, """
         2026-03-05 V1 receive at=2026-03-02 late_entry=7
         2026-03-05T23:59 V1 void
         2026-03-06T00:00 V2 countersign ! case.first_fails""", "received"),
    Told("voided on paper on its day, both entered later", FELLING, """
         2026-03-05 V1 receive at=2026-03-02 late_entry=7
         2026-03-06 V1 void at=2026-03-02 late_entry=8
         2026-03-06 V2 countersign at=2026-03-02 late_entry=9""", "void"),
    Told("made public by the deciding level, once granted", FOOD, """
         2026-03-02 C1 receive
         2026-03-02 C1 accept
         2026-03-03 C1 record_publication published_on=2026-03-03 ! case.state
         2026-03-03 C1 decide
         2026-03-04 T1 record_publication published_on=2026-03-04 ! case.level
         2026-03-04 C1 record_publication published_on=2026-03-04
         2026-03-04 C4 issue""", "issued", (STEP,)),
    Told("what is no licence is not made public", ESTATE, """
         2026-03-02 C1 receive
         2026-03-02 C1 accept
         2026-03-03 C1 decide
         2026-03-04 C1 record_publication published_on=2026-03-04 ! case.not_public""", "decided"),
    Told("a refusal is not made public", FOOD, """
         2026-03-02 C1 receive
         2026-03-02 C1 accept
         2026-03-03 C1 decide result=refuse reasons=不合格 review_organ=溪山县人民政府 court=溪山县人民法院
         2026-03-04 C1 record_publication published_on=2026-03-04 ! case.not_granted""", "decided"),
    Told("the reason for an overrun, wherever the papers lie by then", FELLING, """
         2026-03-02 C1 receive
         2026-03-02 C1 accept
         2026-03-20 C1 decide
         2026-03-20 C4 issue
         2026-03-20 C4 hand_over to=V
         2026-03-20 V1 take_over
         2026-03-23 V1 overrun_reason ! case.role
         2026-03-23 C1 overrun_reason""", "issued", (STEP,)),
    Told("another day is claimed as a late entry or not at all", FELLING, """
         2026-03-05 V1 receive at=2026-03-02 ! case.another_day
         2026-03-05 V1 receive at=2026-03-02 late_entry=7
         2026-03-05 V1 hand_over to=T at=2026-03-03 ! case.another_day
         2026-03-05 V1 hand_over to=T at=2026-03-03 late_entry=8
         2026-03-05T15:00 T1 take_over at=2026-03-05""", "received"),
    Told("at the night's edge the day before may be claimed for four hours, and is found", FELLING, """
         2026-03-02 V1 receive
         2026-03-03T00:40 V1 hand_over to=T at=2026-03-02T23:50
         2026-03-03T03:51 T1 take_over at=2026-03-02T23:50 ! case.another_day
         2026-03-03T03:50 T1 take_over at=2026-03-02T23:50""", "received", (UNMARKED, UNMARKED)),
    Told("linked to the platform from any counter", FELLING, """
         2026-03-02 V1 receive
         2026-03-03 T1 link_external external_no=33038222""", "received"),
]  # fmt: skip
TABLE = [*RECEIVING, *ACCEPTING, *PROMISES, *SUSPENDING, *ENDING]


@pytest.mark.parametrize("row", TABLE, ids=[row.title for row in TABLE])
def test_what_a_counter_may_do(row: Told, new_case: Callable[[str], Case]) -> None:
    # Given a case told in lines, when each line happened or was refused, then state and findings are these.
    case = new_case(row.item).tell(row.lines)
    assert (case.status, tuple(case.findings())) == (row.status, row.findings)


def test_the_platforms_number_given_at_receipt_is_the_cases(new_case: Callable[[str], Case]) -> None:
    # Given a case entered in the provincial platform first, when it is received here with that number,
    case = new_case(FOOD).tell("2026-03-02 C1 receive external_no=33038777")
    assert case.case_id is not None
    # then the case is linked, and another number does not replace it unasked.
    assert case.ledger.case(case.case_id).state.external_no == "33038777"
    case.tell("2026-03-03 T1 link_external external_no=33038778 ! platform.number_held")
    assert case.ledger.case(case.case_id).state.external_no == "33038777"


@pytest.mark.parametrize(("missing", "allowed"), [("m06", True), ("m01+m06", False)])
def test_acceptance_is_offered_where_a_promise_may_replace_what_is_missing(
    missing: str, allowed: bool, new_case: Callable[[str], Case]
) -> None:
    # Given an open correction list, when all may be promised, then acceptance is offered, with that caveat.
    case = new_case(FOOD).tell(f"2026-03-02 C1 receive\n2026-03-02 C1 request_correction missing={missing}")
    assert case.case_id is not None
    page = case.ledger.case(case.case_id, actor_key=signer("C1").key_id, station=COUNTY)
    accept = next(answer for answer in page.permissions if answer.action == "accept")
    assert (accept.allowed, accept.reason_code) == (allowed, "case.correction_open")
