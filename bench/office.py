"""A county with one busy counter for the measurements, on a clock that walks through working days."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from ledger.facade import CountyPlan, Home, Ledger, county_station, create_county
from ledger.formats.keys import Ed25519Signer, Signer, prove_possession
from ledger.registry import actions as registry_actions

DIVISION = "990121"
STATION = county_station(DIVISION)
START_MS = 1_767_574_800_000
"""2026-01-05 09:00 in Beijing, a Monday."""
STAFF: Mapping[str, tuple[str, ...]] = {
    "window": ("window",),
    "officer": ("officer",),
    "officer 2": ("officer",),
    "issuer": ("issuer",),
}


class WalkingClock:
    """A clock that goes on by a few seconds with every look, so that a history spans weeks."""

    def __init__(self, step_ms: int = 15_000) -> None:
        self._now_ms = START_MS
        self._step_ms = step_ms

    def now_ms(self) -> int:
        """Return the time, in milliseconds since 1970-01-01T00:00:00Z."""
        self._now_ms += self._step_ms
        return self._now_ms

    def monotonic_ms(self) -> int:
        """Return milliseconds since the start."""
        return self._now_ms - START_MS

    def boot_id(self) -> bytes:
        """Return the one boot."""
        return bytes(16)


def signer(label: str) -> Signer:
    """Return the key of a made-up person; the same each time."""
    return Ed25519Signer.from_seed(sha256(label.encode()).digest())


def found_office(folder: Path, clock: WalkingClock) -> dict[str, Signer]:
    """Found a county in a new folder and return the keys of its staff by label."""
    roots = [signer(f"root {number}") for number in range(3)]
    registrar = signer("registrar")
    plan = CountyPlan(
        name="溪山县政务服务中心", division_code=DIVISION, purpose="office", registrar_no="R001"
    )
    create_county(Home(folder), plan, roots=roots, registrar=registrar, clock=clock, randomness=os.urandom)
    keys = {label: signer(label) for label in STAFF}
    with Ledger.open(folder, clock=clock, write=True) as ledger:
        for number, (label, roles) in enumerate(STAFF.items(), start=1):
            key, staff_no = keys[label], f"S{number:03d}"
            facts = registry_actions.enrol_staff(
                staff_no=staff_no,
                station=STATION,
                alg=key.alg,
                public_key=key.public_key,
                possession=prove_possession(key, ledger.ledger_id),
            )
            ledger.register(
                "enrol_staff", facts, registrar, personal=registry_actions.staff_personal(name=label)
            )
            for role in roles:
                grant = registry_actions.grant_role(staff_no=staff_no, role=role, scope=STATION)
                ledger.register("grant_role", grant, registrar)
    return keys
