"""Where an act counts when it stands in several places: the same answer whatever arrived first.

The rule is that of ``ledger.formats.rank``; here stand the places of records and rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ledger.facade.logs.bodies import Place, place_in
from ledger.formats.rank import Rank, recorded_at_ms
from ledger.known.verified import OPAQUE, VerifiedRecord
from ledger.limits import INT_MAX
from ledger.store import schema
from ledger.store.contract import ReadTx, WriteTx
from ledger.store.tables import Row
from ledger.types import ActId, StationId


def rank_of_record(record: VerifiedRecord, log: str, log_station: StationId) -> Rank:
    """Return the rank of a record that is about to be stored."""
    station = "" if record.act is None else record.act.header.station
    at_ms = INT_MAX if record.entry is None else record.entry.recorded_at_ms
    return Rank(station != log_station, record.topic == OPAQUE, at_ms, log, record.seq)


def once(records: Iterable[VerifiedRecord], log: str, log_station: StationId) -> list[VerifiedRecord]:
    """Return the records that hold acts; of an act that comes twice at once the one at its better place.

    Args:
        records: those that are about to be stored.
        log: name of their log or branch.
        log_station: station of it.
    """
    held = [record for record in records if record.act is not None]
    best: dict[ActId, VerifiedRecord] = {}
    for record in held:
        if record.act is not None:
            other = best.setdefault(record.act.act_id, record)
            if other is not record:
                ranked = sorted((other, record), key=lambda one: rank_of_record(one, log, log_station))
                best[record.act.act_id] = _with_personal(*ranked)
    return held if len(best) == len(held) else list(best.values())


def _with_personal(first: VerifiedRecord, second: VerifiedRecord) -> VerifiedRecord:
    """Return the record whose place ranks first, with the personal body if either has it."""
    if first.personal_raw or not second.personal_raw:
        return first
    return first._replace(personal=second.personal, personal_raw=second.personal_raw)


def rank_of_row(tx: ReadTx, row: Row, station: StationId, log_stations: Mapping[str, StationId]) -> Rank:
    """Return the rank of the place that a row of ``ACTS`` names.

    Args:
        tx: to read the frame that stands there.
        row: the row.
        station: station of the act.
        log_stations: station of each log by name.
    """
    place = place_in(row)
    elsewhere = log_stations.get(place.log, "") != station
    return Rank(elsewhere, row[4] == OPAQUE, recorded_at_ms(frame_at(tx, place)), place.log, place.seq)


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
