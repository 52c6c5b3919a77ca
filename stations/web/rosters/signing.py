"""One confirmation over a roster: one signed receipt for each person who came, row after row."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace

from aiohttp import web

from ledger.errors import BanjianError, RuleError
from ledger.facade import Command, Ledger
from ledger.facade.cases.deskrules import require_day
from ledger.formats.act import CASE_ID_BYTES, act_id
from ledger.identity import plain_number
from ledger.types import Facts, StationId
from stations.kept.rosters import Roster, RosterRow, keep_roster
from stations.sheetin.values import id_kind
from stations.web import typed as typing
from stations.web.answers import status_of
from stations.web.browsers import Person
from stations.web.cases.acting import claimed_ms
from stations.web.cases.erased import TURN
from stations.web.cases.factforms import fields_of, read_form
from stations.web.cases.items import item_of
from stations.web.cases.receiving import RECEIVE, applies, opening_spec, opening_surroundings
from stations.web.jobs import SIGNED, Job, as_confirmed, jobs_of, require_unlocked
from stations.web.render import message_of, render
from stations.web.rosters.lists import changed, folder_of, is_held, received_rows, roster_of
from stations.web.scope import Scope
from stations.web.visit import Visit, first, form_of, see_other
from stations.words.naming import Names

NOT_FOR_ALL = frozenset(("number", "token_hash", "external_no", "paper"))
"""Fields that are each person's own."""
Form = Mapping[str, Sequence[str]]


async def show(visit: Visit) -> web.Response:
    """Show what is said once for everybody, and who will be received."""
    return await _shown(visit, visit.unsigned_here() or None, None)


async def sign(visit: Visit) -> web.StreamResponse:
    """Start receiving; what was received before is left alone."""
    form = await form_of(visit)
    roster = await roster_of(visit)
    where = f"/roster/{roster.name}"
    if jobs_of(visit).running(where) is not None:
        return see_other(where)
    try:
        await visit.read(lambda ledger: _try_first(ledger, roster, form))
    except BanjianError as error:
        return await _shown(visit, form, error)

    def remember(roster: Roster) -> None:
        roster.form = {
            name: list(texts) for name, texts in form.items() if name.startswith("f.") or name == "at"
        }

    roster, _ = await changed(visit, remember)
    received = await received_rows(visit, roster)
    ready = [row.no for row in roster.rows if row.here and row.no not in received]
    skip, confirmed = bool(first(form, "skip")), as_confirmed(visit)
    job = jobs_of(visit).start(
        visit,
        visit.say("web.roster_job", title=roster.title),
        back=where,
        total=len(ready),
        steps=lambda job: _steps(confirmed, job, ready, form, skip=skip),
        words=SIGNED,
    )
    return see_other(f"/job/{job.name}")


async def _steps(
    visit: Visit, job: Job, ready: Sequence[int], form: Form, *, skip: bool
) -> AsyncGenerator[None, None]:
    person, done = visit.person, 0
    try:
        for no in ready:
            await require_unlocked(visit)
            try:
                done += await _receive_one(visit, person, no, form, skip=skip)
            except BanjianError as error:
                roster = await roster_of(visit)
                message = message_of(visit.say, error)
                which = visit.say("web.roster_row_of", no=no, name=roster.row(no).name)
                job.failed(which, message.what, message.next_step)
            job.done += 1
            yield
        job.result = visit.say("web.roster_done", count=done)
    finally:
        if done:
            await _sign_head(visit)


async def _receive_one(visit: Visit, person: Person, no: int, form: Form, *, skip: bool) -> int:
    """Receive one row, unless it was received already; returns how many receipts were signed."""
    async with visit.request.app[TURN]:
        roster = await roster_of(visit)
        row = roster.row(no)
        if not row.here:
            # Somebody took the tick back after the job was confirmed.
            raise RuleError("roster.unticked")
        if skip:
            await visit.read(lambda ledger: _require_no_twin(visit, ledger, roster, row))
        return await visit.office.access.write(
            lambda ledger: _sign_one(visit, person, ledger, roster, row, form)
        )


def _sign_one(
    visit: Visit, person: Person, ledger: Ledger, roster: Roster, row: RosterRow, form: Form
) -> int:
    """Sign, remember which case that makes, then store: whatever fails in between doubles nothing."""
    if is_held(ledger, row.case):
        return 0
    station = StationId(roster.station)
    if ledger.parts.station_log(station) is None:
        ledger.open_station_log(station, person.signer)
    signed = ledger.prepare(_command(ledger, roster, row, form), person.signer)
    row.case = act_id(signed.raw)[:CASE_ID_BYTES].hex()
    row.number, row.token = signed.number, signed.token
    keep_roster(folder_of(visit), roster)
    ledger.submit(signed, station)
    return 1


def _try_first(ledger: Ledger, roster: Roster, form: Form) -> None:
    """Refuse before the first receipt what would be refused for every row.

    Raises:
        BanjianError: as ``_command``; ``log.not_below`` for a station whose records nobody would pass on.
    """
    ledger.parts.require_below(StationId(roster.station))
    _command(ledger, roster, roster.rows[0], form)


def _command(ledger: Ledger, roster: Roster, row: RosterRow, form: Form) -> Command:
    """Return the receipt of a row.

    Raises:
        InputError: what was typed for everybody.
        RuleError: ``case.another_day`` for a time of another day that is not said to be entered late.
    """
    item = item_of(ledger, roster.item)
    facts = read_form(opening_spec(ledger, item), form)
    facts["item"] = item.base_code
    late = facts.get("late_entry")
    paper = late.get("paper_no") if isinstance(late, dict) else None
    if isinstance(late, dict) and isinstance(paper, str):
        # one sheet of paper for all: each receipt names its line, so that no number stands in two cases
        facts["late_entry"] = {**late, "paper_no": f"{paper}-{row.no}"}
    applicant: Facts = {
        name: text
        for name, text in (
            ("name", row.name),
            ("id_kind", id_kind(row.id_no) if row.id_no else ""),
            ("id_no", row.id_no),
            ("phone", row.phone),
            ("address", row.address),
        )
        if text
    }
    personal: Facts = {"applicant": applicant}
    if row.text:
        personal["text"] = row.text
    now_ms = ledger.clock.now_ms()
    claimed = claimed_ms(form, now_ms)
    if claimed is not None:
        require_day(claimed, now_ms, facts)
    return Command(
        action=RECEIVE,
        station=StationId(roster.station),
        facts=facts,
        personal=personal,
        occurred_at_ms=claimed,
    )


def _require_no_twin(visit: Visit, ledger: Ledger, roster: Roster, row: RosterRow) -> None:
    """Refuse somebody whose same matter is open already; without a number whoever has the name is meant.

    Raises:
        RuleError: ``roster.open_already``.
    """
    scope = Scope(ledger.knowledge.registry, visit.person)
    for found in ledger.find(row.id_no or row.name, now_ms=visit.now_ms()):
        if not row.id_no and found.applicant != row.name:
            continue
        same = found.item_code == roster.item and found.open and found.case_id.hex() != row.case
        mine = not row.id_no or applies(ledger, found, plain_number(row.id_no))
        if same and mine and scope.row(found):
            raise RuleError("roster.open_already", number=found.number)


async def _sign_head(visit: Visit) -> None:
    """Sign the head of the log after the last receipt: every slip names it."""
    station = StationId((await roster_of(visit)).station)

    def work(ledger: Ledger) -> str:
        log = ledger.parts.station_log(station)
        return "" if log is None else ledger.checkpoint(log.log_id)

    note = await visit.office.access.write(work)

    def change(roster: Roster) -> None:
        roster.note = note

    await changed(visit, change)


async def _shown(visit: Visit, form: Form | None, error: BanjianError | None) -> web.Response:
    roster = await roster_of(visit)
    received = await received_rows(visit, roster)
    given: Form = form if form is not None else roster.form

    def work(ledger: Ledger) -> dict[str, object]:
        item = item_of(ledger, roster.item)
        spec = opening_spec(ledger, item)
        around = opening_surroundings(ledger, visit.person, item, spec)
        fields = fields_of(spec, visit.say, around, given, error=error)
        place = ledger.knowledge.registry.station(visit.station)
        names = Names(visit.say, registry=ledger.knowledge.registry, item=item)
        return {
            "item": visit.say.pick(item.name),
            "fields": [
                replace(one, label=visit.say("web.paper")) if one.path[0] == "materials" else one
                for one in fields
                if one.path[0] not in NOT_FOR_ALL
            ],
            "capacity": item.receipt_capacity.get("" if place is None else place.level, ""),
            "message": None if error is None else message_of(visit.say, error, names),
        }

    values = await visit.read(work)
    ready = [row for row in roster.rows if row.here and row.no not in received]
    response = await render(
        visit,
        "roster_sign.html",
        kept_here=await typing.here(visit, f"/roster/{roster.name}/sign"),
        roster=roster,
        ready=ready,
        received=received,
        at="".join(given.get("at", ())),
        **values,
    )
    response.set_status(200 if error is None else status_of(error))
    return response
