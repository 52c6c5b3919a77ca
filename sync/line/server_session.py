"""The route on which stations below this one sync: sections in, sections out, one session a station.

Sections are verified on all cores and stored in order on the one thread that owns the ledger; the peer is
read no faster than that goes. What was whole when a connection broke is stored.

Source: docs/protocol.md, "Sync".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from typing import Protocol, TypeVar

from aiohttp import web

from ledger.errors import AuthorityError, BanjianError, DataError, EncodingError, StoreError
from ledger.facade.peering.exchange import Exchange
from ledger.known.verified import KeyFinder
from ledger.types import KeyId, StationId
from sync.core.framing import HELLO, Section
from sync.core.giving import Budget
from sync.core.ingest import Prepared, Preparing
from sync.core.messages import decode_hello
from sync.core.quiet import Quiet
from sync.core.requester import PASSING
from sync.core.responder import Responder
from sync.core.stream import CONTENT_TYPE, Packer, Unpacker
from sync.line.server_broken import BROKEN, hang_up, named, note
from sync.line.server_join import JoinDesk, problem_response, require_peer
from sync.preparing.storing import Storing

LOG = logging.getLogger(__name__)
SESSION_PATH = "/sync/1/session"
SESSIONS_MAX = 16
READ_TIMEOUT_S = 60.0
SESSION_TIMEOUT_S = 900.0
RETRY_AFTER_S = 5
LINE_BROKE = frozenset(("sync.torn", "sync.too_slow", "sync.replaced"))
"""How a session ends whose line has broken: with or without a word, or known by the station's next call."""

T = TypeVar("T")


class SessionDesk(JoinDesk, Protocol):
    """What the route asks of the station."""

    @property
    def version(self) -> str:
        """Version of this program."""

    @property
    def cores(self) -> Executor:
        """Where sections wait until they are prepared."""

    @property
    def prepare(self) -> Preparing:
        """What takes them apart and verifies them, as ``sync.core.ingest.prepare``."""

    async def on_ledger(self, work: Callable[[Exchange], T]) -> T:
        """Run something on the one thread that owns the ledger."""

    def refuse_new(self) -> BanjianError | None:
        """Return why no session can begin now (a full disk, a shut-down); None when one can."""

    def session_ended(self, *, stored: int, is_beside: bool) -> None:
        """Be told that a session has ended, well or not, and how many records were new.

        Args:
            stored: how many.
            is_beside: whether the peer stands elsewhere as far as the registry is known here.
        """


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
    quiet: Quiet,
    log: logging.Logger = LOG,
) -> None:
    """Add the route to an application; sessions that fail are one line each in the log.

    Args:
        application: gets the route.
        desk: the station.
        budget: how much one answer carries; None for the usual.
        sessions: those that run.
        quiet: counts sessions of which nothing came.
        log: gets the lines.
    """

    async def session(request: web.Request) -> web.StreamResponse:
        peer = require_peer(request, desk).station
        refusal = desk.refuse_new()
        if refusal is not None:
            raise refusal
        began_ms = quiet.begin(peer)
        running = _Session(request, desk, peer, budget, log)

        async def work() -> web.StreamResponse:
            async with asyncio.timeout(SESSION_TIMEOUT_S):
                return await running.run()

        code = ""
        try:
            return await sessions.run(peer, work)
        except BROKEN as error:
            told = named(error, request.remote or "")
            code = told.code
            raise told from error
        except StoreError as error:
            code = error.code
            raise
        finally:
            running.count(quiet, began_ms, broke=code in LINE_BROKE)
            desk.session_ended(stored=running.stored, is_beside=running.is_beside)

    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await session(request)
        except BanjianError as error:
            note(log, error, address=request.remote or "", **_caller(request, desk))
            hang_up(request, at_once=error.code == "sync.replaced")
            return problem_response(error)

    application.router.add_post(SESSION_PATH, answered)


class _Session:
    def __init__(
        self,
        request: web.Request,
        desk: SessionDesk,
        peer: StationId,
        budget: Budget | None,
        log: logging.Logger,
    ) -> None:
        self._request = request
        self._log = log
        self._desk = desk
        self._peer = peer
        self._budget = budget
        self._responder: Responder | None = None
        self._finder: KeyFinder = _nobody

    @property
    def stored(self) -> int:
        """Records that were new."""
        return 0 if self._responder is None else self._responder.stored

    @property
    def is_beside(self) -> bool:
        """Whether the registry has the peer elsewhere."""
        return self._responder is not None and self._responder.is_beside

    def count(self, quiet: Quiet, began_ms: int, *, broke: bool) -> None:
        """Tell whoever counts quiet sessions what has come of this one, and whether its line broke."""
        made = self._responder
        said, given = (0, 0) if made is None else (made.said, made.given)
        quiet.ended(self._peer, began_ms, stored=self.stored, said=said, given=given, broke=broke)

    async def run(self) -> web.StreamResponse:
        """Hold the session; what of it was refused is kept, however it ends.

        Raises:
            BanjianError: why there is no answer.
            OSError: and what else ``BROKEN`` has: the line broke.
        """
        ended_by: list[tuple[str, str]] = []
        try:
            return await self._hold()
        except (AuthorityError, DataError) as error:
            ended_by.append((error.code, ""))
            raise
        finally:
            await self._keep(ended_by)

    async def _keep(self, ended_by: list[tuple[str, str]]) -> None:
        """Keep what was refused, and write a line for each code: the answer goes to who may be at fault.

        Where it cannot be kept a line says so: what the session came to stands, for it has been answered.
        """
        said = () if self._responder is None else self._responder.refused
        told = [(one.code, one.log_id.hex() if any(one.log_id) else "") for one in said]
        refused = dict.fromkeys(ended_by + [one for one in told if one[0] not in PASSING])
        if not refused:
            return
        desk, peer = self._desk, self._peer
        for code in dict.fromkeys(code for code, _ in refused if (code, "") not in ended_by):
            note(self._log, DataError(code), address=self._request.remote or "", station=peer)
        try:
            await desk.on_ledger(
                lambda exchange: exchange.peers.note_refused(peer, refused, now_ms=desk.now_ms())
            )
        except StoreError as error:
            note(self._log, error, address=self._request.remote or "", station=peer)

    async def _hold(self) -> web.StreamResponse:
        storing = Storing(self._store, self._refuse)
        try:
            await self._read(storing)
            await storing.finish()
        except BROKEN:
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
        work = partial(desk.prepare, section, ledger_id=desk.ledger_id, public_key=self._finder)
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


def _caller(request: web.Request, desk: SessionDesk) -> dict[str, str]:
    """Return the station whose certificate a caller showed, as a field of a line; nothing without one."""
    with suppress(BanjianError):
        return {"station": require_peer(request, desk).station}
    return {}


def _nobody(_: KeyId) -> None:
    """Before the hello no author is known."""


def _take_run(responder: Responder, run: Sequence[Prepared], _: Exchange) -> None:
    responder.take_run(run)
