"""Copies of a disk made before the first act: two logs of one station, and neither continues the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade.peering.between import mark_seen, sync_status
from ledger.types import StationId
from stations.checkup.doctor import examine
from stations.config import StationConfig
from tests.second_reader.test_synced_ledgers import agreed
from tests.sync.test_forks import clone, copy
from tests.sync.world import COUNTY, TOWN, VILLAGE, Place, World, settled

SECOND = "log.second_first"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


def told(place: Place, station: StationId) -> list[str]:
    """Return the logs of which `sync status` says that they begin a second time."""
    status = sync_status(place.ledger, station)
    return [one.log for one in status.findings if one.code == SECOND]


def second_in_doctor(place: Place) -> list[object]:
    """Return the stations of which doctor says that two machines began a log for them."""
    ledger = place.ledger
    checks = examine(
        ledger.home, StationConfig(station=place.station), ledger, now_ms=ledger.clock.now_ms(),
        thorough=False, key_fits=True,
    )  # fmt: skip
    return [
        one.params["station"]
        for one in checks
        if (one.code, one.level) == ("doctor.log_second_first", "warning")
    ]


def test_copies_made_before_the_first_act_are_told_everywhere(world: World) -> None:
    machines = [world[VILLAGE], clone(world, VILLAGE, copy(world, VILLAGE, "image"))]
    for _ in range(2):
        for machine in machines:
            world.places[VILLAGE] = machine
            world.receive(VILLAGE, applicant=f"甲{machines.index(machine)}")
            world.settle(VILLAGE, TOWN)
    for machine in machines:
        world.places[VILLAGE] = machine
        world.settle(VILLAGE, TOWN)
    assert [len(told(machine, VILLAGE)) for machine in machines] == [1, 1]
    assert [len(told(world[station], station)) for station in (TOWN, COUNTY)] == [1, 1]
    for machine in machines:
        assert second_in_doctor(machine) == [VILLAGE]
    assert second_in_doctor(world[TOWN]) == []
    for machine in machines:
        assert mark_seen(machine.ledger) == 1
        world.places[VILLAGE] = machine
        world.settle(VILLAGE, TOWN)
        assert (told(machine, VILLAGE), second_in_doctor(machine)) == ([], [])
    for station in (TOWN, COUNTY):
        world[station].close()
        assert dict(agreed(world[station].path))[SECOND] == "warning"
    for machine in machines:
        machine.close()
