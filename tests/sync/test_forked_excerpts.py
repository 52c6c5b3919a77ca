"""Single records of both histories of a forked log, given to somebody who holds neither of them whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.facade.base.synctables import FORK, SYNC_FINDINGS
from ledger.formats.entry import entry_hash
from ledger.formats.frame import split_frame
from ledger.formats.package import encode_package
from ledger.store.tables import Row
from ledger.types import CaseId, StationId
from sync.core.framing import BRANCH, PACKAGE, Section
from tests.sync.evil import EvilStation
from tests.sync.test_forks import clone, copy, findings
from tests.sync.world import COUNTY, TOWN, TOWN_2, VILLAGE, VILLAGE_3, World, settled


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, TOWN_2, VILLAGE, VILLAGE_3), tmp_path)
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


def test_single_records_stay_apart_from_the_whole_history_that_comes_later(world: World) -> None:
    """A history came first as single records, which wait to be given down; then the whole of it came."""
    world.do(VILLAGE, "hand_over", world.receive(VILLAGE), to=VILLAGE_3)
    world.settle(VILLAGE, TOWN, TOWN_2, VILLAGE_3)
    log = world[VILLAGE].ledger.parts.station_log(VILLAGE)
    assert log is not None
    second = clone(world, VILLAGE, copy(world, VILLAGE, "clone"))
    cases = []
    for name in ("甲", "乙"):
        case = world.receive(VILLAGE, applicant=name)
        for number in range(6):
            world.receive(VILLAGE, applicant=f"{name}{number}")
        world.do(VILLAGE, "hand_over", case, to=VILLAGE_3)
        cases.append(case)
        world.settle(VILLAGE, TOWN)
        world.sync(TOWN_2)
        world.places[VILLAGE], second = second, world.places[VILLAGE]
    before = {case: world.digest(TOWN_2, case) for case in cases}
    county, town = world[COUNTY].exchange, world[TOWN_2].exchange
    town.feeds.catch_up(world[TOWN_2].ledger.store)
    whole = county.package(log.log_id, after=0)
    assert whole is not None
    found = world._prepare(world[TOWN_2], Section(PACKAGE, encode_package(whole)))
    town.receiving.take_package(found.content, found.records, allowed=lambda _: True, now_ms=1)
    for state in county.held.branches(county.held.scope(COUNTY)):
        branch = county.branch_package(state, after=0)
        assert branch is not None
        found = world._prepare(world[TOWN_2], Section(BRANCH, encode_package(branch)))
        town.receiving.take_branch(found.content, found.records, allowed=lambda _: True, now_ms=1)
    names = {str(row[1]) for row in findings_rows(world, TOWN_2)}
    assert any("~~" in name for name in names) and any("~" in name and "~~" not in name for name in names)
    world.sync(VILLAGE_3)
    assert {case: world.digest(VILLAGE_3, case) for case in cases} == before
    second.close()


def test_another_root_at_a_common_size_is_a_fork_though_no_position_is_common(world: World) -> None:
    """Nothing but the two checkpoints shows it: each of the single records fits what is held of others."""
    evil = EvilStation(world)
    other = evil.history(evil.lines[:1])
    other.count = 100
    cases = []
    for one, position in ((evil, 2), (other, 3)):
        made = [one.add(one.sign()) for _ in range(2)]
        assert one.give([1, position]) == []
        cases.append(made[position - 2])
    ((_, name, seq, *_),) = findings_rows(world, TOWN)
    assert name == f"{evil.log_id.hex()}~~{entry_of(other.lines[2].frame).hex()}" and seq == 3
    for case in cases:
        assert world[TOWN].ledger.state(CaseId(case))[0].steps[0].effective
    assert world[TOWN].exchange.held.genesis(evil.log_id) == evil.genesis
    world[TOWN].close()
    report = verify_ledger(world[TOWN].path, workers=1)
    assert report.ok and "sparse.fork" in {one.code for one in report.findings}


def entry_of(frame: bytes) -> bytes:
    return entry_hash(split_frame(frame).entry_raw)


def findings_rows(world: World, station: StationId) -> list[Row]:
    with world[station].ledger.store.read() as tx:
        return list(tx.select(SYNC_FINDINGS, {"code": FORK}))
