"""A station that was put under another township finds its way there by whichever station it can reach."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from ledger.errors import BanjianError
from ledger.facade.transfer.feeds import Feeds
from ledger.registry import actions as registry_actions
from ledger.store.contract import WriteTx
from ledger.types import CaseId, StationId
from tests.sync.sticks import StickWorld
from tests.sync.test_over_tls import Serving, certify
from tests.sync.world import (
    COUNTY,
    LEVEL,
    TOWN,
    TOWN_2,
    UPSTREAM,
    VILLAGE,
    VILLAGE_3,
    World,
    settled,
)


def settled_and_certified(world: StickWorld) -> None:
    """Let the stations join and settle, and give them certificates."""
    settled(TOWN, TOWN_2, VILLAGE)(world)
    certify(world, TOWN, TOWN_2, VILLAGE)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = StickWorld(tmp_path)
    settled_and_certified(made)
    return made


def move(world: World, station: StationId, upstream: StationId) -> None:
    """Let the county put a station under another one."""
    county = world[COUNTY].ledger
    county.register("close_station", registry_actions.close_station(station=station), world.registrar)
    facts = registry_actions.enrol_station(
        station=station, name=station, level=LEVEL[station], upstream=upstream, code_system="statistics"
    )
    county.register("enrol_station", facts, world.registrar)


async def sync(below: Serving) -> str:
    """Sync once; returns the code of what failed or was noted, "" for nothing."""
    try:
        done = await below.network.sync_now()
    except BanjianError as error:
        return error.code
    return done.notes[0] if done.notes else ""


async def confirmed(below: Serving, upper: StationId) -> int:
    """Return how many entries wait for a station above."""
    return await below.thread.exchange(lambda exchange: exchange.held.waiting(upper)[0])


async def line(below: Serving) -> tuple[StationId, ...]:
    return await below.thread.exchange(lambda exchange: exchange.held.line())


def test_the_new_township_alone_can_be_reached(world: World) -> None:
    """The old one is gone; the moved station has heard nothing and has the new address."""
    case = world.receive(VILLAGE)
    move(world, VILLAGE, TOWN_2)
    world.places[TOWN].close()

    async def story() -> None:
        async with (
            Serving(world[TOWN_2], listen=True) as town,
            Serving(world[VILLAGE], listen=False, upstream=town.address) as village,
        ):
            # Neither has heard of it: nothing is given to a station that does not stand above.
            assert await sync(village) == "tls.other_station"
            states = await town.thread.exchange(
                lambda exchange: exchange.held.states(frozenset([VILLAGE]), county=False)
            )
            assert states == []
        async with (
            Serving(world[COUNTY], listen=True) as county,
            Serving(world[TOWN_2], listen=True, upstream=county.address) as town,
            Serving(world[VILLAGE], listen=False, upstream=town.address) as village,
        ):
            assert await sync(town) == ""
            assert await sync(village) == ""
            assert (await line(village))[:2] == (VILLAGE, TOWN_2)
            assert await confirmed(village, TOWN_2) == 0
            assert await sync(town) == ""
            assert await sync(village) == ""
            assert await confirmed(village, COUNTY) == 0

    asyncio.run(story())
    _same_everywhere(world, case, VILLAGE, TOWN_2, COUNTY)


def test_the_old_township_tells_where_to_go(world: World) -> None:
    """It has heard, the new one as well; the moved station has both addresses, the old one first."""
    case = world.receive(VILLAGE)
    move(world, VILLAGE, TOWN_2)
    world.sync(TOWN)
    world.sync(TOWN_2)
    before = world[TOWN].exchange.held.states(frozenset([VILLAGE]), county=False)

    async def story() -> None:
        async with (
            Serving(world[TOWN], listen=True) as old,
            Serving(world[TOWN_2], listen=True),
            Serving(world[VILLAGE], listen=False, upstream=old.address) as village,
        ):
            assert await sync(village) == "tls.other_station"
            # What it has told is the registry: the village knows where it stands and what it is to set.
            assert (await line(village))[:2] == (VILLAGE, TOWN_2)
            assert await sync(village) == "tls.other_station"
            assert await confirmed(village, TOWN_2) > 0
        await by_both_addresses(world)

    asyncio.run(story())
    assert world[TOWN].exchange.held.states(frozenset([VILLAGE]), county=False) == before
    _same_everywhere(world, case, VILLAGE, TOWN_2)


async def by_both_addresses(world: World) -> None:
    """Let the village call where both townships may be reached, and bring the new one everything."""
    async with (
        Serving(world[TOWN], listen=True) as old,
        Serving(world[TOWN_2], listen=True) as new,
        Serving(world[VILLAGE], listen=False, upstream=(old.address, new.address)) as village,
    ):
        assert await sync(village) == ""
        assert await confirmed(village, TOWN_2) == 0


def test_both_addresses_in_one_go(world: World) -> None:
    world.receive(VILLAGE)
    move(world, VILLAGE, TOWN_2)
    world.sync(TOWN)
    world.sync(TOWN_2)
    asyncio.run(by_both_addresses(world))


def test_a_new_township_that_has_not_heard_asks_the_county_and_then_takes_it(world: World) -> None:
    """The moved station knows already, by the county; the new township learns because it is called."""
    move(world, VILLAGE, TOWN_2)
    world.receive(VILLAGE)

    async def story() -> None:
        async with (
            Serving(world[COUNTY], listen=True) as county,
            Serving(world[TOWN_2], listen=True, upstream=county.address) as town,
        ):
            async with Serving(world[VILLAGE], listen=False, upstream=county.address) as village:
                assert await sync(village) == ""
                assert (await line(village))[:2] == (VILLAGE, TOWN_2)
            async with Serving(world[VILLAGE], listen=False, upstream=town.address) as village:
                found = await sync(village)
                for _ in range(100):
                    if not found:
                        break
                    # What the county gives the new township of the station may come in the same moment.
                    assert found in ("sync.not_below", "package.gap")
                    await asyncio.sleep(0.2)
                    found = await sync(village)
                assert found == ""
                assert await confirmed(village, TOWN_2) == 0

    asyncio.run(story())


def test_a_township_that_stands_elsewhere_gets_no_records_and_gives_none(world: World) -> None:
    """A village whose address is simply wrong."""
    case = world.receive(VILLAGE)

    async def story() -> None:
        async with (
            Serving(world[TOWN_2], listen=True) as other,
            Serving(world[VILLAGE], listen=False, upstream=other.address) as village,
        ):
            assert await sync(village) == "tls.other_station"
            heard = await other.thread.exchange(lambda exchange: exchange.peers.all())
            assert all(one.station != VILLAGE for one in heard)

    asyncio.run(story())
    with pytest.raises(BanjianError):
        world[TOWN_2].ledger.state(case)


def test_a_moved_station_that_lives_by_sticks_learns_it_from_the_new_townships_stick(
    world: StickWorld, tmp_path: Path
) -> None:
    case = world.receive(VILLAGE)
    move(world, VILLAGE, TOWN_2)
    world.sync(TOWN_2)
    found = world.take(VILLAGE, world.export(TOWN_2, VILLAGE, tmp_path / "down"))
    assert found.complete
    assert world[VILLAGE].exchange.held.line()[:2] == (VILLAGE, TOWN_2)
    assert world.carry(VILLAGE, TOWN_2, tmp_path / "up").complete
    assert world[VILLAGE].exchange.held.waiting(TOWN_2) == (0, 0)
    assert world.digest(TOWN_2, case) == world.digest(VILLAGE, case)


def test_a_stick_from_a_station_that_stands_elsewhere_is_refused(world: StickWorld, tmp_path: Path) -> None:
    move(world, VILLAGE, TOWN_2)
    world.sync(TOWN)
    world.sync(TOWN_2)
    files = world.export(TOWN_2, VILLAGE, tmp_path / "down")
    world.take(VILLAGE, files)
    move(world, VILLAGE, TOWN)
    world.sync(TOWN)
    assert world.take(VILLAGE, world.export(TOWN, VILLAGE, tmp_path / "back")).complete
    refused = world.take(VILLAGE, world.export(TOWN_2, VILLAGE, tmp_path / "late"))
    assert [one.code for one in refused.parts[0].not_taken] == ["bundle.sender"]
    assert refused.senders == [] and refused.parts[0].new == 0


def test_cases_that_were_offered_before_the_move_come_by_the_new_township(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody acts on them because of the move: the new township has to look for them."""
    world.join(VILLAGE_3)
    world.settle(VILLAGE_3, TOWN_2)
    by_town, by_village, again, other = (world.receive(one) for one in (TOWN_2, VILLAGE_3, TOWN_2, TOWN_2))
    for station, case in ((TOWN_2, by_town), (VILLAGE_3, by_village), (TOWN_2, again)):
        world.do(station, "hand_over", case, to=VILLAGE)
    # Whoever was offered a case must see that it was taken back.
    world.do(TOWN_2, "recall_hand_over", again, reason="wrong_station")
    world.settle(VILLAGE_3, TOWN_2)
    move(world, VILLAGE, TOWN_2)
    monkeypatch.setitem(UPSTREAM, VILLAGE, TOWN_2)
    world.settle(TOWN_2, VILLAGE)
    for case in (by_town, by_village, again):
        _same_everywhere(world, case, COUNTY, TOWN_2, VILLAGE)
    with pytest.raises(BanjianError):
        world[VILLAGE].ledger.state(other)
    world.do(VILLAGE, "take_over", by_village)
    world.settle(VILLAGE, TOWN_2, VILLAGE_3)
    _same_everywhere(world, by_village, COUNTY, TOWN_2, VILLAGE, VILLAGE_3)


def test_a_township_that_gets_a_village_goes_through_no_other_cases(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered, elsewhere, other = (world.receive(TOWN_2) for _ in range(3))
    world.do(TOWN_2, "hand_over", offered, to=VILLAGE)
    world.do(TOWN_2, "hand_over", elsewhere, to=COUNTY)
    world[TOWN_2].exchange.feeds.catch_up(world[TOWN_2].ledger.store)
    move(world, VILLAGE, TOWN_2)
    world.session(TOWN_2)
    looked: list[CaseId] = []
    add = Feeds._add_cases

    def added(self: Feeds, tx: WriteTx, case_ids: Sequence[CaseId]) -> int:
        looked.extend(case_ids)
        return add(self, tx, case_ids)

    monkeypatch.setattr(Feeds, "_add_cases", added)
    feeds = world[TOWN_2].exchange.feeds
    assert feeds.catch_up(world[TOWN_2].ledger.store) == 2
    assert looked == [offered]
    assert other not in looked and feeds.catch_up(world[TOWN_2].ledger.store) == 0


def _same_everywhere(world: World, case: CaseId, *stations: StationId) -> None:
    digests = {world.digest(station, case) for station in stations}
    assert len(digests) == 1
