"""Three histories of one log, one leaving another that left the first: all reach everybody, in any order."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest

from ledger.facade.logs.opening import BRANCH_MARK
from ledger.formats.entry import entry_hash
from ledger.formats.frame import split_frame
from ledger.store import schema
from ledger.types import CaseId, LogId, StationId
from tests.sync.sticks import StickWorld
from tests.sync.world import COUNTY, TOWN, VILLAGE, Place, World, settled

NAMES = "ABC"


class Machines:
    """Three machines that ran from images of one disk, and never met."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cases: list[CaseId] = [self.world.receive(VILLAGE, applicant="甲")]
        self.world.settle(VILLAGE, TOWN)
        first = self.world[VILLAGE]
        self.log = next(log for log in first.ledger.logs() if log.kind == "station" and log.own).log_id
        self.places = {"A": first, "B": self._copy(first, "B")}
        self._work("A", 3)
        self._work("B", 2)
        self.places["C"] = self._copy(self.places["B"], "C")
        self._work("B", 2)
        self._work("C", 4)
        self.entries = {entry for name in NAMES for entry in entries(self.places[name], self.log)}

    def _copy(self, place: Place, name: str) -> Place:
        place.close()
        target = self.world.folder / name
        shutil.copytree(place.path, target)
        return Place(place.station, target, place.clock, place.randomness)

    def _work(self, name: str, count: int) -> None:
        self.become(name)
        for number in range(count):
            self.cases.append(self.world.receive(VILLAGE, applicant=f"{name}{number}"))
        # Signed here, so that a prefix has a checkpoint of its own and the next one covers more.
        self.world[VILLAGE].exchange.seal_heads()

    def become(self, name: str) -> None:
        """Let the village be one of the machines."""
        self.world.places[VILLAGE] = self.places[name]

    def close(self) -> None:
        """Close all ledgers."""
        for place in self.places.values():
            place.close()
        self.world.close()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    world = StickWorld.after(settled(TOWN, VILLAGE), tmp_path)
    made = Machines(world)
    yield made
    made.close()


def entries(place: Place, log_id: LogId) -> set[tuple[int, bytes]]:
    """Return position and hash of every entry that a place holds of a log, in whatever history."""
    found: set[tuple[int, bytes]] = set()
    log = log_id.hex()
    commons = {one.name: one.common for one in place.exchange.held.histories(log_id).values()}
    with place.ledger.store.read() as tx:
        for name, common in [(log, 0), *commons.items()]:
            for seq, frame in tx.frames(name, 1, 10**6):
                found.add((seq + common, entry_hash(split_frame(frame).entry_raw)))
    return found


def kept_once(place: Place, log_id: LogId) -> bool:
    """Whether no entry of a log is kept under two names."""
    with place.ledger.store.read() as tx:
        names = {log_id.hex(), *place.exchange.held.histories(log_id)}
        frames = [frame for name in names for _, frame in tx.frames(name, 1, 10**6)]
    return len(frames) == len(set(frames))


def sticks(machines: Machines) -> StickWorld:
    assert isinstance(machines.world, StickWorld)
    return machines.world


def three_histories(world: World) -> None:
    """Let three machines with images of one disk come one after the other."""
    machines = Machines(world)
    settle(machines, "BCA")
    for place in machines.places.values():
        place.close()


def check(machines: Machines, stations: tuple[StationId, ...] = (TOWN, COUNTY)) -> None:
    world = machines.world
    for station in stations:
        assert entries(world[station], machines.log) == machines.entries, station
        assert kept_once(world[station], machines.log)
        for case in machines.cases:
            assert world.digest(station, case) == world.digest(COUNTY, case)
    for name in NAMES:
        machines.become(name)
        for above in (TOWN, COUNTY):
            assert world[VILLAGE].exchange.held.waiting(above) == (0, 0), (name, above)


def settle(machines: Machines, order: str) -> None:
    for _ in range(3):
        for name in order:
            machines.become(name)
            machines.world.settle(VILLAGE, TOWN)


@pytest.mark.parametrize("order", ["".join(one) for one in permutations(NAMES)])
def test_all_histories_reach_all_above_in_any_order(machines: Machines, order: str) -> None:
    for name in order:
        machines.become(name)
        machines.world.sync(VILLAGE)
    settle(machines, order)
    check(machines)
    world = machines.world
    assert [one.notes for one in world.sync(TOWN)] == [[]]
    assert [one.sent for one in world.sync(TOWN)] == [0]


@pytest.mark.parametrize("order", ["".join(one) for one in permutations(NAMES)])
def test_what_comes_to_the_county_first_by_stick_comes_down_to_the_township(
    machines: Machines, order: str, tmp_path: Path
) -> None:
    """The first history goes by the township, the second straight to the county, the third as the first."""
    world = sticks(machines)
    for number, name in enumerate(order):
        machines.become(name)
        if number == 1:
            world.take(COUNTY, world.export(VILLAGE, COUNTY, tmp_path / "stick"))
        else:
            world.sync(VILLAGE)
        if number:
            world.sync(TOWN)
    settle(machines, order)
    check(machines)


@pytest.mark.parametrize("order", ["".join(one) for one in permutations(NAMES)])
def test_sticks_alone_bring_all_histories(machines: Machines, order: str, tmp_path: Path) -> None:
    world = sticks(machines)
    for name in order:
        machines.become(name)
        world.take(COUNTY, world.export(VILLAGE, COUNTY, tmp_path / f"stick {name}", everything=True))
    assert entries(world[COUNTY], machines.log) == machines.entries
    assert kept_once(world[COUNTY], machines.log)
    world.take(TOWN, world.export(COUNTY, TOWN, tmp_path / "down"))
    settle(machines, order)
    check(machines)


def test_another_order_above_is_the_same_histories(machines: Machines, tmp_path: Path) -> None:
    """What is the log at the county is a branch at the township, and the other way round."""
    world = sticks(machines)
    for name, way in (("C", "stick"), ("A", "line"), ("B", "stick")):
        machines.become(name)
        if way == "stick":
            world.take(COUNTY, world.export(VILLAGE, COUNTY, tmp_path / name))
        else:
            world.sync(VILLAGE)
    settle(machines, "CAB")
    check(machines)
    mains = []
    for station in (TOWN, COUNTY):
        with world[station].ledger.store.read() as tx:
            mains.append(tx.frame(machines.log.hex(), tx.size(machines.log.hex())))
    assert mains[0] != mains[1]


def test_the_branches_are_there_after_opening_again(machines: Machines) -> None:
    for name in "CBA":
        machines.become(name)
        machines.world.sync(VILLAGE)
    settle(machines, "CBA")
    before = machines.world[COUNTY].exchange.held.histories(machines.log)
    machines.world[COUNTY].close()
    after = machines.world[COUNTY].exchange.held.histories(machines.log)
    assert after == before
    assert len(after) == 2
    assert all(name.partition(BRANCH_MARK)[0] == machines.log.hex() for name in after)
    with machines.world[COUNTY].ledger.store.read() as tx:
        for name in after:
            assert tx.count(schema.CHECKPOINTS, {"log": name})
            assert tx.count(schema.RECEIPTS, {"log": name})
