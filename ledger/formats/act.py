"""Act: one action, signed by the person who did it, independent of any log position.

The bytes that were signed are kept as they are; nothing is encoded again to verify. The id leaves the
signature out, because signatures of some algorithms are randomised.

Source: docs/protocol.md, "Act".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from ledger.codec import pack_header, reread_header, unpack_header
from ledger.errors import DataError, EncodingError
from ledger.formats.keys import Signer, verify_once
from ledger.hashing import CTX_ACT_ID, CTX_ACT_SIGN, digest
from ledger.limits import (
    ACT_BYTES_MAX,
    ACTION_CHARS_MAX,
    ATTACHMENT_BYTES_MAX,
    ATTACHMENTS_MAX,
    INT_MAX,
    PARENTS_MAX,
    PERSONAL_BYTES_MAX,
    facts_bytes_max,
)
from ledger.stationid import is_station_id
from ledger.types import ActId, CaseId, KeyId, LedgerId, StationId

ACT_VERSION = 1
ACT_FIELDS = 15
CASE_ID_BYTES = 16

_ACTION = re.compile(rf"[a-z][a-z0-9_]{{0,{ACTION_CHARS_MAX - 1}}}", re.ASCII)
_KNOWN_WORDS_MAX = 1024
"""Most acts of a log say the same words; looking one up costs less than matching it again."""


class ActHeader(NamedTuple):
    """The signed fields of an act after the version.

    A named tuple, because millions are made while auditing and a frozen dataclass costs five times as much.
    """

    ledger_id: LedgerId
    case_id: CaseId
    parents: tuple[ActId, ...]
    action: str
    actor: KeyId
    station: StationId
    registry_size: int
    catalogue_version: int
    occurred_at_ms: int
    facts_hash: bytes
    facts_len: int
    personal_hash: bytes
    personal_len: int
    attachments: tuple[tuple[bytes, int], ...]

    def pack(self) -> bytes:
        """Return the canonical bytes of the header; ``decode_act`` checks them."""
        return pack_header((ACT_VERSION, *self))


class Act(NamedTuple):
    """An act as it came: decoded header beside the bytes that were signed."""

    header: ActHeader
    raw: bytes
    sig: bytes
    act_id: ActId


def decode_act(raw: bytes) -> ActHeader:
    """Return the header of an act.

    Raises:
        EncodingError: ``encoding.*`` for bytes that are not canonical or too long; ``act.version``;
            ``act.field`` with the name of the first field of another type, range or order.

    Source: docs/protocol.md, "Act".
    """
    fields = unpack_header(raw, limit=ACT_BYTES_MAX)
    if not fields or type(fields[0]) is not int:
        raise EncodingError("act.field", field="version")
    if fields[0] != ACT_VERSION:
        raise EncodingError("act.version", version=fields[0])
    if len(fields) != ACT_FIELDS:
        raise EncodingError("act.field", field="count")
    # _make would do, were it not twice as slow.
    header: ActHeader = tuple.__new__(ActHeader, fields[1:])
    wrong = _wrong_field(header)
    if wrong:
        raise EncodingError("act.field", field=wrong)
    return header


def reread_act(raw: bytes) -> ActHeader:
    """Return the header of an act whose bytes ``decode_act`` took before; no field is checked again.

    Raises:
        EncodingError: ``encoding.malformed`` for anything but an array of so many fields.
    """
    fields = reread_header(raw)
    if len(fields) != ACT_FIELDS:
        raise EncodingError("encoding.malformed")
    header: ActHeader = tuple.__new__(ActHeader, fields[1:])
    return header


def act_id(raw: bytes) -> ActId:
    """Return the id of an act from its bytes, 32 bytes."""
    return ActId(digest(CTX_ACT_ID, raw))


def read_act(raw: bytes, sig: bytes) -> Act:
    """Return an act from its bytes, with the signature that came beside them; that is not checked here.

    Raises:
        EncodingError: as ``decode_act``.
    """
    return Act(decode_act(raw), raw, sig, act_id(raw))


def sign_act(raw: bytes, signer: Signer) -> bytes:
    """Return the signature of a person over the bytes of an act."""
    return signer.sign(CTX_ACT_SIGN + raw)


def encode_act(header: ActHeader) -> bytes:
    """Return the bytes of an act to be signed: those that ``decode_act`` reads as this header.

    Raises:
        EncodingError: ``act.field`` or ``encoding.limit``: nothing is signed that nobody would take.
    """
    wrong = _wrong_field(header)
    if wrong:
        raise EncodingError("act.field", field=wrong)
    raw = header.pack()
    if len(raw) > ACT_BYTES_MAX:
        raise EncodingError("encoding.limit", size=len(raw), limit=ACT_BYTES_MAX)
    return raw


def new_act(header: ActHeader, signer: Signer) -> Act:
    """Return a signed act.

    Raises:
        EncodingError: as ``encode_act``.
        DataError: ``act.actor`` when the header names another key than the signer's.
    """
    raw = encode_act(header)
    if header.actor != signer.key_id:
        raise DataError("act.actor", expected=header.actor, found=signer.key_id)
    return Act(header, raw, sign_act(raw, signer), act_id(raw))


def verify_act(raw: bytes, sig: bytes, public_key: bytes) -> None:
    """Check the signature of an act.

    Raises:
        DataError: ``act.signature`` when it does not hold under the key.
    """
    if not verify_once(public_key, sig, CTX_ACT_SIGN + raw):
        raise DataError("act.signature", act=act_id(raw))


def case_of(act: Act) -> CaseId:
    """Return the case or thread that an act belongs to: its own for an opening act."""
    return act.header.case_id or CaseId(act.act_id[:CASE_ID_BYTES])


def _wrong_field(header: ActHeader) -> str:
    """Return the name of the first field that breaks a rule, else the empty string."""
    (
        ledger_id, case_id, parents, action, actor, station, registry_size, catalogue_version, occurred_at_ms,
        facts_hash, facts_len, personal_hash, personal_len, attachments,
    ) = header  # fmt: skip
    if type(ledger_id) is not bytes or len(ledger_id) != 32:
        return "ledger_id"
    if type(case_id) is not bytes or len(case_id) not in (0, CASE_ID_BYTES):
        return "case_id"
    if type(parents) is not tuple or bool(parents) != bool(case_id) or _wrong_parents(parents):
        return "parents"
    if type(action) is not str or not _is_action(action):
        return "action"
    if type(actor) is not bytes or len(actor) != 16:
        return "actor"
    if type(station) is not str or not _is_station(station):
        return "station"
    if type(registry_size) is not int or not 0 <= registry_size <= INT_MAX:
        return "registry_size"
    if type(catalogue_version) is not int or not 0 <= catalogue_version <= INT_MAX:
        return "catalogue_version"
    if type(occurred_at_ms) is not int or not 0 <= occurred_at_ms <= INT_MAX:
        return "occurred_at_ms"
    if type(facts_hash) is not bytes or len(facts_hash) != 32:
        return "facts_hash"
    if type(facts_len) is not int or not 1 <= facts_len <= facts_bytes_max(action):
        return "facts_len"
    if type(personal_hash) is not bytes or len(personal_hash) not in (0, 32):
        return "personal_hash"
    if type(personal_len) is not int:
        return "personal_len"
    if not (1 <= personal_len <= PERSONAL_BYTES_MAX if personal_hash else personal_len == 0):
        return "personal_len"
    if type(attachments) is not tuple or (attachments and _wrong_attachments(attachments)):
        return "attachments"
    return ""


@lru_cache(maxsize=_KNOWN_WORDS_MAX)
def _is_action(text: str) -> bool:
    return _ACTION.fullmatch(text) is not None


_is_station = lru_cache(maxsize=_KNOWN_WORDS_MAX)(is_station_id)


def _wrong_parents(parents: tuple[ActId, ...]) -> bool:
    if len(parents) > PARENTS_MAX:
        return True
    previous = b""
    for parent in parents:
        if type(parent) is not bytes or len(parent) != 32 or parent <= previous:
            return True
        previous = parent
    return False


def _wrong_attachments(attachments: tuple[tuple[bytes, int], ...]) -> bool:
    if len(attachments) > ATTACHMENTS_MAX:
        return True
    seen: set[bytes] = set()
    for item in attachments:
        if type(item) is not tuple or len(item) != 2:
            return True
        content_hash, size = item
        if type(content_hash) is not bytes or len(content_hash) != 32 or content_hash in seen:
            return True
        if type(size) is not int or not 1 <= size <= ATTACHMENT_BYTES_MAX:
            return True
        seen.add(content_hash)
    return False
