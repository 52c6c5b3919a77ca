"""The one thread that owns an open ledger, and what runs on it.

The store has one writing connection, and acts are taken in the order of arrival; so everything that touches
the ledger runs here, one after the other, whoever asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from ledger.errors import StoreError
from ledger.facade import Ledger
from ledger.facade.peering.between import exchange_of, note_outside
from ledger.facade.peering.exchange import Exchange
from ledger.registry.registry import Registry
from ledger.types import LedgerId

T = TypeVar("T")
PAGES_FIRST_S = 0.1
"""How long a piece of a merge waits for pages that somebody is looking at; then it goes on all the same."""
_LOOK_S = 0.004


class LedgerThread:
    """Runs work on the ledger's thread; made closed."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._ledger: Ledger | None = None
        self._exchange: Exchange | None = None
        self._open_ledger: Callable[[], Ledger] | None = None
        self._known: Ledger | None = None
        self._ledger_id = LedgerId(b"")
        self._pages = 0
        self._changed = False
        self.opened = 0
        """How often the ledger was opened: who reads beside it opens it again as well."""

    @contextmanager
    def page(self) -> Iterator[None]:
        """A page is read beside the ledger's thread, in the same interpreter: merges let it pass first."""
        self._pages += 1
        try:
            yield
        finally:
            self._pages -= 1

    @property
    def ledger_id(self) -> LedgerId:
        """The pinned ledger."""
        return self._ledger_id

    @property
    def held(self) -> Ledger:
        """The open ledger; to be used on its own thread.

        A store that cannot go on (the disk failed in a commit, the database server was restarted, another
        program wrote into the file) is opened again: what this process remembers of it may not hold any more.

        Raises:
            StoreError: ``serve.unreachable`` before it was opened and once it is closed; the store's own
                reasons while it cannot be opened again.
        """
        if self._ledger is not None and not self._ledger.store.usable():
            lost, self._ledger, self._exchange = self._ledger, None, None
            self._changed = self._changed or lost.store.changed_outside()
            lost.close()
        if self._open_ledger is None:
            raise StoreError("serve.unreachable")
        if self._ledger is None:
            self._ledger = self._known = self._open_ledger()
            self.opened += 1
        if self._changed:
            # Perhaps nobody saw the refusal: the station calls by itself, too. Looked at each time: the note
            # itself may fail.
            note_outside(self._ledger)
            self._changed = False
        return self._ledger

    def write(self, work: Callable[[Ledger], T]) -> T:
        """Run something that writes; to be called on the thread.

        Where another program was at the file (a checkpoint of it suffices), nothing was written: the ledger
        is opened anew, which compares everything, and the work is done once more by what it says now. Only
        work that had written nothing before is: else an act would be signed twice.
        """
        ledger = self.held
        before = ledger.store.writes()
        try:
            return work(ledger)
        except StoreError as error:
            if error.code != "store.changed_outside" or ledger.store.writes() != before:
                raise
        return work(self.held)

    def registry(self) -> Registry:
        """Return the registry as it was last known; may be asked from any thread.

        Raises:
            StoreError: ``serve.unreachable`` before the ledger was opened.
        """
        if self._known is None:
            raise StoreError("serve.unreachable")
        return self._known.knowledge.registry

    def check_writable(self) -> None:
        """Refuse where nothing can be written now; may be asked from any thread.

        Raises:
            StoreError: ``serve.unreachable``.
        """
        if self._open_ledger is None:
            raise StoreError("serve.unreachable")

    async def open(self, open_ledger: Callable[[], Ledger]) -> Ledger:
        """Open the ledger on the thread."""

        def work() -> Ledger:
            ledger = self._ledger = self._known = open_ledger()
            self._ledger_id = ledger.ledger_id
            self._open_ledger = open_ledger
            return ledger

        return await self.run(work)

    async def close(self, before: Callable[[Ledger], None] | None = None) -> None:
        """Close the ledger, after a last piece of work, and end the thread."""

        def work() -> None:
            ledger, self._ledger, self._exchange = self._ledger, None, None
            self._open_ledger = None
            if ledger is None:
                return
            try:
                if before is not None:
                    before(ledger)
            finally:
                ledger.close()

        try:
            await self.run(work)
        finally:
            self._thread.shutdown()

    async def run(self, work: Callable[[], T]) -> T:
        """Run something on the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def exchange(self, work: Callable[[Exchange], T]) -> T:
        """Run something with what the installation exchanges with others; people's pages pass first."""
        waits = int(PAGES_FIRST_S / _LOOK_S)
        while self._pages and waits:
            waits -= 1
            await asyncio.sleep(_LOOK_S)

        def on_thread() -> T:
            ledger = self.held
            if self._exchange is None:
                self._exchange = exchange_of(ledger)
            return work(self._exchange)

        return await self.run(on_thread)
