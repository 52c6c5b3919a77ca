"""What decides where an act counts that stands in several places: the same answer whatever arrived first.

A log of the act's own station comes before any other, a sound frame before an opaque one, the earliest
recording before later ones; then the name of the log and the position decide.

Source: docs/protocol.md, "Reading a ledger file".
"""

from __future__ import annotations

from typing import NamedTuple

from ledger.errors import BanjianError
from ledger.formats.entry import decode_entry
from ledger.formats.frame import split_frame
from ledger.limits import INT_MAX


class Rank(NamedTuple):
    """What decides between two places of one act: the lower one is its place."""

    elsewhere: bool
    opaque: bool
    recorded_at_ms: int
    log: str
    seq: int


def recorded_at_ms(frame: bytes | None) -> int:
    """Return when a frame was recorded; later than any time where there is none or it does not tell."""
    if frame is None:
        return INT_MAX
    try:
        return decode_entry(split_frame(frame).entry_raw).recorded_at_ms
    except BanjianError:
        return INT_MAX
