"""Which of a machine's keys of one purpose is used: after joining again there are several.

Whoever joins again makes new keys, for the registry may have ended the old ones. Until a registrar has
enrolled the new ones nobody believes them and nobody seals to them; what is on the way was sealed to an older
one. So all stay, and which one counts, the registry says.
"""

from __future__ import annotations

from ledger.facade.base.home import Home
from ledger.formats.bundle import bundle_public_key
from ledger.formats.keys import X25519, Ed25519Signer, key_id
from ledger.registry.registry import Registry
from ledger.types import KeyId, StationId

BUNDLE = "bundle"


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
    live = {one.public_key for one in registry.service_keys(station, purpose)}
    for seed in seeds:
        if _public_key(seed, purpose) in live:
            return seed
    return seeds[0]


def opening_seed(home: Home, station: StationId, receiver_key: KeyId) -> bytes | None:
    """Return the key that a part of a bundle was sealed to; the newest one where that is not here."""
    seeds = home.service_seeds(station, BUNDLE)
    for seed in seeds:
        if key_id(X25519, bundle_public_key(seed)) == receiver_key:
            return seed
    return seeds[0] if seeds else None


def _public_key(seed: bytes, purpose: str) -> bytes:
    return bundle_public_key(seed) if purpose == BUNDLE else Ed25519Signer.from_seed(seed).public_key
