"""A county of three levels on one machine: real stores in real folders, sessions without any network."""

from __future__ import annotations

import copy
import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, Self

from ledger.cases.case import state_digest
from ledger.facade import Command, CountyPlan, Home, Ledger, create_county
from ledger.facade.opened.founding import found_empty
from ledger.facade.opened.moving import move_to_postgres
from ledger.facade.peering.between import exchange_of
from ledger.facade.peering.exchange import Exchange
from ledger.formats.genesis import LedgerGenesis
from ledger.formats.keys import Ed25519Signer, Signer, prove_possession
from ledger.registry import actions as registry_actions
from ledger.types import CaseId, Facts, StationId
from sync.core.framing import ANSWER, END, HELLO, Splitter
from sync.core.giving import Budget
from sync.core.ingest import prepare
from sync.core.messages import decode_answer, decode_hello
from sync.core.progress import Progress
from sync.core.requester import Guesses, Requester
from sync.core.responder import Responder

COUNTY = StationId("990121000000-00")
TOWN, TOWN_2 = StationId("990121001000-00"), StationId("990121002000-00")
VILLAGE, VILLAGE_2 = StationId("990121001001-00"), StationId("990121001002-00")
VILLAGE_3 = StationId("990121002001-00")
UPSTREAM = {TOWN: COUNTY, TOWN_2: COUNTY, VILLAGE: TOWN, VILLAGE_2: TOWN, VILLAGE_3: TOWN_2}
LEVEL = {TOWN: "township", TOWN_2: "township", VILLAGE: "village", VILLAGE_2: "village", VILLAGE_3: "village"}
START_MS = 1_772_416_800_000
"""2026-03-02 10:00 in Beijing, a Monday."""
FELLING = "990101400014"
ENROLMENT = "990103000030"


class Clock:
    """A clock that goes on by a minute with every look at it and can be set."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self.time_ms = now_ms

    def now_ms(self) -> int:
        self.time_ms += 60_000
        return self.time_ms

    def monotonic_ms(self) -> int:
        return self.time_ms - START_MS + 10**9

    def boot_id(self) -> bytes:
        return bytes(16)


@dataclass(slots=True)
class Randomness:
    """Bytes that repeat with the seed, different in every call."""

    seed: bytes
    count: int = 0

    def __call__(self, size: int) -> bytes:
        self.count += 1
        return hashlib.shake_256(self.seed + self.count.to_bytes(8, "big")).digest(size)


def signer(label: str) -> Signer:
    """Return the key of a made-up person; the same each time."""
    return Ed25519Signer.from_seed(sha256(label.encode()).digest())


@dataclass(slots=True)
class Place:
    """One installation: its folder, clock, and the open ledger."""

    station: StationId
    path: Path
    clock: Clock
    randomness: Randomness
    guesses: Guesses = field(default_factory=Guesses)
    opened: Ledger | None = None
    exchanged: Exchange | None = None

    @property
    def ledger(self) -> Ledger:
        if self.opened is None:
            self.opened = Ledger.open(
                self.path, clock=self.clock, randomness=self.randomness, write=True, station=self.station
            )
        return self.opened

    @property
    def exchange(self) -> Exchange:
        ledger = self.ledger
        if self.exchanged is None:
            self.exchanged = exchange_of(ledger)
        return self.exchanged

    def close(self) -> None:
        if self.opened is not None:
            self.opened.close()
        self.opened = self.exchanged = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A world at rest: its folder and what its stations have beside it; nothing is open."""

    folder: Path
    genesis: LedgerGenesis
    places: tuple[Place, ...]


class World:
    """The county with all its stations.

    Args:
        folder: an empty folder.
        seed: of everything random.
        county_url: connection string of an empty schema of PostgreSQL in which the county's ledger is to lie;
            "" for a file.
        saved: what to begin with; without it, a county that was just founded: once a process, and copied.
        anew: found it here.
    """

    def __init__(
        self,
        folder: Path,
        seed: str = "world",
        county_url: str = "",
        *,
        saved: Saved | None = None,
        anew: bool = False,
    ) -> None:
        self.folder = folder
        self.seed = seed
        self.county_url = county_url
        self.places: dict[StationId, Place] = {}
        self.registrar = signer("registrar")
        if anew or county_url:
            self.genesis = self._found()
        else:
            self._copy(saved or _founded(seed))

    @classmethod
    def after(cls, build: Build, folder: Path, *, county_url: str = "") -> Self:
        """Return a world in which something has happened, in an empty folder.

        It happens once a process; every test gets a copy of what it left on the disks, as after a restart of
        all stations. What ``build`` keeps elsewhere is not copied. In PostgreSQL it happens each time.
        """
        if county_url:
            made = cls(folder, county_url=county_url)
            build(made)
            return made
        return cls(folder, saved=_built(cls, build))

    def _copy(self, saved: Saved) -> None:
        shutil.copytree(saved.folder, self.folder, dirs_exist_ok=True)
        self.genesis = saved.genesis
        for place in copy.deepcopy(saved.places):
            place.path = self.folder / place.path.name
            self.places[place.station] = place

    def _found(self) -> LedgerGenesis:
        county = self._place(COUNTY)
        create_county(
            Home(county.path),
            CountyPlan(
                name="溪山县政务服务中心", division_code="990121", purpose="office", registrar_no="R001"
            ),
            roots=[signer(f"root {number}") for number in range(3)],
            registrar=self.registrar,
            clock=county.clock,
            randomness=county.randomness,
        )
        if self.county_url:
            move_to_postgres(Home(county.path), self.county_url, keep_file=False)
        for station, upstream in UPSTREAM.items():
            facts = registry_actions.enrol_station(
                station=station,
                name=station,
                level=LEVEL[station],
                upstream=upstream,
                code_system="statistics",
            )
            county.ledger.register("enrol_station", facts, self.registrar)
        for number, station in enumerate([COUNTY, *UPSTREAM], start=1):
            for role in ("window", "officer", "head", "issuer"):
                self.enrol(station, role, f"S{number:02d}{role[0]}")
        return county.ledger.genesis

    def enrol(self, station: StationId, role: str, staff_no: str) -> None:
        ledger, key = (
            self.places[COUNTY].ledger,
            signer(staff_no) if staff_no == "S99" else self.key(station, role),
        )
        facts = registry_actions.enrol_staff(
            staff_no=staff_no, station=station, alg=key.alg, public_key=key.public_key,
            possession=prove_possession(key, ledger.ledger_id),
        )  # fmt: skip
        ledger.register("enrol_staff", facts, self.registrar)
        grant = registry_actions.grant_role(staff_no=staff_no, role=role, scope=station)
        ledger.register("grant_role", grant, self.registrar)

    def _place(self, station: StationId) -> Place:
        place = Place(
            station,
            self.folder / f"{station}-{len(self.places)}",
            Clock(),
            Randomness(f"{self.seed} {station}".encode()),
        )
        self.places[station] = place
        return place

    def key(self, station: StationId, role: str) -> Signer:
        """Return the key of the person with a role at a station."""
        return signer(f"{station} {role}")

    def join(self, station: StationId) -> Place:
        """Make the installation of a station: empty, with its receipt key enrolled."""
        place = self._place(station)
        home = Home(place.path)
        found_empty(home, self.genesis, randomness=place.randomness)
        if LEVEL[station] == "township":
            seed = place.randomness(32)
            home.write_service_seed(station, "receipt", seed)
            key = Ed25519Signer.from_seed(seed)
            county = self.places[COUNTY].ledger
            facts = registry_actions.enrol_service(
                purpose="receipt", station=station, alg=key.alg, public_key=key.public_key,
                possession=prove_possession(key, county.ledger_id),
            )  # fmt: skip
            county.register("enrol_service", facts, self.registrar)
        return place

    def __getitem__(self, station: StationId) -> Place:
        return self.places[station]

    def close(self) -> None:
        """Close every ledger."""
        for place in self.places.values():
            place.close()

    # --- work --------------------------------------------------------------------------------------------

    def do(
        self,
        station: StationId,
        action: str,
        case: CaseId | None = None,
        role: str = "window",
        **facts: object,
    ) -> CaseId:
        """Let somebody at a station do something, and return the case."""
        personal: Facts | None = None
        if action == "note" and not facts:
            facts["note_code"] = "asked"
        if action == "receive":
            name = str(facts.pop("applicant", "张三"))
            personal = {"applicant": {"name": name, "id_kind": "other", "id_no": f"N{name}{station}"}}
        command = Command(action=action, station=station, case=case, facts=facts, personal=personal)  # type: ignore[arg-type]
        return self[station].ledger.perform(command, self.key(station, role)).case_id

    def receive(self, station: StationId, item: str = FELLING, applicant: str = "张三") -> CaseId:
        """Receive a case at a station."""
        return self.do(
            station, "receive", item=item, applicant=applicant, applicant_kind="person", channel="counter",
            materials=[],
        )  # fmt: skip

    # --- sync --------------------------------------------------------------------------------------------

    def sync(self, station: StationId, *, rounds: int = 20, budget: Budget | None = None) -> list[Progress]:
        """Let a station sync with its upstream until nothing more comes."""
        found, divergent = [], []
        for _ in range(rounds):
            requester = self.session(station, divergent, budget=budget)
            found.append(requester.progress)
            divergent = requester.divergent
            if not requester.more:
                return found
        raise AssertionError(f"{station} finds no end: {found[-1]}")

    def session(
        self,
        station: StationId,
        divergent: list[tuple[bytes, int]] | None = None,
        *,
        budget: Budget | None = None,
        up: Callable[[Iterator[bytes]], Iterator[bytes]] = iter,  # type: ignore[assignment]
        down: Callable[[Iterator[bytes]], Iterator[bytes]] = iter,  # type: ignore[assignment]
    ) -> Requester:
        """Run one session; ``up`` and ``down`` may tear what passes."""
        lower, upper = self[station], self[UPSTREAM[station]]
        requester = Requester(
            lower.exchange, upper.station, now_ms=lower.clock.now_ms(), version="test",
            guesses=lower.guesses, budget=budget,
        )  # fmt: skip
        responder = Responder(
            upper.exchange, station, now_ms=upper.clock.now_ms(), version="test", budget=budget
        )
        splitter = Splitter()
        for data in up(requester.request(list(divergent or []))):  # type: ignore[arg-type]
            for section in splitter.feed(data):
                if section.kind == HELLO:
                    responder.open(decode_hello(section.payload))
                else:
                    responder.take(self._prepare(upper, section))
        answers = Splitter()
        for data in down(responder.answer()):
            for section in answers.feed(data):
                if section.kind == ANSWER:
                    requester.answered(decode_answer(section.payload))
                elif section.kind == END:
                    requester.end()
                else:
                    requester.take(self._prepare(lower, section))
        return requester

    def _prepare(self, place: Place, section):  # type: ignore[no-untyped-def]
        exchange = place.exchange
        return prepare(section, ledger_id=exchange.held.ledger_id, public_key=exchange.public_key)

    def settle(self, *stations: StationId) -> None:
        """Sync the given stations in order, twice, so that everything has gone up and come down."""
        for _ in range(2):
            for station in stations:
                self.sync(station)

    def digest(self, station: StationId, case: CaseId) -> bytes:
        """Return the digest of a case's state as a station has it."""
        return state_digest(self[station].ledger.state(case)[0])


def walk(world: World, applicant: str = "张三") -> CaseId:
    """Let a case go from the village by the township, which accepts it, to the county, which reviews it."""
    case = world.receive(VILLAGE, applicant=applicant)
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.settle(VILLAGE, TOWN)
    world.do(TOWN, "take_over", case)
    world.do(TOWN, "accept", case, role="officer")
    world.do(TOWN, "hand_over", case, to=COUNTY)
    world.settle(TOWN, VILLAGE)
    world.do(COUNTY, "take_over", case)
    world.do(COUNTY, "start_review", case, role="officer")
    world.settle(TOWN, VILLAGE)
    return case


Build = Callable[[Any], object]
"""Lets something happen in a world; the same function always does the same."""

_BUILT = TemporaryDirectory(prefix="banjian-worlds-")


@cache
def _founded(seed: str) -> Saved:
    return _saved(World(Path(mkdtemp(dir=_BUILT.name)), seed, anew=True))


@cache
def _built(kind: type[World], build: Build) -> Saved:
    made = kind(Path(mkdtemp(dir=_BUILT.name)))
    build(made)
    return _saved(made)


def _saved(world: World) -> Saved:
    world.close()
    return Saved(folder=world.folder, genesis=world.genesis, places=tuple(world.places.values()))


@cache
def joined(*stations: StationId) -> Build:
    """Return a build after which the stations have joined and nothing has gone up or down."""

    def build(world: World) -> None:
        for station in stations:
            world.join(station)

    return build


@cache
def settled(*stations: StationId) -> Build:
    """Return a build after which the stations have joined and everything has gone up and come down."""

    def build(world: World) -> None:
        joined(*stations)(world)
        world.settle(*stations)

    return build
