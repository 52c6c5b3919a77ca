"""What a station above says of logs that are written here, and what it can show for it.

An older disk put back, or a second machine, is known above first: there the log has more entries, or others.
But a size is only said. A log is given up on a checkpoint that its own key signed and that does not lie in
the history here; what is said without one is told to people and changes nothing.

Source: docs/protocol.md, "Sync".
"""

from __future__ import annotations

from typing import Final

from ledger.facade.logs.lostends import DOWNSTREAM_AHEAD
from ledger.facade.peering.exchange import Exchange
from ledger.formats.checkpoint import log_origin, open_checkpoint
from ledger.types import LogId
from sync.core.messages import Answer

AHEAD: Final = "log.upstream_ahead"
OTHER: Final = "log.upstream_other"
UNPROVEN: Final = "log.upstream_unproven"


class Claims:
    """Hears what is said of the own logs that go on, and gives up those of which it is proven.

    Args:
        exchange: the ledger.

    Attributes:
        sealed: own logs that were given up, and why.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._said: dict[LogId, str] = {}
        self.sealed: list[tuple[LogId, str]] = []

    def hear(self, answer: Answer) -> None:
        """Remember of which own logs the upper side says that it holds more, or another history."""
        held = self._exchange.held
        for state in answer.logs:
            if held.is_open_own(state.log_id) and state.size > held.size(state.log_id):
                self._said[state.log_id] = AHEAD
        for fork in answer.forks:
            if held.is_open_own(fork.log_id):
                self._said[fork.log_id] = OTHER
        for branch in answer.branches:
            # What stands here it holds as a divergent history: it has another one in its place.
            if held.is_open_own(branch.log_id) and held.is_main_entry(branch):
                self._said[branch.log_id] = OTHER

    def show(self, log_id: LogId, note: bytes) -> None:
        """Look at a checkpoint and give the log up where it is proof; it is none for a log of others.

        Raises:
            EncodingError: ``note.*``, ``checkpoint.malformed``.
            DataError: ``checkpoint.origin``, ``note.unsigned``, ``note.signature``: another key signed it.
        """
        genesis = self._exchange.held.genesis(log_id)
        if genesis is None or not self._exchange.held.is_open_own(log_id):
            return
        open_checkpoint(note, log_origin(log_id), genesis.log_public_key)
        self.judge(log_id, note)

    def judge(self, log_id: LogId, note: bytes) -> bool:
        """As ``show``, for a checkpoint whose signature was checked; returns whether the log was given up."""
        code = self._exchange.seen_below.judge(log_id, note)
        if code:
            self.seal(log_id, self._said.get(log_id) or (AHEAD if code == DOWNSTREAM_AHEAD else OTHER))
        return bool(code)

    def seal(self, log_id: LogId, code: str) -> None:
        """Give up an own log."""
        self._exchange.give_up(log_id, code)
        self.sealed.append((log_id, code))

    def unproven(self) -> list[LogId]:
        """Return the logs of which something was said and nothing was shown."""
        return [log_id for log_id in self._said if self._exchange.held.is_open_own(log_id)]
