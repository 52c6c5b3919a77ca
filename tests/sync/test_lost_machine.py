"""A machine was stolen: a registrar ends its certificate, and the station goes on with another machine."""

from __future__ import annotations

import asyncio
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ledger.errors import AuthorityError
from ledger.facade import Home
from ledger.facade.peering.exchange import Exchange
from ledger.registry import actions as registry_actions
from ledger.types import StationId
from stations.kept.sticks import Imported, import_from
from sync.certs.credentials import read_own_leaf
from tests.sync.sticks import StickWorld
from tests.sync.test_closed_stations import call
from tests.sync.test_over_tls import Serving, _receive, certify
from tests.sync.world import COUNTY, START_MS, TOWN, VILLAGE, Place, World, settled

LATER_MS = START_MS + 86_400_000


@pytest.fixture
def world(tmp_path: Path) -> StickWorld:
    made = StickWorld.after(settled(TOWN, VILLAGE), tmp_path)
    certify(made, TOWN, VILLAGE)
    return made


def stolen(world: World, station: StationId = VILLAGE) -> Place:
    """Return a copy of a station's machine as it was taken away."""
    place = world[station]
    place.close()
    folder = world.folder / "stolen"
    shutil.copytree(place.path, folder)
    return Place(station, folder, place.clock, place.randomness)


def end(world: World, before_ms: int, station: StationId = VILLAGE) -> None:
    facts = registry_actions.end_certificates(station=station, before_ms=before_ms)
    world[COUNTY].ledger.register("end_certificates", facts, world.registrar)


def test_a_registrar_ends_the_certificate_of_a_stolen_machine_and_the_number_stays(world: World) -> None:
    case = world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    thief, mine = stolen(world), world[VILLAGE]
    began_ms = read_own_leaf(Home(thief.path), world.genesis.ledger_id()).not_before_ms
    # One that begins at that moment is none that begins before it.
    end(world, began_ms)
    world.sync(TOWN)
    assert asyncio.run(call(world, TOWN, VILLAGE)) == ""
    end(world, began_ms + 1)
    end(world, 1)
    # What the township has not heard it cannot know.
    assert asyncio.run(call(world, TOWN, VILLAGE)) == ""
    world.sync(TOWN)
    world.places[VILLAGE] = thief
    assert asyncio.run(call(world, TOWN, VILLAGE)) == "tls.certificate_ended"
    assert asyncio.run(call(world, COUNTY, VILLAGE)) == "tls.certificate_ended"
    world.places[VILLAGE] = mine
    certify(world, VILLAGE)
    assert asyncio.run(call(world, TOWN, VILLAGE)) == ""
    world.do(VILLAGE, "note", case)
    world.receive(VILLAGE, applicant="后来的人")
    assert asyncio.run(call(world, TOWN, VILLAGE)) == ""
    world.places[VILLAGE] = thief
    assert asyncio.run(call(world, TOWN, VILLAGE)) == "tls.certificate_ended"
    assert world[VILLAGE].ledger.find("后来的人") == []


def end_of_town(world: World) -> None:
    """End the certificates of the township so far, and carry the registry to the village on a stick."""
    end(world, LATER_MS, TOWN)
    world.take(VILLAGE, world.export(COUNTY, VILLAGE, world.folder / "stick"))


def test_a_village_gives_nothing_to_a_stolen_township(world: StickWorld) -> None:
    """Nobody tells the thief's machine of the act: the village has to ask who answers."""
    world.settle(TOWN, VILLAGE)
    thief = stolen(world, TOWN)
    end_of_town(world)
    world.receive(VILLAGE, applicant="后来的人")
    world.places[TOWN] = thief
    assert asyncio.run(call(world, TOWN, VILLAGE)) == "tls.answerer_ended"
    assert world[TOWN].ledger.find("后来的人") == []
    thief.close()


def test_a_connection_that_is_open_when_the_act_comes_is_not_used_again(world: StickWorld) -> None:
    world.settle(TOWN, VILLAGE)

    async def story() -> None:
        async with (
            Serving(world[TOWN], listen=True) as above,
            Serving(world[VILLAGE], listen=False, upstream=above.address) as below,
        ):
            await below.network.sync_now()
            link = below.network.link
            assert link is not None
            named = link.above()
            assert named is not None
            before = named.http()
            assert named.http() is before
            end(world, LATER_MS, TOWN)
            stick = world.export(COUNTY, VILLAGE, world.folder / "stick")
            await below.thread.exchange(lambda exchange: taken(exchange, stick))
            await below.thread.run(lambda: _receive(below))
            with pytest.raises(AuthorityError) as caught:
                await below.network.sync_now()
            assert caught.value.code == "tls.answerer_ended"
            assert named.http() is not before and before.closed
            assert await above.thread.run(lambda: above.thread.held.find("张三")) == []

    asyncio.run(story())


def taken(exchange: Exchange, files: list[Path]) -> None:
    with ThreadPoolExecutor(2) as cores:
        for _ in import_from(exchange, files, Imported(), now_ms=START_MS, cores=cores):
            pass


def test_the_next_address_is_tried_where_the_first_leads_to_a_stolen_township(world: StickWorld) -> None:
    """With the county's own address behind it the village is in step although its township is lost."""
    world.settle(TOWN, VILLAGE)
    end_of_town(world)
    case = world.receive(VILLAGE)

    async def story() -> None:
        async with (
            Serving(world[COUNTY], listen=True) as county,
            Serving(world[TOWN], listen=True) as town,
            Serving(world[VILLAGE], listen=False, upstream=(town.address, county.address)) as village,
        ):
            await village.network.sync_now()
            state, _ = await county.thread.run(lambda: county.thread.held.state(case))
            assert state.status == "received"

    asyncio.run(story())
