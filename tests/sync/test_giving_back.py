"""A county that was put back gets its registry again however little one request carries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade.base.home import RESTORED_MARKER
from ledger.formats.checkpoint import read_checkpoint
from sync.core import returning
from sync.core.framing import NOTE
from sync.core.giving import Budget
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


def bring(world: World, budget: Budget) -> list[list[str]]:
    """Sync until nothing more comes; returns the logs whose checkpoints each request carried."""
    shown: list[list[str]] = []

    def counted(sections: Iterator[bytes]) -> Iterator[bytes]:
        shown.append([])
        for raw in sections:
            if raw[4] == NOTE:
                shown[-1].append(read_checkpoint(raw[5:]).origin)
            yield raw

    for _ in range(ROUNDS_MAX):
        if not world.session(TOWN, up=counted, budget=budget).more:
            return shown
    raise AssertionError(f"no end: {shown}")


@pytest.mark.parametrize("budget", [Budget(packages=1), Budget(bytes=64), Budget()], ids=str)
def test_checkpoints_leave_room_for_what_they_open_the_way_to(world: World, budget: Budget) -> None:
    assert sum(map(len, bring(world, budget))) > 1
    assert world[COUNTY].ledger.knowledge.registry.size == world.lost  # type: ignore[attr-defined]
    # Once answered, the same question brings nothing of it again.
    assert bring(world, budget) == [[]]


def test_of_very_many_logs_some_follow_in_the_next_request(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(returning, "NOTES_MAX", 1)
    shown = [set(logs) for logs in bring(world, Budget()) if logs]
    assert len(shown) > 1 and all(len(logs) == 1 for logs in shown)
    assert world[COUNTY].ledger.knowledge.registry.size == world.lost  # type: ignore[attr-defined]
