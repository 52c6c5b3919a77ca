"""What is kept of what came by stick, changed on one disk: a guess that the next sticks tell anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade.between import station_board
from ledger.facade.synctables import COUNTY_BELOW, TOLD
from ledger.store.tables import Table
from ledger.types import CaseId
from tests.sync.sticks import StickWorld
from tests.sync.test_altered_tables import alter, changes
from tests.sync.world import COUNTY, TOWN, VILLAGE, joined


def rounds(world: StickWorld, folder: Path) -> None:
    """Carry sticks down, up, and down again."""
    for number, (giver, taker) in enumerate(
        [(COUNTY, TOWN), (TOWN, VILLAGE), (VILLAGE, TOWN), (TOWN, COUNTY), (COUNTY, TOWN), (TOWN, VILLAGE)]
    ):
        world.carry(giver, taker, folder / f"stick-{number}")


def handed_up(world: StickWorld, folder: Path) -> CaseId:
    """Let a case go from the village to the county by stick."""
    rounds(world, folder)
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    rounds(world, folder)
    world.do(TOWN, "take_over", case)
    world.do(TOWN, "accept", case, role="officer")
    world.do(TOWN, "hand_over", case, to=COUNTY)
    rounds(world, folder)
    world.do(COUNTY, "take_over", case)
    rounds(world, folder)
    return case


@pytest.fixture
def world(tmp_path: Path) -> Iterator[StickWorld]:
    made = StickWorld(tmp_path)
    joined(TOWN, VILLAGE)(made)
    yield made
    made.close()


@pytest.mark.parametrize("table", [TOLD, COUNTY_BELOW], ids=lambda table: table.name)
def test_guesses_that_were_changed_hold_up_no_stick(world: StickWorld, table: Table, tmp_path: Path) -> None:
    case = handed_up(world, tmp_path)
    changed = 0
    for station in (COUNTY, TOWN):
        for statement in changes(table):
            changed += alter(world, station, statement) or 0
            world.do(COUNTY, "note", case)
            rounds(world, tmp_path)
            for place in (TOWN, VILLAGE):
                assert world.digest(place, case) == world.digest(COUNTY, case), (place, statement)
    assert changed


@pytest.mark.parametrize(
    ("changed", "left"),
    [
        ("", ()), ("no list", ()), ("1", ()), ('{"a": 1}', ()), ("[" * 100_000, ()), ("[1]", ()),
        ('["abc"]', ()), ('[["a.code"]]', ()), ('[["a.code", "", null]]', ()), ('[[[], "", 1]]', ()),
        ('[["a.code", {}, 1]]', ()), ('[[1, "", 1], ["a.code", "", 1]]', ("a.code",)),
    ],
)  # fmt: skip
def test_refusals_that_were_changed_keep_nothing_from_being_told(
    world: StickWorld, changed: str, left: tuple[str, ...]
) -> None:
    peers, now_ms = world[COUNTY].exchange.peers, world[COUNTY].clock.time_ms
    peers.note_refused(TOWN, [("package.pins", "")], now_ms=now_ms)
    assert alter(world, COUNTY, f"UPDATE sync_marks SET value = '{changed}' WHERE name LIKE 'refused %'") == 1
    assert all(line.refused == () for line in station_board(world[COUNTY].ledger, COUNTY))
    peers = world[COUNTY].exchange.peers
    with world[COUNTY].ledger.store.read() as tx:
        assert tuple(one.code for one in peers.refusals(tx, TOWN)) == left
    peers.note_refused(TOWN, [("package.gap", "")], now_ms=now_ms)
    with world[COUNTY].ledger.store.read() as tx:
        assert tuple(one.code for one in peers.refusals(tx, TOWN)) == ("package.gap", *left)
