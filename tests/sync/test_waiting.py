"""What waits is everything that the station above has not confirmed, whatever history it stands in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade.peering import exchange
from ledger.facade.peering.between import station_board, sync_status
from ledger.types import StationId
from sync.core.giving import Budget
from tests.sync.test_forks import clone, copy, put_back
from tests.sync.world import COUNTY, TOWN, VILLAGE, World, settled


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    made.receive(VILLAGE, applicant="甲")
    made.settle(VILLAGE, TOWN)
    yield made
    made.close()


def levels(world: World, station: StationId) -> dict[str, tuple[int, int]]:
    """Return what each station above has confirmed, and what it has not."""
    found = sync_status(world[station].ledger, station)
    return {one.station: (one.confirmed, one.waiting) for one in found.levels}


def forked(world: World) -> None:
    """Let a cloned machine of the village go on beside the first one; the township alone has its history."""
    image = copy(world, VILLAGE, "clone")
    world.receive(VILLAGE, applicant="乙")
    world.settle(VILLAGE, TOWN)
    world[VILLAGE].close()
    world.places[VILLAGE] = clone(world, VILLAGE, image)
    for name in ("丙", "丁"):
        world.receive(VILLAGE, applicant=name)
    world.sync(VILLAGE)


def test_a_branch_that_has_not_gone_up_waits(world: World) -> None:
    before = levels(world, TOWN)[COUNTY]
    forked(world)
    (branch,) = world[TOWN].exchange.held.branches(frozenset({VILLAGE}))
    count = branch.size - branch.first_seq + 1
    assert count == 2
    confirmed, waiting = levels(world, TOWN)[COUNTY]
    # The new log that the clone opened waits as well.
    assert waiting >= count and confirmed == before[0] + 1
    world.session(TOWN, down=lambda _: iter(()))
    (line,) = [one for one in station_board(world[COUNTY].ledger, COUNTY) if one.station == TOWN]
    assert line.waiting == waiting and line.oldest_ms > 0
    world.sync(TOWN)
    total = sync_status(world[TOWN].ledger, TOWN).entries
    assert levels(world, TOWN)[COUNTY] == (total, 0)


def test_the_clone_knows_how_far_its_own_history_is_confirmed(world: World) -> None:
    forked(world)
    world.sync(VILLAGE)
    assert levels(world, VILLAGE)[TOWN][1] == 0
    assert levels(world, VILLAGE)[COUNTY][1] >= 2
    world.settle(TOWN, VILLAGE)
    assert [waiting for _, waiting in levels(world, VILLAGE).values()] == [0, 0]


def test_single_records_that_came_back_from_below_wait_until_the_next_level_has_them(world: World) -> None:
    case = world.receive(VILLAGE, applicant="乙")
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.settle(VILLAGE, TOWN)
    images = {station: copy(world, station, f"image {station}") for station in (TOWN, COUNTY)}
    world.do(TOWN, "take_over", case)
    world.sync(VILLAGE)
    expected = world.digest(VILLAGE, case)
    for station, image in images.items():
        put_back(world, station, image)
    world.sync(VILLAGE)
    assert world.digest(TOWN, case) == expected != world.digest(COUNTY, case)
    singles = sum(len(end.positions) for end in world[TOWN].exchange.held.single_ends())
    before, waiting = levels(world, TOWN)[COUNTY]
    assert singles > 0 and waiting >= singles
    world[TOWN].close()
    assert levels(world, TOWN)[COUNTY] == (before, waiting)
    world.settle(TOWN)
    assert world.digest(COUNTY, case) == expected
    total = sync_status(world[TOWN].ledger, TOWN).entries
    assert levels(world, TOWN)[COUNTY] == (total, 0)
    world[TOWN].close()
    assert levels(world, TOWN)[COUNTY] == (total, 0)


def test_single_records_that_one_request_cannot_carry_follow_in_the_next_ones(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = world.receive(VILLAGE, applicant="乙")
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.settle(VILLAGE, TOWN)
    images = {station: copy(world, station, f"image {station}") for station in (TOWN, COUNTY)}
    world.do(TOWN, "take_over", case)
    for _ in range(4):
        world.do(TOWN, "note", case)
    world.sync(VILLAGE)
    expected = world.digest(VILLAGE, case)
    for station, image in images.items():
        put_back(world, station, image)
    world.sync(VILLAGE)
    monkeypatch.setattr(exchange, "CARRIED_BYTES", 1)
    sent = [one.sent for one in world.sync(TOWN, budget=Budget(bytes=1))]
    assert world.digest(COUNTY, case) == expected
    assert len(sent) > 5 and max(sent) <= 2
