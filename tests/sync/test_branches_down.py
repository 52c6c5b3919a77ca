"""Divergent histories come down whole, as far as one sync reaches, whatever else is above."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.core.giving import Budget
from tests.sync.test_feed_beside import last_of
from tests.sync.test_forks import copy, put_back
from tests.sync.test_pins import rot
from tests.sync.world import COUNTY, TOWN, VILLAGE, World, settled

STRETCHES, NOTES = 18, 5
"""How often the lost history went up, and how much of it each time: no package holds more."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


def forked(world: World) -> None:
    """Let the village go on from an older disk: what it had written since is above, as another history."""
    case = world.receive(VILLAGE, applicant="甲")
    world.sync(VILLAGE)
    image = copy(world, VILLAGE, "image")
    for _ in range(STRETCHES):
        for _ in range(NOTES):
            world.do(VILLAGE, "note", case)
        world.sync(VILLAGE)
    put_back(world, VILLAGE, image)
    world.receive(VILLAGE, applicant="丙")


def come(world: World) -> int:
    """Return how much of the other history the village holds."""
    held = world[VILLAGE].exchange.held
    return sum(one.size - one.first_seq + 1 for one in held.branches(held.scope(VILLAGE)))


@pytest.mark.parametrize("packages", [1, 2])
def test_one_sync_brings_a_divergent_history_of_many_answers(world: World, packages: int) -> None:
    forked(world)
    done = world.sync(VILLAGE, rounds=40, budget=Budget(packages=packages, package_bytes=300))
    assert len(done) >= STRETCHES // packages
    assert come(world) == STRETCHES * NOTES


@pytest.mark.parametrize("packages", [2, 3])
def test_a_divergent_history_comes_beside_a_log_that_cannot_be_taken(world: World, packages: int) -> None:
    """One package of that log is tried each time, and it is not the only one."""
    forked(world)
    world.enrol(COUNTY, "window", "S99")
    world.sync(TOWN)
    log_id, seq = last_of(world, "registry", VILLAGE)
    with rot(world, VILLAGE, log_id, seq, "frame"):
        world.sync(VILLAGE, rounds=40, budget=Budget(packages=packages, package_bytes=300))
        assert come(world) == STRETCHES * NOTES
        # What cannot be taken is tried once more each time, and that is all.
        assert len(world.sync(VILLAGE, budget=Budget(packages=packages, package_bytes=300))) == 1
