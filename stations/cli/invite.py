"""``banjian invite station``: the file with which a station joins; enrols the station where needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ledger.errors import ConfigError
from ledger.formats.invite import encode_invite
from ledger.formats.keys import Signer
from ledger.platform import write_durably
from ledger.registry.station import LEVELS
from ledger.types import StationId
from stations.cli.call import Call
from stations.cli.grammar import Param, Spec
from stations.cli.keyring import signing_key
from stations.cli.session import desk, reading
from stations.cli.types import OneOf, StationType, WholeNumber
from stations.office.inviting import (
    DAYS_DEFAULT,
    Offer,
    check_addresses,
    invite_addresses,
    make_invite,
    read_station,
    spaced,
    station_facts,
)
from sync.certs.credentials import prepare_county


def station(
    call: Call,
    *,
    station: str,
    address: Sequence[str],
    out: str,
    days: int | None,
    name: str | None,
    level: str | None,
    upstream: str | None,
    role: Sequence[str],
) -> int:
    """Write an invite for a station; one that the registry does not know is enrolled first."""
    number = read_station(station)
    check_addresses(address)
    signer = signing_key(call)
    with reading(call) as ledger:
        if ledger.training:
            raise ConfigError("join.training")
        ca = prepare_county(ledger, randomness=call.app.randomness)
        known = ledger.knowledge.registry.station(number)
    if known is None or not known.is_open:
        if name is None or level is None:
            raise ConfigError("invite.station_new", station=number)
        _enrol(call, signer, number, name=name, level=level, upstream=upstream)
    with desk(call) as at:
        offer = Offer(
            station=number,
            addresses=invite_addresses(at.ledger, number, address),
            days=days or DAYS_DEFAULT,
            roles=role,
        )
        invite = make_invite(
            at.ledger, signer, offer, ca_fingerprint=ca.fingerprint, randomness=call.app.randomness
        )
    write_durably(Path(out), encode_invite(invite, signer))
    call.line(call.say("invite.made", station=number, name=invite.station_name, file=out))
    for above in invite.addresses:
        call.line(call.say("invite.calls", address=above))
    call.line(call.say("county.ledger_id", number=spaced(invite.ledger_id)))
    call.emit(
        {
            "station": number,
            "file": out,
            "addresses": list(invite.addresses),
            "expires_at_ms": invite.expires_at_ms,
            "ledger_id": invite.ledger_id.hex(),
            "ca_fingerprint": invite.ca_fingerprint.hex(),
        }
    )
    if not invite.addresses:
        call.notice("invite.no_address", {"station": invite.upstream})
    call.hint("invite.next" if invite.addresses else "invite.next_stick", file=Path(out).name)
    return 0


def _enrol(
    call: Call, signer: Signer, number: StationId, *, name: str, level: str, upstream: str | None
) -> None:
    with desk(call) as at:
        registry = at.ledger.knowledge.registry
        facts = station_facts(registry, number, name=name, level=level, upstream=upstream)
        at.register("enrol_station", facts, signer)
    call.line(call.say("station.added", station=number, name=name))


SPECS = (
    Spec(
        path=("invite", "station"),
        run=station,
        params=(
            Param(name="STATION", type=StationType(), required=True),
            Param(name="address", many=True),
            Param(name="out", required=True),
            Param(name="days", type=WholeNumber(least=1)),
            Param(name="name"),
            Param(name="level", type=OneOf(LEVELS, prefixes=("level",))),
            Param(name="upstream", type=StationType()),
            Param(name="role", many=True),
        ),
        signs=True,
        group="setup",
    ),
)
