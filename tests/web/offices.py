"""A small county for tests of pages: real folders, real keys, one real ``banjian serve`` for each station.

Founding takes a second; the keys open quickly, since they protect nothing.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from ledger.data import shipped_items
from ledger.facade import Home, Ledger
from ledger.facade.base.clock import SystemClock
from ledger.formats.envelope import seal_key
from ledger.formats.keys import prove_possession
from ledger.registry import actions as registry_actions
from ledger.types import StationId, Value
from stations.config import CONFIG_NAME
from stations.county.founding import found_county, home_of
from stations.county.people import REGISTRAR_NO, Person, seed_of, signer_of
from stations.county.plan import Place, Plan
from tests import forked
from tests.forked import ROOT
from tests.quickkeys import QUICK

PASSPHRASE = "correct horse battery"
PIN = "2580"
COMMAND_S = 240
SEED = 7
COUNTY, TOWNSHIP = "990121000000-00", "990121001000-00"
VILLAGE, OTHER_VILLAGE = "990121001201-00", "990121001202-00"
PLACES = (
    Place(station=COUNTY, name="溪山县政务服务中心", level="county", upstream="", net="A"),
    Place(station=TOWNSHIP, name="城关镇便民服务中心", level="township", upstream=COUNTY, net="B"),
    Place(station=VILLAGE, name="东门村便民服务站", level="village", upstream=TOWNSHIP, net="B"),
    Place(station=OTHER_VILLAGE, name="西门村便民服务站", level="village", upstream=TOWNSHIP, net="B"),
)
STAFF: Mapping[str, Sequence[tuple[str, str, tuple[str, ...]]]] = {
    COUNTY: (("C001", "孙县长", ("head", "supervisor")), ("C002", "周督查", ("supervisor",))),
    TOWNSHIP: (
        ("T001", "王城关", ("window", "officer", "issuer")),
        ("T002", "吴窗口", ("window",)),
        ("T003", "郑主任", ("head", "supervisor")),
    ),
    VILLAGE: (("V001", "赵东门", ("window",)), ("V003", "韩东门", ("window",))),
    OTHER_VILLAGE: (("V002", "钱西门", ("window",)),),
}


def people_of(station: str) -> tuple[Person, ...]:
    """Return who works at a station."""
    return tuple(
        Person(staff_no=no, name=name, station=station, roles=roles) for no, name, roles in STAFF[station]
    )


_GIVEN: set[int] = set()


def free_port() -> int:
    """Return a port of this machine that nobody listens on now.

    Below those that the system hands out for calls: a station comes back at its port after a while.
    """
    for _ in range(200):
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as tried, suppress(OSError):
            tried.bind(("127.0.0.1", port))
            if port not in _GIVEN:
                _GIVEN.add(port)
                return port
    raise RuntimeError("no free port")


@dataclass
class Office:
    """One station with its folder and its process, that may be ended and started again at its address."""

    place: Place
    folder: Path
    web_port: int
    listen_port: int = 0
    settings: dict[str, object] = field(default_factory=dict)
    process: forked.Process | subprocess.Popen[str] | None = None

    @property
    def base(self) -> str:
        """Address of the pages, without a slash at the end."""
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What commands of this station run with."""
        secret = self.folder.parent / "passphrase.txt"
        return {
            **os.environ,
            "BANJIAN_DIR": str(self.folder),
            "BANJIAN_PASSPHRASE_FILE": str(secret),
            "BANJIAN_LANG": "zh",
            "PYTHONPATH": str(ROOT),
        }

    def write_settings(self, **more: object) -> None:
        """Write the configuration file anew, with other settings."""
        self.settings.update(more)
        lines = [f'station = "{self.place.station}"', f'web = "127.0.0.1:{self.web_port}"']
        if self.listen_port:
            lines.append(f'listen = "127.0.0.1:{self.listen_port}"')
        lines += [f"{key} = {json.dumps(value)}" for key, value in self.settings.items()]
        (self.folder / CONFIG_NAME).write_text("\n".join(lines) + "\n", encoding="utf-8")

    def start(self) -> None:
        """Start ``banjian serve`` and wait until it shows its pages."""
        words = ["serve", str(self.folder), "--json"]
        with (self.folder.parent / f"{self.place.station}.log").open("ab") as log:
            self.process = forked.popen(words, env=self.environment, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout is not None
        told = json.loads(self.process.stdout.readline())
        assert told["pages"] == self.base + "/", told

    def kill(self) -> None:
        """End the process without warning, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Let the process end in order."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=30)
            if self.process.stdout is not None:
                self.process.stdout.close()
            self.process = None

    def run(self, *words: str) -> str:
        """Run a command beside the server; it must succeed."""
        # One that hangs is told with its words, instead of holding up the run.
        done = forked.run(words, env=self.environment, timeout=COMMAND_S)
        assert done.returncode == 0, done.stderr
        return done.stdout


def found(
    folder: Path, *, people: Sequence[str] = (), settings: Mapping[str, object] | None = None
) -> dict[str, Office]:
    """Found the county in a folder; returns its stations by id, none of them serving yet.

    Args:
        people: staff numbers whose keys lie at every station too, for attempts at foreign doors.
        settings: further lines of each configuration file.
    """
    homes = {place.station: home_of(folder, place) for place in PLACES}
    shutil.copytree(_founded(), folder, dirs_exist_ok=True)
    (folder / "passphrase.txt").write_text(PASSPHRASE + "\n", encoding="utf-8")
    offices: dict[str, Office] = {}
    for place in PLACES:
        office = Office(
            place=place,
            folder=homes[place.station].path,
            web_port=free_port(),
            listen_port=free_port() if place.has_below else 0,
            settings={"sync_interval_s": 3600, **(settings or {})},
        )
        if place.upstream:
            office.settings["upstream"] = [f"https://127.0.0.1:{offices[place.upstream].listen_port}"]
        office.write_settings()
        offices[place.station] = office
        own = [person.staff_no for person in people_of(place.station)]
        for label in {*own, *people, *([REGISTRAR_NO] if not place.upstream else [])}:
            write_key(homes[place.station], label)
    return offices


_FOUNDED = TemporaryDirectory(prefix="banjian-offices-")


@cache
def _founded() -> Path:
    """Found the county once a process, without settings and keys; every other one is a copy."""
    folder = Path(_FOUNDED.name)
    plan = Plan(seed=SEED, places=PLACES, days=(date(2026, 2, 9),))
    homes = {place.station: home_of(folder, place) for place in PLACES}
    staff = {place.station: people_of(place.station) for place in PLACES}
    found_county(plan, homes, staff, clock=SystemClock(), randomness=os.urandom)
    return folder


def copied(offices: Mapping[str, Office], folder: Path) -> dict[str, Office]:
    """Return a copy in another folder of offices of which none is serving; their addresses are the same."""
    around = next(iter(offices.values())).folder.parent
    # What was killed left the socket on which it was asked.
    shutil.copytree(around, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock"))
    return {
        station: replace(office, folder=folder / office.folder.name, settings=dict(office.settings))
        for station, office in offices.items()
    }


def write_key(home: Home, label: str) -> None:
    """Put somebody's key into a station's folder, under the passphrase of the tests."""
    home.complete()
    blob = seal_key(
        seed_of(label, seed=SEED), PASSPHRASE, salt=os.urandom(16), nonce=os.urandom(12), label=label,
        params=QUICK,
    )  # fmt: skip
    path = home.keys_dir / f"{label}.key"
    path.write_bytes(blob)
    path.chmod(0o600)


MARKUP = "\"'><xss-canary onmouseover=xss()>"
"""What ends up in names by mistake or malice; no page may ever hold it as it is."""
HOSTILE_STATION, HOSTILE_NO, HOSTILE_ITEM = "990121001203-00", "V666", "990199999999"


def found_hall(folder: Path, settings: Mapping[str, object] | None = None) -> Office:
    """Found the county with every station's log and everybody's key in one installation: one PC for all.

    One station, one of its clerks and one item are named by markup.
    """
    offices = found(folder, settings=settings)
    hall = offices[COUNTY]
    home = Home(hall.folder)
    with Ledger.open(home, clock=SystemClock(), write=True, station=StationId(COUNTY)) as ledger:
        for place in PLACES:
            if place.upstream:
                ledger.open_station_log(StationId(place.station), signer_of(REGISTRAR_NO, seed=SEED))
        _name_by_markup(ledger)
    write_key(home, HOSTILE_NO)
    for station in STAFF:
        for person in people_of(station):
            write_key(home, person.staff_no)
    return hall


def _name_by_markup(ledger: Ledger) -> None:
    """Enrol a station, a person and an item whose names are markup."""
    registrar, key = signer_of(REGISTRAR_NO, seed=SEED), signer_of(HOSTILE_NO, seed=SEED)
    station = StationId(HOSTILE_STATION)
    enrolled = registry_actions.enrol_station(
        station=station,
        name=f"站{MARKUP}",
        level="village",
        upstream=StationId(TOWNSHIP),
        code_system="statistics",
    )
    ledger.register("enrol_station", enrolled, registrar)
    ledger.open_station_log(station, registrar)
    staff = registry_actions.enrol_staff(
        staff_no=HOSTILE_NO,
        station=station,
        alg=key.alg,
        public_key=key.public_key,
        possession=prove_possession(key, ledger.ledger_id),
    )
    personal = registry_actions.staff_personal(name=f"人{MARKUP}")
    ledger.register("enrol_staff", staff, registrar, personal=personal)
    grant = registry_actions.grant_role(staff_no=HOSTILE_NO, role="window", scope=station)
    ledger.register("grant_role", grant, registrar)
    items = [one for one in shipped_items() if isinstance(one, dict)]
    model = next(one for one in items if one["base_code"] == "990102800028")
    name = {"zh": f"事项{MARKUP}", "en": f"item{MARKUP}"}
    materials = [
        {"code": "m01", "name": {"zh": f"材料{MARKUP}", "en": f"paper{MARKUP}"}, "source": "applicant"}
    ]
    item: Value = {**model, "base_code": HOSTILE_ITEM, "name": name, "materials": materials}
    ledger.publish("publish_items", {"items": [item]}, registrar)
