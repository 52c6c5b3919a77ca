"""What a township and the county look at: the stations below, conflicts, twins, figures by month."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from ledger.facade import CaseRow, Ledger
from ledger.facade.between import station_board, twins
from ledger.facade.board import BoardLine
from ledger.facade.peers import BY_STICK
from stations.web.render import render
from stations.web.rows import Line, lines_of
from stations.web.scope import Scope
from stations.web.visit import Visit

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StationLine:
    """A station on the board, and what of it needs a look."""

    line: BoardLine
    own: bool
    by_stick: bool
    silent_days: int
    grade: str


async def board(visit: Visit) -> web.Response:
    """Show every station below: complete up to when, heard when, what waits, what is odd."""
    now_ms = visit.now_ms()
    lines = await visit.read(lambda ledger: board_lines(visit, ledger, now_ms))
    return await render(visit, "board.html", lines=lines, now_ms=now_ms)


def board_lines(visit: Visit, ledger: Ledger, now_ms: int) -> list[StationLine]:
    """Return the stations below that of the installation, with what of each needs a look."""
    station = ledger.main_station or visit.station
    return [
        _station_line(line, own=line.station == station, now_ms=now_ms)
        for line in station_board(ledger, station)
    ]


async def conflicts(visit: Visit) -> web.Response:
    """Show the cases that wait for an adjudication, and the applicants whose matter was received twice."""
    now_ms = visit.now_ms()
    lines, pairs = await visit.read(lambda ledger: conflict_lines(visit, ledger, now_ms))
    return await render(visit, "conflicts.html", lines=lines, pairs=pairs, now_ms=now_ms)


def conflict_lines(visit: Visit, ledger: Ledger, now_ms: int) -> tuple[list[Line], list[list[Line]]]:
    """Return the cases in conflict and the twins that are open to the person."""
    scope = Scope(ledger.knowledge.registry, visit.person)
    rows: dict[bytes, CaseRow] = {
        row.case_id: row for row in ledger.worklist(now_ms=now_ms, include_closed=True) if scope.row(row)
    }
    pairs = [[rows[one] for one in twin.case_ids if one in rows] for twin in twins(ledger)]
    return (
        lines_of(visit, ledger, [row for row in rows.values() if row.conflict]),
        [lines_of(visit, ledger, pair) for pair in pairs if len(pair) > 1],
    )


def _station_line(line: BoardLine, *, own: bool, now_ms: int) -> StationLine:
    silent_days = 0 if own or not line.heard_at_ms else line.silent_ms(now_ms) // DAY_MS
    grade = "ok"
    if not own:
        if line.forked or silent_days >= 3:
            grade = "bad"
        elif not line.heard_at_ms or silent_days or line.waiting or line.clock_off_ms:
            grade = "look"
    return StationLine(
        line=line, own=own, by_stick=line.via == BY_STICK, silent_days=silent_days, grade=grade
    )
