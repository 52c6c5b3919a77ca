"""Leaves of the county's merge log: which frames and heads it stored, in order of arrival.

The first leaf of a merge log is the entry of its ``open_log`` act, as in any log; all others are of these
forms. They are stored at their positions as frames of other logs are.

Source: docs/protocol.md, "Merge log".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ledger.codec import pack_header, unpack_header
from ledger.errors import EncodingError
from ledger.formats.frame import split_frame
from ledger.limits import ENTRY_BYTES_MAX, INT_MAX
from ledger.types import LogId

FRAME_LEAF = 1
HEAD_LEAF = 2
MERGE_LEAF = "merge_leaf"
"""Topic under which the leaves of a merge log are stored, from position 2 on."""


class FrameLeaf(NamedTuple):
    """The county stored the frame at one position of a log; a named tuple because it is made in numbers."""

    log_id: LogId
    seq: int
    entry_hash: bytes
    received_at_ms: int

    def pack(self) -> bytes:
        """Return the canonical bytes."""
        return pack_header((FRAME_LEAF, *self))


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadLeaf:
    """The county's registry or catalogue log stood at this size and root."""

    log_id: LogId
    size: int
    root: bytes
    received_at_ms: int

    def pack(self) -> bytes:
        """Return the canonical bytes."""
        return pack_header((HEAD_LEAF, self.log_id, self.size, self.root, self.received_at_ms))


def leaf_of_record(raw: bytes, seq: int, kind: str) -> bytes:
    """Return the leaf that a stored record puts into the tree of its log.

    Args:
        raw: the record: a frame, or a leaf of a merge log.
        seq: its position, from 1.
        kind: kind of the log, from its genesis.

    Raises:
        EncodingError: ``encoding.*`` or ``frame.field`` for a frame that is no triple.

    Source: docs/protocol.md, "Merge log".
    """
    return raw if kind == "merge" and seq > 1 else split_frame(raw).entry_raw


def decode_merge_leaf(raw: bytes) -> FrameLeaf | HeadLeaf:
    """Return a leaf of a merge log.

    Raises:
        EncodingError: ``encoding.*`` for bytes that are not canonical; ``merge.version`` for another kind;
            ``merge.field`` for a field of another type or range.
    """
    fields = unpack_header(raw, limit=ENTRY_BYTES_MAX)
    if not fields or type(fields[0]) is not int:
        raise EncodingError("merge.field", field="version")
    if fields[0] not in (FRAME_LEAF, HEAD_LEAF):
        raise EncodingError("merge.version", version=fields[0])
    _require(len(fields) == 5, "count")
    kind, log_id, number, hashed, received_at_ms = fields
    _require(type(log_id) is bytes and len(log_id) == 16, "log_id")
    _require(type(number) is int and 1 <= number <= INT_MAX, "seq" if kind == FRAME_LEAF else "size")
    _require(type(hashed) is bytes and len(hashed) == 32, "entry_hash" if kind == FRAME_LEAF else "root")
    _require(type(received_at_ms) is int and 0 <= received_at_ms <= INT_MAX, "received_at_ms")
    if kind == FRAME_LEAF:
        return FrameLeaf(log_id=LogId(log_id), seq=number, entry_hash=hashed, received_at_ms=received_at_ms)
    return HeadLeaf(log_id=LogId(log_id), size=number, root=hashed, received_at_ms=received_at_ms)


def _require(holds: bool, field: str) -> None:
    if not holds:
        raise EncodingError("merge.field", field=field)
