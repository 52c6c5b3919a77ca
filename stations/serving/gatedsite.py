"""Listening through a gate: every connection is counted from its accept on, before the first byte is read.

aiohttp sees a connection when the handshake is over, and asyncio's own server would let any number wait for
that. So the server here accepts plain connections, asks the gate, and begins TLS on those that are let in.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from aiohttp import web

from ledger.errors import BanjianError
from ledger.types import LedgerId, StationId
from stations.serving.gate import Gate, Visitor
from sync.certs.tls import peer_leaf

Handlers = Callable[[], asyncio.Protocol]


class GatedSite:
    """Listens on an address for what an aiohttp runner answers.

    Args:
        runner: set up; made with ``keepalive_timeout`` of the gate's rule, which aiohttp also counts from the
            handshake to the end of the first request head.
        context: the listener's TLS.
        gate: who is let in.
        ledger_id: whose certificates count as proof.
    """

    def __init__(
        self, runner: web.AppRunner, *, context: ssl.SSLContext, gate: Gate, ledger_id: LedgerId
    ) -> None:
        self._runner = runner
        self._context = context
        self._gate = gate
        self._ledger_id = ledger_id
        self._server: asyncio.Server | None = None
        self._arriving: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """Begin to listen; returns the port.

        Raises:
            OSError, OverflowError: the address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Arrival(self._arrived), host or None, port)
        return int(self._server.sockets[0].getsockname()[1])

    def take(self, context: ssl.SSLContext) -> None:
        """Show another certificate to whoever arrives from now on."""
        self._context = context

    async def stop(self) -> None:
        """Let nobody in any more; what runs is ended by the runner."""
        if self._server is not None:
            self._server.close()
        for task in self._arriving:
            task.cancel()

    def _arrived(self, transport: asyncio.Transport) -> None:
        address = str((transport.get_extra_info("peername") or ("?",))[0])
        visitor = self._gate.arrive(address, transport.abort)
        if visitor is None:
            transport.abort()
            return
        # What comes is for the handshake, and nobody else may read it.
        transport.pause_reading()
        task = asyncio.get_running_loop().create_task(self._receive(transport, visitor))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def _receive(self, transport: asyncio.Transport, visitor: Visitor) -> None:
        loop, gate = asyncio.get_running_loop(), self._gate
        inside = _Inside(lambda: gate.leave(visitor))
        secured: asyncio.Transport | None = None
        try:
            secured = await loop.start_tls(
                transport,
                inside,
                self._context,
                server_side=True,
                ssl_handshake_timeout=gate.rule.handshake_s,
            )
        except OSError:
            # Scanners, lines that break, certificates of another county: what the caller has to know went out
            # as an alert.
            transport.abort()
        finally:
            if secured is None:
                gate.leave(visitor)
        handlers = cast(Handlers | None, self._runner.server)
        if secured is None or handlers is None or transport.is_closing():
            gate.leave(visitor)
            transport.abort()
            return
        visitor.hang_up = secured.abort
        station = self._station(secured)
        if station:
            gate.proved(visitor, station)
        else:
            inside.deadline = loop.call_later(gate.rule.unproven_s, secured.abort)
        inside.begin(handlers(), secured)

    def _station(self, secured: asyncio.BaseTransport) -> StationId:
        """Return whose certificate was shown, "" for none; whether it is good for more, the routes ask."""
        with suppress(BanjianError):
            return peer_leaf(
                secured.get_extra_info("ssl_object"), ledger_id=self._ledger_id, now_ms=None
            ).station
        return StationId("")


class _Arrival(asyncio.Protocol):
    def __init__(self, arrived: Callable[[asyncio.Transport], None]) -> None:
        self._arrived = arrived

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._arrived(cast(asyncio.Transport, transport))


class _Inside(asyncio.Protocol):
    """Hands everything on to aiohttp's protocol, which comes when the handshake is over; tells of the end."""

    def __init__(self, left: Callable[[], None]) -> None:
        self._handler: asyncio.Protocol | None = None
        self._left = left
        self._early = bytearray()
        self.deadline: asyncio.TimerHandle | None = None

    def begin(self, handler: asyncio.Protocol, transport: asyncio.Transport) -> None:
        """Let aiohttp answer; what came in the same moment as the end of the handshake is its first."""
        self._handler = handler
        handler.connection_made(transport)
        if self._early:
            handler.data_received(bytes(self._early))
            self._early.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        self._left()
        if self.deadline is not None:
            self.deadline.cancel()
        if self._handler is not None:
            self._handler.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._handler is None:
            self._early += data
        else:
            self._handler.data_received(data)

    def eof_received(self) -> bool | None:
        return None if self._handler is None else self._handler.eof_received()

    def pause_writing(self) -> None:
        if self._handler is not None:
            self._handler.pause_writing()

    def resume_writing(self) -> None:
        if self._handler is not None:
            self._handler.resume_writing()
