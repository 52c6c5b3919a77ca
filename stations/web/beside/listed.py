"""The platform's list: read from Excel, compared, its numbers linked by acts of who reads it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace

from aiohttp import web

from ledger.days.calendar import local_date
from ledger.errors import BanjianError
from ledger.facade import CaseRow, Command, Ledger
from ledger.types import CaseId, Facts
from stations.kept.platformlist import KeptList
from stations.papers.sheets import Sheet
from stations.province.differences import Difference, compare, counts_of
from stations.province.exported import ExportRow, Match, read_export
from stations.province.known import LINK, entered_of
from stations.province.settings import PlatformSettings, load_settings
from stations.web.answers import status_of
from stations.web.beside.cases import (
    Pair,
    is_pending,
    keep_list,
    kept_list,
    matches_of,
    meant_by,
    named,
    numbers_of,
    pairs_of,
    remember_meant,
)
from stations.web.beside.matched import OUTCOMES, in_order, match_lines, sorted_matches
from stations.web.cases.erased import TURN, blank_lists
from stations.web.cases.externals import require_number
from stations.web.jobs import SIGNED, Job, as_confirmed, jobs_of, require_unlocked
from stations.web.lists import lines_max, send_workbook, wants_workbook
from stations.web.render import message_of, render
from stations.web.scope import Scope
from stations.web.visit import Visit, form_of, see_other, upload_of
from stations.words.casenames import value_name
from stations.words.differences import fault_words
from stations.words.rows import item_words, status_name

WHERE = "/platform/list"
SHOWN_MAX = 500
FAULTS_SHOWN_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceLine:
    """One difference in words."""

    kind: str
    case: str
    number: str
    external_no: str
    item: str
    applicant: str
    here: str
    there: str
    received_on: str

    def texts(self, words: str) -> tuple[str, ...]:
        """Return the cells of the line in a workbook, after the kind's words."""
        return (
            words, self.number, self.external_no, self.item, self.applicant, self.here, self.there,
            self.received_on,
        )  # fmt: skip


async def show(visit: Visit) -> web.Response:
    """Show what the list that was last read would link; nothing is signed by looking."""
    if wants_workbook(visit):
        return await _matches_workbook(visit)
    return await _shown(visit, None, (), ())


async def read(visit: Visit) -> web.StreamResponse:
    """Read a list: kept beside the ledger, every fault told by its row. Nothing is signed yet."""
    settings = load_settings(visit.office.home.path)
    try:
        upload = await upload_of(visit, "file")
        aside = visit.office.access.aside
        rows, unread, faults = await aside(lambda: read_export(upload.raw, upload.name, settings))
        matches = await matches_of(visit, rows)
        kept = KeptList(
            at_ms=visit.now_ms(),
            by=visit.person.name,
            file=upload.name,
            rows=[
                match.row
                if match.case is None or match.outcome == "differs"
                else replace(match.row, case=match.case.case_id.hex())
                for match in matches
            ],
            unread=unread,
        ).with_meant(meant_by(matches))
        async with visit.request.app[TURN]:
            await aside(lambda: keep_list(visit, kept))
            await visit.read(lambda ledger: blank_lists(visit.office, ledger))
    except BanjianError as error:
        return await _shown(visit, error, (), ())
    say = visit.say
    return await _shown(
        visit,
        None,
        [fault_words(say, fault) for fault in faults.in_order()[:FAULTS_SHOWN_MAX]],
        [fault_words(say, notice) for notice in faults.notices[:FAULTS_SHOWN_MAX]],
        count=faults.count,
        found=matches,
    )


async def link(visit: Visit) -> web.StreamResponse:
    """Sign one act for each row that has its case: a job, which may be cancelled and gone on with."""
    kept = await visit.office.access.aside(lambda: kept_list(visit))
    if kept is None:
        return see_other(WHERE)
    visit = as_confirmed(visit)
    settings = load_settings(visit.office.home.path)
    found = await matches_of(visit, kept.rows)
    await remember_meant(visit, found)
    compared = set((await form_of(visit)).get("compared", ()))
    matches = [
        match
        for match in found
        if match.outcome == "link" and (not match.contradicting or match.row.external_no in compared)
    ]

    async def steps(job: Job) -> AsyncGenerator[None, None]:
        linked = 0
        for match in matches:
            await require_unlocked(visit)

            def work(ledger: Ledger, match: Match = match) -> int:
                return _link(visit, ledger, match, settings)

            try:
                linked += await visit.office.access.write(work)
            except BanjianError as error:
                message = message_of(visit.say, error)
                which = visit.say("web.row_of", row=match.row.row, no=match.row.external_no)
                job.failed(which, message.what, message.next_step)
            job.done += 1
            yield
        job.result = visit.say("web.linked_count", count=linked)

    job = jobs_of(visit).start(
        visit,
        visit.say("web.linking"),
        back="/platform/differences",
        total=len(matches),
        steps=steps,
        about=f"/platform/link {visit.station}",
        words=SIGNED,
    )
    return see_other(f"/job/{job.name}")


async def differences(visit: Visit) -> web.StreamResponse:
    """Show where the platform and this ledger differ, both ways."""
    settings = load_settings(visit.office.home.path)
    kept = await visit.office.access.aside(lambda: kept_list(visit))
    pairs, numbers = await _with_people(visit, await pairs_of(visit), () if kept is None else kept.rows)
    pending = {pair[0].case_id for pair in pairs if is_pending(pair)}
    found = compare(
        pairs,
        () if kept is None else kept.rows,
        settings,
        unread=() if kept is None else kept.unread,
        should_be_there=lambda row: row.case_id in pending,
        id_numbers=numbers,
    )
    if wants_workbook(visit):
        return await _workbook(visit, found)
    most = lines_max(visit, SHOWN_MAX)
    lines = await _lines(visit, found[:most])
    return await render(
        visit,
        "platform_differences.html",
        settings=settings,
        kept=kept,
        lines=lines,
        counts=counts_of(found),
        count=len(found),
        most=most,
    )


async def _with_people(
    visit: Visit, pairs: Sequence[Pair], rows: Sequence[ExportRow]
) -> tuple[list[Pair], Mapping[CaseId, str]]:
    """Return the pairs, and the numbers of the applicants whom the list names: these are compared."""
    listed = {row.external_no: bool(row.id_no) for row in rows}
    asked = [row for row, known in pairs if known.entered.external_no in listed]
    told = {row.case_id: row for row in await named(visit, asked)}
    numbered = [row for row, known in pairs if listed.get(known.entered.external_no)]
    numbers = await numbers_of(visit, numbered)
    return [(told.get(row.case_id, row), known) for row, known in pairs], numbers


def _link(visit: Visit, ledger: Ledger, match: Match, settings: PlatformSettings) -> int:
    """Sign one link; returns 0 where somebody has linked the case meanwhile."""
    person, row = visit.person, match.row
    if match.case is None:
        return 0
    state, _ = ledger.state(match.case.case_id)
    Scope(ledger.knowledge.registry, person).require(state)
    if entered_of(state).external_no:
        return 0
    told = [
        visit.say(f"web.told_{name}", text=text)
        for name, text in (("state", row.state), ("result", row.result), ("decided", row.decided_on))
        if text
    ]
    personal: Facts | None = {"text": f"{settings.name}：{'，'.join(told)}"} if told else None
    facts: Facts = {
        "external_no": row.external_no,
        "platform": settings.name,
        "entered_on": row.received_on or local_date(ledger.clock.now_ms()).isoformat(),
    }
    require_number(visit, ledger, state, facts, {})
    command = Command(
        action=LINK, station=person.station, case=match.case.case_id, facts=facts, personal=personal
    )
    ledger.perform(command, person.signer)
    return 1


async def _shown(
    visit: Visit,
    error: BanjianError | None,
    faults: Sequence[tuple[str, str]],
    notices: Sequence[tuple[str, str]],
    *,
    count: int = 0,
    found: Sequence[Match] = (),
) -> web.Response:
    settings = load_settings(visit.office.home.path)
    kept = await visit.office.access.aside(lambda: kept_list(visit))
    # What was just found holds, unless something of it has been erased.
    is_found = bool(found) and kept is not None and not any(row.erased for row in kept.rows)
    matches = sorted_matches(found) if is_found else await in_order(visit, kept)
    most = lines_max(visit, SHOWN_MAX)
    response = await render(
        visit,
        "platform_list.html",
        settings=settings,
        kept=kept,
        lines=await match_lines(visit, matches[:most]),
        count=len(matches),
        counts={one: sum(match.outcome == one for match in matches) for one in OUTCOMES},
        differing=sum(match.outcome == "link" and bool(match.contradicting) for match in matches),
        faults=faults,
        fault_count=count,
        notices=notices,
        most=most,
        message=None if error is None else message_of(visit.say, error),
    )
    response.set_status(200 if error is None else status_of(error))
    return response


async def _matches_workbook(visit: Visit) -> web.Response:
    say, kept = visit.say, await visit.office.access.aside(lambda: kept_list(visit))
    columns = (
        "row", "match", "diff_external_no", "list_item", "list_applicant", "diff_there", "diff_number",
        "list_item_here", "list_applicant_here",
    )  # fmt: skip
    rows = [line.texts() for line in await match_lines(visit, await in_order(visit, kept))]
    title = say("web.platform_list")
    sheet = Sheet(name=title, headings=tuple(say(f"web.{name}") for name in columns), rows=tuple(rows))
    return await send_workbook(visit, f"{title} {local_date(visit.now_ms()).isoformat()}", [sheet])


async def _workbook(visit: Visit, found: Sequence[Difference]) -> web.Response:
    say = visit.say
    columns = ("kind", "number", "external_no", "item", "applicant", "here", "there", "received_on")
    sheet = Sheet(
        name=say("web.differences"),
        headings=tuple(say(f"web.diff_{name}") for name in columns),
        rows=tuple(line.texts(say(f"web.diff_kind_{line.kind}")) for line in await _lines(visit, found)),
    )
    return await send_workbook(
        visit, f"{say('web.differences')} {local_date(visit.now_ms()).isoformat()}", [sheet]
    )


async def _lines(visit: Visit, found: Sequence[Difference]) -> list[DifferenceLine]:
    rows = [one.case for one in found if one.case is not None]
    known = {row.case_id: row for row in await named(visit, rows)}

    def work(ledger: Ledger) -> list[DifferenceLine]:
        return [
            _line(visit, ledger, one, None if one.case is None else known[one.case.case_id]) for one in found
        ]

    return await visit.read(work)


def _line(visit: Visit, ledger: Ledger, one: Difference, case: CaseRow | None) -> DifferenceLine:
    row = one.row or ExportRow(row=0, external_no=one.known.entered.external_no if one.known else "")
    here = "" if case is None else status_name(visit.say, ledger, case)
    if one.kind == "result" and one.known is not None:
        here = f"{here} {value_name(visit.say, one.known.result)}"
    there = " ".join(text for text in (row.state, row.result) if text)
    if one.kind == "mismatch" and case is not None:
        here = f"{case.applicant} {item_words(visit.say, ledger, case)}"
        shown = (row.applicant, row.item or row.item_code, row.id_no if one.other_number else "")
        there = " ".join(text for text in shown if text)
    return DifferenceLine(
        kind=one.kind,
        case="" if case is None else case.case_id.hex(),
        number=row.number if case is None else case.number,
        external_no=row.external_no,
        item=(row.item or row.item_code) if case is None else item_words(visit.say, ledger, case),
        applicant=row.applicant if case is None else case.applicant,
        here=here,
        there=there,
        received_on=row.received_on if case is None else local_date(case.opened_at_ms).isoformat(),
    )
