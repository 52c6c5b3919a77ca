"""What is kept of what came by stick, changed on one disk: a guess that the next sticks tell anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import DataError
from ledger.facade.base.marks import kept_text
from ledger.facade.base.synctables import COUNTY_BELOW, TOLD
from ledger.facade.peering.between import station_board, sync_status
from ledger.store.tables import Table
from ledger.texts import render
from ledger.types import CaseId, StationId
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


ODD = ("", "NULL", "x", "[1]", "7", "-1", "9" * 40, "[" * 100_000, '{"code": 1}', '{"a": {}}', "null")


def put(world: StickWorld, station: StationId, mark: str, value: str) -> None:
    """Change what is remembered under a name of a station that is not at work."""
    text = "NULL" if value == "NULL" else f"'{value}'"
    changed = alter(world, station, f"UPDATE sync_marks SET value = {text} WHERE name LIKE '{mark}%'")
    assert changed, mark


@pytest.mark.parametrize("value", ODD)
def test_marks_of_the_link_upward_that_were_changed_end_nothing(world: StickWorld, value: str) -> None:
    world.settle(TOWN, VILLAGE)
    peers, now_ms = world[TOWN].exchange.peers, world[TOWN].clock.time_ms
    peers.note_done(now_ms=now_ms, upstream_ms=now_ms)
    peers.note_failure(DataError("package.gap", size=1, first=3), now_ms=now_ms)
    assert sync_status(world[TOWN].ledger, TOWN).link.failure is not None
    for mark in ("failure", "tried_at_ms", "done_at_ms", "clock_off_ms"):
        put(world, TOWN, mark, value)
    link = sync_status(world[TOWN].ledger, TOWN).link
    assert link.tried_at_ms >= 0 <= link.done_at_ms
    # That something failed is still told, where anything stands there; why is not known any more.
    wanted = None if value in ("", "NULL") else "sync.failure_unreadable"
    assert (None if link.failure is None else link.failure.code) == wanted
    for language in ("zh", "en"):
        said = render("sync.failure_unreadable", {}, language=language)  # type: ignore[arg-type]
        assert said.what and said.next_step
    peers = world[TOWN].exchange.peers
    peers.note_done(now_ms=now_ms, upstream_ms=now_ms)
    assert sync_status(world[TOWN].ledger, TOWN).link.failure is None
    assert station_board(world[TOWN].ledger, TOWN)


def test_a_failure_is_kept_with_what_its_text_needs(world: StickWorld) -> None:
    peers, now_ms = world[TOWN].exchange.peers, world[TOWN].clock.time_ms
    peers.note_failure(DataError("package.gap", size=1, first=3, log=b"\1", names=("a", "b")), now_ms=now_ms)
    failure = peers.link().failure
    assert failure is not None and (failure.code, failure.since_ms) == ("package.gap", now_ms)
    assert failure.params == {"size": 1, "first": 3, "log": "01", "names": ("a", "b")}


@pytest.mark.parametrize("value", ODD)
def test_a_changed_line_upward_of_the_feeds_heals(world: StickWorld, value: str) -> None:
    world.settle(TOWN, VILLAGE)
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.settle(VILLAGE, TOWN)
    world.do(TOWN, "take_over", case)
    world.settle(VILLAGE)
    put(world, TOWN, "feed_topology", value)
    world.do(TOWN, "note", case)
    world.settle(VILLAGE)
    assert world.digest(VILLAGE, case) == world.digest(TOWN, case)
    with world[TOWN].ledger.store.read() as tx:
        assert json.loads(kept_text(tx, "feed_topology"))[VILLAGE] == VILLAGE


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
