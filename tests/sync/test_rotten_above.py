"""A record that rots at an upper station is that station's trouble: others go on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from ledger.errors import DataError
from ledger.store import schema
from tests.sync.test_forks import clone, copy
from tests.sync.world import COUNTY, TOWN, TOWN_2, VILLAGE, VILLAGE_3, World, settled


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


def rot(database: Path, *, topic: str) -> None:
    """Spoil the only frame of a topic; everything else stays as it was."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        ((row, frame),) = connection.execute(
            "SELECT rowid, state FROM stored_events WHERE topic = ?", (topic,)
        ).fetchall()
        rotten = bytearray(frame)
        rotten[3:12] = bytes(9)  # the beginning of the act: nobody can read it any more
        for name, _ in triggers:
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE stored_events SET state = ? WHERE rowid = ?", (bytes(rotten), row))
        for _, text in triggers:
            connection.execute(text)


def test_what_a_village_sends_is_taken_although_a_frame_of_the_township_is_rotten(world: World) -> None:
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.settle(VILLAGE, TOWN)
    world.do(TOWN, "take_over", case)
    world[TOWN].close()
    rot(world[TOWN].path / "ledger.db", topic="take_over")
    after = world.receive(VILLAGE, applicant="李四")
    # What is rotten may be refused on its way down; what goes up has been taken by then.
    with suppress(DataError):
        world.sync(VILLAGE)
    assert world[TOWN].ledger.state(after)[0].status == "received"
    assert world[VILLAGE].exchange.held.waiting(TOWN) == (0, 0)


def test_a_history_that_leaves_behind_a_rotten_record_is_not_offered(world: World) -> None:
    """The station above cannot take it before the log has come up to there, which now it never does."""
    case = world.receive(VILLAGE)
    world.sync(VILLAGE)
    world.do(VILLAGE, "note", case)
    world.receive(VILLAGE)
    world.sync(VILLAGE)
    second = clone(world, VILLAGE, copy(world, VILLAGE, "clone"))
    for name in ("甲", "乙"):
        world.receive(VILLAGE, applicant=name)
        world.sync(VILLAGE)
        world.places[VILLAGE], second = second, world.places[VILLAGE]
    assert world[TOWN].exchange.held.branches(frozenset({VILLAGE}))
    world[TOWN].close()
    rot(world[TOWN].path / "ledger.db", topic="note")
    world.receive(TOWN)
    told = [note.code for one in world.sync(TOWN) for note in one.notes]
    assert told == []
    assert world[COUNTY].ledger.state(case)[0].status == "received"
    again = world.sync(TOWN)
    assert [(one.sent, one.notes) for one in again] == [(0, [])]
    second.close()


def test_who_is_offered_a_case_of_which_a_record_is_rotten_is_given_the_others(tmp_path: Path) -> None:
    """It cannot be folded any more: to whom it is offered stands in the lists alone."""
    world = World.after(settled(TOWN, TOWN_2, VILLAGE, VILLAGE_3), tmp_path)
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "note", case)
    world.do(VILLAGE, "hand_over", case, to=VILLAGE_3)
    world.settle(VILLAGE, TOWN)
    world[COUNTY].close()
    rot(world[COUNTY].path / "ledger.db", topic="note")
    for _ in range(2):
        with suppress(DataError):
            world.sync(TOWN_2)
    with world[TOWN_2].ledger.store.read() as tx:
        given = {str(row[4]) for row in tx.select(schema.ACTS, {"case_id": case})}
    assert {"receive", "hand_over"} <= given
    world.close()
