"""Open pages hear of what changes: server-sent events, made by one look a second for all of them.

A page that listens does nothing by itself: it keeps no browser unlocked, and learns when its own was locked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from ledger.errors import BanjianError
from ledger.facade import Ledger
from ledger.facade.peering.between import sync_status
from ledger.facade.peering.syncstatus import SyncStatus
from stations.checkup.clockdoubt import clock_doubt
from stations.web.access import Access
from stations.web.browsers import Browser
from stations.web.headers import dressed
from stations.web.keyholders import own_stations
from stations.web.standing import settle
from stations.web.visit import Visit

LOOK_S = 1.0
BEAT_LOOKS = 15
"""After so many looks a comment is sent: a page that is gone is noticed by that."""
LISTENERS_MAX = 200
_FULL = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What tells that something changed: records held here, and everything that the line of safety says.

    Attributes:
        clock: code of why the clock cannot be right; "" where nothing speaks against it.
    """

    records: tuple[int, int]
    status: SyncStatus | None
    clock: str


class Pulse:
    """What all pages of a site listen to; looks only while somebody does.

    Args:
        access: reads the ledger.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._listeners: set[asyncio.Queue[str]] = set()
        self._task: asyncio.Task[None] | None = None
        self._known: Signs | None = None

    @property
    def is_full(self) -> bool:
        """Whether nobody else is listened for: they ask now and then instead."""
        return len(self._listeners) >= LISTENERS_MAX

    def listen(self) -> asyncio.Queue[str]:
        """Return a queue that gets the names of what changes; "" when the site stops."""
        queue: asyncio.Queue[str] = asyncio.Queue(maxsize=16)
        self._listeners.add(queue)
        if self._task is None:
            self._task = asyncio.create_task(self._look())
        return queue

    def leave(self, queue: asyncio.Queue[str]) -> None:
        """Stop listening."""
        self._listeners.discard(queue)
        if not self._listeners and self._task is not None:
            self._task.cancel()
            self._task = self._known = None

    async def stop(self) -> None:
        """Let every stream end."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        self._tell("")

    async def _look(self) -> None:
        while True:
            # What cannot be read now is looked at again: the pages themselves say what is wrong.
            with suppress(BanjianError):
                found = await self._access.read(_read_signs)
                known, self._known = self._known, found
                if known is not None and found != known:
                    self._tell("safety")
                    if found.records != known.records:
                        self._tell("acts")
            await asyncio.sleep(LOOK_S)

    def _tell(self, name: str) -> None:
        for queue in self._listeners:
            if queue.full() and name:
                # Who is that far behind hears of a change anyway.
                continue
            if queue.full():
                # That the site stops must reach everybody: it waits for all streams.
                queue.get_nowait()
            queue.put_nowait(name)


PULSE: web.AppKey[Pulse] = web.AppKey("pulse", Pulse)


async def events(visit: Visit) -> web.StreamResponse:
    """Stream the names of what changes until the page is closed, the browser locked or the site stopped."""
    pulse = visit.request.app[PULSE]
    if pulse.is_full:
        return web.Response(status=_FULL)
    browser = visit.browser
    # As it was when the guard let it in: whoever is signed out while the stream begins must learn it too.
    is_over = partial(_is_over, visit, browser, browser.acting, browser.token)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    dressed(response, store=False)
    await response.prepare(visit.request)
    queue = pulse.listen()
    try:
        await stream(queue, response.write, is_over)
    except ConnectionError:
        # The page was closed: nobody is left to be told.
        return response
    finally:
        pulse.leave(queue)
    return response


async def stream(
    queue: asyncio.Queue[str],
    write: Callable[[bytes], Awaitable[object]],
    is_over: Callable[[], Awaitable[bool]],
) -> None:
    """Pass on the names of what changes until the site stops or the page's person is gone.

    Args:
        queue: what the pulse tells.
        write: sends to the page.
        is_over: whether the browser was locked or its key has ended; asked once a second, however much news
            comes meanwhile: an office that is busy must not keep a page open whose person is gone.
    """
    await write(b"retry: 5000\n\n")
    loop = asyncio.get_running_loop()
    looks, due_s = 0, loop.time() + LOOK_S
    while True:
        if loop.time() >= due_s:
            looks, due_s = looks + 1, loop.time() + LOOK_S
            if await is_over():
                await write(b"event: locked\ndata:\n\n")
                return
            if looks % BEAT_LOOKS == 0:
                await write(b": \n\n")
        try:
            async with asyncio.timeout_at(due_s):
                name = await queue.get()
        except TimeoutError:
            continue
        if not name:
            return
        await write(f"event: {name}\ndata:\n\n".encode("ascii"))


def _read_signs(ledger: Ledger) -> Signs:
    station = ledger.main_station or next(iter(own_stations(ledger)), None)
    if station is None:
        return Signs(records=(0, 0), status=None, clock="")
    status = sync_status(ledger, station)
    doubt = clock_doubt(ledger, ledger.clock.now_ms())
    records = (status.entries, status.feed_number)
    return Signs(records=records, status=status, clock="" if doubt is None else doubt.code)


async def _is_over(visit: Visit, browser: Browser, acting: str, token: str) -> bool:
    """Tell whether this browser was locked, the key has ended, or somebody else acts in it now."""
    visit.office.browsers.lock_idle(browser)
    if browser.acting == acting and browser.token == token:
        # What cannot be read now is looked at again.
        with suppress(BanjianError):
            await settle(visit.office.access, visit.office.home, browser)
    return browser.acting != acting or browser.token != token
