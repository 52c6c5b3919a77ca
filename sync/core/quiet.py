"""How often a station may call without anything coming of it: sessions that move something are free.

A first download is hundreds of sessions in a row, and each of them brings the station further. A session that
stores nothing here, from a station that holds no more than it said before, has only cost this machine work:
of these a station may have one a second. A bad line is not the station's doing: a session that broke, the one
behind it, which asks what has come, and one whose answer gave something that may not have arrived are none of
these. What a station says it may say at will, and it may break off and ask again at will, so sessions that
store nothing here have a bound of their own, whatever else came of them.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ledger.errors import StoreError
from ledger.types import StationId

QUIET_MAX = 60
"""Sessions within the period of which nothing has come."""
IDLE_MAX = 600
"""Sessions within the period that have stored nothing here, whatever the station said, broken or not."""
STATIONS_MAX = 4_096


@dataclass(slots=True)
class _Calls:
    """What is known of one station: when sessions began that moved nothing, what it said in each that did.

    ``broke`` is whether the last one broke.
    """

    quiet: deque[int] = field(default_factory=deque)
    idle: deque[int] = field(default_factory=deque)
    said: deque[tuple[int, int]] = field(default_factory=deque)
    broke: bool = False


class Quiet:
    """Counts sessions of which nothing came, for each station within a sliding minute.

    Args:
        monotonic_ms: a clock that nobody sets.
        quiet_max: sessions of which nothing came, within the period.
        idle_max: sessions that stored nothing, within the period.
        period_ms: its length.
    """

    def __init__(
        self,
        monotonic_ms: Callable[[], int],
        *,
        quiet_max: int = QUIET_MAX,
        idle_max: int = IDLE_MAX,
        period_ms: int = 60_000,
    ) -> None:
        self._monotonic_ms = monotonic_ms
        self._quiet_max = quiet_max
        self._idle_max = idle_max
        self._period_ms = period_ms
        self._calls: OrderedDict[StationId, _Calls] = OrderedDict()

    def begin(self, station: StationId) -> int:
        """Let a station begin a session, which counts until it has moved something; returns when it began.

        Raises:
            StoreError: ``sync.too_often`` with the seconds after which it may call again.
        """
        now_ms = self._monotonic_ms()
        calls = self._calls.setdefault(station, _Calls())
        self._calls.move_to_end(station)
        if len(self._calls) > STATIONS_MAX:
            self._calls.popitem(last=False)
        before_ms = now_ms - self._period_ms
        while calls.said and calls.said[0][0] <= before_ms:
            calls.said.popleft()
        for times, most in ((calls.quiet, self._quiet_max), (calls.idle, self._idle_max)):
            while times and times[0] <= before_ms:
                times.popleft()
            if len(times) >= most:
                wait_ms = times[0] + self._period_ms - now_ms
                raise StoreError("sync.too_often", seconds=max(1, -(-wait_ms // 1000)))
        calls.quiet.append(now_ms)
        calls.idle.append(now_ms)
        return now_ms

    def ended(
        self,
        station: StationId,
        began_ms: int,
        *,
        stored: int,
        said: int,
        given: int = 0,
        broke: bool = False,
    ) -> None:
        """A session has ended, well or not.

        Args:
            station: whose it was.
            began_ms: what ``begin`` returned.
            stored: records that were new here.
            said: how much the station said that it holds, in entries and items of the feed.
            given: sections of records in the answer; whether they arrive, nobody tells.
            broke: whether the line broke, as far as is seen here.
        """
        calls = self._calls.get(station)
        if calls is None:
            return
        if stored or said > max((held for _, held in calls.said), default=-1):
            _forget(calls.quiet, began_ms)
            calls.said.append((began_ms, said))
        elif broke or calls.broke or given:
            _forget(calls.quiet, began_ms)
        calls.broke = broke
        if stored:
            _forget(calls.idle, began_ms)


def _forget(times: deque[int], began_ms: int) -> None:
    if began_ms in times:
        times.remove(began_ms)
