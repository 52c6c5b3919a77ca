"""What a call to the station above brought, for people and for the tools that ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.types import LogId
from sync.core.progress import Progress
from sync.core.requester import PASSING


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a call brought.

    Attributes:
        sessions: how many ended well.
        torn: how often the line broke under one.
        sent: packages sent in sessions that ended well.
        stored: records that are new here, those of sessions that broke as well.
        sent_bytes: compressed bytes of all requests.
        received_bytes: compressed bytes of all answers.
        notes: codes of what was not taken on either side.
        sealed: own logs that were given up, and why.
    """

    sessions: int
    torn: int = 0
    sent: int
    stored: int
    sent_bytes: int
    received_bytes: int
    notes: tuple[str, ...]
    sealed: tuple[tuple[LogId, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SoFar:
    """What a call has brought by now, though it may break off yet; attributes as of ``Outcome``."""

    sessions: int
    sent: int
    stored: int
    sent_bytes: int

    def __bool__(self) -> bool:
        """Whether it is worth telling."""
        return bool(self.sessions or self.stored)


def so_far(done: Sequence[Progress]) -> SoFar:
    """Return what the sessions of a call have brought by now, whole ones and those that broke."""
    whole = [one for one in done if one.whole]
    return SoFar(
        sessions=len(whole),
        sent=sum(one.sent for one in whole),
        stored=sum(one.stored for one in done),
        sent_bytes=sum(one.sent_bytes for one in done),
    )


def outcome_of(done: Sequence[Progress], *, torn: int, received_bytes: int) -> Outcome:
    """Return what a call brought that has ended well; arguments as the attributes of ``Outcome``."""
    whole = [one for one in done if one.whole]
    # What only the next session could settle, and did, is nobody's business.
    last = {note.code for one in whole[-1:] for note in one.notes}
    codes = [note.code for one in whole for note in one.notes]
    brought = so_far(done)
    return Outcome(
        sessions=brought.sessions,
        torn=torn,
        sent=brought.sent,
        stored=brought.stored,
        sent_bytes=brought.sent_bytes,
        received_bytes=received_bytes,
        notes=tuple(dict.fromkeys(code for code in codes if code in last or code not in PASSING)),
        sealed=tuple(pair for one in done for pair in one.sealed),
    )
