"""Rolled back, cloned, restored: both histories are kept, nothing is lost, and work goes on in a new log."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.types import StationId
from sync.core.requester import Guesses
from tests.sync.world import COUNTY, TOWN, TOWN_2, VILLAGE, VILLAGE_3, Place, World, settled


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


def copy(world: World, station: StationId, name: str) -> Path:
    """Copy the folder of a station, as an image of its disk."""
    place = world[station]
    place.close()
    target = world.folder / name
    shutil.copytree(place.path, target)
    return target


def put_back(world: World, station: StationId, image: Path) -> None:
    """Let the station's folder be what it was when the image was made."""
    place = world[station]
    place.close()
    shutil.rmtree(place.path)
    shutil.copytree(image, place.path)
    place.guesses = Guesses()


def clone(world: World, station: StationId, image: Path) -> Place:
    """Return a second machine that runs from an image of the first one's disk."""
    first = world[station]
    return Place(station, image, first.clock, first.randomness)


def findings(world: World, station: StationId) -> set[str]:
    """Return the codes of what a station found while it took things in."""
    from ledger.facade.base.synctables import SYNC_FINDINGS

    with world[station].ledger.store.read() as tx:
        return {str(row[0]) for row in tx.select(SYNC_FINDINGS, {})}


def test_a_disk_image_put_back_silently_gets_its_end_back_and_a_new_log(world: World) -> None:
    first = world.receive(VILLAGE, applicant="甲")
    world.sync(VILLAGE)
    image = copy(world, VILLAGE, "image")
    second = world.receive(VILLAGE, applicant="乙")
    world.sync(VILLAGE)
    put_back(world, VILLAGE, image)
    assert not world[VILLAGE].ledger.find("乙")
    sealed = [pair for one in world.sync(VILLAGE) for pair in one.sealed]
    assert [code for _, code in sealed] == ["log.upstream_ahead"]
    assert world[VILLAGE].ledger.find("乙")
    third = world.receive(VILLAGE, applicant="丙")
    world.settle(VILLAGE, TOWN)
    for case in (first, second, third):
        assert len({world.digest(station, case) for station in (VILLAGE, TOWN, COUNTY)}) == 1
    logs = [log for log in world[VILLAGE].ledger.logs() if log.kind == "station" and log.own]
    assert [log.doubt for log in sorted(logs, key=lambda log: not log.doubt)] == ["log.upstream_ahead", ""]


def test_a_rollback_that_went_on_is_a_fork_and_both_branches_are_kept(world: World) -> None:
    shared = world.receive(VILLAGE, applicant="甲")
    world.sync(VILLAGE)
    image = copy(world, VILLAGE, "image")
    lost = world.receive(VILLAGE, applicant="乙")
    world.sync(VILLAGE)
    world.sync(TOWN)
    put_back(world, VILLAGE, image)
    other = world.receive(VILLAGE, applicant="丙")
    codes = [code for one in world.sync(VILLAGE) for _, code in one.sealed]
    assert codes == ["log.upstream_other"]
    world.settle(VILLAGE, TOWN)
    later = world.receive(VILLAGE, applicant="丁")
    world.settle(VILLAGE, TOWN)
    for case in (shared, lost, other, later):
        assert len({world.digest(station, case) for station in (VILLAGE, TOWN, COUNTY)}) == 1, case.hex()
    for station in (TOWN, COUNTY):
        assert "log.fork" in findings(world, station)


def test_two_machines_with_one_disk_image_are_found_and_lose_nothing(world: World) -> None:
    world.receive(VILLAGE, applicant="甲")
    world.sync(VILLAGE)
    second = clone(world, VILLAGE, copy(world, VILLAGE, "clone"))
    mine = world.receive(VILLAGE, applicant="乙")
    world.sync(VILLAGE)
    first, world.places[VILLAGE] = world.places[VILLAGE], second
    theirs = [world.receive(VILLAGE, applicant=name) for name in ("丙", "丁", "戊")]
    codes = [code for one in world.sync(VILLAGE) for _, code in one.sealed]
    assert codes == ["log.upstream_other"]
    theirs.append(world.receive(VILLAGE, applicant="己"))
    world.settle(VILLAGE, TOWN)
    world.places[VILLAGE] = first
    codes = [code for one in world.sync(VILLAGE) for _, code in one.sealed]
    assert codes == ["log.upstream_other"]
    more = world.receive(VILLAGE, applicant="庚")
    world.settle(VILLAGE, TOWN)
    world.places[VILLAGE] = second
    world.settle(VILLAGE, TOWN)
    for case in (mine, *theirs, more):
        states = {world.digest(station, case) for station in (TOWN, COUNTY)}
        for machine in (first, second):
            world.places[VILLAGE] = machine
            states.add(world.digest(VILLAGE, case))
        assert len(states) == 1
    first.close()


def test_two_machines_at_work_do_not_take_over_each_others_logs(world: World) -> None:
    """One of them is put back once more; if each went on with the other's log, no log would last a sync."""
    world.receive(VILLAGE, applicant="甲")
    world.settle(VILLAGE, TOWN)
    image, again = copy(world, VILLAGE, "image"), copy(world, VILLAGE, "again")
    machines = [world[VILLAGE], clone(world, VILLAGE, image)]

    def work(rounds: int) -> None:
        for number in range(rounds):
            for machine in machines:
                world.places[VILLAGE] = machine
                world.receive(VILLAGE, applicant=f"张{machines.index(machine)}{number}")
                world.sync(VILLAGE)

    work(3)
    world.places[VILLAGE] = machines[0]
    put_back(world, VILLAGE, again)
    before = village_logs(world)
    work(5)
    after = village_logs(world)
    assert len(after) == len(before) + 1
    parents = [parent for parent in after.values() if parent]
    assert len(set(parents)) == 1
    for machine in machines:
        machine.close()


def village_logs(world: World) -> dict[str, str]:
    """Return the logs of the village that its township holds, each with the one that it goes on from."""
    logs = world[TOWN].ledger.parts.holdings.of_kind("station")
    return {log.name: log.genesis.parent_log.hex() for log in logs if log.genesis.station == VILLAGE}


def test_a_county_restored_from_an_old_backup_recovers_from_its_stations(world: World) -> None:
    old = world.receive(VILLAGE, applicant="甲")
    world.do(VILLAGE, "hand_over", old, to=COUNTY)
    world.settle(VILLAGE, TOWN)
    image = copy(world, COUNTY, "backup")
    world.do(COUNTY, "take_over", old)
    world.do(COUNTY, "accept", old, role="officer")
    fresh = world.receive(VILLAGE, applicant="乙")
    world.enrol(VILLAGE, "window", "S99")
    world.settle(VILLAGE, TOWN)
    digests = {case: world.digest(VILLAGE, case) for case in (old, fresh)}
    size = world[COUNTY].ledger.knowledge.registry.size
    put_back(world, COUNTY, image)
    (world[COUNTY].path / "RESTORED").touch()
    assert world[COUNTY].ledger.knowledge.registry.size < size
    world.settle(VILLAGE, TOWN)
    assert world[COUNTY].ledger.knowledge.registry.size == size
    for case, before in digests.items():
        assert {world.digest(station, case) for station in (VILLAGE, TOWN, COUNTY)} == {before}
    world.do(COUNTY, "start_review", old, role="officer")
    world.settle(TOWN, VILLAGE)
    assert len({world.digest(station, old) for station in (VILLAGE, TOWN, COUNTY)}) == 1


def test_cases_of_both_branches_reach_a_station_that_does_not_hold_the_log(world: World) -> None:
    """Entries at the same position of both histories go up, over and down again as single frames."""
    for station in (TOWN_2, VILLAGE_3):
        world.join(station)
        world.sync(station)
    cases = [world.receive(VILLAGE, applicant=name) for name in ("甲", "乙", "丙")]
    world.sync(VILLAGE)
    image = copy(world, VILLAGE, "image")
    world.do(VILLAGE, "hand_over", cases[0], to=VILLAGE_3)
    world.sync(VILLAGE)
    world.sync(TOWN)
    put_back(world, VILLAGE, image)
    for case in cases[1:]:
        world.do(VILLAGE, "hand_over", case, to=VILLAGE_3)
    for _ in range(2):
        world.settle(VILLAGE, TOWN, TOWN_2, VILLAGE_3)
    everywhere = (VILLAGE, TOWN, COUNTY, TOWN_2, VILLAGE_3)
    for case in cases:
        assert len({world.digest(station, case) for station in everywhere}) == 1
        assert world[VILLAGE_3].ledger.state(case)[0].offered_to == VILLAGE_3
    for station in (TOWN_2, VILLAGE_3):
        assert "log.fork" in findings(world, station)
    again = {station: world.sync(station)[0].notes for station in (TOWN_2, VILLAGE_3)}
    assert again == {TOWN_2: [], VILLAGE_3: []}
