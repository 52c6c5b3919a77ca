"""Hundreds of connections without certificate against a real server: the counter and the stations go on."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ledger.facade import Home
from ledger.platform import open_more_files
from stations.cli.remote import status_remote
from stations.config import write_config
from sync.certs.tls import fetching_context
from tests.forked import started
from tests.sync.conftest import env_of
from tests.sync.test_over_tls import Serving, certified
from tests.sync.world import COUNTY, TOWN, World

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a bound on open files, Unix sockets")
FILES_MAX = 400
CROWD = 500


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(certified(TOWN), tmp_path)
    yield made
    made.close()


@contextmanager
def server(folder: Path) -> Iterator[tuple[str, int]]:
    """Run the program in a process that may have few files open; yields its host and port."""
    words = [*started(), "serve", str(folder), "--no-web", "--listen", "127.0.0.1:0", "--json"]
    limited = ["/bin/sh", "-c", f'ulimit -n {FILES_MAX}; exec "$@"', "sh", *words]
    with subprocess.Popen(limited, env=env_of(folder), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            address = json.loads(process.stdout.readline())["address"]
            host, _, port = address.removeprefix("https://").rpartition(":")
            yield host, int(port)
        finally:
            process.kill()


def press(stack: ExitStack, address: tuple[str, int], said: bytes | None) -> None:
    """Open connections and say half of something in each; None leaves out even the handshake."""
    context = fetching_context()
    for _ in range(CROWD):
        plain = stack.enter_context(socket.create_connection(address, timeout=20))
        if said is not None:
            secured = stack.enter_context(context.wrap_socket(plain))
            secured.sendall(said)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(None, id="nothing"),
        pytest.param(b"GET /sync/1/ca HTTP/1.1\r\nHost: a\r\nX: ", id="half a head"),
        pytest.param(b"POST /sync/1/join HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n", id="no body"),
    ],
)
def test_the_county_works_and_a_station_syncs_whoever_holds_connections(
    world: World, said: bytes | None
) -> None:
    assert open_more_files() > 2 * CROWD
    world[COUNTY].close()
    write_config(world[COUNTY].path, station=COUNTY)

    async def story(address: str) -> None:
        async with Serving(world[TOWN], listen=False, upstream=address) as town:
            assert (await town.network.sync_now()).notes == ()

    with server(world[COUNTY].path) as (host, port), ExitStack() as stack:
        press(stack, (host, port), said)
        logs = json.loads(status_remote(Home(world[COUNTY].path)))["logs"]
        assert {log["kind"] for log in logs} >= {"registry", "catalogue"}
        asyncio.run(asyncio.wait_for(story(f"https://{host}:{port}"), 45))
