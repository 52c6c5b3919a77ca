"""Which acts of a case the stations above have confirmed: from their receipts, act by act."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.facade.logs.histories import load_branch
from ledger.facade.logs.opening import BRANCH_MARK
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
                size = sizes[log, place.station] = _confirmed(tx, log, place.station)
            if seq <= size:
                levels.append(place.level)
        found[ActId(act_id)] = tuple(levels)
    return found


def _confirmed(tx: ReadTx, name: str, cosigner: StationId) -> int:
    """Return up to which of the entries that are kept under a name a station has confirmed them.

    Receipts say sizes of the log. What a divergent history keeps of its own is numbered from 1 behind the
    entries that it has in common with another one.
    """
    receipt = newest_receipt(tx, name, cosigner)
    if receipt is None or BRANCH_MARK not in name:
        return 0 if receipt is None else receipt.size
    branch = load_branch(tx, name)
    return 0 if branch is None else receipt.size - branch.common
