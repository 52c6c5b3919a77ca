"""For whom somebody may say to stand in (顶岗): those whom the registry names, and nobody by free text."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.registry.registry import Registry
from ledger.registry.standin import stood_in_for
from ledger.types import StationId
from stations.web.cases.factforms import Choice
from stations.words.casenames import person_words


def stand_in_choices(
    registry: Registry, staff_no: str, *, station: StationId, roles: Iterable[str]
) -> list[Choice]:
    """Return the colleagues for whom a person may act, by name and number.

    Args:
        registry: the newest registry known.
        staff_no: who acts.
        station: where.
        roles: those of which one is needed for the action.
    """
    needed = frozenset(roles)
    numbers = sorted(stood_in_for(registry, staff_no, station=station, roles=needed))
    live = ((no, registry.staff(no)) for no in numbers)
    return [
        (no, person_words(registry, no))
        for no, held in live
        if held is not None and held.roles_at(station) & needed
    ]
