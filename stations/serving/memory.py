"""Giving memory back: a village's machine is small, and what one large piece of work took must not stay.

Lists that become Excel files, imports and merges make many objects in circles, and leave holes between those
that stay. Python looks for circles seldom (``stations.server``), and the C library keeps what was freed.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress
from pathlib import Path

GREW_BYTES = 12 << 20
"""So much more than after the last look is worth another one."""
_ARENAS_OPTION, _ARENAS_MAX = -8, 1
"""M_ARENA_MAX of mallopt(3): threads here take turns in one interpreter, and need no heaps of their own."""
_PAGE_BYTES = 4096


def few_heaps() -> None:
    """Let all threads share one heap of the C library: holes that one leaves are filled by another."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).mallopt(_ARENAS_OPTION, _ARENAS_MAX)


def give_back() -> None:
    """Free what nobody reaches any more, and return to the system what is free."""
    gc.collect()
    if sys.platform == "linux":
        # Another C library than glibc has no such call.
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)


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


def resident_bytes() -> int:
    """Return the memory of this process now; 0 where the system does not tell as Linux does."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    return 0
