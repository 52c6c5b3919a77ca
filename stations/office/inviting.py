"""Enrolling stations and writing the invites with which they join: a registrar's work.

The command line and the pages both come here.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.errors import AuthorityError, ConfigError, DataError, InputError
from ledger.facade import Ledger
from ledger.facade.base.clock import Randomness
from ledger.facade.logs.comingback import restored_at_ms
from ledger.formats.invite import TOKEN_BYTES, Invite, check_expiry, decode_invite
from ledger.formats.keys import Signer
from ledger.lawtime import DAY_MS
from ledger.limits import INVITE_BYTES_MAX
from ledger.registry import actions as registry_actions
from ledger.registry.registry import Registry
from ledger.registry.schema import GRANTABLE_ROLES
from ledger.registry.station import CODE_SYSTEM, COUNTY_DIGITS, Station
from ledger.stationid import is_station_id
from ledger.types import Facts, LedgerId, StationId
from stations.office.addresses import keep_addresses, known_addresses
from sync.joining.issued import note_invited

DAYS_DEFAULT = 30
KIOSK_LEVELS = ("kiosk", "agent")
"""Levels whose acts a service key signs."""
_ADDRESS = re.compile(r"https://[!-~]{1,200}", re.ASCII)
_CODE_LINE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What an invite offers.

    Attributes:
        addresses: where the newcomer's upstream listens, ``https://host:port``.
        days: how long the invite holds.
        roles: roles for the newcomer's first clerks.
    """

    station: StationId
    addresses: tuple[str, ...]
    days: int = DAYS_DEFAULT
    roles: Sequence[str] = ()


def read_station(text: str) -> StationId:
    """Return a station id as typed.

    Raises:
        ConfigError: ``cli.station``.
    """
    if not is_station_id(text):
        raise ConfigError("cli.station", value=text[:60])
    return StationId(text)


def check_county(station: StationId, county: StationId) -> None:
    """Refuse a division code of another county: enrolled stations can be closed, never renamed.

    Raises:
        InputError: ``cli.station_county``. Source: GB/T 2260, six digits down to the county.
    """
    if station[:COUNTY_DIGITS] != county[:COUNTY_DIGITS]:
        raise InputError("cli.station_county", station=station, county=county[:COUNTY_DIGITS])


def check_addresses(addresses: Sequence[str]) -> None:
    """Refuse addresses that no newcomer could call.

    Raises:
        ConfigError: ``invite.address``.
    """
    for address in addresses:
        if not _ADDRESS.fullmatch(address):
            raise ConfigError("invite.address", value=address[:80])


def station_facts(
    registry: Registry,
    station: StationId,
    *,
    name: str,
    level: str,
    upstream: str | None,
    code_system: str = CODE_SYSTEM,
) -> Facts:
    """Return the facts that enrol a station, below the county where no station above is named.

    Raises:
        ConfigError: ``cli.station``.
        InputError: ``cli.station_county``; ``registry.field_value``.
    """
    county = registry.station_of_log
    check_county(station, county)
    above = read_station(upstream) if upstream else county
    return registry_actions.enrol_station(
        station=station, name=name, level=level, upstream=above, code_system=code_system
    )


def invite_addresses(ledger: Ledger, station: StationId, typed: Sequence[str]) -> tuple[str, ...]:
    """Return the addresses for an invite: those typed, which are kept, or those of the last invite there.

    Where neither is, none: the newcomer joins by stick.
    """
    known = ledger.knowledge.registry.station(station)
    if known is None:
        return tuple(typed)
    if typed:
        keep_addresses(ledger.home, known.upstream, typed)
        return tuple(typed)
    return known_addresses(ledger.home, known.upstream)


def make_invite(
    ledger: Ledger, registrar: Signer, offer: Offer, *, ca_fingerprint: bytes, randomness: Randomness
) -> Invite:
    """Return an invite for an enrolled station, to be signed and written; that it was made stays known.

    Raises:
        ConfigError: ``invite.station_new``; ``join.training``: a training ledger never syncs.
        AuthorityError: ``registry.not_registrar`` for whoever is not the station's registrar.
        StoreError: the disk's own reasons; the invite must not leave.
    """
    if ledger.training:
        raise ConfigError("join.training")
    registry = ledger.knowledge.registry
    known, county = registry.station(offer.station), registry.station(registry.station_of_log)
    if known is None or county is None:
        raise ConfigError("invite.station_new", station=offer.station)
    held = registry.authority(registrar.key_id)
    if held is None or "registrar" not in held.roles_at(offer.station):
        raise AuthorityError("registry.not_registrar", action="invite station")
    # Never from before what was ended, nor a restore, though the clock was ahead then: such an invite is good
    # for nothing.
    with ledger.reading() as (tx, _):
        since_ms = max(registry.certificates_end_ms(offer.station), restored_at_ms(tx) + 1)
    issued_at_ms = max(ledger.clock.now_ms(), since_ms)
    note_invited(ledger.home, offer.station, issued_at_ms=issued_at_ms)
    return Invite(
        ledger_genesis=ledger.genesis.pack(),
        registrar_public_key=registrar.public_key,
        county_name=county.name,
        kind="station",
        station=offer.station,
        station_name=known.name,
        upstream=known.upstream,
        roles=(*offer.roles, *_service_roles(known)),
        addresses=offer.addresses,
        ca_fingerprint=ca_fingerprint,
        issued_at_ms=issued_at_ms,
        expires_at_ms=issued_at_ms + offer.days * DAY_MS,
        token=randomness(TOKEN_BYTES),
    )


def spaced(ledger_id: LedgerId) -> str:
    """Return a ledger id in groups of eight digits, to be compared with paper."""
    digits = ledger_id.hex()
    return " ".join(digits[at : at + 8] for at in range(0, len(digits), 8))


def first_roles(invite: Invite) -> tuple[str, ...]:
    """Return the roles that an invite gives a station's first clerks; the window where it names none."""
    return tuple(role for role in invite.roles if role in GRANTABLE_ROLES) or ("window",)


def code_of_invite(raw: bytes) -> str:
    """Return the bytes of an invite as text that can be copied from one page into another."""
    text = base64.b64encode(raw).decode("ascii")
    return "\n".join(text[at : at + _CODE_LINE] for at in range(0, len(text), _CODE_LINE))


def invite_of_code(text: str) -> bytes:
    """Return the bytes of an invite from its code, however its lines were broken.

    Raises:
        InputError: ``invite.code``.
    """
    plain = "".join(text.split())
    try:
        raw = base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("invite.code") from error
    if not 0 < len(raw) <= INVITE_BYTES_MAX:
        raise InputError("invite.code")
    return raw


def _of_typed(raw: bytes) -> Invite:
    """Return the invite of a code that somebody copied: what is wrong in it is a wrong letter first."""
    try:
        return decode_invite(raw)
    except DataError as error:
        if error.code == "invite.version":
            raise
        raise InputError("invite.code") from error


def station_invite(raw: bytes, code: str, *, now_ms: int) -> tuple[bytes, Invite]:
    """Return the invite of a station that came as a file or, without one, as a code: its bytes, and read.

    Raises:
        DataError: ``invite.*``. InputError: ``invite.code``.
        ConfigError: ``join.invite_kind`` for an invite to something else.
        AuthorityError: ``invite.expired``.
    """
    if raw:
        invite = decode_invite(raw)
    else:
        raw = invite_of_code(code)
        invite = _of_typed(raw)
    if invite.kind != "station":
        raise ConfigError("join.invite_kind", kind=invite.kind)
    check_expiry(invite, now_ms=now_ms)
    return raw, invite


def _service_roles(known: Station) -> tuple[str, ...]:
    return ("kiosk",) if known.level in KIOSK_LEVELS else ()
