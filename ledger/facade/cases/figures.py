"""Figures of a period: from the tracked projection, and what it has not reached yet counted on the spot."""

from __future__ import annotations

from collections import Counter
from datetime import date

from ledger.facade.base.types import Figure
from ledger.projections.activity import ACTIVITY, Activity, ActivityKey, count_acts
from ledger.projections.runner import PAGE_RECORDS, catch_up
from ledger.store.contract import ReadTx, Store
from ledger.store.tables import Range
from ledger.types import StationId


def read_figures(
    store: Store, *, first: date, last: date, station: StationId | None, writable: bool
) -> list[Figure]:
    """Return the acts of a period by day, station and action; exact as of now.

    Args:
        store: the open store.
        first: first day, by the claimed time of the acts.
        last: last day, included.
        station: one station only; None for all.
        writable: this process is the writer and may catch the projection up.
    """
    if writable:
        catch_up(store, Activity())
    period = Range(at_least=first.isoformat(), at_most=last.isoformat())
    counts: Counter[ActivityKey] = Counter()
    with store.read() as tx:
        for day, place, action, acts in tx.select(ACTIVITY, {"day": period}):
            counts[str(day), str(place), str(action)] += acts if isinstance(acts, int) else 0
        counts += _not_reached(tx, first.isoformat(), last.isoformat())
    return [
        Figure(day=date.fromisoformat(day), station=StationId(place), action=action, acts=acts)
        for (day, place, action), acts in sorted(counts.items())
        if station is None or place == station
    ]


def _not_reached(tx: ReadTx, first: str, last: str) -> Counter[ActivityKey]:
    counts: Counter[ActivityKey] = Counter()
    after = tx.tracked(Activity.name)
    while page := tx.records(after=after, limit=PAGE_RECORDS):
        after = page[-1].position
        counts += count_acts(page)
    return Counter({key: acts for key, acts in counts.items() if first <= key[0] <= last})
