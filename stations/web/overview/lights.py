"""What is overdue or nearly due in the whole scope, each with its reason: which clock, why, who holds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from aiohttp import web

from ledger.facade import CaseRow, Ledger
from stations.papers.sheets import Sheet
from stations.web.lists import lines_max, send_workbook, sheet_of, wants_workbook
from stations.web.render import render
from stations.web.rows import Line, lines_of
from stations.web.scope import Scope
from stations.web.visit import Visit
from stations.words.lines import clock_line

SHOWN_MAX = 100
AT_ONCE = 100
"""Cases that one turn of a reading thread looks at."""
URGENT = ("red", "yellow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Urgent:
    """A case with the clocks that make it urgent, each with its explanation."""

    line: Line
    clocks: Sequence[str]
    reasons: Sequence[str]


async def show(visit: Visit) -> web.StreamResponse:
    """Show the urgent cases of every station in scope, the most urgent first."""
    query, now_ms = visit.request.query, visit.now_ms()
    wanted = (query["light"],) if query.get("light") in URGENT else URGENT

    def rows_of(ledger: Ledger) -> list[CaseRow]:
        scope = Scope(ledger.knowledge.registry, visit.person)
        rows = ledger.worklist(now_ms=now_ms, names=False)
        return [row for row in rows if row.light in wanted and scope.row(row)]

    if wants_workbook(visit):
        sheet = await visit.read(lambda ledger: _sheet(visit, ledger, rows_of(ledger), now_ms))
        return await send_workbook(visit, sheet.name, [sheet])

    rows, found = await visit.read(rows_of), list[Urgent]()
    most = lines_max(visit, SHOWN_MAX)
    for start in range(0, min(most, len(rows)), AT_ONCE):
        part = rows[start : min(most, start + AT_ONCE)]

        def work(ledger: Ledger, part: Sequence[CaseRow] = part) -> list[Urgent]:
            return [_urgent(visit, ledger, row, now_ms) for row in part]

        found += await visit.read(work)
    return await render(
        visit, "lights.html", count=len(rows), found=found, light=query.get("light", ""), most=most
    )


def _urgent(visit: Visit, ledger: Ledger, row: CaseRow, now_ms: int) -> Urgent:
    page = ledger.case(row.case_id, now_ms=now_ms)
    # The first is what the row's own light comes from, and what the list shows unopened.
    clocks = sorted(
        (reading for reading in page.clocks if reading.light in URGENT),
        key=lambda reading: (URGENT.index(reading.light), reading.due_on or date.max),
    )
    return Urgent(
        line=lines_of(visit, ledger, [page.row])[0],
        clocks=[clock_line(visit.say, page.rules, reading) for reading in clocks],
        reasons=[
            visit.say.message(line.code, line.params).what
            for reading in clocks
            for line in reading.explanation
        ],
    )


def _sheet(visit: Visit, ledger: Ledger, rows: Sequence[CaseRow], now_ms: int) -> Sheet:
    with ledger.reading() as (tx, parts):
        named = [parts.reader.row(tx, row.case_id, now_ms) for row in rows]
    return sheet_of(visit, ledger, named, name=visit.say("web.nav_lights"))
