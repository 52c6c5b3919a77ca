"""The route on which stations below this one sync: sections in, sections out, one session a station.

Sections are verified on all cores and stored in order on the one thread that owns the ledger; the peer is
read no faster than that goes. What was whole when a connection broke is stored.

Source: docs/protocol.md, "Sync".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Protocol, TypeVar

from aiohttp import web

from ledger.errors import BanjianError, EncodingError, StoreError
from ledger.facade.exchange import Exchange
from ledger.types import KeyId, StationId
from ledger.verified import KeyFinder, SignatureCheck
from sync.framing import HELLO, Section
from sync.giving import Budget
from sync.ingest import Prepared, prepare
from sync.messages import decode_hello
from sync.responder import Responder
from sync.server_join import JoinDesk, problem_response, require_peer, told
from sync.storing import Storing
from sync.stream import CONTENT_TYPE, Packer, Unpacker

SESSION_PATH = "/sync/1/session"
SESSIONS_MAX = 16
READ_TIMEOUT_S = 60.0
SESSION_TIMEOUT_S = 900.0
RETRY_AFTER_S = 5

T = TypeVar("T")


class SessionDesk(JoinDesk, Protocol):
    """What the route asks of the station."""

    @property
    def version(self) -> str:
        """Version of this program."""

    @property
    def cores(self) -> Executor:
        """Where sections are taken apart."""

    @property
    def signatures(self) -> SignatureCheck:
        """What checks their signatures."""

    async def on_ledger(self, work: Callable[[Exchange], T]) -> T:
        """Run something on the one thread that owns the ledger."""

    def refuse_new(self) -> BanjianError | None:
        """Return why no session can begin now (a full disk, a shut-down); None when one can."""

    def session_ended(self, *, stored: int) -> None:
        """Be told that a session has ended, well or not, and how many records were new."""


class Sessions:
    """The running sessions: one for each station, and no more than this machine can bear."""

    def __init__(self, sessions_max: int = SESSIONS_MAX) -> None:
        self._max = sessions_max
        self._running: set[StationId] = set()

    def begin(self, station: StationId) -> None:
        """Count a session in.

        Raises:
            StoreError: ``sync.busy``: too many, or one of this station is still running.
        """
        if station in self._running or len(self._running) >= self._max:
            raise StoreError("sync.busy", seconds=RETRY_AFTER_S)
        self._running.add(station)

    def end(self, station: StationId) -> None:
        """Count a session out."""
        self._running.discard(station)


def add_session_route(
    application: web.Application, desk: SessionDesk, *, budget: Budget | None = None, sessions: Sessions
) -> None:
    """Add the route to an application."""

    async def session(request: web.Request) -> web.StreamResponse:
        peer = require_peer(request, desk).station
        refusal = desk.refuse_new()
        if refusal is not None:
            raise refusal
        sessions.begin(peer)
        running = _Session(request, desk, peer, budget)
        try:
            async with asyncio.timeout(SESSION_TIMEOUT_S):
                return await running.run()
        finally:
            sessions.end(peer)
            desk.session_ended(stored=running.stored)

    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await told(session)(request)
        except TimeoutError:
            return problem_response(StoreError("sync.too_slow"))
        except ConnectionError:
            # The line broke while the answer was under way: nobody is left to tell, and it is no fault here.
            return problem_response(StoreError("sync.torn", address=request.remote or ""))

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
        self._finder: KeyFinder = _nobody

    @property
    def stored(self) -> int:
        """Records that were new."""
        return 0 if self._responder is None else self._responder.stored

    async def run(self) -> web.StreamResponse:
        storing = Storing(self._store, self._refuse)
        try:
            await self._read(storing)
            await storing.finish()
        except ConnectionError:
            # What was whole counts, though nobody is left to be answered.
            await storing.finish()
            raise
        finally:
            await storing.close()
        return await self._answer()

    async def _read(self, storing: Storing) -> None:
        unpacker = Unpacker()
        content = self._request.content
        while data := await asyncio.wait_for(content.readany(), READ_TIMEOUT_S):
            for section in unpacker.feed(data):
                if self._responder is None:
                    await self._begin(section)
                else:
                    await storing.put(self._prepare(section))

    async def _begin(self, section: Section) -> None:
        if section.kind != HELLO:
            raise EncodingError("sync.order")
        hello = decode_hello(section.payload)
        desk, peer, budget = self._desk, self._peer, self._budget

        def begin(exchange: Exchange) -> Responder:
            made = Responder(exchange, peer, now_ms=desk.now_ms(), version=desk.version, budget=budget)
            made.open(hello)
            return made

        self._responder = await desk.on_ledger(begin)
        # Once for all sections: to ask again would mean to wait for what is being stored.
        self._finder = await desk.on_ledger(lambda exchange: exchange.public_key)

    def _prepare(self, section: Section) -> asyncio.Future[Prepared]:
        desk = self._desk
        work = partial(
            prepare,
            section,
            ledger_id=desk.ledger_id,
            public_key=self._finder,
            signatures=desk.signatures,
        )
        return asyncio.get_running_loop().run_in_executor(desk.cores, work)

    async def _store(self, run: Sequence[Prepared]) -> None:
        await self._desk.on_ledger(partial(_take_run, self._opened(), run))

    def _refuse(self, error: BanjianError) -> None:
        self._opened().refuse(error)

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


def _nobody(_: KeyId) -> None:
    """Before the hello no author is known."""


def _take_run(responder: Responder, run: Sequence[Prepared], _: Exchange) -> None:
    responder.take_run(run)
