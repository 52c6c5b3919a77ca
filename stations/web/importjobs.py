"""A long import goes on by itself: one act after the other, with its progress told, stopped when asked.

Each act is a piece of work of its own on the ledger's thread, so that whoever serves an applicant meanwhile
waits for one act at most. What was signed stays; the same list, sent again, finishes the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from aiohttp import web

from ledger.errors import BanjianError, InputError
from ledger.facade import Ledger
from ledger.keys import Signer
from stations.imports.work import ListKind, Step
from stations.web.desk import kept_of, registrar_page
from stations.web.render import message_of, render
from stations.web.visit import Visit, see_other

AT_ONCE_MAX = 20
"""Up to so many acts are signed while the browser waits."""
WHERE = {"items": "/catalogue", "stations": "/stations", "staff": "/people"}


@dataclass(slots=True, kw_only=True)
class Job:
    """An import that goes on.

    Attributes:
        signed: how many acts are stored.
        stopping: whether somebody asked it to stop.
        error: what the ledger refused; nothing after it was signed.
        task: what runs it; held, for the loop alone does not keep it.
    """

    kind: ListKind
    file: str
    steps: Sequence[Step]
    signer: Signer
    signed: int = 0
    stopping: bool = False
    error: BanjianError | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.task is not None and not self.task.done()


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages of imports that go on."""
    router.add_get("/import/{kind}/job/{word}", registrar_page(show))
    router.add_post("/import/{kind}/job/{word}/stop", registrar_page(stop))


def start(visit: Visit, job: Job) -> str:
    """Begin an import; returns the page that tells how far it is."""
    job.task = asyncio.create_task(_run(visit, job))
    return f"/import/{job.kind}/job/{kept_of(visit).keep(visit.person.staff_no, job)}"


async def show(visit: Visit) -> web.Response:
    """Show how far an import is.

    Raises:
        InputError: ``web.gone``.
    """
    job = _job(visit)
    return await render(
        visit,
        "import_job.html",
        job=job,
        word=visit.request.match_info["word"],
        where=WHERE[job.kind],
        message=job.error and message_of(visit.say, job.error),
    )


async def stop(visit: Visit) -> web.Response:
    """Stop after the act that is being signed."""
    job = _job(visit)
    job.stopping = True
    if job.task is not None:
        await asyncio.wait([job.task])
    return see_other(f"/import/{job.kind}/job/{visit.request.match_info['word']}")


async def _run(visit: Visit, job: Job) -> None:
    for step in job.steps:
        if job.stopping:
            return
        try:
            await visit.write(partial(_store, job, step))
        except BanjianError as error:
            job.error = error
            return


def _store(job: Job, step: Step, ledger: Ledger) -> None:
    step(ledger, job.signer)
    job.signed += 1


def _job(visit: Visit) -> Job:
    job = kept_of(visit).get(visit.person.staff_no, visit.request.match_info["word"], Job)
    if job.kind != visit.request.match_info["kind"]:
        raise InputError("web.gone")
    return job
