"""How much a station is given at once: less after an answer that did not arrive whole.

Its place in the feed moves at the end of an answer alone. A line that always breaks before that end would
bring nothing for ever; so who says the same place again is given half, and who goes on a little more each
time, until the end of the feed is reached. Packages of logs count one by one, as each arrives whole; there
only the first one has to become smaller. Where answer after answer brings nothing of them, one is tried each
time, and the feed goes on behind it. All are guesses of this process, and nothing rests on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ledger.facade.transfer.feeds import FeedPlace
from ledger.types import LogId, StationId

PACKAGE_BYTES_MIN = 4 << 10
"""Smallest packages that are made for a line that breaks."""
STILL_MAX = 2
"""Answers in a row that bring nothing of what they give; after these the feed no longer waits for it."""
RENEWED_MS = 600_000
"""How long a feed keeps the order that it got when somebody began anew, however often that is said again."""


class _Given(NamedTuple):
    """What an audience was given last.

    Attributes:
        said: the place that it had said.
        end: where it would come to.
        items: how many these were.
        limit: how many there might have been, for an answer may end before that.
    """

    said: FeedPlace
    end: FeedPlace
    items: int
    limit: int


@dataclass(slots=True)
class FeedPace:
    """Remembers for each audience what it was given last."""

    _given: dict[StationId, _Given] = field(default_factory=dict)

    def limit(self, audience: StationId, said: FeedPlace, most: int) -> int:
        """Return how many items an audience is to be given now.

        Args:
            audience: a direct subordinate.
            said: how far it says that it has come.
            most: items at most.
        """
        last = self._given.get(audience)
        if last is None:
            return most
        if said == last.end:
            return min(most, last.limit + max(1, last.limit // 4))
        if said == last.said:
            return max(1, min(most, last.items) // 2)
        return most

    def gave(self, audience: StationId, said: FeedPlace, end: FeedPlace, *, count: int, limit: int) -> None:
        """Remember what an audience is given now.

        Args:
            audience: a direct subordinate.
            said: how far it says that it has come.
            end: where the items that it is given end.
            count: how many these are.
            limit: how many there might have been; once nothing more waits, what it is given without a break.
        """
        if count:
            self._given[audience] = _Given(said, end, count, limit)


class _Packages(NamedTuple):
    """Which packages a station was given last.

    Attributes:
        lacked: how far it held the logs that it was given, by what it said.
        branches: how much of divergent histories it held, by what it said.
        first: bytes of the first package.
        aim: how large that was meant to be at most.
        still: how many answers before brought nothing of what they gave.
    """

    lacked: Mapping[LogId, int]
    branches: int
    first: int
    aim: int
    still: int

    def has_come(self, lacked: Mapping[LogId, int], branches: int) -> bool:
        """Whether anything of it has arrived, by what the station says now; a log with a fork stays short."""
        return branches != self.branches or any(
            lacked.get(log_id) != size for log_id, size in self.lacked.items()
        )


@dataclass(slots=True)
class PackagePace:
    """Remembers for each station below which packages it was given last."""

    _given: dict[StationId, _Packages] = field(default_factory=dict)

    def aim(self, station: StationId, lacked: Mapping[LogId, int], most: int, *, branches: int = 0) -> int:
        """Return how large the first package for a station is to be: half of one that did not arrive.

        Args:
            station: who is given it.
            lacked: how far it says that it holds the logs of which more is here.
            most: bytes at most.
            branches: how much of divergent histories it says that it holds.
        """
        last = self._given.get(station)
        if last is None:
            return most
        if last.has_come(lacked, branches):
            return min(most, 2 * last.aim)
        return max(PACKAGE_BYTES_MIN, min(most, last.first) // 2)

    def is_stuck(self, station: StationId, lacked: Mapping[LogId, int], *, branches: int = 0) -> bool:
        """Whether answer after answer has brought a station nothing of its logs: it may be unable to take it.

        Nobody is held unable to take divergent histories alone.

        Args:
            station: who is given it.
            lacked: how far it says that it holds the logs of which more is here.
            branches: how much of divergent histories it says that it holds.
        """
        last = self._given.get(station)
        if last is None or not last.lacked:
            return False
        return last.still + 1 >= STILL_MAX and not last.has_come(lacked, branches)

    def gave(
        self, station: StationId, lacked: Mapping[LogId, int], *, first: int, aim: int, branches: int = 0
    ) -> None:
        """Remember what a station is given now; nothing (``first`` is 0) is forgotten."""
        last = self._given.pop(station, None)
        still = 0 if last is None or last.has_come(lacked, branches) else last.still + 1
        if first:
            self._given[station] = _Packages(lacked, branches, first, aim, still)


@dataclass(slots=True)
class Renewals:
    """Remembers when the feed of each audience was put in order last, and where it ended then."""

    _done: dict[StationId, tuple[int, FeedPlace]] = field(default_factory=dict)

    def due(self, audience: StationId, end: FeedPlace, *, now_ms: int) -> bool:
        """Whether a feed is to be put in order again: something has come since, and that is a while ago."""
        last = self._done.get(audience)
        if last is None:
            return True
        return end != last[1] and not 0 <= now_ms - last[0] < RENEWED_MS

    def done(self, audience: StationId, end: FeedPlace, *, now_ms: int) -> None:
        """Remember that a feed is in order now."""
        self._done[audience] = (now_ms, end)
