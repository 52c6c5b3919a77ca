"""Stations by code, by full id or by name, as people write them in lists."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.registry.station import Station
from ledger.types import StationId
from stations.sheetin.clean import fold
from stations.sheetin.faults import Faults, Place

_CHOICES_MAX = 6


class Places:
    """The stations that a list may name: those of the registry, perhaps with those of the list itself."""

    def __init__(self) -> None:
        self._names: dict[StationId, str] = {}

    @classmethod
    def of_stations(cls, stations: Iterable[Station]) -> Places:
        """Return the open stations of a registry."""
        places = cls()
        for station in stations:
            places.add(station.station, station.name)
        return places

    def add(self, station: StationId, name: str) -> None:
        """Make a station known; a name given anew replaces the old one."""
        self._names[station] = name

    def __contains__(self, station: StationId) -> bool:
        """Tell whether a station is known."""
        return station in self._names

    def find(self, written: str, place: Place, faults: Faults) -> StationId | None:
        """Return the one station that a text means; none, or several, are a fault.

        A code of twelve digits alone means the main counter of the division, ``-00``.
        """
        if written[:1].isdigit():
            station = StationId(written if "-" in written else f"{written}-00")
            if station in self._names:
                return station
            faults.add("row.place_unknown", place, written)
            return None
        found = [station for station, name in self._names.items() if fold(name) == fold(written)]
        if len(found) == 1:
            return found[0]
        if found:
            faults.add("row.place_several", place, written, choices=tuple(found[:_CHOICES_MAX]))
        else:
            faults.add("row.place_unknown", place, written)
        return None
