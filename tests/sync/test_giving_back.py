"""A county that was put back gets its registry again however little one request carries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade.base.home import RESTORED_MARKER
from sync import returning
from sync.framing import NOTE
from sync.giving import Budget
from tests.sync.test_forks import copy, put_back
from tests.sync.world import COUNTY, TOWN, TOWN_2, VILLAGE, VILLAGE_3, World, settled

ROUNDS_MAX = 40


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A county back on last week's disk; the first township knows what it has lost."""
    made = World.after(settled(TOWN, TOWN_2, VILLAGE, VILLAGE_3), tmp_path)
    image = copy(made, COUNTY, "image")
    for number in range(4):
        for station in (VILLAGE_3, TOWN_2):
            case = made.receive(station, applicant=f"人{number}")
            made.do(station, "hand_over", case, to=TOWN)
        for station in (VILLAGE_3, TOWN_2, TOWN):
            made.sync(station)
    made.enrol(VILLAGE, "window", "S99")
    made.settle(TOWN)
    made.lost = made[TOWN].ledger.knowledge.registry.size  # type: ignore[attr-defined]
    put_back(made, COUNTY, image)
    (made[COUNTY].path / RESTORED_MARKER).touch()
    yield made
    made.close()


def bring(world: World, budget: Budget) -> list[int]:
    """Sync until nothing more comes; returns how many checkpoints each request carried."""
    counts: list[int] = []

    def counted(sections: Iterator[bytes]) -> Iterator[bytes]:
        counts.append(0)
        for raw in sections:
            counts[-1] += raw[4] == NOTE
            yield raw

    for _ in range(ROUNDS_MAX):
        if not world.session(TOWN, up=counted, budget=budget).more:
            return counts
    raise AssertionError(f"no end: {counts}")


@pytest.mark.parametrize("budget", [Budget(packages=1), Budget(bytes=64), Budget()], ids=str)
def test_checkpoints_leave_room_for_what_they_open_the_way_to(world: World, budget: Budget) -> None:
    assert sum(bring(world, budget)) > 1
    assert world[COUNTY].ledger.knowledge.registry.size == world.lost  # type: ignore[attr-defined]
    # Once answered, the same question brings nothing of it again.
    assert bring(world, budget) == [0]


def test_of_very_many_logs_some_follow_in_the_next_request(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(returning, "NOTES_MAX", 1)
    counts = [count for count in bring(world, Budget()) if count]
    assert len(counts) > 1
    assert world[COUNTY].ledger.knowledge.registry.size == world.lost  # type: ignore[attr-defined]
