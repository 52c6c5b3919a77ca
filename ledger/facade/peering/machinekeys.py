"""Which of a machine's keys of one purpose is used: after joining again there are several.

Whoever joins again makes new keys, for the registry may have ended the old ones. Until a registrar has
enrolled the new ones nobody believes them and nobody seals to them; what is on the way was sealed to an older
one. So all stay, and which one counts, the registry says.
"""

from __future__ import annotations

from collections.abc import Iterator

from ledger.facade.base.home import Home
from ledger.formats.bundle import bundle_public_key
from ledger.formats.keys import X25519, Ed25519Signer, key_id
from ledger.registry.registry import Registry
from ledger.types import KeyId, StationId

BUNDLE, RECEIPT = "bundle", "receipt"


def seed_in_use(home: Home, registry: Registry, station: StationId, purpose: str) -> bytes | None:
    """Return the newest key of a purpose that is in force; the newest of all where none is.

    Args:
        home: the installation.
        registry: as held here.
        station: whose key.
        purpose: ``receipt`` or ``bundle``.
    """
    seeds = home.service_seeds(station, purpose)
    if len(seeds) < 2:
        return seeds[0] if seeds else None
    return next(iter(_in_force(home, registry, station, purpose)), seeds[0])


def has_key_in_force(home: Home, registry: Registry, station: StationId, purpose: str) -> bool:
    """Tell whether a key of a purpose that is on this machine is in force; arguments as ``seed_in_use``."""
    return any(_in_force(home, registry, station, purpose))


def opening_seed(home: Home, station: StationId, receiver_key: KeyId) -> bytes | None:
    """Return the key that a part of a bundle was sealed to; the newest one where that is not here."""
    seeds = home.service_seeds(station, BUNDLE)
    for seed in seeds:
        if key_id(X25519, bundle_public_key(seed)) == receiver_key:
            return seed
    return seeds[0] if seeds else None


def _in_force(home: Home, registry: Registry, station: StationId, purpose: str) -> Iterator[bytes]:
    live = {one.public_key for one in registry.service_keys(station, purpose)}
    return (seed for seed in home.service_seeds(station, purpose) if _public_key(seed, purpose) in live)


def _public_key(seed: bytes, purpose: str) -> bytes:
    return bundle_public_key(seed) if purpose == BUNDLE else Ed25519Signer.from_seed(seed).public_key
