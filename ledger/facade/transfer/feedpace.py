"""How much of its feed a station is given at once: less after an answer that did not arrive whole.

Its place in the feed moves at the end of an answer alone. A line that always breaks before that end would
bring nothing for ever; so who says the same place again is given half, and who goes on a little more each
time, until the end of the feed is reached. It is a guess of this process, and nothing rests on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ledger.facade.transfer.feeds import FeedPlace
from ledger.types import StationId


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
