"""Which acts of a case the stations above have confirmed: from their receipts, act by act."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.facade.opened.parts import Parts
from ledger.facade.peering.held import newest_receipt
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.types import ActId, CaseId, StationId


def confirmed_acts(
    tx: ReadTx, parts: Parts, case_id: CaseId, *, station: StationId
) -> Mapping[ActId, tuple[str, ...]]:
    """Return for each act of a case the levels whose station has confirmed it by a receipt.

    Args:
        tx: the view.
        parts: the parts of the ledger as of that view.
        case_id: the case.
        station: the station that asks; only those above it are told of.

    Returns:
        Levels, ``township`` before ``county``; none for an act that nobody above has confirmed, or that was
        done above.
    """
    registry = parts.knowledge.registry
    above = [known for place in registry.line(station)[1:] if (known := registry.station(place)) is not None]
    sizes: dict[tuple[str, StationId], int] = {}
    found: dict[ActId, tuple[str, ...]] = {}
    for row in tx.select(schema.ACTS, {"case_id": case_id}):
        act_id, log, seq = row[1], str(row[2]), row[3]
        if not isinstance(act_id, bytes) or not isinstance(seq, int):
            continue
        levels = []
        for place in above:
            size = sizes.get((log, place.station))
            if size is None:
                receipt = newest_receipt(tx, log, place.station)
                size = sizes[log, place.station] = 0 if receipt is None else receipt.size
            if seq <= size:
                levels.append(place.level)
        found[ActId(act_id)] = tuple(levels)
    return found
