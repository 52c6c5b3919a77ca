"""Which stations a case concerns: what is given to them rests on this, and with it who sees personal data.

Whoever knows a case's id can write acts into it, in the own log and with the own valid key, and some of them
would even take effect. So an act brings its station nothing. A case concerns the station where it was opened
and every station to which one that it concerns has offered it; nobody else can have come by it honestly.
Whether an offer took effect is not asked: what comes later may undo it, and who was offered a case must see
that.
"""

from __future__ import annotations

from ledger.cases.shape import CaseState
from ledger.cases.supplies import HAND_OVER
from ledger.stationid import is_station_id
from ledger.types import StationId

OFFERED_TO = "to"
"""Its fact that names the station."""


def concerned_stations(state: CaseState) -> frozenset[StationId]:
    """Return the stations that a case concerns or ever did, by all acts of it that are held."""
    found = {state.received_station, state.custodian, state.offered_to}
    offers: list[tuple[StationId, StationId]] = []
    for step in state.steps:
        act = step.act
        if not act.parents:
            found.add(act.station)
        offered = act.facts.get(OFFERED_TO)
        # Where signature, key or authority fail, nobody offered anything.
        if act.action == HAND_OVER and not act.blocked and isinstance(offered, str):
            offers.append((act.station, StationId(offered)))
    grown = True
    while grown:
        size = len(found)
        found |= {offered for station, offered in offers if station in found and is_station_id(offered)}
        grown = len(found) > size
    return frozenset(found - {StationId("")})
