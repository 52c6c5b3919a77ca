"""How pages reach the ledger: they read beside the one writer, and write on its thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ledger.facade import Home, Ledger
from ledger.facade.clock import Clock, Randomness
from ledger.types import StationId
from stations.ledgerthread import LedgerThread

T = TypeVar("T")
READERS = 2
"""Threads that read: a long list must not keep a short page waiting."""


class Access:
    """Reads from a ledger of its own, opened read-only, so that no merge or import holds a page up.

    Args:
        thread: owns the ledger that is written.
        station: the main station of the installation.
    """

    def __init__(
        self,
        thread: LedgerThread,
        home: Home,
        *,
        clock: Clock,
        randomness: Randomness,
        station: StationId | None,
    ) -> None:
        self._writer = thread
        self._home = home
        self._clock = clock
        self._randomness = randomness
        self._station = station
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="page")
        self._held: Ledger | None = None
        self._opened = thread.opened
        self._opening = asyncio.Lock()

    async def read(self, work: Callable[[Ledger], T]) -> T:
        """Run something that reads."""
        ledger = await self._ledger()

        def with_news() -> T:
            # Whoever asks the registry alone would else see it as of the last look at the store.
            ledger.refresh()
            return work(ledger)

        with self._writer.page():
            return await self._run(with_news)

    async def write(self, work: Callable[[Ledger], T]) -> T:
        """Run something on the writer's thread."""
        return await self._writer.run(lambda: work(self._writer.held))

    async def aside(self, work: Callable[[], T]) -> T:
        """Run something slow that touches no ledger."""
        return await asyncio.to_thread(work)

    async def close(self) -> None:
        """Close the ledger that was read."""
        if self._held is not None:
            held, self._held = self._held, None
            await self._run(held.close)
        self._readers.shutdown()

    async def _ledger(self) -> Ledger:
        async with self._opening:
            opened = self._writer.opened
            if self._held is None or not self._held.store.usable() or opened != self._opened:
                # What made the writer begin anew may be true of what was read before as well.
                self._opened = opened
                self._held = await self._run(self._open)
            return self._held

    def _open(self) -> Ledger:
        return Ledger.open(
            self._home, clock=self._clock, randomness=self._randomness, write=False, station=self._station
        )

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)
