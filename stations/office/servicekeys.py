"""Keys of the machine that a registrar enrols: those that give receipts and read sticks.

No backup holds them. A county that was restored makes new ones: without them it can give no receipts, and
nobody can write a stick for it. The command line and the page both come here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ledger.errors import ConfigError
from ledger.facade import Ledger
from ledger.facade.base.clock import Randomness
from ledger.facade.base.home import SEED_BYTES
from ledger.facade.peering.receiptkey import RECEIPT
from ledger.formats.bundle import bundle_public_key
from ledger.formats.keys import ED25519, X25519, Ed25519Signer, Signer, key_id, prove_possession
from ledger.registry import actions as registry_actions
from ledger.types import Facts, LedgerId, StationId
from stations.writtenhere import writes_registry
from sync.joining.approval import Register

BUNDLE = "bundle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """A service key of this machine: its id in hexadecimal digits, and whether it was enrolled just now."""

    purpose: str
    station: StationId
    key_id: str
    now: bool


def require_registry(ledger: Ledger, station: StationId, *, elsewhere: str) -> None:
    """Refuse where the registry is not written.

    Args:
        ledger: the open ledger.
        station: its main station.
        elsewhere: code of the refusal.

    Raises:
        ConfigError: ``elsewhere``; ``ledger.no_station``.
    """
    if not station:
        raise ConfigError("ledger.no_station")
    if not writes_registry(ledger):
        raise ConfigError(elsewhere, station=station)


def enrol_service_keys(
    ledger: Ledger,
    register: Register,
    registrar: Signer,
    station: StationId,
    *,
    purposes: Sequence[str],
    randomness: Randomness,
) -> list[Enrolled]:
    """Enrol the keys on this machine, or new ones where there are none.

    Each is on the disk before anybody can rely on it; one that is not enrolled is taken up next time.

    Raises:
        AuthorityError: what the registry refuses.
        StoreError: the disk's own reasons.
    """
    return [
        _enrol(ledger, register, registrar, station, purpose=purpose, randomness=randomness)
        for purpose in purposes
    ]


def _enrol(
    ledger: Ledger,
    register: Register,
    registrar: Signer,
    station: StationId,
    *,
    purpose: str,
    randomness: Randomness,
) -> Enrolled:
    home = ledger.home
    alg, public_key_of, facts_of = _KINDS[purpose]
    seed = home.service_seed(station, purpose)
    if seed is None:
        seed = randomness(SEED_BYTES)
        home.write_service_seed(station, purpose, seed)
    public_key = public_key_of(seed)
    live = {one.public_key for one in ledger.knowledge.registry.service_keys(station, purpose)}
    made = public_key not in live
    if made:
        register("enrol_service", facts_of(seed, station, ledger.ledger_id), registrar)
    return Enrolled(purpose=purpose, station=station, key_id=key_id(alg, public_key).hex(), now=made)


def _receipt_public_key(seed: bytes) -> bytes:
    return Ed25519Signer.from_seed(seed).public_key


def _receipt_facts(seed: bytes, station: StationId, ledger_id: LedgerId) -> Facts:
    signer = Ed25519Signer.from_seed(seed)
    return registry_actions.enrol_service(
        purpose=RECEIPT, station=station, alg=signer.alg, public_key=signer.public_key,
        possession=prove_possession(signer, ledger_id),
    )  # fmt: skip


def _bundle_facts(seed: bytes, station: StationId, _: LedgerId) -> Facts:
    return registry_actions.enrol_service(
        purpose=BUNDLE, station=station, alg=X25519, public_key=bundle_public_key(seed)
    )


_Kind = tuple[str, Callable[[bytes], bytes], Callable[[bytes, StationId, LedgerId], Facts]]
_KINDS: Mapping[str, _Kind] = {
    RECEIPT: (ED25519, _receipt_public_key, _receipt_facts),
    BUNDLE: (X25519, bundle_public_key, _bundle_facts),
}
