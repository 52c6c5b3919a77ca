"""A small county on one machine: three station logs, nine people, everything repeatable from a seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from ledger.facade import CountyPlan, Home, Ledger, create_county
from ledger.formats.keys import Ed25519Signer, prove_possession
from ledger.hashing import digest
from ledger.registry import actions as facts_of
from ledger.types import StationId

COUNTY = StationId("990121000000-00")
TOWN = StationId("990121001000-00")
VILLAGE = StationId("990121001001-00")
START_MS = 1_772_413_200_000
"""2026-03-02 09:00 in China, a Monday."""

ROLES = {
    "v1": ((VILLAGE, "window"),),
    "v2": ((VILLAGE, "window"),),
    "t1": ((TOWN, "officer"), (TOWN, "window")),
    "t2": ((TOWN, "officer"),),
    "t3": ((TOWN, "head"), (TOWN, "issuer")),
    "c1": ((COUNTY, "officer"), (COUNTY, "window")),
    "c2": ((COUNTY, "head"), (COUNTY, "issuer")),
    "c3": ((f"{COUNTY}/*", "supervisor"),),
    "c4": ((f"{COUNTY}/*", "archivist"),),
}


def signer(name: str) -> Ed25519Signer:
    """Return the signer that a name always gives."""
    return Ed25519Signer.from_seed(digest(b"tests/faults/seed\n", name.encode()))


@dataclass
class FakeClock:
    """A clock that ticks when it is asked, and can be set to any moment."""

    wall_ms: int = START_MS
    step_ms: int = 1_000
    boot: bytes = bytes(15) + b"\x01"
    passed_ms: int = 0

    def now_ms(self) -> int:
        """Return wall time."""
        self.wall_ms += self.step_ms
        return self.wall_ms

    def monotonic_ms(self) -> int:
        """Return the counter of this boot."""
        self.passed_ms += 1
        return self.passed_ms

    def boot_id(self) -> bytes:
        """Return the id of this boot."""
        return self.boot

    def reboot(self) -> None:
        """Begin another boot: the counter starts again under another id."""
        self.boot = sha256(self.boot).digest()[:16]
        self.passed_ms = 0


@dataclass
class Dice:
    """Bytes that look random and come again with the same seed; each call gives others."""

    seed: str = "dice"
    count: int = field(default=0)

    def __call__(self, size: int) -> bytes:
        """Return so many bytes."""
        made = b""
        while len(made) < size:
            self.count += 1
            made += sha256(f"{self.seed}/{self.count}".encode()).digest()
        return made[:size]


def found_office(path: Path) -> Home:
    """Found the county, enrol its stations and people, and open the logs of all three stations."""
    home, clock, dice = Home(path), FakeClock(wall_ms=START_MS - 86_400_000), Dice("office")
    plan = CountyPlan(
        name="演示县政务服务中心",
        division_code="990121",
        purpose="office",
        registrar_no="r1",
        registrar_name="登记员",
    )
    roots = [signer(f"root {number}") for number in range(3)]
    create_county(home, plan, roots=roots, registrar=signer("r1"), clock=clock, randomness=dice)
    with Ledger.open(home, clock=clock, randomness=dice, write=True) as ledger:
        enrol_station(ledger, TOWN, "township", COUNTY)
        enrol_station(ledger, VILLAGE, "village", TOWN)
        for name, grants in ROLES.items():
            enrol(ledger, name, StationId(grants[0][0].removesuffix("/*")))
            for scope, role in grants:
                facts = facts_of.grant_role(staff_no=name, role=role, scope=scope)
                ledger.register("grant_role", facts, signer("r1"))
        ledger.open_station_log(TOWN, signer("t1"))
        ledger.open_station_log(VILLAGE, signer("v1"))
    return home


def enrol_station(ledger: Ledger, station: StationId, level: str, upstream: StationId) -> None:
    """Enrol one station."""
    facts = facts_of.enrol_station(
        station=station, name=f"站点{station}", level=level, upstream=upstream, code_system="demo"
    )
    ledger.register("enrol_station", facts, signer("r1"))


def enrol(ledger: Ledger, name: str, station: StationId) -> None:
    """Enrol one person, whose staff number is the name of the signer."""
    key = signer(name)
    facts = facts_of.enrol_staff(
        staff_no=name,
        station=station,
        alg=key.alg,
        public_key=key.public_key,
        possession=prove_possession(key, ledger.ledger_id),
    )
    personal = facts_of.staff_personal(name=f"员工{name}")
    ledger.register("enrol_staff", facts, signer("r1"), personal=personal)
