"""Clocks on cases that the real fold made of acts, with the case types that ship."""

from __future__ import annotations

from datetime import date

import pytest

from ledger.calendars import calendar_set
from ledger.cases.case import evolve_all, fold_case
from ledger.cases.shape import CaseAct, CaseState
from ledger.clocks.clocks import ClockReading, read_clocks, standing, unmoved
from ledger.data import case_types, items
from ledger.rules.catalogue import Rules
from ledger.texts import catalogue
from ledger.types import ActId, Facts, KeyId, StationId, Value
from tests.clocks.cases import act_id, at, state, step
from tests.clocks.cases import rules as plain_rules

CALENDARS = calendar_set()
STATIONS = {
    "county": StationId("990121000000-00"),
    "township": StationId("990121001000-00"),
    "village": StationId("990121001001-00"),
}
ROLES = frozenset({"window", "officer", "head", "supervisor", "issuer", "archivist"})
MATERIALS: list[Value] = [
    {
        "code": code,
        "name": {"zh": code, "en": code},
        "source": "applicant",
        "deferrable": True,
        "promise": True,
    }
    for code in ("form", "plan", "lease")
]


def rules(case_type: str, **item: Value) -> Rules:
    base = plain_rules(item={"materials": MATERIALS, "case_type": case_type, **item})
    chosen = next(known for known in case_types() if known.code == case_type)
    return Rules(item=base.item, case_type=chosen, catalogue_version=1)


class Story:
    """Acts one after another, each knowing all before it."""

    def __init__(self, by: Rules) -> None:
        self.rules = by
        self.acts: list[CaseAct] = []

    def add(
        self, action: str, when: str, facts: Facts | None = None, *, level: str = "county", who: str = "a"
    ) -> ActId:
        label = f"{len(self.acts)}"
        self.acts.append(
            CaseAct(
                act_id=act_id(label),
                parents=(self.acts[-1].act_id,) if self.acts else (),
                action=action,
                station=STATIONS[level],
                station_level=level,
                actor=KeyId(who.encode().ljust(16, b".")),
                staff_no=who,
                roles=ROLES,
                occurred_at_ms=at(when),
                recorded_at_ms=at(when),
                catalogue_version=1,
                facts=facts or {},
            )
        )
        return act_id(label)

    def receive(self, when: str, *, level: str = "county") -> ActId:
        item = self.rules.item.base_code
        return self.add("receive", when, {"item": item, "number": "T-1"}, level=level)

    def fold(self) -> CaseState:
        return fold_case(self.acts, self.rules)

    def read(self, now: str) -> dict[str, ClockReading]:
        state = self.fold()
        useless = [(step.act.action, step.reason) for step in state.steps if not step.effective]
        assert [pair for pair in useless if pair[1] != "case.second_correction"] == []
        return {reading.clock: reading for reading in read_clocks(state, self.rules, CALENDARS, at(now))}


def test_a_permit_from_the_village_to_the_signature() -> None:
    """Every kind of event once, on dates worked out by hand (no holiday until 1 January 2026)."""
    story = Story(rules("permit"))
    story.receive("2025-11-07", level="village")
    story.add("hand_over", "2025-11-11", {"to": STATIONS["county"]}, level="village")
    # Two days for the village: 10, 11. Taken over Thursday 13: acceptance 14 | 17 18 19 20.
    story.add("take_over", "2025-11-13")
    first = story.read("2025-11-14")
    assert (first["forwarding"].result, first["forwarding"].due_on) == ("green", date(2025, 11, 11))
    assert (first["acceptance"].started_on, first["acceptance"].due_on) == (
        date(2025, 11, 13),
        date(2025, 11, 20),
    )
    # Corrected on the 14th, complete on Wednesday 19: 20 21 | 24 25 26.
    story.add("request_correction", "2025-11-14", {"missing": ["plan", "lease"], "due": "2025-11-28"})
    story.add("supply", "2025-11-17", {"materials": ["plan"]}, level="village")
    assert story.read("2025-11-18")["acceptance"].light == "done"
    story.add("supply", "2025-11-18", {"materials": ["lease"]}, level="village")
    # The village is the applicant's agent: nothing starts before the county has both.
    assert story.read("2025-11-19")["acceptance"].light == "done"
    story.add("supply", "2025-11-19", {"materials": ["plan", "lease"]})
    story.add("request_correction", "2025-11-20", {"missing": ["form"], "due": "2025-11-28"})
    again = story.read("2025-11-21")["acceptance"]
    assert (again.started_on, again.due_on) == (date(2025, 11, 19), date(2025, 11, 26))
    assert (again.light, again.flags) == ("green", ("second_correction",))
    # Accepted Friday 21. Suspended (countersigned) Tuesday 25 after two days, resumed Monday 1 December.
    story.add("accept", "2025-11-21")
    story.add("start_review", "2025-11-24")
    ground: Facts = {"ground": "hearing", "expected_days": 3, "applicant_told": True}
    wanted = story.add("suspend", "2025-11-24 16:00", ground)
    assert story.fold().pending == (wanted,)
    story.add("countersign", "2025-11-25 09:00", {"target": wanted}, who="b")
    paused = story.read("2025-11-28")
    assert (paused["statutory"].light, paused["statutory"].elapsed_days) == ("paused", 2)
    assert paused["promised"].light == "paused"
    story.add("resume", "2025-12-01")
    # 18 left after 1 December: 2-5 (4), 8-12 (9), 15-19 (14), 22-25 (18); ten more: 26, 29-31 (4), 4-9 (10).
    running = story.read("2025-12-02")
    assert running["statutory"].due_on == date(2025, 12, 25)
    assert running["statutory"].flags == ("told_time_overrun",)
    # Promised 7: two used, five left: 2-5 (4), 8.
    assert running["promised"].due_on == date(2025, 12, 8)
    story.add("extend", "2025-12-25", {"reason": "complex", "applicant_told": True})
    extended = story.read("2025-12-26")
    # 26, 29 30 31 (4), Sunday 4 January worked (5), 5-9 (10).
    assert (extended["statutory"].due_on, extended["promised"].due_on) == (
        date(2026, 1, 9),
        date(2025, 12, 8),
    )
    assert extended["promised"].flags == ("overdue_promise", "reason_missing", "told_time_overrun")
    story.add("overrun_reason", "2025-12-26", {"clock": "promised", "reason": "hearing"})
    story.add("decide", "2026-01-09 23:00", {"result": "grant"})
    story.add("issue", "2026-01-12", {"certificate_no": "1"})
    decided = story.read("2026-01-13")
    assert decided["statutory"].result == "green"
    assert decided["promised"].flags == ("overdue_promise", "told_time_overrun")
    # Delivery: 12-16 (5), 19-23 (10).
    assert (decided["delivery"].light, decided["delivery"].due_on) == ("green", date(2026, 1, 23))
    story.add("deliver", "2026-01-23", {"method": "counter", "receiver": "applicant", "proof": "signature"})
    assert story.read("2026-02-24")["delivery"].result == "green"


def test_most_acts_of_a_permit_leave_every_clock_as_it_was() -> None:
    story = Story(rules("permit"))
    story.receive("2025-11-10")
    moved: dict[str, bool] = {}
    for action, facts in (
        ("accept", {}),
        ("start_review", {}),
        ("note", {}),
        ("suspend", {"ground": "hearing", "expected_days": 3, "applicant_told": True}),
        ("countersign", {"target": act_id("4")}),
        ("resume", {}),
        ("decide", {"result": "grant"}),
    ):
        before = story.fold()
        story.add(action, "2025-11-12", facts, who="b" if action == "countersign" else "a")
        after = evolve_all(before, story.acts[-1:], story.rules)
        assert after is not None and after == story.fold()
        same = standing(after, story.rules, CALENDARS) == standing(before, story.rules, CALENDARS)
        moved[action] = not unmoved(before, after, story.rules)
        assert same or moved[action]
    assert [action for action, anything in moved.items() if anything] == [
        "accept",
        "countersign",
        "resume",
        "decide",
    ]


def test_an_instant_item_received_for_others_runs_from_the_deciding_level() -> None:
    story = Story(rules("receive_for_others", legal_basis="公共服务", legal_days=None, promised_days=0))
    story.receive("2025-11-07", level="village")
    assert set(story.read("2025-11-07")) == {"forwarding"}
    story.add("hand_over", "2025-11-10", {"to": STATIONS["county"]}, level="village")
    story.add("take_over", "2025-11-12 10:00")
    reading = story.read("2025-11-12 20:00")
    assert (reading["same_day"].due_on, reading["same_day"].light) == (date(2025, 11, 12), "yellow")
    assert story.read("2025-11-13 00:00")["same_day"].flags == ("overdue_same_day",)


@pytest.mark.parametrize(("legal_basis", "deemed"), [("许可", True), ("公共服务", False)])
def test_acceptance_of_permits_and_others_has_one_name(legal_basis: str, deemed: bool) -> None:
    story = Story(rules("permit", legal_basis=legal_basis))
    story.receive("2025-11-10")
    reading = story.read("2025-11-18")
    assert ("statutory" in reading) == deemed
    assert ("deemed_accepted" in reading["acceptance"].flags) == deemed
    assert reading["acceptance"].law.startswith("行政许可法" if deemed else "优化营商环境条例")


def test_a_conflict_leaves_one_of_two_answers_to_the_clocks() -> None:
    """Two people accept and refuse unaware of each other: the first in the one order counts for now."""
    refusal: Facts = {
        "ground": "no_permit_needed",
        "reasons": ["no permit needed"],
        "review_organ": "county government",
        "court": "county court",
    }
    story = Story(rules("permit"))
    story.receive("2025-11-10")
    story.add("accept", "2025-11-12")
    story.add("refuse_acceptance", "2025-11-13", refusal, who="b")
    story.acts[2] = _reparent(story.acts[2], story.acts[0])
    folded = story.fold()
    assert folded.in_conflict
    (acceptance, *_) = read_clocks(folded, story.rules, CALENDARS, at("2025-11-14"))
    assert (acceptance.clock, acceptance.stopped_on) == ("acceptance", date(2025, 11, 12))


def _reparent(act: CaseAct, parent: CaseAct) -> CaseAct:
    return act._replace(parents=(parent.act_id,))


def test_every_shipped_item_has_clocks_that_end() -> None:
    """Received at the deciding level: who decides at once is in time, who never does turns red."""
    types = {known.code: known for known in case_types()}
    assert len(items()) == 48
    for item in items():
        by = Rules(item=item, case_type=types[item.case_type], catalogue_version=1)
        level = item.decide_level
        waiting = state(
            step("receive", "2025-11-10", "organ_receipt", "deciding_receipt", level=level),
        )
        open_ones = read_clocks(waiting, by, CALENDARS, at("2025-11-10"))
        assert open_ones and all(reading.law for reading in open_ones), item.base_code
        assert any(reading.clock == "acceptance" for reading in open_ones), item.base_code
        pressing = standing(waiting, by, CALENDARS).pressing
        assert pressing is not None and pressing.yellow_at_ms < pressing.red_at_ms
        later = {reading.clock: reading for reading in read_clocks(waiting, by, CALENDARS, at("2026-06-01"))}
        assert later["acceptance"].light == "red"
        assert ("deemed_accepted" in later["acceptance"].flags) == (item.legal_basis == "许可")
        prompt = state(*waiting.steps, step("accept", "2025-11-10"), step("decide", "2025-11-10"))
        for reading in read_clocks(prompt, by, CALENDARS, at("2025-11-10")):
            assert reading.result == "green" or reading.clock == "delivery", item.base_code
            assert catalogue("zh").keys() >= {f"clock.{reading.clock}"}
