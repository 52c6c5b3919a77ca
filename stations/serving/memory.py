"""Giving memory back: a village's machine is small, and what one large piece of work took must not stay.

Lists that become Excel files, imports and merges make many objects in circles, and leave holes between those
that stay. Python looks for circles seldom (``stations.server``), and the C library keeps what was freed.
"""

from __future__ import annotations

import gc

from ledger.platform import resident_bytes, trim_heap

GREW_BYTES = 12 << 20
"""So much more than after the last look is worth another one."""
LARGE_BYTES = 100 << 20
"""So much, a village's machine of small memory is to be rid of what caches of the database hold."""


def give_back() -> None:
    """Free what nobody reaches any more, and return to the system what is free."""
    gc.collect()
    trim_heap()


def is_large() -> bool:
    """Tell whether the process holds more than a village's machine has to spare."""
    return resident_bytes() > LARGE_BYTES


class Memory:
    """Gives memory back after large work, and leaves small work alone."""

    def __init__(self) -> None:
        self._least_bytes = resident_bytes()

    def look(self) -> bool:
        """Give memory back if the process has grown by much; returns whether it did."""
        now_bytes = resident_bytes()
        if now_bytes - self._least_bytes < GREW_BYTES:
            self._least_bytes = min(self._least_bytes, now_bytes)
            return False
        give_back()
        self._least_bytes = resident_bytes()
        return True
