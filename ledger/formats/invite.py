"""Invite: the file with which a registrar asks a station or a person to enrol.

It tells the newcomer which ledger this is, where its upstream listens and under which certificate, and
carries a token that is good for one enrolment. It grants nothing by itself: authority comes from the
registry.

Source: docs/protocol.md, "Invite".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ledger.codec import HeaderFields, pack_header, unpack_header
from ledger.errors import AuthorityError, BanjianError, DataError, EncodingError
from ledger.formats.genesis import decode_ledger_genesis, ledger_id
from ledger.formats.keys import Signer, check_public_key, verify
from ledger.hashing import CTX_INVITE_SIGN
from ledger.limits import INT_MAX, INVITE_BYTES_MAX
from ledger.stationid import is_station_id
from ledger.types import LedgerId, StationId

INVITE_VERSION = 1
TOKEN_BYTES = 16

InviteKind = Literal["station", "staff", "service"]
KINDS: tuple[InviteKind, ...] = ("station", "staff", "service")

_ROLE = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
_ADDRESS = re.compile(r"https://[!-~]{1,200}", re.ASCII)
_ROLES_MAX = 16
_UPSTREAMS_MAX = 8
_NAME_BYTES_MAX = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """What a registrar offers; times in milliseconds, ``ca_fingerprint`` the SHA-256 of the county CA."""

    ledger_genesis: bytes
    registrar_public_key: bytes
    county_name: str
    kind: InviteKind
    station: StationId
    station_name: str
    upstream: StationId | Literal[""]
    roles: tuple[str, ...]
    addresses: tuple[str, ...]
    ca_fingerprint: bytes
    issued_at_ms: int
    expires_at_ms: int
    token: bytes

    @property
    def ledger_id(self) -> LedgerId:
        """Id of the ledger; to be compared with the one that the office has on paper."""
        return ledger_id(self.ledger_genesis)

    def pack(self) -> bytes:
        """Return the canonical bytes that the registrar signs."""
        return pack_header((
            INVITE_VERSION, self.ledger_genesis, self.registrar_public_key, self.county_name.encode("utf-8"),
            self.kind, self.station, self.station_name.encode("utf-8"), self.upstream, self.roles,
            self.addresses, self.ca_fingerprint, self.issued_at_ms, self.expires_at_ms, self.token,
        ))  # fmt: skip


def encode_invite(invite: Invite, signer: Signer) -> bytes:
    """Return the bytes of an invite file.

    Raises:
        EncodingError: ``invite.field`` for content that no invite holds.
        DataError: ``invite.signature`` when the signer is not the registrar named in it.
    """
    packed = invite.pack()
    raw = pack_header((packed, signer.sign(CTX_INVITE_SIGN + packed)))
    decode_invite(raw)
    return raw


def decode_invite(raw: bytes) -> Invite:
    """Return an invite after checking its signature; whether the signer is a registrar, the registry says.

    Raises:
        EncodingError: ``encoding.*``, ``invite.version`` or ``invite.field`` with the first wrong field.
        DataError: ``invite.signature`` when it does not hold under the key named inside.
    """
    outer = unpack_header(raw, limit=INVITE_BYTES_MAX)
    _require(len(outer) == 2 and type(outer[0]) is bytes and type(outer[1]) is bytes, "count")
    packed, sig = outer
    invite = _decode(unpack_header(packed, limit=INVITE_BYTES_MAX))
    if not verify(invite.registrar_public_key, sig, CTX_INVITE_SIGN + packed):
        raise DataError("invite.signature")
    return invite


def check_expiry(invite: Invite, *, now_ms: int) -> None:
    """Refuse an invite that is over.

    Raises:
        AuthorityError: ``invite.expired``.
    """
    if now_ms > invite.expires_at_ms:
        raise AuthorityError("invite.expired", station=invite.station)


def _decode(fields: HeaderFields) -> Invite:
    _require(bool(fields) and type(fields[0]) is int, "version")
    if fields[0] != INVITE_VERSION:
        raise EncodingError("invite.version", version=fields[0])
    _require(len(fields) == 14, "count")
    (
        _, genesis, public_key, county_name, kind, station, station_name, upstream, roles, addresses,
        ca_fingerprint, issued_at_ms, expires_at_ms, token,
    ) = fields  # fmt: skip
    _require(type(genesis) is bytes and _holds(decode_ledger_genesis, genesis), "ledger_genesis")
    _require(type(public_key) is bytes and _holds(check_public_key, public_key), "registrar_public_key")
    county = _name(county_name, "county_name")
    _require(kind in KINDS, "kind")
    _require(_is_station(station), "station")
    named = _name(station_name, "station_name")
    _require(upstream == "" or _is_station(upstream), "upstream")
    _require(_are_texts(roles, _ROLE, _ROLES_MAX), "roles")
    _require(_are_texts(addresses, _ADDRESS, _UPSTREAMS_MAX), "addresses")
    _require(type(ca_fingerprint) is bytes and len(ca_fingerprint) in (0, 32), "ca_fingerprint")
    _require(type(issued_at_ms) is int and 0 <= issued_at_ms <= INT_MAX, "issued_at_ms")
    _require(type(expires_at_ms) is int and issued_at_ms < expires_at_ms <= INT_MAX, "expires_at_ms")
    _require(type(token) is bytes and len(token) == TOKEN_BYTES, "token")
    return Invite(
        ledger_genesis=genesis, registrar_public_key=public_key, county_name=county, kind=kind,
        station=station, station_name=named, upstream=upstream, roles=roles,
        addresses=addresses, ca_fingerprint=ca_fingerprint, issued_at_ms=issued_at_ms,
        expires_at_ms=expires_at_ms, token=token,
    )  # fmt: skip


def _name(value: object, field: str) -> str:
    if type(value) is not bytes or not 1 <= len(value) <= _NAME_BYTES_MAX:
        raise EncodingError("invite.field", field=field)
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EncodingError("invite.field", field=field) from error


def _holds(check: Callable[[bytes], object], value: bytes) -> bool:
    try:
        check(value)
    except BanjianError:
        return False
    return True


def _is_station(value: object) -> bool:
    return type(value) is str and is_station_id(value)


def _are_texts(values: HeaderFields, pattern: re.Pattern[str], count_max: int) -> bool:
    return (
        type(values) is tuple
        and len(values) <= count_max
        and all(type(value) is str and pattern.fullmatch(value) is not None for value in values)
    )


def _require(holds: bool, field: str) -> None:
    if not holds:
        raise EncodingError("invite.field", field=field)
