"""A process of the demonstration: one or several stations that serve, and a director who says what happens.

Commands come as JSON lines on standard input, answers go out on standard output, in whatever order they are
ready. Each station runs the code of ``banjian serve``; the one thing that differs is the clock, which stands
where the director sets it. Nothing on the normal command line leads here.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ledger.errors import BanjianError, ConfigError
from ledger.facade import Home, Ledger
from stations.config import StationConfig
from stations.county import work
from stations.county.clock import DirectedClock
from stations.county.forms import LINE_BYTES_MAX, Message, decode, encode
from stations.county.people import roots_of
from stations.server import StationServer
from stations.serving.network import Network
from stations.serving.wire import outcome_object
from sync.line.outcome import SoFar

T = TypeVar("T")
NEVER_S = 10**7


@dataclass(slots=True, kw_only=True)
class Acting:
    """One station that serves in this process."""

    name: str
    home: Home
    clock: DirectedClock
    server: StationServer
    stop: asyncio.Event
    task: asyncio.Task[None]
    seed: int
    address: str

    async def on_ledger(self, job: Callable[[Ledger], T]) -> T:
        """Run something on the ledger's thread, as requests to the server do."""
        thread = self.server.thread
        return await thread.run(lambda: job(thread.held))


class Actor:
    """Answers the director's commands.

    Args:
        send: writes one line.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._acting: dict[str, Acting] = {}

    async def answer(self, message: Message) -> None:
        """Carry out one command and tell what came of it."""
        number = message.get("id")
        try:
            found = await self._do(message)
        except BanjianError as error:
            told: Message = {
                "code": error.code,
                "params": {
                    key: one.hex() if isinstance(one, bytes) else str(one)
                    for key, one in error.params.items()
                },
            }
            self._send(encode({"id": number, "error": told}))
        except OSError as error:
            # The director waits for an answer, whatever the system refused.
            refused: Message = {"path": str(error.filename or ""), "detail": error.strerror or str(error)}
            self._send(encode({"id": number, "error": {"code": "cli.system", "params": refused}}))
        else:
            self._send(encode({"id": number, "result": found}))

    async def end(self) -> None:
        """Stop every station."""
        for name in list(self._acting):
            await self._stop(name)

    async def _do(self, message: Message) -> object:
        name = str(message.get("station", ""))
        if message["do"] == "start":
            return await self._start(message)
        if message["do"] == "clock":
            for acting in self._acting.values():
                self._set(acting, message)
            return None
        acting = self._acting[name]
        self._set(acting, message)
        if message["do"] == "stop":
            await self._stop(name)
            return None
        if message["do"] == "sync":
            return await _sync(acting.server.network)
        if message["do"] == "act" and message.get("announce"):
            # The director waits for this line to end the process in the middle of what follows.
            self._send(encode({"id": message["id"], "begun": True}))
        if message["do"] in work.WITH_EXCHANGE:
            carry = work.WITH_EXCHANGE[str(message["do"])]
            return await acting.server.thread.exchange(
                lambda exchange: carry(exchange, message, acting.clock)
            )
        job = work.WITH_LEDGER[str(message["do"])]
        return await acting.on_ledger(lambda ledger: job(ledger, message, acting.seed))

    def _set(self, acting: Acting, message: Message) -> None:
        now = message.get("now")
        skews = message.get("skews")
        if isinstance(now, int):
            skew = skews.get(acting.name, 0) if isinstance(skews, dict) else message.get("skew", 0)
            monotonic = message.get("monotonic")
            acting.clock.set(
                now + (skew if isinstance(skew, int) else 0), monotonic if isinstance(monotonic, int) else 0
            )

    async def _start(self, message: Message) -> str:
        name, folder = str(message["station"]), Path(str(message["dir"]))
        seed = message.get("seed")
        seed = seed if isinstance(seed, int) else 0
        _require_made_up(Home(folder), seed)
        upstream = message.get("upstream")
        clock = DirectedClock(os.urandom(16))
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        config = StationConfig(
            station=name[: len("990121000000-00")],
            listen="127.0.0.1:0" if message.get("listen") else "",
            upstream=(str(upstream),) if upstream else (),
            sync_interval_s=NEVER_S,
            web="",
        )
        server = StationServer(
            Home(folder),
            config=config,
            clock=clock,
            randomness=os.urandom,
            started=lambda at: ready.set_result(at.network),
            keeps_in_step=False,
        )
        stop = asyncio.Event()
        acting = Acting(
            name=name, home=Home(folder), clock=clock, server=server, stop=stop,
            task=asyncio.create_task(server.run(stop)), seed=seed, address="",
        )  # fmt: skip
        self._set(acting, message)
        tasks: tuple[asyncio.Future[object], ...] = (acting.task, ready)  # type: ignore[assignment]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if acting.task.done():
            await acting.task
        acting.address = await ready
        self._acting[name] = acting
        return acting.address

    async def _stop(self, name: str) -> None:
        acting = self._acting.pop(name)
        acting.stop.set()
        await acting.task


def _require_made_up(home: Home, seed: int) -> None:
    """Refuse to serve the ledger of an office: here the time is what the director says.

    Raises:
        ConfigError: ``demo.other_ledger``.
    """
    with Ledger.open(home, write=False) as ledger:
        if {*ledger.genesis.root_public_keys} != {one.public_key for one in roots_of(seed)}:
            raise ConfigError("demo.other_ledger", path=str(home.path))


async def _sync(network: Network) -> dict[str, object]:
    """Sync now; a failure tells, too, how many bytes went out before it."""
    told: list[SoFar] = []
    try:
        return outcome_object(await network.sync_now(told.append))
    except BanjianError as error:
        error.params = {**error.params, "sent_bytes": told[-1].sent_bytes if told else 0}
        raise


async def _run() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    out = sys.stdout.buffer

    def send(line: bytes) -> None:
        out.write(line)
        out.flush()

    actor = Actor(send)
    running: set[asyncio.Task[None]] = set()
    while line := await reader.readline():
        task = asyncio.create_task(actor.answer(decode(line)))
        running.add(task)
        task.add_done_callback(running.discard)
    # The director closed the pipe, or is gone.
    await asyncio.gather(*running)
    await actor.end()


if __name__ == "__main__":
    asyncio.run(_run())
