"""Whether sessions that follow each other still bring anything.

The station above may offer for ever what can never be taken, or lack for ever what it does not take. To go on
at once would then be to call it without a pause. What is told apart: what this side holds, with proof, and
what the other one says, which it may say at will.
"""

from __future__ import annotations

from ledger.facade.peering.exchange import Exchange
from sync.core.requester import Requester

STILL_MAX = 3
"""Sessions in a row after which neither side holds or says anything else than before."""
IDLE_MAX = 100
"""Sessions in a row after which this side holds nothing else, whatever the other one says."""


class Motion:
    """Looks at one session after the other, within one call."""

    def __init__(self) -> None:
        self._held: object = None
        self._said: object = None
        self._still = self._idle = 0

    def goes_on(self, requester: Requester, exchange: Exchange) -> bool:
        """Whether another session may follow at once; if not, it is noted as a finding.

        Args:
            requester: of a session that has ended, and asks for another one. One that only asked what of the
                last request has come can move nothing: how often lines may break is counted elsewhere.
            exchange: the ledger, on its thread.
        """
        if requester.is_question:
            return True
        held, said = _held(requester, exchange), requester.said
        moved = bool(requester.progress.stored) or held != self._held
        self._idle = 0 if moved else self._idle + 1
        self._still = 0 if moved or said != self._said else self._still + 1
        self._held, self._said = held, said
        if self._still < STILL_MAX and self._idle < IDLE_MAX:
            return True
        requester.note_no_progress()
        return False


def _held(requester: Requester, exchange: Exchange) -> object:
    """Return what a session can change here: places in logs and feed, and what was confirmed above."""
    held = exchange.held
    scope = held.scope(exchange.station)
    return (
        held.states(scope, county=True),
        held.branches(scope),
        held.feed_held(requester.upstream),
        held.receipts_by(requester.upstream),
        exchange.county.held(),
    )
