"""Keeping an installation on pages: what ``doctor`` finds, backups, how to restore."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from ledger.errors import BanjianError, InputError
from ledger.facade import Ledger
from ledger.types import Watch
from stations.checkup.checks import Check
from stations.checkup.doctor import examine
from stations.checkup.told import check_message
from stations.kept.backup import Backup, KeptBackup, last_backup_ms, list_backups, make_backup
from stations.texts import Say
from stations.web.answers import status_of
from stations.web.headers import from_here
from stations.web.jobs import Job, jobs_of
from stations.web.office.desk import Noting, kept_of, new_word, once
from stations.web.render import message_of, render
from stations.web.tablesheets import with_excel
from stations.web.visit import Visit, first, form_of, page, see_other
from stations.web.watched import came_soon, watched

WHERE = "/keep"
SHAPES = {"ok": "●", "warning": "▲", "error": "■"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """One thing that was looked at, in words."""

    level: str
    name: str
    what: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a thorough look found, and when (ms)."""

    at_ms: int
    checks: Sequence[CheckLine]


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages of keeping."""
    router.add_get("/keep", page(with_excel(show)))
    router.add_post("/keep/backup", page(backup))
    router.add_post("/keep/thorough", page(thorough))


async def show(visit: Visit) -> web.Response:
    """Show what doctor finds, which backups there are, and how to restore."""
    return await _shown(visit, None)


async def backup(visit: Visit) -> web.StreamResponse:
    """Write a backup now; into the folder of the settings, or another that somebody at this machine names."""
    form = await form_of(visit)

    async def act(noted: Noting) -> str:
        named = first(form, "folder").strip()
        configured = visit.office.config.backup_dir
        if named and named != configured and not from_here(visit.request):
            raise InputError("web.backup_here")
        folder = named or configured
        if not folder or "\0" in folder or not Path(folder).is_absolute():
            raise InputError("web.backup_folder", folder=folder[:200])
        job = _backing_up(visit, Path(folder))
        if not await came_soon(job):
            return job.page
        if job.error is not None:
            raise job.error
        visit.tell("web.told_words", words=job.result)
        return WHERE

    try:
        return await once(visit, form, act, back=WHERE)
    except BanjianError as error:
        # The job keeps it, and with it would keep what the form brought.
        return await _shown(visit, error.with_traceback(None), folder=first(form, "folder"))


def _backing_up(visit: Visit, folder: Path) -> Job:
    now_ms = visit.now_ms()

    async def steps(job: Job) -> AsyncGenerator[None, None]:
        async def work(watch: Watch) -> None:
            def write(ledger: Ledger) -> Backup:
                return make_backup(ledger, folder, now_ms=now_ms, watch=watch)

            # It reads beside the one writer: whoever serves an applicant meanwhile does not wait for it.
            done = await visit.read(write)
            size = max(1, done.size_bytes >> 10)
            told = visit.say("web.backup_done", folder=done.folder, size=size)
            unnoted = visit.say.message("backup.unnoted", {})
            job.result = told if done.noted else f"{told} {unnoted.what} {unnoted.next_step}"

        async for _ in watched(job, work):
            yield

    return jobs_of(visit).start(
        visit, visit.say("web.backup_running"), back=WHERE, total=0, steps=steps, about="/keep/backup",
        words="web.backup_stop_words",
    )  # fmt: skip


async def thorough(visit: Visit) -> web.StreamResponse:
    """Look at every page of the database and every case: a job, whose result is shown when it is there."""
    office, now_ms = visit.office, visit.now_ms()

    async def steps(job: Job) -> AsyncGenerator[None, None]:
        async def work(watch: Watch) -> None:
            def look(ledger: Ledger) -> list[CheckLine]:
                checks = examine(
                    office.home, office.config, ledger, now_ms=now_ms, thorough=True, key_fits=True,
                    watch=watch,
                )  # fmt: skip
                return [_line(visit.say, check) for check in checks]

            looked = Looked(at_ms=now_ms, checks=await visit.read(look))
            job.back = f"{WHERE}?looked={kept_of(visit).keep(job.staff_no, looked)}"

        async for _ in watched(job, work):
            yield

    job = jobs_of(visit).start(
        visit, visit.say("web.doctor_running"), back=WHERE, total=0, steps=steps, about="/keep/thorough",
        words="web.doctor_stop_words",
    )  # fmt: skip
    ended = await came_soon(job)
    return see_other(job.back if ended and job.state == "done" else job.page)


async def _shown(visit: Visit, error: BanjianError | None, *, folder: str = "") -> web.Response:
    office, word = visit.office, visit.request.query.get("looked", "")
    home, config, now_ms = office.home, office.config, visit.now_ms()
    looked = kept_of(visit).get(visit.person.staff_no, word, Looked) if word else None

    def work(ledger: Ledger) -> list[CheckLine]:
        checks = examine(home, config, ledger, now_ms=now_ms, thorough=False, key_fits=True)
        return [_line(visit.say, check) for check in checks]

    def backups() -> list[KeptBackup]:
        return list_backups(Path(config.backup_dir)) if config.backup_dir else []

    response = await render(
        visit,
        "keep.html",
        checks=await visit.read(work) if looked is None else looked.checks,
        looked_ms=0 if looked is None else looked.at_ms,
        shapes=SHAPES,
        backups=await office.access.aside(backups),
        backup_dir=config.backup_dir,
        last_ms=last_backup_ms(home),
        folder=folder,
        at_machine=from_here(visit.request),
        message=error and message_of(visit.say, error),
        once=new_word(visit),
    )
    response.set_status(200 if error is None else status_of(error))
    return response


def _line(say: Say, check: Check) -> CheckLine:
    message = check_message(say, check)
    return CheckLine(
        level=check.level,
        name=say(f"doctor.name.{check.name}"),
        what=message.what,
        next_step=message.next_step if check.level != "ok" else "",
    )
