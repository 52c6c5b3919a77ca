"""A value that changes with log positions, so that any earlier size of the log can still be asked."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Generic, TypeVar

from ledger.errors import GapError

T = TypeVar("T")


class History(Generic[T]):
    """Versions of one value, each valid from the log position that set it.

    Only appending is possible: what was true at a size stays true at that size when the log grows.
    """

    __slots__ = ("_positions", "_values")

    def __init__(self) -> None:
        self._positions: list[int] = []
        self._values: list[T] = []

    def set(self, position: int, value: T) -> None:
        """Record that the value holds from a log position (1-based) on.

        Raises:
            GapError: the position lies before one that is already recorded (``registry.order``).
        """
        if self._positions and position < self._positions[-1]:
            raise GapError("registry.order", expected=self._positions[-1], found=position)
        if self._positions and position == self._positions[-1]:
            self._values[-1] = value
            return
        self._positions.append(position)
        self._values.append(value)

    def version(self, size: int) -> int:
        """Return the number of versions set within the first ``size`` entries (0: none yet); O(log n)."""
        if self._positions and size >= self._positions[-1]:
            return len(self._positions)
        return bisect_right(self._positions, size)

    def at(self, size: int) -> T | None:
        """Return the value that the first ``size`` entries of the log give, or None before it was set."""
        version = self.version(size)
        return self._values[version - 1] if version else None

    def value(self, version: int) -> T:
        """Return one version, counted from 1."""
        return self._values[version - 1]

    @property
    def newest(self) -> T | None:
        """The value after all entries applied so far."""
        return self._values[-1] if self._values else None

    @property
    def first_position(self) -> int:
        """Log position that set the first version; 0 when nothing was set."""
        return self._positions[0] if self._positions else 0

    def __iter__(self) -> Iterator[tuple[int, T]]:
        return iter(zip(self._positions, self._values, strict=True))

    def __len__(self) -> int:
        return len(self._positions)
