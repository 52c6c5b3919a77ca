"""The first stick of a station without a network, read before anybody can sign in.

Registry and catalogue come down on it, and only they tell who may sign in; so whoever sits at this machine
may read it, as long as nobody can. A part opens on this station's machine alone, and what is in it must reach
the county that the invite named: a stick of somebody else changes nothing.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path, PurePath
from typing import IO

from aiohttp import web

from ledger import platform
from ledger.errors import InputError
from ledger.facade import Ledger
from stations.kept.stickbook import require_stick
from stations.serving.bundlejobs import IMPORT, BundleJob, Step
from stations.web.guard import FIRST_STICK
from stations.web.jobs import Job, jobs_of
from stations.web.keyholders import keyholders
from stations.web.office.desk import require_here
from stations.web.office.stickjobs import count_of, list_of, plugged, registry_of, steps_of, tell_read
from stations.web.render import render, render_part
from stations.web.visit import Visit, open_page, posted, see_other

WHERE, UNDER = "/first-day", "/first-day/job"
NOBODY = ""
FILES_MAX = 64


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages of the first stick."""
    router.add_post(FIRST_STICK, open_page(read))
    router.add_get(f"{UNDER}/{{job}}", open_page(show))
    router.add_post(f"{UNDER}/{{job}}/cancel", open_page(cancel))


async def nobody_yet(visit: Visit) -> bool:
    """Tell whether nobody can sign in here yet."""
    return not await visit.read(_holders)


def _holders(ledger: Ledger) -> bool:
    return bool(keyholders(ledger.home, ledger))


async def read(visit: Visit) -> web.StreamResponse:
    """Take in what a stick holds for this station: one that is plugged in, or files that were chosen.

    Raises:
        AuthorityError: ``web.local_only``.
        InputError: ``stick.gone``; ``web.no_file``; ``web.files_many``.
    """
    require_here(visit)
    if not await nobody_yet(visit):
        return see_other("/sign-in")
    data = await posted(visit.request)
    path = data.get("path", "")
    if isinstance(path, str) and path:
        stick = require_stick(await plugged(visit), path, registered=False)
        # A registered stick goes back to whoever wrote it, with the answer.
        work = BundleJob(work=IMPORT, paths=(stick.path,), acknowledge=bool(stick.stick))
        return _started(visit, work, None)
    files = [one for one in data.getall("bundle", []) if isinstance(one, web.FileField) and one.filename]
    if not files:
        raise InputError("web.no_file")
    if len(files) > FILES_MAX:
        raise InputError("web.files_many", limit=FILES_MAX)
    folder = await visit.office.access.aside(lambda: _laid_aside(files))
    paths = tuple(str(one) for one in sorted(folder.iterdir()))
    return _started(visit, BundleJob(work=IMPORT, paths=paths, acknowledge=False), folder)


async def show(visit: Visit) -> web.Response:
    """Show how far the reading is.

    Raises:
        AuthorityError: ``web.local_only``.
    """
    require_here(visit)
    job = jobs_of(visit).of(visit.request.match_info["job"], NOBODY)
    if "HX-Request" in visit.request.headers:
        return render_part(visit, "job_part.html", job=job)
    return await render(visit, "job.html", job=job)


async def cancel(visit: Visit) -> web.Response:
    """End the reading after the section that it is at.

    Raises:
        AuthorityError: ``web.local_only``.
    """
    require_here(visit)
    job = jobs_of(visit).of(visit.request.match_info["job"], NOBODY)
    job.wanted = False
    return see_other(job.page)


def _started(visit: Visit, work: BundleJob, aside: Path | None) -> web.StreamResponse:
    async def steps(job: Job) -> AsyncGenerator[None, None]:
        try:
            async for step in steps_of(visit, work):
                if step["step"] == "read":
                    job.done, job.total = count_of(step, "read"), count_of(step, "of")
                if step["step"] == "done":
                    tell_read(visit, job, step, await registry_of(visit))
                    _tell_first(visit, job, step)
                yield
        finally:
            if aside is not None:
                shutil.rmtree(aside, ignore_errors=True)

    title = visit.say("web.first_stick_reading")
    job = jobs_of(visit).start(visit, title, back=WHERE, total=1, steps=steps, under=UNDER, owner=NOBODY)
    return see_other(job.page)


def _tell_first(visit: Visit, job: Job, step: Step) -> None:
    """Tell what came, and what to ask for where nothing was for this station."""
    say = visit.say
    job.result = say("web.first_stick_done", new=count_of(step, "new"))
    if not any("sender" in one for one in list_of(step, "files")):
        none = say("web.first_stick_none", station=visit.office.config.station)
        job.failed("", none, say("web.first_stick_none_next"))


def _laid_aside(files: list[web.FileField]) -> Path:
    """Lay files that were sent beside each other, to be read as from a stick; returns the folder.

    Raises:
        StoreError: the disk's own reasons.
    """
    folder = Path(tempfile.mkdtemp(prefix="banjian-"))
    try:
        for number, one in enumerate(files, start=1):
            name = PurePath(one.filename.replace("\\", "/")).name[-100:] or "file"
            with (folder / f"{number:02d}-{name}").open("wb") as target:
                source: IO[bytes] = one.file
                shutil.copyfileobj(source, target)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise platform.os_failure(error, folder) from error
    return folder
