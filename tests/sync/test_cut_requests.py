"""Lines that break at the same place upward, and packages that are too large for what a line carries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.errors import StoreError
from ledger.facade.peering.between import sync_status
from ledger.facade.transfer.feedpace import PACKAGE_BYTES_MIN, PackagePace
from ledger.types import LogId
from sync.core.framing import HELLO, PACKAGE, Splitter
from sync.core.giving import Budget, Spending
from sync.core.linepace import REQUEST_BYTES_MIN, LinePace
from sync.line.outcome import Outcome
from sync.line.tears import TORN
from tests.sync.test_cut_answers import cut_line
from tests.sync.test_over_tls import Serving, certified
from tests.sync.world import COUNTY, TOWN, VILLAGE, World, settled

CUT_BYTES = 25_000
"""What such a line lets through: less than one package of 256 small records."""
HELLO_BYTES = 3_000
"""Enough for a handshake and a hello, and for no record behind them."""
NOTES = 300
Passing = Callable[[Iterator[bytes]], Iterator[bytes]]


class TornError(Exception):
    """The line broke."""


def carries(most: int) -> Passing:
    """Return a line that breaks once so many bytes have passed."""

    def cut(sections: Iterator[bytes]) -> Iterator[bytes]:
        passed = 0
        for data in sections:
            passed += len(data)
            if passed > most:
                raise TornError
            yield data

    return cut


def kinds(found: list[int]) -> Passing:
    """Return a line that notes the kinds of the sections that pass."""

    def seen(sections: Iterator[bytes]) -> Iterator[bytes]:
        splitter = Splitter()
        for data in sections:
            found.extend(section.kind for section in splitter.feed(data))
            yield data

    return seen


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


def work(world: World, notes: int) -> LogId:
    """Let the village work offline; returns its log."""
    case = world.receive(VILLAGE)
    for _ in range(notes):
        world.do(VILLAGE, "note", case)
    return next(one.log_id for one in world[VILLAGE].ledger.logs() if one.kind == "station" and one.own)


def test_a_line_that_always_breaks_upward_carries_everything_in_the_end(world: World) -> None:
    log_id = work(world, NOTES)
    size, torn = world[VILLAGE].exchange.held.size(log_id), 0
    for _ in range(40):
        try:
            if not world.session(VILLAGE, up=carries(CUT_BYTES)).more:
                break
        except TornError:
            torn += 1
    else:
        pytest.fail(f"the township holds {world[TOWN].exchange.held.size(log_id)} of {size}")
    assert torn
    assert world[TOWN].exchange.held.size(log_id) == size
    assert world[VILLAGE].exchange.held.waiting(TOWN)[0] == 0


def test_one_command_brings_everything_up_a_line_that_always_breaks(tmp_path: Path) -> None:
    world = World.after(certified(TOWN, VILLAGE), tmp_path)
    world.settle(TOWN, VILLAGE)
    log_id = work(world, NOTES)
    size = world[VILLAGE].exchange.held.size(log_id)

    async def story() -> Outcome:
        async with (
            Serving(world[TOWN], listen=True) as town,
            cut_line(town.address, up=CUT_BYTES, down=1 << 40) as line,
            Serving(world[VILLAGE], listen=False, upstream=line) as village,
        ):
            return await village.network.sync_now()

    assert asyncio.run(story()).sessions > 2
    assert world[TOWN].exchange.held.size(log_id) == size
    assert world[VILLAGE].exchange.held.waiting(TOWN)[0] == 0
    world.close()


def test_a_line_that_carries_a_hello_alone_is_told_as_one_that_breaks(tmp_path: Path) -> None:
    """Sessions that ask what has come move nothing, and that is no fault of the station above."""
    world = World.after(certified(TOWN, VILLAGE), tmp_path)
    world.settle(TOWN, VILLAGE)
    work(world, 20)
    waiting = world[VILLAGE].exchange.held.waiting(TOWN)[0]

    async def story() -> None:
        async with (
            Serving(world[TOWN], listen=True) as town,
            cut_line(town.address, up=HELLO_BYTES, down=1 << 40) as line,
            Serving(world[VILLAGE], listen=False, upstream=line) as village,
        ):
            with pytest.raises(StoreError) as caught:
                await village.network.sync_now()
            assert caught.value.code == "sync.torn"

    asyncio.run(story())
    assert world[VILLAGE].exchange.held.waiting(TOWN)[0] == waiting
    assert sync_status(world[VILLAGE].ledger, VILLAGE).findings == ()
    world.close()


@pytest.mark.parametrize("most", [2_900, 3_200])
def test_a_line_that_carries_little_more_than_a_hello_is_told_as_one_that_breaks(
    tmp_path: Path, most: int
) -> None:
    """What is asked between two requests that broke moves nothing: no township that takes nothing."""
    world = World.after(certified(TOWN, VILLAGE), tmp_path)
    world.settle(TOWN, VILLAGE)
    work(world, 8)

    async def story() -> None:
        async with (
            Serving(world[TOWN], listen=True) as town,
            cut_line(town.address, up=most, down=1 << 40) as line,
            Serving(world[VILLAGE], listen=False, upstream=line) as village,
        ):
            await village.network.sync_now()

    with pytest.raises(StoreError) as broken:
        asyncio.run(story())
    assert broken.value.code == TORN
    status = sync_status(world[VILLAGE].ledger, VILLAGE)
    assert status.levels[0].waiting > 0
    assert [one.code for one in status.findings] == []
    world.close()


def test_after_a_request_without_an_answer_comes_the_hello_alone(world: World) -> None:
    log_id = work(world, NOTES)
    with pytest.raises(TornError):
        # All of it has come, but the answer has not.
        world.session(VILLAGE, down=carries(0))
    size = world[VILLAGE].exchange.held.size(log_id)
    assert world[TOWN].exchange.held.size(log_id) == size
    first: list[int] = []
    assert world.session(VILLAGE, up=kinds(first)).more
    second: list[int] = []
    assert not world.session(VILLAGE, up=kinds(second)).more
    assert (first, second) == ([HELLO], [HELLO])
    assert world[VILLAGE].exchange.held.waiting(TOWN)[0] == 0


def test_a_registry_comes_in_smaller_packages_where_its_first_one_did_not_arrive(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.join(TOWN)
    county = world[COUNTY].exchange
    most = 12_000
    for _ in range(40):
        if world[TOWN].exchange.registry_size == county.registry_size:
            break
        with pytest.raises(TornError):
            world.session(TOWN, down=carries(most))
    assert world[TOWN].exchange.registry_size == county.registry_size
    world.close()


def test_who_wrote_a_log_cuts_it_for_a_line_and_others_give_the_nearest_checkpoint(world: World) -> None:
    log_id = work(world, 30)
    village, town = world[VILLAGE].exchange, world[TOWN].exchange
    village.seal_heads()
    size = village.held.size(log_id)
    whole = village.package(log_id, after=0)
    small = village.package(log_id, after=0, most=3_000)
    assert whole is not None and small is not None
    assert whole.last_seq == size
    assert 1 < small.last_seq < 10
    kinds_sent: list[int] = []
    world.session(VILLAGE, up=kinds(kinds_sent), budget=Budget(package_bytes=3_000))
    assert kinds_sent.count(PACKAGE) > 5
    world.sync(VILLAGE)
    # The township cannot sign for the village; it holds the checkpoints that it was given.
    nearest, furthest = town.package(log_id, after=0, most=1), town.package(log_id, after=0)
    assert nearest is not None and furthest is not None
    assert (nearest.last_seq, furthest.last_seq) == (small.last_seq, size)


def test_how_much_a_line_upward_carries_is_halved_by_what_was_sent_and_grows_again() -> None:
    pace, budget = LinePace(), Budget(bytes=1 << 20, package_bytes=1 << 18)
    sent = pace.begin(budget)
    assert sent == Spending.of(budget)
    sent.take(100_000)
    assert pace.broke
    assert pace.begin(budget) is None
    assert not pace.broke
    assert pace.begin(budget) is None
    pace.answered()
    again = pace.begin(budget)
    assert again is not None and (again.bytes, again.aim) == (50_000, 12_500)
    again.take(50_000)
    pace.answered()
    more = pace.begin(budget)
    assert more is not None and more.bytes == 62_500
    more.take(10)
    pace.answered()
    assert pace.begin(budget) == Spending.of(budget)
    # Of a call that had sent nothing, one that was refused as too early for instance, nothing is in doubt.
    tried = pace.begin(budget)
    assert tried == Spending.of(budget)
    tried.take(10)
    assert pace.begin(budget) is None
    pace.answered()
    least = pace.begin(budget)
    assert least is not None and least.bytes == REQUEST_BYTES_MIN


def test_packages_grow_again_behind_a_first_one_that_arrived() -> None:
    pace, log_id, most = PackagePace(), LogId(bytes(16)), 1 << 20
    assert pace.aim(VILLAGE, {log_id: 0}, most) == most
    pace.gave(VILLAGE, {log_id: 0}, first=40_000, aim=most)
    assert pace.aim(VILLAGE, {log_id: 0}, most) == 20_000
    pace.gave(VILLAGE, {log_id: 0}, first=19_000, aim=20_000)
    assert pace.aim(VILLAGE, {log_id: 7}, most) == 40_000
    pace.gave(VILLAGE, {log_id: 7}, first=100, aim=40_000)
    assert pace.aim(VILLAGE, {log_id: 7}, most) == PACKAGE_BYTES_MIN
    pace.gave(VILLAGE, {}, first=0, aim=most)
    assert pace.aim(VILLAGE, {log_id: 7}, most) == most
    left = Spending.of(Budget(package_bytes=10_000), aim=4_000)
    left.take(4_000)
    assert left.aim == 8_000
    left.take(8_000)
    assert left.aim == 10_000


def test_who_is_given_divergent_histories_alone_is_never_held_unable_to_take_them() -> None:
    pace, log_id = PackagePace(), LogId(bytes(16))
    for lacked, is_stuck in (({}, False), ({log_id: 7}, True)):
        for _ in range(3):
            pace.gave(VILLAGE, lacked, first=100, aim=40_000)
        assert pace.is_stuck(VILLAGE, lacked) is is_stuck


def test_divergent_histories_that_grow_tell_that_packages_have_come() -> None:
    """The log of which they leave stays as short as it was."""
    pace, lacked = PackagePace(), {LogId(bytes(16)): 7}
    for branches in range(0, 40, 10):
        assert not pace.is_stuck(VILLAGE, lacked, branches=branches)
        assert pace.aim(VILLAGE, lacked, 40_000, branches=branches) == 40_000
        pace.gave(VILLAGE, lacked, first=30_000, aim=40_000, branches=branches)
    assert pace.aim(VILLAGE, lacked, 40_000, branches=branches) == 15_000
    for _ in range(2):
        pace.gave(VILLAGE, lacked, first=30_000, aim=40_000, branches=branches)
    assert pace.is_stuck(VILLAGE, lacked, branches=branches)
