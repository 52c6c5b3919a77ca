"""Who is to see what: the line of supervision, and the stations that have to do with a case.

A station is given the cases that concern a station of its subtree, as ``ledger.facade.base.concern`` says; of
these the acts that do not stand in logs of its subtree, for those it has itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from ledger.registry.registry import Registry
from ledger.types import StationId


def subtree(registry: Registry, station: StationId) -> frozenset[StationId]:
    """Return a station and every station, open or closed, whose line of upstream stations passes it."""
    found = [one.station for one in registry.all_stations() if station in registry.line(one.station)]
    return frozenset(found)


def audiences(registry: Registry, own: Iterable[StationId]) -> dict[StationId, StationId]:
    """Return for each station below this installation the direct subordinate through which it is reached.

    Args:
        registry: the newest registry held here.
        own: the stations of this installation.
    """
    mine = frozenset(own)
    found: dict[StationId, StationId] = {}
    for one in registry.all_stations():
        line = registry.line(one.station)
        for below, above in pairwise(line):
            if above in mine and below not in mine:
                found[one.station] = below
                break
    return found
