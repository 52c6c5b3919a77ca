"""Whole lists of cases: filtered, sorted, printed, taken away as Excel.

A page shows the first lines of a long list; as Excel every list is whole, and a page asked for with ``all``
has as many lines as anybody prints.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from ledger.days.calendar import local_date
from ledger.facade import CaseRow, Ledger
from ledger.facade.opened.desklists import Listed, page_of_cases, signed_by
from stations.papers.sheets import Sheet, write_workbook
from stations.serving.memory import give_back
from stations.web.keyholders import keys_of
from stations.web.render import render
from stations.web.rows import lines_of
from stations.web.visit import Visit
from stations.words.rows import HEADINGS, row_texts

PAGE_ROWS = 100
PRINTED_ROWS = 5000
"""Lines of a page that somebody wants whole, to print it: a hundred sheets of paper."""
SHEET_ROWS = 1_048_575
"""Lines that an Excel sheet holds beside its heading."""
LARGE_ROWS = 200
"""From so many lines on, what a workbook took is given back at once."""
LIGHTS = ("red", "yellow", "green", "paused", "done")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


async def cases(visit: Visit) -> web.StreamResponse:
    """Show the cases that the station holds or was offered, the most urgent first."""
    query = visit.request.query
    light, text = query.get("light", ""), query.get("q", "").strip()
    closed, mine, at = "closed" in query, "mine" in query, _whole(query.get("page", "1"))
    station, now_ms = visit.station, visit.now_ms()

    def chosen(ledger: Ledger, *, offset: int, limit: int) -> Listed:
        if not text and not mine:
            return page_of_cases(
                ledger,
                station=station,
                now_ms=now_ms,
                light=light,
                include_closed=closed,
                offset=offset,
                limit=limit,
            )
        # Names are encrypted: whoever looks for a part of one has all of them opened.
        rows = ledger.worklist(station=station, now_ms=now_ms, include_closed=closed, names=bool(text))
        rows = [row for row in rows if (not light or row.light == light) and _holds(row, text)]
        if mine:
            rows = signed_by(ledger, rows, keys_of(ledger, visit.person.staff_no))
        shown = rows[offset : offset + limit]
        if not text:
            with ledger.reading() as (tx, parts):
                shown = parts.reader.named(tx, shown)
        return Listed(shown, len(rows))

    if wants_workbook(visit):
        return await _workbook(visit, lambda ledger: chosen(ledger, offset=0, limit=SHEET_ROWS).rows)

    most = lines_max(visit, PAGE_ROWS)

    def work(ledger: Ledger) -> dict[str, object]:
        found = chosen(ledger, offset=(at - 1) * most, limit=most)
        return {
            "lines": lines_of(visit, ledger, found.rows),
            "count": found.total,
            "pages": max(1, -(-found.total // most)),
        }

    values = await visit.read(work)
    return await render(
        visit,
        "cases.html",
        **values,
        page=at,
        light=light,
        q=text,
        closed=closed,
        mine=mine,
        lights=LIGHTS,
        now_ms=now_ms,
    )


def wants_workbook(visit: Visit) -> bool:
    """Tell whether a list is to be taken away as Excel: then it is whole."""
    return visit.request.query.get("format") == "xlsx"


def lines_max(visit: Visit, usual: int) -> int:
    """Return how many lines of a list a page shows: many more where somebody wants to print them all."""
    return max(usual, PRINTED_ROWS) if "all" in visit.request.query else usual


def sheet_of(visit: Visit, ledger: Ledger, rows: Sequence[CaseRow], *, name: str) -> Sheet:
    """Return cases as a sheet of a workbook."""
    return Sheet(
        name=name,
        headings=tuple(visit.say(f"head.{name}") for name in HEADINGS),
        rows=tuple(tuple(row_texts(visit.say, ledger, row)) for row in rows),
    )


async def send_workbook(visit: Visit, name: str, sheets: Sequence[Sheet]) -> web.Response:
    """Send lists as an Excel file; every cell is text."""

    def write() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "list.xlsx"
            write_workbook(path, sheets, title=visit.say("training.short") if visit.office.training else "")
            raw = path.read_bytes()
        if sum(len(sheet.rows) for sheet in sheets) >= LARGE_ROWS:
            # The library's sheets and cells name each other: a second list must not come on top of the first.
            give_back()
        return raw

    body = await visit.office.access.aside(write)
    named = quote(f"{name}.xlsx")
    return web.Response(
        body=body, content_type=XLSX, headers={"Content-Disposition": f"attachment; filename*=UTF-8''{named}"}
    )


async def _workbook(visit: Visit, rows_of: Callable[[Ledger], Sequence[CaseRow]]) -> web.Response:
    now_ms = visit.now_ms()

    def work(ledger: Ledger) -> Sheet:
        return sheet_of(visit, ledger, rows_of(ledger), name=visit.say("web.cases"))

    sheet = await visit.read(work)
    return await send_workbook(visit, f"{visit.say('web.cases')} {local_date(now_ms).isoformat()}", [sheet])


def _holds(row: CaseRow, text: str) -> bool:
    return any(text in part for part in (row.number, row.item_name, row.applicant))


def _whole(text: str) -> int:
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < 7 else 1
