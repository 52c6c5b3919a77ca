"""Rows of trees that somebody took away: told by name, made again; everything else is given meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.facade.logs.treerows import NODES_LOST, NODES_UNFOUNDED, lacking_nodes
from ledger.facade.peering.between import mark_seen, sync_status
from ledger.store import schema
from ledger.store.sqlite_schema import table_schema
from ledger.store.tables import Table
from ledger.types import CaseId, LogId, StationId
from tests.sync.world import COUNTY, TOWN, VILLAGE, World

ENOUGH = 40


def worked(world: World) -> None:
    """Let the village write a log of some levels, and the county act on a case of it."""
    for station in (TOWN, VILLAGE):
        world.join(station)
    world.settle(TOWN, VILLAGE)
    case = world.receive(VILLAGE)
    for _ in range(ENOUGH):
        world.do(VILLAGE, "note", case)
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.settle(VILLAGE, TOWN)
    world.do(TOWN, "take_over", case)
    world.do(TOWN, "accept", case, role="officer")
    world.do(TOWN, "hand_over", case, to=COUNTY)
    world.settle(TOWN, VILLAGE)
    world.do(COUNTY, "take_over", case)
    world.settle(TOWN, VILLAGE)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(worked, tmp_path)
    yield made
    made.close()


def take_away(world: World, station: StationId, table: Table, where: str) -> int:
    """Delete rows of a table that takes no changes, as somebody with a tool does, guards back in place."""
    place = world[station]
    place.close()
    connection = sqlite3.connect(place.path / "ledger.db")
    guards = {name: text for name, text in table_schema(table).items() if "TRIGGER" in text}
    for name in guards:
        connection.execute(f'DROP TRIGGER "{name}"')
    count = connection.execute(f"DELETE FROM {table.name} WHERE {where}").rowcount
    for text in guards.values():
        connection.execute(text)
    connection.commit()
    connection.close()
    return count


def only_case(world: World) -> CaseId:
    (row,) = world[COUNTY].ledger.worklist(include_closed=True)
    return row.case_id


def log_of(world: World, station: StationId) -> LogId:
    logs = world[station].ledger.logs()
    return next(one.log_id for one in logs if one.kind == "station" and one.station == station and one.own)


def told(world: World, station: StationId) -> list[tuple[str, str]]:
    """Return code and station of what is to be looked into."""
    return [(one.code, one.station) for one in sync_status(world[station].ledger, station).findings]


def lacking(world: World, station: StationId) -> int:
    ledger = world[station].ledger
    with ledger.reading() as (tx, parts):
        return sum(one.rows for one in lacking_nodes(tx, parts.holdings.logs.values()))


def agreed(world: World) -> None:
    case = only_case(world)
    for station in (TOWN, VILLAGE):
        assert world.digest(station, case) == world.digest(COUNTY, case), station


@pytest.mark.parametrize("where", ["1", "level = 3", "level > 3", 'level = 3 AND "index" = 1'])
@pytest.mark.parametrize("station", [COUNTY, TOWN, VILLAGE])
def test_rows_that_are_gone_are_made_again_and_told(world: World, station: StationId, where: str) -> None:
    gone = take_away(world, station, schema.TREE, where)
    assert gone and lacking(world, station) == gone
    world.do(VILLAGE, "note", only_case(world))
    world.settle(VILLAGE, TOWN)
    agreed(world)
    codes = told(world, station)
    assert codes and {code for code, _ in codes} == {NODES_LOST}
    assert lacking(world, station) == 0
    assert mark_seen(world[station].ledger) == len(codes)
    assert told(world, station) == []
    path = world[station].path
    world[station].close()
    assert not [one.code for one in verify_ledger(path).findings if one.severity == "error"]


def test_a_rebuild_makes_them_again_where_nobody_syncs(world: World) -> None:
    gone = take_away(world, VILLAGE, schema.TREE, "1")
    assert gone and lacking(world, VILLAGE) == gone
    world[VILLAGE].ledger.rebuild()
    assert lacking(world, VILLAGE) == 0
    agreed(world)


def test_what_the_records_do_not_give_is_not_made_and_holds_up_nothing_else(world: World) -> None:
    """The county lacks records of the village as well: of that log nothing is built, of others everything."""
    village = log_of(world, VILLAGE).hex()
    take_away(world, COUNTY, schema.TREE, f"log = '{village}'")
    connection = sqlite3.connect(world[COUNTY].path / "ledger.db")
    guards = dict(
        connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'stored_events'"
        )
    )
    for name in guards:
        connection.execute(f'DROP TRIGGER "{name}"')
    where = f"originator_id = '{village}' AND originator_version = 20"
    (frame,) = connection.execute(f"SELECT state FROM stored_events WHERE {where}").fetchone()
    flipped = frame[:-3] + bytes((frame[-3] ^ 1,)) + frame[-2:]
    connection.execute(f"UPDATE stored_events SET state = ? WHERE {where}", (flipped,))
    for text in guards.values():
        connection.execute(text)
    connection.commit()
    connection.close()
    case = only_case(world)
    world.do(COUNTY, "note", case)
    world.do(TOWN, "note", case)
    world.settle(TOWN, VILLAGE)
    assert (NODES_UNFOUNDED, VILLAGE) in told(world, COUNTY)
    assert lacking(world, COUNTY)
    assert world.digest(TOWN, case) == world.digest(VILLAGE, case)
    steps = [{step.act.act_id for step in world[one].ledger.state(case)[0].steps} for one in (TOWN, VILLAGE)]
    assert steps[0] == steps[1]
    assert {"note"} == {world[TOWN].ledger.state(case)[0].steps[-1].action}


@pytest.mark.parametrize("where", ["1", "high - low = 1", "high - low > 1", "low = 0"])
def test_single_frames_whose_hashes_are_gone_hold_up_nothing(world: World, where: str) -> None:
    """A township has the county's records as single frames and gives them on to the village."""
    place = world[TOWN]
    place.close()
    connection = sqlite3.connect(place.path / "ledger.db")
    assert connection.execute(f"DELETE FROM sparse_nodes WHERE {where}").rowcount
    connection.commit()
    connection.close()
    case = only_case(world)
    # A new machine of the village is given everything from the beginning.
    world[VILLAGE].close()
    world.join(VILLAGE)
    world.settle(VILLAGE, TOWN, VILLAGE)
    known = {step.act.station for step in world[VILLAGE].ledger.state(case)[0].steps}
    assert {VILLAGE, TOWN} <= known
    assert (COUNTY in known) != (("log.rotten", COUNTY) in told(world, TOWN))
