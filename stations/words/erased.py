"""Where the personal data of a case that was erased here may lie yet, in words."""

from __future__ import annotations

from ledger.facade import Ledger
from ledger.facade.cases.erased import holding_yet
from ledger.types import CaseId
from stations.words.casenames import station_name
from stations.writtenhere import stations_here

AND = "、"
"""Between names of stations, which are Chinese in either language."""


def held_elsewhere(ledger: Ledger, case_id: CaseId) -> str:
    """Return the names of the other stations that may hold a case's personal data; "" where there are none.

    Raises:
        RuleError: ``case.unknown``.
    """
    own = set(stations_here(ledger))
    if ledger.main_station is not None:
        own.add(ledger.main_station)
    registry = ledger.knowledge.registry
    found = holding_yet(ledger.state(case_id)[0], registry, own)
    return AND.join(station_name(registry, station) for station in found)
