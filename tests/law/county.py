"""Cases of the law told in lines of text, worked through the facade of a small county on a fake clock.

A line is ``DAY WHO ACTION name=value …``, with ``! code`` at its end where the act must be refused::

    2025-11-10 T1 receive
    2025-11-11T23:59:59.999 C2 countersign

``to=C`` names a station by a letter, lists are joined by ``+``; a countersignature finds what waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path

from ledger.clocks.clocks import ClockReading
from ledger.errors import BanjianError, Param
from ledger.facade import Command, Ledger, Performed
from ledger.registry import actions as registry_actions
from ledger.types import CaseId, Facts, StationId, Value
from tests.facade.counter import (
    APPLICANT,
    COUNTY,
    REGISTRAR,
    STAFF,
    TOWNSHIP,
    VILLAGE,
    Dice,
    FakeClock,
    at,
    enrol,
    found_county,
    signer,
)

FOOD, FOOD_END, HYGIENE, TRADER = "990100100001", "990100200002", "990100300003", "990100400004"
COMPANY, ESTATE, FELLING, RELIEF = "990100500005", "990101100011", "990101400014", "990102500025"
INSURANCE, ELSEWHERE, PROOF = "990103000030", "990103100031", "990104200042"
"""Items by their numbers in the shipped catalogue; FOOD has m04 and m05 deferrable, m06 may be promised."""
OTHER_VILLAGE = StationId("990121001202-00")
STATIONS = {"C": COUNTY, "T": TOWNSHIP, "V": VILLAGE, "W": OTHER_VILLAGE, "X": StationId("990121009999-00")}
PEOPLE: dict[str, tuple[StationId, tuple[str, ...]]] = {
    **STAFF,
    "T3": (TOWNSHIP, ("head",)),
    "T4": (TOWNSHIP, ("officer", "issuer")),
    "W1": (OTHER_VILLAGE, ("window",)),
    "C5": (COUNTY, ("officer", "window")),
    "C6": (COUNTY, ("window",)),
    "C7": (COUNTY, ("archivist",)),
}
"""Besides the people of ``tests.facade.counter``: C1 and C5 officers, C2 supervisor, C3 head, C4 issuer."""
REMEDY: Facts = {"reasons": ["不符合法定条件"], "review_organ": "溪山县人民政府", "court": "溪山县人民法院"}
USUAL: dict[str, Facts] = {
    "request_correction": {"missing": ["m01", "m02"], "due": "2027-12-31"},
    "supply": {"materials": ["m01", "m02"]},
    "accept_with_deficit": {"missing": ["m04", "m05"], "due": "2027-12-31", "promise_by": "applicant"},
    "accept_on_commitment": {"text_version": "2026-1", "promise_by": "applicant"},
    "refuse_acceptance": {"ground": "no_permit_needed", **REMEDY},
    "advise_and_return": {"reason": "materials_missing"},
    "suspend": {"ground": "appraisal", "expected_days": 15, "applicant_told": True},
    "extend": {"reason": "案情复杂", "applicant_told": True},
    "decide": {"result": "grant"},
    "decline_hand_over": {"reason": "wrong_station"},
    "recall_hand_over": {"reason": "withdrawn"},
    "issue": {"certificate_no": "证2026-7"},
    "deliver": {"method": "counter", "receiver": "applicant", "proof": "signature"},
    "withdraw": {"proof": "signature"},
    "lapse": {"applicant_told": True},
    "post_check": {"outcome": "true"},
    "revoke": {"ground": "untrue_promise", **REMEDY},
    "rate": {"level": "satisfied"},
    "void": {"reason": "wrong_item"},
    "overrun_reason": {"clock": "promised", "reason": "专家评审改期"},
    "check_on_site": {"outcome": "pass"},
    "archive": {"period": "30"},
}
_PAPERS = count(1)
_LISTS = frozenset(("missing", "materials", "commitments", "originals", "reasons", "waived"))
_WHOLE = frozenset(("expected_days", "review_days", "lawsuit_months"))


def law_county(path: Path, clock: FakeClock) -> Ledger:
    """Found the county with everybody that these cases need, and open it for writing."""
    clock.set("2018-01-02 09:00")
    found_county(path, clock)
    ledger = Ledger.open(path, clock=clock, randomness=Dice("law"), write=True)
    facts = registry_actions.enrol_station(
        station=OTHER_VILLAGE, name="village 2", level="village", upstream=TOWNSHIP, code_system="statistics"
    )
    ledger.register("enrol_station", facts, REGISTRAR)
    for staff_no, (station, roles) in PEOPLE.items():
        if staff_no not in STAFF:
            enrol(ledger, staff_no, station, roles)
    for role in ("officer", "window"):
        stands_in = registry_actions.grant_role(staff_no="C1", role=role, scope=COUNTY, stand_in_for="C5")
        ledger.register("grant_role", stands_in, REGISTRAR)
    ledger.open_station_log(OTHER_VILLAGE, signer("W1"))
    return ledger


@dataclass
class Case:
    """One case of one item, growing line by line."""

    ledger: Ledger
    clock: FakeClock
    item: str
    case_id: CaseId | None = None
    token: str = ""
    number: str = ""

    def tell(self, lines: str) -> Case:
        """Let each line happen; a line that must be refused is checked for its code."""
        for line in lines.strip().splitlines():
            words, _, refusal = line.partition("!")
            try:
                self.say(words.split())
                code = ""
            except BanjianError as error:
                code = error.code
            assert code == refusal.strip(), f"{line.strip()}: {code or 'was done'}"
        return self

    def say(self, words: list[str]) -> Performed:
        """Perform one line."""
        when, who, action, *pairs = words
        return self.do(when, who, action, dict(pair.split("=", 1) for pair in pairs))

    def do(self, when: str, who: str, action: str, given: dict[str, str]) -> Performed:
        """Perform one action by a person at their own station."""
        claimed = given.pop("at", "")
        facts: dict[str, Value] = {**USUAL.get(action, {}), **self._facts(action, given)}
        self.clock.set(when if "T" in when else f"{when}T09:00")
        self.clock.wall_ms -= 1
        opening = self.case_id is None
        if opening:
            facts["item"] = self.item
        command = Command(
            action=action,
            station=PEOPLE[who][0],
            case=self.case_id,
            facts=facts,
            personal=APPLICANT if opening else None,
            occurred_at_ms=at(claimed if "T" in claimed else f"{claimed}T09:00") if claimed else None,
        )
        done = self.ledger.perform(command, signer(who))
        if opening:
            self.case_id, self.token, self.number = done.case_id, done.token, done.number
        return done

    def clocks(self, now: str) -> dict[str, ClockReading]:
        """Return the clocks as of a moment, by code."""
        assert self.case_id is not None
        page = self.ledger.case(self.case_id, now_ms=at(now if "T" in now else f"{now}T09:00"))
        return {reading.clock: reading for reading in page.clocks}

    def shown(self, now: str) -> dict[str, str]:
        """Return each clock in one line: ``start > due light flags``, of a done one its result."""
        return {code: shown(reading) for code, reading in self.clocks(now).items()}

    def findings(self) -> list[str]:
        """Return the codes of the case's findings."""
        assert self.case_id is not None
        return [found.code for found in self.ledger.case(self.case_id).state.findings]

    def notices(self) -> dict[str, dict[str, Param]]:
        """Return what the page of the case says besides, by code."""
        assert self.case_id is not None
        return {item.code: dict(item.params) for item in self.ledger.case(self.case_id).notices}

    @property
    def status(self) -> str:
        """The state of the case."""
        assert self.case_id is not None
        return self.ledger.case(self.case_id).state.status

    def _facts(self, action: str, given: dict[str, str]) -> dict[str, Value]:
        facts: dict[str, Value] = {name: _value(name, text) for name, text in given.items()}
        if action == "rate" and "token" not in facts:
            facts["token"] = self.token.encode("ascii")
        if action == "countersign":
            assert self.case_id is not None
            pending = self.ledger.case(self.case_id).state.pending
            facts["target"] = pending[-1] if pending else bytes(32)
        if "late_entry" in given:
            # all these cases share a county, and a paper is entered once at a station
            facts["late_entry"] = {"paper_no": f"{given['late_entry']}/{next(_PAPERS)}", "reason": "power"}
        return facts


def shown(reading: ClockReading) -> str:
    """Return a reading in one line."""
    due = "-" if reading.due_on is None else _day(reading.due_on)
    light = f"done:{reading.result}" if reading.light == "done" else reading.light
    return " ".join([_day(reading.started_on), ">", due, light, *reading.flags])


def _day(day: date) -> str:
    return day.isoformat()


def _value(name: str, text: str) -> Value:
    if name in _LISTS:
        return [part for part in text.split("+") if part]
    if name in _WHOLE:
        return int(text)
    if name == "token":
        return text.encode("ascii")
    if name == "to":
        return STATIONS[text]
    if name in ("applicant_told", "published"):
        return text == "yes"
    return text
