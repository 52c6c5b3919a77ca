"""One long piece of work as a job of a page: told how far it is, stopped at the next place where it looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress

from ledger.types import Watch
from stations.web.jobs import Job

LOOK_S = 0.2
"""How often a job looks whether its work is done."""
QUICK_S = 2.0
"""Who asked for something that takes no longer gets its result at once, without a page of progress."""


class Stopped(Exception):
    """Somebody asked a job to stop: no error, and nothing that people are told."""


async def watched(
    job: Job, work: Callable[[Watch], Awaitable[None]], *, cut: bool = False
) -> AsyncGenerator[None, None]:
    """Do a piece of work as the steps of a job.

    Args:
        job: gets the counts that the work tells, and is asked whether the work may go on.
        work: calls what it is given as often as it can, on whatever thread it runs.
        cut: cancels the work, which waits for a network and looks up too seldom; else it is let come to the
            next place where it looks.
    """

    def watch(done: int, total: int) -> None:
        if not job.wanted:
            raise Stopped
        job.done, job.total = done, total

    task = asyncio.ensure_future(work(watch))
    try:
        while not (await asyncio.wait({task}, timeout=LOOK_S))[0]:
            yield
        with suppress(Stopped):
            await task
        yield
    finally:
        if not task.done():
            if cut:
                task.cancel()
            with suppress(Stopped, asyncio.CancelledError):
                await task


async def came_soon(job: Job) -> bool:
    """Wait a moment for a job; tells whether it has ended."""
    if job.task is not None:
        await asyncio.wait({job.task}, timeout=QUICK_S)
    return job.state != "running"
