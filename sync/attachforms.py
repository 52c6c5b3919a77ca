"""What passes between two stations about attachments: an offer, its answer, the head of a single one.

::

    offer  = [1, [[hash, case_id, size, salt, file], …]]
    answer = [1, [[hash, [index, …]], …], [[hash, code], …], [hash, …]]
    head   = [1, size, salt, file]

Chunks are plain bytes of ``CHUNK_BYTES`` each, the last one shorter. What an attachment is named by binds
salt and content, so that whoever passes it on can alter nothing without being found.

Source: docs/protocol.md, "Attachments".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from ledger.codec import HeaderFields, pack_header, unpack_header
from ledger.errors import EncodingError
from ledger.limits import ATTACHMENT_BYTES_MAX
from ledger.types import CaseId

ATTACHMENTS_PATH = "/sync/1/attachments"
ATTACH_VERSION = 1
CHUNK_BYTES = 256 * 1024
OFFERS_MAX = 64
WANTED_MAX = 256
FILE_CHARS_MAX = 120
CHUNKS_MAX = -(-ATTACHMENT_BYTES_MAX // CHUNK_BYTES)
OFFER_BYTES_MAX = 64 * 1024
ANSWER_BYTES_MAX = 512 * 1024
HEAD_BYTES_MAX = 1024
HASH_BYTES, SALT_BYTES, CASE_BYTES = 32, 32, 16
_CODE = re.compile(r"[a-z0-9_.]{1,64}")

ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What must be known of an attachment beside its content.

    Attributes:
        size: bytes of the content.
        salt: 32 bytes that go into its hash.
        file: what the file was called; no path.
    """

    size: int
    salt: bytes
    file: str

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return -(-self.size // CHUNK_BYTES)

    def pack(self) -> bytes:
        """Return the canonical bytes."""
        return pack_header((ATTACH_VERSION, self.size, self.salt, self.file))


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An attachment that the lower station holds and the upper one may lack."""

    hash: bytes
    case_id: CaseId
    head: Head


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """An attachment that the upper station takes: the chunks that it lacks, from 0, ascending."""

    hash: bytes
    chunks: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the upper station says to offers: what is not in here it has whole.

    Attributes:
        lacking: what it takes now.
        refused: hash and code of what it does not take.
        wanted: hashes of attachments of the lower station's acts that it lacks.
    """

    lacking: tuple[Lacking, ...]
    refused: tuple[tuple[bytes, str], ...]
    wanted: tuple[bytes, ...]

    def pack(self) -> bytes:
        """Return the canonical bytes."""
        return pack_header((
            ATTACH_VERSION, tuple((one.hash, one.chunks) for one in self.lacking), self.refused, self.wanted,
        ))  # fmt: skip


def encode_offers(offers: tuple[Offer, ...]) -> bytes:
    """Return the canonical bytes of up to ``OFFERS_MAX`` offers."""
    return pack_header((
        ATTACH_VERSION,
        tuple((one.hash, one.case_id, one.head.size, one.head.salt, one.head.file) for one in offers),
    ))  # fmt: skip


def decode_offers(raw: bytes) -> tuple[Offer, ...]:
    """Return offers as they came.

    Raises:
        EncodingError: ``sync.field``; what ``unpack_header`` refuses.
    """
    fields = _fields(raw, 2, limit=OFFER_BYTES_MAX)
    return _items(fields[1], OFFERS_MAX, "offers", _offer)


def decode_answer(raw: bytes) -> Answer:
    """Return an answer as it came.

    Raises:
        EncodingError: ``sync.field``; what ``unpack_header`` refuses.
    """
    fields = _fields(raw, 4, limit=ANSWER_BYTES_MAX)
    return Answer(
        lacking=_items(fields[1], OFFERS_MAX, "lacking", _lacking),
        refused=_items(fields[2], OFFERS_MAX, "refused", _refusal),
        wanted=_items(fields[3], WANTED_MAX, "wanted", lambda one: _bytes(one, HASH_BYTES, "wanted")),
    )


def decode_head(raw: bytes) -> Head:
    """Return the head of an attachment as it came.

    Raises:
        EncodingError: ``sync.field``; what ``unpack_header`` refuses.
    """
    return checked_head(_fields(raw, 4, limit=HEAD_BYTES_MAX)[1:])


def _fields(raw: bytes, count: int, *, limit: int) -> HeaderFields:
    fields = unpack_header(raw, limit=limit, items_max=max(CHUNKS_MAX, WANTED_MAX))
    if len(fields) != count or type(fields[0]) is not int or fields[0] != ATTACH_VERSION:
        raise EncodingError("sync.field", field="version")
    return fields


def _items(value: object, most: int, name: str, make: Callable[[object], ItemT]) -> tuple[ItemT, ...]:
    if type(value) is not tuple or len(value) > most:
        raise EncodingError("sync.field", field=name)
    return tuple(make(item) for item in value)


def _offer(value: object) -> Offer:
    if type(value) is not tuple or len(value) != 5:
        raise EncodingError("sync.field", field="offers")
    return Offer(
        hash=_bytes(value[0], HASH_BYTES, "hash"),
        case_id=CaseId(_bytes(value[1], CASE_BYTES, "case_id")),
        head=checked_head(value[2:]),
    )


def checked_head(value: HeaderFields) -> Head:
    """Return a head from size, salt and file as they came.

    Raises:
        EncodingError: ``sync.field``.
    """
    size, salt, file = value
    if type(size) is not int or not 0 < size <= ATTACHMENT_BYTES_MAX:
        raise EncodingError("sync.field", field="size")
    if type(file) is not str or len(file) > FILE_CHARS_MAX or any(sign in file for sign in "/\\\0"):
        raise EncodingError("sync.field", field="file")
    return Head(size=size, salt=_bytes(salt, SALT_BYTES, "salt"), file=file)


def _lacking(value: object) -> Lacking:
    if type(value) is not tuple or len(value) != 2:
        raise EncodingError("sync.field", field="lacking")
    chunks = _items(value[1], CHUNKS_MAX, "chunks", _index)
    if any(later <= earlier for earlier, later in pairwise(chunks)):
        raise EncodingError("sync.field", field="chunks")
    return Lacking(hash=_bytes(value[0], HASH_BYTES, "hash"), chunks=chunks)


def _refusal(value: object) -> tuple[bytes, str]:
    if type(value) is not tuple or len(value) != 2:
        raise EncodingError("sync.field", field="refused")
    code = value[1]
    if type(code) is not str or not _CODE.fullmatch(code):
        raise EncodingError("sync.field", field="refused")
    return _bytes(value[0], HASH_BYTES, "hash"), code


def _index(value: object) -> int:
    if type(value) is not int or not 0 <= value < CHUNKS_MAX:
        raise EncodingError("sync.field", field="chunks")
    return value


def _bytes(value: object, length: int, name: str) -> bytes:
    if type(value) is not bytes or len(value) != length:
        raise EncodingError("sync.field", field=name)
    return value
