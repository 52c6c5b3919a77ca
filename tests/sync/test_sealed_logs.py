"""What a log that is given up still holds must be able to leave the machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade.base.home import RESTORED_MARKER
from tests.sync.world import COUNTY, TOWN, VILLAGE, World, settled


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


def test_acts_behind_the_last_checkpoint_of_a_log_in_doubt_still_go_up(world: World) -> None:
    case = world.receive(VILLAGE)
    world[VILLAGE].close()
    (world[VILLAGE].path / RESTORED_MARKER).touch()
    assert world[VILLAGE].ledger.logs()
    world.settle(VILLAGE, TOWN)
    assert len({world.digest(station, case) for station in (VILLAGE, TOWN, COUNTY)}) == 1


def test_acts_behind_the_last_checkpoint_of_the_countys_log_do_not_stop_its_feeds(world: World) -> None:
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=COUNTY)
    world.settle(VILLAGE, TOWN)
    world.do(COUNTY, "take_over", case)
    world[COUNTY].close()
    (world[COUNTY].path / RESTORED_MARKER).touch()
    world.settle(TOWN, VILLAGE)
    assert world[VILLAGE].ledger.state(case)[0].custodian == COUNTY
