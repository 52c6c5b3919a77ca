"""An untrue promise bars the applicant from the way in every case held here, and never from the item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.errors import RuleError
from ledger.facade import Command, Ledger
from ledger.types import CaseId, Facts
from tests.facade.counter import COUNTY, FakeClock, at, signer
from tests.law.county import FOOD, HYGIENE, REMEDY, law_county

WANG: Facts = {"applicant": {"name": "王一", "id_kind": "resident", "id_no": "11010519491231002X"}}
SPACED: Facts = {"applicant": {"name": "王一", "id_kind": "resident", "id_no": "110105 19491231 002x"}}
LI: Facts = {"applicant": {"name": "李二", "id_kind": "passport", "id_no": "E12345678"}}
NAMELESS: Facts = {"applicant": {"name": "王一"}}
AS_AGENT: Facts = {"applicant": LI["applicant"], "agent": WANG["applicant"]}
ON_PROMISE: Facts = {"text_version": "2026-1", "promise_by": "applicant"}
PROMISED: Facts = {"materials": ["m01"], "commitments": ["m06"], "promise_by": "applicant"}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A county of its own: a bar in one case reaches all others."""
    clock = FakeClock()
    with law_county(tmp_path / "county", clock) as opened:
        clock.set("2026-03-02 09:00")
        yield opened


def act(ledger: Ledger, who: str, action: str, case: CaseId | None, facts: Facts, **more: object) -> CaseId:
    """Perform one action at the county."""
    command = Command(action=action, station=COUNTY, case=case, facts=facts)
    return ledger.perform(replace(command, **more), signer(who)).case_id  # type: ignore[arg-type]


def received(ledger: Ledger, person: Facts, item: str = HYGIENE) -> CaseId:
    """Receive an application."""
    return act(ledger, "C1", "receive", None, {"item": item}, personal=person)


def granted(ledger: Ledger, person: Facts) -> CaseId:
    """Grant a licence on the applicant's promise."""
    case = received(ledger, person)
    act(ledger, "C1", "accept_on_commitment", case, ON_PROMISE)
    act(ledger, "C1", "decide", case, {"result": "grant"})
    return case


def checked(ledger: Ledger, case: CaseId, outcome: str) -> None:
    """Check a promise afterwards, with the second person."""
    act(ledger, "C1", "post_check", case, {"outcome": outcome})
    act(ledger, "C5", "countersign", case, {"target": ledger.state(case)[0].pending[-1]})


def refusal(ledger: Ledger, *args: object, **more: object) -> RuleError:
    """Return why an action is refused."""
    with pytest.raises(RuleError) as refused:
        act(ledger, *args, **more)  # type: ignore[arg-type]
    return refused.value


def notices(ledger: Ledger, case: CaseId) -> list[str]:
    """Return the codes of the notices on the page of a case."""
    return [notice.code for notice in ledger.case(case).notices]


def test_an_untrue_promise_bars_from_the_way_in_a_later_case_and_not_from_the_item(ledger: Ledger) -> None:
    # Given a grant on a promise that proved untrue, when the same person applies again, however the number
    # was typed, then no commitment is taken, the cases are named, and the ordinary way is open.
    first = granted(ledger, WANG)
    checked(ledger, first, "untrue")
    later = received(ledger, SPACED)
    assert notices(ledger, later) == ["case.notice.promise_barred"]
    error = refusal(ledger, "C1", "accept_on_commitment", later, ON_PROMISE)
    assert (error.code, error.params["cases"]) == ("case.promise_barred", (ledger.state(first)[0].number,))
    act(ledger, "C1", "accept", later, {})
    act(ledger, "C1", "decide", later, {"result": "grant"})
    assert ledger.state(later)[0].result == "grant"


def test_both_kinds_of_commitment_are_barred_also_at_receipt(ledger: Ledger) -> None:
    checked(ledger, granted(ledger, WANG), "untrue")
    facts: Facts = {"item": FOOD, **PROMISED}
    assert refusal(ledger, "C1", "receive", None, facts, personal=WANG).code == "case.promise_barred"
    case = received(ledger, WANG, FOOD)
    error = refusal(ledger, "C1", "accept", case, {"commitments": ["m06"], "promise_by": "applicant"})
    assert error.code == "case.promise_barred"


def test_nobody_else_is_barred(ledger: Ledger) -> None:
    # Given the bar, others, people without a number, and the same person as somebody's agent may promise.
    checked(ledger, granted(ledger, WANG), "untrue")
    for person in (LI, NAMELESS, AS_AGENT):
        case = granted(ledger, person)
        assert notices(ledger, case) == []
    # and where an agent's own client promised untruly, the agent is free.
    checked(ledger, granted(ledger, AS_AGENT), "untrue")
    assert refusal(ledger, "C1", "accept_on_commitment", received(ledger, LI), ON_PROMISE)
    true = granted(ledger, NAMELESS)
    checked(ledger, true, "true")
    granted(ledger, NAMELESS)


def test_a_true_promise_and_one_not_countersigned_bar_nobody(ledger: Ledger) -> None:
    first = granted(ledger, WANG)
    checked(ledger, first, "true")
    act(ledger, "C1", "post_check", first, {"outcome": "untrue"})
    granted(ledger, WANG)


def test_a_revocation_for_an_untrue_promise_bars_as_well(ledger: Ledger) -> None:
    first = granted(ledger, WANG)
    act(ledger, "C3", "revoke", first, {"ground": "untrue_promise", **REMEDY})
    act(ledger, "C2", "countersign", first, {"target": ledger.state(first)[0].pending[-1]})
    error = refusal(ledger, "C1", "accept_on_commitment", received(ledger, WANG), ON_PROMISE)
    assert error.code == "case.promise_barred"


def test_a_repaired_credit_record_opens_the_way_again(ledger: Ledger) -> None:
    checked(ledger, granted(ledger, WANG), "untrue")
    later = received(ledger, WANG)
    blank = refusal(ledger, "C1", "accept_on_commitment", later, {**ON_PROMISE, "credit_repair": " "})
    assert blank.code == "case.blank_text"
    act(ledger, "C1", "accept_on_commitment", later, {**ON_PROMISE, "credit_repair": "信修〔2026〕7号"})
    assert ledger.state(later)[0].approval_commitment
    assert notices(ledger, later) == ["case.notice.promise_barred"]


def test_a_promise_taken_before_stands(ledger: Ledger) -> None:
    # Given two grants on promise, when the first proves untrue, then the second stands as it is; one taken on
    # paper before that, and entered afterwards, is taken as well.
    first, second, third = granted(ledger, WANG), granted(ledger, WANG), received(ledger, WANG)
    taken_ms = ledger.clock.now_ms()
    checked(ledger, first, "untrue")
    assert notices(ledger, second) == ["case.notice.promise_barred"]
    paper: Facts = {**ON_PROMISE, "late_entry": {"paper_no": "3", "reason": "network"}}
    act(ledger, "C1", "accept_on_commitment", third, paper, occurred_at_ms=taken_ms)
    assert notices(ledger, third) == ["case.notice.promise_barred"]


def test_a_promise_taken_where_the_bar_was_not_known_is_told(ledger: Ledger) -> None:
    # Given a check of the 3rd that is entered on the 5th, when a promise was taken on the 4th,
    first = granted(ledger, WANG)
    ledger.clock.set("2026-03-04 09:00")  # type: ignore[attr-defined]
    second = granted(ledger, WANG)
    ledger.clock.set("2026-03-05 09:00")  # type: ignore[attr-defined]
    on_paper: Facts = {"late_entry": {"paper_no": "3", "reason": "network"}}
    when = at("2026-03-03 09:00")
    act(ledger, "C1", "post_check", first, {"outcome": "untrue", **on_paper}, occurred_at_ms=when)
    target = {"target": ledger.state(first)[0].pending[-1]}
    act(ledger, "C5", "countersign", first, {**target, **on_paper}, occurred_at_ms=when + 1)
    # then the grant stands, and its page says so.
    assert ledger.state(second)[0].result == "grant"
    assert notices(ledger, second) == ["case.notice.promised_though_barred"]


def test_an_erased_case_bars_nobody(ledger: Ledger) -> None:
    first = granted(ledger, WANG)
    checked(ledger, first, "untrue")
    erase = Command(action="erase", station=COUNTY, case=first, facts={"ground": "period_over"})
    ledger.erase(erase, signer("C3"))
    granted(ledger, WANG)


def test_a_number_that_was_corrected_bars_nobody(ledger: Ledger) -> None:
    # Given a case whose promise proved untrue and whose applicant was then found to be somebody else,
    case = granted(ledger, WANG)
    checked(ledger, case, "untrue")
    held = received(ledger, WANG)
    assert notices(ledger, held) == ["case.notice.promise_barred"]
    target = ledger.state(case)[0].steps[0].act.act_id
    facts: Facts = {"target": target, "personal_fields": ["applicant.id_no"], "reason": "认错人"}
    act(ledger, "C1", "amend", case, facts, personal=LI)
    # then the number that was written by mistake bars no longer, and the right one does.
    assert notices(ledger, held) == []
    assert notices(ledger, received(ledger, LI)) == ["case.notice.promise_barred"]
