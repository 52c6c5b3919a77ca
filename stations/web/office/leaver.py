"""Who leaves hands over: the open cases that somebody received, acted on, or acted on last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from ledger.errors import InputError
from ledger.facade import CaseRow, Ledger
from ledger.facade.opened.desklists import signed_by
from stations.papers.sheets import Sheet
from stations.web.keyholders import keys_of
from stations.web.lists import send_workbook
from stations.web.office.desk import role_page
from stations.web.office.peoplelines import PersonLine, former_lines, person_lines
from stations.web.render import render
from stations.web.rows import Line, lines_of
from stations.web.scope import Scope, sees_cases
from stations.web.visit import Visit
from stations.words.casenames import action_name
from stations.words.moments import show_moment
from stations.words.rows import HEADINGS, row_texts

ROLES = ("registrar", "head", "supervisor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """An open case and what somebody has to do with it.

    Attributes:
        last: acted on it last: it lies with nobody else.
        received: opened it.
        action: name of what she did to it last.
        at_ms: when.
    """

    row: CaseRow
    last: bool
    received: bool
    action: str
    at_ms: int


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the page of who leaves."""
    router.add_get("/leaver", role_page(show, ROLES))


async def show(visit: Visit) -> web.StreamResponse:
    """Show the open cases of one person, those she acted on last first; as Excel on demand.

    Raises:
        InputError: ``staff.unknown``.
    """
    no, now_ms = visit.request.query.get("no", ""), visit.now_ms()

    def people(ledger: Ledger) -> list[PersonLine]:
        registry = ledger.knowledge.registry
        scope = Scope(registry, visit.person)
        # Whoever has left already is asked for as well: that is when cases lie about.
        lines = (*person_lines(visit.say, registry), *former_lines(visit.say, registry))
        return [line for line in lines if scope.station(line.station)]

    known = await visit.read(people)
    if not no:
        return await render(visit, "leaver.html", choices=known, no="", chosen=None, left=[])
    chosen = next((line for line in known if line.no == no), None)
    if chosen is None:
        raise InputError("staff.unknown", no=no[:40])
    if visit.request.query.get("format") == "xlsx":
        return await _workbook(visit, chosen, now_ms)

    def work(ledger: Ledger) -> list[tuple[Left, Line]]:
        found = left_by(visit, ledger, no, now_ms)
        return list(zip(found, lines_of(visit, ledger, [one.row for one in found]), strict=True))

    return await render(
        visit, "leaver.html", choices=known, no=no, chosen=chosen, left=await visit.read(work)
    )


def left_by(visit: Visit, ledger: Ledger, no: str, now_ms: int) -> list[Left]:
    """Return the open cases within the asking person's scope that somebody had a hand in."""
    registry = ledger.knowledge.registry
    scope, keys = Scope(registry, visit.person), keys_of(ledger, no)
    rows = [row for row in ledger.worklist(now_ms=now_ms) if row.open and scope.within(row)]
    found = []
    for row in signed_by(ledger, rows, keys):
        state, rules = ledger.state(row.case_id)
        mine = [step for step in state.steps if step.act.actor in keys]
        if mine:
            found.append(
                Left(
                    # Who ends the key has to know what lies about, though not of whom it is.
                    row=row if sees_cases(visit.person) else row._replace(applicant=""),
                    last=state.steps[-1].act.actor in keys,
                    received=state.steps[0].act.actor in keys,
                    action=action_name(visit.say, rules.case_type, mine[-1].action),
                    at_ms=mine[-1].act.occurred_at_ms,
                )
            )
    return sorted(found, key=lambda one: (not one.last, not one.received))


async def _workbook(visit: Visit, chosen: PersonLine, now_ms: int) -> web.Response:
    say = visit.say

    def work(ledger: Ledger) -> Sequence[tuple[str, ...]]:
        return [
            (
                *row_texts(say, ledger, one.row),
                say("web.leaver_last") if one.last else "",
                say("web.leaver_received") if one.received else "",
                one.action,
                show_moment(one.at_ms),
            )
            for one in left_by(visit, ledger, chosen.no, now_ms)
        ]

    rows = await visit.read(work)
    headings = (
        *(say(f"head.{name}") for name in HEADINGS),
        say("web.leaver_last"),
        say("web.leaver_received"),
        say("web.leaver_action"),
        say("web.leaver_when"),
    )
    title = say("web.leaver_title")
    sheet = Sheet(name=title, headings=headings, rows=tuple(rows))
    return await send_workbook(visit, f"{title} {chosen.name or chosen.no}", [sheet])
