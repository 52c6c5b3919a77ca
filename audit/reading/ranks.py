"""Where an act that stands in several places has its row and its bodies.

Source: ``ledger.formats.rank``.
"""

from __future__ import annotations

from collections.abc import Mapping

from audit.reading.openings import base_of
from ledger.errors import BanjianError
from ledger.formats.act import Act, read_act
from ledger.formats.entry import decode_entry
from ledger.formats.frame import split_frame
from ledger.formats.rank import Rank, recorded_at_ms
from ledger.types import StationId


def rank_of(
    stations: Mapping[str, StationId], act: Act, frame: bytes, *, log: str, seq: int, opaque: bool
) -> Rank:
    """Return the rank of a place.

    Args:
        stations: station of every log by name, those of single frames among them.
        act: the act.
        frame: the frame that stands there.
        log: name of the log or branch.
        seq: position there.
        opaque: the frame is stored as one that never counts.
    """
    elsewhere = stations.get(base_of(log), "") != act.header.station
    return Rank(elsewhere, opaque, recorded_at_ms(frame), log, seq)


def stored_act(frame: bytes) -> Act | None:
    """Return the act of a frame of which entry and act decode: only those have rows; else None."""
    try:
        parts = split_frame(frame)
        decode_entry(parts.entry_raw)
        return read_act(parts.act_raw, parts.sig)
    except BanjianError:
        return None
