"""Bodies: ``facts`` and ``personal``, detached from the act by salted hash.

``facts`` holds what replay, clocks and statistics need and nothing personal; ``personal`` holds names,
numbers, addresses and free text about people and may be erased or withheld without hurting any signature.

Source: docs/protocol.md, "Bodies".
"""

from __future__ import annotations

from typing import Protocol

from ledger.codec import pack_body, reread_body, unpack_body
from ledger.errors import DataError, EncodingError
from ledger.hashing import CTX_FACTS, CTX_PERSONAL, digest
from ledger.limits import BODY_ITEMS_MAX, PERSONAL_BYTES_MAX, SALT_BYTES, facts_bytes_max
from ledger.types import Facts

SALT_KEY = "salt"


class BodyHashes(Protocol):
    """The fields of an act header that bodies are checked against."""

    @property
    def action(self) -> str: ...
    @property
    def facts_hash(self) -> bytes: ...
    @property
    def facts_len(self) -> int: ...
    @property
    def personal_hash(self) -> bytes: ...
    @property
    def personal_len(self) -> int: ...


def new_body(fields: Facts, salt: bytes) -> bytes:
    """Return the bytes of a body with its salt.

    Args:
        fields: what the body says; must not use the key ``salt``.
        salt: 16 random bytes, new for each body.

    Raises:
        EncodingError: ``body.salt`` for a salt of another length or a field of that name;
            ``encoding.type`` or ``encoding.depth`` for values that bodies do not hold.
    """
    if len(salt) != SALT_BYTES or SALT_KEY in fields:
        raise EncodingError("body.salt")
    return pack_body({**fields, SALT_KEY: salt})


def readable_body(fields: Facts, salt: bytes, *, limit_bytes: int) -> bytes:
    """Return the bytes of a body as ``new_body`` does; what nobody could open again is refused.

    Raises:
        EncodingError: as ``new_body`` and ``open_body``.
    """
    raw = new_body(fields, salt)
    if len(raw) > BODY_ITEMS_MAX:
        # Fewer bytes can break no limit besides those that packing keeps itself.
        open_body(raw, limit_bytes=limit_bytes)
    return raw


def open_body(raw: bytes, *, limit_bytes: int) -> Facts:
    """Return the fields of a body without its salt.

    Raises:
        EncodingError: ``encoding.*`` for bytes that are not canonical; ``body.salt`` without a 16-byte salt.
    """
    fields = unpack_body(raw, limit_bytes=limit_bytes)
    salt = fields.pop(SALT_KEY, None)
    if type(salt) is not bytes or len(salt) != SALT_BYTES:
        raise EncodingError("body.salt")
    return fields


def reread_facts(raw: bytes) -> Facts:
    """Return the facts of a body that ``check_facts`` took before; nothing is checked again.

    Raises:
        EncodingError: ``encoding.malformed`` for bytes that cannot have been taken before.
    """
    fields = reread_body(raw)
    fields.pop(SALT_KEY, None)
    return fields


def facts_hash(raw: bytes) -> bytes:
    """Return the hash of the bytes of facts, 32 bytes."""
    return digest(CTX_FACTS, raw)


def personal_hash(raw: bytes) -> bytes:
    """Return the hash of the bytes of a personal body, 32 bytes; empty for an absent one."""
    return digest(CTX_PERSONAL, raw) if raw else b""


def check_facts(header: BodyHashes, raw: bytes) -> Facts:
    """Return the facts of an act after comparing them with its header.

    Raises:
        DataError: ``act.facts_hash`` when length or hash differ; ``encoding.*`` or ``body.salt`` when the
            author signed bytes that are no body.
    """
    check_facts_hash(header, raw)
    return open_body(raw, limit_bytes=facts_bytes_max(header.action))


def check_facts_hash(header: BodyHashes, raw: bytes) -> None:
    """Compare the bytes of the facts of an act with its header; what they say is not read.

    Raises:
        DataError: ``act.facts_hash`` when length or hash differ.
    """
    if len(raw) != header.facts_len or facts_hash(raw) != header.facts_hash:
        raise DataError("act.facts_hash")


def check_personal(header: BodyHashes, raw: bytes) -> Facts:
    """Return the personal body of an act after comparing it with its header.

    Raises:
        DataError: ``act.personal_hash`` when the act has no personal body or length or hash differ;
            ``encoding.*`` or ``body.salt`` when the author signed bytes that are no body.
    """
    if not raw or len(raw) != header.personal_len or personal_hash(raw) != header.personal_hash:
        raise DataError("act.personal_hash")
    return open_body(raw, limit_bytes=PERSONAL_BYTES_MAX)
