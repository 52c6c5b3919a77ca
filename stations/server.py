"""``banjian serve``: the one writing process of an installation, answering its own command line.

One thread does all work on the ledger: the store has one writing connection, and acts are taken in the order
of arrival. The local socket is open to the user who runs the server and to nobody else.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from aiohttp import web

from ledger import platform
from ledger.act import decode_act
from ledger.errors import BanjianError, StoreError
from ledger.facade import Home, Ledger
from ledger.facade.beside import draft_log, submit_county, submit_erasure
from ledger.facade.clock import Clock, Randomness
from ledger.types import LogId
from stations.wire import (
    CASES,
    ERASED,
    GENESIS,
    SIGNED_BYTES_MAX,
    decode_opening,
    decode_signed,
    encode_error,
    encode_performed,
    encode_value,
)

T = TypeVar("T")
REFUSED = 409


class StationServer:
    """Holds the lock and the ledger; every request runs on the one ledger thread.

    Args:
        home: the installation folder.
        clock: for entries.
        randomness: for salts and nonces.
        started: called with the address once the server listens.
    """

    def __init__(
        self, home: Home, *, clock: Clock, randomness: Randomness, started: Callable[[str], None]
    ) -> None:
        self._home = home
        self._clock = clock
        self._randomness = randomness
        self._started = started
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._ledger: Ledger | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until asked to stop; then sign the heads and release the lock.

        Raises:
            StoreError: ``store.locked`` when another process writes.
        """
        ledger = await self._on_thread(self._open)
        try:
            runner = web.AppRunner(self.application(), access_log=None)
            await runner.setup()
            try:
                site, name = self._site(runner)
                with _for_owner_alone():
                    await site.start()
                self._started(name)
                await stop.wait()
            finally:
                await runner.cleanup()
                self._remove_socket()
        finally:
            await self._on_thread(lambda: self._close(ledger))
            self._thread.shutdown()

    def application(self) -> web.Application:
        """Return the routes."""
        application = web.Application(client_max_size=SIGNED_BYTES_MAX)
        application.router.add_post("/act", self._act)
        application.router.add_post("/county", self._county)
        application.router.add_post("/erasure", self._erasure)
        application.router.add_post("/log", self._log)
        application.router.add_post("/rebuild", self._rebuild)
        application.router.add_post("/checkpoint/{log}", self._checkpoint)
        application.router.add_get("/status", self._status)
        return application

    async def _act(self, request: web.Request) -> web.Response:
        body = await request.read()

        def work() -> str:
            signed = decode_signed(body)
            return encode_performed(self._held().submit(signed, decode_act(signed.raw).station))

        return await self._answer(work)

    async def _county(self, request: web.Request) -> web.Response:
        body = await request.read()
        return await self._answer(lambda: encode_performed(submit_county(self._held(), decode_signed(body))))

    async def _erasure(self, request: web.Request) -> web.Response:
        body = await request.read()
        return await self._answer(
            lambda: encode_value(ERASED, submit_erasure(self._held(), decode_signed(body)))
        )

    async def _log(self, request: web.Request) -> web.Response:
        body = await request.read()

        def work() -> str:
            kind, station = decode_opening(body)
            return encode_value(GENESIS, draft_log(self._held(), kind, station).hex())

        return await self._answer(work)

    async def _rebuild(self, request: web.Request) -> web.Response:
        return await self._answer(lambda: encode_value(CASES, self._held().rebuild()))

    async def _checkpoint(self, request: web.Request) -> web.Response:
        name = request.match_info["log"]

        def work() -> str:
            try:
                log_id = LogId(bytes.fromhex(name))
            except ValueError as error:
                raise StoreError("serve.log", log=name[:64]) from error
            return self._held().checkpoint(log_id)

        return await self._answer(work)

    async def _status(self, request: web.Request) -> web.Response:
        def work() -> str:
            logs = [
                {"log": log.log_id.hex(), "kind": log.kind, "station": log.station, "size": log.size}
                for log in self._held().logs()
                if log.own
            ]
            return json.dumps({"pid": os.getpid(), "logs": logs})

        return await self._answer(work)

    async def _answer(self, work: Callable[[], str]) -> web.Response:
        try:
            return web.Response(text=await self._on_thread(work), content_type="application/json")
        except BanjianError as error:
            return web.Response(text=encode_error(error), status=REFUSED, content_type="application/json")

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _held(self) -> Ledger:
        if self._ledger is None:
            raise StoreError("serve.unreachable")
        return self._ledger

    def _open(self) -> Ledger:
        ledger = Ledger.open(self._home, clock=self._clock, randomness=self._randomness, write=True)
        self._ledger = ledger
        return ledger

    def _close(self, ledger: Ledger) -> None:
        self._ledger = None
        try:
            for log in ledger.logs():
                if log.own and not log.doubt and log.size > log.checkpoint_size:
                    ledger.checkpoint(log.log_id)
        finally:
            ledger.close()

    def _site(self, runner: web.AppRunner) -> tuple[web.BaseSite, str]:
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


@contextmanager
def _for_owner_alone() -> Iterator[None]:
    """Let what is made meanwhile be the user's own from its first moment: a later chmod leaves a gap."""
    before = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(before)


def serve(home: Home, *, clock: Clock, randomness: Randomness, started: Callable[[str], None]) -> None:
    """Run the server until the process is asked to stop.

    Raises:
        StoreError: ``store.locked``.
    """

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        if sys.platform != "win32":
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.set)
        await StationServer(home, clock=clock, randomness=randomness, started=started).run(stop)

    with suppress(KeyboardInterrupt):
        asyncio.run(main())
