"""A small county on a fake clock: centre, one township, one village, and people with keys."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from ledger.calendars import festivals
from ledger.days.year import statutory_days
from ledger.facade import Command, CountyPlan, Home, Ledger, Performed, create_county
from ledger.formats.genesis import Purpose
from ledger.formats.keys import Ed25519Signer, prove_possession
from ledger.registry import actions as registry_actions
from ledger.types import CaseId, Facts, StationId, Value

CHINA = timezone(timedelta(hours=8))
COUNTY = StationId("990121000000-00")
TOWNSHIP = StationId("990121001000-00")
VILLAGE = StationId("990121001201-00")
PERMIT = "990100100001"
"""食品经营许可: received at township and county, decided at the county."""
FELLING = "990101400014"
"""林木采伐许可: received from the village up, decided at the county."""
APPLICANT: Facts = {
    "applicant": {
        "name": "赵小明",
        "id_kind": "resident",
        "id_no": "11010519491231002X",
        "phone": "13800001234",
    }
}


def at(text: str) -> int:
    """Return milliseconds of a moment in China, such as ``2026-03-02 09:00``."""
    return int(datetime.fromisoformat(text).replace(tzinfo=CHINA).timestamp() * 1000)


def signer(label: str) -> Ed25519Signer:
    """Return the key of a person of the fictional county; the same each time."""
    return Ed25519Signer.from_seed(hashlib.sha256(label.encode()).digest())


@dataclass(slots=True)
class FakeClock:
    """A clock that the test moves."""

    wall_ms: int = field(default_factory=lambda: at("2026-03-02 09:00"))
    ticks_ms: int = 1_000
    boot: bytes = bytes(range(16))

    def now_ms(self) -> int:
        """Return the wall time; each look is a millisecond later."""
        self.wall_ms += 1
        return self.wall_ms

    def monotonic_ms(self) -> int:
        """Return the counter."""
        self.ticks_ms += 1
        return self.ticks_ms

    def boot_id(self) -> bytes:
        """Return the boot."""
        return self.boot

    def set(self, text: str) -> None:
        """Go to a moment in China."""
        self.wall_ms = at(text)


class Dice:
    """Random bytes that are the same each time."""

    def __init__(self, label: str = "dice") -> None:
        self._label, self._count = label, 0

    def __call__(self, size: int) -> bytes:
        """Return so many bytes."""
        self._count += 1
        block = b"".join(
            hashlib.sha256(f"{self._label}/{self._count}/{part}".encode()).digest()
            for part in range(size // 32 + 1)
        )
        return block[:size]


ROOTS = tuple(signer(f"root {number}") for number in (1, 2, 3))
REGISTRAR = signer("registrar")
STAFF: dict[str, tuple[StationId, tuple[str, ...]]] = {
    "V1": (VILLAGE, ("window",)),
    "V2": (VILLAGE, ("window",)),
    "T1": (TOWNSHIP, ("window", "officer")),
    "T2": (TOWNSHIP, ("supervisor", "window")),
    "C1": (COUNTY, ("window", "officer")),
    "C2": (COUNTY, ("supervisor", "officer")),
    "C3": (COUNTY, ("head",)),
    "C4": (COUNTY, ("issuer", "window")),
}


def found_county(
    path: Path, clock: FakeClock, *, purpose: Purpose = "office", dice: Dice | None = None
) -> None:
    """Found the county in a folder, with stations, staff and a log for each station.

    What would come out the same to the last byte is founded once a process, and copied.
    """
    if dice is not None or path.with_name(f"{path.name}.part").exists():
        _found(path, clock, purpose=purpose, dice=dice or Dice())
        return
    made, after = _founded(purpose, clock.wall_ms, clock.ticks_ms, clock.boot)
    shutil.copytree(made, path)
    clock.wall_ms, clock.ticks_ms = after.wall_ms, after.ticks_ms


_FOUNDED = TemporaryDirectory(prefix="banjian-counties-")


@cache
def _founded(purpose: Purpose, wall_ms: int, ticks_ms: int, boot: bytes) -> tuple[Path, FakeClock]:
    clock, folder = FakeClock(wall_ms, ticks_ms, boot), Path(mkdtemp(dir=_FOUNDED.name), "county")
    _found(folder, clock, purpose=purpose, dice=Dice())
    return folder, replace(clock)


def _found(path: Path, clock: FakeClock, *, purpose: Purpose, dice: Dice) -> None:
    plan = CountyPlan(
        name="溪山县政务服务中心",
        division_code="990121",
        purpose=purpose,
        registrar_no="R1",
        registrar_name="李登记",
    )
    create_county(Home(path), plan, roots=ROOTS, registrar=REGISTRAR, clock=clock, randomness=dice)
    with Ledger.open(path, clock=clock, randomness=dice, write=True) as ledger:
        for station, level, upstream in ((TOWNSHIP, "township", COUNTY), (VILLAGE, "village", TOWNSHIP)):
            facts = registry_actions.enrol_station(
                station=station, name=level, level=level, upstream=upstream, code_system="statistics"
            )
            ledger.register("enrol_station", facts, REGISTRAR)
        for staff_no, (station, roles) in STAFF.items():
            enrol(ledger, staff_no, station, roles)
        for staff_no in ("V1", "T1"):
            ledger.open_station_log(STAFF[staff_no][0], signer(staff_no))


def enrol(ledger: Ledger, staff_no: str, station: StationId, roles: tuple[str, ...]) -> None:
    """Enrol one person with roles at one station."""
    key = signer(staff_no)
    facts = registry_actions.enrol_staff(
        staff_no=staff_no,
        station=station,
        alg=key.alg,
        public_key=key.public_key,
        possession=prove_possession(key, ledger.ledger_id),
    )
    ledger.register(
        "enrol_staff", facts, REGISTRAR, personal=registry_actions.staff_personal(name=f"工{staff_no}")
    )
    for role in roles:
        ledger.register(
            "grant_role", registry_actions.grant_role(staff_no=staff_no, role=role, scope=station), REGISTRAR
        )


def statutory(year: int) -> list[Value]:
    """Return the days that every calendar of a year has off."""
    return [day.isoformat() for day in sorted(statutory_days(year, festivals().get(year)))]


def act(
    ledger: Ledger,
    staff_no: str,
    action: str,
    case: CaseId | None = None,
    *,
    station: StationId | None = None,
    personal: Facts | None = None,
    same_number: bool = False,
    **facts: Value,
) -> Performed:
    """Let somebody do something at their own station."""
    if action == "note" and not facts and personal is None:
        facts = {"note_code": "asked"}
    command = Command(
        action=action,
        station=station or STAFF[staff_no][0],
        case=case,
        facts=facts,
        personal=personal,
        same_number=same_number,
    )
    return ledger.perform(command, signer(staff_no))


def receive(ledger: Ledger, staff_no: str = "C1", item: str = PERMIT, **facts: Value) -> Performed:
    """Receive a case of the usual applicant."""
    return act(ledger, staff_no, "receive", personal=APPLICANT, item=item, **facts)
