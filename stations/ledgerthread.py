"""The one thread that owns an open ledger, and what runs on it.

The store has one writing connection, and acts are taken in the order of arrival; so everything that touches
the ledger runs here, one after the other, whoever asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ledger.errors import StoreError
from ledger.facade import Ledger
from ledger.facade.between import exchange_of
from ledger.facade.exchange import Exchange
from ledger.types import LedgerId

T = TypeVar("T")


class LedgerThread:
    """Runs work on the ledger's thread; made closed."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._ledger: Ledger | None = None
        self._exchange: Exchange | None = None
        self._ledger_id = LedgerId(b"")

    @property
    def ledger_id(self) -> LedgerId:
        """The pinned ledger."""
        return self._ledger_id

    @property
    def held(self) -> Ledger:
        """The open ledger; to be used on its own thread.

        Raises:
            StoreError: ``serve.unreachable`` while it is closed.
        """
        if self._ledger is None:
            raise StoreError("serve.unreachable")
        return self._ledger

    def check_writable(self) -> None:
        """Refuse where nothing can be written now; may be asked from any thread.

        Raises:
            StoreError: ``serve.unreachable``.
        """
        if self._ledger is None:
            raise StoreError("serve.unreachable")

    async def open(self, open_ledger: Callable[[], Ledger]) -> Ledger:
        """Open the ledger on the thread."""

        def work() -> Ledger:
            self._ledger = open_ledger()
            self._ledger_id = self._ledger.ledger_id
            return self._ledger

        return await self.run(work)

    async def close(self, before: Callable[[Ledger], None] | None = None) -> None:
        """Close the ledger, after a last piece of work, and end the thread."""

        def work() -> None:
            ledger, self._ledger, self._exchange = self._ledger, None, None
            if ledger is None:
                return
            try:
                if before is not None:
                    before(ledger)
            finally:
                ledger.close()

        await self.run(work)
        self._thread.shutdown()

    async def run(self, work: Callable[[], T]) -> T:
        """Run something on the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def exchange(self, work: Callable[[Exchange], T]) -> T:
        """Run something with what the installation exchanges with others."""

        def on_thread() -> T:
            ledger = self.held
            if self._exchange is None:
                self._exchange = exchange_of(ledger)
            return work(self._exchange)

        return await self.run(on_thread)
