"""Whether a call goes on at once after its line broke: while less is asked of the line each time.

Upward the next request carries half of what had been sent. Downward the station above begins its next answer
with half of what did not arrive, as far as what it has can be divided; who calls cannot see how far. So an
answer that broke is asked for again a few times without any whole section of it, longer as long as some come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger.errors import StoreError

TORN: Final = "sync.torn"
"""Code of a connection that broke under way."""
TEARS_MAX: Final = 16
"""How often a line may break in one go."""
VAIN_MAX: Final = 6
"""Answers in a row that may break off before one section of them is whole."""
_BROKEN: Final = frozenset((TORN, "sync.too_slow"))


@dataclass(slots=True)
class Received:
    """What has come down over all calls: bytes, and whole sections of records."""

    bytes: int = 0
    sections: int = 0


@dataclass(slots=True)
class Tears:
    """Counts in ``count`` how often the line broke in one go."""

    count: int = 0
    _vain: int = 0
    _before: tuple[int, int] = (0, 0)

    def begin(self, received: Received) -> None:
        """A call begins."""
        self._before = (received.bytes, received.sections)

    def goes_on(self, error: StoreError, received: Received, *, broke_upward: bool) -> bool:
        """Whether to call again at once.

        Args:
            error: how the call ended.
            received: what has come by now.
            broke_upward: whether the line broke under more than the hello; the next request is a smaller one.
        """
        size, sections = self._before
        self.count += 1
        self._vain = 0 if received.sections > sections else self._vain + 1
        # One that lets itself be waited for until the deadline is not asked again at once.
        broke_downward = error.code == TORN and received.bytes > size and self._vain <= VAIN_MAX
        return error.code in _BROKEN and self.count <= TEARS_MAX and (broke_upward or broke_downward)
