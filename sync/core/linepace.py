"""How much one request upward carries: less after one that was not answered.

Packages that arrive whole count, but who hears no answer does not learn that they did, nor anything else. So
after such a request comes one with the hello alone, whose answer says where to go on, and behind it half of
what had been sent when the line broke. A request that had sent nothing but its hello leaves nothing in doubt.
It is a guess of this process, and nothing rests on it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sync.core.giving import Budget, Spending

REQUEST_BYTES_MIN = 4 << 10
"""The smallest budget; one record at least is sent, however large it is."""
PACKAGES_EACH = 4
"""Of how many packages such a budget consists: what is whole when the line breaks again counts."""


@dataclass(slots=True)
class LinePace:
    """Remembers what was sent upward last, and whether it was answered."""

    _most: int | None = None
    _whole: int = 0
    _left: Spending | None = None
    _unanswered: bool = False

    def begin(self, budget: Budget) -> Spending | None:
        """Begin a request; returns what it may carry beside its hello, None for nothing.

        Args:
            budget: what it may carry where no line breaks.
        """
        if self._unanswered and (self._left is None or self.broke):
            self._halve()
            return None
        self._unanswered = True
        now = budget
        if self._most is not None and self._most < budget.bytes:
            each = min(budget.package_bytes, max(1, self._most // PACKAGES_EACH))
            now = replace(budget, bytes=self._most, package_bytes=each)
        self._whole, self._left = now.bytes, Spending.of(now)
        return self._left

    @property
    def broke(self) -> bool:
        """Whether the last request had more than its hello when it ended without an answer."""
        return self._unanswered and self._left is not None and self._left.bytes < self._whole

    def answered(self) -> None:
        """The first section of an answer has come: the request has arrived whole."""
        left, self._left, self._unanswered = self._left, None, False
        if left is None or self._most is None:
            return
        # As much as waited has gone through: how much more would, nobody knows.
        self._most = self._most + max(1, self._most // 4) if left.bytes <= 0 else None

    def _halve(self) -> None:
        left, self._left = self._left, None
        if left is not None:
            sent = self._whole - max(0, left.bytes)
            self._most = max(REQUEST_BYTES_MIN, sent // 2)
