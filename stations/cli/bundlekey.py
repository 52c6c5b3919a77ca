"""``banjian bundle key``: the key that sticks are sealed to, where founding or joining made none."""

from __future__ import annotations

from ledger import registry_actions
from ledger.bundle import X25519, bundle_public_key
from ledger.errors import ConfigError
from ledger.facade.home import SEED_BYTES
from ledger.keys import key_id
from ledger.types import StationId
from stations.cli.call import Call
from stations.cli.keyring import signing_key
from stations.cli.session import desk

PURPOSE = "bundle"


def enrol_key(call: Call) -> int:
    """Enrol this installation's key for sticks: the one on this machine, or a new one where there is none."""
    station = StationId(call.config().station)
    if not station:
        raise ConfigError("ledger.no_station")
    with desk(call) as at:
        ledger, home = at.ledger, call.home()
        if not any(log.own and log.kind == "registry" for log in ledger.logs()):
            raise ConfigError("bundle.key_elsewhere", station=station)
        registrar = signing_key(call)
        seed = home.service_seed(station, PURPOSE)
        if seed is None:
            seed = call.app.randomness(SEED_BYTES)
            # On the disk before anybody can seal to it; one that is not enrolled is taken up next time.
            home.write_service_seed(station, PURPOSE, seed)
        public_key = bundle_public_key(seed)
        live = {one.public_key for one in ledger.knowledge.registry.service_keys(station, PURPOSE)}
        made = public_key not in live
        if made:
            facts = registry_actions.enrol_service(
                purpose=PURPOSE, station=station, alg=X25519, public_key=public_key
            )
            at.register("enrol_service", facts, registrar)
    number = key_id(X25519, public_key).hex()
    call.emit({"station": station, "key_id": number, "enrolled_now": made})
    call.line(call.say("bundle.key_made" if made else "bundle.key_held", station=station, key_id=number))
    if made:
        call.hint("bundle.key_next")
    return 0
