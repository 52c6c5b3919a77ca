"""The county of the simulation: founded once in each process, then copied for every seed."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

from ledger import platform
from ledger.errors import BanjianError
from ledger.facade import CountyPlan, Home, Ledger, create_county
from ledger.facade.opened.founding import found_empty
from ledger.facade.peering.between import exchange_of
from ledger.facade.peering.exchange import Exchange
from ledger.formats.bundle import bundle_public_key
from ledger.formats.genesis import LedgerGenesis
from ledger.formats.keys import X25519, Ed25519Signer, Signer, prove_possession
from ledger.registry import actions as registry_actions
from ledger.types import StationId
from sync.core.framing import ANSWER, END, HELLO, Splitter
from sync.core.ingest import prepare
from sync.core.messages import decode_answer, decode_hello
from sync.core.requester import Guesses, Requester
from sync.core.responder import Responder

COUNTY = StationId("990121000000-00")
TOWNS = tuple(StationId(f"99012100{number}000-00") for number in (1, 2, 3))
VILLAGES = tuple(
    StationId(text)
    for text in (
        "990121001001-00", "990121001002-00", "990121001003-00", "990121002001-00", "990121002002-00",
        "990121003001-00", "990121003002-00", "990121009001-00",
    )
)  # fmt: skip
"""The last one hangs directly under the county."""
EVIL = StationId("990121001009-00")
"""A village whose keys are in bad hands; it has no installation of the product."""
STATIONS = (COUNTY, *TOWNS, *VILLAGES, EVIL)
ROLES = {
    "county": ("window", "officer", "head", "issuer"),
    "township": ("window", "officer", "head", "issuer"),
    "village": ("window", "officer"),
}
START_MS = 1_772_416_800_000
"""2026-03-02 10:00 in Beijing, a Monday."""
SPARE_CLERKS = 6
MACHINE = b"one machine"


def fast_folder() -> str | None:
    """Return a folder in memory where there is one: what is durable here is told by the simulated disk."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def upstream_of(station: StationId) -> StationId | None:
    """Return the station above."""
    if station == COUNTY:
        return None
    town = StationId(f"{station[:9]}000-00")
    return town if town in TOWNS and station != town else COUNTY


def level_of(station: StationId) -> str:
    """Return the level of a station."""
    return "county" if station == COUNTY else "township" if station in TOWNS else "village"


def below(station: StationId) -> frozenset[StationId]:
    """Return a station and everything below it, by what is written here and nowhere else."""
    found = {station}
    for one in STATIONS:
        above: StationId | None = one
        while above is not None and above != station:
            above = upstream_of(above)
        if above == station:
            found.add(one)
    return frozenset(found)


def line_of(station: StationId) -> list[StationId]:
    """Return a station and everything above it."""
    found, above = [station], upstream_of(station)
    while above is not None:
        found.append(above)
        above = upstream_of(above)
    return found


def signer(label: str) -> Signer:
    """Return the key of a made-up person; the same each time."""
    return Ed25519Signer.from_seed(sha256(label.encode()).digest())


def staff_key(station: StationId, role: str) -> Signer:
    """Return the key of the person with a role at a station."""
    return signer(f"{station} {role}")


class Randomness:
    """Bytes that repeat with the seed, different in every call."""

    def __init__(self, seed: str) -> None:
        self._seed, self._count = seed.encode(), 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return hashlib.shake_256(self._seed + self._count.to_bytes(8, "big")).digest(size)


class Clock:
    """A clock that goes on by a second with every look."""

    def __init__(self) -> None:
        self.time_ms = START_MS - 86_400_000

    def now_ms(self) -> int:
        self.time_ms += 1_000
        return self.time_ms

    def monotonic_ms(self) -> int:
        return self.time_ms - START_MS + 10**9

    def boot_id(self) -> bytes:
        return bytes(16)


@dataclass(frozen=True)
class Founded:
    """Folders of all stations after their first download, and what the ledger is."""

    folder: Path
    genesis: LedgerGenesis
    evil_seed: bytes

    def path(self, station: StationId) -> Path:
        """Return the folder of a station."""
        return self.folder / station


@cache
def founded() -> Founded:
    """Found the county and let every station join and download; the folders go with the process."""
    folder = Path(tempfile.mkdtemp(prefix="banjian-county-", dir=fast_folder()))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with patch.object(platform, "machine_id", lambda: MACHINE):
        return _Founding(folder).run()


class _Founding:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.registrar = signer("registrar")

    def run(self) -> Founded:
        randomness = Randomness("county")
        home = Home(self.folder / COUNTY)
        create_county(
            home,
            CountyPlan(
                name="溪山县政务服务中心", division_code="990121", purpose="office", registrar_no="R001"
            ),
            roots=[signer(f"root {number}") for number in range(3)],
            registrar=self.registrar,
            clock=self.clock,
            randomness=randomness,
        )
        with self._open(COUNTY, randomness) as county:
            for station in STATIONS[1:]:
                self._enrol_station(county, station)
            for number, station in enumerate(STATIONS):
                for role in ROLES[level_of(station)]:
                    enrol(county, station, role, f"S{number:02d}{role[0]}", staff_key(station, role))
            genesis = county.genesis
            for town in TOWNS:
                self._join_town(county, town, genesis)
            for village in VILLAGES:
                found_empty(Home(self.folder / village), genesis, randomness=Randomness(village))
            for station in (*TOWNS, *VILLAGES):
                self._enrol_stick_key(county, station)
        for upstream in (COUNTY, *TOWNS):
            self._download(upstream)
        return Founded(self.folder, genesis, sha256(b"evil log").digest())

    def _enrol_station(self, county: Ledger, station: StationId) -> None:
        facts = registry_actions.enrol_station(
            station=station, name=station, level=level_of(station), upstream=upstream_of(station),
            code_system="statistics",
        )  # fmt: skip
        county.register("enrol_station", facts, self.registrar)

    def _join_town(self, county: Ledger, town: StationId, genesis: LedgerGenesis) -> None:
        home, seed = Home(self.folder / town), sha256(f"receipt {town}".encode()).digest()
        found_empty(home, genesis, randomness=Randomness(town))
        home.write_service_seed(town, "receipt", seed)
        key = Ed25519Signer.from_seed(seed)
        facts = registry_actions.enrol_service(
            purpose="receipt", station=town, alg=key.alg, public_key=key.public_key,
            possession=prove_possession(key, county.ledger_id),
        )  # fmt: skip
        county.register("enrol_service", facts, self.registrar)

    def _enrol_stick_key(self, county: Ledger, station: StationId) -> None:
        seed = sha256(f"bundle {station}".encode()).digest()
        Home(self.folder / station).write_service_seed(station, "bundle", seed)
        facts = registry_actions.enrol_service(
            purpose="bundle", station=station, alg=X25519, public_key=bundle_public_key(seed)
        )
        county.register("enrol_service", facts, self.registrar)

    def _download(self, upstream: StationId) -> None:
        with self._open(upstream) as upper:
            give = exchange_of(upper)
            for station in (*TOWNS, *VILLAGES):
                if upstream_of(station) != upstream:
                    continue
                with self._open(station) as lower:
                    while direct_session(exchange_of(lower), give, now_ms=self.clock.now_ms()).more:
                        pass

    def _open(self, station: StationId, randomness: Randomness | None = None) -> Ledger:
        return Ledger.open(
            self.folder / station,
            clock=self.clock,
            randomness=randomness or Randomness(f"founding {station}"),
            write=True,
            station=station,
        )


def enrol(county: Ledger, station: StationId, role: str, staff_no: str, key: Signer) -> None:
    """Enrol a person with one role at a station."""
    facts = registry_actions.enrol_staff(
        staff_no=staff_no, station=station, alg=key.alg, public_key=key.public_key,
        possession=prove_possession(key, county.ledger_id),
    )  # fmt: skip
    county.register("enrol_staff", facts, signer("registrar"))
    grant = registry_actions.grant_role(staff_no=staff_no, role=role, scope=station)
    county.register("grant_role", grant, signer("registrar"))


def direct_session(lower: Exchange, upper: Exchange, *, now_ms: int) -> Requester:
    """Hold one session without any network between."""
    requester = Requester(lower, upper.station, now_ms=now_ms, version="sim", guesses=Guesses())
    answer = apply_request(upper, lower.station, b"".join(requester.request([])), now_ms=now_ms)
    apply_answer(requester, lower, answer)
    return requester


def apply_request(upper: Exchange, peer: StationId, request: bytes, *, now_ms: int) -> bytes:
    """Let the upper side take a whole request, and return its whole answer."""
    responder = Responder(upper, peer, now_ms=now_ms, version="sim")
    for section in Splitter().feed(request):
        if section.kind == HELLO:
            responder.open(decode_hello(section.payload))
            continue
        try:
            prepared = prepare(section, ledger_id=upper.held.ledger_id, public_key=upper.public_key)
        except BanjianError as error:
            responder.refuse(error)
            continue
        responder.take(prepared)
    return b"".join(responder.answer())


def apply_answer(requester: Requester, lower: Exchange, answer: bytes) -> None:
    """Let the lower side take a whole answer."""
    for section in Splitter().feed(answer):
        if section.kind == ANSWER:
            requester.answered(decode_answer(section.payload))
        elif section.kind == END:
            requester.end()
        else:
            requester.take(prepare(section, ledger_id=lower.held.ledger_id, public_key=lower.public_key))
