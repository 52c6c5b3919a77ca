"""Two machines of one station, under two townships one after the other: at last sessions are empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.types import StationId
from sync.core.framing import ANSWER, END, HELLO, Splitter
from tests.sync import world as worlds
from tests.sync.test_forks import clone, copy
from tests.sync.test_moved_stations import move
from tests.sync.world import TOWN, TOWN_2, VILLAGE, Place, World, settled


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(worlds, "UPSTREAM", dict(worlds.UPSTREAM))
    made = World.after(settled(TOWN, TOWN_2, VILLAGE), tmp_path)
    yield made
    made.close()


def sections(world: World, station: StationId) -> list[int]:
    """Run one session and return the kinds of all sections that passed, up and down."""
    passed: list[bytes] = []

    def listen(data: Iterator[bytes]) -> Iterator[bytes]:
        for one in data:
            passed.append(one)
            yield one

    requester = world.session(station, up=listen, down=listen)
    assert not requester.more
    splitter = Splitter()
    return [section.kind for data in passed for section in splitter.feed(data)]


def work(world: World, machine: Place, applicant: str) -> None:
    """Receive a case at one of the machines, and let it sync with the township that it calls."""
    world.places[VILLAGE] = machine
    world.receive(VILLAGE, applicant=applicant)
    world.sync(VILLAGE)


@pytest.mark.parametrize("moved_back", [False, True])
def test_machines_that_worked_under_two_townships_have_empty_sessions_at_last(
    world: World, moved_back: bool
) -> None:
    world.receive(VILLAGE, applicant="零")
    world.settle(VILLAGE, TOWN)
    first, second = world[VILLAGE], clone(world, VILLAGE, copy(world, VILLAGE, "image"))
    work(world, first, "甲")
    move(world, VILLAGE, TOWN_2)
    world.sync(TOWN_2)
    worlds.UPSTREAM[VILLAGE] = TOWN_2
    work(world, second, "乙")
    if moved_back:
        move(world, VILLAGE, TOWN)
        worlds.UPSTREAM[VILLAGE] = TOWN
    for number in range(4):
        for machine in (first, second):
            world.settle(TOWN, TOWN_2)
            if number < 2:
                work(world, machine, f"{'甲' if machine is first else '乙'}{number}")
            world.places[VILLAGE] = machine
            world.settle(VILLAGE)
    for machine in (first, second):
        world.places[VILLAGE] = machine
        for station in (VILLAGE, TOWN, TOWN_2):
            assert sections(world, station) == [HELLO, ANSWER, END]
    for name in ("零", "甲", "乙", "甲0", "乙0", "甲1", "乙1"):
        assert world[worlds.UPSTREAM[VILLAGE]].ledger.find(name)
    for machine in (first, second):
        machine.close()
