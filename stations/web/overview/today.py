"""Today (今日): what the law needs first, what is offered, awaited, to be collected; and "到哪了?"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from ledger.cases.number import is_misread
from ledger.days.calendar import local_date
from ledger.errors import InputError
from ledger.facade import CaseRow, Ledger
from ledger.facade.cases.reading import FIND_MAX
from ledger.facade.opened.desklists import Listed, desk_of
from ledger.facade.peering.between import in_conflict
from stations.papers.sheets import Sheet
from stations.web.cases import drafting
from stations.web.lists import SHEET_ROWS, lines_max, send_workbook, sheet_of, wants_workbook
from stations.web.render import message_of, render, render_part
from stations.web.rows import Line, lines_of
from stations.web.safety import read_safety
from stations.web.scope import Scope, sees_cases
from stations.web.visit import Visit

PART_MAX = 50
"""Lines under one heading: a page that is opened all day stays light; the list of all cases has the rest."""
ADJUDICATING = frozenset(("head", "supervisor"))
"""Who may settle a conflict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One heading of the page with its lines; ``count`` is how many there are altogether."""

    name: str
    lines: Sequence[Line]
    count: int


async def today(visit: Visit) -> web.Response:
    """Show what lies on the desk of the station; as Excel everything that does, a sheet for each heading."""
    now_ms = visit.now_ms()
    if wants_workbook(visit):
        return await _workbook(visit, now_ms)
    limit = lines_max(visit, PART_MAX)

    def work(ledger: Ledger) -> list[Part]:
        return [
            Part(name=name, lines=lines_of(visit, ledger, found.rows), count=found.total)
            for name, found in _desk(visit, ledger, now_ms, limit)
        ]

    parts = await visit.read(work)
    waiting = await drafting.waiting(visit)
    return await render(visit, "today.html", parts=parts, waiting=waiting, most=limit, now_ms=now_ms)


def _desk(visit: Visit, ledger: Ledger, now_ms: int, limit: int) -> list[tuple[str, Listed]]:
    """Return the headings of the page, each with its first lines; none where cases are nobody's work."""
    if not sees_cases(visit.person):
        return []
    name, torn = _torn(visit, ledger, now_ms)
    apart = {row.case_id for row in torn}
    desk = desk_of(ledger, station=visit.station, now_ms=now_ms, apart=apart, limit=limit)
    with ledger.reading() as (tx, parts_of):
        shown = parts_of.reader.named(tx, torn[:limit])
    return [(name, Listed(shown, len(torn))), *desk.items()]


async def _workbook(visit: Visit, now_ms: int) -> web.Response:
    def work(ledger: Ledger) -> list[Sheet]:
        return [
            sheet_of(visit, ledger, found.rows, name=visit.say(f"web.part_{name}"))
            for name, found in _desk(visit, ledger, now_ms, SHEET_ROWS)
            if found.rows
        ] or [sheet_of(visit, ledger, (), name=visit.say("web.nav_today"))]

    name = f"{visit.say('web.nav_today')} {local_date(now_ms).isoformat()}"
    return await send_workbook(visit, name, await visit.read(work))


async def day_clear(visit: Visit) -> web.Response:
    """Show the day-clear list (日清) of today."""
    now_ms = visit.now_ms()
    parts = await visit.read(lambda ledger: cleared(visit, ledger, now_ms))
    return await render(visit, "dayclear.html", parts=parts, day=local_date(now_ms), now_ms=now_ms)


def cleared(visit: Visit, ledger: Ledger, now_ms: int) -> list[Part]:
    """Return the parts of the day-clear list of the station acted for."""
    day = ledger.day_clear(visit.station, local_date(now_ms), now_ms=now_ms)
    names = (
        "received", "returned", "not_accepted", "overdue", "at_risk", "pending", "offered",
        "awaiting_collection", "moved_earlier",
    )  # fmt: skip
    parts = [(name, lines_of(visit, ledger, getattr(day, name))) for name in names]
    return [Part(name=name, lines=lines, count=len(lines)) for name, lines in parts]


async def find(visit: Visit) -> web.Response:
    """Answer where a case stands, by number, name, initials, tail of a number, or item."""
    text = visit.request.query.get("q", "").strip()
    now_ms = visit.now_ms()

    if wants_workbook(visit):

        def sheet(ledger: Ledger) -> Sheet:
            rows = _found(visit, ledger, text, now_ms, limit=None)
            return sheet_of(visit, ledger, rows, name=visit.say("web.find_title"))

        name = f"{visit.say('web.find_title')} {local_date(now_ms).isoformat()}"
        return await send_workbook(visit, name, [await visit.read(sheet)])
    most = lines_max(visit, FIND_MAX)

    def work(ledger: Ledger) -> tuple[Sequence[Line], bool, int]:
        # One more than is shown tells that there are more.
        rows = _found(visit, ledger, text, now_ms, limit=most + 1)
        return lines_of(visit, ledger, rows[:most]), len(rows) > most, known_at(ledger)

    lines, more, known_at_ms = await visit.read(work)
    misread = InputError("number.check") if not lines and is_misread(text) else None
    values = {
        "lines": lines, "more": more, "q": text, "known_at_ms": known_at_ms, "now_ms": now_ms,
        "message": None if misread is None else message_of(visit.say, misread),
    }  # fmt: skip
    if "HX-Request" in visit.request.headers:
        return render_part(visit, "found.html", **values)
    return await render(visit, "find.html", **values)


def found(visit: Visit, ledger: Ledger, text: str, now_ms: int) -> list[CaseRow]:
    """Return the cases that a text may mean and that are open to the person."""
    return _found(visit, ledger, text, now_ms, limit=FIND_MAX)


def _found(visit: Visit, ledger: Ledger, text: str, now_ms: int, *, limit: int | None) -> list[CaseRow]:
    """Return the cases that a text may mean and that are open to the person; only these count."""
    if not text or not sees_cases(visit.person):
        return []
    scope = Scope(ledger.knowledge.registry, visit.person)
    return ledger.find(text, now_ms=now_ms, limit=limit, among=scope.station)


def known_at(ledger: Ledger) -> int:
    """Return when the station above was last heard: what is shown of its cases is as of then; 0 for never."""
    station = ledger.main_station
    return 0 if station is None else read_safety(ledger, station).heard_at_ms


def _torn(visit: Visit, ledger: Ledger, now_ms: int) -> tuple[str, Sequence[CaseRow]]:
    """Return the cases in conflict: those that the person may settle, or those held here that wait for it."""
    registry, person = ledger.knowledge.registry, visit.person
    rows = in_conflict(ledger, now_ms=now_ms)
    if person.roles_at(registry, visit.station) & ADJUDICATING:
        scope = Scope(registry, person)
        return "adjudicate", [row for row in rows if scope.row(row)]
    return "conflict", [row for row in rows if row.custodian == visit.station]
