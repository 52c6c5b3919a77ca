"""Entry: one position of a log, the station's statement "this act stands here".

Entries are chained by hash for cheap local checks; every proof uses the Merkle tree over the same bytes.

Source: docs/protocol.md, "Entry".
"""

from __future__ import annotations

from typing import NamedTuple

from ledger.codec import pack_header, reread_header, unpack_header
from ledger.errors import DataError, EncodingError
from ledger.hashing import CTX_ACT_SIG, CTX_ENTRY, digest
from ledger.limits import ENTRY_BYTES_MAX, INT_MAX
from ledger.types import ActId, LogId

ENTRY_VERSION = 1
ENTRY_FIELDS = 10


class Entry(NamedTuple):
    """The fields of an entry after the version; a named tuple as ``ledger.formats.act`` says."""

    log_id: LogId
    seq: int
    previous: bytes
    act_id: ActId
    sig_hash: bytes
    recorded_at_ms: int
    boot_id: bytes
    monotonic_ms: int
    county_seen: bytes

    def pack(self) -> bytes:
        """Return the canonical bytes of the entry: the leaf of the log's tree."""
        return pack_header((ENTRY_VERSION, *self))


def decode_entry(raw: bytes) -> Entry:
    """Return the fields of an entry.

    Raises:
        EncodingError: ``encoding.*`` for bytes that are not canonical or too long; ``entry.version``;
            ``entry.field`` with the name of the first field of another type or range.

    Source: docs/protocol.md, "Entry".
    """
    fields = unpack_header(raw, limit=ENTRY_BYTES_MAX)
    if not fields or type(fields[0]) is not int:
        raise EncodingError("entry.field", field="version")
    if fields[0] != ENTRY_VERSION:
        raise EncodingError("entry.version", version=fields[0])
    if len(fields) != ENTRY_FIELDS:
        raise EncodingError("entry.field", field="count")
    entry: Entry = tuple.__new__(Entry, fields[1:])
    wrong = _wrong_field(entry)
    if wrong:
        raise EncodingError("entry.field", field=wrong)
    return entry


def encode_entry(entry: Entry) -> bytes:
    """Return the canonical bytes of an entry: those that ``decode_entry`` reads as this entry.

    Raises:
        EncodingError: ``entry.field`` with the name of the first field of another type or range.
    """
    wrong = _wrong_field(entry)
    if wrong:
        raise EncodingError("entry.field", field=wrong)
    # Fields within their limits are far below the limit of the whole.
    return pack_header((ENTRY_VERSION, *entry))


def reread_entry(raw: bytes) -> Entry:
    """Return the fields of an entry whose bytes ``decode_entry`` took before; no field is checked again.

    Raises:
        EncodingError: ``encoding.malformed`` for anything but an array of so many fields.
    """
    fields = reread_header(raw)
    if len(fields) != ENTRY_FIELDS:
        raise EncodingError("encoding.malformed")
    entry: Entry = tuple.__new__(Entry, fields[1:])
    return entry


def entry_hash(raw: bytes) -> bytes:
    """Return the hash that the next entry of the log names, 32 bytes."""
    return digest(CTX_ENTRY, raw)


def sig_hash(sig: bytes) -> bytes:
    """Return the hash under which an entry pins the signature of its act, 32 bytes."""
    return digest(CTX_ACT_SIG, sig)


def check_link(entry: Entry, *, log_id: LogId, seq: int, previous: bytes) -> None:
    """Check that an entry continues its log.

    Args:
        entry: the entry at hand.
        log_id: the log in which it was found.
        seq: the position that comes next, 1 for the first.
        previous: hash of the entry before it, the genesis hash for the first.

    Raises:
        DataError: ``entry.log`` for an entry of another log; ``entry.sequence`` for another position;
            ``entry.chain`` for another predecessor.
    """
    if entry.log_id != log_id:
        raise DataError("entry.log", log=log_id, found=entry.log_id)
    if entry.seq != seq:
        raise DataError("entry.sequence", log=log_id, expected=seq, found=entry.seq)
    if entry.previous != previous:
        raise DataError("entry.chain", log=log_id, seq=seq)


def _wrong_field(entry: Entry) -> str:
    log_id, seq, previous, act_id, sig, recorded_at_ms, boot_id, monotonic_ms, county_seen = entry
    if type(log_id) is not bytes or len(log_id) != 16:
        return "log_id"
    if type(seq) is not int or not 1 <= seq <= INT_MAX:
        return "seq"
    if type(previous) is not bytes or len(previous) != 32:
        return "previous"
    if type(act_id) is not bytes or len(act_id) != 32:
        return "act_id"
    if type(sig) is not bytes or len(sig) != 32:
        return "sig_hash"
    if type(recorded_at_ms) is not int or not 0 <= recorded_at_ms <= INT_MAX:
        return "recorded_at_ms"
    if type(boot_id) is not bytes or len(boot_id) != 16:
        return "boot_id"
    if type(monotonic_ms) is not int or not 0 <= monotonic_ms <= INT_MAX:
        return "monotonic_ms"
    if type(county_seen) is not bytes or len(county_seen) not in (0, 32):
        return "county_seen"
    return ""
