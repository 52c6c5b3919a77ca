"""The way of a case through the county: who does what where, chosen by the item and by chance.

A script is made once, when the case is opened, and is played step by step. It follows the item: where it may
be received, accepted and decided; which papers may come later or be promised; what two check on site.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from ledger.cases.effects import STEP_ACTIONS
from ledger.cases.guards import PERMIT
from ledger.data import items
from ledger.lawtime import MINUTE_MS
from ledger.rules.item import Item
from ledger.types import Facts
from stations.county.people import Person, person_name
from stations.county.plan import Place, Plan, county_data

REMEDY: Facts = {"reasons": ["不符合法定条件"], "review_organ": "溪山县人民政府", "court": "溪山县人民法院"}
DELIVERY: Facts = {"method": "counter", "receiver": "applicant", "proof": "signature"}
PROOFS = ("collective_member", "land_contract", "self_produced", "residence_fact")
CHECK = "check_on_site"
_REMARKS = (
    "材料齐全，符合法定形式", "已当面核对原件", "电话已核对", "申请人要求短信通知", "由村级代办员代送",
    "春节前集中受理", "已说明办理时限", "联系电话有变更，已更正", "节后领取", "请尽快办理",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One act of a script.

    Attributes:
        delay_ms: after what comes before, at the earliest.
        second_of: number of the act in this case that it countersigns; -1 for none.
        token: whether it shows the rating token of the slip.
        days: working days that pass before it.
    """

    action: str
    station: str
    staff: str
    facts: Facts = field(default_factory=dict)
    personal: Facts | None = None
    delay_ms: int = 10 * MINUTE_MS
    second_of: int = -1
    token: bool = False
    days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicant:
    """A made-up person who wants something."""

    name: str
    number: str

    def personal(self, text: str) -> Facts:
        """Return the personal body of an opening act."""
        return {"applicant": {"name": self.name, "id_kind": "other", "id_no": self.number}, "text": text}


class Scripts:
    """Writes scripts for one county.

    Args:
        plan: who takes part.
        people: who works at each station.
    """

    def __init__(self, plan: Plan, people: Mapping[str, Sequence[Person]]) -> None:
        self._plan = plan
        self._people = people

    def who(self, station: str, role: str, *, but: str = "") -> str:
        """Return the number of the first person with a role at a station, other than somebody."""
        for person in self._people[station]:
            if role in person.roles and person.staff_no != but:
                return person.staff_no
        return self._people[station][0].staff_no

    def applicant(self, rng: random.Random) -> Applicant:
        """Return somebody."""
        return Applicant(name=person_name(rng), number=f"DEMO{rng.randrange(10**10):010d}")

    def choose(self, place: Place, rng: random.Random) -> Item | None:
        """Return an item that a station receives, as often as it is asked for in a year."""
        known = receivable(place.level)
        return (
            rng.choices(known, [county_data().volumes[one.base_code] for one in known])[0] if known else None
        )

    def write(self, place: Place, item: Item, applicant: Applicant, rng: random.Random) -> list[Step]:
        """Return the whole way of a case that is received at a station."""
        made = _Writing(self, place, item, rng)
        made.open(applicant)
        made.accept()
        made.review()
        made.decide()
        made.finish()
        return made.steps

    def acceptor(self, place: Place, item: Item, rng: random.Random) -> Place:
        """Return the station that accepts what a station received."""
        for one in self.line(place):
            if one.level in item.accept_levels:
                return one
        return rng.choice(self._plan.townships)

    def decider(self, place: Place, item: Item) -> Place:
        """Return the station that decides what a station accepted."""
        return next((one for one in self.line(place) if one.level == item.decide_level), place)

    def line(self, place: Place) -> list[Place]:
        """Return a station and those above it, nearest first."""
        found = [place]
        while found[-1].upstream:
            found.append(self._plan.place(found[-1].upstream))
        return found


class _Writing:
    """A script while it is written."""

    def __init__(self, scripts: Scripts, place: Place, item: Item, rng: random.Random) -> None:
        self._scripts = scripts
        self._start = place
        self._at = place
        self._item = item
        self._rng = rng
        self.steps: list[Step] = []

    def add(self, action: str, role: str, facts: Facts | None = None, **more: object) -> Step:
        """Add a step at the station that has the case."""
        station = str(more.pop("station", self._at.station))
        staff = str(more.pop("staff", "")) or self._scripts.who(station, role)
        personal: Facts | None = {"text": self._rng.choice(_REMARKS)} if self._rng.random() < 0.3 else None
        step = Step(
            action=action, station=station, staff=staff, facts=facts or {},
            personal=more.pop("personal", personal),  # type: ignore[arg-type]
            delay_ms=self._rng.randrange(4, 40) * MINUTE_MS, **more,  # type: ignore[arg-type]
        )  # fmt: skip
        self.steps.append(step)
        return step

    def open(self, applicant: Applicant) -> None:
        """Receive it, with the papers that are there."""
        item, rng = self._item, self._rng
        codes = [code for code, one in item.materials.items() if one.source != "shared"]
        lacking = [codes[-1]] if codes and self._chance(0.22) else []
        self._lacking = lacking
        facts: Facts = {
            "item": item.base_code,
            "applicant_kind": item.subject if item.subject in ("person", "firm") else "person",
            "channel": "kiosk" if self._at.level == "kiosk" else "counter",
            "materials": [code for code in codes if code not in lacking],
        }
        if item.proofs:
            facts["proof_kind"] = rng.choice(PROOFS)
        if self._at.level == "kiosk":
            del facts["channel"]
        self.add("receive", self._first_role, facts, personal=applicant.personal(rng.choice(_REMARKS)))

    def accept(self) -> None:
        """Bring it to who accepts, and accept it in one of the ways that the law has."""
        self._go(self._scripts.acceptor(self._at, self._item, self._rng))
        item, lacking = self._item, self._lacking
        materials = item.materials
        if lacking and all(materials[code].deferrable for code in lacking):
            deficit: Facts = {"missing": list(lacking), "due": "2026-03-06", "promise_by": "applicant"}
            self.add("accept_with_deficit", "officer", deficit)
            self.add("supply", "window", {"materials": list(lacking)}, days=1)
        elif lacking and item.proof_commitment and all(materials[code].promise for code in lacking):
            self.add("accept", "officer", {"commitments": list(lacking), "promise_by": "applicant"})
        elif lacking:
            missing: Facts = {"missing": list(lacking), "due": "2026-03-06", "told_by": "paper"}
            self.add("request_correction", "officer", missing)
            self.add("supply", "window", {"materials": list(lacking)}, days=1)
            self.add("accept", "officer")
        else:
            self.add("accept", "officer")

    def review(self) -> None:
        """Bring it to who decides; look at it, on site and with a pause where that is due."""
        self._go(self._scripts.decider(self._at, self._item))
        item = self._item
        if item.case_type != "permit":
            return
        officer = self._scripts.who(self._at.station, "officer")
        self.add("start_review", "officer")
        if any(STEP_ACTIONS.get(step) == CHECK for step in item.steps):
            # Without a day of its own: it is checked when the officers get there.
            self.add(CHECK, "officer", {"outcome": "pass"}, staff=officer)
            second = self._scripts.who(self._at.station, "officer", but=officer)
            self.add("countersign", "officer", staff=second, second_of=len(self.steps) - 1)
        if (item.legal_basis == PERMIT or item.local_rule) and self._chance(0.3):
            ground: Facts = {"ground": "expert_review", "expected_days": 5, "applicant_told": True}
            self.add("suspend", "officer", ground, staff=officer)
            self.add("countersign", "supervisor", second_of=len(self.steps) - 1)
            self.add("resume", "officer", {"outcome": "pass"}, days=1)

    def decide(self) -> None:
        """Decide, in time or too late."""
        is_granted = not self._chance(0.06)
        promised = self._item.promised_days or 0
        is_slow = promised in range(4) and self._chance(0.5 if promised else 0.08)
        result: Facts = {"result": "grant"} if is_granted else {"result": "refuse", **REMEDY}
        self.add("decide", "officer", result, days=promised + 1 if is_slow else 0)
        if is_slow:
            reason: Facts = {"clock": "promised" if promised else "same_day", "reason": "节前件量集中"}
            self.add("overrun_reason", "head" if self._at.level != "village" else "officer", reason)
        self._is_granted = is_granted

    def finish(self) -> None:
        """Issue, deliver where the applicant is, let them rate, close."""
        if self._is_granted and self._item.certificate:
            self.add("issue", "issuer", {"certificate_no": f"演示{self._rng.randrange(10**8):08d}"})
        if self._start.level == "village" and self._at.level != "village" and self._chance(0.6):
            self._go(self._start)
            self.add("arrive_at_village", "window")
        self.add("deliver", "window", DELIVERY)
        if self._chance(0.7):
            level = self._rng.choice(("very_satisfied", "satisfied", "basically_satisfied", "unsatisfied"))
            self.add("rate", "window", {"level": level, "channel": "counter"}, token=True)
        self.add("close", "window")

    @property
    def _first_role(self) -> str:
        return self._at.level if self._at.level in ("kiosk", "agent") else "window"

    def _go(self, place: Place) -> None:
        """Hand it over, unless it is there already."""
        if place.station == self._at.station:
            return
        self.add("hand_over", self._first_role, {"to": place.station})
        self._at = place
        self.add("take_over", self._first_role)

    def _chance(self, share: float) -> bool:
        return self._rng.random() < share


@cache
def receivable(level: str) -> tuple[Item, ...]:
    """Return the shipped items that stations of a level receive."""
    return tuple(item for item in items() if level in item.receive_levels)


@cache
def item_of(code: str) -> Item:
    """Return a shipped item."""
    return next(item for item in items() if item.base_code == code)
