"""All 48 items: which clocks a receipt starts at each level, and on which days their limits end."""

from __future__ import annotations

from datetime import date

import pytest

from ledger.calendars import calendar_set
from ledger.cases.case import fold_case
from ledger.cases.shape import CaseAct, CaseState
from ledger.clocks.clocks import ClockReading, read_clocks
from ledger.data import items
from ledger.rules.catalogue import Rules
from ledger.types import ActId, Facts, KeyId, StationId
from tests.cases.counter import at, rules_of

CALENDARS = calendar_set()
STATIONS = {
    "county": StationId("990121000000-00"),
    "township": StationId("990121001000-00"),
    "village": StationId("990121001001-00"),
    "kiosk": StationId("990121000000-K1"),
    "agent": StationId("990121000000-B1"),
}
ROLES = {"kiosk": frozenset({"kiosk"}), "agent": frozenset({"agent"})}
OFFICE = frozenset({"window", "officer"})
CODES = [item.base_code for item in items()]
RECEIPTS = [(item.base_code, level) for item in items() for level in sorted(item.receive_levels)]
DUE_FROM_MONDAY_2_MARCH_2026 = {
    # 3-6 | 9-13 | 16-20 | 23-27 | 30-3 | 7-10 | 13-17 | 20-24 | 27-30 | 6-8
    0: date(2026, 3, 2), 1: date(2026, 3, 3), 3: date(2026, 3, 5), 5: date(2026, 3, 9), 7: date(2026, 3, 11),
    8: date(2026, 3, 12), 10: date(2026, 3, 16), 12: date(2026, 3, 18), 15: date(2026, 3, 23),
    20: date(2026, 3, 30), 30: date(2026, 4, 14), 45: date(2026, 5, 8),
}  # fmt: skip
"""By number of working days; 4 to 6 April and 1 to 5 May are off."""


def act_of(number: int, action: str, level: str, before: tuple[CaseAct, ...], facts: Facts) -> CaseAct:
    """Return an act at a level that follows the ones before it."""
    moment = at("2026-03-02 09:00") + number * 60_000
    return CaseAct(
        act_id=ActId(bytes([number + 1]) * 32),
        parents=tuple(act.act_id for act in before[-1:]),
        action=action,
        station=STATIONS[level],
        station_level=level,
        actor=KeyId(level.encode().ljust(16, b".")),
        staff_no=level,
        roles=ROLES.get(level, OFFICE),
        occurred_at_ms=moment,
        recorded_at_ms=moment,
        catalogue_version=2,
        facts=facts,
    )


def run(rules: Rules, *told: tuple[str, str, Facts]) -> tuple[CaseState, dict[str, ClockReading]]:
    """Return the case and its clocks at noon of Monday 2 March 2026."""
    acts: tuple[CaseAct, ...] = ()
    for number, (action, level, facts) in enumerate(told):
        acts = (*acts, act_of(number, action, level, acts, facts))
    state = fold_case(acts, rules)
    assert [(step.action, step.reason) for step in state.steps if not step.effective] == []
    readings = read_clocks(state, rules, CALENDARS, at("2026-03-02 12:00"))
    return state, {reading.clock: reading for reading in readings}


def opening(rules: Rules) -> Facts:
    """Return the facts of a receipt."""
    facts: Facts = {"item": rules.item.base_code, "number": "N1"}
    return {**facts, "proof_kind": "guardian_designation"} if rules.item.proofs else facts


@pytest.mark.parametrize(("code", "level"), RECEIPTS)
def test_what_a_receipt_starts(code: str, level: str) -> None:
    # Given an item, when it is received at a level,
    rules = rules_of(code)
    item = rules.item
    _, clocks = run(rules, ("receive", level, opening(rules)))
    # then the law's clock runs only where the organ itself received, the internal one where it must travel;
    organ = item.receipt_capacity[level] == "receiving_point"
    assert ("acceptance" in clocks, "forwarding" in clocks) == (organ, not organ)
    # no village, kiosk or bank point is the organ, but for the proof that the village gives itself;
    if level in ("village", "kiosk", "agent"):
        assert organ == (code == "990104200042")
    # and the same day runs only where an instant item has reached the level that decides it.
    at_once = item.case_type != "permit" and level == item.decide_level
    assert ("same_day" in clocks) == at_once
    due = clocks["acceptance" if organ else "forwarding"].due_on
    assert due == (date(2026, 3, 9) if organ else date(2026, 3, 4))


@pytest.mark.parametrize("code", CODES)
def test_the_limits_from_acceptance_to_delivery(code: str) -> None:
    # Given an item received, accepted and decided at its own level, when its limits are asked for,
    rules = rules_of(code)
    item, level = rules.item, rules.item.decide_level
    first = level if level in item.receive_levels else "township"
    told: list[tuple[str, str, Facts]] = [("receive", first, opening(rules)), ("accept", first, {})]
    if first != level:
        told += [("hand_over", first, {"to": STATIONS[level]}), ("take_over", level, {})]
    told.append(("decide", level, {"result": "grant"}))
    state, clocks = run(rules, *told)
    # then the statutory and the promised day are those of the paper calendar,
    for clock, days in (("statutory", item.legal_days), ("promised", item.promised_days)):
        if clock in clocks:
            assert clocks[clock].due_on == DUE_FROM_MONDAY_2_MARCH_2026[days or 0]
    assert ("statutory" in clocks) == (item.legal_days is not None)
    assert ("promised" in clocks) == (item.case_type == "permit")
    # and ten working days for the delivery belong to permits alone.
    assert ("delivery" in clocks) == (item.legal_basis == "许可")
    if "delivery" in clocks:
        assert clocks["delivery"].due_on == date(2026, 3, 16)
    assert (state.status, state.result) == ("decided", "grant")


@pytest.mark.parametrize("code", CODES)
def test_deemed_acceptance_belongs_to_permits(code: str) -> None:
    # Given an item received by the organ, when five working days pass in silence, then permits are accepted.
    rules = rules_of(code)
    item = rules.item
    level = next(name for name in item.receive_levels if item.receipt_capacity[name] == "receiving_point")
    receipt = act_of(0, "receive", level, (), opening(rules))
    readings = read_clocks(fold_case([receipt], rules), rules, CALENDARS, at("2026-03-10 00:00"))
    flags = next(reading.flags for reading in readings if reading.clock == "acceptance")
    assert flags == (
        ("deemed_accepted", "overdue_acceptance") if item.legal_basis == "许可" else ("overdue_acceptance",)
    )


RESULT: Facts = {"result": "grant", "organ": "溪山县医疗保障局", "external_no": "33-1", "evidence": bytes(32)}
FOR_OTHERS = [item.base_code for item in items() if item.case_type == "receive_for_others"]


@pytest.mark.parametrize("code", FOR_OTHERS)
def test_a_result_recorded_for_the_organ_ends_its_clocks(code: str) -> None:
    # Given an item that the organ decided in its own system, when the counter records that result,
    rules = rules_of(code)
    first = min(rules.item.receive_levels)
    told: list[tuple[str, str, Facts]] = [
        ("receive", first, opening(rules)), ("record_result", first, RESULT),
    ]  # fmt: skip
    state, clocks = run(rules, *told)
    # then nothing runs but the delivery of a permit: neither acceptance nor forwarding nor the same day;
    assert {name for name, reading in clocks.items() if reading.light != "done"} <= {"delivery"}
    # where nothing is to be handed out, closing ends that too;
    if not rules.item.certificate:
        state, clocks = run(rules, *told, ("close", first, {}))
        assert {name for name, reading in clocks.items() if reading.light != "done"} == set()
    assert state.external_no == "33-1"


def test_papers_that_travel_after_the_result_start_no_clock() -> None:
    # Given an enrolment whose result the village recorded, when the papers go to the township afterwards,
    rules = rules_of("990103000030")
    _, clocks = run(
        rules, ("receive", "village", opening(rules)), ("record_result", "village", RESULT),
        ("hand_over", "village", {"to": STATIONS["township"]}), ("take_over", "township", {}),
    )  # fmt: skip
    # then the township has nothing left to accept or to decide.
    assert sorted(clocks) == ["forwarding"]


@pytest.mark.parametrize("level", ["kiosk", "agent"])
def test_kiosk_and_bank_close_only_on_the_organs_result(level: str) -> None:
    # Given an enrolment received at a kiosk or bank point, when it closes the case without a result,
    rules = rules_of("990103000030")
    receipt = act_of(0, "receive", level, (), opening(rules))
    closing = act_of(1, "close", level, (receipt,), {})
    early = fold_case([receipt, closing], rules)
    # then that has no effect; with the organ's result and its evidence it has.
    assert (early.status, early.steps[-1].effective) == ("received", False)
    state, _ = run(
        rules, ("receive", level, opening(rules)), ("record_result", level, RESULT), ("close", level, {})
    )
    assert state.status == "closed"
