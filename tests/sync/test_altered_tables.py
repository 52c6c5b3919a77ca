"""Tables of what passes between stations, changed on one disk: the next syncs heal them, or a rebuild."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import DataError
from ledger.facade.base.synctables import (
    AWAITED,
    COUNTY_PROOFS,
    FEED,
    FEED_HELD,
    PEERS,
    SPARSE_NODES,
    SPARSE_NOTES,
    SYNC_FINDINGS,
    SYNC_MARKS,
)
from ledger.facade.opened.listcheck import compare_lists
from ledger.facade.peering.between import numbers_repeated, station_board, sync_status, twins
from ledger.store.tables import Table
from ledger.types import CaseId
from tests.sync.evil import EvilStation
from tests.sync.world import COUNTY, TOWN, VILLAGE, World, signer, walk

ALTERED = {
    "text": ("'x' || {0}", "''", "NULL"),
    "int": ("{0} + 1", "-1", "9223372036854775807", "'x'"),
    "bytes": ("zeroblob(32)", "x''", "NULL"),
}
"""What a column is set to; those that the database itself refuses are left out."""


GONE = ("DELETE FROM feed", "UPDATE feed SET audience = 'x' || audience", "UPDATE feed SET audience = ''")
"""Nothing is left of the feed that could show it: a new machine below is told too little until a rebuild."""


def busy(world: World) -> None:
    """Let two cases go from the village to the county, and the county act on them."""
    for station in (TOWN, VILLAGE):
        world.join(station)
    world.settle(TOWN, VILLAGE)
    for name in ("甲", "乙"):
        walk(world, name)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(busy, tmp_path)
    yield made
    made.close()


def alter(world: World, station: str, statement: str) -> int | None:
    """Change a table of a station that is not at work; returns how many rows, None if it was refused."""
    place = world[station]
    place.close()
    connection = sqlite3.connect(place.path / "ledger.db")
    try:
        changed = connection.execute(statement).rowcount
        connection.commit()
    except sqlite3.IntegrityError:
        return None
    finally:
        connection.close()
    return changed


def cases(world: World) -> list[CaseId]:
    return [row.case_id for row in world[COUNTY].ledger.worklist(include_closed=True)]


def go_on(world: World) -> None:
    """Let work go on with one case, and a new machine of the village begin with nothing."""
    world.do(COUNTY, "note", cases(world)[0])
    world.settle(TOWN, VILLAGE)
    world.settle(TOWN, VILLAGE)
    agreed(world)
    world[VILLAGE].close()
    world.join(VILLAGE)
    world.settle(VILLAGE, TOWN, VILLAGE)
    agreed(world)


def ungiven(world: World) -> int:
    """Return of how many cases the township's feeds lack something, as a check-up counts them."""
    with world[TOWN].ledger.reading() as (tx, parts):
        return compare_lists(tx, parts, thorough=True).ungiven


def agreed(world: World) -> None:
    """Check that all stations have the same county checkpoint and see the same in every case."""
    county = world[COUNTY].exchange.county.held()
    for station in (TOWN, VILLAGE):
        assert world[station].exchange.county.held() == county, station
        for case in cases(world):
            assert world.digest(station, case) == world.digest(COUNTY, case), station


def changes(table: Table, *, each: bool = False) -> list[str]:
    """Return statements that change all rows of a table, and the first and the last row alone."""
    settings = [
        f"UPDATE {table.name} SET {name} = {value.format(name)}"
        for name, kind in table.columns
        for value in ALTERED[kind]
    ]
    settings.append(f"DELETE FROM {table.name}")
    key = ", ".join(table.key)
    ends = [
        f" WHERE ({key}) = (SELECT {key} FROM {table.name} ORDER BY {order} LIMIT 1)"
        for order in (key, ", ".join(f"{name} DESC" for name in table.key))
    ]
    return [one + rows for one in settings for rows in ("", *(ends if each else ()))]


@pytest.mark.parametrize(
    ("station", "statement"),
    [
        *((TOWN, one) for one in changes(FEED, each=True) if one not in GONE),
        *((VILLAGE, one) for one in changes(FEED_HELD)),
        *((TOWN, one) for one in changes(COUNTY_PROOFS)),
    ],
)
def test_what_was_changed_heals_with_the_next_syncs(world: World, station: str, statement: str) -> None:
    changed = alter(world, station, statement)
    if changed is None:
        return
    assert changed, "there is nothing to change"
    go_on(world)


@pytest.mark.parametrize("statement", GONE)
def test_a_feed_that_is_gone_is_told_and_comes_back_with_a_rebuild(world: World, statement: str) -> None:
    assert ungiven(world) == 0
    assert alter(world, TOWN, statement)
    assert ungiven(world) == len(cases(world)) == 2
    world[TOWN].ledger.rebuild()
    assert ungiven(world) == 0
    go_on(world)
    assert ungiven(world) == 0


def troubled(world: World) -> None:
    """Let the township hold what waits or counts for nothing, two histories of a log, word of others."""
    busy(world)
    size = world[COUNTY].ledger.knowledge.registry.size
    evil = EvilStation(world)
    evil.add(evil.sign())
    evil.add(evil.sign(signer=signer("Q1")))
    evil.add(evil.sign(registry_size=size + 1))
    evil.add(evil.sign(station=VILLAGE))
    evil.send()
    other = evil.history(evil.lines[:2])
    other.add(other.sign())
    other.send(diverges=True)
    world.sync(TOWN)
    peers, now_ms = world[TOWN].exchange.peers, world[TOWN].clock.time_ms
    peers.note_failure(DataError("package.gap", size=1, first=3), now_ms=now_ms)
    peers.note_refused(VILLAGE, [("package.pins", "")], now_ms=now_ms)


ODD = {"text": ("'x' || {0}", "NULL"), "int": ("9223372036854775807",), "bytes": ("zeroblob(32)", "NULL")}


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (table, column)
        for table in (SYNC_FINDINGS, SYNC_MARKS, PEERS, AWAITED, SPARSE_NOTES, SPARSE_NODES)
        for column, _ in table.columns
    ],
    ids=lambda part: part if isinstance(part, str) else part.name,
)
def test_odd_rows_end_neither_a_look_nor_a_sync(tmp_path: Path, table: Table, column: str) -> None:
    for number, value in enumerate(ODD[dict(table.columns)[column]]):
        world = World.after(troubled, tmp_path / str(number))
        try:
            changed = alter(world, TOWN, f"UPDATE {table.name} SET {column} = {value.format(column)}")
            if changed is None:
                continue
            assert changed, "there is nothing to change"
            _looked_at(world)
            case = next(row.case_id for row in world[VILLAGE].ledger.worklist(include_closed=True))
            world.do(COUNTY, "note", case)
            world.enrol(VILLAGE, "head", "S99")
            world.settle(TOWN, VILLAGE)
            assert world.digest(VILLAGE, case) == world.digest(TOWN, case) == world.digest(COUNTY, case)
            _looked_at(world)
        finally:
            world.close()


def _looked_at(world: World) -> None:
    ledger = world[TOWN].ledger
    assert sync_status(ledger, TOWN).station == TOWN
    assert {TOWN, VILLAGE} <= {line.station for line in station_board(ledger, TOWN)}
    numbers_repeated(ledger)
    twins(ledger)
    world[TOWN].close()
