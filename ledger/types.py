"""Names for the bytes and texts that pass between modules. No behaviour lives here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NewType, TypeAlias

LedgerId = NewType("LedgerId", bytes)
"""32 bytes: hash of the ledger genesis; the one thing to pin."""
LogId = NewType("LogId", bytes)
"""16 bytes: first half of the hash of a log genesis."""
ActId = NewType("ActId", bytes)
"""32 bytes: hash of an act's header."""
CaseId = NewType("CaseId", bytes)
"""16 bytes: first half of the id of the opening act; empty in the opening act itself."""
KeyId = NewType("KeyId", bytes)
"""16 bytes: first half of the hash of algorithm and public key."""
StationId = NewType("StationId", str)
"""12-digit division code, hyphen, two-character unit: ``990121001001-00``."""

Value: TypeAlias = "bool | int | str | bytes | list[Value] | dict[str, Value] | None"
"""What a body may hold: no floats, no extension types."""
Facts = dict[str, Value]
"""A decoded body: one map with text keys."""
Watch: TypeAlias = Callable[[int, int], None]
"""Told how much of how much is done, on the thread that does it; raises, each time, where it shall stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bilingual:
    """One text in the two languages of the product, Chinese first."""

    zh: str
    en: str


NO_LOG = LogId(bytes(16))
"""Where no log is meant, or nobody can tell which."""
