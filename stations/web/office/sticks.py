"""The page of sticks: bundles written and read with progress, registered sticks, those still on their way."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from aiohttp import web

from ledger.errors import BanjianError
from ledger.facade import Ledger
from ledger.facade.peering.between import has_confirmed, sync_status
from ledger.types import StationId
from stations.kept.sealed import SealedFolder
from stations.kept.stickbook import (
    FOLDER,
    Made,
    Stick,
    journal,
    note_made,
    register_stick,
    require_stick,
)
from stations.serving.bundlejobs import EXPORT, IMPORT, BundleJob, Step
from stations.sheetin.clean import clean
from stations.web.answers import status_of
from stations.web.jobs import Job, as_confirmed, jobs_of
from stations.web.office.desk import require_own_station
from stations.web.office.stickjobs import count_of, list_of, plugged, registry_of, steps_of, tell_read
from stations.web.render import message_of, render
from stations.web.tablesheets import with_excel
from stations.web.visit import Visit, first, form_of, page, see_other
from stations.words.casenames import station_name

WHERE = "/sticks"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeLine:
    """One bundle of the journal.

    Attributes:
        state: ``down``; ``empty`` where nothing waited; ``confirmed`` by the receiver's receipts; ``open``;
            ``again`` where a later one to the same receiver holds the same.
    """

    made: Made
    receiver: str
    state: str


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages; each is for people who have signed in."""
    router.add_get("/sticks", page(with_excel(show)))
    router.add_post("/sticks/register", page(register))
    router.add_post("/sticks/write", page(write))
    router.add_post("/sticks/read", page(read))


async def show(visit: Visit) -> web.Response:
    """Show what is plugged in and what was written."""
    return await _shown(visit, None)


async def register(visit: Visit) -> web.StreamResponse:
    """Register a stick for this county."""
    form = await form_of(visit)
    ledger_id, stick_id = visit.office.thread.ledger_id, visit.office.randomness(8).hex()
    name = clean(first(form, "name"))
    try:
        await require_own_station(visit)
        stick = require_stick(await plugged(visit), first(form, "path"), registered=False)
        await visit.office.access.aside(lambda: register_stick(stick, name, stick_id, ledger_id))
    except BanjianError as error:
        return await _shown(visit, error)
    visit.tell("web.stick_registered", name=name)
    return see_other(WHERE)


async def write(visit: Visit) -> web.StreamResponse:
    """Write what a station has not confirmed to a registered stick."""
    form = await form_of(visit)
    try:
        await require_own_station(visit)
        stick = require_stick(await plugged(visit), first(form, "path"), registered=True)
    except BanjianError as error:
        return await _shown(visit, error)
    work = BundleJob(
        work=EXPORT,
        paths=(stick.path,),
        receiver=first(form, "receiver"),
        everything=bool(first(form, "everything")),
    )

    visit = as_confirmed(visit)

    async def steps(job: Job) -> AsyncGenerator[None, None]:
        async for step in steps_of(visit, work):
            if step["step"] == "collected":
                job.done, job.total = count_of(step, "entries"), count_of(step, "total")
            if step["step"] == "done":
                await _note(visit, stick, step)
                job.result = visit.say(
                    "web.stick_written",
                    entries=count_of(step, "entries"),
                    files=len(list_of(step, "files")),
                    name=stick.name,
                    receiver=station_name(await registry_of(visit), str(step["receiver"])),
                )
                if count_of(step, "attachments") or count_of(step, "attachments_left"):
                    job.result += " " + visit.say(
                        "bundle.attachments",
                        count=count_of(step, "attachments"),
                        left=count_of(step, "attachments_left"),
                    )
            yield

    title = visit.say("web.stick_writing", name=stick.name)
    job = jobs_of(visit).start(visit, title, back=WHERE, total=1, steps=steps)
    return see_other(job.page)


async def read(visit: Visit) -> web.StreamResponse:
    """Take in what is on a stick for this station; the acknowledgement is written beside it."""
    form = await form_of(visit)
    try:
        await require_own_station(visit)
        stick = require_stick(await plugged(visit), first(form, "path"), registered=False)
    except BanjianError as error:
        return await _shown(visit, error)
    # An acknowledgement is written to sticks that are ours; from a strange one is read, and nothing more.
    work = BundleJob(work=IMPORT, paths=(stick.path,), acknowledge=bool(stick.stick))

    visit = as_confirmed(visit)

    async def steps(job: Job) -> AsyncGenerator[None, None]:
        async for step in steps_of(visit, work):
            if step["step"] == "read":
                job.done, job.total = count_of(step, "read"), count_of(step, "of")
            if step["step"] == "done":
                tell_read(visit, job, step, await registry_of(visit))
            yield

    title = visit.say("web.stick_reading", name=stick.name or stick.path)
    job = jobs_of(visit).start(visit, title, back=WHERE, total=1, steps=steps)
    return see_other(job.page)


async def _note(visit: Visit, stick: Stick, step: Step) -> None:
    made = Made(
        at_ms=visit.now_ms(),
        by=visit.person.name,
        name=stick.name,
        stick=stick.stick,
        receiver=str(step["receiver"]),
        kind=str(step["kind"]),
        entries=count_of(step, "entries"),
        files=[Path(str(one["file"])).name for one in list_of(step, "files")],
        ends=cast(Mapping[str, int], step["ends"]),
    )
    await visit.office.access.aside(lambda: note_made(_folder(visit), made))


def _folder(visit: Visit) -> SealedFolder:
    return SealedFolder(visit.office.home, FOLDER, visit.office.randomness)


def _lines(ledger: Ledger, made: Sequence[Made], oldest: Mapping[StationId, int]) -> list[MadeLine]:
    """Return what became of each bundle, the newest first."""
    registry, lines, later = ledger.knowledge.registry, [], set[str]()
    for one in made:
        state = _state(ledger, one, oldest)
        if state == "open":
            state = "again" if one.receiver in later else state
            later.add(one.receiver)
        lines.append(
            MadeLine(made=one, receiver=station_name(registry, StationId(one.receiver)), state=state)
        )
    return lines


def _state(ledger: Ledger, made: Made, oldest: Mapping[StationId, int]) -> str:
    if made.kind != "up":
        return "down"
    receiver = StationId(made.receiver)
    if made.ends is None:
        # Noted before it was known how far it goes: by the clock, as far as that goes.
        waits = 0 < oldest.get(receiver, 0) <= made.at_ms
        return "empty" if not made.entries else "open" if waits else "confirmed"
    if not made.ends:
        return "empty"
    return "confirmed" if has_confirmed(ledger, receiver, made.ends) else "open"


async def _shown(visit: Visit, error: BanjianError | None) -> web.Response:
    await require_own_station(visit)
    made = await visit.office.access.aside(lambda: journal(_folder(visit)))

    def work(ledger: Ledger) -> dict[str, object]:
        station = ledger.main_station or visit.station
        registry = ledger.knowledge.registry
        status = sync_status(ledger, station)
        oldest = {level.station: level.oldest_ms for level in status.levels if level.waiting}
        below = [
            (place.station, f"{place.name} {place.station}")
            for place in registry.stations()
            if place.is_open and station in registry.line(place.station)[1:]
        ]
        return {
            # Past a township whose machine is broken the county takes a stick as well, and writes one.
            "above": [(level.station, level.name) for level in status.levels],
            "below": sorted(below, key=lambda one: len(registry.line(one[0]))),
            "made": _lines(ledger, made, oldest),
        }

    values = await visit.read(work)
    response = await render(
        visit,
        "sticks.html",
        sticks=await plugged(visit),
        job=jobs_of(visit).running(WHERE),
        message=None if error is None else message_of(visit.say, error),
        **values,
    )
    response.set_status(200 if error is None else status_of(error))
    return response
