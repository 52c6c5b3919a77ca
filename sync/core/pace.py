"""When to sync next: a pure rule over what happened, so that it can be tested without waiting.

After a success the interval counts, or a moment after the next act. After failures the waits grow, with some
chance in them, so that a county that comes back is not called by everybody at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

SECOND_MS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceRule:
    """The waits, in milliseconds.

    Attributes:
        interval_ms: after a success without news.
        news_ms: after the first act since the last session.
        first_retry_ms: after the first failure.
        retry_max_ms: longest wait after failures, also if the other side asks for a longer one.
    """

    interval_ms: int = 60 * SECOND_MS
    news_ms: int = 2 * SECOND_MS
    first_retry_ms: int = 5 * SECOND_MS
    retry_max_ms: int = 15 * 60 * SECOND_MS


class Pace:
    """Says how long to wait.

    Args:
        rule: the waits.
        chance: returns a number from 0 up to, not including, 1.
    """

    def __init__(self, rule: PaceRule, chance: Callable[[], float]) -> None:
        self._rule = rule
        self._chance = chance
        self._failures = 0
        self._retry_after_ms = 0

    def succeeded(self) -> None:
        """A session has ended well."""
        self._failures = self._retry_after_ms = 0

    def failed(self, *, retry_after_ms: int = 0) -> None:
        """A session has failed; the other side may have said how long to wait, and may have said anything."""
        self._failures += 1
        self._retry_after_ms = min(max(0, retry_after_ms), self._rule.retry_max_ms)

    @property
    def told_ms(self) -> int:
        """How much of the wait the other side has asked for: not even news cut it short."""
        return self._retry_after_ms

    def wait_ms(self, *, news: bool) -> int:
        """Return how long to wait from now.

        Args:
            news: whether there are acts that were not sent.
        """
        rule = self._rule
        if not self._failures:
            return min(rule.news_ms, rule.interval_ms) if news else rule.interval_ms
        grown = min(rule.first_retry_ms << min(self._failures - 1, 16), rule.retry_max_ms)
        # Between half and the whole of it.
        return max(self._retry_after_ms, int(grown * (0.5 + self._chance() / 2)))
