"""The page of sticks: bundles written and read with progress, registered sticks, those still on their way."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from aiohttp import web

from ledger.errors import AuthorityError, BanjianError
from ledger.facade import Ledger
from ledger.facade.between import sync_status
from ledger.types import StationId
from stations.bundlejobs import EXPORT, IMPORT, BundleJob, Step, run_job
from stations.cli.casenames import station_name
from stations.sealed import SealedFolder
from stations.stickbook import (
    FOLDER,
    Made,
    Stick,
    find_sticks,
    journal,
    note_made,
    register_stick,
    require_stick,
)
from stations.web.answers import status_of
from stations.web.jobs import Job, as_confirmed, jobs_of
from stations.web.render import message_of, render
from stations.web.visit import Visit, first, form_of, page, see_other
from stations.wire import error_of

WHERE = "/sticks"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeLine:
    """One bundle of the journal.

    Attributes:
        open: whether its receiver has not confirmed what waited when it was written.
    """

    made: Made
    receiver: str
    open: bool


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages; each is for people who have signed in."""
    router.add_get("/sticks", page(show))
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
    try:
        await _require_own(visit)
        stick = require_stick(await _sticks(visit), first(form, "path"), registered=False)
        await visit.office.access.aside(
            lambda: register_stick(stick, first(form, "name"), stick_id, ledger_id)
        )
    except BanjianError as error:
        return await _shown(visit, error)
    visit.tell("web.stick_registered", name=first(form, "name").strip())
    return see_other(WHERE)


async def write(visit: Visit) -> web.StreamResponse:
    """Write what a station has not confirmed to a registered stick."""
    form = await form_of(visit)
    try:
        await _require_own(visit)
        stick = require_stick(await _sticks(visit), first(form, "path"), registered=True)
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
        async for step in _run(visit, work):
            if step["step"] == "collected":
                job.done, job.total = _count(step, "entries"), _count(step, "total")
            if step["step"] == "done":
                await _note(visit, stick, step)
                job.result = visit.say(
                    "web.stick_written",
                    entries=_count(step, "entries"),
                    files=len(_list(step, "files")),
                    name=stick.name,
                    receiver=str(step["receiver"]),
                )
                if _count(step, "attachments") or _count(step, "attachments_left"):
                    job.result += " " + visit.say(
                        "bundle.attachments",
                        count=_count(step, "attachments"),
                        left=_count(step, "attachments_left"),
                    )
            yield

    title = visit.say("web.stick_writing", name=stick.name)
    job = jobs_of(visit).start(visit, title, back=WHERE, total=1, steps=steps)
    return see_other(f"/job/{job.name}")


async def read(visit: Visit) -> web.StreamResponse:
    """Take in what is on a stick for this station; the acknowledgement is written beside it."""
    form = await form_of(visit)
    try:
        await _require_own(visit)
        stick = require_stick(await _sticks(visit), first(form, "path"), registered=False)
    except BanjianError as error:
        return await _shown(visit, error)
    # An acknowledgement is written to sticks that are ours; from a strange one is read, and nothing more.
    work = BundleJob(work=IMPORT, paths=(stick.path,), acknowledge=bool(stick.stick))

    visit = as_confirmed(visit)

    async def steps(job: Job) -> AsyncGenerator[None, None]:
        async for step in _run(visit, work):
            if step["step"] == "read":
                job.done, job.total = _count(step, "read"), _count(step, "of")
            if step["step"] == "done":
                _tell(visit, job, step)
            yield

    title = visit.say("web.stick_reading", name=stick.name or stick.path)
    job = jobs_of(visit).start(visit, title, back=WHERE, total=1, steps=steps)
    return see_other(f"/job/{job.name}")


async def _run(visit: Visit, work: BundleJob) -> AsyncGenerator[Step, None]:
    """Run a job step by step on the thread that owns the ledger; others get their turn in between."""
    thread, clock, randomness = visit.office.thread, visit.office.clock, visit.office.randomness
    cores = visit.office.network.cores
    steps = await thread.exchange(
        lambda exchange: run_job(exchange, work, clock=clock, randomness=randomness, cores=cores)
    )
    while (step := await thread.exchange(lambda _: next(steps, None))) is not None:
        yield step


async def _note(visit: Visit, stick: Stick, step: Step) -> None:
    made = Made(
        at_ms=visit.now_ms(),
        by=visit.person.name,
        name=stick.name,
        stick=stick.stick,
        receiver=str(step["receiver"]),
        kind=str(step["kind"]),
        entries=_count(step, "entries"),
        files=[Path(str(one["file"])).name for one in _list(step, "files")],
    )
    await visit.office.access.aside(lambda: note_made(_folder(visit), made))


def _tell(visit: Visit, job: Job, step: Step) -> None:
    """Tell what became of each file that was read."""
    say = visit.say
    job.done = job.total
    for one in _list(step, "files"):
        name = Path(str(one["file"])).name
        if "sender" not in one:
            error = error_of(cast(Step, one["error"]))
            message = message_of(say, error)
            what = (
                say("bundle.another", receiver=error.params["receiver"]) if one["another"] else message.what
            )
            job.failed(name, what, "" if one["another"] else message.next_step)
            continue
        for left in _list(one, "not_taken"):
            message = message_of(say, error_of(left))
            job.failed(name, message.what, message.next_step)
    for one in _list(step, "missing_parts"):
        numbers = say("list.and").join(str(number) for number in cast(Sequence[int], one["numbers"]))
        job.failed("", say("bundle.missing_parts", sender=one["sender"], numbers=numbers, parts=one["parts"]))
    if _list(step, "acknowledgements") and step["receipts_fault"]:
        message = say.message(str(step["receipts_fault"]), {"station": visit.station})
        job.failed("", message.what, message.next_step)
    job.result = say(
        "web.stick_read",
        new=_count(step, "new"),
        before=_count(step, "waiting_before"),
        after=_count(step, "waiting_after"),
        answers=len(_list(step, "acknowledgements")),
        foreign=_count(step, "foreign"),
    )
    if _count(step, "attachments"):
        job.result += " " + say("bundle.attachments_taken", count=_count(step, "attachments"))


async def _require_own(visit: Visit) -> None:
    """Refuse people who do not work at the station that this installation speaks for.

    Raises:
        AuthorityError: ``web.scope``.
    """
    main = await visit.read(lambda ledger: ledger.main_station)
    if main is not None and main not in visit.person.stations:
        raise AuthorityError("web.scope")


async def _sticks(visit: Visit) -> list[Stick]:
    further, ledger_id = visit.office.config.stick_dirs, visit.office.thread.ledger_id
    return await visit.office.access.aside(lambda: find_sticks(further, ledger_id))


def _folder(visit: Visit) -> SealedFolder:
    return SealedFolder(visit.office.home, FOLDER, visit.office.randomness)


async def _shown(visit: Visit, error: BanjianError | None) -> web.Response:
    await _require_own(visit)
    made = await visit.office.access.aside(lambda: journal(_folder(visit)))

    def work(ledger: Ledger) -> dict[str, object]:
        station = ledger.main_station or visit.station
        registry = ledger.knowledge.registry
        status = sync_status(ledger, station)
        oldest = {level.station: level.oldest_ms for level in status.levels if level.waiting}
        below = [
            (place.station, f"{place.name} {place.station}")
            for place in registry.stations()
            if station in registry.line(place.station)[1:2]
        ]
        return {
            "above": [(level.station, level.name) for level in status.levels[:1]],
            "below": below,
            "levels": status.levels,
            "made": [
                MadeLine(
                    made=one,
                    receiver=station_name(registry, StationId(one.receiver)),
                    open=0 < oldest.get(StationId(one.receiver), 0) <= one.at_ms,
                )
                for one in made
            ],
        }

    values = await visit.read(work)
    response = await render(
        visit,
        "sticks.html",
        sticks=await _sticks(visit),
        job=jobs_of(visit).running(WHERE),
        message=None if error is None else message_of(visit.say, error),
        **values,
    )
    response.set_status(200 if error is None else status_of(error))
    return response


def _count(step: Step, name: str) -> int:
    value = step.get(name)
    return value if isinstance(value, int) else 0


def _list(step: Step, name: str) -> list[Step]:
    return cast(list[Step], step.get(name) or [])
