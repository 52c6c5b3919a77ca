"""How many bytes a record takes in a package or an excerpt, as its act says: before its bodies are read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ledger.errors import BanjianError
from ledger.formats.writing import split_act
from ledger.limits import PERSONAL_BYTES_MAX, PUBLISHED_FACTS_BYTES_MAX

ENTRY_BYTES: Final = 64
"""What a record adds to a package or an excerpt beside its frame and its bodies, at most."""


def record_bytes(frame: bytes) -> int:
    """Return how many bytes a record adds to a package or an excerpt, at most.

    Its act says how long its bodies are; of one that cannot be read nobody knows before they are fetched.
    """
    try:
        act = split_act(frame).act
    except BanjianError:
        act = None
    if act is None:
        return len(frame) + PUBLISHED_FACTS_BYTES_MAX + PERSONAL_BYTES_MAX + ENTRY_BYTES
    return len(frame) + act.header.facts_len + act.header.personal_len + ENTRY_BYTES


def fitting_count(sizes: Iterable[int], most: int) -> int:
    """Return how many of some things take at most so many bytes together; one at least, if there is any."""
    count = 0
    for size in sizes:
        most -= size
        if most < 0 and count:
            return count
        count += 1
    return count
