"""The JSON API under ``/api/v1``: the same reading, the same rules and the same signatures as the pages.

A program signs in as a browser does and keeps the cookie; every write carries ``X-Banjian-Form``. Nothing
here knows more than the page of the same name: each handler calls what the page calls.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from aiohttp import web

from ledger.cases.judge import ERASE
from ledger.days.calendar import local_date
from ledger.errors import AuthorityError, InputError, StoreError
from ledger.facade import CaseRow, Ledger, Performed
from ledger.store import schema
from ledger.types import ActId, CaseId, LogId
from stations.web.answers import answer
from stations.web.api.body import form_of_act, form_of_receipt, read_body
from stations.web.api.openapi import document
from stations.web.api.shapes import (
    Act,
    Board,
    BoardStation,
    CaseView,
    Conflicts,
    DayClear,
    DayPart,
    Dispute,
    Done,
    Monthly,
    Receipt,
    Rows,
    SafetyLevel,
    SafetyView,
    Session,
)
from stations.web.cases import acting, casepage, receiving, signedbefore
from stations.web.cases.erased import before_erasing, drop_of
from stations.web.overview import county, figures, today
from stations.web.rows import lines_of
from stations.web.safety import read_safety
from stations.web.scope import of_cases
from stations.web.standing import ended
from stations.web.visit import Visit, visit_of

BASE = "/api/v1"
LINES_MAX = 1000
Answering = Callable[[Visit], Awaitable[web.StreamResponse]]


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the API."""
    router.add_get(f"{BASE}/openapi.json", _open(describe))
    router.add_get(f"{BASE}/session", _open(session))
    router.add_get(f"{BASE}/worklist", _signed(of_cases(worklist)))
    router.add_get(f"{BASE}/find", _signed(of_cases(find)))
    router.add_get(f"{BASE}/day-clear", _signed(of_cases(day_clear)))
    router.add_get(f"{BASE}/case/{{case}}", _signed(case))
    router.add_post(f"{BASE}/case/{{case}}/act", _signed(act))
    router.add_post(f"{BASE}/receive", _signed(receive))
    router.add_get(f"{BASE}/safety", _signed(safety))
    router.add_get(f"{BASE}/board", _signed(board))
    router.add_get(f"{BASE}/conflicts", _signed(of_cases(conflicts)))
    router.add_get(f"{BASE}/monthly", _signed(monthly))


def _open(handler: Answering) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await handler(visit_of(request))

    return handle


def _signed(handler: Answering) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        visit = visit_of(request)
        if visit.browser.person is None:
            raise ended(visit.browser) or AuthorityError("web.signed_out")
        return await handler(visit)

    return handle


async def describe(visit: Visit) -> web.Response:
    """Return the description of this API."""
    return answer(document())


async def session(visit: Visit) -> web.Response:
    """Return who acts in this browser, and the word that writes carry."""
    browser, person = visit.browser, visit.browser.person
    return answer(
        Session(
            form=browser.form,
            staff_no="" if person is None else person.staff_no,
            name="" if person is None else person.name,
            station="" if person is None else person.station,
            stations=() if person is None else person.stations,
            roles=() if person is None else sorted(person.roles),
            language=browser.language,
            training=visit.office.training,
        )
    )


async def worklist(visit: Visit) -> web.Response:
    """Return the cases that the station holds or was offered, the most urgent first."""
    query, now_ms, station = visit.request.query, visit.now_ms(), visit.station
    light, closed = query.get("light", ""), query.get("closed", "") in ("1", "true")

    def work(ledger: Ledger) -> Rows:
        rows = ledger.worklist(station=station, now_ms=now_ms, include_closed=closed, names=False)
        return _rows(visit, ledger, [row for row in rows if not light or row.light == light], named=False)

    return answer(await visit.read(work))


async def find(visit: Visit) -> web.Response:
    """Return the cases that a text may mean, as the search field does."""
    text, now_ms = visit.request.query.get("q", "").strip(), visit.now_ms()
    return answer(
        await visit.read(lambda ledger: _rows(visit, ledger, today.found(visit, ledger, text, now_ms)))
    )


async def day_clear(visit: Visit) -> web.Response:
    """Return the day-clear list of today."""
    station, now_ms = visit.station, visit.now_ms()

    def work(ledger: Ledger) -> DayClear:
        parts = [DayPart(name=part.name, lines=part.lines) for part in today.cleared(visit, ledger, now_ms)]
        return DayClear(station=station, day=local_date(now_ms).isoformat(), parts=parts)

    return answer(await visit.read(work))


async def case(visit: Visit) -> web.Response:
    """Return a case as its page shows it."""
    case_id = casepage.case_of(visit)

    def work(ledger: Ledger) -> CaseView:
        shown = casepage.read_case(visit, ledger, case_id)
        return CaseView(
            case=shown.case,
            line=shown.line,
            status=shown.status,
            result=shown.result,
            outcome=shown.outcome,
            heads=shown.heads,
            clocks=shown.clocks,
            steps=shown.steps,
            may=shown.may,
            may_not=shown.may_not,
            notices=shown.notices,
            conflicts=len(shown.conflicts),
            disputes=[
                Dispute(kept=[one.act for one in kept], contested=[one.act for one in contested])
                for kept, contested in shown.conflicts
            ],
            twins=shown.twins,
        )

    return answer(await visit.read(work))


async def act(visit: Visit) -> web.Response:
    """Sign and store an act on a case."""
    case_id = casepage.case_of(visit)
    body = await read_body(visit.request, Act)

    once = _word(visit, body.once)
    # What is done is said as well: the word of a note is none for a withdrawal.
    form = {**form_of_act(body), "action": [body.action], "once": [once]}
    said = signedbefore.said_in(visit, form)

    def work(ledger: Ledger) -> str:
        if (told := _told_before(visit, ledger, once, said)) is not None:
            return told
        done = acting.perform_once(visit, ledger, case_id, body.action, form, heads=body.heads, strict=True)
        return _told(done, "", reason=_reason(visit, ledger, done))

    if body.action == ERASE:
        await before_erasing(visit, case_id)
    answered = await _once(visit, once, work, said=said)
    if body.action == ERASE:
        await drop_of(visit, case_id)
    return answered


async def receive(visit: Visit) -> web.Response:
    """Sign and store a receipt."""
    body = await read_body(visit.request, Receipt)

    once = _word(visit, body.once)
    form = {**form_of_receipt(body), "item": [body.item], "once": [once]}
    said = signedbefore.said_in(visit, form)

    def work(ledger: Ledger) -> str:
        if (told := _told_before(visit, ledger, once, said)) is not None:
            return told
        done, note = receiving.receive_once(
            visit, ledger, body.item, form, noted=signedbefore.noting(visit, form), strict=True
        )
        visit.browser.slips[done.case_id.hex()] = (done.token, note)
        return _told(done, note)

    return await _once(visit, once, work, said=said)


async def safety(visit: Visit) -> web.Response:
    """Return what is safe where."""

    def work(ledger: Ledger) -> SafetyView:
        found = read_safety(ledger, visit.station)
        levels = [
            SafetyLevel(
                station=one.station,
                level=one.level,
                confirmed=one.confirmed,
                waiting=one.waiting,
                oldest_ms=one.oldest_ms,
                attachments=one.attachments,
            )
            for one in found.levels
        ]
        return SafetyView(
            entries=found.entries,
            levels=levels,
            heard_at_ms=found.heard_at_ms,
            failure=found.failure,
            since_ms=found.since_ms,
            findings=found.findings,
            grade=found.grade,
        )

    return answer(await visit.read(work))


async def board(visit: Visit) -> web.Response:
    """Return every station below."""
    now_ms = visit.now_ms()
    lines = await visit.read(lambda ledger: county.board_lines(visit, ledger, now_ms))
    return answer(Board(stations=[_board_station(line) for line in lines]))


def _board_station(line: county.StationLine) -> BoardStation:
    known = line.line
    return BoardStation(
        station=known.station,
        name=known.name,
        level=known.level,
        is_open=known.is_open,
        own=line.own,
        grade=line.grade,
        entries=known.entries,
        complete_at_ms=known.complete_at_ms,
        heard_at_ms=known.heard_at_ms,
        waiting=known.waiting,
        oldest_ms=known.oldest_ms,
        attachments=known.attachments,
        silent_days=line.silent_days,
        clock_off_ms=known.clock_off_ms,
        forked=known.forked,
        skipped=known.skipped,
        without_effect=known.without_effect,
        stranded=known.stranded,
    )


async def conflicts(visit: Visit) -> web.Response:
    """Return the cases in conflict, the twins, and the cases that bear one number."""
    now_ms = visit.now_ms()
    lines, pairs, same = await visit.read(lambda ledger: county.conflict_lines(visit, ledger, now_ms))
    return answer(
        Conflicts(
            lines=lines,
            pairs=pairs,
            repeated=[one.lines for one in same],
            repeated_more=[one.more for one in same],
        )
    )


async def monthly(visit: Visit) -> web.Response:
    """Return figures by month, station and item."""
    found = await figures.read_monthly(visit)
    return answer(
        Monthly(
            since=found.since.isoformat(),
            until=found.until.isoformat(),
            headings=found.headings,
            rows=found.rows,
            mistimed=found.mistimed,
            complete_at_ms=found.complete_at_ms,
            lacking=found.lacking,
        )
    )


def _rows(visit: Visit, ledger: Ledger, rows: Sequence[CaseRow], *, named: bool = True) -> Rows:
    query = visit.request.query.get("limit", "")
    if query and not (query.isascii() and query.isdecimal() and len(query) < 6):
        raise InputError("web.number", field="limit", value=query[:40])
    limit = min(LINES_MAX, int(query or LINES_MAX))
    shown = rows[:limit]
    if not named:
        with ledger.reading() as (tx, parts):
            shown = parts.reader.named(tx, shown)
    return Rows(lines=lines_of(visit, ledger, shown), count=len(rows), known_at_ms=today.known_at(ledger))


async def _once(visit: Visit, once: str, work: Callable[[Ledger], str], *, said: str) -> web.Response:
    """Answer a write; the same one-time word gets the same answer, where it says the same."""
    text = await visit.sign_once(once, work, said=said)
    return web.Response(text=text, content_type="application/json", charset="utf-8")


def _word(visit: Visit, once: str) -> str:
    """Return a program's one-time word as one of the pages: it holds for what it was sent to."""
    return f"api {visit.request.path} {once}" if once else ""


def _told_before(visit: Visit, ledger: Ledger, once: str, said: str) -> str | None:
    """Return the answer to a write that is in the ledger already, from before a restart; None else.

    Raises:
        RuleError: ``web.signed_before`` where the word was spent on a write that says something else.
    """
    spent = signedbefore.stored_by(visit, ledger, once)
    if spent is None:
        return None
    if spent.said != said:
        raise signedbefore.spent_on_another(ledger, spent)
    case_id, act_id = CaseId(bytes.fromhex(spent.case)), bytes.fromhex(spent.act)
    with ledger.reading() as (tx, _):
        row = tx.get(schema.ACTS, (case_id, act_id))
    if row is None:
        return None
    log_id, seq = LogId(bytes.fromhex(str(row[2]))), int(str(row[3]))
    number = ledger.state(case_id)[0].number if spent.token else ""
    done = Performed(
        act_id=ActId(act_id), case_id=case_id, log_id=log_id, seq=seq, number=number, token=spent.token
    )
    note = ""
    if spent.token:
        with suppress(StoreError):
            note = ledger.checkpoint(log_id)
        visit.browser.slips[spent.case] = (spent.token, note)
    return _told(done, note, reason=_reason(visit, ledger, done))


def _reason(visit: Visit, ledger: Ledger, done: Performed) -> str:
    kept = ledger.case(done.case_id, now_ms=visit.now_ms()).kept_only(done.act_id)
    return "" if kept is None else kept.reason


def _told(done: Performed, note: str, *, reason: str = "") -> str:
    made = Done(
        act=done.act_id.hex(),
        case=done.case_id.hex(),
        number=done.number,
        seq=done.seq,
        token=done.token,
        checkpoint=note,
        reason=reason,
    )
    return json.dumps({name: getattr(made, name) for name in Done.__slots__}, ensure_ascii=False)
