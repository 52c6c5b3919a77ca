"""A machine was stolen: what docs/lost-machine.md tells to do, step by step."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from ledger.types import StationId
from tests.sync.test_closed_stations import call, close, enrol
from tests.sync.test_county_put_back import newcomer
from tests.sync.test_over_tls import certify
from tests.sync.world import COUNTY, TOWN, VILLAGE, Place, World, settled

NEXT = StationId("990121001001-01")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    certify(made, TOWN, VILLAGE)
    return made


def stolen(world: World) -> Place:
    """Return a copy of the village's machine as it was taken away."""
    place = world[VILLAGE]
    place.close()
    folder = world.folder / "stolen"
    shutil.copytree(place.path, folder)
    return Place(VILLAGE, folder, place.clock, place.randomness)


def test_the_way_through_a_stolen_machine(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    case = world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    thief, mine = stolen(world), world[VILLAGE]
    # 2. Closed: as soon as the township has heard, nobody with its certificate is given anything.
    close(world, VILLAGE)
    world.sync(TOWN)
    world.places[VILLAGE] = thief
    assert asyncio.run(call(world, TOWN, VILLAGE)) == "tls.station_closed"
    thief.close()
    # 3. Open for as long as the cases are handed over to the township, on a new machine.
    enrol(world, VILLAGE, TOWN)
    world.places[VILLAGE] = mine
    certify(world, VILLAGE)
    world.sync(TOWN)
    world.sync(VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    assert asyncio.run(call(world, TOWN, VILLAGE)) == ""
    close(world, VILLAGE)
    world.sync(TOWN)
    # 4. The counter goes on under a number of its own.
    world.do(TOWN, "take_over", case)
    newcomer(world, monkeypatch, NEXT, level="village", upstream=TOWN)
    world.settle(TOWN, NEXT)
    world.do(TOWN, "hand_over", case, to=NEXT)
    world.settle(NEXT, TOWN)
    world.do(NEXT, "take_over", case)
    world.settle(NEXT, TOWN)
    assert world[COUNTY].ledger.state(case)[0].custodian == NEXT
    later = world.receive(NEXT, applicant="后来的人")
    world.settle(NEXT, TOWN)
    world.places[VILLAGE] = thief
    assert asyncio.run(call(world, TOWN, VILLAGE)) == "tls.station_closed"
    assert world[VILLAGE].ledger.find("后来的人") == []
    assert world[TOWN].ledger.state(later)[0].custodian == NEXT
