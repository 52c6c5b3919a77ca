"""Beside the provincial platform: the sheet of cases to be typed in there, and the number that comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from aiohttp import web

from ledger.days.calendar import local_date
from ledger.errors import BanjianError, InputError
from ledger.facade import CaseRow, Ledger, Performed
from ledger.types import CaseId
from stations.papers.sheets import Sheet as WorkSheet
from stations.province.fillin import Sheet, fill, heading_of
from stations.province.known import LINK
from stations.province.settings import PlatformSettings, load_settings
from stations.web import typed as typing
from stations.web.answers import status_of
from stations.web.beside.cases import AT_ONCE, is_pending, kept_list, pairs_of
from stations.web.cases.acting import perform_once
from stations.web.cases.casepage import case_id_of, heads_of
from stations.web.cases.externals import ASKED
from stations.web.cases.signedbefore import said_in, spent_on_another, stored_of
from stations.web.lists import lines_max, send_workbook
from stations.web.render import message_of, render
from stations.web.visit import Visit, first, form_of, own_path, see_other

Form = Mapping[str, Sequence[str]]
NOTHING: Final[Form] = MappingProxyType({})
PAGE_CASES = 20


async def show(visit: Visit) -> web.StreamResponse:
    """Show the cases that are still to be typed into the platform, in the order in which they came."""
    return await _shown(visit, None)


async def enter(visit: Visit) -> web.StreamResponse:
    """Sign that a case was entered in the platform, with its number there."""
    form = await form_of(visit)
    where = own_path(first(form, "next") or "/platform")
    done: list[Performed] = []
    try:
        settings = load_settings(visit.office.home.path)
        case_id = case_id_of(first(form, "case"))
        filled = dict(form)
        filled["f.platform"] = [settings.name]
        filled.setdefault("f.entered_on", [local_date(visit.now_ms()).isoformat()])

        said = said_in(visit, filled)

        def work(ledger: Ledger) -> str:
            if spent := stored_of(visit, ledger, form):
                if spent.said != said:
                    raise spent_on_another(ledger, spent)
                return where
            heads = first(form, "heads")
            done.append(perform_once(visit, ledger, case_id, LINK, filled, heads=heads))
            return where

        await visit.sign_once(first(form, "once"), work, said=said)
    except BanjianError as error:
        return await _shown(visit, error, form)
    for one in done:
        visit.tell("web.entered", no=first(form, "f.external_no").strip(), seq=one.seq)
    return see_other(where)


async def sheets_of(
    visit: Visit, settings: PlatformSettings, rows: Sequence[CaseRow]
) -> list[tuple[Sheet, str]]:
    """Return the sheets of some cases with what their forms remember of each, a few hundred a turn."""
    sheets: list[tuple[Sheet, str]] = []
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]

        def work(ledger: Ledger, part: Sequence[CaseRow] = part) -> list[tuple[Sheet, str]]:
            pages = [ledger.case(CaseId(row.case_id), now_ms=visit.now_ms()) for row in part]
            return [(fill(ledger, page, settings), heads_of(page)) for page in pages]

        sheets += await visit.read(work)
    return sheets


async def _shown(visit: Visit, error: BanjianError | None, form: Form = NOTHING) -> web.StreamResponse:
    settings = load_settings(visit.office.home.path)
    pending = [row for row, _ in filter(is_pending, await pairs_of(visit))]
    headings = tuple(heading_of(visit.say, settings, field) for field in settings.fields)
    if visit.request.query.get("format") == "xlsx":
        sheets = await sheets_of(visit, settings, pending)
        name = visit.say("web.fill_in")
        sheet = WorkSheet(name=name, headings=headings, rows=tuple(one.texts for one, _ in sheets))
        return await send_workbook(visit, f"{name} {local_date(visit.now_ms()).isoformat()}", [sheet])
    most = lines_max(visit, PAGE_CASES)
    pages = max(1, -(-len(pending) // most))
    at = min(_whole(visit.request.query.get("page", "1")), pages)
    first_at = (at - 1) * most
    shown = pending[first_at : first_at + most]
    typed = await typing.here(visit, "/platform")
    given = form if form or typed.restored is None else typed.restored.form
    lost = "".join(given.get("case", ()))
    # The sheet that was refused, or is gone on with, stands first with what was typed into it.
    refused = [row for row in pending if row.case_id.hex() == lost]
    shown = [*refused, *(row for row in shown if row not in refused)]
    kept = await visit.office.access.aside(lambda: kept_list(visit))
    person = visit.person

    def work(ledger: Ledger) -> list[bool]:
        pages = [
            ledger.case(
                CaseId(row.case_id), actor_key=person.key_id, station=person.station, now_ms=visit.now_ms()
            )
            for row in shown
        ]
        return [any(one.action == LINK and one.allowed for one in page.permissions) for page in pages]

    response = await render(
        visit,
        "platform.html",
        # A list to be printed has no forms: whether each may be signed is not asked for.
        may=[False] * len(shown) if most > PAGE_CASES else await visit.read(work),
        settings=settings,
        headings=headings,
        sheets=await sheets_of(visit, settings, shown),
        onces=[visit.office.randomness(12).hex() for _ in shown],
        count=len(pending),
        refill={"no": "".join(given.get("f.external_no", ())), "on": "".join(given.get("f.entered_on", ()))},
        kept_here=typed,
        lost_case=lost,
        lost_number="" if refused else "".join(form.get("f.external_no", ()))[:60],
        confirm_number=error is not None and error.code in ASKED,
        page=at,
        pages=pages,
        first_at=first_at,
        whole=most > PAGE_CASES,
        kept=kept,
        today=local_date(visit.now_ms()).isoformat(),
        message=None if error is None else message_of(visit.say, error),
    )
    response.set_status(200 if error is None else status_of(error))
    return response


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 6:
        raise InputError("web.number", field="page", value=text[:40])
    return max(1, int(text))
