"""The network between installations: byte streams in the process, with everything that befalls real ones.

Real aiohttp clients and servers use it through ``create_unix_server`` and ``create_unix_connection``. The
path of a connection is ``<who calls>><who is called>``: so either end knows the other, as certificates
would tell.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.loop import SimLoop

Alive = Callable[[], bool]
CONNECT_HANGS_S = 40.0
PASSING_S = 0.000_001


@dataclass
class Weather:
    """What a link does to what passes over it; probabilities are for each write.

    Attributes:
        delay_s: mean delay of a piece.
        reset: the connection breaks with nothing more arriving.
        tear: it breaks after any part of the bytes has arrived.
        vanish: nothing arrives any more in this direction, and nobody is told.
        refuse: a connection is not made.
    """

    delay_s: float = 0.05
    reset: float = 0.0
    tear: float = 0.0
    vanish: float = 0.0
    refuse: float = 0.0


CLEAR = Weather()


@dataclass
class Net:
    """All links.

    Attributes:
        weather: by (caller, called); the clear sky where there is none.
        parted: links over which nothing goes.
        counts: what has happened.
        listeners: by name: protocol factory, and whether that machine is alive.
    """

    loop: SimLoop
    seed: str
    weather: dict[tuple[str, str], Weather] = field(default_factory=dict)
    parted: set[tuple[str, str]] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    listeners: dict[str, tuple[Callable[[], Any], Alive]] = field(default_factory=dict)
    pipes: list[Pipe] = field(default_factory=list)
    alive: dict[str, Alive] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = random.Random(f"net {self.seed}")
        self.loop.create_unix_server = self._serve  # type: ignore[method-assign,assignment]
        self.loop.create_unix_connection = self._connect  # type: ignore[method-assign,assignment]

    def of(self, link: tuple[str, str]) -> Weather:
        """Return the weather of a link."""
        return self.weather.get(link, CLEAR)

    def drop(self, name: str) -> None:
        """Break every connection of a machine that has died, and let it listen no more."""
        self.listeners.pop(name, None)
        for pipe in list(self.pipes):
            if name in (pipe.owner, pipe.other):
                pipe.broken(told=pipe.owner != name)

    def part(self, link: tuple[str, str]) -> None:
        """Let nothing pass over a link any more; open connections hang."""
        self.parted.add(link)

    async def _serve(self, factory: Callable[[], Any], path: str, **_: Any) -> _Server:
        self.listeners[path] = (factory, self.alive.get(path, lambda: True))
        return _Server(self, path)

    async def _connect(self, factory: Callable[[], Any], path: str, **_: Any) -> tuple[Pipe, Any]:
        caller, _sign, called = path.partition(">")
        link = caller, called
        await asyncio.sleep(self.rng.expovariate(1 / self.of(link).delay_s))
        if link in self.parted:
            self.counts["parted"] += 1
            await asyncio.sleep(CONNECT_HANGS_S)
            raise ConnectionRefusedError(path)
        held = self.listeners.get(called)
        if held is None or not held[1]() or self.rng.random() < self.of(link).refuse:
            self.counts["refused"] += 1
            raise ConnectionRefusedError(path)
        near, far = Pipe(self, link, owner=caller), Pipe(self, link, owner=called)
        near.other, far.other = called, caller
        near.peer, far.peer = far, near
        near.protocol, far.protocol = factory(), held[0]()
        self.pipes += [near, far]
        self.counts["connections"] += 1
        far.protocol.connection_made(far)
        near.protocol.connection_made(near)
        return near, near.protocol


class _Server:
    """What ``create_unix_server`` gives back."""

    sockets: tuple[()] = ()

    def __init__(self, net: Net, path: str) -> None:
        self._net, self._path = net, path

    def close(self) -> None:
        self._net.listeners.pop(self._path, None)

    def close_clients(self) -> None:
        """Nothing: connections end with their machine."""

    async def wait_closed(self) -> None:
        """Nothing to wait for."""


class Pipe(asyncio.Transport):
    """One end of a connection: an ordered stream of bytes, as TCP gives, with its faults."""

    def __init__(self, net: Net, link: tuple[str, str], *, owner: str) -> None:
        super().__init__()
        self.net, self.link, self.owner, self.other = net, link, owner, ""
        self.peer: Pipe
        self.protocol: Any = None
        self._closing = False
        self._silent = False
        self._paused = False
        self._held: list[Callable[[], None]] = []
        self._last_at = 0.0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.other if name == "station" else default

    def is_closing(self) -> bool:
        return self._closing

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol  # type: ignore[no-any-return]

    def is_reading(self) -> bool:
        return not self._paused

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        held, self._held = self._held, []
        for deliver in held:
            self._later(deliver)

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """No buffer, no limits."""

    def can_write_eof(self) -> bool:
        return False

    def writelines(self, parts: Any) -> None:
        self.write(b"".join(bytes(part) for part in parts))

    def write(self, data: Any) -> None:
        """Send; a dead machine sends nothing, and a parted link carries nothing."""
        alive = self.net.alive.get(self.owner)
        if self._closing or self._silent or (alive is not None and not alive()):
            return
        raw, weather, rng, counts = bytes(data), self.net.of(self.link), self.net.rng, self.net.counts
        counts["bytes"] += len(raw)
        self.net.loop.trace("write", self.owner, self.other, len(raw))
        if self.link in self.net.parted or rng.random() < weather.vanish:
            counts["vanished"] += 1
            self._silent = True
            return
        if rng.random() < weather.reset:
            counts["resets"] += 1
            self.abort()
            return
        if rng.random() < weather.tear:
            counts["torn"] += 1
            self._send(raw[: rng.randrange(len(raw) + 1)])
            self._silent = True
            self.net.loop.call_later(rng.uniform(0.1, 5.0), self.abort)
            return
        self._send(raw)

    def abort(self) -> None:
        self._close(ConnectionResetError("reset"))

    def close(self) -> None:
        self._close(None)

    def broken(self, *, told: bool) -> None:
        """End because a machine has died; the survivor is told at once, or after it has waited in vain."""
        if told and self.net.rng.random() < 0.5:
            self._end(ConnectionResetError("the other side died"))
        elif not told:
            self._end(None)

    def _send(self, raw: bytes) -> None:
        peer = self.peer

        def arrive() -> None:
            if peer._paused:
                peer._held.append(arrive)
            elif not peer._closing:
                peer.protocol.data_received(raw)

        self._later(arrive)

    def _later(self, deliver: Callable[[], None]) -> None:
        delay = self.net.rng.expovariate(1 / self.net.of(self.link).delay_s)
        self._last_at = max(self._last_at + PASSING_S, self.net.loop.now + delay)
        self.net.loop.call_at(self._last_at, deliver)

    def _close(self, error: Exception | None) -> None:
        if self._closing:
            return
        self._end(error)
        if self.link not in self.net.parted and not self._silent:
            self._later(lambda: self.peer._end(error))

    def _end(self, error: Exception | None) -> None:
        if self._closing:
            return
        self._closing = True
        if self in self.net.pipes:
            self.net.pipes.remove(self)
        self.net.loop.call_soon(self.protocol.connection_lost, error)
