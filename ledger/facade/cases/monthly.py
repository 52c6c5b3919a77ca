"""Figures by month, station and item: how many cases were received, and what became of them so far.

Cases are counted where their stations' clocks put them. One whose clock had lost its battery puts them into
another century: these are in no period that anybody asks for, so each figure says how many there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ledger.calendar import day_start_ms, local_date
from ledger.facade.base.tables import CASES, CONFLICT, NEVER_MS, case_cells
from ledger.limits import PLAUSIBLE_FROM_MS
from ledger.store.contract import ReadTx
from ledger.store.tables import Cell, OneOf, Range
from ledger.types import StationId

AHEAD_MS_MAX = 24 * 3_600_000
"""How far a receipt may lie ahead of the clock here before that is a wrong clock, and not two that differ."""


@dataclass(slots=True, kw_only=True)
class MonthFigure:
    """One station, item and month of receipt, as of the asked moment.

    Attributes:
        month: ``2026-02``.
        received: cases received there in that month; the base of the others.
        finished: of these, closed for good.
        open: of these, still open.
        overdue: of the open ones, with a red light.
        conflicts: of these, waiting for an adjudication.
    """

    month: str
    station: StationId
    item: str
    received: int = 0
    finished: int = 0
    open: int = 0
    overdue: int = 0
    conflicts: int = 0


def read_months(
    tx: ReadTx, *, first: date, after_last: date, now_ms: int, station: StationId | None = None
) -> Sequence[MonthFigure]:
    """Return the figures of a period by month of receipt, station and item.

    Args:
        tx: a consistent view.
        first: first day of receipt.
        after_last: the day behind the last one.
        now_ms: the moment for lights.
        station: one station only; None for all.
    """
    period = Range(at_least=day_start_ms(first), below=day_start_ms(after_last))
    where: dict[str, Cell | Range | OneOf] = {"opened_at_ms": period}
    if station is not None:
        where["received_station"] = station
    found: dict[tuple[str, str, str], MonthFigure] = {}
    for cells in case_cells(list(tx.select(CASES, where))):
        month = local_date(cells[8]).isoformat()[:7]
        key = (month, cells[7], cells[2])
        one = found.setdefault(key, MonthFigure(month=month, station=cells[7], item=cells[2]))
        one.received += 1
        if cells[10]:
            one.open += 1
            one.overdue += cells[13] != NEVER_MS and now_ms >= cells[13]
        else:
            one.finished += 1
        one.conflicts += bool(cells[14] & CONFLICT)
    return [found[key] for key in sorted(found)]


def read_mistimed(
    tx: ReadTx, *, first: date, after_last: date, now_ms: int, station: StationId | None = None
) -> Mapping[StationId, int]:
    """Return how many cases of each station bear a time of receipt that cannot be, outside a period.

    Args:
        tx: a consistent view.
        first: first day of the period; what lies in it is in its figures.
        after_last: the day behind its last one.
        now_ms: the clock here.
        station: one station only; None for all.
    """
    early = Range(below=min(day_start_ms(first), PLAUSIBLE_FROM_MS))
    late = Range(at_least=max(day_start_ms(after_last), now_ms + AHEAD_MS_MAX))
    found: Counter[StationId] = Counter()
    for outside in (early, late):
        where: dict[str, Cell | Range | OneOf] = {"opened_at_ms": outside}
        if station is not None:
            where["received_station"] = station
        rows = tx.select(CASES, where, columns=("received_station",))
        found.update(StationId(str(row[0])) for row in rows)
    return found
