"""The stage between verification and the ledger: what is verified waits here in order, and is stored in runs.

Sections are verified while earlier ones are stored. Packages of one log that wait together are handed on
together, so that they share a transaction and a case that is in several of them is folded once. Few may
wait: whoever brings more waits as well, and so does the peer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from ledger.errors import BanjianError
from sync.core.ingest import Prepared, continues
from sync.preparing.inflight import drop

WAITING_MAX = 6
"""Sections that are verified, or wait, while earlier ones are stored."""
RUN_MAX = 4
"""Packages in one transaction: as long as one lasts, nobody else writes."""

Verified = asyncio.Future[Prepared]


class Storing:
    """Stores sections in their order, beside the task that brings them; ``close`` it in the end.

    Args:
        store: stores sections of which each continues the one before it.
        refuse: told of a section that could not even be decoded; the others still count.
    """

    def __init__(
        self,
        store: Callable[[Sequence[Prepared]], Awaitable[None]],
        refuse: Callable[[BanjianError], None],
    ) -> None:
        self._store = store
        self._refuse = refuse
        self._waiting: deque[Verified] = deque()
        self._busy = False
        self._moved = asyncio.Event()
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(lambda _: self._moved.set())

    async def put(self, section: Verified) -> None:
        """Add a section; waits while there are too many.

        Raises:
            BanjianError: what storing an earlier one raised.
        """
        self._waiting.append(section)
        self._moved.set()
        await self._until(lambda: len(self._waiting) <= WAITING_MAX)

    async def finish(self) -> None:
        """Wait until everything is stored.

        Raises:
            BanjianError: what storing raised.
        """
        await self._until(lambda: not self._waiting and not self._busy)

    async def close(self) -> None:
        """Hand on nothing more and forget what waits; a transaction that has begun is not torn."""
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            # Whoever put or finished has been told.
            self._task.exception()
        drop(self._waiting)

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not self._task.done() and not holds():
            self._moved.clear()
            await self._moved.wait()
        if self._task.done():
            # It ends by failing alone.
            await self._task

    async def _run(self) -> None:
        while True:
            while not self._waiting:
                self._moved.clear()
                await self._moved.wait()
            self._busy = True
            run = await self._next_run()
            if run:
                await self._store(run)
            self._busy = False
            self._moved.set()

    async def _next_run(self) -> list[Prepared]:
        """Return the next section, and those behind it that are verified by now and continue it."""
        waiting = self._waiting
        try:
            run = [await waiting[0]]
        except BanjianError as error:
            self._refuse(error)
            run = []
        waiting.popleft()
        while run and waiting and len(run) < RUN_MAX and _follows(run[-1], waiting[0]):
            run.append(waiting.popleft().result())
        self._moved.set()
        return run


def _follows(before: Prepared, after: Verified) -> bool:
    return after.done() and after.exception() is None and continues(before, after.result())
