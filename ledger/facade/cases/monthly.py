"""Figures by month, station and item: how many cases were received, and what became of them so far.

Cases are counted where their stations' clocks put them. One whose clock had lost its battery puts them into
another century: these are in no period that anybody asks for, so each figure says how many there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ledger.days.calendar import day_start_ms, local_date
from ledger.facade.base.tables import (
    CASES,
    CONFLICT,
    DECIDED,
    LATE,
    LATE_ACCEPTANCE,
    LATE_DECISION,
    LATE_FLAGS,
    NEVER_MS,
    RETURNED,
    CaseCells,
    case_cells,
)
from ledger.lawtime import DAY_MS
from ledger.limits import PLAUSIBLE_FROM_MS
from ledger.store.contract import ReadTx
from ledger.store.tables import Cell, OneOf, Range
from ledger.types import CaseId, StationId

Overrun = Callable[[Sequence[CaseId]], Mapping[CaseId, Collection[str]]]
AHEAD_MS_MAX = DAY_MS
"""How far a receipt may lie ahead of the clock here before that is a wrong clock, and not two that differ."""


@dataclass(slots=True, kw_only=True)
class MonthFigure:
    """One station, item and month of receipt, as of the asked moment.

    Attributes:
        month: ``2026-02``.
        received: cases received there in that month; the base of the others, and the sum of the next three.
        decided: of these, decided: what statistics call concluded (办结), delivered or not.
        ended: of these, ended without a decision: not accepted, withdrawn, lapsed, void.
        open: of these, still in hand.
        overdue: of the received ones, with a red light now.
        late_accepted: of the received ones, whose acceptance clock overran its last day (超期受理), also
            where nobody has answered yet: silence after the limit is what the word means.
        late_decided: of the received ones, whose statutory clock overran its last day (超期办结), the same.
        late: of the received ones, to which any of the last three applies: each counts once.
        conflicts: of the received ones, waiting for an adjudication.
        returned: papers given back on the spot: not received, and in no other figure.
    """

    month: str
    station: StationId
    item: str
    received: int = 0
    decided: int = 0
    ended: int = 0
    open: int = 0
    overdue: int = 0
    late_accepted: int = 0
    late_decided: int = 0
    late: int = 0
    conflicts: int = 0
    returned: int = 0


def read_months(
    tx: ReadTx,
    *,
    overrun_of: Overrun,
    first: date,
    after_last: date,
    now_ms: int,
    station: StationId | None = None,
) -> Sequence[MonthFigure]:
    """Return the figures of a period by month of receipt, station and item.

    Args:
        tx: a consistent view.
        overrun_of: tells of cases that are red which clocks overran: a row knows of the first one alone.
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
    rows = case_cells(list(tx.select(CASES, where)))
    overrun = overrun_of([cells[0] for cells in rows if _is_red(cells, now_ms)])
    for cells in rows:
        month = local_date(cells[8]).isoformat()[:7]
        key = (month, cells[7], cells[2])
        one = found.setdefault(key, MonthFigure(month=month, station=cells[7], item=cells[2]))
        late = sum(flag for clock, flag in LATE_FLAGS.items() if clock in overrun.get(cells[0], ()))
        _count(one, open_=cells[10] == 1, red=_is_red(cells, now_ms), flags=cells[14] | late)
    return [found[key] for key in sorted(found)]


def _is_red(cells: CaseCells, now_ms: int) -> bool:
    return cells[10] == 1 and cells[13] != NEVER_MS and now_ms >= cells[13]


def _count(one: MonthFigure, *, open_: bool, red: bool, flags: int) -> None:
    if flags & RETURNED:
        one.returned += 1
        return
    one.received += 1
    decided = flags & DECIDED != 0
    one.decided += decided
    one.open += open_ and not decided
    one.ended += not open_ and not decided
    one.overdue += red
    one.late_accepted += flags & LATE_ACCEPTANCE != 0
    one.late_decided += flags & LATE_DECISION != 0
    one.late += red or flags & LATE != 0
    one.conflicts += flags & CONFLICT != 0


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
