"""``banjian serve``: the one writing process of an installation, answering its own command line.

One thread does all work on the ledger: the store has one writing connection, and acts are taken in the order
of arrival. The local socket is open to the user who runs the server and to nobody else.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from ledger import platform
from ledger.errors import BanjianError, ConfigError, StoreError
from ledger.facade import Home, Ledger
from ledger.facade.base.clock import Clock, Randomness
from ledger.facade.opened.beside import draft_log, submit_act, submit_county, submit_erasure
from ledger.facade.peering.between import accept_county_note, mark_seen
from ledger.platform import share_heap
from ledger.types import LogId, StationId, Watch
from stations.config import StationConfig
from stations.serving.bundleroute import add_bundle_route
from stations.serving.ledgerthread import LedgerThread
from stations.serving.network import Network
from stations.serving.weblog import quiet_loop
from stations.serving.wire import (
    CASES,
    ERASED,
    GENESIS,
    SEEN,
    SIGNED_BYTES_MAX,
    decode_opening,
    decode_signed,
    encode_broken_off,
    encode_error,
    encode_outcome,
    encode_performed,
    encode_value,
)
from sync.line.outcome import SoFar

if TYPE_CHECKING:
    from stations.web.site import Site

REFUSED = 409
GARBAGE_AFTER = 50_000
"""Objects made before Python looks for cycles: what records are made of has none, and many come at once."""
SWITCH_S = 0.0005
"""Longest turn of a thread while others wait: a page that is read beside a merge waits for each row."""


ASKED_FOR_BY_PAGE = ("tls.not_joined", "tls.own_certificate")
"""What a station that was restored lacks until it has joined again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where a server listens.

    Attributes:
        socket: name of the local socket.
        network: address for stations below; "" for none.
        pages: address for browsers; "" for none.
        fault: why there are no pages, or why nobody is listened to, although that was wanted.
        rolled_back: as of ``Ledger``, when it was opened.
    """

    socket: str
    network: str
    pages: str
    fault: BanjianError | None
    rolled_back: tuple[str, ...] = ()


class StationServer:
    """Holds the lock and the ledger; every request runs on the one ledger thread.

    Args:
        home: the installation folder.
        config: its settings.
        clock: for entries.
        randomness: for salts and nonces.
        started: called once the server listens, with where it does.
        keeps_in_step: whether it calls the station above by itself, or only when asked.
        watch: as of ``Ledger.open``.
    """

    def __init__(
        self,
        home: Home,
        *,
        config: StationConfig,
        clock: Clock,
        randomness: Randomness,
        started: Callable[[Listening], None],
        keeps_in_step: bool = True,
        watch: Watch | None = None,
    ) -> None:
        self._home = home
        self._watch = watch
        self._clock = clock
        self._randomness = randomness
        self._started = started
        self._thread = LedgerThread()
        self._network = Network(
            self._thread,
            home,
            config=config,
            clock=clock,
            randomness=randomness,
            keeps_in_step=keeps_in_step,
        )
        self._config = config
        self._site: Site | None = None
        self._station = StationId(config.station) if config.station else None

    @property
    def thread(self) -> LedgerThread:
        """What owns the ledger; open while the server runs."""
        return self._thread

    @property
    def network(self) -> Network:
        """What listens and calls."""
        return self._network

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until asked to stop; then sign the heads and release the lock.

        Raises:
            StoreError: ``store.locked`` when another process writes.
        """
        ledger = await self._thread.open(self._open)
        try:
            quiet_loop(self._network.log)
            runner = web.AppRunner(self.application(), access_log=None, logger=self._network.log)
            await runner.setup()
            try:
                socket, name = self._socket(runner)
                with _for_owner_alone():
                    await socket.start()
                address, unheard = await self._listen()
                pages, fault = await self._pages()
                self._started(
                    Listening(
                        socket=name,
                        network=address,
                        pages=pages,
                        fault=fault or unheard,
                        rolled_back=ledger.rolled_back,
                    )
                )
                await stop.wait()
            finally:
                if self._site is not None:
                    await self._site.stop()
                await self._network.stop()
                await runner.cleanup()
                self._remove_socket()
        finally:
            await self._thread.close(before=_sign_heads)

    def application(self) -> web.Application:
        """Return the routes."""
        application = web.Application(client_max_size=SIGNED_BYTES_MAX)
        application.router.add_post("/act", self._act)
        application.router.add_post("/county", self._county)
        application.router.add_post("/county/note", self._county_note)
        application.router.add_post("/seen", self._seen)
        application.router.add_post("/erasure", self._erasure)
        application.router.add_post("/log", self._log)
        application.router.add_post("/rebuild", self._rebuild)
        application.router.add_post("/checkpoint/{log}", self._checkpoint)
        application.router.add_get("/status", self._status)
        application.router.add_post("/sync", self._sync)
        add_bundle_route(
            application,
            self._thread,
            clock=self._clock,
            randomness=self._randomness,
            cores=self._network.cores,
        )
        return application

    async def _act(self, request: web.Request) -> web.Response:
        body = await request.read()
        return await self._answer(lambda ledger: encode_performed(submit_act(ledger, decode_signed(body))))

    async def _county(self, request: web.Request) -> web.Response:
        body = await request.read()
        return await self._answer(lambda ledger: encode_performed(submit_county(ledger, decode_signed(body))))

    async def _county_note(self, request: web.Request) -> web.Response:
        body = await request.read()
        return await self._answer(lambda ledger: accept_county_note(ledger, body).decode("utf-8"))

    async def _seen(self, _: web.Request) -> web.Response:
        return await self._answer(lambda ledger: encode_value(SEEN, mark_seen(ledger)))

    async def _erasure(self, request: web.Request) -> web.Response:
        body = await request.read()
        return await self._answer(
            lambda ledger: encode_value(ERASED, submit_erasure(ledger, decode_signed(body)))
        )

    async def _log(self, request: web.Request) -> web.Response:
        body = await request.read()

        def work(ledger: Ledger) -> str:
            kind, station, newest = decode_opening(body)
            return encode_value(GENESIS, draft_log(ledger, kind, station, newest=newest).hex())

        return await self._answer(work)

    async def _rebuild(self, _: web.Request) -> web.Response:
        return await self._answer(lambda ledger: encode_value(CASES, ledger.rebuild()))

    async def _checkpoint(self, request: web.Request) -> web.Response:
        name = request.match_info["log"]

        def work(ledger: Ledger) -> str:
            try:
                log_id = LogId(bytes.fromhex(name))
            except ValueError as error:
                raise StoreError("serve.log", log=name[:64]) from error
            return ledger.checkpoint(log_id)

        return await self._answer(work)

    async def _status(self, _: web.Request) -> web.Response:
        def work(ledger: Ledger) -> str:
            logs = [
                {"log": log.log_id.hex(), "kind": log.kind, "station": log.station, "size": log.size}
                for log in ledger.logs()
                if log.own
            ]
            return json.dumps({"pid": os.getpid(), "logs": logs})

        return await self._looked(work)

    async def _sync(self, _: web.Request) -> web.Response:
        by_now: list[SoFar] = []
        try:
            outcome = await self._network.sync_now(by_now.append)
        except BanjianError as error:
            if by_now and by_now[-1]:
                return web.Response(
                    text=encode_broken_off(error, by_now[-1]), content_type="application/json"
                )
            return web.Response(text=encode_error(error), status=REFUSED, content_type="application/json")
        return web.Response(text=encode_outcome(outcome), content_type="application/json")

    async def _answer(self, work: Callable[[Ledger], str]) -> web.Response:
        """Answer with what was written; the station above hears of it soon."""
        answer = await self._looked(work)
        if answer.status != REFUSED:
            self._network.news()
        return answer

    async def _looked(self, work: Callable[[Ledger], str]) -> web.Response:
        try:
            text = await self._thread.run(lambda: self._thread.write(work))
        except BanjianError as error:
            return web.Response(text=encode_error(error), status=REFUSED, content_type="application/json")
        return web.Response(text=text, content_type="application/json")

    def _open(self) -> Ledger:
        return Ledger.open(
            self._home,
            clock=self._clock,
            randomness=self._randomness,
            write=True,
            station=self._station,
            watch=self._watch,
        )

    async def _listen(self) -> tuple[str, BanjianError | None]:
        """Begin to listen and to call; without a certificate the pages go on, for there it is asked for anew.

        Raises:
            BanjianError: as ``Network.start``.
        """
        try:
            return await self._network.start(), None
        except ConfigError as error:
            if error.code not in ASKED_FOR_BY_PAGE or not self._config.web:
                raise
            return "", error

    async def _pages(self) -> tuple[str, BanjianError | None]:
        """Show the pages; where their address is taken, everything else goes on and says so."""
        if not self._config.web:
            return "", None
        # Templates and forms take time and memory to import: only who shows pages pays.
        from stations.web.site import Site

        self._site = Site(
            self._thread,
            self._network,
            self._home,
            config=self._config,
            clock=self._clock,
            randomness=self._randomness,
        )
        try:
            return await self._site.start(), None
        except ConfigError as error:
            return "", error

    def _socket(self, runner: web.AppRunner) -> tuple[web.BaseSite, str]:
        address = platform.local_socket_address(self._home.path)
        if address.kind == "pipe":
            return web.NamedPipeSite(runner, address.name), address.name
        # We hold the lock, so a socket that is still there belongs to a server that died.
        with suppress(FileNotFoundError):
            Path(address.name).unlink()
        return web.UnixSite(runner, address.name), address.name

    def _remove_socket(self) -> None:
        address = platform.local_socket_address(self._home.path)
        if address.kind == "unix":
            Path(address.name).unlink(missing_ok=True)


def _sign_heads(ledger: Ledger) -> None:
    for log in ledger.logs():
        if log.own and not log.doubt and log.size > log.checkpoint_size:
            ledger.checkpoint(log.log_id)


@contextmanager
def _for_owner_alone() -> Iterator[None]:
    """Let what is made meanwhile be the user's own from its first moment: a later chmod leaves a gap."""
    before = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(before)


def serve(
    home: Home,
    *,
    config: StationConfig,
    clock: Clock,
    randomness: Randomness,
    started: Callable[[Listening], None],
    watch: Watch | None = None,
) -> None:
    """Run the server until the process is asked to stop.

    Raises:
        StoreError: ``store.locked``.
        ConfigError: ``serve.address``, ``tls.*``: what ``Network.start`` refuses.
    """

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        if sys.platform != "win32":
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.set)
        server = StationServer(
            home, config=config, clock=clock, randomness=randomness, started=started, watch=watch
        )
        await server.run(stop)

    gc.set_threshold(GARBAGE_AFTER)
    # Threads here take turns in one interpreter, and need no heaps of their own.
    share_heap()
    sys.setswitchinterval(SWITCH_S)
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
