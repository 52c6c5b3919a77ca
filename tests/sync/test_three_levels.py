"""Village, township and county: what goes up, what comes down, and that all see the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.formats.entry import decode_entry
from ledger.formats.frame import split_frame
from tests.sync.conftest import COUNTY_PLACES, county_url
from tests.sync.world import COUNTY, TOWN, VILLAGE, VILLAGE_2, World, walk


def synced(world: World) -> None:
    """Let the stations join, and each sync once."""
    for station in (TOWN, VILLAGE, VILLAGE_2):
        world.join(station)
    for station in (TOWN, VILLAGE, VILLAGE_2):
        world.sync(station)


@pytest.fixture(params=COUNTY_PLACES)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    made = World.after(synced, tmp_path, county_url=county_url(request))
    yield made
    made.close()


def test_a_newcomer_knows_the_county_after_one_sync(world: World) -> None:
    county, village = world[COUNTY].ledger, world[VILLAGE].ledger
    assert village.knowledge.registry.size == county.knowledge.registry.size
    assert village.knowledge.catalogue.size == county.knowledge.catalogue.size
    assert village.knowledge.calendars.version == county.knowledge.calendars.version


def test_a_case_goes_from_the_village_to_the_county_and_back(world: World) -> None:
    case = walk(world)
    digests = {world.digest(station, case) for station in (COUNTY, TOWN, VILLAGE)}
    assert len(digests) == 1
    state, _ = world[VILLAGE].ledger.state(case)
    assert (state.status, state.custodian, len(state.steps)) == ("reviewing", COUNTY, 7)
    for station in (COUNTY, TOWN, VILLAGE):
        assert world[station].ledger.find("张三"), station


def test_a_village_never_sees_what_is_another_ones(world: World) -> None:
    case = world.receive(VILLAGE_2, applicant="李四")
    world.do(VILLAGE_2, "hand_over", case, to=TOWN)
    world.settle(VILLAGE_2, TOWN, VILLAGE)
    world.do(TOWN, "take_over", case)
    world.settle(TOWN, VILLAGE, VILLAGE_2)
    assert not world[VILLAGE].ledger.find("李四")
    assert case not in {row.case_id for row in world[VILLAGE].ledger.worklist(include_closed=True)}
    assert world[COUNTY].ledger.find("李四")


def test_receipts_come_back_from_both_levels(world: World) -> None:
    world.receive(VILLAGE)
    assert world[VILLAGE].exchange.held.waiting(TOWN)[0] == 2
    world.settle(VILLAGE, TOWN)
    world.sync(VILLAGE)
    held = world[VILLAGE].exchange.held
    assert held.waiting(TOWN) == (0, 0)
    assert held.waiting(COUNTY) == (0, 0)


def test_a_warm_sync_is_one_round_and_carries_only_news(world: World) -> None:
    for number in range(3):
        world.receive(VILLAGE, applicant=f"王{number}")
    world.sync(VILLAGE)
    world.receive(VILLAGE)
    rounds = world.sync(VILLAGE)
    assert [(one.sent, one.notes) for one in rounds] == [(1, [])]
    assert [(one.sent, one.notes) for one in world.sync(VILLAGE)] == [(0, [])]


def test_every_station_holds_a_proven_county_checkpoint_and_its_entries_name_it(world: World) -> None:
    first = world[VILLAGE].exchange.county.held()
    assert first is not None
    world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    world.settle(TOWN, VILLAGE)
    second = world[VILLAGE].exchange.county.held()
    assert second is not None and second[0] == first[0] and second[1] > first[1]
    world.receive(VILLAGE, applicant="乙")
    with world[VILLAGE].ledger.store.read() as tx:
        log = next(one for one in world[VILLAGE].ledger.logs() if one.own and one.kind == "station")
        frame = tx.frame(log.log_id.hex(), log.size)
    assert frame is not None and decode_entry(split_frame(frame).entry_raw).county_seen
