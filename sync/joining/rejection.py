"""A registrar's refusal of a join request: why, by whom, when; signed, so that it can travel like an answer.

::

    rejection = [content, signature]
    content   = [1, ledger_id, station, request_id, holder, rejected_at_ms, registrar key, staff_no, reason]

``holder`` is the hash of the TLS key that the request asks a certificate for: by it the county knows whoever
calls with a certificate that it issued before the refusal.

Source: docs/protocol.md, "Joining".
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from ledger.codec import HeaderFields, pack_header, unpack_header
from ledger.errors import AuthorityError, DataError, EncodingError, InputError
from ledger.formats.keys import Signer, verify
from ledger.hashing import CTX_REJECTION_SIGN
from ledger.stationid import is_station_id
from ledger.types import LedgerId, StationId
from sync.joining.joinforms import JoinRequest

REJECTION_VERSION = 1
REJECTION_BYTES_MAX = 4096
REASON_CHARS_MAX = 200
STAFF_NO_CHARS_MAX = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """What was refused and why.

    Attributes:
        request_id: of the join request, 32 bytes.
        holder: SHA-256 of the TLS key (DER) of the request.
        registrar_public_key: who signed.
        staff_no: the registrar's number.
        reason: in the registrar's words.
    """

    ledger_id: LedgerId
    station: StationId
    request_id: bytes
    holder: bytes
    rejected_at_ms: int
    registrar_public_key: bytes
    staff_no: str
    reason: str

    def as_error(self) -> AuthorityError:
        """Return the error that tells it."""
        return AuthorityError(
            "join.rejected", station=self.station, staff_no=self.staff_no, reason=self.reason
        )


def holder_of(public_key: bytes) -> bytes:
    """Return the hash by which the owner of a TLS key is known."""
    return sha256(public_key).digest()


def encode_rejection(
    request: JoinRequest, registrar: Signer, *, staff_no: str, reason: str, now_ms: int
) -> bytes:
    """Return the signed refusal of a request.

    Raises:
        InputError: ``join.reason`` for one that is empty, too long or has lines.
    """
    told = reason.strip()
    if not told or len(told) > REASON_CHARS_MAX or not told.isprintable():
        raise InputError("join.reason", limit=REASON_CHARS_MAX)
    content = pack_header((
        REJECTION_VERSION, request.invite.ledger_id, request.invite.station, request.request_id,
        holder_of(request.public_key), now_ms, registrar.public_key, staff_no, told.encode("utf-8"),
    ))  # fmt: skip
    return pack_header((content, registrar.sign(CTX_REJECTION_SIGN + content)))


def decode_rejection(raw: bytes) -> Rejection:
    """Return a refusal after checking that the key that it names signed it.

    Whether that key is a registrar's, the registry says.

    Raises:
        EncodingError: ``encoding.*``; ``join.version``, ``join.field``.
        DataError: ``join.signature``.
    """
    outer = unpack_header(raw, limit=REJECTION_BYTES_MAX)
    if len(outer) != 2 or type(outer[0]) is not bytes or type(outer[1]) is not bytes:
        raise EncodingError("join.field", field="count")
    content, sig = outer
    found = _rejection(unpack_header(content, limit=REJECTION_BYTES_MAX))
    if not verify(found.registrar_public_key, sig, CTX_REJECTION_SIGN + content):
        raise DataError("join.signature")
    return found


def _rejection(fields: HeaderFields) -> Rejection:
    if not fields or fields[0] != REJECTION_VERSION:
        raise EncodingError("join.version", version=fields[0] if fields else 0)
    if len(fields) != 9:
        raise EncodingError("join.field", field="count")
    _, ledger_id, station, request_id, holder, at_ms, key, staff_no, reason = fields
    held = all(type(one) is bytes and len(one) == 32 for one in (ledger_id, request_id, holder, key))
    named = type(station) is str and is_station_id(station) and type(at_ms) is int and at_ms >= 0
    if not held or not named or type(staff_no) is not str or len(staff_no) > STAFF_NO_CHARS_MAX:
        raise EncodingError("join.field", field="rejection")
    return Rejection(
        ledger_id=LedgerId(ledger_id),
        station=StationId(station),
        request_id=request_id,
        holder=holder,
        rejected_at_ms=at_ms,
        registrar_public_key=key,
        staff_no=staff_no,
        reason=_text(reason),
    )


def _text(value: object) -> str:
    try:
        found = value.decode("utf-8") if type(value) is bytes else ""
    except UnicodeDecodeError as error:
        raise EncodingError("join.field", field="reason") from error
    if not 1 <= len(found) <= REASON_CHARS_MAX or not found.isprintable():
        raise EncodingError("join.field", field="reason")
    return found
