"""Slow lines get through a listener's deadlines, and whoever only holds a place loses it.

The bounds of ``GateRule`` suffice for round trips of 30 seconds; here all times are thirty times shorter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import ClientTimeout

from stations.serving.gate import GateRule
from sync.certs.tls import fetching_context
from sync.line import client_session, server_join
from sync.line.problem import decode_problem
from sync.line.server_join import CA_PATH, JOIN_PATH
from tests.sync.lines import line
from tests.sync.post import ask
from tests.sync.test_over_tls import Serving, certified
from tests.sync.world import COUNTY, TOWN, World

SHORTER = 30
WAY_S = 15 / SHORTER
"""One way of a round trip of 30 seconds."""
USUAL = GateRule()
RULE = replace(
    USUAL,
    handshake_s=USUAL.handshake_s / SHORTER,
    headers_s=USUAL.headers_s / SHORTER,
    unproven_s=USUAL.unproven_s / SHORTER,
)
LONG_S = 60.0


def shorter(timeout: ClientTimeout) -> ClientTimeout:
    """Return the bounds of a caller, as many times shorter as the line is faster."""
    names = ("total", "sock_connect", "sock_read")
    return ClientTimeout(**{
        name: bound and bound / SHORTER for name in names for bound in [getattr(timeout, name)]
    })  # fmt: skip


ASK = b"GET /sync/1/ca HTTP/1.1\r\n"
HEAD = b"POST /sync/1/join HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(certified(TOWN), tmp_path)
    yield made
    made.close()


async def carry_slowly(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: asyncio.StreamWriter
) -> None:
    """Pass bytes on, each half a round trip later than it came."""
    loop = asyncio.get_running_loop()
    late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def deliver() -> None:
        while True:
            due, data = await late.get()
            await asyncio.sleep(due - loop.time())
            if not data:
                break
            writer.write(data)
        writer.close()

    async with asyncio.TaskGroup() as delivering:
        delivering.create_task(deliver())
        data = b"?"
        while data:
            data = b""
            with suppress(OSError):
                data = await reader.read(65_536)
            late.put_nowait((loop.time() + WAY_S, data))


def slow_line(address: str) -> AbstractAsyncContextManager[str]:
    """Pass bytes on by a line of long round trips; gives the address of the near end."""
    return line(address, up=carry_slowly, down=carry_slowly)


def test_a_station_and_a_newcomer_get_through_with_round_trips_of_half_a_minute(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_join, "BODY_TIMEOUT_S", server_join.BODY_TIMEOUT_S / SHORTER)
    for name in ("TIMEOUT", "ASK_TIMEOUT"):
        monkeypatch.setattr(client_session, name, shorter(getattr(client_session, name)))

    async def story() -> None:
        async with (
            Serving(world[COUNTY], listen=True, gate_rule=RULE) as county,
            slow_line(county.address) as address,
            Serving(world[TOWN], listen=False, upstream=address) as town,
        ):
            status, ca, _ = await ask(address, fetching_context(), CA_PATH)
            assert status == 200 and ca
            status, raw, _ = await ask(address, fetching_context(), JOIN_PATH, body=bytes(30_000))
            assert status == 400 and decode_problem(raw).code.startswith(("join.", "encoding."))
            assert (await town.network.sync_now()).notes == ()

    asyncio.run(story())


async def ended(address: str, *, tls: bool, said: bytes, again: bytes = b"") -> bytes:
    """Say something, then something again and again; returns what came before the other end hung up."""
    host, _, port = address.removeprefix("https://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=fetching_context() if tls else None)
    writer.write(said)

    async def drip() -> None:
        while again:
            await asyncio.sleep(0.1)
            writer.write(again)

    dripping = asyncio.get_running_loop().create_task(drip())
    try:
        heard = b""
        with suppress(ConnectionError):
            async with asyncio.timeout(LONG_S):
                while data := await reader.read(4096):
                    heard += data
        return heard
    finally:
        dripping.cancel()
        writer.transport.abort()


@pytest.mark.parametrize(
    ("rule", "tls", "said", "again"),
    [
        pytest.param(replace(USUAL, handshake_s=0.5), False, b"", b"", id="nothing"),
        pytest.param(replace(USUAL, headers_s=0.5), True, b"", b"", id="no head"),
        pytest.param(replace(USUAL, headers_s=0.5), True, ASK, b"", id="half a head"),
        pytest.param(replace(USUAL, headers_s=0.5), True, ASK + b"X: ", b"x", id="drops of a head"),
        pytest.param(
            replace(USUAL, unproven_s=0.5),
            True,
            b"",
            ASK + b"Host: a\r\n\r\n",
            id="endless",
        ),
        pytest.param(replace(USUAL, unproven_s=0.5), True, HEAD, b"x", id="drops of a body"),
    ],
)
def test_who_only_holds_a_place_loses_it(
    world: World, rule: GateRule, tls: bool, said: bytes, again: bytes
) -> None:
    async def story() -> None:
        async with Serving(world[COUNTY], listen=True, gate_rule=rule) as county:
            await ended(county.address, tls=tls, said=said, again=again)

    asyncio.run(story())


def test_a_join_that_comes_in_drops_is_told_that_it_was_too_slow(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_join, "BODY_TIMEOUT_S", 0.5)

    async def story() -> None:
        async with Serving(world[COUNTY], listen=True) as county:
            heard = await ended(county.address, tls=True, said=HEAD, again=b"x")
            assert heard.startswith(b"HTTP/1.1 503 ") and b'"sync.too_slow"' in heard

    asyncio.run(story())
