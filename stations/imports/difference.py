"""What an import would change, for people and programs, and the acts that would do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ledger.types import Bilingual, Facts
from stations.sheetin.faults import Place

Kind = Literal["new", "changed", "withdrawn", "waiting"]
"""``waiting``: somebody on the list who cannot be enrolled yet, for want of a key request."""
EMPTY = Bilingual(zh="（空）", en="(empty)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field that changes: its name, what is held, what the file says."""

    field: Bilingual
    old: Bilingual
    new: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing of the list that is new, changes or goes; ``place`` is its row in the file."""

    kind: Kind
    key: str
    name: str
    place: Place
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The whole difference between a file and what is held.

    Attributes:
        entries: what is new, changed, withdrawn or waiting, in the order of the file.
        unchanged: keys of what the file says as it is held.
        absent: keys of what is held and not in the file; it stays as it is.
    """

    entries: tuple[Entry, ...]
    unchanged: tuple[str, ...]
    absent: tuple[str, ...]

    def count(self, kind: Kind) -> int:
        """Return how many entries are of a kind."""
        return sum(entry.kind == kind for entry in self.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAct:
    """One act to be signed; ``place`` is the cell or row that asks for it, ``key`` what it is about."""

    action: str
    facts: Facts
    place: Place
    key: str
    personal: Facts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The difference, and the acts that bring it about, in the order in which they hold."""

    difference: Difference
    acts: tuple[PlannedAct, ...]


def plain(text: str) -> Bilingual:
    """Return a text that is the same in both languages; an empty one says so."""
    return Bilingual(zh=text, en=text) if text else EMPTY
