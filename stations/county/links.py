"""The lines between the stations: each runs through a relay of the director, which may cut it at any byte.

A relay keeps its port while the station behind it is started anew on another one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

CHUNK_BYTES = 16 * 1024


class Line:
    """One line from a lower station to the one above it."""

    def __init__(self) -> None:
        self.target_port = 0
        self.is_up = True
        self.cuts_made = 0
        self._cuts: deque[int] = deque()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> str:
        """Listen; returns the address that the lower station calls."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return f"https://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Stop listening and end what is open."""
        if self._server is not None:
            self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def cut_next(self, sizes: list[int]) -> None:
        """Let the next connections break after so many bytes, both ways together."""
        self._cuts.extend(sizes)

    def hang_up(self) -> None:
        """End the open connections: the next sync opens a new one."""
        for task in list(self._open):
            task.cancel()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._relay(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = Allowance(self._cuts.popleft() if self._cuts else None)
        writers = [writer]
        try:
            if not self.is_up:
                return
            there, back = await asyncio.open_connection("127.0.0.1", self.target_port)
            writers.append(back)
            ways = {
                asyncio.create_task(_pump(reader, back, left)),
                asyncio.create_task(_pump(there, writer, left)),
            }
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass  # the station above does not listen: the lower one sees a line that closes
        finally:
            self.cuts_made += left.is_cut
            for one in writers:
                with suppress(OSError, RuntimeError):
                    one.transport.abort() if left.is_cut else one.close()


class Allowance:
    """Bytes that a connection may still carry; None for as many as come."""

    def __init__(self, left: int | None) -> None:
        self._left = left
        self.is_cut = False

    def take(self, data: bytes) -> bytes:
        """Return what may still pass of some bytes."""
        if self._left is None:
            return data
        passed = data[: self._left]
        self._left -= len(passed)
        self.is_cut = self._left == 0
        return passed


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: Allowance) -> None:
    with suppress(OSError):
        while not left.is_cut and (data := await reader.read(CHUNK_BYTES)):
            writer.write(left.take(data))
            await writer.drain()
