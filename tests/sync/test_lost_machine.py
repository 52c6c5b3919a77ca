"""A machine was stolen: a registrar ends its certificate, and the station goes on with another machine."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from ledger.facade import Home
from ledger.registry import actions as registry_actions
from sync.certs.credentials import read_own_leaf
from tests.sync.test_closed_stations import call
from tests.sync.test_over_tls import certify
from tests.sync.world import COUNTY, TOWN, VILLAGE, Place, World, settled


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


def end(world: World, before_ms: int) -> None:
    facts = registry_actions.end_certificates(station=VILLAGE, before_ms=before_ms)
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
