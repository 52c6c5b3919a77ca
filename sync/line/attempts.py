"""How often one address may fail: a count for each within a sliding minute, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

from ledger.errors import AuthorityError

ADDRESSES_MAX = 4096


class Attempts:
    """Counts failed attempts of each address.

    Args:
        monotonic_ms: a clock that nobody sets.
        failures_max: failures within the period after which an address has to wait.
        period_ms: length of the period.
    """

    def __init__(
        self, monotonic_ms: Callable[[], int], *, failures_max: int = 20, period_ms: int = 60_000
    ) -> None:
        self._monotonic_ms = monotonic_ms
        self._failures_max = failures_max
        self._period_ms = period_ms
        self._failures: OrderedDict[str, deque[int]] = OrderedDict()

    def require(self, address: str) -> None:
        """Let an address try.

        Raises:
            AuthorityError: ``join.too_often`` with the seconds after which it may try again.
        """
        times = self._recent(address)
        if len(times) >= self._failures_max:
            wait_ms = times[0] + self._period_ms - self._monotonic_ms()
            raise AuthorityError("join.too_often", seconds=max(1, -(-wait_ms // 1000)))

    def failed(self, address: str) -> None:
        """Count a failure; the address heard of longest ago is forgotten when there are too many."""
        times = self._recent(address)
        times.append(self._monotonic_ms())
        self._failures[address] = times
        self._failures.move_to_end(address)
        if len(self._failures) > ADDRESSES_MAX:
            self._failures.popitem(last=False)

    def forget(self, address: str) -> None:
        """Forget the failures of an address: it has succeeded."""
        self._failures.pop(address, None)

    def _recent(self, address: str) -> deque[int]:
        times = self._failures.get(address, deque(maxlen=self._failures_max))
        oldest = self._monotonic_ms() - self._period_ms
        while times and times[0] <= oldest:
            times.popleft()
        return times
