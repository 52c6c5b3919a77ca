"""Single records of both histories of a forked log, given to somebody who holds neither of them whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade.synctables import FORK
from tests.sync.test_forks import clone, copy, findings
from tests.sync.world import COUNTY, TOWN, TOWN_2, VILLAGE, VILLAGE_3, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    for station in (TOWN, TOWN_2, VILLAGE, VILLAGE_3):
        made.join(station)
    made.settle(TOWN, TOWN_2, VILLAGE, VILLAGE_3)
    yield made
    made.close()


def test_records_of_two_histories_at_one_position_are_told_apart(world: World) -> None:
    world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    second = clone(world, VILLAGE, copy(world, VILLAGE, "clone"))
    cases = []
    for name, others in (("甲", 0), ("乙", 3)):
        case = world.receive(VILLAGE, applicant=name)
        for _ in range(others):
            world.receive(VILLAGE, applicant="丙")
        world.do(VILLAGE, "hand_over", case, to=VILLAGE_3)
        cases.append(case)
        world.settle(VILLAGE, TOWN)
        world.settle(TOWN_2, VILLAGE_3)
        world.places[VILLAGE], second = second, world.places[VILLAGE]
    world.settle(VILLAGE, TOWN, TOWN_2, VILLAGE_3)
    for case in cases:
        states = {world.digest(station, case) for station in (COUNTY, TOWN, TOWN_2, VILLAGE_3)}
        assert len(states) == 1, case.hex()
        assert world[VILLAGE_3].ledger.state(case)[0].offered_to == VILLAGE_3
    for machine in (world[VILLAGE], second):
        world.places[VILLAGE] = machine
        world.settle(VILLAGE, TOWN)
        assert [(one.sent, one.notes) for one in world.sync(VILLAGE)] == [(0, [])]
        assert [machine.exchange.held.waiting(above) for above in (TOWN, COUNTY)] == [(0, 0), (0, 0)]
    for station in (COUNTY, TOWN, TOWN_2, VILLAGE_3):
        assert FORK in findings(world, station), station
    second.close()
