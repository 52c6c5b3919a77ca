"""Whether the lower side of a session still lacks something of whole logs that the next one would bring."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.facade.peering.exchange import Exchange
from sync.core.messages import Answer, Refused


def lacks_more(exchange: Exchange, answer: Answer, notes: Sequence[Refused]) -> bool:
    """Whether the upper side holds more of a log than is here, and nothing of that log was refused.

    To the upper side answers that were lost on the way look like ones that cannot be taken: it tries one
    package then, and asks for no further session. That this one was taken it learns with the next hello.

    Args:
        exchange: the ledger of the lower side.
        answer: what the upper side says that it holds.
        notes: what either side did not take in this session.
    """
    held = exchange.held
    refused = {note.log_id for note in notes} | {fork.log_id for fork in answer.forks}
    return any(
        state.size > held.size(state.log_id)
        for state in answer.logs
        if state.log_id not in refused and not held.is_open_own(state.log_id)
    )
