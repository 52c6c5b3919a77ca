"""When stations were heard by stick: what they signed themselves counts, what is merely said there does not.

Anybody who knows the public keys of a county can write a stick in the name of any station, and say there
whatever he likes. What he cannot do is sign with that station's keys. So a station counts as heard by stick
at the newest moment that it signed itself in something that was not here before: the recorded time of an
entry under its log's checkpoint, or the time of its receipt. A stick that brings nothing of that kind moves
nothing.

Source: docs/protocol.md, "What the receiver does".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ledger.facade.base.peers import BY_STICK, Contact
from ledger.facade.logs.heldstates import LogState
from ledger.facade.peering.exchange import Exchange
from ledger.known.verified import VerifiedRecord
from ledger.limits import MOMENT_MS_MAX
from ledger.types import LogId, StationId
from sync.core.messages import Hello


class Signed:
    """Collects the newest moment that each station signed in what one part brought."""

    def __init__(self) -> None:
        self._moments: dict[StationId, int] = {}

    def entries(self, station: StationId, records: Iterable[VerifiedRecord]) -> None:
        """Records of a station's log are stored that were not here before."""
        for record in records:
            if record.entry is not None:
                self.moment(station, record.entry.recorded_at_ms)

    def moment(self, station: StationId, at_ms: int) -> None:
        """Something else that a station signed with its time is stored that was not here before."""
        self._moments[station] = max(self._moments.get(station, 0), min(at_ms, MOMENT_MS_MAX))

    def contacts(
        self, said: Iterable[Contact], held: Mapping[StationId, Contact], *, new: Mapping[StationId, int]
    ) -> list[Contact]:
        """Return as heard whoever signed something new, and with it what the stick says of them.

        Args:
            said: what the stick says.
            held: what earlier sticks said, with what has come since taken off.
            new: how many more entries of a station and of those below it are held than before this stick.
        """
        told = {one.station: one for one in said}
        found: list[Contact] = []
        for station, at_ms in sorted(self._moments.items()):
            one = told.get(station)
            if one is not None:
                left = max(0, one.waiting - new.get(station, 0))
                one = replace(one, waiting=left, oldest_ms=one.oldest_ms if left else 0)
            else:
                one = held.get(station) or Contact(
                    station=station, heard_at_ms=0, waiting=0, oldest_ms=0, said_at_ms=0, version=""
                )
            found.append(replace(one, heard_at_ms=at_ms, said_at_ms=at_ms, via=BY_STICK))
        return found


def said_in(hello: Hello, below: frozenset[StationId]) -> list[Contact]:
    """Return what a hello on a stick says of its sender, and of the stations below it.

    Args:
        hello: as it came.
        below: stations of whom the sender may tell.
    """
    own = Contact(
        station=hello.station, heard_at_ms=0, waiting=hello.waiting, oldest_ms=hello.oldest_ms,
        said_at_ms=hello.sent_at_ms, version=hello.version,
    )  # fmt: skip
    return [own, *(one for one in hello.contacts if one.station in below)]


def entries_of(exchange: Exchange, stations: frozenset[StationId]) -> dict[StationId, int]:
    """Return how many entries of each of some stations are held."""
    held, found = exchange.held, dict.fromkeys(stations, 0)
    for state in held.states(stations, county=False):
        genesis = held.genesis(state.log_id)
        if genesis is not None:
            found[genesis.station] += state.size
    return found


def expected_of(exchange: Exchange, sender: StationId) -> dict[LogId, int]:
    """Return how much of each log the sender of a stick should hold; if it holds less, it lost something.

    Who stands below has the logs of its own subtree, as far as they are here, and what it confirmed of the
    county's; who stands above has what it confirmed of ours, and all of the county's that came down from it.
    """
    held, confirmed = exchange.held, exchange.carried.confirmed(sender)
    mine = held.scope(exchange.station)
    below = sender in mine
    return {
        state.log_id: state.size
        if below != held.is_county_log(state.log_id)
        else confirmed.get(state.log_id, 0)
        for state in held.states(held.scope(sender) if below else mine, county=True)
    }


def diverging(exchange: Exchange, hello: Hello) -> Iterator[LogState]:
    """Yield what a sender holds of logs that diverge, or may for all that is known here.

    Args:
        exchange: the ledger.
        hello: what the sender says of itself.
    """
    held, forked = exchange.held, {branch.log_id for branch in hello.branches}
    for state in hello.logs:
        same = dict(held.roots(state.log_id, [state.size])).get(state.size) == state.root
        if state.log_id in forked or not same or held.histories(state.log_id):
            yield state
    for branch in hello.branches:
        yield LogState(branch.log_id, branch.size, branch.root)
