"""``banjian invite station``: the file with which a station joins; enrols the station where needed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ledger import registry_actions
from ledger.errors import AuthorityError, ConfigError
from ledger.facade import Ledger
from ledger.invite import TOKEN_BYTES, Invite, encode_invite
from ledger.keys import Signer
from ledger.platform import write_durably
from ledger.station import LEVELS, Station
from ledger.types import LedgerId, StationId
from stations.cli.call import Call
from stations.cli.grammar import Param, Spec
from stations.cli.keyring import signing_key
from stations.cli.session import desk, reading
from stations.cli.station import check_county, read_station
from stations.cli.types import OneOf, WholeNumber
from sync.credentials import prepare_county

DAYS_DEFAULT = 30
DAY_MS = 86_400_000
_ADDRESS = re.compile(r"https://[!-~]{1,200}", re.ASCII)
KIOSK_LEVELS = ("kiosk", "agent")
"""Levels whose acts a service key signs."""


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
    _check_addresses(address)
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
    with reading(call) as ledger:
        invite = _invite(
            call, ledger, signer, number, addresses=tuple(address), days=days or DAYS_DEFAULT, roles=role,
            ca_fingerprint=ca.fingerprint,
        )  # fmt: skip
    try:
        raw = encode_invite(invite, signer)
        write_durably(Path(out), raw)
    except OSError as error:
        raise ConfigError("cli.file", path=out) from error
    call.line(call.say("invite.made", station=number, name=invite.station_name, file=out))
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
    call.hint("invite.next", file=Path(out).name)
    return 0


def spaced(ledger_id: LedgerId) -> str:
    """Return a ledger id in groups of eight digits, to be compared with paper."""
    digits = ledger_id.hex()
    return " ".join(digits[at : at + 8] for at in range(0, len(digits), 8))


def _enrol(
    call: Call, signer: Signer, number: StationId, *, name: str, level: str, upstream: str | None
) -> None:
    with desk(call) as at:
        county = at.ledger.knowledge.registry.station_of_log
        check_county(number, county)
        facts = registry_actions.enrol_station(
            station=number,
            name=name,
            level=level,
            upstream=read_station(upstream) if upstream else county,
            code_system="GB/T 2260",
        )
        at.register("enrol_station", facts, signer)
    call.line(call.say("station.added", station=number, name=name))


def _invite(
    call: Call,
    ledger: Ledger,
    signer: Signer,
    number: StationId,
    *,
    addresses: tuple[str, ...],
    days: int,
    roles: Sequence[str],
    ca_fingerprint: bytes,
) -> Invite:
    registry = ledger.knowledge.registry
    known, county = registry.station(number), registry.station(registry.station_of_log)
    if known is None or county is None:
        raise ConfigError("invite.station_new", station=number)
    held = registry.authority(signer.key_id)
    if held is None or "registrar" not in held.roles_at(number):
        raise AuthorityError("registry.not_registrar", action="invite station")
    now_ms = call.app.clock.now_ms()
    return Invite(
        ledger_genesis=ledger.genesis.pack(),
        registrar_public_key=signer.public_key,
        county_name=county.name,
        kind="station",
        station=number,
        station_name=known.name,
        upstream=known.upstream,
        roles=(*roles, *_service_roles(known)),
        addresses=addresses,
        ca_fingerprint=ca_fingerprint,
        issued_at_ms=now_ms,
        expires_at_ms=now_ms + days * DAY_MS,
        token=call.app.randomness(TOKEN_BYTES),
    )


def _check_addresses(addresses: Sequence[str]) -> None:
    for address in addresses:
        if not _ADDRESS.fullmatch(address):
            raise ConfigError("invite.address", value=address[:80])


def _service_roles(known: Station) -> tuple[str, ...]:
    return ("kiosk",) if known.level in KIOSK_LEVELS else ()


SPECS = (
    Spec(
        path=("invite", "station"),
        run=station,
        params=(
            Param(name="STATION", required=True),
            Param(name="address", many=True, required=True),
            Param(name="out", required=True),
            Param(name="days", type=WholeNumber(least=1)),
            Param(name="name"),
            Param(name="level", type=OneOf(LEVELS)),
            Param(name="upstream"),
            Param(name="role", many=True),
        ),
        signs=True,
        group="setup",
    ),
)
