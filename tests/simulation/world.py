"""One seed: a county of real installations, the faults that the seed brings, and the healing at the end."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from aiohttp import web

from ledger import platform
from ledger.errors import AuthorityError
from ledger.facade import Home
from ledger.formats.keys import Signer
from ledger.known.knowledge import Knowledge
from ledger.types import StationId
from sync.line import client_session, server_session
from tests import planted
from tests.faults.disk import PowerCutError
from tests.simulation.county import (
    COUNTY,
    EVIL,
    MACHINE,
    SPARE_CLERKS,
    START_MS,
    STATIONS,
    TOWNS,
    VILLAGES,
    Founded,
    enrol,
    fast_folder,
    founded,
    line_of,
    signer,
    staff_key,
    upstream_of,
)
from tests.simulation.loop import SimLoop
from tests.simulation.net import Net, Weather
from tests.simulation.oracle import Oracle
from tests.simulation.place import Place

DAY_S = 86_400.0
YEAR_MS = 365 * 86_400_000
SESSIONS_MAX = 60
"""In one call here; the product allows more."""
ROUNDS_OF_HEALING_MAX = 8
VIOLATIONS_SHOWN = 40


@dataclass(frozen=True)
class Plan:
    """What a seed has in store; every number is drawn from it.

    Attributes:
        days: length of the time of trouble.
        stations: those that take part, the county first.
        act_every_s: mean time between two acts of one station.
        restores: how a station's old disk comes back: ``image``, ``database`` or ``backup``.
        county_restore: how the county's does, "" for never.
        closings: villages that are closed, some of them opened again.
        moves: villages that are put under another station.
        publications: of items or of a calendar.
        keys_ended: keys of staff that end, most of them for new ones.
        certificates_ended: stations whose certificates end, until they are invited anew.
        erasures: cases whose personal data somebody erases.
    """

    days: float
    stations: tuple[StationId, ...]
    act_every_s: float
    cut_every_s: float
    weather: float
    partitions: int
    restores: tuple[str, ...]
    county_restore: str
    clones: int
    skews: int
    couriers: int
    relay: bool
    evil: bool
    new_clerks: int
    closings: int
    moves: int
    publications: int
    keys_ended: int
    certificates_ended: int
    erasures: int

    @classmethod
    def of(cls, seed: str) -> Plan:
        """Draw the plan of a seed."""
        rng = random.Random(f"plan {seed}")
        towns = sorted(rng.sample(TOWNS, rng.choice((2, 3))))
        able = [one for one in VILLAGES if upstream_of(one) in (*towns, COUNTY)]
        villages = sorted(rng.sample(able, min(len(able), rng.randint(4, 8))))
        return cls(
            days=rng.uniform(4, 12),
            stations=(COUNTY, *towns, *villages),
            act_every_s=rng.choice((2, 4, 8)) * 3_600,
            cut_every_s=rng.choice((0.25, 0.5, 1, 3)) * DAY_S,
            weather=rng.choice((0.0, 0.02, 0.1)),
            partitions=rng.randint(0, 5),
            restores=tuple(rng.choice(("image", "database", "backup")) for _ in range(rng.choice((0, 1, 2)))),
            county_restore=rng.choice(("", "", "image", "database", "backup")),
            clones=rng.choice((0, 0, 1)),
            skews=rng.choice((0, 1, 3)),
            couriers=rng.choice((0, 1)),
            relay=rng.random() < 0.25,
            evil=rng.random() < 0.4,
            new_clerks=rng.randint(0, SPARE_CLERKS),
            closings=rng.choice((0, 1, 2)),
            moves=rng.choice((0, 1, 2)),
            publications=rng.choice((0, 1, 3)),
            keys_ended=rng.choice((0, 1, 3)),
            certificates_ended=rng.choice((0, 1)),
            erasures=rng.choice((0, 2, 5)),
        )

    @classmethod
    def small(cls, seed: str, **other: Any) -> Plan:
        """Draw a plan for a few seconds: one or two townships, a few days; ``other`` replaces fields."""
        drawn, rng = cls.of(seed), random.Random(f"small {seed}")
        towns = TOWNS[: rng.choice((1, 2))]
        villages = [one for one in VILLAGES if upstream_of(one) in towns][:3]
        fields: dict[str, Any] = {
            "days": rng.uniform(1.5, 3), "stations": (COUNTY, *towns, *villages, VILLAGES[-1]),
            "act_every_s": 5_400, "partitions": 1, "new_clerks": 2,
        }  # fmt: skip
        return replace(drawn, **(fields | other))


@dataclass
class World:
    """Everything of one run.

    Attributes:
        violations: promises that were broken; empty when all is well.
        rolled_back: acts that their own station lost with its disk.
        new_keys: keys that somebody with a role was given in the place of one that ended.
        certified_at_ms: when the certificate of a machine begins; those not named here, before everything.
        orders: what the county's office did, and whether a registry and a catalogue have it so.
        above: each station with all that ever stood above it.
    """

    seed: str
    plan: Plan
    folder: Path
    county: Founded
    planted_settings: Mapping[str, str]
    loop: SimLoop = field(init=False)
    net: Net = field(init=False)
    oracle: Oracle = field(init=False)
    main: dict[StationId, Place] = field(default_factory=dict)
    clones: list[Place] = field(default_factory=list)
    tally: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    rolled_back: set[bytes] = field(default_factory=set)
    relayed: set[str] = field(default_factory=set)
    clerks: dict[StationId, list[Signer]] = field(default_factory=dict)
    new_keys: dict[tuple[StationId, str], list[Signer]] = field(default_factory=dict)
    certified_at_ms: dict[str, int] = field(default_factory=dict)
    orders: dict[str, Callable[[Knowledge], bool]] = field(default_factory=dict)
    above: dict[StationId, set[StationId]] = field(default_factory=dict)
    healing: bool = False
    busy: set[str] = field(default_factory=set)
    on_power_lost: Callable[[Place], None] = lambda place: None

    def __post_init__(self) -> None:
        self.loop = SimLoop(self.seed)
        self.net = Net(self.loop, self.seed)
        self.oracle = Oracle(self)
        self.rng = random.Random(f"world {self.seed}")
        self._number = 0
        self._running: set[asyncio.Task[None]] = set()
        self.above = {station: set(line_of(station)) for station in STATIONS}
        for station in self.plan.stations:
            shutil.copytree(self.county.path(station), self.folder / station)
            self.main[station] = Place(
                self, station, self.folder / station, name=station, upstream=upstream_of(station),
                listens=station == COUNTY or station in TOWNS,
            )  # fmt: skip

    @property
    def stations(self) -> tuple[StationId, ...]:
        """The stations that take part."""
        return self.plan.stations

    def all_places(self) -> list[Place]:
        """Return every installation, clones included."""
        return [*self.main.values(), *self.clones]

    def next_number(self) -> int:
        """Return a number that nothing else here has."""
        self._number += 1
        return self._number

    def clerk(self, place: Place, rng: random.Random, role: str) -> Signer:
        """Return somebody at a place; new clerks as soon as their station knows them."""
        new = [
            key for key in self.clerks.get(place.station, [])
            if place.ledger.knowledge.registry.roles_at(key.key_id, place.station)
        ]  # fmt: skip
        return rng.choice([self.staff_key(place, role), *new])

    def staff_key(self, place: Place, role: str) -> Signer:
        """Return the key of the person with a role at a place: the newest that their station knows."""
        known = place.ledger.knowledge.registry
        new = [key for key in self.new_keys.get((place.station, role), []) if known.is_known_key(key.key_id)]
        return new[-1] if new else staff_key(place.station, role)

    def line(self, station: StationId) -> tuple[StationId, ...]:
        """Return a station and those above it, as the county's registry has them now."""
        return self.main[COUNTY].ledger.knowledge.registry.line(station)

    def below(self, station: StationId) -> frozenset[StationId]:
        """Return a station and everything below it, as the county's registry has them now."""
        return frozenset(one for one in STATIONS if station in self.line(one))

    def is_closed(self, station: StationId) -> bool:
        """Whether the county's registry has closed a station."""
        known = self.main[COUNTY].ledger.knowledge.registry.station(station)
        return known is None or not known.is_open

    def of_station(self, station: StationId) -> list[Place]:
        """Return the installations of a station: its own, and clones."""
        return [place for place in self.all_places() if place.station == station]

    def way(self, caller: str, called: str) -> str:
        """Return over which connection somebody reaches somebody."""
        return f"{caller}>{'relay ' if caller in self.relayed else ''}{called}"

    def power_lost(self, place: Place) -> None:
        """Let a machine whose disk has lost power go down as a whole."""
        if place.up and place.disk.dead:
            self.on_power_lost(place)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something to its end; an error in it is a violation."""
        task = self.loop.create_task(work)
        self._running.add(task)

        def ended(done: asyncio.Task[None]) -> None:
            self._running.discard(done)
            error = None if done.cancelled() else done.exception()
            if error is not None:
                self.violation(f"broken off: {error!r}")

        task.add_done_callback(ended)

    def violation(self, what: str) -> None:
        """Note a broken promise."""
        self.violations.append(f"day {self.loop.now / DAY_S:.2f}: {what}")
        self.loop.trace("violation", what)

    def violations_of(self, found: Iterable[str], when: str) -> None:
        """Note every broken promise that a check has found."""
        for line in found:
            self.violation(f"{when}: {line}")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Put disks, network and clock of this world in the place of the machine's own."""
        with (
            patch.object(platform, "write_durably", self._write_durably),
            patch.object(platform, "fsync_dir", lambda folder: None),
            patch.object(platform, "machine_id", lambda: MACHINE),
            patch.object(server_session, "require_peer", _peer),
            patch.object(client_session, "ROUNDS_MAX", SESSIONS_MAX),
        ):
            asyncio.set_event_loop(self.loop)
            try:
                yield
            finally:
                self._end()

    def _write_durably(self, path: Path, data: bytes, *, private: bool = False) -> None:
        for place in self.all_places():
            if place.path in path.parents:
                _tick(place)
                path.write_bytes(data)
                _tick(place)
                return
        path.write_bytes(data)

    def _end(self) -> None:
        self.on_power_lost = lambda place: None
        for place in self.all_places():
            place.die()
            place.disk.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(30))
        self.loop.close()
        asyncio.set_event_loop(None)

    async def enrol_clerk(self, number: int) -> None:
        """Let the county enrol one more clerk somewhere, but at no station that is closed."""
        county, station = self.main[COUNTY], self.rng.choice(self.stations[1:])
        key = signer(f"{self.seed} new {number}")

        def work() -> None:
            if not self.is_closed(station):
                enrol(county.ledger, station, "window", f"N{number:03d}", key)

        await county.thread.run(work)
        self.clerks.setdefault(station, []).append(key)
        self.tally["clerks enrolled"] += 1

    def set_weather(self, share: float) -> None:
        """Give every link some bad weather."""
        for place in self.all_places():
            if place.upstream is None:
                continue
            for link in ((place.name, place.upstream), (place.name, f"relay {place.upstream}")):
                self.net.weather[link] = Weather(
                    delay_s=self.rng.choice((0.05, 0.5, 5.0)),
                    reset=self.rng.uniform(0, share),
                    tear=self.rng.uniform(0, share),
                    vanish=self.rng.uniform(0, share / 2),
                    refuse=self.rng.uniform(0, share),
                )


def _tick(place: Place) -> None:
    disk = place.disk
    if disk.dead:
        raise PowerCutError
    disk.ops += 1
    if disk.ops == disk.cut_at:
        disk.dead = True
        raise PowerCutError


def _peer(request: web.Request, desk: Any) -> Any:
    """Return who calls, as the network of the simulation knows it."""
    transport = request.transport
    name = "" if transport is None else str(transport.get_extra_info("station") or "")
    if not name:
        raise AuthorityError("tls.no_certificate")
    station = StationId(name.partition("#")[0])
    began_ms = desk.join_desk.certified_at_ms(name)
    leaf = SimpleNamespace(station=station, not_before_ms=began_ms)
    desk.check_peer(leaf)
    return leaf


def new_world(seed: str, *, plan: Plan | None = None, settings: Mapping[str, str] | None = None) -> World:
    """Make the world of a seed in a folder of its own; the caller removes it."""
    folder = Path(tempfile.mkdtemp(prefix="banjian-sim-", dir=fast_folder()))
    return World(seed, plan or Plan.of(seed), folder, founded(), {**planted.settings(), **(settings or {})})


__all__ = ["COUNTY", "DAY_S", "EVIL", "START_MS", "YEAR_MS", "Home", "Plan", "World", "new_world"]
