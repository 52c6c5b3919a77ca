"""The clock of a station in the demonstration: it stands where the director set it."""

from __future__ import annotations


class DirectedClock:
    """Stands still until it is set, and counts on steadily whatever the wall time does.

    Args:
        boot_id: 16 bytes, new for each process.
    """

    def __init__(self, boot_id: bytes) -> None:
        self._boot_id = boot_id
        self._now_ms = 0
        self._monotonic_ms = 0

    def set(self, now_ms: int, monotonic_ms: int) -> None:
        """Stand at a moment: wall time (ms since 1970) and counter (ms), which never goes back."""
        self._now_ms = now_ms
        self._monotonic_ms = max(self._monotonic_ms, monotonic_ms)

    def now_ms(self) -> int:
        """Return the wall time that was set."""
        return self._now_ms

    def monotonic_ms(self) -> int:
        """Return the counter."""
        return self._monotonic_ms

    def boot_id(self) -> bytes:
        """Return the id of this process's boot."""
        return self._boot_id
