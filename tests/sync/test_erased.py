"""What was erased at one station does not come back to it, nor to those who know of the erasure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.errors import BanjianError
from ledger.facade import Command
from ledger.store import schema
from ledger.types import CaseId, StationId
from stations.words.erased import held_elsewhere
from tests.sync.evil import EvilStation
from tests.sync.world import COUNTY, TOWN, VILLAGE, World, settled

NAME, PHONE = "欧阳锋", "13900001234"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


def erase(world: World, station: StationId, case: CaseId, role: str = "head") -> int:
    command = Command(action="erase", station=station, case=case, facts={"ground": "applicant_request"})
    return world[station].ledger.erase(command, world.key(station, role))


def bodies(world: World, station: StationId, case: CaseId) -> set[str]:
    """Return of which actions of a case a personal body is held, and "key" where its key is."""
    with world[station].ledger.store.read() as tx:
        found = {"key"} if tx.get(schema.CASE_KEYS, (case,)) is not None else set()
        for row in tx.select(schema.ACTS, {"case_id": case}):
            body = tx.get(schema.BODIES, (row[2], row[3]))
            if body is not None and body[4] is not None:
                found.add(str(row[4]))
    return found


def named(world: World, station: StationId, text: str) -> list[CaseId]:
    return [row.case_id for row in world[station].ledger.find(text)]


def test_a_new_machine_does_not_get_what_its_station_has_erased(world: World) -> None:
    case = world.receive(VILLAGE, applicant=NAME)
    world.do(VILLAGE, "note", case)
    other = world.receive(VILLAGE, applicant="黄药师")
    world.settle(VILLAGE, TOWN, VILLAGE)
    assert erase(world, VILLAGE, case) == 1
    world.settle(VILLAGE, TOWN, VILLAGE)
    # Whoever has not erased it holds it as before.
    assert bodies(world, TOWN, case) == {"key", "receive"} == bodies(world, COUNTY, case)
    world[VILLAGE].close()
    world.join(VILLAGE)
    for _ in range(2):
        world.settle(VILLAGE, TOWN)
    assert world.digest(VILLAGE, case) == world.digest(TOWN, case)
    assert bodies(world, VILLAGE, case) == set() and named(world, VILLAGE, NAME) == []
    assert bodies(world, VILLAGE, other) == {"key", "receive"} and named(world, VILLAGE, "黄药师") == [other]
    for station in (VILLAGE, TOWN, COUNTY):
        world[station].close()
        report = verify_ledger(world[station].path, trust=world.genesis.ledger_id(), workers=1)
        assert report.ok, station


def test_what_was_under_way_while_it_was_erased_is_not_kept(world: World) -> None:
    case = world.receive(VILLAGE, applicant=NAME)
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.settle(VILLAGE, TOWN, VILLAGE)
    world.do(TOWN, "take_over", case)
    world.settle(TOWN, VILLAGE)
    note = Command(
        action="note", station=VILLAGE, case=case, facts={"note_code": "asked"},
        personal={"text": f"申请人{NAME}电话{PHONE}"},
    )  # fmt: skip
    world[VILLAGE].ledger.perform(note, world.key(VILLAGE, "window"))
    erase(world, TOWN, case)
    world.sync(VILLAGE)
    world.sync(TOWN)
    assert world.digest(TOWN, case) == world.digest(VILLAGE, case) == world.digest(COUNTY, case)
    assert bodies(world, TOWN, case) == set() and named(world, TOWN, NAME) == []
    assert bodies(world, COUNTY, case) == {"key", "receive"}
    assert bodies(world, VILLAGE, case) == {"key", "receive", "note"}


def test_an_erasure_without_effect_keeps_nothing_from_anybody(world: World) -> None:
    """A clerk who may not erase writes the act all the same: it is taken in, and counts for nothing."""
    case = world.receive(VILLAGE, applicant=NAME)
    world.sync(VILLAGE)
    with pytest.raises(BanjianError):
        erase(world, VILLAGE, case, role="window")
    evil, opening = EvilStation(world), world[TOWN].ledger.state(case)[0].steps[0].act.act_id
    evil.add(evil.sign("erase", {"ground": "applicant_request"}, case_id=case, parents=(opening,)))
    assert evil.send() == []
    note = Command(
        action="note", station=VILLAGE, case=case, facts={"note_code": "asked"}, personal={"text": PHONE}
    )
    world[VILLAGE].ledger.perform(note, world.key(VILLAGE, "window"))
    world.sync(VILLAGE)
    assert len(world[TOWN].ledger.state(case)[0].steps) == 3
    assert bodies(world, TOWN, case) == {"key", "receive", "note"}
    world.sync(TOWN)
    assert bodies(world, COUNTY, case) == {"key", "receive", "note"} and named(world, COUNTY, NAME) == [case]


def test_people_are_told_where_the_data_may_lie_yet(world: World) -> None:
    case = world.receive(VILLAGE, applicant=NAME)
    world.settle(VILLAGE, TOWN, VILLAGE)
    erase(world, VILLAGE, case)
    assert held_elsewhere(world[VILLAGE].ledger, case) == "溪山县政务服务中心、990121001000-00"
    world.settle(VILLAGE, TOWN, VILLAGE)
    erase(world, COUNTY, case)
    assert held_elsewhere(world[COUNTY].ledger, case) == "990121001000-00"
    world.settle(TOWN)
    erase(world, TOWN, case)
    assert held_elsewhere(world[TOWN].ledger, case) == ""
