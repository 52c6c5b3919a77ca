"""The hall screen: how many today, what lies ready to be collected; nothing of people, nobody signed in.

It refreshes itself and hangs on the wall, so it must not lock, nor show what a passer-by may not know: case
numbers without the person, items and counts are all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from ledger.days.calendar import local_date
from ledger.facade import CaseRow, Ledger
from stations.checkup.clockdoubt import clock_doubt
from stations.texts import Say
from stations.web.keyholders import own_stations
from stations.web.lists import lines_max
from stations.web.render import render_part
from stations.web.visit import Visit
from stations.words.casenames import station_name
from stations.words.rows import item_words

READY_MAX = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Hall:
    """What hangs on the wall.

    Attributes:
        ready: (number, item) of what lies here for collection, the longest waiting first.
        more: how many more there are.
        doubtful: whether the clock cannot be right, so that neither can what is of today.
    """

    name: str
    received: int
    working: int
    ready: Sequence[tuple[str, str]]
    more: int
    doubtful: bool


async def show(visit: Visit) -> web.Response:
    """Show the hall screen of the installation's station; with ``all`` as a list to be printed."""
    now_ms = visit.now_ms()
    most = lines_max(visit, READY_MAX)
    hall = await visit.read(lambda ledger: _read(visit.say, ledger, now_ms, most))
    return render_part(visit, "hall.html", hall=hall, now_ms=now_ms, whole=most > READY_MAX)


def _read(say: Say, ledger: Ledger, now_ms: int, most: int) -> Hall:
    places = own_stations(ledger)
    ready: list[CaseRow] = []
    received = working = 0
    for place in places:
        day = ledger.day_clear(place, local_date(now_ms), now_ms=now_ms, names=False)
        received += len(day.received)
        rows = ledger.worklist(station=place, now_ms=now_ms, names=False)
        working += sum(row.custodian == place for row in rows)
        ready += day.awaiting_collection
    ready.sort(key=lambda row: row.last_at_ms)
    first = places[0] if places else ""
    return Hall(
        name=station_name(ledger.knowledge.registry, ledger.main_station or first),
        received=received,
        working=working,
        ready=[(row.number, item_words(say, ledger, row)) for row in ready[:most]],
        more=max(0, len(ready) - most),
        doubtful=clock_doubt(ledger, now_ms) is not None,
    )
