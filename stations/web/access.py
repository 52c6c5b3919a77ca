"""How pages reach the ledger: they read beside the one writer, and write on its thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

from ledger.facade import Home, Ledger
from ledger.facade.base.clock import Clock, Randomness
from ledger.types import StationId
from stations.serving.ledgerthread import LedgerThread

T = TypeVar("T")
READERS = 2
"""Threads that read: a long list must not keep a short page waiting."""


@dataclass(slots=True, kw_only=True)
class _Held:
    """A ledger that is read, and how many pages are at it now."""

    ledger: Ledger
    readers: int = 0


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
        self._held: _Held | None = None
        self._counting = Lock()
        self._opened = thread.opened
        self._opening = asyncio.Lock()

    async def read(self, work: Callable[[Ledger], T]) -> T:
        """Run something that reads."""
        held = await self._current()

        def with_news() -> T:
            # Whoever asks the registry alone would else see it as of the last look at the store.
            held.ledger.refresh()
            return work(held.ledger)

        with self._writer.page():
            with self._counting:
                held.readers += 1
            # Told when the thread is done with it: a page that nobody waits for any more still reads.
            reading = self._readers.submit(with_news)
            reading.add_done_callback(lambda _: self._left(held))
            return await asyncio.wrap_future(reading)

    async def write(self, work: Callable[[Ledger], T]) -> T:
        """Run something on the writer's thread."""
        return await self._writer.run(lambda: self._writer.write(work))

    async def shrink(self) -> None:
        """Give back what the caches of both ledgers hold; pages find it on the disk again."""
        await self.read(lambda ledger: ledger.store.shrink())
        await self.write(lambda ledger: ledger.store.shrink())

    async def aside(self, work: Callable[[], T]) -> T:
        """Run something slow that touches no ledger."""
        return await asyncio.to_thread(work)

    async def close(self) -> None:
        """Close the ledger that was read, once nobody reads it any more; whoever still does ends in peace."""
        with self._counting:
            held, self._held = self._held, None
            is_free = held is not None and not held.readers
        if held is not None and is_free:
            await self._run(held.ledger.close)
        await asyncio.to_thread(self._readers.shutdown)

    async def _current(self) -> _Held:
        async with self._opening:
            opened, before = self._writer.opened, self._held
            if before is not None and before.ledger.store.usable() and opened == self._opened:
                return before
            # What made the writer begin anew may be true of what was read before as well: while it cannot be
            # opened again nothing is read.
            held = _Held(ledger=await self._run(self._open))
            with self._counting:
                self._held, self._opened = held, opened
                is_free = before is not None and not before.readers
            if before is not None and is_free:
                await self._run(before.ledger.close)
            return held

    def _left(self, held: _Held) -> None:
        """A page is done with a ledger: the last one closes what was replaced meanwhile."""
        with self._counting:
            held.readers -= 1
            if held.readers or held is self._held:
                return
        held.ledger.close()

    def _open(self) -> Ledger:
        return Ledger.open(
            self._home, clock=self._clock, randomness=self._randomness, write=False, station=self._station
        )

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)
