"""The server's socket belongs to the user who runs it from the moment at which it exists."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest
from aiohttp import web

from ledger.facade import Home
from ledger.platform import local_socket_address
from stations.cli.remote import rebuild_remote, status_remote
from stations.config import StationConfig
from stations.server import StationServer
from tests.facade.counter import Dice, FakeClock

pytestmark = pytest.mark.layer("unix_socket")


def test_nobody_else_can_connect_even_while_the_server_starts(
    place: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    socket = Path(local_socket_address(place).name)
    start = web.UnixSite.start

    async def looking(site: web.UnixSite) -> None:
        await start(site)
        modes.append(stat.S_IMODE(os.stat(socket).st_mode))

    monkeypatch.setattr(web.UnixSite, "start", looking)

    async def main() -> None:
        stop = asyncio.Event()
        server = StationServer(
            Home(place),
            config=StationConfig(),
            clock=clock,
            randomness=Dice("server"),
            started=lambda *_where: stop.set(),
        )
        await server.run(stop)

    asyncio.run(main())
    assert modes and all(mode & 0o077 == 0 for mode in modes)


def test_who_looks_brings_no_news(place: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """``banjian doctor`` asks for the status: that is no reason to call the station above."""
    heard: list[str] = []

    async def main() -> None:
        stop, ready = asyncio.Event(), asyncio.Event()
        server = StationServer(
            Home(place),
            config=StationConfig(),
            clock=clock,
            randomness=Dice("server"),
            started=lambda *_where: ready.set(),
        )
        monkeypatch.setattr(server.network, "news", lambda: heard.append("news"))
        running = asyncio.create_task(server.run(stop))
        await ready.wait()
        assert "pid" in await asyncio.to_thread(status_remote, Home(place))
        assert heard == []
        await asyncio.to_thread(rebuild_remote, Home(place))
        stop.set()
        await running

    asyncio.run(main())
    assert heard == ["news"]
