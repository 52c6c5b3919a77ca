"""A station may call as often as it moves something; sessions of which nothing comes have a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import BanjianError
from ledger.facade import Home
from sync.certs.credentials import calling_context
from sync.core import responder
from sync.core.giving import Budget
from sync.core.quiet import IDLE_MAX, QUIET_MAX, STATIONS_MAX, Quiet
from sync.line.problem import decode_problem
from sync.line.server_session import SESSION_PATH
from tests.sync.post import ask
from tests.sync.test_cut_answers import cut_line
from tests.sync.test_over_tls import Serving, certified, certify
from tests.sync.world import TOWN, VILLAGE, VILLAGE_2, Clock, World

HELLO_BYTES, ANSWER_BYTES = 3_000, 3_500
"""What such a line lets through: a handshake and a hello, or the begin of an answer; nothing whole."""


class StillClock(Clock):
    """Shows one moment until it is set."""

    def now_ms(self) -> int:
        return self.time_ms


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(certified(TOWN, VILLAGE), tmp_path)
    made.settle(TOWN, VILLAGE)
    yield made
    made.close()


def still(world: World) -> StillClock:
    """Let the township's clock stand."""
    world[TOWN].close()
    clock = world[TOWN].clock = StillClock(world[TOWN].clock.time_ms)
    return clock


def test_quiet_sessions_have_a_bound_and_the_answer_says_when_to_call_again(world: World) -> None:
    clock = still(world)

    async def story() -> None:
        async with (
            Serving(world[TOWN], listen=True) as town,
            Serving(world[VILLAGE], listen=False, upstream=town.address) as village,
        ):
            with pytest.raises(BanjianError) as caught:
                for _ in range(QUIET_MAX + 5):
                    await village.network.sync_now()
            assert caught.value.code == "sync.too_often" and caught.value.params["seconds"] == 60
            context = calling_context(Home(world[VILLAGE].path), town.thread.ledger_id)
            status, raw, retry_after = await ask(town.address, context, SESSION_PATH, body=b"")
            assert (status, retry_after) == (429, "60") and decode_problem(raw).code == "sync.too_often"
            clock.time_ms += 60_000
            assert (await village.network.sync_now()).sessions == 1

    asyncio.run(story())


def test_a_long_first_download_and_a_busy_day_are_free(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [world.receive(VILLAGE, applicant=f"王{number}") for number in range(QUIET_MAX + 10)]
    for case in cases:
        world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.sync(VILLAGE)
    for case in cases:
        world.do(TOWN, "take_over", case)
    world[VILLAGE].close()
    world.join(VILLAGE)
    certify(world, VILLAGE)
    still(world)
    monkeypatch.setattr(responder, "Budget", lambda: Budget(feed_items=1))

    async def story() -> None:
        async with (
            Serving(world[TOWN], listen=True) as town,
            Serving(world[VILLAGE], listen=False, upstream=town.address) as village,
        ):
            first = await village.network.sync_now()
            assert first.sessions > QUIET_MAX and first.notes == ()
            held = await village.thread.exchange(lambda exchange: exchange.held.feed_held(TOWN).number)
            assert held == len(cases)

    asyncio.run(story())


@pytest.mark.parametrize(("up", "down"), [(HELLO_BYTES, 1 << 40), (1 << 40, ANSWER_BYTES)])
def test_a_line_that_always_breaks_locks_nobody_out(world: World, up: int, down: int) -> None:
    """The station calls again by itself, asks each time what has come, and somebody presses the button."""
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.sync(VILLAGE)
    for _ in range(20):
        world.do(VILLAGE if up < down else TOWN, "note", case)
    clock = still(world)
    codes: list[str] = []

    async def story() -> None:
        async with (
            Serving(world[TOWN], listen=True) as town,
            cut_line(town.address, up=up, down=down) as line,
            Serving(world[VILLAGE], listen=False, upstream=line) as village,
        ):
            for _ in range(15):
                try:
                    await village.network.sync_now()
                except BanjianError as error:
                    codes.append(error.code)
        async with (
            Serving(world[TOWN], listen=True) as town,
            Serving(world[VILLAGE], listen=False, upstream=town.address) as village,
        ):
            await village.network.sync_now()

    asyncio.run(story())
    assert clock.time_ms == world[TOWN].clock.now_ms()
    assert set(codes) <= {"sync.torn"}


def test_torn_sessions_and_those_that_ask_what_has_come_are_free_only_so_often() -> None:
    now = [0]
    quiet = Quiet(lambda: now[0])
    for _ in range(IDLE_MAX // 2):
        quiet.ended(VILLAGE, quiet.begin(VILLAGE), stored=0, said=7, broke=True)
        quiet.ended(VILLAGE, quiet.begin(VILLAGE), stored=0, said=7)
    with pytest.raises(BanjianError) as caught:
        quiet.begin(VILLAGE)
    assert caught.value.code == "sync.too_often"
    now[0] = 60_000
    # One session alone asks after a torn one; more of them are as quiet as any.
    quiet.ended(VILLAGE, quiet.begin(VILLAGE), stored=0, said=7, broke=True)
    for _ in range(QUIET_MAX + 1):
        quiet.ended(VILLAGE, quiet.begin(VILLAGE), stored=0, said=7)
    with pytest.raises(BanjianError):
        quiet.begin(VILLAGE)


def test_what_a_station_says_is_free_only_so_often() -> None:
    now = [0]
    quiet = Quiet(lambda: now[0])
    for said in range(IDLE_MAX):
        quiet.ended(VILLAGE, quiet.begin(VILLAGE), stored=0, said=said)
    with pytest.raises(BanjianError):
        quiet.begin(VILLAGE)
    for said in range(2 * IDLE_MAX):
        quiet.ended(VILLAGE_2, quiet.begin(VILLAGE_2), stored=1, said=said % 7)
    now[0] = 60_000
    quiet.begin(VILLAGE)


def test_who_says_less_and_then_more_again_has_moved_nothing() -> None:
    quiet = Quiet(lambda: 0)
    quiet.ended(VILLAGE, quiet.begin(VILLAGE), stored=0, said=10)
    for number in range(QUIET_MAX):
        quiet.ended(VILLAGE, quiet.begin(VILLAGE), stored=0, said=number % 11)
    with pytest.raises(BanjianError) as caught:
        quiet.begin(VILLAGE)
    assert caught.value.code == "sync.too_often"


def test_one_stations_calls_are_not_anothers_and_never_fill_the_memory() -> None:
    quiet = Quiet(lambda: 0, quiet_max=1)
    for number in range(STATIONS_MAX + 10):
        quiet.begin(TOWN[:6] + f"{number:06d}-00")  # type: ignore[arg-type]
    assert len(quiet._calls) == STATIONS_MAX
