"""Whose cases somebody may see: those of the stations where the person works, or that these supervise."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.case import CaseState
from ledger.errors import AuthorityError
from ledger.facade import CaseRow
from ledger.registry import Registry
from ledger.types import StationId
from stations.web.browsers import Person


class Scope:
    """Answers for one person at one moment; asked for every row of every list.

    A station's cases are open to who holds a role there, by grant for it or for all below a station, and to
    who works at a station above it: that one supervises.
    """

    def __init__(self, registry: Registry, person: Person) -> None:
        self._registry = registry
        self._person = person
        self._known: dict[str, bool] = {}

    def station(self, station: str) -> bool:
        """Tell whether the cases of a station are open to the person."""
        known = self._known.get(station)
        if known is None:
            known = self._known[station] = bool(station) and self._find(StationId(station))
        return known

    def row(self, row: CaseRow) -> bool:
        """Tell whether a line of a list is open to the person."""
        return (
            self.station(row.custodian) or self.station(row.received_station) or self.station(row.offered_to)
        )

    def require(self, state: CaseState) -> None:
        """Refuse a case that nobody at the person's stations has anything to do with.

        Raises:
            AuthorityError: ``web.scope``.
        """
        involved = (state.custodian, state.offered_to, state.received_station)
        if not any(self.station(place) for place in (*involved, *_acted(state))):
            raise AuthorityError("web.scope")

    def _find(self, station: StationId) -> bool:
        if self._person.roles_at(self._registry, station):
            return True
        above = self._registry.line(station)
        return any(place in above for place in self._person.stations)


def _acted(state: CaseState) -> Iterable[StationId]:
    return dict.fromkeys(step.act.station for step in state.steps)
