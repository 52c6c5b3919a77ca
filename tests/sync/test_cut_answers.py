"""Lines that break at the same place each time, and requests that a station itself cannot go on with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

import pytest

from ledger.errors import StoreError
from ledger.facade.transfer.feedpace import FeedPace
from ledger.facade.transfer.feeds import START, FeedPlace
from ledger.registry import actions as registry_actions
from ledger.types import StationId
from sync.core.giving import Histories
from sync.line.outcome import Outcome
from sync.line.tears import TEARS_MAX, TORN, VAIN_MAX, Received, Tears
from tests.sync.lines import Carry, line
from tests.sync.test_over_tls import Serving, certified
from tests.sync.world import COUNTY, TOWN, VILLAGE, World

CUT_BYTES = 9_000
"""What such a line lets through downward: the handshake, and a part of an answer."""
NEWCOMER_BYTES = 13_000
"""Enough for one package of the registry, though the county may have hundreds of acts in it."""
VAIN_BYTES = 5_500
"""Enough for a handshake and the begin of an answer, and for no package of the registry."""
NOTES = 60


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(certified(TOWN, VILLAGE), tmp_path)
    made.settle(TOWN, VILLAGE)
    yield made
    made.close()


def cut_after(most: int) -> Carry:
    """Return what passes bytes on until there were too many; then the whole connection breaks."""

    async def carry(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.StreamWriter
    ) -> None:
        left = most
        with suppress(OSError):
            while data := await reader.read(1_460):
                left -= len(data)
                if left < 0:
                    back.transport.abort()
                    writer.transport.abort()
                    return
                writer.write(data)
                await writer.drain()
        writer.close()

    return carry


def cut_line(address: str, *, up: int = 1 << 40, down: int = CUT_BYTES) -> AbstractAsyncContextManager[str]:
    """Pass bytes on until too many went up or came down; gives the address of the near end."""
    return line(address, up=cut_after(up), down=cut_after(down))


def grow(world: World) -> None:
    """Let the registry become longer than the smallest packages, and the township take all of it."""
    for number in range(40):
        facts = registry_actions.enrol_station(
            station=StationId(f"9901210011{number:02d}-00"), name=f"新{number}村便民服务站", level="village",
            upstream=TOWN, code_system="statistics",
        )  # fmt: skip
        world[COUNTY].ledger.register("enrol_station", facts, world.registrar)
    world.settle(TOWN)


def test_a_line_that_always_breaks_brings_everything_in_the_end(world: World) -> None:
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.sync(VILLAGE)
    world.do(TOWN, "take_over", case)
    for _ in range(NOTES):
        world.do(TOWN, "note", case)

    async def story() -> list[str]:
        codes: list[str] = []
        async with (
            Serving(world[TOWN], listen=True) as town,
            cut_line(town.address) as line,
            Serving(world[VILLAGE], listen=False, upstream=line) as village,
        ):
            for _ in range(25):
                try:
                    await village.network.sync_now()
                except StoreError as error:
                    codes.append(error.code)
                else:
                    return codes
        return codes

    codes = asyncio.run(story())
    assert codes and set(codes) == {"sync.torn"}
    assert len(codes) < 25
    assert world[VILLAGE].exchange.held.feed_held(TOWN).number == NOTES + 1
    assert world[VILLAGE].ledger.state(case)[0].custodian == TOWN


def test_a_newcomer_gets_the_county_in_one_go_over_a_line_that_breaks_in_every_answer(tmp_path: Path) -> None:
    world = World.after(certified(TOWN, VILLAGE), tmp_path)
    grow(world)
    connections = 0

    async def story() -> Outcome:
        nonlocal connections
        cut = cut_after(NEWCOMER_BYTES)

        async def down(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.StreamWriter
        ) -> None:
            nonlocal connections
            connections += 1
            await cut(reader, writer, back)

        async with (
            Serving(world[TOWN], listen=True) as town,
            line(town.address, up=cut_after(1 << 40), down=down) as near,
            Serving(world[VILLAGE], listen=False, upstream=near) as village,
        ):
            return await village.network.sync_now()

    asyncio.run(story())
    county, here = world[COUNTY].ledger.knowledge, world[VILLAGE].ledger.knowledge
    assert (here.registry.size, here.catalogue.size) == (county.registry.size, county.catalogue.size)
    assert connections > 1
    world.close()


@pytest.mark.parametrize("tears", [1, 2, 3, 4])
def test_a_first_sync_behind_answers_that_broke_ends_with_the_whole_county(
    tmp_path: Path, tears: int
) -> None:
    """Answers that were lost are none that a station cannot take: more than one package comes behind them."""
    world = World.after(certified(TOWN, VILLAGE), tmp_path)
    grow(world)
    connections = 0

    async def story() -> Outcome:
        async def down(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.StreamWriter
        ) -> None:
            nonlocal connections
            connections += 1
            # Less than the smallest package behind a handshake, and then a whole line.
            await cut_after(VAIN_BYTES if connections <= tears else 1 << 40)(reader, writer, back)

        async with (
            Serving(world[TOWN], listen=True) as town,
            line(town.address, up=cut_after(1 << 40), down=down) as near,
            Serving(world[VILLAGE], listen=False, upstream=near) as village,
        ):
            return await village.network.sync_now()

    outcome = asyncio.run(story())
    county, here = world[COUNTY].ledger.knowledge, world[VILLAGE].ledger.knowledge
    assert (here.registry.size, here.catalogue.size) == (county.registry.size, county.catalogue.size)
    assert connections > tears
    assert outcome.notes == ()
    world.close()


def test_an_answer_that_never_brings_a_whole_section_is_soon_left_for_later() -> None:
    torn, slow, refused = (StoreError(code) for code in (TORN, "sync.too_slow", "sync.busy"))
    tears, received = Tears(), Received()
    for _ in range(VAIN_MAX):
        tears.begin(received)
        received.bytes += 10
        assert tears.goes_on(torn, received, broke_upward=False)
    tears.begin(received)
    received.bytes += 10
    assert not tears.goes_on(torn, received, broke_upward=False)
    tears, received = Tears(), Received()
    for number in range(TEARS_MAX + 1):
        tears.begin(received)
        received.bytes, received.sections = received.bytes + 10, received.sections + 1
        assert tears.goes_on(torn, received, broke_upward=False) is (number < TEARS_MAX)
    for error, came, upward in ((torn, 0, False), (slow, 10, False), (refused, 10, True)):
        tears = Tears()
        tears.begin(received)
        received.bytes += came
        assert not tears.goes_on(error, received, broke_upward=upward)
    assert Tears().goes_on(slow, Received(), broke_upward=True)


def test_who_says_the_same_place_again_is_given_half_and_who_goes_on_more() -> None:
    pace, places = FeedPace(), [FeedPlace(number=number, chain=bytes([number]) * 32) for number in range(5)]
    begin = FeedPlace(number=0, chain=START)
    assert pace.limit(VILLAGE, begin, 64) == 64
    pace.gave(VILLAGE, begin, places[4], count=40, limit=64)
    assert pace.limit(VILLAGE, begin, 64) == 20
    pace.gave(VILLAGE, begin, places[3], count=1, limit=1)
    assert pace.limit(VILLAGE, begin, 64) == 1
    assert pace.limit(VILLAGE, places[3], 64) == 2
    assert pace.limit(VILLAGE, places[1], 64) == 64
    pace.gave(VILLAGE, places[3], places[4], count=60, limit=60)
    assert pace.limit(VILLAGE, places[4], 64) == 64


def test_what_arrived_whole_slows_nothing_however_little_it_was(world: World) -> None:
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.sync(VILLAGE)
    world.do(TOWN, "take_over", case)
    exchange = world[TOWN].exchange
    begin = world[VILLAGE].exchange.held.feed_held(TOWN)
    start, end, _ = exchange.feed(VILLAGE, begin, limit=64)
    assert end.number == start.number + 1
    for _ in range(NOTES):
        world.do(TOWN, "note", case)
    start, end, _ = exchange.feed(VILLAGE, end, limit=64)
    assert end.number == start.number + NOTES


def test_a_break_slows_until_the_end_of_the_feed_is_reached(world: World) -> None:
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.sync(VILLAGE)
    world.do(TOWN, "take_over", case)
    exchange = world[TOWN].exchange
    held, given = world[VILLAGE].exchange.held.feed_held(TOWN), []
    exchange.feed(VILLAGE, held, limit=64)
    for _ in range(7):
        world.do(TOWN, "note", case)
    while held.number < exchange.feed_size(VILLAGE):
        start, held, _ = exchange.feed(VILLAGE, held, limit=64)
        given.append(held.number - start.number)
    for _ in range(NOTES):
        world.do(TOWN, "note", case)
    start, held, _ = exchange.feed(VILLAGE, held, limit=64)
    given.append(held.number - start.number)
    assert given == [1, 2, 3, 2, NOTES]


def test_why_a_station_could_not_go_on_with_its_request_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.receive(VILLAGE)

    def fails(*_: object) -> Iterator[bytes]:
        raise StoreError("log.head", log="0a")

    monkeypatch.setattr(Histories, "plain", fails)

    async def story() -> Outcome:
        async with (
            Serving(world[TOWN], listen=True) as town,
            Serving(world[VILLAGE], listen=False, upstream=town.address) as village,
        ):
            return await village.network.sync_now()

    with pytest.raises(StoreError, match=r"log\.head"):
        asyncio.run(story())


def test_what_a_lost_key_left_unsigned_holds_nothing_else_up(world: World) -> None:
    case, other = (world.receive(VILLAGE, applicant=name) for name in ("张三", "李四"))
    for one in (case, other):
        world.do(VILLAGE, "hand_over", one, to=TOWN)
    world.sync(VILLAGE)
    for one in (case, other):
        world.do(TOWN, "take_over", one)
    world[TOWN].exchange.seal_heads()
    world.do(TOWN, "note", case)
    world[TOWN].close()
    for key in (world[TOWN].path / "secrets").glob("log-*.key"):
        key.unlink()
    world.sync(VILLAGE)
    assert [world[VILLAGE].ledger.state(one)[0].custodian for one in (case, other)] == [TOWN, TOWN]
    exchange = world[TOWN].exchange
    assert world[VILLAGE].exchange.held.feed_held(TOWN).number == exchange.feed_size(VILLAGE)
    with world[TOWN].ledger.store.read() as tx:
        assert len(exchange.feeds.left_out(tx, VILLAGE)) == 1
