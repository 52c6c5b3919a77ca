"""Stations and their lines of supervision, as the registry log sets them.

A *scope* is either one station (``990121001001-00``) or a station with everything below it
(``990121001000-00/*``): the stations whose line of upstream stations passes through it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ledger.registry.history import History
from ledger.stationid import is_station_id
from ledger.types import StationId

LEVELS = ("county", "township", "village", "kiosk", "agent")
"""County centre, township centre, village station, self-service kiosk, bank or other outside point."""

CODE_SYSTEM = "GB/T 2260"
"""The list that division codes are taken from where nobody says otherwise."""
COUNTY_DIGITS = 6
"""So many digits of a station id name its county. Source: GB/T 2260."""

_RANK = {"county": 0, "township": 1, "village": 2, "kiosk": 3, "agent": 3}
_LOWEST = max(_RANK.values())
_SUBORDINATES = "/*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """One enrolled station.

    ``upstream`` is empty for the top station alone. ``code_system`` names the list that the division code
    was taken from (for example ``GB/T 2260``), because codes change with reorganisations.
    """

    station: StationId
    name: str
    level: str
    upstream: StationId
    code_system: str
    is_open: bool = True


def is_scope(text: str) -> bool:
    """Tell whether a text has the shape of a scope: a station id, alone or followed by ``/*``."""
    return is_station_id(scope_base(text))


def scope_base(scope: str) -> StationId:
    """Return the station that a scope begins at."""
    return StationId(scope.removesuffix(_SUBORDINATES))


def has_subordinates(scope: str) -> bool:
    """Tell whether a scope reaches below its station."""
    return scope.endswith(_SUBORDINATES)


def may_lie_under(level: str, upstream_level: str) -> bool:
    """Tell whether a station of one level may be supervised by a station of the other.

    A kiosk or outside point hangs on a counter, never on another kiosk; a second county counter hangs on the
    first.
    """
    if level == upstream_level == "county":
        return True
    return stands_above(upstream_level, level)


def stands_above(level: str, other: str) -> bool:
    """Tell whether stations of one level stand above those of another; an unknown level above none."""
    return _RANK.get(level, _LOWEST) < _RANK.get(other, _LOWEST)


class StationTree:
    """All stations at every size of the registry log."""

    __slots__ = ("_changes", "_lines", "_stations")

    def __init__(self) -> None:
        self._stations: dict[StationId, History[Station]] = {}
        self._changes: History[int] = History()
        self._lines: dict[tuple[StationId, int], tuple[StationId, ...]] = {}

    def put(self, position: int, station: Station) -> None:
        """Enrol a station, or replace what is known of it, from a log position on."""
        self._stations.setdefault(station.station, History()).set(position, station)
        self._changes.set(position, position)

    def close(self, position: int, station: StationId) -> None:
        """Close an enrolled station from a log position on; its history stays."""
        known = self._stations[station].newest
        if known is not None:
            self.put(position, replace(known, is_open=False))

    def get(self, station: StationId, size: int) -> Station | None:
        """Return a station, open or closed, as of a size of the log; None if it was never enrolled."""
        history = self._stations.get(station)
        return None if history is None else history.at(size)

    def open_at(self, size: int) -> Iterator[Station]:
        """Yield the stations that were open at a size, by station id."""
        for station in sorted(self._stations):
            known = self._stations[station].at(size)
            if known is not None and known.is_open:
                yield known

    def all_at(self, size: int) -> Iterator[Station]:
        """Yield the stations that were enrolled by a size, open or closed, by station id."""
        for station in sorted(self._stations):
            known = self._stations[station].at(size)
            if known is not None:
                yield known

    def version(self, size: int) -> int:
        """Return the number of changes within the first ``size`` entries: equal versions, equal trees."""
        return self._changes.version(size)

    def line(self, station: StationId, version: int) -> tuple[StationId, ...]:
        """Return the station and all above it, nearest first; empty when it was not enrolled.

        Args:
            station: where the line begins.
            version: a value of ``version``; 0 is the empty tree.
        """
        if not version:
            return ()
        known = self._lines.get((station, version))
        if known is None:
            known = tuple(self._walk(station, self._changes.value(version)))
            self._lines[station, version] = known
        return known

    def covers(self, scope: str, station: StationId, version: int) -> bool:
        """Tell whether a station lies within a scope, whether it is open or closed."""
        if not has_subordinates(scope):
            return scope == station
        return scope_base(scope) in self.line(station, version)

    def _walk(self, station: StationId, size: int) -> Iterator[StationId]:
        seen: set[StationId] = set()
        known = self.get(station, size)
        while known is not None and known.station not in seen:
            seen.add(known.station)
            yield known.station
            known = self.get(known.upstream, size)
