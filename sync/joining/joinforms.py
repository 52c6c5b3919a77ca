"""Join request, renewal request and the answer to both, as canonical bytes.

::

    request  = [content, signature]    content = [1, invite, csr, services, staff]
    renewal  = [content, signature]    content = [1, ledger_id, station, csr, certificate]
    answer   = [1, ledger_id, station, request_id, certificate, ca_certificate]

A request is signed by the TLS key that it asks a certificate for, a renewal by the key of the certificate in
force: whoever passes them on can alter nothing. Nothing here grants anything: services and staff wait for a
registrar's act.

Source: docs/protocol.md, "Joining".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ledger.codec import HeaderFields, pack_header, unpack_header
from ledger.errors import DataError, EncodingError
from ledger.formats.invite import Invite, decode_invite
from ledger.formats.keys import ED25519, X25519, check_possession, check_public_key, key_id
from ledger.hashing import CTX_JOIN, CTX_JOIN_SIGN, CTX_RENEWAL_SIGN, digest
from ledger.limits import INVITE_BYTES_MAX
from ledger.registry.authority import PURPOSES
from ledger.registry.schema import GRANTABLE_ROLES
from ledger.stationid import is_station_id
from ledger.types import KeyId, LedgerId, StationId
from sync.certs.pki import CERTIFICATE_BYTES_MAX, CSR_BYTES_MAX, csr_key, new_csr, read_leaf
from sync.certs.tlskeys import sign, verify

JOIN_VERSION = 1
JOIN_REQUEST_BYTES_MAX = 32 * 1024
JOIN_ANSWER_BYTES_MAX = 16 * 1024
RENEWAL_BYTES_MAX = 16 * 1024
STAFF_MAX = 16
_STAFF_NO = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,31}", re.ASCII)
_NAME_CHARS_MAX = 64
_BUNDLE = "bundle"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceKey:
    """A service key that a station asks to have enrolled; ``bundle`` keys cannot sign and prove nothing."""

    purpose: str
    public_key: bytes
    possession: bytes = b""

    @property
    def alg(self) -> str:
        """Algorithm, which follows from the purpose."""
        return X25519 if self.purpose == _BUNDLE else ED25519

    @property
    def key_id(self) -> KeyId:
        """Id of the key."""
        return key_id(self.alg, self.public_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffKey:
    """A person's key with the name and the roles at the station that are asked for."""

    staff_no: str
    name: str
    public_key: bytes
    possession: bytes
    roles: tuple[str, ...]

    @property
    def key_id(self) -> KeyId:
        """Id of the key."""
        return key_id(ED25519, self.public_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRequest:
    """What a newcomer sends: the invite, its certificate request, the keys that a registrar shall enrol.

    ``public_key`` is that of the certificate request; ``request_id`` the hash over everything.
    """

    invite: Invite
    invite_raw: bytes
    csr: bytes
    services: tuple[ServiceKey, ...]
    staff: tuple[StaffKey, ...]
    public_key: bytes
    request_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What a station sends before its certificate ends."""

    ledger_id: LedgerId
    station: StationId
    csr: bytes
    certificate: bytes
    request_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinAnswer:
    """What comes back: the station's certificate and the CA's, both DER."""

    ledger_id: LedgerId
    station: StationId
    request_id: bytes
    certificate: bytes
    ca_certificate: bytes

    def pack(self) -> bytes:
        """Return the canonical bytes."""
        return pack_header((
            JOIN_VERSION, self.ledger_id, self.station, self.request_id, self.certificate,
            self.ca_certificate,
        ))  # fmt: skip


def encode_request(
    invite_raw: bytes,
    *,
    tls_key_pem: bytes,
    services: tuple[ServiceKey, ...],
    staff: tuple[StaffKey, ...] = (),
) -> bytes:
    """Return the bytes of a join request.

    Raises:
        BanjianError: whatever ``decode_request`` would refuse.
    """
    csr = new_csr(tls_key_pem, decode_invite(invite_raw).station)
    content = pack_header((
        JOIN_VERSION, invite_raw, csr,
        tuple((one.purpose, one.public_key, one.possession) for one in services),
        tuple(
            (one.staff_no, one.name.encode("utf-8"), one.public_key, one.possession, one.roles)
            for one in staff
        ),
    ))  # fmt: skip
    raw = pack_header((content, sign(tls_key_pem, CTX_JOIN_SIGN + content)))
    decode_request(raw)
    return raw


def decode_request(raw: bytes) -> JoinRequest:
    """Return a join request after checking its form and every signature in it.

    Whether the invite's signer is a registrar and its token unused, the county says.

    Raises:
        EncodingError: ``encoding.*``; ``join.version``, ``join.field``; ``invite.*``.
        DataError: ``join.signature``, ``pki.csr``, ``pki.csr_algorithm``, ``key.possession``,
            ``key.small_order``, ``invite.signature``.
    """
    content, sig = _signed(raw, JOIN_REQUEST_BYTES_MAX)
    _, invite_raw, csr, services, staff = _fields(content, JOIN_REQUEST_BYTES_MAX, 5)
    _require(type(invite_raw) is bytes and len(invite_raw) <= INVITE_BYTES_MAX, "invite")
    _require(type(csr) is bytes and len(csr) <= CSR_BYTES_MAX, "csr")
    invite = decode_invite(invite_raw)
    public_key = csr_key(csr, station=invite.station)
    if not verify(public_key, sig, CTX_JOIN_SIGN + content):
        raise DataError("join.signature")
    return JoinRequest(
        invite=invite,
        invite_raw=invite_raw,
        csr=csr,
        services=_services(services, invite.ledger_id),
        staff=_staff(staff, invite.ledger_id),
        public_key=public_key,
        request_id=request_id(raw),
    )


def encode_renewal(
    *, ledger_id: LedgerId, certificate: bytes, old_key_pem: bytes, new_key_pem: bytes
) -> bytes:
    """Return the bytes of a renewal request for the station that a certificate names."""
    station = read_leaf(certificate, ledger_id=ledger_id).station
    csr = new_csr(new_key_pem, station)
    content = pack_header((JOIN_VERSION, ledger_id, station, csr, certificate))
    return pack_header((content, sign(old_key_pem, CTX_RENEWAL_SIGN + content)))


def decode_renewal(raw: bytes) -> Renewal:
    """Return a renewal after checking that it is signed by the key of the certificate that it carries.

    Whether that certificate holds, the county says.

    Raises:
        EncodingError: ``encoding.*``; ``join.version``, ``join.field``.
        DataError: ``join.signature``; ``tls.*`` for the certificate; ``pki.csr``, ``pki.csr_algorithm``.
    """
    content, sig = _signed(raw, RENEWAL_BYTES_MAX)
    _, ledger_id, station, csr, certificate = _fields(content, RENEWAL_BYTES_MAX, 5)
    _require(type(ledger_id) is bytes and len(ledger_id) == 32, "ledger_id")
    _require(type(station) is str and is_station_id(station), "station")
    _require(type(csr) is bytes and len(csr) <= CSR_BYTES_MAX, "csr")
    _require(type(certificate) is bytes and len(certificate) <= CERTIFICATE_BYTES_MAX, "certificate")
    leaf = read_leaf(certificate, ledger_id=LedgerId(ledger_id))
    _require(leaf.station == station, "station")
    csr_key(csr, station=leaf.station)
    if not verify(leaf.public_key, sig, CTX_RENEWAL_SIGN + content):
        raise DataError("join.signature")
    return Renewal(
        ledger_id=leaf.ledger_id,
        station=leaf.station,
        csr=csr,
        certificate=certificate,
        request_id=request_id(raw),
    )


def decode_answer(raw: bytes) -> JoinAnswer:
    """Return an answer; whether its certificates hold, ``sync.joining.newcomer`` and ``sync.line.renewal``
    check.

    Raises:
        EncodingError: ``encoding.*``; ``join.version``, ``join.field``.
    """
    _, ledger_id, station, answered, certificate, ca_certificate = _fields(raw, JOIN_ANSWER_BYTES_MAX, 6)
    _require(type(ledger_id) is bytes and len(ledger_id) == 32, "ledger_id")
    _require(type(station) is str and is_station_id(station), "station")
    _require(type(answered) is bytes and len(answered) == 32, "request_id")
    _require(type(certificate) is bytes and len(certificate) <= CERTIFICATE_BYTES_MAX, "certificate")
    _require(type(ca_certificate) is bytes and len(ca_certificate) <= CERTIFICATE_BYTES_MAX, "ca_certificate")
    return JoinAnswer(
        ledger_id=LedgerId(ledger_id),
        station=StationId(station),
        request_id=answered,
        certificate=certificate,
        ca_certificate=ca_certificate,
    )


def request_id(raw: bytes) -> bytes:
    """Return the id of a join or renewal request, 32 bytes."""
    return digest(CTX_JOIN, raw)


def _services(rows: HeaderFields, ledger_id: LedgerId) -> tuple[ServiceKey, ...]:
    _require(type(rows) is tuple and len(rows) <= len(PURPOSES), "services")
    _require(all(type(row) is tuple and len(row) == 3 for row in rows), "services")
    names = [row[0] for row in rows]
    _require(all(type(name) is str and name in PURPOSES for name in names), "services")
    _require(names == sorted(set(names)), "services")
    found = []
    for purpose, public_key, possession in rows:
        _require(
            type(public_key) is bytes and len(public_key) == 32 and type(possession) is bytes, "services"
        )
        one = ServiceKey(purpose=purpose, public_key=public_key, possession=possession)
        if one.alg == ED25519:
            check_public_key(public_key)
            check_possession(public_key, possession, ledger_id=ledger_id)
        else:
            _require(possession == b"", "services")
        found.append(one)
    return tuple(found)


def _staff(rows: HeaderFields, ledger_id: LedgerId) -> tuple[StaffKey, ...]:
    _require(type(rows) is tuple and len(rows) <= STAFF_MAX, "staff")
    found = []
    for row in rows:
        _require(type(row) is tuple and len(row) == 5, "staff")
        staff_no, name, public_key, possession, roles = row
        _require(type(staff_no) is str and _STAFF_NO.fullmatch(staff_no) is not None, "staff")
        _require(type(public_key) is bytes and type(possession) is bytes, "staff")
        _require(type(roles) is tuple and 0 < len(roles) <= len(GRANTABLE_ROLES), "staff")
        _require(all(type(role) is str and role in GRANTABLE_ROLES for role in roles), "staff")
        check_public_key(public_key)
        check_possession(public_key, possession, ledger_id=ledger_id)
        found.append(
            StaffKey(
                staff_no=staff_no, name=_name(name), public_key=public_key, possession=possession, roles=roles
            )
        )
    _require(len({one.staff_no for one in found}) == len(found), "staff")
    return tuple(found)


def _name(value: object) -> str:
    if type(value) is not bytes:
        raise EncodingError("join.field", field="staff")
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EncodingError("join.field", field="staff") from error
    _require(1 <= len(text) <= _NAME_CHARS_MAX, "staff")
    return text


def _signed(raw: bytes, limit: int) -> tuple[bytes, bytes]:
    outer = unpack_header(raw, limit=limit)
    _require(len(outer) == 2 and type(outer[0]) is bytes and type(outer[1]) is bytes, "count")
    return outer[0], outer[1]


def _fields(raw: bytes, limit: int, count: int) -> HeaderFields:
    fields = unpack_header(raw, limit=limit)
    _require(bool(fields) and type(fields[0]) is int, "version")
    if fields[0] != JOIN_VERSION:
        raise EncodingError("join.version", version=fields[0])
    _require(len(fields) == count, "count")
    return fields


def _require(holds: bool, field: str) -> None:
    if not holds:
        raise EncodingError("join.field", field=field)
