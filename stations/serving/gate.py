"""Who is let in at the listener for other stations: how many at once, and for how long without a certificate.

A connection costs a descriptor and memory before anything is known of its other end. So those that have shown
no certificate of the county are few, in all and from one address, and have to be done soon; and of those with
one, a station has a handful. Where there is no room, the oldest of the same kind makes some: a caller who
means it is through in a few round trips, and whoever only holds a place loses it. What is left of the
process's descriptors is for the counter: the local socket, the pages, the store.

Source: docs/protocol.md, "Statuses".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ledger.types import StationId

DESCRIPTORS_KEPT = 256
"""Descriptors that connections of other stations never take: the counter's own work needs them."""
CONNECTIONS_MIN = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRule:
    """Bounds of one listener; the times suffice for a line with round trips of 30 seconds.

    Attributes:
        connections_max: connections in all.
        unproven_max: of these, connections that have shown no certificate.
        address_max: of these, connections from one address; many stations may stand behind one.
        station_max: connections of one station that has shown its certificate.
        handshake_s: seconds from accept to the end of the handshake: two round trips, and a lost packet.
        headers_s: seconds without a whole request head, from the handshake and between requests; longer than
            a station above is kept in reach (``stations.serving.link.KEEPALIVE_S``).
        unproven_s: seconds that a connection without certificate lives, whatever it does.
    """

    connections_max: int = 512
    unproven_max: int = 128
    address_max: int = 32
    station_max: int = 16
    handshake_s: float = 120.0
    headers_s: float = 120.0
    unproven_s: float = 360.0


def rule_within(descriptors: int, rule: GateRule | None = None) -> GateRule:
    """Return a rule that leaves the counter its descriptors.

    Args:
        descriptors: how many this process may have open.
        rule: what is wanted.
    """
    wanted = rule or GateRule()
    connections = max(CONNECTIONS_MIN, min(wanted.connections_max, descriptors - DESCRIPTORS_KEPT))
    unproven = min(wanted.unproven_max, max(1, connections // 2))
    return replace(wanted, connections_max=connections, unproven_max=unproven)


class Visitor:
    """One connection, from accept on.

    Args:
        address: of its other end.
        hang_up: ends it at once.
    """

    __slots__ = ("address", "hang_up", "station")

    def __init__(self, address: str, hang_up: Callable[[], None]) -> None:
        self.address = address
        self.hang_up = hang_up
        self.station = StationId("")


class Gate:
    """Counts the connections of one listener and makes room for new ones.

    Args:
        rule: the bounds.
    """

    def __init__(self, rule: GateRule) -> None:
        self.rule = rule
        # By age, the oldest first.
        self._unproven: dict[Visitor, None] = {}
        self._proven: dict[Visitor, None] = {}

    def __len__(self) -> int:
        """Return how many connections are in."""
        return len(self._unproven) + len(self._proven)

    def arrive(self, address: str, hang_up: Callable[[], None]) -> Visitor | None:
        """Let a connection in; None when there is no room, and nobody who would have to make some."""
        rule = self.rule
        near = [one for one in self._unproven if one.address == address]
        if len(near) >= rule.address_max:
            self._send_off(near[0])
        elif self._unproven and (
            len(self._unproven) >= rule.unproven_max or len(self) >= rule.connections_max
        ):
            self._send_off(next(iter(self._unproven)))
        if len(self) >= rule.connections_max:
            return None
        visitor = Visitor(address, hang_up)
        self._unproven[visitor] = None
        return visitor

    def proved(self, visitor: Visitor, station: StationId) -> None:
        """A connection has shown a certificate: it no longer counts among the strangers."""
        if visitor not in self._unproven:
            return
        own = [one for one in self._proven if one.station == station]
        if len(own) >= self.rule.station_max:
            self._send_off(own[0])
        del self._unproven[visitor]
        visitor.station = station
        self._proven[visitor] = None

    def leave(self, visitor: Visitor) -> None:
        """A connection has ended."""
        self._unproven.pop(visitor, None)
        self._proven.pop(visitor, None)

    def _send_off(self, visitor: Visitor) -> None:
        self.leave(visitor)
        visitor.hang_up()
