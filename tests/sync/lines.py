"""Lines between stations on one machine, that carry what passes as a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

Carry: TypeAlias = Callable[
    [asyncio.StreamReader, asyncio.StreamWriter, asyncio.StreamWriter], Coroutine[Any, Any, None]
]
"""Carries one way of one connection: where it comes from, where it goes, and the way back to the sender."""


@asynccontextmanager
async def line(address: str, *, up: Carry, down: Carry) -> AsyncIterator[str]:
    """Pass connections on to an address of ``https``; yields the address of the near end."""
    host, _, port = address.removeprefix("https://").rpartition(":")
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        loop = asyncio.get_running_loop()
        tasks.add(loop.create_task(up(reader, far_writer, writer)))
        tasks.add(loop.create_task(down(far_reader, writer, far_writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
