"""Which plants have room in a plan, and which stations they fall on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

from stations.county.mishaps import BySticks, Cloned, Killed, Restored
from stations.county.plan import Place, Plan
from stations.county.plants import (
    Backdated,
    DroppingLine,
    OfflineVillage,
    Plant,
    Twins,
    TwoDeciders,
    WrongClock,
)

STICK_VILLAGES_MIN = 3
OFFLINE_DAYS_MIN = 8
DAYS_MIN = 3


PLANT_NAMES = tuple(
    kind.name
    for kind in (
        BySticks, OfflineVillage, DroppingLine, Killed, WrongClock, Restored, Cloned, Backdated, Twins,
        TwoDeciders,
    )
)  # fmt: skip
"""Everything that can be planted where the county has room and days for it."""


def choose_plants(plan: Plan) -> list[Plant]:
    """Return what is planted; in a large county each on a village of its own."""
    if len(plan.days) < DAYS_MIN:
        return []
    villages = list(plan.villages)
    plants: list[Plant] = []
    if len(villages) >= STICK_VILLAGES_MIN:
        plants.append(BySticks(_take(villages, "E")))
    if len(plan.days) >= OFFLINE_DAYS_MIN and len(villages) > 1:
        plants.append(OfflineVillage(_take(villages, "D")))
    turns = cycle(sorted(villages, key=lambda place: (place.net == "A", place.station)))
    plants += [
        DroppingLine(next(turns)),
        Killed(next(turns)),
        WrongClock(next(turns)),
        Restored(next(turns)),
        Cloned(next(turns)),
        Backdated(plan.townships[0]),
    ]
    plants += list(_pairs(plan, villages))
    return plants


def _pairs(plan: Plan, villages: list[Place]) -> Iterator[Plant]:
    if len(villages) > 1:
        yield Twins((villages[0], villages[-1]))
    if len(plan.townships) > 1:
        yield TwoDeciders(plan.townships[0], plan.townships[1])


def _take(villages: list[Place], net: str) -> Place:
    """Take a village with a line of a class out of the list, else the last one."""
    found = next((place for place in villages if place.net == net), villages[-1])
    villages.remove(found)
    return found
