"""Single records make way for a whole log that turns out to be another history of the same log.

Records that came back alone, behind the whole end of a log whose writer had lost them, stand under the log's
own name. When that writer had gone on from an older disk, its entries come later for the same positions. One
place can stand for one frame only: the single records, with bodies and proof, move under the name of the
other history before the whole entries are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledger.facade.base.synctables import FEED, FORK, SPARSE_NODES, SPARSE_NOTES, SYNC_FINDINGS
from ledger.facade.logs.bodies import Place, place_in
from ledger.facade.logs.placing import move_bodies
from ledger.facade.logs.sparselane import Arrival, lane_name
from ledger.formats.act import case_of
from ledger.formats.frame import act_in, split_frame
from ledger.store import schema
from ledger.store.contract import WriteTx
from ledger.store.tables import Range, Row, Where
from ledger.types import CaseId


def make_way(tx: WriteTx, arrival: Arrival) -> list[CaseId]:
    """Move the single records of a log that contradict entries which now come whole.

    What stands under the old name stays there as well, for evidence is never deleted; nothing points there.

    Args:
        tx: the one write transaction.
        arrival: the whole entries, before they are written.

    Returns:
        The cases whose acts have moved.
    """
    frames = {record.seq: record.frame for record in arrival.records}
    where: Where = {"log": arrival.name, "seq": Range(at_least=min(frames), at_most=max(frames))}
    rows = tx.select(schema.SPARSE, where, order_by=("seq",))
    moved = [row for row in rows if frames[_seq(row)] != row[3]]
    if not moved:
        return []
    name = lane_name(arrival.name, split_frame(_frame(moved[0])).entry_raw)
    tx.insert_missing(schema.SPARSE, [(name, *row[1:]) for row in moved])
    for table in (SPARSE_NOTES, SPARSE_NODES):
        proofs = [
            row for row in tx.select(table, {"log": arrival.name}) if row[1] in {one[4] for one in moved}
        ]
        tx.insert_missing(table, [(name, *row[1:]) for row in proofs])
    _move_feed(tx, arrival.name, name, moved)
    finding: Row = (FORK, name, _seq(moved[0]), arrival.received_at_ms, arrival.station, 0)
    tx.insert_missing(SYNC_FINDINGS, [finding])
    return [case_id for row in moved for case_id in _move_act(tx, row, name)]


def _move_act(tx: WriteTx, row: Row, name: str) -> Sequence[CaseId]:
    act = act_in(_frame(row))
    case_id = case_of(act)
    held = tx.get(schema.ACTS, (case_id, act.act_id))
    before = Place(str(row[0]), _seq(row))
    if held is None or place_in(held) != before:
        return ()
    after = Place(name, before.seq)
    move_bodies(tx, before, after)
    tx.upsert(schema.ACTS, [(case_id, act.act_id, *after, held[4])])
    return (case_id,)


def _move_feed(tx: WriteTx, before: str, after: str, moved: Sequence[Row]) -> None:
    """Let the feeds of stations below give the records from where they stand now."""
    acts: Mapping[object, int] = {row[2]: _seq(row) for row in moved}
    items = [row for row in tx.select(FEED, {"log": before}) if acts.get(row[5]) == row[3]]
    tx.upsert(FEED, [(*row[:2], after, *row[3:]) for row in items])


def _seq(row: Row) -> int:
    return row[1] if isinstance(row[1], int) else 0


def _frame(row: Row) -> bytes:
    return row[3] if isinstance(row[3], bytes) else b""
