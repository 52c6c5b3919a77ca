"""Lists from Excel on pages: sent, tried, shown with every fault and difference, confirmed, signed."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from aiohttp import web

from ledger.errors import BanjianError, InputError
from ledger.facade import Ledger
from ledger.formats.keys import Signer
from ledger.types import KeyId
from stations.imports.requests import REQUEST_BYTES_MAX, FoundRequest, read_requests
from stations.imports.work import (
    KINDS,
    Aims,
    ListKind,
    ReadList,
    Step,
    Work,
    empty_pages,
    faults_of,
    held_pages,
    plan_list,
    read_list,
    steps,
)
from stations.papers.sheets import Sheet
from stations.sheetin.book import FILE_BYTES_MAX, open_book
from stations.sheetin.faults import Fault, Faults, Place
from stations.sheetin.template import write_template
from stations.texts import Say
from stations.web.answers import status_of
from stations.web.jobs import SIGNED, Job, as_confirmed, jobs_of, require_unlocked
from stations.web.lists import XLSX, lines_max, send_workbook, wants_workbook
from stations.web.office.desk import (
    Noting,
    answered,
    at_county,
    download,
    kept_of,
    new_word,
    once,
    registrar_page,
    require_county,
    sent_file,
    sent_files,
)
from stations.web.render import message_of, render
from stations.web.visit import Upload, Visit, first, form_of, see_other
from stations.words.differences import difference_object, fault_words
from stations.words.naming import Names

AT_ONCE_MAX = 20
"""Up to so many acts are signed while the browser waits."""
FAULTS_SHOWN_MAX = 500
WHERE = {"items": "/catalogue", "stations": "/stations", "staff": "/people"}
FAULT_HEADINGS = ("sheet", "row", "column", "value", "wrong", "cure")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A list that was sent and waits to be confirmed.

    Attributes:
        file: its name.
        requests: key requests that came with it, by staff number.
        faults: what was wrong with those.
        replace: whether items that it does not have are withdrawn.
    """

    file: str
    read: ReadList
    requests: Mapping[str, FoundRequest] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    replace: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultLine:
    """A fault as people read it: where, what stands there, what is wrong, the cure."""

    sheet: str
    row: str
    column: str
    value: str
    wrong: str
    cure: str


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages of imports."""
    router.add_get("/import/{kind}", registrar_page(show))
    router.add_post("/import/{kind}", registrar_page(send))
    router.add_get("/import/{kind}/template", registrar_page(template))
    router.add_get("/import/{kind}/{word}", registrar_page(look))
    router.add_post("/import/{kind}/{word}", registrar_page(confirm))


async def show(visit: Visit) -> web.Response:
    """Show where to send a list, and its templates."""
    return await _form(visit, None)


async def send(visit: Visit) -> web.StreamResponse:
    """Read a list that was sent; nothing is signed yet."""
    kind = _kind(visit)
    try:
        sent = await sent_file(visit, "list", limit=FILE_BYTES_MAX)
        requests = await sent_files(visit, "requests", limit=REQUEST_BYTES_MAX) if kind == "staff" else []
        form = await form_of(visit)
        ledger_id = await visit.read(lambda ledger: ledger.ledger_id)

        def read() -> Sending:
            faults = Faults()
            with tempfile.TemporaryDirectory() as folder:
                found = _requests_in(Path(folder), requests)
                return Sending(
                    file=sent.name,
                    read=_read(kind, sent, Path(folder), first(form, "sheet").strip()),
                    requests=read_requests(found, ledger_id, faults),
                    faults=faults,
                    replace=bool(first(form, "replace")),
                )

        sending = await visit.office.access.aside(read)
    except BanjianError as error:
        return await _form(visit, error)
    word = kept_of(visit).keep(visit.person.staff_no, sending)
    return see_other(f"/import/{kind}/{word}")


async def look(visit: Visit) -> web.StreamResponse:
    """Show what the list would change, or everything that is wrong with it; as Excel on demand.

    Raises:
        InputError: ``web.gone``.
    """
    return await _looked(visit, None)


async def confirm(visit: Visit) -> web.StreamResponse:
    """Sign what the list changes: tried anew, since somebody may have written meanwhile."""
    form, kind, word = await form_of(visit), _kind(visit), visit.request.match_info["word"]
    known = await answered(visit, form)
    if known is not None:
        return see_other(known)
    sending = kept_of(visit).get(visit.person.staff_no, word, Sending)

    async def act(noted: Noting) -> str:
        def plan(ledger: Ledger) -> list[Step] | None:
            require_county(ledger)
            planned, faults = _plan(sending, ledger, visit.person.key_id)
            return None if faults.count else steps(planned)

        # Planned anew: somebody may have written since it was shown.
        planned = await noted.write(plan)
        if planned is None:
            return f"/import/{kind}/{word}"
        kept_of(visit).drop(word)
        title = f"{visit.say(f'web.import_{kind}')} {sending.file}"
        # A lock or somebody else's turn in this browser neither stops it nor signs it as somebody else.
        steps_of = partial(_signed, planned, as_confirmed(visit), noted)
        job = jobs_of(visit).start(
            visit, title, back=WHERE[kind], total=len(planned), steps=steps_of, words=SIGNED
        )
        if len(planned) <= AT_ONCE_MAX and job.task is not None:
            await asyncio.wait([job.task])
        if job.state != "done":
            return f"/job/{job.name}"
        visit.tell("web.import_done", count=job.done, file=sending.file)
        return WHERE[kind]

    try:
        return await once(visit, form, act, back=WHERE[kind])
    except BanjianError as error:
        return await _looked(visit, error)


async def template(visit: Visit) -> web.Response:
    """Return a template, empty or filled with what is held."""
    kind, language = _kind(visit), visit.say.language
    pages = empty_pages(kind)
    if "filled" in visit.request.query:
        pages = await visit.read(lambda ledger: held_pages(kind, ledger, language))

    def write() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "template.xlsx"
            write_template(path, pages, language=language)
            return path.read_bytes()

    body = await visit.office.access.aside(write)
    return download(f"{visit.say(f'web.import_{kind}')}.xlsx", body, kind=XLSX)


async def _signed(
    planned: Sequence[Step], visit: Visit, noted: Noting, job: Job
) -> AsyncGenerator[None, None]:
    """Sign one act after the other, each a turn of its own on the ledger's thread."""
    signer = visit.person.signer
    for step in planned:
        await require_unlocked(visit)
        await noted.write(partial(_store, step, signer))
        job.done += 1
        yield
    job.result = visit.say("web.import_signed", count=job.done)


def _store(step: Step, signer: Signer, ledger: Ledger) -> None:
    step(ledger, signer)


def _read(kind: ListKind, sent: Upload, folder: Path, sheet: str) -> ReadList:
    """Read a file that was sent; what is wrong with it names the file as the sender knows it.

    Raises:
        InputError: ``sheet.*``.
    """
    path = folder / "sent.xlsx"
    path.write_bytes(sent.raw)
    try:
        return read_list(kind, open_book(path), sheet=sheet)
    except BanjianError as error:
        params = {**error.params, "path": sent.name} if "path" in error.params else error.params
        raise type(error)(error.code, **params) from error


def _requests_in(folder: Path, sent: list[Upload]) -> Path | None:
    """Put the key requests into a folder of their own, where there are any."""
    if not sent:
        return None
    requests = folder / "requests"
    requests.mkdir()
    for number, one in enumerate(sent):
        # The name is the sender's: only its last part is kept, and no two fall together.
        (requests / f"{number:04d}-{Path(one.name).stem}.request").write_bytes(one.raw)
    return requests


def _plan(sending: Sending, ledger: Ledger, registrar: KeyId) -> tuple[Work, Faults]:
    faults = faults_of(sending.read)
    faults.found += sending.faults.found
    faults.notices += sending.faults.notices
    faults.count += sending.faults.count
    aims = Aims(registrar=registrar, requests=sending.requests, replace=sending.replace)
    return plan_list(sending.read, ledger, aims, faults), faults


async def _form(visit: Visit, error: BanjianError | None) -> web.Response:
    county = await visit.read(at_county)
    response = await render(
        visit,
        "import.html",
        kind=_kind(visit),
        county=county,
        message=error and message_of(visit.say, error),
    )
    response.set_status(200 if error is None else status_of(error))
    return response


async def _looked(visit: Visit, error: BanjianError | None) -> web.StreamResponse:
    kind, word = _kind(visit), visit.request.match_info["word"]
    sending = kept_of(visit).get(visit.person.staff_no, word, Sending)

    def work(ledger: Ledger) -> dict[str, object]:
        planned, faults = _plan(sending, ledger, visit.person.key_id)
        names = Names(visit.say, registry=ledger.knowledge.registry)
        return {
            "count": planned.count,
            "difference": difference_object(visit.say, planned.difference),
            "faults": [fault_line(visit.say, fault) for fault in faults.in_order()],
            "fault_count": faults.count,
            "notices": [fault_line(visit.say, notice) for notice in faults.notices],
            "county": at_county(ledger),
            "message": error and message_of(visit.say, error, names),
        }

    values = await visit.read(work)
    if wants_workbook(visit):
        return await _faults_workbook(visit, sending.file, values)
    response = await render(
        visit,
        "import_look.html",
        **values,
        kind=kind,
        word=word,
        file=sending.file,
        shown_max=lines_max(visit, FAULTS_SHOWN_MAX),
        once=new_word(visit),
    )
    response.set_status(200 if error is None else status_of(error))
    return response


async def _faults_workbook(visit: Visit, file: str, values: Mapping[str, object]) -> web.Response:
    """Send what is wrong with a list as Excel, and on a sheet of its own what is only noted."""
    headings = tuple(visit.say(f"web.fault_{name}") for name in FAULT_HEADINGS)
    sheets = list[Sheet]()
    for key in ("faults", "notices"):
        lines = values[key]
        rows = tuple(
            (line.sheet, line.row, line.column, line.value, line.wrong, line.cure)
            for line in (lines if isinstance(lines, list) else [])
        )
        if rows or not sheets:
            sheets.append(Sheet(name=visit.say(f"web.{key}_title"), headings=headings, rows=rows))
    return await send_workbook(visit, f"{visit.say('web.faults_title')} {Path(file).stem}", sheets)


def fault_line(say: Say, fault: Fault) -> FaultLine:
    """Return a fault as people read it."""
    what, cure = fault_words(
        say, Fault(code=fault.code, place=Place(), value=fault.value, params=fault.params)
    )
    place = fault.place
    column = place.cell.rstrip("0123456789")
    return FaultLine(
        sheet=place.sheet,
        row=str(place.row or ""),
        column=f"{column} {place.heading}".strip(),
        value=fault.value,
        wrong=what,
        cure=cure,
    )


def _kind(visit: Visit) -> ListKind:
    """Return which list a page is about.

    Raises:
        InputError: ``web.no_page``.
    """
    wanted = visit.request.match_info["kind"]
    for kind in KINDS:
        if kind == wanted:
            return kind
    raise InputError("web.no_page", path=wanted[:40])
