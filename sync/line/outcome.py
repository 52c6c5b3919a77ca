"""What a call to the station above brought, for people and for the tools that ask."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.types import LogId


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a call brought.

    Attributes:
        sessions: how many there were.
        sent: packages sent.
        stored: records that are new here.
        sent_bytes: compressed bytes of all requests.
        received_bytes: compressed bytes of all answers.
        notes: codes of what was not taken on either side.
        sealed: own logs that were given up, and why.
    """

    sessions: int
    sent: int
    stored: int
    sent_bytes: int
    received_bytes: int
    notes: tuple[str, ...]
    sealed: tuple[tuple[LogId, str], ...]
