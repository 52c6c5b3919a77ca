"""Rosters on the screen: made from Excel, ticked off or scanned through, seen again after a power cut."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from aiohttp import web

from ledger.errors import AuthorityError, BanjianError, InputError, RuleError
from ledger.facade import Ledger
from ledger.store import schema
from ledger.store.tables import OneOf
from ledger.types import StationId
from stations.kept.rosters import (
    FOLDER,
    TITLE_CHARS_MAX,
    Roster,
    RosterRow,
    keep_roster,
    list_rosters,
    load_roster,
    read_roster,
)
from stations.kept.sealed import SealedFolder
from stations.sheetin.clean import clean
from stations.sheetin.columns import sheet_list
from stations.sheetin.header import UNREAD
from stations.sheetin.template import Page as Template
from stations.sheetin.template import write_template
from stations.web import typed as typing
from stations.web.answers import status_of
from stations.web.cases.erased import TURN, erased_in
from stations.web.cases.items import item_of, received_here
from stations.web.jobs import jobs_of
from stations.web.lists import XLSX
from stations.web.render import message_of, render, render_text
from stations.web.scope import Scope
from stations.web.visit import Visit, first, form_of, see_other, upload_of
from stations.words.differences import fault_words

FAULTS_SHOWN_MAX = 100
"""So many faults stand on the page at once; the others are folded up below them."""
PASSED_SHOWN_MAX = 5
SHOWN = "shown"
"""Field that names each row which the page showed as ticked."""
FILLED = "number-"
"""Beginning of the fields that bring numbers of rows without one."""
T = TypeVar("T")


async def list_all(visit: Visit) -> web.Response:
    """Show the rosters of the station, and how a new one begins."""
    return await _listed(visit, None, (), {})


async def make(visit: Visit) -> web.StreamResponse:
    """Make a roster of a workbook; with a single fault nothing is made, and all faults are told."""
    form = await form_of(visit)
    code, title = first(form, "item"), clean(first(form, "title"))[:TITLE_CHARS_MAX]
    try:
        upload = await upload_of(visit, "file")
        item = await visit.read(lambda ledger: item_of(ledger, code))
        rows, faults = await visit.office.access.aside(lambda: read_roster(upload.raw, upload.name))
    except BanjianError as error:
        return await _listed(visit, error, (), form)
    if faults.count:
        told = [fault_words(visit.say, fault) for fault in faults.in_order()]
        return await _listed(visit, InputError("roster.faults", count=faults.count), told, form, faults.count)
    roster = Roster(
        name=visit.office.randomness(8).hex(),
        station=visit.station,
        item=item.base_code,
        title=title or clean(upload.name.rpartition(".")[0] or upload.name),
        by=visit.person.name,
        made_at_ms=visit.now_ms(),
        rows=rows,
    )
    await visit.office.access.aside(lambda: keep_roster(folder_of(visit), roster))
    bare = sum(not row.id_no for row in rows)
    passed = [f"{one.place.row} {one.value}" for one in faults.notices if one.code == "row.note"]
    sheets = "、".join(one.place.sheet for one in faults.notices if one.code in UNREAD)
    if bare or passed or sheets:
        shown = "、".join(passed[:PASSED_SHOWN_MAX])
        key = "web.roster_told_passed" if passed else "web.roster_told"
        key = "web.roster_told_sheets" if sheets else key
        visit.tell(key, total=len(rows), count=bare, passed=len(passed), rows=shown, sheets=sheets)
    return see_other(f"/roster/{roster.name}")


async def template(visit: Visit) -> web.Response:
    """Send an empty list to be filled in, with the columns explained."""
    wanted = sheet_list("roster")

    def write() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "roster.xlsx"
            write_template(path, [Template(sheet_list=wanted)], language=visit.say.language)
            return path.read_bytes()

    body = await visit.office.access.aside(write)
    name = quote(f"{visit.say.pick(wanted.title)}.xlsx")
    return web.Response(
        body=body, content_type=XLSX, headers={"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    )


async def show(visit: Visit) -> web.Response:
    """Show a roster to tick off."""
    roster = await roster_of(visit)
    received = await received_rows(visit, roster)
    item = await visit.read(lambda ledger: item_of(ledger, roster.item))
    return await render(
        visit,
        "roster.html",
        roster=roster,
        received=received,
        ready=[row for row in roster.rows if row.here and row.no not in received],
        item=visit.say.pick(item.name),
        job=jobs_of(visit).running(f"/roster/{roster.name}"),
    )


async def tick(visit: Visit) -> web.StreamResponse:
    """Tick one person off: by a scanned number or a typed name, or by the row; answers at once.

    A number that comes for a row that has none is written into it.
    """
    form = await form_of(visit)
    text, row_no, on = first(form, "scan"), first(form, "row"), first(form, "on") != "0"
    number = first(form, "number").strip()
    quick = "X-Banjian-Quick" in visit.request.headers
    error: BanjianError | None = None
    row: RosterRow | None = None
    key = "web.ticked"

    def change(roster: Roster) -> RosterRow:
        nonlocal key
        found = roster.find(text) if text.strip() else roster.row(_number(row_no))
        if number:
            roster.fill(found, number)
            key = "web.ticked_filled"
        elif found.here and on:
            # Somebody who queues twice is told so; a gun that reads twice does no harm.
            key = "web.ticked_before"
        elif on and not found.id_no:
            key = "web.ticked_unnumbered"
        roster.came(found, here=on)
        return found

    try:
        roster, row = await changed(visit, change)
    except BanjianError as refused:
        error = refused
        roster = await roster_of(visit)
    if not quick:
        if error is not None:
            raise error
        return see_other(f"/roster/{roster.name}")
    received = await received_rows(visit, roster)
    message = None if error is None else message_of(visit.say, error)
    say = visit.say
    told = f"{message.what} {message.next_step}" if message else ""
    return web.json_response(
        {
            "good": error is None,
            "row": "" if row is None else f"row-{row.no}",
            "number": row is not None and row.here and not row.id_no,
            "html": ""
            if row is None
            else render_text(visit, "roster_row.html", row=row, received=received, roster=roster),
            "told": told or (say(key, name=row.name, no=row.no, number=row.id_no) if row is not None else ""),
            "counts": counts_words(visit, roster, received),
        }
    )


async def ticks(visit: Visit) -> web.StreamResponse:
    """Keep what was ticked and unticked on the page: what works without script.

    Boxes say what the page showed when it was made; others have ticked meanwhile. Only what differs from what
    was shown is somebody's word.
    """
    form = await form_of(visit)
    wanted, shown = ({_number(text) for text in form.get(name, ())} for name in ("here", SHOWN))
    numbers = {
        _number(name.removeprefix(FILLED)): number
        for name in form
        if name.startswith(FILLED) and (number := first(form, name).strip())
    }

    def change(roster: Roster) -> None:
        for no in sorted((wanted - shown) | numbers.keys()):
            roster.came(roster.row(no), here=True)
        for no in sorted(shown - wanted - numbers.keys()):
            row = roster.row(no)
            roster.came(row, here=bool(row.case))
        for no, number in numbers.items():
            roster.fill(roster.row(no), number)

    roster, _ = await changed(visit, change)
    return see_other(f"/roster/{roster.name}" + ("/sign" if first(form, "go") else ""))


async def drop(visit: Visit) -> web.StreamResponse:
    """Throw a roster away; what was received stays in the ledger.

    Raises:
        RuleError: ``web.job_busy`` while its people are being received.
    """
    roster = await roster_of(visit)
    async with visit.request.app[TURN]:
        if jobs_of(visit).running(f"/roster/{roster.name}") is not None:
            raise RuleError("web.job_busy")
        await visit.office.access.aside(lambda: folder_of(visit).drop(roster.name))
    await typing.forget_below(visit, f"/roster/{roster.name}")
    visit.tell("web.roster_dropped", title=roster.title)
    return see_other("/rosters")


async def roster_of(visit: Visit) -> Roster:
    """Return the roster that the address names.

    Raises:
        InputError: ``roster.none``.
        AuthorityError: ``web.scope`` for a station where the person does not work.
        RuleError: ``roster.other_station`` while the person acts for another one than the list is of: what
            a button says is signed for would not be what is signed.
    """
    name = visit.request.match_info["roster"]
    roster = await visit.office.access.aside(lambda: load_roster(folder_of(visit), name))
    if roster.station not in visit.person.stations:
        raise AuthorityError("web.scope")
    if roster.station != visit.station:
        place = visit.office.thread.registry().station(StationId(roster.station))
        raise RuleError("roster.other_station", place=roster.station if place is None else place.name)
    roster.blank(await visit.read(lambda ledger: erased_in(ledger, roster)))
    return roster


async def changed(visit: Visit, change: Callable[[Roster], T]) -> tuple[Roster, T]:
    """Change a roster and keep it; returns it with what the change returned."""
    async with visit.request.app[TURN]:
        roster = await roster_of(visit)
        value = change(roster)
        await visit.office.access.aside(lambda: keep_roster(folder_of(visit), roster))
    return roster, value


async def received_rows(visit: Visit, roster: Roster) -> frozenset[int]:
    """Return the numbers of the rows whose receipt is in the ledger."""
    return await visit.read(lambda ledger: _received(ledger, roster.rows))


def counts_words(visit: Visit, roster: Roster, received: frozenset[int]) -> str:
    """Return how far a roster is, in words."""
    here = sum(row.here or row.no in received for row in roster.rows)
    return visit.say(
        "web.roster_counts",
        total=len(roster.rows),
        here=here,
        received=len(received),
        missing=len(roster.rows) - here,
    )


def folder_of(visit: Visit) -> SealedFolder:
    """Return where rosters are kept."""
    return SealedFolder(visit.office.home, FOLDER, visit.office.randomness)


def is_held(ledger: Ledger, case: str) -> bool:
    """Tell whether the ledger holds a case by its id in hexadecimal digits."""
    return bool(case) and bool(_held(ledger, [case]))


def _received(ledger: Ledger, rows: Iterable[RosterRow]) -> frozenset[int]:
    by_case = {row.case: row.no for row in rows if row.case}
    return frozenset(by_case[case] for case in _held(ledger, list(by_case)))


def _held(ledger: Ledger, cases: Sequence[str]) -> set[str]:
    if not cases:
        return set()
    asked = tuple(bytes.fromhex(case) for case in cases)
    with ledger.reading() as (tx, _):
        found = {row[0] for row in tx.select(schema.ACTS, {"case_id": OneOf(asked)})}
    return {case.hex() for case in found if isinstance(case, bytes)}


async def _listed(
    visit: Visit,
    error: BanjianError | None,
    faults: Sequence[tuple[str, str]],
    given: Mapping[str, list[str]],
    fault_count: int = 0,
) -> web.Response:
    person = visit.person

    def work(ledger: Ledger) -> list[tuple[str, str]]:
        scope = Scope(ledger.knowledge.registry, person)
        if not scope.station(person.station):
            return []
        return [(item.base_code, visit.say.pick(item.name)) for item in received_here(ledger, person.station)]

    rosters = await visit.office.access.aside(lambda: list_rosters(folder_of(visit)))
    mine = [roster for roster in rosters if roster.station == visit.station]
    response = await render(
        visit,
        "rosters.html",
        rosters=[
            (roster, counts_words(visit, roster, await received_rows(visit, roster))) for roster in mine
        ],
        items=await visit.read(work),
        faults=faults[:FAULTS_SHOWN_MAX],
        more_faults=faults[FAULTS_SHOWN_MAX:],
        fault_count=fault_count,
        given={name: first(given, name) for name in ("item", "title")},
        message=None if error is None else message_of(visit.say, error),
    )
    response.set_status(200 if error is None else status_of(error))
    return response


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 6:
        raise InputError("web.number", field="row", value=text[:40])
    return int(text)
