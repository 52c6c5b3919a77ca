"""Syncing with the station above as a job of a page: it may wait for a network for a minute."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from ledger.types import Watch
from stations.web.jobs import Job, jobs_of
from stations.web.visit import Visit
from stations.web.watched import watched
from sync.line.outcome import SoFar


def syncing(visit: Visit, *, about: str, back: str, under: str = "/job", owner: str | None = None) -> Job:
    """Start to sync, or return the job that does it already; see ``Jobs.start``."""

    async def steps(job: Job) -> AsyncGenerator[None, None]:
        def told(by_now: SoFar) -> None:
            if by_now:
                job.note = visit.say("web.sync_so_far", sent=by_now.sent, stored=by_now.stored)

        async def work(_: Watch) -> None:
            outcome = await visit.office.network.sync_now(told)
            words = "web.synced_but" if outcome.notes else "web.synced"
            job.result = visit.say(words, sent=outcome.sent, stored=outcome.stored)
            for code in outcome.notes:
                left = visit.say.kept(code, {})
                job.failed("", left.what, left.next_step)

        async for _ in watched(job, work, cut=True):
            yield

    return jobs_of(visit).start(
        visit, visit.say("web.sync_title"), back=back, total=0, steps=steps, about=about, under=under,
        owner=owner, words="web.sync_cut",
    )  # fmt: skip
