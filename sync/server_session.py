"""The route on which stations below this one sync: sections in, sections out, one session a station.

Sections are verified on all cores and stored in order on the one thread that owns the ledger; the peer is
read no faster than that goes. What was whole when a connection broke is stored.

Source: docs/protocol.md, "Sync".
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import Protocol, TypeVar

from aiohttp import web

from ledger.errors import BanjianError, EncodingError, StoreError
from ledger.facade.exchange import Exchange
from ledger.types import StationId
from sync.framing import HELLO, Section
from sync.giving import Budget
from sync.inflight import drop
from sync.ingest import Prepared, prepare
from sync.messages import decode_hello
from sync.responder import Responder
from sync.server_broken import BROKEN, hang_up, named, note
from sync.server_join import JoinDesk, problem_response, require_peer
from sync.stream import CONTENT_TYPE, Packer, Unpacker

LOG = logging.getLogger(__name__)
SESSION_PATH = "/sync/1/session"
SESSIONS_MAX = 16
READ_TIMEOUT_S = 60.0
SESSION_TIMEOUT_S = 900.0
RETRY_AFTER_S = 5
IN_FLIGHT_MAX = 6
"""Sections that are verified while an earlier one is stored."""

T = TypeVar("T")


class SessionDesk(JoinDesk, Protocol):
    """What the route asks of the station."""

    @property
    def version(self) -> str:
        """Version of this program."""

    @property
    def cores(self) -> Executor:
        """Where sections are verified."""

    async def on_ledger(self, work: Callable[[Exchange], T]) -> T:
        """Run something on the one thread that owns the ledger."""

    def refuse_new(self) -> BanjianError | None:
        """Return why no session can begin now (a full disk, a shut-down); None when one can."""

    def session_ended(self, *, stored: int) -> None:
        """Be told that a session has ended, well or not, and how many records were new."""


class Sessions:
    """The running sessions: one for each station, and no more than this machine can bear.

    A station that calls again has lost its line, whether or not this end has noticed: its new session takes
    the place of the one before. Whatever that one was storing is stored whole or not at all, for each section
    is one transaction on the ledger's one thread, and the new session is compared with what is there then.
    """

    def __init__(self, sessions_max: int = SESSIONS_MAX) -> None:
        self._max = sessions_max
        self._running: dict[StationId, asyncio.Task[web.StreamResponse]] = {}
        self._replaced: set[asyncio.Task[web.StreamResponse]] = set()

    async def run(
        self, station: StationId, work: Callable[[], Coroutine[None, None, web.StreamResponse]]
    ) -> web.StreamResponse:
        """Hold a session of a station, after the one that it left behind has ended.

        Raises:
            StoreError: ``sync.busy``: too many; ``sync.replaced`` when the station began another one.
            BanjianError: as the session itself.
        """
        while (before := self._running.get(station)) is not None:
            self._replaced.add(before)
            before.cancel()
            await asyncio.wait((before,))
        if len(self._running) >= self._max:
            raise StoreError("sync.busy", seconds=RETRY_AFTER_S)
        task = self._running[station] = asyncio.create_task(work())
        task.add_done_callback(lambda _: self._running.pop(station, None))
        try:
            return await task
        except asyncio.CancelledError:
            if task not in self._replaced:
                raise
            raise StoreError("sync.replaced", station=station) from None
        finally:
            self._replaced.discard(task)


def add_session_route(
    application: web.Application,
    desk: SessionDesk,
    *,
    budget: Budget | None = None,
    sessions: Sessions,
    log: logging.Logger = LOG,
) -> None:
    """Add the route to an application; sessions that fail are one line each in the log."""

    async def session(request: web.Request) -> web.StreamResponse:
        peer = require_peer(request, desk).station
        refusal = desk.refuse_new()
        if refusal is not None:
            raise refusal
        running = _Session(request, desk, peer, budget)

        async def work() -> web.StreamResponse:
            async with asyncio.timeout(SESSION_TIMEOUT_S):
                return await running.run()

        try:
            return await sessions.run(peer, work)
        except BROKEN as error:
            raise named(error, request.remote or "") from error
        finally:
            desk.session_ended(stored=running.stored)

    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await session(request)
        except BanjianError as error:
            note(log, error, address=request.remote or "")
            hang_up(request, at_once=error.code == "sync.replaced")
            return problem_response(error)

    application.router.add_post(SESSION_PATH, answered)


class _Session:
    def __init__(
        self, request: web.Request, desk: SessionDesk, peer: StationId, budget: Budget | None
    ) -> None:
        self._request = request
        self._desk = desk
        self._peer = peer
        self._budget = budget
        self._responder: Responder | None = None
        self._flying: deque[asyncio.Future[Prepared]] = deque()

    @property
    def stored(self) -> int:
        """Records that were new."""
        return 0 if self._responder is None else self._responder.stored

    async def run(self) -> web.StreamResponse:
        unpacker = Unpacker()
        content = self._request.content
        try:
            while data := await asyncio.wait_for(content.readany(), READ_TIMEOUT_S):
                for section in unpacker.feed(data):
                    await self._take(section)
            await self._drain(0)
        except BROKEN:
            # What was whole counts, though nobody is left to be answered.
            if self._responder is not None:
                await self._drain(0)
            raise
        finally:
            drop(self._flying)
        return await self._answer()

    async def _take(self, section: Section) -> None:
        if self._responder is None:
            if section.kind != HELLO:
                raise EncodingError("sync.order")
            hello = decode_hello(section.payload)
            desk, peer, budget = self._desk, self._peer, self._budget

            def begin(exchange: Exchange) -> Responder:
                made = Responder(exchange, peer, now_ms=desk.now_ms(), version=desk.version, budget=budget)
                made.open(hello)
                return made

            self._responder = await desk.on_ledger(begin)
            return
        self._flying.append(await self._prepare(section))
        await self._drain(IN_FLIGHT_MAX)

    async def _prepare(self, section: Section) -> asyncio.Future[Prepared]:
        ledger_id = self._desk.ledger_id
        finder = await self._desk.on_ledger(lambda exchange: exchange.public_key)
        loop = asyncio.get_running_loop()

        def work() -> Prepared:
            return prepare(section, ledger_id=ledger_id, public_key=finder)

        return loop.run_in_executor(self._desk.cores, work)

    async def _drain(self, left: int) -> None:
        responder = self._opened()
        while len(self._flying) > left:
            future = self._flying.popleft()
            try:
                prepared = await future
            except BanjianError as error:
                # One section that is nonsense: the others still count.
                responder.refuse(error)
                continue
            await self._desk.on_ledger(partial(_take, responder, prepared))

    def _opened(self) -> Responder:
        if self._responder is None:
            raise EncodingError("sync.order")
        return self._responder

    async def _answer(self) -> web.StreamResponse:
        responder, packer = self._opened(), Packer()
        sections = responder.answer()
        first = await self._next(sections)
        response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE})
        response.enable_chunked_encoding()
        await response.prepare(self._request)
        while first is not None:
            await response.write(packer.pack(first))
            first = await self._next(sections)
        await response.write(packer.end())
        await response.write_eof()
        return response

    async def _next(self, sections: Iterator[bytes]) -> bytes | None:
        return await self._desk.on_ledger(lambda _: next(sections, None))


def _take(responder: Responder, prepared: Prepared, _: Exchange) -> None:
    responder.take(prepared)
