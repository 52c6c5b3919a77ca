"""What a case page says of each act, 乡镇已收 and 县里已收, is true of every act, of forked logs as well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import RuleError
from ledger.facade.peering.confirmed import reached_acts
from ledger.types import CaseId, StationId
from sync.core.framing import BRANCH
from tests.sync.test_forks import clone, copy
from tests.sync.world import COUNTY, TOWN, VILLAGE, World, settled

PACKAGE_ENTRIES = 256


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


def safe(world: World, station: StationId, case: CaseId) -> list[tuple[str, ...]]:
    """Return what a station's page says of the acts of a case, act by act as it lists them."""
    with world[station].ledger.reading() as (tx, parts):
        found = reached_acts(tx, parts, case, station=station)
        steps = world[station].ledger.state(case)[0].steps
    acts = [found[step.act.act_id] for step in steps]
    return [tuple(one.level for one in reached if one.station != station) for reached in acts]


def test_each_level_is_said_once_its_receipt_is_here(world: World) -> None:
    case = world.receive(VILLAGE)
    assert safe(world, VILLAGE, case) == [()]
    world.sync(VILLAGE)
    assert safe(world, VILLAGE, case) == [("township",)]
    world.do(VILLAGE, "note", case)
    assert safe(world, VILLAGE, case) == [("township",), ()]
    world.sync(TOWN)
    # The township has the county's word; the village has not heard it yet.
    assert safe(world, TOWN, case) == [("county",)]
    assert safe(world, VILLAGE, case) == [("township",), ()]
    world.sync(VILLAGE)
    assert safe(world, VILLAGE, case) == [("township", "county"), ("township",)]
    assert safe(world, TOWN, case) == [("county",), ()]


def test_of_a_divergent_history_no_more_is_said_than_has_come(world: World) -> None:
    """A cloned machine works offline for long; the line breaks behind the first package of what it brings."""
    for number in range(30):
        world.receive(VILLAGE, applicant=f"共{number}")
    world.settle(VILLAGE, TOWN, VILLAGE)
    second = clone(world, VILLAGE, copy(world, VILLAGE, "clone"))
    world.receive(VILLAGE, applicant="甲")
    world.sync(VILLAGE)
    first, world.places[VILLAGE] = world.places[VILLAGE], second
    cases = [world.receive(VILLAGE, applicant=f"二{number}") for number in range(PACKAGE_ENTRIES + 44)]

    def one_package(sections: Iterator[bytes]) -> Iterator[bytes]:
        given = 0
        for raw in sections:
            given += raw[4] == BRANCH
            if given > 1:
                return
            yield raw

    divergent = world.session(VILLAGE).divergent or world.session(VILLAGE).divergent
    divergent = world.session(VILLAGE, divergent, up=one_package).divergent
    world.sync(TOWN)
    for _ in range(2):
        divergent = world.session(VILLAGE, divergent).divergent
    waiting = world[TOWN].exchange.held.waiting(COUNTY)[0]
    assert 0 < waiting < PACKAGE_ENTRIES
    said = [("county",) in safe(world, TOWN, case) for case in cases]
    assert said == [_holds(world, COUNTY, case) for case in cases]
    assert said.count(False) >= waiting
    world.sync(TOWN)
    assert {one for case in cases for one in safe(world, TOWN, case)} == {("county",)}
    first.close()


def _holds(world: World, station: StationId, case: CaseId) -> bool:
    try:
        world[station].ledger.state(case)
    except RuleError:
        return False
    return True
