"""A case that was handed to a station which is closed since is told to who holds it, and above."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade.cases.stranded import OFFERED_TO_CLOSED
from ledger.facade.peering.between import sync_status
from ledger.facade.peering.board import read_board
from ledger.types import StationId
from stations.texts import Say
from stations.words.rows import custodian_words
from tests.sync.test_closed_stations import close, enrol
from tests.sync.world import COUNTY, TOWN, TOWN_2, VILLAGE, VILLAGE_2, World, settled


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, TOWN_2, VILLAGE), tmp_path)
    yield made
    made.close()


def told(world: World, station: StationId) -> list[tuple[object, ...]]:
    """Return what a station's status says of such cases: whose they are, for whom, how many, the first."""
    return [
        (one.params["station"], one.params["to"], one.params["count"], one.params["number"])
        for one in sync_status(world[station].ledger, station).findings
        if one.code == OFFERED_TO_CLOSED
    ]


def board(world: World, station: StationId) -> dict[StationId, int]:
    """Return what the board of a station says of the same, by the closed station."""
    ledger = world[station].ledger
    with ledger.reading() as (tx, parts):
        lines = read_board(ledger.store, tx, parts, station, now_ms=world[station].clock.now_ms())
    return {one.station: one.stranded for one in lines if one.stranded}


def words(world: World, station: StationId) -> list[str]:
    ledger = world[station].ledger
    return [custodian_words(Say(language="zh"), ledger.knowledge.registry, row) for row in ledger.worklist()]


def test_it_is_told_until_it_is_taken_back(world: World) -> None:
    first, second, other = (world.receive(VILLAGE, applicant=name) for name in ("甲", "乙", "丙"))
    for case in (first, second):
        world.do(VILLAGE, "hand_over", case, to=VILLAGE_2)
    world.do(VILLAGE, "hand_over", other, to=TOWN)
    world.settle(VILLAGE, TOWN)
    assert told(world, VILLAGE) == told(world, TOWN) == told(world, COUNTY) == []
    close(world, VILLAGE_2)
    world.settle(TOWN, VILLAGE)
    number = world[VILLAGE].ledger.state(first)[0].number
    for station in (VILLAGE, TOWN, COUNTY):
        assert told(world, station) == [(VILLAGE, VILLAGE_2, 2, number)]
    assert board(world, TOWN) == board(world, COUNTY) == {VILLAGE_2: 2}
    # Nobody whose cases they are not is told.
    world.sync(TOWN_2)
    assert told(world, TOWN_2) == []
    assert sum("请收回" in one for one in words(world, VILLAGE)) == 2
    assert sum("待接收" in one for one in words(world, VILLAGE)) == 1
    world.do(VILLAGE, "recall_hand_over", first, reason="wrong_station")
    rest = world[VILLAGE].ledger.state(second)[0].number
    assert told(world, VILLAGE) == [(VILLAGE, VILLAGE_2, 1, rest)]
    world.do(VILLAGE, "recall_hand_over", second, reason="wrong_station")
    world.settle(VILLAGE, TOWN)
    assert told(world, VILLAGE) == told(world, TOWN) == told(world, COUNTY) == []
    assert board(world, TOWN) == board(world, COUNTY) == {}


def test_a_station_that_is_enrolled_again_takes_over_as_before(world: World) -> None:
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=VILLAGE_2)
    close(world, VILLAGE_2)
    world.settle(VILLAGE, TOWN, VILLAGE)
    assert len(told(world, VILLAGE)) == 1
    enrol(world, VILLAGE_2, TOWN)
    world.settle(TOWN, VILLAGE)
    assert told(world, VILLAGE) == []
