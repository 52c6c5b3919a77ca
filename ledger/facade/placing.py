"""Where an act counts when it stands in several places: the same answer whatever arrived first.

A log of the act's own station comes before any other, a sound frame before an opaque one, the earliest
recording before later ones, and at the end the name of the log and the position decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ledger.entry import decode_entry
from ledger.errors import BanjianError
from ledger.facade.bodies import Place, place_in
from ledger.frame import split_frame
from ledger.limits import INT_MAX
from ledger.store import schema
from ledger.store.contract import ReadTx, WriteTx
from ledger.store.tables import Row
from ledger.types import StationId
from ledger.verified import OPAQUE, VerifiedRecord


class Rank(NamedTuple):
    """What decides between two places of one act; the lower one is kept."""

    elsewhere: bool
    opaque: bool
    recorded_at_ms: int
    log: str
    seq: int


def rank_of_record(record: VerifiedRecord, log: str, log_station: StationId) -> Rank:
    """Return the rank of a record that is about to be stored."""
    station = "" if record.act is None else record.act.header.station
    recorded_at_ms = INT_MAX if record.entry is None else record.entry.recorded_at_ms
    return Rank(station != log_station, record.topic == OPAQUE, recorded_at_ms, log, record.seq)


def rank_of_row(tx: ReadTx, row: Row, station: StationId, log_stations: Mapping[str, StationId]) -> Rank:
    """Return the rank of the place that a row of ``ACTS`` names.

    Args:
        tx: to read the frame that stands there.
        row: the row.
        station: station of the act.
        log_stations: station of each log by name.
    """
    place = place_in(row)
    frame = frame_at(tx, place)
    recorded_at_ms = INT_MAX
    if frame is not None:
        try:
            recorded_at_ms = decode_entry(split_frame(frame).entry_raw).recorded_at_ms
        except BanjianError:
            recorded_at_ms = INT_MAX
    elsewhere = log_stations.get(place.log, "") != station
    return Rank(elsewhere, row[4] == OPAQUE, recorded_at_ms, place.log, place.seq)


def frame_at(tx: ReadTx, place: Place) -> bytes | None:
    """Return the frame at a place, of a log held whole or of a sparse one."""
    frame = tx.frame(place.log, place.seq)
    if frame is not None:
        return frame
    rows = tx.select(schema.SPARSE, {"log": place.log, "seq": place.seq}, limit=1)
    row = next(rows, None)
    return row[3] if row is not None and isinstance(row[3], bytes) else None


def move_bodies(tx: WriteTx, before: Place, after: Place) -> None:
    """Let the bodies of an act follow it to another place."""
    row = tx.get(schema.BODIES, before)
    if row is None or before == after:
        return
    tx.insert_missing(schema.BODIES, [(after.log, after.seq, *row[2:])])
    tx.delete(schema.BODIES, {"log": before.log, "seq": before.seq})
