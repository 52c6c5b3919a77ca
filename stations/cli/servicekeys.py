"""``banjian county keys`` and ``banjian bundle key``: keys of the machine, enrolled by the registrar.

No backup holds them. A county that was restored makes new ones: without them it can give no receipts, and
nobody can write a stick for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ledger import registry_actions
from ledger.bundle import X25519, bundle_public_key
from ledger.errors import ConfigError
from ledger.facade.home import SEED_BYTES
from ledger.facade.receiptkey import RECEIPT
from ledger.keys import ED25519, Ed25519Signer, Signer, key_id, prove_possession
from ledger.types import Facts, LedgerId, StationId
from stations.cli.call import Call
from stations.cli.keyring import signing_key
from stations.cli.session import Desk, desk

BUNDLE = "bundle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """A service key of this machine: its id in hexadecimal digits, and whether it was enrolled just now."""

    purpose: str
    station: StationId
    key_id: str
    now: bool


def enrol_bundle(call: Call) -> int:
    """Enrol this installation's key for sticks: the one on this machine, or a new one where there is none."""
    (done,) = _enrol_all(call, (BUNDLE,))
    call.emit({"station": done.station, "key_id": done.key_id, "enrolled_now": done.now})
    code = "bundle.key_made" if done.now else "bundle.key_held"
    call.line(call.say(code, station=done.station, key_id=done.key_id))
    if done.now:
        call.hint("bundle.key_next")
    return 0


def enrol_county(call: Call) -> int:
    """Enrol the keys with which the county gives receipts and reads sticks, new ones where there are none."""
    done = _enrol_all(call, (RECEIPT, BUNDLE))
    for one in done:
        call.emit(
            {"purpose": one.purpose, "station": one.station, "key_id": one.key_id, "enrolled_now": one.now}
        )
        code = "county.key_made" if one.now else "county.key_held"
        purpose = call.say(f"service.{one.purpose}")
        call.line(call.say(code, purpose=purpose, station=one.station, key_id=one.key_id))
    if any(one.now for one in done):
        call.hint("county.keys_next")
    return 0


def _enrol_all(call: Call, purposes: tuple[str, ...]) -> list[Enrolled]:
    station = StationId(call.config().station)
    if not station:
        raise ConfigError("ledger.no_station")
    with desk(call) as at:
        logs = [log for log in at.ledger.logs() if log.own and log.kind == "registry"]
        if not logs:
            raise ConfigError("bundle.key_elsewhere", station=station)
        registrar = signing_key(call)
        return [_enrol(call, at, registrar, station=station, purpose=purpose) for purpose in purposes]


def _enrol(call: Call, at: Desk, registrar: Signer, *, station: StationId, purpose: str) -> Enrolled:
    """Enrol the key on this machine, or a new one.

    It is on the disk before anybody can rely on it; one that is not enrolled is taken up next time.
    """
    home, ledger = call.home(), at.ledger
    alg, public_key_of, facts_of = _KINDS[purpose]
    seed = home.service_seed(station, purpose)
    if seed is None:
        seed = call.app.randomness(SEED_BYTES)
        home.write_service_seed(station, purpose, seed)
    public_key = public_key_of(seed)
    live = {one.public_key for one in ledger.knowledge.registry.service_keys(station, purpose)}
    made = public_key not in live
    if made:
        at.register("enrol_service", facts_of(seed, station, ledger.ledger_id), registrar)
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
