"""Lines that break in the middle of a session: the station comes back at once, and the log holds a code."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ledger.facade import Home
from stations.journal import LOG_FOLDER, LOG_NAME
from stations.serving.weblog import web_log
from sync.certs.credentials import calling_context
from sync.core.framing import PACKAGE, encode_section
from sync.core.requester import Requester
from sync.core.stream import CONTENT_TYPE, Packer
from sync.line.server_session import SESSION_PATH
from tests.sync.test_over_tls import Serving, certified
from tests.sync.world import TOWN, VILLAGE, Clock, World

ROOT = Path(__file__).parents[2]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A village that has synced once and has something new to tell its township."""
    made = World.after(certified(TOWN, VILLAGE), tmp_path)
    made.sync(TOWN)
    made.sync(VILLAGE)
    case = made.receive(VILLAGE)
    for _ in range(300):
        made.do(VILLAGE, "note", case)
    yield made
    made.close()


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """No traceback may reach any log, nor the terminal."""
    with caplog.at_level(logging.INFO):
        yield
    assert not [one.getMessage() for one in caplog.records if one.exc_info or one.levelno >= logging.ERROR]
    assert "Traceback" not in "".join(capfd.readouterr())


def body_of(world: World) -> bytes:
    """Return a whole request of the village."""
    lower = world[VILLAGE]
    asking = Requester(
        lower.exchange, TOWN, now_ms=lower.clock.now_ms(), version="test", guesses=lower.guesses
    )
    packer = Packer()
    return b"".join(packer.pack(section) for section in asking.request([])) + packer.end()


def head(length: int | None) -> bytes:
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = f"POST {SESSION_PATH} HTTP/1.1", "Host: x", f"Content-Type: {CONTENT_TYPE}", framing, "", ""
    return "\r\n".join(lines).encode()


def chunked(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def called(world: World, town: Serving) -> asyncio.StreamWriter:
    """Return a connection of the village to its township."""
    host, _, port = town.address.removeprefix("https://").partition(":")
    context = calling_context(Home(world[VILLAGE].path), town.thread.ledger_id)
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    return writer


def cut(writer: asyncio.StreamWriter) -> None:
    """Break a line as a pulled plug at a near router does: the other end gets a reset."""
    found = writer.get_extra_info("socket")
    if found is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()


def codes_in_log(world: World) -> set[str]:
    """Return the codes that the township's log holds."""
    lines = (world[TOWN].path / LOG_FOLDER / LOG_NAME).read_text(encoding="utf-8").splitlines()
    return {json.loads(line)["code"] for line in lines}


def nonsense_of(world: World) -> bytes:
    """Return a request whose packages are nonsense, without its end."""
    lower = world[VILLAGE]
    asking = Requester(
        lower.exchange, TOWN, now_ms=lower.clock.now_ms(), version="test", guesses=lower.guesses
    )
    packer = Packer()
    spoilt = [packer.pack(encode_section(PACKAGE, b"nonsense")) for _ in range(5)]
    return packer.pack(next(asking.request([]))) + b"".join(spoilt)


def sent(body: bytes) -> dict[str, bytes]:
    """Return what had left when the line broke."""
    half = len(body) // 2
    return {
        "the head alone": head(len(body)),
        "half of a body": head(len(body)) + body[:half],
        "a body but for its last byte": head(len(body)) + body[:-1],
        "half of a chunk": head(None) + chunked(body[:half])[:-20],
        "a chunk and no end": head(None) + chunked(body[:half]),
        "everything": head(len(body)) + body,
        "everything in chunks": head(None) + chunked(body) + chunked(b""),
        "half a head": head(len(body))[:40],
    }


def test_after_a_reset_the_station_is_served_at_once(world: World, quiet: None) -> None:
    body = body_of(world)

    async def story() -> None:
        async with Serving(world[TOWN], listen=True) as town:
            for what in sent(body).values():
                for wait_s in (0.0, 0.02, 0.1):
                    writer = await called(world, town)
                    writer.write(what)
                    await writer.drain()
                    await asyncio.sleep(wait_s)
                    cut(writer)
            async with Serving(world[VILLAGE], listen=False, upstream=town.address) as village:
                await village.network.sync_now()
                assert await village.thread.exchange(lambda one: one.held.waiting(TOWN)[0]) == 0

    asyncio.run(story())


def test_a_new_session_takes_the_place_of_one_whose_line_is_silent(world: World, quiet: None) -> None:
    """No reset ever comes when a machine loses its power: the upper station still reads from the old line."""
    body = body_of(world)

    async def story() -> None:
        async with Serving(world[TOWN], listen=True) as town:
            silent = []
            for what in list(sent(body).values())[:5]:
                silent.append(await called(world, town))
                silent[-1].write(what)
                await silent[-1].drain()
                await asyncio.sleep(0.1)
            async with Serving(world[VILLAGE], listen=False, upstream=town.address) as village:
                await village.network.sync_now()
                assert await village.thread.exchange(lambda one: one.held.waiting(TOWN)[0]) == 0
            for writer in silent:
                cut(writer)

    asyncio.run(story())


def test_nonsense_under_way_when_the_line_breaks_leaves_no_trace(world: World, quiet: None) -> None:
    """What the cores found wrong is fetched by nobody: it must not come up when it is collected."""
    nonsense = nonsense_of(world)

    async def story() -> None:
        async with Serving(world[TOWN], listen=True) as town:
            for wait_s in (0.0, 0.01, 0.05, 0.2):
                writer = await called(world, town)
                writer.write(head(len(nonsense) + 1) + nonsense)
                await writer.drain()
                await asyncio.sleep(wait_s)
                cut(writer)
                await asyncio.sleep(0.1)
                gc.collect()

    asyncio.run(story())
    gc.collect()


def test_nonsense_instead_of_a_body_is_a_code_in_the_log(world: World, quiet: None) -> None:
    async def story() -> None:
        async with Serving(world[TOWN], listen=True) as town:
            for what in (b"zz\r\nnonsense\r\n", b"-1\r\n\r\n", b"ffffffffffffffffff\r\n\r\n", b"\x00" * 50):
                writer = await called(world, town)
                writer.write(head(None) + what)
                with suppress(ConnectionError):
                    await writer.drain()
                await asyncio.sleep(0.1)
                cut(writer)
            for what in (
                b"GET / HTTP/9.9\r\n\r\n",
                b"\x16\x03\x01" * 30,
                b"POST " + b"x" * 9000 + b"\r\n\r\n",
            ):
                writer = await called(world, town)
                writer.write(what)
                await asyncio.sleep(0.1)
                cut(writer)

    asyncio.run(story())
    codes = codes_in_log(world)
    assert "sync.not_http" in codes and codes <= {"sync.not_http", "sync.torn"}


CALLER = """
import asyncio, sys
from pathlib import Path
from ledger.facade import Home
from stations.serving.weblog import web_log
from sync.certs.credentials import calling_context

async def call(port, folder, ledger_id, body):
    context = calling_context(Home(Path(folder)), bytes.fromhex(ledger_id))
    _, writer = await asyncio.open_connection("127.0.0.1", int(port), ssl=context)
    writer.write(Path(body).read_bytes())
    await writer.drain()
    print("sent", flush=True)
    await asyncio.sleep(60)

asyncio.run(call(*sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the caller is ended by a signal")
def test_a_station_killed_in_a_session_is_served_when_it_comes_back(
    world: World, quiet: None, tmp_path: Path
) -> None:
    body = body_of(world)

    async def story() -> None:
        async with Serving(world[TOWN], listen=True) as town:
            port, ledger_id = town.address.rpartition(":")[2], town.thread.ledger_id.hex()
            for name in ("half of a body", "everything"):
                (tmp_path / "body").write_bytes(sent(body)[name])
                words = [sys.executable, "-c", CALLER, port, str(world[VILLAGE].path), ledger_id]
                process = await asyncio.create_subprocess_exec(
                    *words, str(tmp_path / "body"), stdout=subprocess.PIPE, cwd=ROOT
                )
                assert process.stdout is not None and await process.stdout.readline() == b"sent\n"
                process.kill()
                await process.wait()
            async with Serving(world[VILLAGE], listen=False, upstream=town.address) as village:
                await village.network.sync_now()
                assert await village.thread.exchange(lambda one: one.held.waiting(TOWN)[0]) == 0

    asyncio.run(story())


def test_a_fault_of_the_program_names_its_place_and_nothing_that_it_was_about(tmp_path: Path) -> None:
    log = web_log(tmp_path, Clock())
    try:
        raise ValueError("张三 11010519491231002X")
    except ValueError:
        log.exception("Error handling request from %s", "张三")
    log.debug("nothing", extra={"code": "sync.torn"})
    (line,) = (tmp_path / LOG_FOLDER / LOG_NAME).read_text(encoding="utf-8").splitlines()
    held = json.loads(line)
    assert (held["code"], held["kind"], held["event"]) == ("internal", "ValueError", "network")
    assert held["place"].startswith("test_broken_lines.py:") and "张三" not in line and "1101" not in line
