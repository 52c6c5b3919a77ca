"""Founding a county's folder: keys sealed beforehand, the ledger founded, keys and settings put in place.

The command line and the page of the first day both come here. Nothing half-made is left under the folder's
name: everything is in place before it takes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.errors import ConfigError
from ledger.facade import Home
from ledger.facade.base.clock import Clock, Randomness
from ledger.facade.opened.setup import CountyCreated, CountyPlan, create_county
from ledger.formats.genesis import ledger_id
from ledger.formats.keys import Ed25519Signer
from ledger.types import StationId
from stations.config import write_config
from stations.office.newkeys import SEED_BYTES, checked_passphrase, seal, store_envelope
from sync.certs.credentials import ensure_ca, ensure_county_certificate

ROOT_COUNT = 3
REGISTRAR_NO = "R001"


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftKey:
    """A key that is made and not yet written: where its envelope will lie, the envelope, the signer."""

    path: Path
    blob: bytes
    signer: Ed25519Signer


def check_division(code: str) -> None:
    """Refuse what is no division code of a county.

    Raises:
        ConfigError: ``county.code``. Source: GB/T 2260, six digits.
    """
    if not re.fullmatch(r"[0-9]{6}", code):
        raise ConfigError("county.code", value=code[:40])


def draft_key(path: Path, *, label: str, passphrase: str, randomness: Randomness) -> DraftKey:
    """Make and seal a key, and write nothing.

    Raises:
        ConfigError: ``key.weak``.
    """
    seed = randomness(SEED_BYTES)
    blob = seal(seed, checked_passphrase(passphrase), label=label, randomness=randomness)
    return DraftKey(path=path, blob=blob, signer=Ed25519Signer.from_seed(seed))


def found_county(
    home: Home,
    plan: CountyPlan,
    *,
    roots: Sequence[DraftKey],
    registrar: DraftKey,
    clock: Clock,
    randomness: Randomness,
    finish: Callable[[Path], None] | None = None,
) -> CountyCreated:
    """Found a county in a folder; keys that shall lie in it are put there before it takes its name.

    Args:
        home: the folder; absolute.
        plan: names and purpose.
        roots: the three root keys.
        registrar: the first registrar's key.
        clock: for the first entries.
        randomness: for nonces and keys of logs.
        finish: what else belongs into the folder; is given it as it is named then.

    Raises:
        ConfigError: ``home.exists``, ``setup.roots``, ``county.code``.
    """
    check_division(plan.division_code)

    def complete(folder: Path, station: str) -> None:
        for key in (*roots, registrar):
            path = key.path
            if path.is_relative_to(home.path):
                path = folder / path.relative_to(home.path)
            store_envelope(path, key.blob)
        write_config(folder, station=station)
        _make_certificates(
            Home(folder), name=plan.name, station=StationId(station), clock=clock, randomness=randomness
        )
        if finish is not None:
            finish(folder)

    return create_county(
        home,
        plan,
        roots=[key.signer for key in roots],
        registrar=registrar.signer,
        clock=clock,
        randomness=randomness,
        finish=complete,
    )


def _make_certificates(
    home: Home, *, name: str, station: StationId, clock: Clock, randomness: Randomness
) -> None:
    """Make the county's CA and its own certificate."""
    number = ledger_id(home.ledger_genesis() or b"")
    now_ms = clock.now_ms()
    ca = ensure_ca(home, county_name=name, ledger_id=number, now_ms=now_ms, randomness=randomness)
    ensure_county_certificate(
        home, ca, station=station, ledger_id=number, now_ms=now_ms, randomness=randomness
    )
