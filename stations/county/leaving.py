"""What is left for people who go on by hand: keys under one passphrase, addresses to serve at."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ledger import platform
from ledger.facade import Home
from ledger.formats.envelope import KdfParams, seal_key
from stations.config import CONFIG_NAME
from stations.county.alive import free_port
from stations.county.founding import home_of
from stations.county.people import REGISTRAR_NO, Person, seed_of, staff_of
from stations.county.plan import Place, Plan

PASSPHRASE = "演示用的口令 only for the demo"
PASSPHRASE_NAME = "passphrase.txt"
FIRST_PORT = 27_440
_QUICK = KdfParams(memory_kib=8_192, iterations=1, lanes=1)
"""Quick to open: these keys follow from the seed, and protect nothing."""


def leave_ready(plan: Plan, folder: Path) -> None:
    """Write keys and settings into every station's folder, and the passphrase beside them."""
    secret = folder / PASSPHRASE_NAME
    platform.write_durably(secret, (PASSPHRASE + "\n").encode("utf-8"))
    os.chmod(secret, 0o600)
    ports = _ports(plan)
    for place in plan.places:
        home = home_of(folder, place)
        _write_keys(home, staff_of(place, seed=plan.seed), plan.seed)
        _write_settings(home, place, ports)
    county = home_of(folder, plan.county)
    _write_key(county, REGISTRAR_NO, plan.seed)


def _ports(plan: Plan) -> dict[str, int]:
    above = [place.station for place in plan.places if place.has_below]
    return {station: free_port(FIRST_PORT + number) for number, station in enumerate(above)}


def _write_keys(home: Home, people: Sequence[Person], seed: int) -> None:
    for person in people:
        _write_key(home, person.staff_no, seed)


def _write_key(home: Home, label: str, seed: int) -> None:
    blob = seal_key(
        seed_of(label, seed=seed), PASSPHRASE, salt=os.urandom(16), nonce=os.urandom(12), label=label,
        params=_QUICK,
    )  # fmt: skip
    home.complete()
    platform.write_durably(home.keys_dir / f"{label}.key", blob)


def _write_settings(home: Home, place: Place, ports: Mapping[str, int]) -> None:
    lines = [f'station = "{place.station}"']
    if place.station in ports:
        lines.append(f'listen = "127.0.0.1:{ports[place.station]}"')
    if place.upstream:
        lines.append(f"upstream = {json.dumps([f'https://127.0.0.1:{ports[place.upstream]}'])}")
    platform.write_durably(home.path / CONFIG_NAME, ("\n".join(lines) + "\n").encode("utf-8"))
