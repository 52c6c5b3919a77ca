"""What sticks say about attachments: their chunks on the way up, what has arrived on the way back.

::

    attachment = [1, hash, case_id, size, salt, file, index, chunk]
    attached   = [1, [hash, …], [hash, …], line]

Each chunk stands by itself, so that a stick that was torn keeps what is whole, and one chunk after the other
may come with different sticks. What has arrived is signed by the receipt key of the station that has it: a
stick may come from anybody, and who believes a false "it is there" would give it to nobody any more.

Source: docs/protocol.md, "Attachments on sticks".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ledger.codec import pack_header, unpack_header
from ledger.errors import EncodingError
from ledger.formats.checkpoint import Checkpoint
from ledger.hashing import CTX_ATTACHED, digest
from ledger.types import CaseId, StationId
from sync.attachforms import (
    ATTACH_VERSION,
    CASE_BYTES,
    CHUNK_BYTES,
    HASH_BYTES,
    HEAD_BYTES_MAX,
    WANTED_MAX,
    Head,
    checked_head,
)

ATTACHED_MAX: Final = 8_192
"""Attachments that one section names as arrived; the next stick names others."""
PIECE_BYTES_MAX: Final = CHUNK_BYTES + HEAD_BYTES_MAX
ATTACHED_BYTES_MAX: Final = (ATTACHED_MAX + WANTED_MAX) * (HASH_BYTES + 2) + 1_024
LINE_BYTES_MAX: Final = 512
ORIGIN_PREFIX: Final = "banjian/attached/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One chunk of an attachment, with all that must be known of the whole."""

    hash: bytes
    case_id: CaseId
    head: Head
    index: int
    chunk: bytes

    def pack(self) -> bytes:
        """Return the canonical bytes."""
        head = self.head
        return pack_header((
            ATTACH_VERSION, self.hash, self.case_id, head.size, head.salt, head.file, self.index, self.chunk,
        ))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedSection:
    """What a station says to one below it.

    Attributes:
        whole: hashes of attachments that it has, ascending.
        wanted: hashes of those that it lacks and that were named at the other station, or below it.
        line: its cosignature, with newline, on ``attached_point``; "" where it has no receipt key.
    """

    whole: tuple[bytes, ...]
    wanted: tuple[bytes, ...]
    line: str

    def pack(self) -> bytes:
        """Return the canonical bytes."""
        return pack_header((ATTACH_VERSION, self.whole, self.wanted, self.line.encode("utf-8")))


def attached_point(receiver: StationId, whole: Iterable[bytes]) -> Checkpoint:
    """Return what is cosigned: three lines in the form of a checkpoint, whose origin is that of no log."""
    hashes = tuple(whole)
    root = digest(CTX_ATTACHED, b"".join(hashes))
    return Checkpoint(origin=ORIGIN_PREFIX + receiver, size=len(hashes), root=root)


def decode_piece(raw: bytes) -> Piece:
    """Return a chunk as it came.

    Raises:
        EncodingError: ``sync.field``; what ``unpack_header`` refuses.
    """
    fields = unpack_header(raw, limit=PIECE_BYTES_MAX)
    _require(len(fields) == 8 and type(fields[0]) is int and fields[0] == ATTACH_VERSION, "version")
    _, content, case_id, size, salt, file, index, chunk = fields
    _require(_is_bytes(content, HASH_BYTES), "hash")
    _require(_is_bytes(case_id, CASE_BYTES), "case_id")
    head = checked_head((size, salt, file))
    _require(type(index) is int and 0 <= index < head.chunks, "index")
    _require(_is_bytes(chunk, min(CHUNK_BYTES, head.size - index * CHUNK_BYTES)), "chunk")
    return Piece(hash=content, case_id=CaseId(case_id), head=head, index=index, chunk=chunk)


def decode_attached(raw: bytes) -> AttachedSection:
    """Return what has arrived, as it came.

    Raises:
        EncodingError: ``sync.field``; what ``unpack_header`` refuses.
    """
    fields = unpack_header(raw, limit=ATTACHED_BYTES_MAX, items_max=ATTACHED_MAX)
    _require(len(fields) == 4 and type(fields[0]) is int and fields[0] == ATTACH_VERSION, "version")
    _, whole, wanted, line = fields
    _require(_are_hashes(whole, ATTACHED_MAX), "whole")
    _require(all(before < after for before, after in pairwise(whole)), "whole")
    _require(_are_hashes(wanted, WANTED_MAX), "wanted")
    _require(type(line) is bytes and len(line) <= LINE_BYTES_MAX, "line")
    try:
        return AttachedSection(whole=whole, wanted=wanted, line=line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise EncodingError("sync.field", field="line") from error


def _are_hashes(value: object, most: int) -> bool:
    return type(value) is tuple and len(value) <= most and all(_is_bytes(one, HASH_BYTES) for one in value)


def _is_bytes(value: object, length: int) -> bool:
    return type(value) is bytes and len(value) == length


def _require(holds: bool, field: str) -> None:
    if not holds:
        raise EncodingError("sync.field", field=field)
