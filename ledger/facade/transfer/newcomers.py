"""The cases that may concern stations which came to stand below: what their new feeds begin with.

A station that is put under another one may have been offered cases that are held there already: by that
station, by one below it, or by anybody before it moved. Nobody acts on these cases because of the move, so
they have to be looked for. That is done by what names the stations, not by all cases: a county that enrols
one counter more need not go through everything it holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ledger.cases.supplies import HAND_OVER
from ledger.errors import DataError, EncodingError
from ledger.facade.base.concern import OFFERED_TO
from ledger.facade.base.tables import CASES
from ledger.facade.logs.bodies import ASKED_MAX, bodies_at, by_log, place_in
from ledger.formats.body import open_body
from ledger.limits import FACTS_BYTES_MAX
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.store.tables import Cell, OneOf
from ledger.types import CaseId, StationId

_NAMING: Final = ("custodian", "offered_to", "received_station")
"""Columns of a case's row that name stations which it concerns."""


def cases_of(
    tx: ReadTx, stations: frozenset[StationId], log_stations: Mapping[str, StationId]
) -> dict[CaseId, None]:
    """Return every held case that may concern one of some stations, each once.

    Args:
        tx: the store.
        stations: who is looked for.
        log_stations: station of each log by name.
    """
    logs = [log for log, station in log_stations.items() if station in stations]
    found: dict[Cell, None] = {}
    for names, table, columns in ((sorted(stations), CASES, _NAMING), (logs, schema.ACTS, ("log",))):
        for first in range(0, len(names), ASKED_MAX):
            some = OneOf(tuple(names[first : first + ASKED_MAX]))
            for column in columns:
                found |= dict.fromkeys(row[0] for row in tx.select(table, {column: some}))
    found |= dict.fromkeys(_offered(tx, stations))
    return {CaseId(one): None for one in found if isinstance(one, bytes)}


def _offered(tx: ReadTx, stations: frozenset[StationId]) -> Iterator[Cell]:
    """Yield the cases with an act that offers them to one of the stations, whatever became of the offer."""
    offers = list(tx.select(schema.ACTS, {"action": HAND_OVER}))
    for first in range(0, len(offers), ASKED_MAX):
        some = offers[first : first + ASKED_MAX]
        cases = {(row[2], row[3]): row[0] for row in some}
        for place, body in bodies_at(tx, by_log(map(place_in, some))).items():
            if _names(body[2], stations):
                yield cases[place]


def _names(facts: Cell, stations: frozenset[StationId]) -> bool:
    """Whether the facts of an offer name one of the stations; what cannot be read names nobody."""
    if not isinstance(facts, bytes):
        return False
    try:
        return open_body(facts, limit_bytes=FACTS_BYTES_MAX).get(OFFERED_TO) in stations
    except (DataError, EncodingError):
        return False
