"""What one session has brought to its lower side, as long as it runs and when it has ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.types import LogId
from sync.core.messages import Refused


@dataclass(slots=True, kw_only=True)
class Progress:
    """What a session has brought so far, for people who wait.

    Attributes:
        whole: whether it has ended well; one whose line broke has stored what was whole.
        sent: packages that were sent.
        sent_bytes: compressed bytes of them and of what was asked, as far as they left; 0 on a stick.
        stored: records that were new here.
        feed_number: items of the feed that are held.
        feed_size: items that it has.
        notes: codes of what could not be taken, on either side.
        sealed: own logs that were given up in this session, and why.
    """

    whole: bool = False
    sent: int = 0
    sent_bytes: int = 0
    stored: int = 0
    feed_number: int = 0
    feed_size: int = 0
    notes: list[Refused] = field(default_factory=list)
    sealed: list[tuple[LogId, str]] = field(default_factory=list)
