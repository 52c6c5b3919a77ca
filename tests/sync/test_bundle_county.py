"""County checkpoints that travel by stick alone: proven each time, with machines switched off between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sync.sticks import StickWorld
from tests.sync.world import COUNTY, TOWN, VILLAGE, VILLAGE_2, joined


@pytest.fixture
def world(tmp_path: Path) -> Iterator[StickWorld]:
    """A county in which nobody has any network."""
    made = StickWorld(tmp_path)
    joined(TOWN, VILLAGE, VILLAGE_2)(made)
    yield made
    made.close()


def switched_off(world: StickWorld) -> None:
    """Everybody's machine is switched off over night."""
    for station in (COUNTY, TOWN, VILLAGE):
        world[station].close()


def down(world: StickWorld, stick: Path) -> None:
    """A stick comes from the county to the township; a second one goes on to the village."""
    assert world.take(TOWN, world.export(COUNTY, TOWN, stick)).complete
    switched_off(world)
    assert world.take(VILLAGE, world.export(TOWN, VILLAGE, stick)).complete
    switched_off(world)


def up(world: StickWorld, stick: Path) -> None:
    """Sticks go from the village to the township and from there to the county."""
    assert world.take(TOWN, world.export(VILLAGE, TOWN, stick)).complete
    switched_off(world)
    assert world.take(COUNTY, world.export(TOWN, COUNTY, stick)).complete
    switched_off(world)


def newest(world: StickWorld, station: str) -> tuple[bytes, int]:
    held = world[station].exchange.county.held()  # type: ignore[index]
    assert held is not None
    return held


def test_each_round_of_sticks_brings_a_newer_proven_checkpoint(world: StickWorld, tmp_path: Path) -> None:
    down(world, tmp_path / "first")
    sizes = [newest(world, VILLAGE)[1]]
    for number in range(3):
        world.receive(VILLAGE, applicant=f"王{number}")
        up(world, tmp_path / f"up {number}")
        down(world, tmp_path / f"down {number}")
        assert newest(world, VILLAGE) == newest(world, TOWN)
        sizes.append(newest(world, VILLAGE)[1])
        held = world[VILLAGE].exchange.held
        assert [held.waiting(above)[0] for above in (TOWN, COUNTY)] == [0, 0]
    assert sizes == sorted(set(sizes))


def test_a_township_on_the_network_proves_to_a_village_on_sticks(world: StickWorld, tmp_path: Path) -> None:
    """It is restarted after each session, and a stick goes out before the next one."""
    world.sync(TOWN)
    world.take(VILLAGE, world.export(TOWN, VILLAGE, tmp_path / "first"))
    sizes = [newest(world, VILLAGE)[1]]
    for number in range(4):
        world.receive(COUNTY, applicant=f"李{number}")
        world.sync(TOWN)
        switched_off(world)
        world.take(TOWN, world.export(VILLAGE, TOWN, tmp_path / f"up {number}"))
        switched_off(world)
        assert world.take(VILLAGE, world.export(TOWN, VILLAGE, tmp_path / f"down {number}")).complete
        sizes.append(newest(world, VILLAGE)[1])
        assert newest(world, VILLAGE) == newest(world, TOWN)
    assert sizes == sorted(set(sizes))


def test_a_lost_stick_and_an_old_one_do_not_stop_the_checkpoints(world: StickWorld, tmp_path: Path) -> None:
    down(world, tmp_path / "first")
    first = newest(world, VILLAGE)
    old = world.export(TOWN, VILLAGE, tmp_path / "old")
    for number in range(2):
        world.receive(COUNTY, applicant=f"赵{number}")
        world.take(COUNTY, world.export(TOWN, COUNTY, tmp_path / f"up {number}"))
        world.take(TOWN, world.export(COUNTY, TOWN, tmp_path / f"down {number}"))
        switched_off(world)
        for file in world.export(TOWN, VILLAGE, tmp_path / "lost"):
            file.unlink()
    switched_off(world)
    world.take(TOWN, world.export(VILLAGE, TOWN, tmp_path / "told"))
    world.take(COUNTY, world.export(TOWN, COUNTY, tmp_path / "asked"))
    down(world, tmp_path / "second")
    assert newest(world, VILLAGE) == newest(world, TOWN) != first
    assert world.take(VILLAGE, old).complete and newest(world, VILLAGE) == newest(world, TOWN)


def test_what_a_village_below_holds_is_asked_for_by_stick(world: StickWorld, tmp_path: Path) -> None:
    """The second village holds an older checkpoint than the first: both are proven by the same stick."""
    down(world, tmp_path / "first")
    world.take(VILLAGE_2, world.export(TOWN, VILLAGE_2, tmp_path / "second village"))
    for number in range(2):
        world.receive(VILLAGE, applicant=f"钱{number}")
        up(world, tmp_path / f"up {number}")
        down(world, tmp_path / f"down {number}")
    assert newest(world, VILLAGE_2) != newest(world, TOWN)
    assert world.take(VILLAGE_2, world.export(TOWN, VILLAGE_2, tmp_path / "late")).complete
    assert newest(world, VILLAGE_2) == newest(world, VILLAGE) == newest(world, TOWN)
