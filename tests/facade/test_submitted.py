"""Acts handed in by another process: everything that was asked when they were prepared is asked again."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from ledger.calendars import shipped_facts
from ledger.errors import BanjianError, RuleError
from ledger.facade import Command, Ledger
from ledger.facade.base.types import SignedAct
from ledger.facade.cases.signing import sign_bodies
from ledger.formats.body import new_body, open_body
from ledger.registry import actions as registry_actions
from ledger.types import CaseId, Facts
from stations.serving.wire import decode_signed, encode_signed
from tests.facade.counter import APPLICANT, COUNTY, PERMIT, REGISTRAR, act, receive, signer


def prepared(ledger: Ledger, staff_no: str = "C1") -> SignedAct:
    command = Command(action="receive", station=COUNTY, facts={"item": PERMIT}, personal=APPLICANT)
    return ledger.prepare(command, signer(staff_no))


def opening_facts(ledger: Ledger) -> Facts:
    held = open_body(prepared(ledger).facts, limit_bytes=1 << 16)
    return {name: value for name, value in held.items() if name != "salt"}


def signed_by_hand(
    ledger: Ledger, action: str, facts: Facts, *, case: CaseId | None = None, back: int = 0
) -> SignedAct:
    """Return an act that the author signed without asking the program."""
    return sign_bodies(
        ledger_id=ledger.ledger_id,
        case_id=case or CaseId(b""),
        parents=() if case is None else ledger.state(case)[0].heads,
        action=action,
        station=COUNTY,
        registry_size=ledger.knowledge.registry.size - back,
        catalogue_version=ledger.knowledge.catalogue.size,
        occurred_at_ms=ledger.clock.now_ms(),
        facts=new_body(facts, os.urandom(16)),
        personal=b"",
        signer=signer("C1"),
    )


def refusal(ledger: Ledger, signed: SignedAct) -> str:
    before = [log.size for log in ledger.logs()]
    with pytest.raises(BanjianError) as caught:
        ledger.submit(signed, COUNTY)
    assert [log.size for log in ledger.logs()] == before
    return caught.value.code


def test_two_acts_prepared_beside_each_other_do_not_share_a_number(ledger: Ledger) -> None:
    first, second = prepared(ledger), prepared(ledger, "C4")
    assert first.number == second.number
    ledger.submit(first, COUNTY)
    assert refusal(ledger, second) == "number.taken"
    again = ledger.submit(prepared(ledger, "C4"), COUNTY)
    assert ledger.resolve(again.number) == again.case_id


@pytest.mark.parametrize("action", ["receive", "link_external"])
def test_two_acts_prepared_beside_each_other_do_not_share_a_number_of_the_platform(
    ledger: Ledger, action: str
) -> None:
    # Given one number that two windows prepare to note, each in a case of its own,
    linked: Facts = {"external_no": "33038226077", "platform": "省政务服务平台"}
    facts: Facts = {"item": PERMIT, "external_no": "33038226077"} if action == "receive" else linked
    cases = [None if action == "receive" else receive(ledger).case_id for _ in range(2)]
    commands = [
        Command(
            action=action, station=COUNTY, case=case, facts=facts,
            personal=APPLICANT if action == "receive" else None,
        )
        for case in cases
    ]  # fmt: skip
    first, second = (ledger.prepare(command, signer("C1")) for command in commands)
    # when the first is stored, then the second is refused as it would be at the counter,
    done = ledger.submit(first, COUNTY)
    assert refusal(ledger, second) == "platform.number_used"
    # and taken when its author says that it is so on purpose, also from another process.
    meant = ledger.prepare(replace(commands[1], same_number=True), signer("C1"))
    again = ledger.submit(decode_signed(encode_signed(meant)), COUNTY)
    assert {row.case_id for row in ledger.find("33038226077")} == {done.case_id, again.case_id}


def test_the_number_of_another_case_is_refused(ledger: Ledger) -> None:
    taken = receive(ledger).number
    with pytest.raises(RuleError, match=r"number.taken"):
        receive(ledger, number=taken)


def test_a_number_of_another_log_does_not_move_the_count(ledger: Ledger) -> None:
    other = act(ledger, "T1", "receive", personal=APPLICANT, item=PERMIT).number
    first = receive(ledger).number
    receive(ledger, number=other.rpartition("-")[0].replace("0001", "0900"))
    receive(ledger, number="县里来的旧编号")
    assert int(receive(ledger).number.split("-")[4]) == int(first.split("-")[4]) + 1


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("accept", "case.facts_unknown"),
        ("enrol_staff", "act.not_effective"),
        ("open_log", "case.unknown_action"),
    ],
)
def test_only_an_opening_action_opens_a_case(ledger: Ledger, action: str, code: str) -> None:
    assert refusal(ledger, signed_by_hand(ledger, action, opening_facts(ledger))) == code


def test_an_opening_act_without_a_proper_number_is_refused(ledger: Ledger) -> None:
    facts = opening_facts(ledger)
    assert (
        refusal(ledger, signed_by_hand(ledger, "receive", {**facts, "number": "9" * 300}))
        == "case.facts_value"
    )
    del facts["number"]
    assert refusal(ledger, signed_by_hand(ledger, "receive", facts)) == "case.facts_missing"


def test_an_act_that_the_case_does_not_allow_is_refused(ledger: Ledger) -> None:
    case = receive(ledger).case_id
    assert refusal(ledger, signed_by_hand(ledger, "start_review", {}, case=case)) == "case.state"


def test_a_key_retired_meanwhile_signs_nothing_more(ledger: Ledger) -> None:
    waiting = prepared(ledger, "C4")
    facts = registry_actions.retire_key(key_id=signer("C4").key_id, reason="compromised", log_sizes=())
    ledger.register("retire_key", facts, REGISTRAR)
    assert refusal(ledger, waiting) == "act.outdated"


def test_an_act_under_an_older_registry_or_catalogue_is_refused(ledger: Ledger) -> None:
    assert refusal(ledger, signed_by_hand(ledger, "receive", opening_facts(ledger), back=1)) == "act.outdated"
    waiting = prepared(ledger)
    ledger.publish("publish_calendar", {**shipped_facts()[-1], "version": 2}, REGISTRAR)
    assert refusal(ledger, waiting) == "act.outdated"
