"""Checkpoints of logs, and receipts: another station's cosignature on them.

A checkpoint is the signed head of a log. A receipt says that a township or the county has stored everything
below it durably.

Source: docs/protocol.md, "Checkpoint" and "Receipt"; https://c2sp.org/tlog-checkpoint,
https://c2sp.org/tlog-cosignature.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from ledger.errors import DataError, EncodingError
from ledger.formats.keys import Signer, verify
from ledger.formats.note import (
    TYPE_COSIGNATURE,
    NoteSignature,
    decode_base64,
    key_hash,
    open_note,
    parse_note,
    parse_signature,
    sign_note,
)
from ledger.hashing import CTX_CHECKPOINT, digest
from ledger.limits import INT_MAX, TREE_SIZE_MAX
from ledger.types import LogId, StationId

LOG_ORIGIN_PREFIX = "banjian/log/"
RECEIPT_NAME_PREFIX = "banjian/receipt/"

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
LOG_ID_BYTES = 16
_TIME_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Head of a log: how many leaves, and the root over them."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the three lines of the note."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode('ascii')}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosignature:
    """A cosigner's statement: at this time I held the log up to this checkpoint."""

    name: str
    time_s: int


def log_origin(log_id: LogId) -> str:
    """Return the origin line and key name of a log."""
    return LOG_ORIGIN_PREFIX + log_id.hex()


def log_of_origin(origin: str) -> LogId:
    """Return the log of an origin line.

    Raises:
        DataError: ``checkpoint.origin`` for one of no log of ours.
    """
    name = origin.removeprefix(LOG_ORIGIN_PREFIX)
    try:
        found = bytes.fromhex(name)
    except ValueError as error:
        raise DataError("checkpoint.origin", expected=LOG_ORIGIN_PREFIX, found=origin) from error
    if not origin.startswith(LOG_ORIGIN_PREFIX) or len(found) != LOG_ID_BYTES or found.hex() != name:
        raise DataError("checkpoint.origin", expected=LOG_ORIGIN_PREFIX, found=origin)
    return LogId(found)


def receipt_name(station: StationId) -> str:
    """Return the key name of a station's receipt key."""
    return RECEIPT_NAME_PREFIX + station


def checkpoint_hash(checkpoint: Checkpoint) -> bytes:
    """Return the hash that entries carry as ``county_seen``, 32 bytes; signatures are left out."""
    return digest(CTX_CHECKPOINT, checkpoint.text().encode("utf-8"))


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """Return the note of a checkpoint, signed by the key of its log."""
    return sign_note(checkpoint.text(), checkpoint.origin, signer)


def read_checkpoint(raw: bytes) -> Checkpoint:
    """Return what a note says about a log, without checking any signature.

    Raises:
        EncodingError: ``note.*``; ``checkpoint.malformed`` for other lines than origin, size and root.
    """
    return _parse(parse_note(raw).text)


def open_checkpoint(raw: bytes, origin: str, public_key: bytes) -> Checkpoint:
    """Return a checkpoint after checking the signature of its log.

    Raises:
        EncodingError: ``note.*`` or ``checkpoint.malformed``.
        DataError: ``checkpoint.origin`` for a checkpoint of another log; ``note.unsigned`` or
            ``note.signature``.
    """
    found = read_checkpoint(raw)
    if found.origin != origin:
        raise DataError("checkpoint.origin", expected=origin, found=found.origin)
    open_note(raw, origin, public_key)
    return found


def cosign(checkpoint: Checkpoint, name: str, signer: Signer, *, time_s: int) -> str:
    """Return a cosignature line (with newline) on a checkpoint.

    Args:
        checkpoint: what is cosigned; everything below it is stored durably.
        name: key name of the cosigner.
        signer: the cosigner's key, used for nothing else.
        time_s: seconds since 1970-01-01T00:00:00Z.
    """
    sig = time_s.to_bytes(_TIME_BYTES, "big") + signer.sign(_cosigned(checkpoint, time_s))
    hashed = key_hash(name, TYPE_COSIGNATURE, signer.public_key)
    return NoteSignature(name=name, key_hash=hashed, sig=sig).line()


def open_cosignature(line: str, checkpoint: Checkpoint, *, name: str, public_key: bytes) -> Cosignature:
    """Return a cosignature after checking it against a checkpoint.

    Raises:
        EncodingError: ``note.malformed``.
        DataError: ``cosignature.key`` when the line is of another key; ``cosignature.signature`` when it
            does not hold for this checkpoint.
    """
    found = parse_signature(line.removesuffix("\n"))
    if found.name != name or found.key_hash != key_hash(name, TYPE_COSIGNATURE, public_key):
        raise DataError("cosignature.key", expected=name, found=found.name)
    time_s = int.from_bytes(found.sig[:_TIME_BYTES], "big")
    if time_s > INT_MAX or not verify(public_key, found.sig[_TIME_BYTES:], _cosigned(checkpoint, time_s)):
        raise DataError("cosignature.signature", name=name)
    return Cosignature(name=name, time_s=time_s)


def read_cosignature_time_s(line: str) -> int:
    """Return the time that a cosignature line states, in seconds, without checking it; 0 for no such line."""
    try:
        found = parse_signature(line.removesuffix("\n"))
    except EncodingError:
        return 0
    return int.from_bytes(found.sig[:_TIME_BYTES], "big")


def add_cosignature(raw: bytes, line: str) -> bytes:
    """Return a note with one more signature line.

    Raises:
        EncodingError: ``note.*`` when the result would be no note.
    """
    joined = raw + line.encode("utf-8")
    parse_note(joined)
    return joined


def _cosigned(checkpoint: Checkpoint, time_s: int) -> bytes:
    return f"cosignature/v1\ntime {time_s}\n{checkpoint.text()}".encode()


def _parse(text: str) -> Checkpoint:
    lines = text.split("\n")
    if len(lines) != 4 or not lines[0] or _SIZE.fullmatch(lines[1]) is None:
        raise EncodingError("checkpoint.malformed")
    root = decode_base64(lines[2])
    if len(root) != 32 or int(lines[1]) > TREE_SIZE_MAX:
        raise EncodingError("checkpoint.malformed")
    return Checkpoint(origin=lines[0], size=int(lines[1]), root=root)
