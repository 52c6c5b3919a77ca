"""Frame: what a log stores at one position, the act, its signature and the entry, as three byte strings.

Source: docs/protocol.md, "Frame".
"""

from __future__ import annotations

from typing import NamedTuple

from ledger.codec import pack_header, reread_header, unpack_header
from ledger.errors import DataError, EncodingError
from ledger.formats.act import Act, act_id, decode_act, read_act, reread_act
from ledger.formats.entry import Entry, decode_entry, reread_entry, sig_hash
from ledger.limits import ACT_BYTES_MAX, ENTRY_BYTES_MAX, FRAME_BYTES_MAX, SIGNATURE_BYTES_MAX
from ledger.types import ActId


class FrameParts(NamedTuple):
    """The three byte strings of a frame; the act may be anything that its log covered."""

    act_raw: bytes
    sig: bytes
    entry_raw: bytes


class Frame(NamedTuple):
    """A frame whose act and entry are well-formed and belong together."""

    act: Act
    entry: Entry
    entry_raw: bytes
    raw: bytes


def encode_frame(act_raw: bytes, sig: bytes, entry_raw: bytes) -> bytes:
    """Return the canonical bytes of a frame."""
    return pack_header((act_raw, sig, entry_raw))


def split_frame(raw: bytes) -> FrameParts:
    """Return the three byte strings of a frame without looking into them.

    Raises:
        EncodingError: ``encoding.*`` for bytes that are not canonical or too long; ``frame.field`` for
            anything but three byte strings within their limits.
    """
    fields = unpack_header(raw, limit=FRAME_BYTES_MAX)
    if len(fields) != 3:
        raise EncodingError("frame.field", field="count")
    act_raw, sig, entry_raw = fields
    if type(act_raw) is not bytes or not 1 <= len(act_raw) <= ACT_BYTES_MAX:
        raise EncodingError("frame.field", field="act")
    if type(sig) is not bytes or not 1 <= len(sig) <= SIGNATURE_BYTES_MAX:
        raise EncodingError("frame.field", field="signature")
    if type(entry_raw) is not bytes or not 1 <= len(entry_raw) <= ENTRY_BYTES_MAX:
        raise EncodingError("frame.field", field="entry")
    parts: FrameParts = tuple.__new__(FrameParts, fields)
    return parts


def act_in(raw: bytes) -> Act:
    """Return the act in a frame; the entry beside it may be anything.

    Raises:
        EncodingError: as ``split_frame`` and ``decode_act``.
    """
    parts = split_frame(raw)
    return read_act(parts.act_raw, parts.sig)


def decode_frame(raw: bytes) -> Frame:
    """Return a frame with act and entry decoded; the signature itself is not checked here.

    Raises:
        EncodingError: ``encoding.*``, ``frame.field``, ``act.*`` or ``entry.*`` for bytes that are not
            well-formed.
        DataError: ``frame.act`` or ``frame.signature`` when the entry pins another act or signature.

    Source: docs/protocol.md, "Frame".
    """
    act_raw, sig, entry_raw = split_frame(raw)
    entry = decode_entry(entry_raw)
    known_id = act_id(act_raw)
    header = decode_act(act_raw)
    check_act_pins(entry, known_id, sig)
    # Calling a named tuple would do, were it not twice as slow.
    act: Act = tuple.__new__(Act, (header, act_raw, sig, known_id))
    frame: Frame = tuple.__new__(Frame, (act, entry, entry_raw, raw))
    return frame


def reread_frame(raw: bytes) -> tuple[Act, Entry]:
    """Return act and entry of a frame that ``decode_frame`` took before; nothing is checked again.

    The id of the act is the one that the entry pins. Several times faster: most of decoding is checking.

    Raises:
        EncodingError: ``encoding.malformed`` for bytes that cannot have been taken before.
    """
    fields = reread_header(raw)
    if len(fields) != 3:
        raise EncodingError("encoding.malformed")
    act_raw, sig, entry_raw = fields
    entry = reread_entry(entry_raw)
    act: Act = tuple.__new__(Act, (reread_act(act_raw), act_raw, sig, entry.act_id))
    return act, entry


def reread_entry_raw(raw: bytes) -> bytes:
    """Return the entry of a frame that ``split_frame`` took before; nothing is checked again.

    Raises:
        EncodingError: ``encoding.malformed`` for bytes that cannot have been taken before.
    """
    fields = reread_header(raw)
    if len(fields) != 3 or type(fields[2]) is not bytes:
        raise EncodingError("encoding.malformed")
    entry_raw: bytes = fields[2]
    return entry_raw


def check_pins(entry: Entry, act_raw: bytes, sig: bytes) -> None:
    """Check that an entry pins these bytes of an act and of its signature.

    Raises:
        DataError: ``frame.act`` or ``frame.signature`` when it pins others.
    """
    check_act_pins(entry, act_id(act_raw), sig)


def check_act_pins(entry: Entry, known_id: ActId, sig: bytes) -> None:
    """Check the same of an act whose id is known already; errors as ``check_pins``."""
    fault = pin_fault(entry, known_id, sig)
    if fault:
        raise DataError(fault, log=entry.log_id, seq=entry.seq)


def pin_fault(entry: Entry, known_id: ActId, sig: bytes) -> str:
    """Return what of an act an entry does not pin: ``frame.act``, ``frame.signature``, "" for nothing."""
    if entry.act_id != known_id:
        return "frame.act"
    return "" if entry.sig_hash == sig_hash(sig) else "frame.signature"
