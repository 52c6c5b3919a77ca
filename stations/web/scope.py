"""Whose cases somebody may see: those of the stations where the person works, or that these supervise.

Who keeps the registry and does nothing else sees none: what citizens brought is no business of that office.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from ledger.cases.shape import CaseState
from ledger.errors import AuthorityError
from ledger.facade import CaseRow
from ledger.registry.registry import Registry
from ledger.types import StationId
from stations.web.browsers import Person
from stations.web.visit import Page, Visit

CASELESS = frozenset(("registrar",))
"""Roles that have nothing to do with cases."""


def sees_cases(person: Person) -> bool:
    """Tell whether any role of a person has to do with cases."""
    return bool(person.roles - CASELESS)


def of_cases(handler: Page) -> Page:
    """Make a page, a workbook or an answer one that is for those alone whose work is cases.

    Raises:
        AuthorityError: ``web.no_cases``.
    """

    async def handle(visit: Visit) -> web.StreamResponse:
        if not sees_cases(visit.person):
            raise AuthorityError("web.no_cases")
        return await handler(visit)

    return handle


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
        """Tell whether a station is one of the person's, or below one of them: for counts and for people."""
        known = self._known.get(station)
        if known is None:
            known = self._known[station] = bool(station) and self._find(StationId(station))
        return known

    def row(self, row: CaseRow) -> bool:
        """Tell whether a line of a list is open to the person."""
        return sees_cases(self._person) and self.within(row)

    def within(self, row: CaseRow) -> bool:
        """Tell whether a case lies at the person's stations, whoever may read what it says of people."""
        return (
            self.station(row.custodian) or self.station(row.received_station) or self.station(row.offered_to)
        )

    def require(self, state: CaseState) -> None:
        """Refuse a case that nobody at the person's stations has anything to do with.

        Raises:
            AuthorityError: ``web.scope``; ``web.no_cases``.
        """
        if not sees_cases(self._person):
            raise AuthorityError("web.no_cases")
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
