"""When the acts of a case reached this station and those above: from receipts, act by act."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ledger.facade.logs.histories import load_branch
from ledger.facade.logs.opening import BRANCH_MARK
from ledger.facade.opened.parts import Parts
from ledger.formats.checkpoint import read_cosignature_time_s, receipt_name
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.store.tables import Range, Where
from ledger.types import ActId, CaseId, StationId


class Reached(NamedTuple):
    """That a station has given a receipt for an act.

    Attributes:
        at_ms: when it gave the first one, by its own clock; it had the act by then.
    """

    station: StationId
    level: str
    at_ms: int


def reached_acts(
    tx: ReadTx, parts: Parts, case_id: CaseId, *, station: StationId
) -> Mapping[ActId, tuple[Reached, ...]]:
    """Return for each act of a case which stations have given a receipt for it, and when.

    Args:
        tx: the view.
        parts: the parts of the ledger as of that view.
        case_id: the case.
        station: the station that asks; only itself and those above it are told of.

    Returns:
        In the order of the line upward, itself first; none for an act that nobody has confirmed, or that was
        done above. For its own acts a station gives no receipt.
    """
    registry = parts.knowledge.registry
    line = [known for place in registry.line(station) if (known := registry.station(place)) is not None]
    found: dict[ActId, tuple[Reached, ...]] = {}
    for row in tx.select(schema.ACTS, {"case_id": case_id}):
        act_id, log, seq = row[1], str(row[2]), row[3]
        if not isinstance(act_id, bytes) or not isinstance(seq, int):
            continue
        where = _in_receipts(tx, log, seq)
        times = ((place, _first_ms(tx, log, where, place.station)) for place in line) if where else ()
        found[ActId(act_id)] = tuple(
            Reached(place.station, place.level, at_ms) for place, at_ms in times if at_ms
        )
    return found


def _in_receipts(tx: ReadTx, name: str, seq: int) -> int:
    """Return the position by which receipts count an entry; 0 where nobody knows.

    Receipts say sizes of the log. What a divergent history keeps of its own is numbered from 1 behind the
    entries that it has in common with another one.
    """
    if BRANCH_MARK not in name:
        return seq
    branch = load_branch(tx, name)
    return 0 if branch is None else branch.common + seq


def _first_ms(tx: ReadTx, log: str, seq: int, cosigner: StationId) -> int:
    """Return the time of the first receipt of a station that covers an entry of a log; 0 for none."""
    where: Where = {"log": log, "name": receipt_name(cosigner), "size": Range(above=seq - 1)}
    rows = tx.select(schema.RECEIPTS, where, order_by=("size",), limit=1, columns=("line",))
    row = next(rows, None)
    if row is None or not isinstance(row[0], bytes):
        return 0
    return read_cosignature_time_s(row[0].decode("utf-8")) * 1000
