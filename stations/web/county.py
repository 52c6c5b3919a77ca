"""What a township and the county look at: the stations below, conflicts, twins, figures by month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from aiohttp import web

from ledger.calendar import local_date
from ledger.errors import InputError
from ledger.facade import CaseRow, Ledger
from ledger.facade.between import months, station_board, twins
from ledger.facade.board import BoardLine
from stations.cli.board import MONTH_HEADINGS
from stations.cli.casenames import station_name
from stations.sheets import Sheet
from stations.web.lists import send_workbook
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures by month, station and item, in words."""

    since: date
    until: date
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


async def monthly_figures(visit: Visit) -> Figures:
    """Return the figures that the query asks for, of the stations that are open to the person.

    Raises:
        InputError: ``web.date``.
    """
    query, now_ms = visit.request.query, visit.now_ms()
    last = _day(query.get("until", ""), local_date(now_ms))
    since = _day(query.get("since", ""), last.replace(day=1))

    def work(ledger: Ledger) -> list[Sequence[str]]:
        registry, catalogue = ledger.knowledge.registry, ledger.knowledge.catalogue
        scope, items = Scope(registry, visit.person), catalogue.items(catalogue.size)
        found = months(ledger, first=since, after_last=last + timedelta(days=1), now_ms=now_ms)
        return [
            (
                one.month,
                station_name(registry, one.station),
                visit.say.pick(items[one.item].name) if one.item in items else one.item,
                *map(str, (one.received, one.finished, one.open, one.overdue, one.conflicts)),
            )
            for one in found
            if scope.station(one.station)
        ]

    headings = tuple(visit.say(f"head.{name}") for name in MONTH_HEADINGS)
    return Figures(since=since, until=last, headings=headings, rows=await visit.read(work))


async def monthly(visit: Visit) -> web.StreamResponse:
    """Show how many cases were received by month, station and item, and what became of them.

    Raises:
        InputError: ``web.date``.
    """
    found = await monthly_figures(visit)
    if visit.request.query.get("format") == "xlsx":
        rows = tuple(tuple(row) for row in found.rows)
        sheet = Sheet(name=visit.say("web.monthly"), headings=tuple(found.headings), rows=rows)
        return await send_workbook(visit, f"{visit.say('web.monthly')} {found.since} {found.until}", [sheet])
    return await render(
        visit,
        "monthly.html",
        headings=found.headings,
        rows=found.rows,
        totals=[sum(int(row[column]) for row in found.rows) for column in range(3, 8)],
        since=found.since,
        until=found.until,
        now_ms=visit.now_ms(),
    )


def _station_line(line: BoardLine, *, own: bool, now_ms: int) -> StationLine:
    silent_days = 0 if own or not line.heard_at_ms else line.silent_ms(now_ms) // DAY_MS
    grade = "ok"
    if not own:
        if line.forked or silent_days >= 3:
            grade = "bad"
        elif not line.heard_at_ms or silent_days or line.waiting or line.clock_off_ms:
            grade = "look"
    return StationLine(line=line, own=own, silent_days=silent_days, grade=grade)


def _day(text: str, otherwise: date) -> date:
    if not text:
        return otherwise
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError("web.date", field="since", value=text[:40]) from error
