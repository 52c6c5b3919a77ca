"""Whether the upper side holds what is here and yet receipts nothing of it.

Only its receipt says that something is safe there. Who takes everything and signs nothing, for whatever
reason, would let a station wait without a word.

Source: docs/protocol.md, "Sync".
"""

from __future__ import annotations

from typing import Final

from ledger.facade.peering.exchange import Exchange
from ledger.types import StationId
from sync.core.messages import Answer

NO_RECEIPTS: Final = "sync.no_receipts"
"""What the upper side says itself: it has no receipt key that it could use."""
UNRECEIPTED: Final = "sync.unreceipted"


def lacks_receipts(exchange: Exchange, upstream: StationId, answer: Answer) -> bool:
    """Whether a log that the upper side says it holds as it is here has no receipt of it to its end.

    Args:
        exchange: the ledger, after everything in the answer was taken.
        upstream: the upper station.
        answer: what it said.
    """
    held = exchange.held
    theirs = {state.log_id: (state.size, state.root) for state in answer.logs}
    receipted = {one.log_id: one.size for one in held.receipts_by(upstream)}
    disputed = {fork.log_id for fork in answer.forks} | {note.log_id for note in answer.refused}
    return any(
        theirs.get(state.log_id) == (state.size, state.root) and receipted.get(state.log_id, 0) < state.size
        for state in held.states(held.scope(exchange.station), county=False)
        if state.log_id not in disputed
    )
