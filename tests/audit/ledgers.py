"""Real ledgers for the audit's tests: made through the facade, then hurt by hand."""

from __future__ import annotations

import shutil
import sqlite3
from hashlib import sha256
from pathlib import Path

from ledger.facade import Command, CountyPlan, Home, Ledger, create_county
from ledger.formats.genesis import Purpose
from ledger.formats.keys import Ed25519Signer, prove_possession
from ledger.registry import actions as registry_actions
from ledger.types import CaseId, StationId

COUNTY = StationId("990121000000-00")
VILLAGE = StationId("990121001001-00")
DAY_MS = 86_400_000
NOON_MS = 1_772_510_400_000
"""2026-03-03 12:00 in Beijing, a Tuesday."""


class StepClock:
    """A clock that moves by one second at each look."""

    def __init__(self, at_ms: int = NOON_MS) -> None:
        self.at_ms = at_ms
        self.boot = bytes(15) + b"\x01"

    def now_ms(self) -> int:
        self.at_ms += 1000
        return self.at_ms

    def monotonic_ms(self) -> int:
        return self.at_ms - NOON_MS

    def boot_id(self) -> bytes:
        return self.boot


class Stream:
    """Repeatable bytes in place of the system's randomness."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._count = 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        made = b""
        while len(made) < size:
            made += sha256(f"{self._seed}/{self._count}/{len(made)}".encode()).digest()
        return made[:size]


def signer(name: str) -> Ed25519Signer:
    return Ed25519Signer.from_seed(sha256(name.encode()).digest())


ROOTS = tuple(signer(f"root {number}") for number in range(3))
REGISTRAR = signer("registrar")
CLERK = signer("clerk")


def make_ledger(folder: Path, *, cases: int = 4, seed: str = "one", purpose: Purpose = "office") -> Home:
    """Found a county with one village station and let a clerk receive some cases."""
    home = Home(folder)
    clock, randomness = StepClock(), Stream(seed)
    plan = CountyPlan(
        name="试验县", division_code="990121", purpose=purpose, registrar_no="R001", registrar_name="登记员"
    )
    create_county(home, plan, roots=ROOTS, registrar=REGISTRAR, clock=clock, randomness=randomness)
    with Ledger.open(home, clock=clock, randomness=randomness, write=True) as ledger:
        ledger.register(
            "enrol_station",
            registry_actions.enrol_station(
                station=VILLAGE, name="试验村", level="village", upstream=COUNTY, code_system="statistics"
            ),
            REGISTRAR,
        )
        ledger.register(
            "enrol_staff",
            registry_actions.enrol_staff(
                staff_no="S001",
                alg=CLERK.alg,
                public_key=CLERK.public_key,
                possession=prove_possession(CLERK, ledger.ledger_id),
                station=VILLAGE,
            ),
            REGISTRAR,
            personal=registry_actions.staff_personal(name="张三"),
        )
        ledger.register(
            "grant_role",
            registry_actions.grant_role(staff_no="S001", role="window", scope=VILLAGE),
            REGISTRAR,
        )
        ledger.open_station_log(VILLAGE, CLERK)
        for number in range(cases):
            receive(ledger, number)
        for log in ledger.logs():
            ledger.checkpoint(log.log_id)
    return home


ITEM = "990102800028"


def receive(ledger: Ledger, number: int) -> CaseId:
    """Receive one application at the village counter."""
    done = ledger.perform(
        Command(
            action="receive",
            station=VILLAGE,
            facts={"item": ITEM, "applicant_kind": "person", "channel": "counter"},
            personal={"applicant": {"name": f"王小明{number}"}},
        ),
        CLERK,
    )
    return done.case_id


def copy_home(home: Home, folder: Path) -> Path:
    """Return the folder of a byte-for-byte copy, taken while nobody writes."""
    shutil.copytree(home.path, folder)
    return folder


def hurt(folder: Path, *statements: str | tuple[str, tuple[object, ...]]) -> None:
    """Change a ledger's database by hand, with every trigger out of the way meanwhile."""
    connection = sqlite3.connect(folder / "ledger.db", isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    try:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f'DROP TRIGGER "{name}"')
        for statement in statements:
            text, values = statement if isinstance(statement, tuple) else (statement, ())
            changed = connection.execute(text, values).rowcount
            if changed == 0:
                raise AssertionError(f"nothing changed: {text}")
        tables = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        for name, sql in triggers:
            if name.partition("__")[0] in tables:
                connection.execute(sql)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def ask(folder: Path, statement: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Return rows of a ledger's database."""
    connection = sqlite3.connect(folder / "ledger.db")
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.close()
