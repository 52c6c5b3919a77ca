"""Which stations of the made-up county take part, how they are connected, and how long it goes.

The county itself is data: ``county.json`` holds all 231 stations with the class of their line (A fibre,
B 4G, C weak, D days without, E none: a stick), and how often each item is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources

from ledger.errors import InputError

FIRST_DAY = date(2026, 2, 9)
STATIONS_DEFAULT, DAYS_DEFAULT = 13, 10
STATIONS_MIN, DAYS_MAX = 4, 60
TOWNSHIPS_PER_STATION = 4
"""One township for so many stations, at least one; all 14 at the end."""
_LINES = "BCEBCDBC"
"""Classes of the villages that are taken first, so that a small county has every kind of line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A station of the county: ``net`` is the class of its line, ``upstream`` the station above."""

    station: str
    name: str
    level: str
    upstream: str
    net: str

    @property
    def has_below(self) -> bool:
        """Whether stations sync with it."""
        return self.level in ("county", "township")


@dataclass(frozen=True, slots=True, kw_only=True)
class CountyData:
    """The whole made-up county."""

    division: str
    name: str
    volumes: Mapping[str, int]
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is played.

    Attributes:
        places: county first, then townships, then the others.
        days: calendar days from ``FIRST_DAY``.
    """

    seed: int
    places: tuple[Place, ...]
    days: tuple[date, ...]

    @property
    def county(self) -> Place:
        """The county centre."""
        return self.places[0]

    @property
    def townships(self) -> tuple[Place, ...]:
        """The townships that take part."""
        return tuple(place for place in self.places if place.level == "township")

    @property
    def villages(self) -> tuple[Place, ...]:
        """The villages that take part."""
        return tuple(place for place in self.places if place.level == "village")

    def place(self, station: str) -> Place:
        """Return a station by its id."""
        return next(place for place in self.places if place.station == station)

    def below(self, station: str) -> tuple[Place, ...]:
        """Return the direct subordinates of a station."""
        return tuple(place for place in self.places if place.upstream == station)


@cache
def county_data() -> CountyData:
    """Return the made-up county."""
    raw = json.loads((resources.files(__package__) / "county.json").read_text(encoding="utf-8"))
    names = ("station", "name", "level", "upstream", "net")
    places = tuple(Place(**{name: one[name] for name in names}) for one in raw["stations"])
    return CountyData(division=raw["division"], name=raw["name"], volumes=raw["volumes"], places=places)


def make_plan(*, seed: int, stations: int = STATIONS_DEFAULT, days: int = DAYS_DEFAULT) -> Plan:
    """Return who takes part: a county centre, townships, villages of every kind of line, kiosks.

    Raises:
        InputError: ``demo.stations``, ``demo.days`` out of range.
    """
    known = county_data().places
    if not STATIONS_MIN <= stations <= len(known):
        raise InputError("demo.stations", least=STATIONS_MIN, most=len(known))
    if not 1 <= days <= DAYS_MAX:
        raise InputError("demo.days", most=DAYS_MAX)
    chosen = known if stations == len(known) else _choose(known, stations)
    order = {"county": 0, "township": 1}
    places = tuple(sorted(chosen, key=lambda place: (order.get(place.level, 2), place.station)))
    return Plan(seed=seed, places=places, days=tuple(FIRST_DAY + timedelta(day) for day in range(days)))


def _choose(known: Sequence[Place], count: int) -> list[Place]:
    levels = {
        level: [one for one in known if one.level == level] for level in ("county", "township", "kiosk")
    }
    towns = levels["township"]
    wanted = min(len(towns), max(1, (count - 1) // TOWNSHIPS_PER_STATION))
    # From the market town to the remote one: lines of every class.
    step = len(towns) / wanted
    chosen = [*levels["county"], *(towns[int((number + 0.5) * step)] for number in range(wanted))]
    kiosks = (count - len(chosen)) // 9 or int(count > STATIONS_MIN + 1)
    stations = {place.station for place in chosen}
    chosen += [one for one in levels["kiosk"] if one.upstream in stations][:kiosks]
    return chosen + _villages(known, chosen, count - len(chosen))


def _villages(known: Sequence[Place], chosen: Sequence[Place], count: int) -> list[Place]:
    """Take villages in turns from the townships, with lines of every class; then bank points, whatever."""
    towns = [place.station for place in chosen if place.level == "township"]
    left = {town: [one for one in known if one.upstream == town and one.level == "village"] for town in towns}
    found: list[Place] = []
    while len(found) < count and any(left.values()):
        town = towns[len(found) % len(towns)]
        net = _LINES[len(found) % len(_LINES)]
        pool = left[town] or next(rest for rest in left.values() if rest)
        one = next((place for place in pool if place.net == net), pool[0])
        pool.remove(one)
        found.append(one)
    taken = {place.station for place in (*chosen, *found)}
    others = [one for one in known if one.station not in taken and one.upstream in taken]
    return found + others[: count - len(found)]
