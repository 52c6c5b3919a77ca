"""What ``banjian doctor`` finds of the keys that lie here: missing, readable by others, or others' keys."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator

from ledger.errors import BanjianError, StoreError
from ledger.facade import Home, Ledger
from ledger.facade.peering.machinekeys import seed_in_use
from ledger.facade.peering.receiptkey import KEY_MISSING, RECEIPT, receipt_key_fault
from ledger.formats.bundle import bundle_public_key
from ledger.types import StationId
from stations.checkup.checks import Check, found
from stations.office.servicekeys import BUNDLE
from sync.certs.credentials import CA_KEY_NAME, CA_NAME, NEXT_NAME, STATION_NAME, TLS_KEY_NAME
from sync.certs.pki import from_pem, read_leaf, subject_key
from sync.certs.tlskeys import public_key_of


def key_checks(home: Home, ledger: Ledger, station: StationId, *, key_fits: bool) -> Iterator[Check]:
    """Yield what was found of the machine's keys and of those of people.

    Args:
        home: the installation.
        ledger: its ledger, open for reading.
        station: its main station.
        key_fits: whether the storage key is there and opens personal data.
    """
    yield _storage_key(home, key_fits=key_fits)
    if sys.platform != "win32":
        loose = [
            path.name
            for folder in (home.secrets_dir, home.keys_dir)
            for path in sorted((*folder.glob("*.key"), *folder.glob("*.url")))
            if stat.S_IMODE(os.stat(path).st_mode) & 0o077
        ]
        code = "doctor.secrets_open" if loose else "doctor.secrets"
        yield found("secrets", "warning" if loose else "ok", code, files="、".join(loose))
    yield from _receipt_key(home, ledger, station)
    faults = [*_bundle_key(home, ledger, station), *_tls_key(home, ledger), *_ca_key(home, ledger, station)]
    yield from faults or [found("machine_keys", "ok", "doctor.machine_keys")]
    count = len(list(home.keys_dir.glob("*.key")))
    yield found("keys", "ok" if count else "warning", "doctor.keys", count=count)


def _storage_key(home: Home, *, key_fits: bool) -> Check:
    if key_fits:
        return found("storage_key", "ok", "doctor.storage_key")
    try:
        home.storage_key()
    except StoreError:
        return found("storage_key", "error", "doctor.storage_key_missing")
    return found("storage_key", "error", "doctor.storage_key_other")


def _receipt_key(home: Home, ledger: Ledger, station: StationId) -> Iterator[Check]:
    fault = receipt_key_fault(home, ledger.knowledge.registry, station)
    if fault:
        # One that is not enrolled yet is what a new station waits for.
        yield found("receipt_key", "error" if fault == KEY_MISSING else "warning", fault, station=station)
    elif home.service_seed(station, RECEIPT) is not None:
        yield found("receipt_key", "ok", "doctor.receipt_key")


def _bundle_key(home: Home, ledger: Ledger, station: StationId) -> Iterator[Check]:
    """Compare the key that opens sticks with the registry; before it knows one nothing is compared."""
    enrolled = {one.public_key for one in ledger.knowledge.registry.service_keys(station, BUNDLE)}
    if not enrolled:
        return
    seed = seed_in_use(home, ledger.knowledge.registry, station, BUNDLE)
    if seed is None:
        yield found("machine_keys", "warning", "doctor.bundle_key_missing", station=station)
    elif bundle_public_key(seed) not in enrolled:
        yield found("machine_keys", "warning", "doctor.bundle_key_other", station=station)


def _tls_key(home: Home, ledger: Ledger) -> Iterator[Check]:
    """Compare the key of connections with the certificate; a change broken off is completed later."""
    text = home.certificate(STATION_NAME)
    if text is None or home.secret(NEXT_NAME) is not None:
        return
    certified = _read(lambda: read_leaf(from_pem(text), ledger_id=ledger.ledger_id).public_key)
    if certified is None or _public_key(home, TLS_KEY_NAME) != certified:
        yield found("machine_keys", "error", "doctor.tls_key", path=str(home.secrets_dir / TLS_KEY_NAME))


def _ca_key(home: Home, ledger: Ledger, station: StationId) -> Iterator[Check]:
    """Look for the key that issues certificates, at the county alone: elsewhere only its certificate lies."""
    text, known = home.certificate(CA_NAME), ledger.knowledge.registry.station(station)
    if text is None or known is None or known.level != "county":
        return
    certified = _read(lambda: subject_key(from_pem(text)))
    if certified is None or _public_key(home, CA_KEY_NAME) != certified:
        yield found("machine_keys", "warning", "doctor.ca_key", path=str(home.secrets_dir / CA_KEY_NAME))


def _public_key(home: Home, name: str) -> bytes | None:
    key_pem = home.secret(name)
    return None if key_pem is None else _read(lambda: public_key_of(key_pem))


def _read(work: Callable[[], bytes]) -> bytes | None:
    """Return what a key or certificate says; None for one that is damaged or another county's."""
    try:
        return work()
    except BanjianError:
        return None
