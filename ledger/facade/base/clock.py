"""The clock that the write path is given: wall time, and a counter that only grows within one boot."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from ledger import platform

Randomness = Callable[[int], bytes]
"""Returns so many random bytes; ``os.urandom`` in production."""


class Clock(Protocol):
    """What an entry records of time."""

    def now_ms(self) -> int:
        """Return milliseconds since 1970-01-01T00:00:00Z by the station's wall clock."""

    def monotonic_ms(self) -> int:
        """Return milliseconds of a counter that never goes back within one boot."""

    def boot_id(self) -> bytes:
        """Return 16 bytes that differ from boot to boot."""


class SystemClock:
    """The machine's own clock."""

    def __init__(self) -> None:
        self._boot_id = platform.boot_id()

    def now_ms(self) -> int:
        """Return milliseconds since 1970-01-01T00:00:00Z; a clock set before that stops nobody's work."""
        return max(0, time.time_ns() // 1_000_000)

    def monotonic_ms(self) -> int:
        """Return milliseconds of the machine's monotonic counter."""
        return platform.monotonic_ms()

    def boot_id(self) -> bytes:
        """Return the 16-byte id of this boot."""
        return self._boot_id
