"""A county's counters for the case tests: people, places, and a story that grows act by act."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from hashlib import sha256

from ledger.cases.case import fold_case
from ledger.cases.guards import token_hash
from ledger.cases.permit import Actor
from ledger.cases.shape import CaseAct, CaseState
from ledger.data import shipped_case_types, shipped_items
from ledger.rules.catalogue import Catalogue, Rules
from ledger.types import ActId, Facts, KeyId, StationId

CHINA = timezone(timedelta(hours=8))
VILLAGE = StationId("990121001001-00")
OTHER_VILLAGE = StationId("990121001002-00")
TOWN = StationId("990121001000-00")
COUNTY = StationId("990121000000-00")
KIOSK = StationId("990121000000-K1")
LEVELS = {VILLAGE: "village", OTHER_VILLAGE: "village", TOWN: "township", COUNTY: "county", KIOSK: "kiosk"}
TOKEN = b"RATING-TOKEN"
PERMIT, INSTANT, PROOF, FOOD, PROMISE = (
    "990101400014", "990103000030", "990104200042", "990100100001", "990100300003",
)  # fmt: skip
"""Felling permit, insurance enrolment, village proof, food permit, hygiene permit (on commitment)."""
REMEDY: Facts = {"reasons": ["不符合法定条件"], "review_organ": "溪山县人民政府", "court": "溪山县人民法院"}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a key and roles at one station."""

    name: str
    station: StationId
    roles: frozenset[str]

    @property
    def key(self) -> KeyId:
        """Key id derived from the name."""
        return KeyId(sha256(self.name.encode()).digest()[:16])


def person(name: str, station: StationId, *roles: str) -> Person:
    """Return a person."""
    return Person(name, station, frozenset(roles))


VILLAGER = person("village clerk", VILLAGE, "window")
VILLAGER_2 = person("second village clerk", VILLAGE, "window")
TOWN_CLERK = person("town clerk", TOWN, "window", "officer")
TOWN_CLERK_2 = person("second town clerk", TOWN, "window", "officer")
CLERK = person("county clerk", COUNTY, "window")
OFFICER = person("county officer", COUNTY, "officer")
OFFICER_2 = person("second county officer", COUNTY, "officer")
SUPERVISOR = person("county supervisor", COUNTY, "supervisor")
HEAD = person("county head", COUNTY, "head")
ISSUER = person("county issuer", COUNTY, "issuer")
ARCHIVIST = person("county archivist", COUNTY, "archivist")
KIOSK_KEY = person("kiosk", KIOSK, "kiosk")


def at(text: str) -> int:
    """Return milliseconds for a local time such as ``2026-03-02 09:30``."""
    return int(datetime.fromisoformat(text).replace(tzinfo=CHINA).timestamp() * 1000)


def shipped() -> Catalogue:
    """Return a catalogue whose version 2 holds everything that ships with the product."""
    catalogue = Catalogue()
    catalogue.apply("publish_case_types", {"case_types": shipped_case_types()}, position=1)
    catalogue.apply("publish_items", {"items": shipped_items()}, position=2)
    return catalogue


SHIPPED = shipped()


def rules_of(item: str) -> Rules:
    """Return the shipped rules of an item."""
    return SHIPPED.rules(item, 2)


@dataclass
class Story:
    """One case: acts are appended to what came before, or to named parents for stories that fork."""

    item: str = PERMIT
    now: int = at("2026-03-02 09:00")
    acts: list[CaseAct] = field(default_factory=list)

    @property
    def rules(self) -> Rules:
        """Rules of the case."""
        return rules_of(self.item)

    def act(
        self,
        who: Person,
        action: str,
        facts: Facts | None = None,
        *,
        when: str | int | None = None,
        after: Iterable[CaseAct] | None = None,
        blocked: str = "",
        recorded: int | None = None,
    ) -> CaseAct:
        """Append an act a minute after the last, or at a given time; ``after`` are its parents."""
        if isinstance(when, str):
            self.now = at(when)
        elif isinstance(when, int):
            self.now = when
        else:
            self.now += 60_000
        heads = self.state.heads if self.acts and after is None else ()
        parents = tuple(sorted(act.act_id for act in after)) if after is not None else heads
        seed = f"{len(self.acts)}|{who.name}|{action}|{self.now}".encode()
        act = CaseAct(
            act_id=ActId(sha256(seed + b"".join(parents)).digest()),
            parents=parents,
            action=action,
            station=who.station,
            station_level=LEVELS[who.station],
            actor=who.key,
            staff_no=who.name,
            roles=who.roles,
            occurred_at_ms=self.now,
            recorded_at_ms=self.now if recorded is None else recorded,
            catalogue_version=2,
            facts=facts or {},
            blocked=blocked,
        )
        self.acts.append(act)
        return act

    def receive(self, who: Person, when: str | int | None = None, **facts: object) -> CaseAct:
        """Open the case."""
        base: Facts = {"item": self.item, "number": "N1", "token_hash": token_hash(TOKEN)}
        return self.act(who, "receive", {**base, **facts}, when=when)  # type: ignore[dict-item]

    def move(self, giver: Person, taker: Person) -> CaseAct:
        """Hand the case over and take it over."""
        self.act(giver, "hand_over", {"to": taker.station})
        return self.act(taker, "take_over")

    @property
    def state(self) -> CaseState:
        """The case folded from all acts."""
        return fold_case(self.acts, self.rules)

    def reason(self, act: CaseAct) -> str:
        """Return the reason of an act's step, "" when it has effect."""
        return next(step.reason for step in self.state.steps if step.act.act_id == act.act_id)

    def events(self, act: CaseAct) -> tuple[str, ...]:
        """Return the derived events of an act's step."""
        return next(step.events for step in self.state.steps if step.act.act_id == act.act_id)

    def findings(self) -> list[str]:
        """Return the codes of the findings."""
        return [found.code for found in self.state.findings]


def actor(who: Person) -> Actor:
    """Return the person as ``permit.may`` wants it."""
    return Actor(
        key_id=who.key,
        staff_no=who.name,
        roles=who.roles,
        station=who.station,
        station_level=LEVELS[who.station],
    )


def accepted(item: str = PERMIT) -> Story:
    """Return a case received and accepted at the county."""
    story = Story(item)
    story.receive(CLERK)
    story.act(CLERK, "accept")
    return story


def decided(item: str = PERMIT) -> Story:
    """Return a case granted at the county."""
    story = accepted(item)
    story.act(OFFICER, "decide", {"result": "grant"})
    return story
