"""Sessions that bring what cannot be taken are told at the station above, with the station that sent it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from ledger.errors import StoreError
from ledger.facade import Home
from ledger.facade.base.peers import REFUSALS_KEPT_MAX, Peers
from ledger.facade.peering.between import station_board
from ledger.facade.peering.board import REFUSED_SHOWN_MS_MAX, BoardLine
from ledger.facade.transfer.feeds import FeedPlace
from ledger.formats.body import new_body
from ledger.formats.package import encode_package
from ledger.types import StationId
from stations.config import write_config
from sync.certs.credentials import calling_context, read_ca_certificate
from sync.certs.tls import joining_context
from sync.core.framing import HELLO, PACKAGE, encode_section
from sync.core.messages import Hello
from sync.core.stream import CONTENT_TYPE, Packer
from sync.line.server_session import SESSION_PATH
from tests.cli.conftest import Terminal
from tests.sync.evil import EvilStation
from tests.sync.test_over_tls import Serving, certified
from tests.sync.test_status import StationClock
from tests.sync.world import START_MS, TOWN, VILLAGE, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(certified(TOWN, VILLAGE), tmp_path)
    made.sync(TOWN)
    yield made
    made.close()


def hello(world: World, station: StationId = VILLAGE) -> bytes:
    """Return the first section of a station that holds nothing."""
    return encode_section(
        HELLO,
        Hello(
            ledger_id=world.genesis.ledger_id(), station=station, sent_at_ms=START_MS, version="test",
            waiting=0, oldest_ms=0, logs=(), branches=(), county=None, proofs_from=(),
            feed=FeedPlace(number=0, chain=bytes(32)), contacts=(),
        ).pack(),
    )  # fmt: skip


def spoilt(world: World) -> bytes:
    """Return a package of the village whose act comes with other facts than it pins."""
    evil = EvilStation(world, VILLAGE)
    evil.add(evil.sign(), facts=new_body({}, bytes(16)))
    return encode_section(PACKAGE, encode_package(evil.package()))


def packed(*sections: bytes) -> bytes:
    packer = Packer()
    return b"".join(packer.pack(section) for section in sections) + packer.end()


async def post(world: World, town: Serving, body: bytes) -> int:
    """Post a body as the village, with its certificate; returns the status."""
    context = calling_context(Home(world[VILLAGE].path), town.thread.ledger_id)
    context.check_hostname = False
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as client,
        client.post(town.address + SESSION_PATH, data=body, headers={"Content-Type": CONTENT_TYPE}) as found,
    ):
        await found.read()
        return found.status


def told(world: World, *bodies: bytes, statuses: tuple[int, ...]) -> BoardLine:
    """Post bodies one after the other; returns the village's line on the township's board."""

    async def story() -> BoardLine:
        async with Serving(world[TOWN], listen=True) as town:
            assert tuple([await post(world, town, body) for body in bodies]) == statuses
            lines = await town.thread.run(lambda: station_board(town.thread.held, TOWN))
            return next(line for line in lines if line.station == VILLAGE)

    return asyncio.run(story())


def journal(world: World) -> list[tuple[str, str]]:
    """Return code and station of each line about the network in the township's log."""
    lines = (world[TOWN].path / "log" / "banjian.log").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    return [(one["code"], one.get("station", "")) for one in found if one["event"] == "network"]


def test_a_refused_section_is_told_with_its_station(world: World) -> None:
    line = told(world, packed(hello(world), spoilt(world)), statuses=(200,))
    assert [one.code for one in line.refused] == ["package.pins"]
    assert journal(world) == [("package.pins", VILLAGE)]


def test_a_session_that_is_no_session_is_told_with_its_station(world: World) -> None:
    foreign = hello(world)
    line = told(world, packed(spoilt(world)), b"no stream", packed(foreign), statuses=(400, 400, 200))
    assert {one.code for one in line.refused} == {"sync.order", "sync.compression"}
    assert {station for _, station in journal(world)} == {VILLAGE}


def test_a_session_that_speaks_for_another_station_is_told_with_its_own(world: World) -> None:
    line = told(world, packed(hello(world, TOWN)), statuses=(403,))
    assert [one.code for one in line.refused] == ["sync.station"]
    assert journal(world) == [("sync.station", VILLAGE)]


@pytest.mark.parametrize(
    ("speaks_as", "status", "code"), [(VILLAGE, 200, "package.pins"), (TOWN, 403, "sync.station")]
)
def test_what_a_session_came_to_stands_where_it_cannot_be_kept(
    world: World, monkeypatch: pytest.MonkeyPatch, speaks_as: StationId, status: int, code: str
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise StoreError("store.disk_full", file="ledger.db")

    monkeypatch.setattr(Peers, "note_refused", fails)
    line = told(world, packed(hello(world, speaks_as), spoilt(world)), statuses=(status,))
    assert line.refused == ()
    assert sorted(journal(world)) == sorted([(code, VILLAGE), ("store.disk_full", VILLAGE)])


def test_an_honest_session_leaves_no_word(world: World) -> None:
    assert told(world, packed(hello(world)), statuses=(200,)).refused == ()
    world.sync(VILLAGE)
    world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    lines = station_board(world[TOWN].ledger, TOWN)
    assert all(line.refused == () for line in lines)


def test_the_newest_refusals_are_kept_and_shown_for_a_week(world: World) -> None:
    peers, clock = world[TOWN].exchange.peers, world[TOWN].clock
    for number in range(REFUSALS_KEPT_MAX + 3):
        peers.note_refused(VILLAGE, [("package.pins", f"{number:032x}")], now_ms=clock.time_ms)
    peers.note_refused(VILLAGE, [("package.pins", f"{5:032x}")], now_ms=clock.time_ms)
    lines = station_board(world[TOWN].ledger, TOWN)
    found = next(line.refused for line in lines if line.station == VILLAGE)
    assert [int(one.log, 16) for one in found] == [5, 10, 9, 8, 7, 6, 4, 3]
    place = world[TOWN]
    place.close()
    write_config(place.path, station=TOWN, upstream=())
    terminal = Terminal(folder=place.path, clock=StationClock(clock.time_ms))
    assert "package.pins" in terminal.ok("board").out
    clock.time_ms += REFUSED_SHOWN_MS_MAX
    lines = station_board(world[TOWN].ledger, TOWN)
    assert all(line.refused == () for line in lines)


def test_nobody_is_told_which_program_answers(world: World) -> None:
    async def story() -> None:
        async with Serving(world[TOWN], listen=True) as town:
            ledger_id = town.thread.ledger_id
            ca = read_ca_certificate(Home(world[TOWN].path), ledger_id)
            context = joining_context(ca, ledger_id=ledger_id)
            context.check_hostname = False
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as client:
                for path in ("/", "/nothing", "/join/1/genesis", SESSION_PATH):
                    async with client.get(town.address + path) as found:
                        assert "Server" not in found.headers, path
                async with client.post(town.address + SESSION_PATH, data=b"x") as found:
                    assert "Server" not in found.headers

    asyncio.run(story())
