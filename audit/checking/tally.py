"""What the checks of acts count beside their findings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a stretch of a log counts beside its findings.

    Attributes:
        acts: acts that decode.
        blocked: code of what keeps an act from effect, by its place.
        doubted: cases of such acts: what is known of them is to be read with care.
        broken: places of frames that do not decode as a whole.
        unkeyed: personal bodies that lie here without the key of their case, by case.
        taken: personal bodies of acts that were written here and lie nowhere, by case: right if erased.
        seen: hashes of county checkpoints that entries written here name, by log, with the first such entry
            and the last one that names it after others.
    """

    acts: int = 0
    opaque: int = 0
    awaiting: int = 0
    attachments: int = 0
    personal_sealed: int = 0
    personal_read: int = 0
    personal_erased: int = 0
    blocked: dict[tuple[str, int], str] = field(default_factory=dict)
    doubted: set[bytes] = field(default_factory=set)
    broken: set[tuple[str, int]] = field(default_factory=set)
    unkeyed: Counter[bytes] = field(default_factory=Counter)
    taken: Counter[bytes] = field(default_factory=Counter)
    seen: dict[tuple[str, bytes], tuple[int, int]] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Take another tally into this one."""
        self.acts += other.acts
        self.opaque += other.opaque
        self.awaiting += other.awaiting
        self.attachments += other.attachments
        self.personal_sealed += other.personal_sealed
        self.personal_read += other.personal_read
        self.personal_erased += other.personal_erased
        self.blocked.update(other.blocked)
        self.doubted |= other.doubted
        self.broken |= other.broken
        self.unkeyed.update(other.unkeyed)
        self.taken.update(other.taken)
        for (log, hashed), (first, last) in other.seen.items():
            self.see(log, hashed, first=first, last=last)

    def see(self, log: str, hashed: bytes, *, first: int, last: int) -> None:
        """Keep that entries of a log name a county checkpoint, the first and the last of these positions."""
        held = self.seen.get((log, hashed), (first, last))
        self.seen[log, hashed] = (min(held[0], first), max(held[1], last))
