"""A county that comes back from an older disk, over TLS, in processes that go on running."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.facade import Command, Ledger
from ledger.facade.between import stations_behind
from ledger.facade.home import RESTORED_MARKER
from ledger.facade.peers import BY_STICK
from ledger.keys import Signer
from ledger.types import CaseId
from tests.sync.test_forks import copy, put_back
from tests.sync.test_over_tls import Serving, certify
from tests.sync.world import COUNTY, FELLING, TOWN, TOWN_2, VILLAGE, World, signer

CASES = 12


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    for station in (TOWN, VILLAGE):
        made.join(station)
    certify(made, TOWN, VILLAGE)
    made.settle(TOWN, VILLAGE)
    return made


def receive(ledger: Ledger, key: Signer, number: int) -> CaseId:
    command = Command(
        action="receive", station=VILLAGE,
        facts={"item": FELLING, "applicant_kind": "person", "channel": "counter", "materials": []},
        personal={"applicant": {"name": f"王{number}", "id_kind": "other", "id_no": f"N{number}"}},
    )  # fmt: skip
    return ledger.perform(command, key).case_id


def a_lost_week(world: World, how: str) -> list[CaseId]:
    """Enrol somebody who receives cases, let all of it reach the county, and put the county back."""
    image = copy(world, COUNTY, "image")
    world.enrol(VILLAGE, "window", "S99")
    world.settle(TOWN, VILLAGE)
    cases = [receive(world[VILLAGE].ledger, signer("S99"), number) for number in range(CASES)]
    world.settle(VILLAGE, TOWN)
    put_back(world, COUNTY, image)
    if how == "told":
        (world[COUNTY].path / RESTORED_MARKER).touch()
    return cases


def serve(world: World, story: Callable[[Serving, Serving], Coroutine[None, None, None]]) -> None:
    async def run() -> None:
        async with (
            Serving(world[COUNTY], listen=True) as county,
            Serving(world[TOWN], listen=True, upstream=county.address) as town,
        ):
            await story(county, town)

    asyncio.run(run())


@pytest.mark.parametrize("how", ["told", "silently"])
def test_acts_of_somebody_enrolled_in_the_lost_week_count_in_the_running_county(
    world: World, how: str
) -> None:
    cases = a_lost_week(world, how)

    async def story(county: Serving, town: Serving) -> None:
        await town.network.sync_now()
        seen = await county.thread.run(lambda: [county.thread.held.state(case)[0] for case in cases])
        assert [state.status for state in seen] == ["received"] * CASES
        assert all(state.number for state in seen)

    serve(world, story)


@pytest.mark.parametrize("how", ["told", "silently"])
def test_the_county_waits_for_its_townships_before_it_opens_new_logs(world: World, how: str) -> None:
    world.join(TOWN_2)
    certify(world, TOWN, VILLAGE, TOWN_2)
    world.settle(TOWN_2)
    a_lost_week(world, how)
    if how == "told":
        assert stations_behind(world[COUNTY].ledger, COUNTY) == [TOWN, TOWN_2]

    async def story(county: Serving, town: Serving) -> None:
        await town.network.sync_now()
        assert await behind(county) == [TOWN_2]
        async with Serving(world[TOWN_2], listen=False, upstream=county.address) as other:
            await other.network.sync_now()
        assert await behind(county) == []

    serve(world, story)


async def behind(county: Serving) -> list[str]:
    return list(await county.thread.run(lambda: stations_behind(county.thread.held, COUNTY)))


def test_a_township_that_has_not_brought_all_of_the_registry_is_still_waited_for(
    world: World,
) -> None:
    a_lost_week(world, "told")
    world.session(TOWN)
    assert stations_behind(world[COUNTY].ledger, COUNTY) == [TOWN]
    world.sync(TOWN)
    assert stations_behind(world[COUNTY].ledger, COUNTY) == []


def test_nobody_is_waited_for_who_never_joined_or_comes_by_stick(world: World) -> None:
    a_lost_week(world, "told")
    exchange = world[COUNTY].exchange
    assert stations_behind(world[COUNTY].ledger, COUNTY) == [TOWN]
    heard = next(one for one in exchange.peers.all() if one.station == TOWN)
    exchange.peers.take([replace(heard, heard_at_ms=heard.heard_at_ms + 1, via=BY_STICK)])
    assert stations_behind(world[COUNTY].ledger, COUNTY) == []
