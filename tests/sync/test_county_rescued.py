"""A county that lost its disk and has no backup at all: its stations bring everything back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import BanjianError, StoreError
from ledger.facade import Home
from ledger.facade.opened.rescuing import rescue_county
from ledger.facade.peering.between import county_note, stations_behind, sync_status
from ledger.types import LedgerId
from tests.second_reader.test_synced_ledgers import agreed
from tests.sync.world import COUNTY, TOWN, TOWN_2, VILLAGE, World, settled, signer


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, TOWN_2, VILLAGE), tmp_path)
    yield made
    made.close()


def lose_the_county(world: World) -> None:
    """Let the county's disk be gone, and begin in an empty folder with what a station knows of the ledger."""
    place = world[COUNTY]
    place.close()
    shutil.rmtree(place.path)
    genesis = Home(world[TOWN].path).ledger_genesis()
    assert genesis is not None
    station = rescue_county(
        Home(place.path), genesis, expected=world.genesis.ledger_id(), randomness=place.randomness
    )
    assert station == COUNTY


def test_the_stations_bring_registry_catalogue_and_cases_and_the_county_goes_on(world: World) -> None:
    case = world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    registry = world[COUNTY].ledger.knowledge.registry.size
    catalogue = world[COUNTY].ledger.knowledge.catalogue.size
    digest = world.digest(COUNTY, case)
    lose_the_county(world)
    late = world.receive(VILLAGE, applicant="李四")
    with pytest.raises(StoreError, match=r"log\.not_first"):
        world[COUNTY].ledger.open_county_log("registry", COUNTY, signer("root 0"))
    world.settle(VILLAGE, TOWN)
    county = world[COUNTY].ledger
    assert (county.knowledge.registry.size, county.knowledge.catalogue.size) == (registry, catalogue)
    assert stations_behind(county, COUNTY) == [TOWN_2]
    world.settle(TOWN_2)
    assert stations_behind(county, COUNTY) == []
    assert world.digest(COUNTY, case) == digest and county.find("张三") and county.find("李四")
    county.open_county_log("registry", COUNTY, signer("root 0"))
    county.open_county_log("catalogue", COUNTY, world.registrar)
    county.open_county_log("merge", COUNTY, world.registrar)
    county.enrol_service_key(COUNTY, "receipt", world.registrar)
    world.enrol(VILLAGE, "window", "S99")
    world.settle(TOWN, TOWN_2, VILLAGE, TOWN)
    for station in (TOWN, VILLAGE):
        held = world[station].ledger
        assert held.knowledge.registry.size == county.knowledge.registry.size > registry
        assert held.knowledge.registry.staff("S99") is not None
        assert {world.digest(one, late) for one in (station, COUNTY)} == {world.digest(COUNTY, late)}
    assert world[VILLAGE].exchange.held.waiting(COUNTY) == (0, 0)
    # The new merge log goes on from the furthest checkpoint that any station has seen of the lost one.
    genesis = next(
        log for log in county.parts.holdings.logs.values() if log.genesis.kind == "merge" and not log.state
    ).genesis
    assert genesis.reason == "restored" and genesis.parent_size > 0
    assert county_note(county) == county_note(world[TOWN].ledger)
    for station in (TOWN, TOWN_2, VILLAGE):
        told = {one.code for one in sync_status(world[station].ledger, station).findings}
        # Whoever had seen less of the lost merge log cannot prove the step, and is told that people took it.
        assert told <= {"merge.restored"}
    for station in (COUNTY, TOWN):
        world[station].close()
        agreed(world[station].path)


def test_nothing_but_a_genesis_of_the_ledger_that_was_named_begins_it(world: World, tmp_path: Path) -> None:
    genesis = Home(world[TOWN].path).ledger_genesis()
    assert genesis is not None
    right, place = world.genesis.ledger_id(), Home(tmp_path / "new")
    for raw, expected in ((genesis, LedgerId(bytes(32))), (genesis[:-1], right)):
        with pytest.raises(BanjianError):
            rescue_county(place, raw, expected=expected, randomness=world[TOWN].randomness)
        assert not (tmp_path / "new").exists()
    with pytest.raises(BanjianError, match=r"home\.exists"):
        rescue_county(
            Home(world[TOWN].path), genesis, expected=world.genesis.ledger_id(),
            randomness=world[TOWN].randomness,
        )  # fmt: skip
