"""``banjian county keys`` and ``banjian bundle key``: keys of the machine, enrolled by the registrar."""

from __future__ import annotations

from ledger.facade.peering.receiptkey import RECEIPT
from ledger.types import StationId
from stations.cli.call import Call
from stations.cli.keyring import signing_key
from stations.cli.session import desk
from stations.office.servicekeys import BUNDLE, Enrolled, enrol_service_keys, require_registry


def enrol_bundle(call: Call) -> int:
    """Enrol this installation's key for sticks: the one on this machine, or a new one where there is none."""
    (done,) = _enrol_all(call, (BUNDLE,), elsewhere="bundle.key_elsewhere")
    call.emit({"station": done.station, "key_id": done.key_id, "enrolled_now": done.now})
    code = "bundle.key_made" if done.now else "bundle.key_held"
    call.line(call.say(code, station=done.station, key_id=done.key_id))
    if done.now:
        call.hint("bundle.key_next")
    return 0


def enrol_county(call: Call) -> int:
    """Enrol the keys with which the county gives receipts and reads sticks, new ones where there are none."""
    done = _enrol_all(call, (RECEIPT, BUNDLE), elsewhere="county.keys_elsewhere")
    for one in done:
        call.emit(
            {"purpose": one.purpose, "station": one.station, "key_id": one.key_id, "enrolled_now": one.now}
        )
        code = "county.key_made" if one.now else "county.key_held"
        purpose = call.say(f"join.service.{one.purpose}")
        call.line(call.say(code, purpose=purpose, station=one.station, key_id=one.key_id))
    if any(one.now for one in done):
        call.hint("county.keys_next")
    return 0


def _enrol_all(call: Call, purposes: tuple[str, ...], *, elsewhere: str) -> list[Enrolled]:
    station = StationId(call.config().station)
    with desk(call) as at:
        require_registry(at.ledger, station, elsewhere=elsewhere)
        registrar = signing_key(call)
        return enrol_service_keys(
            at.ledger,
            at.register,
            registrar,
            station,
            purposes=purposes,
            randomness=call.app.randomness,
        )
