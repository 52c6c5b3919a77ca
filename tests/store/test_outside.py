"""What another program commits while a ledger file is open is noticed with the next view or write."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger.errors import StoreError
from ledger.store.schema import BODIES
from ledger.store.sqlite import SqliteStore
from ledger.store.sqlite_opening import open_sqlite
from ledger.store.sqlite_schema import events_schema

LOG = "00" * 16


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with closing(open_sqlite(path, create=True)) as made:
        append(made, 1)
        yield made


def append(store: SqliteStore, seq: int) -> None:
    with store.write() as tx:
        tx.append(LOG, seq, [("receive", b"frame %d" % seq)])


def outside(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def code(work: Callable[[], object]) -> str:
    with pytest.raises(StoreError) as caught:
        work()
    return caught.value.code


def look(store: SqliteStore) -> int:
    with store.read() as tx:
        return tx.size(LOG)


CHANGE = f"INSERT INTO bodies (log, seq, facts) VALUES ('{LOG}', 9, x'80')"


def test_a_row_that_came_from_outside_stops_the_next_write_and_no_look(
    store: SqliteStore, path: Path
) -> None:
    outside(path, CHANGE)
    assert look(store) == 1
    assert code(lambda: append(store, 2)) == "store.changed_outside"
    assert not store.usable() and code(lambda: append(store, 2)) == "store.reopen"
    assert look(store) == 1
    store.close()
    with closing(open_sqlite(path)) as again:
        append(again, 2)
        assert look(again) == 2
        with again.read() as tx:
            assert tx.get(BODIES, (LOG, 9)) is not None


def test_what_this_process_does_itself_is_no_news(store: SqliteStore, path: Path, tmp_path: Path) -> None:
    with closing(open_sqlite(path, read_only=True)) as beside:
        for seq in range(2, 30):
            append(store, seq)
            assert look(beside) == look(store) == seq
    store.scrub()
    store.backup(tmp_path / "copy.db", without_tables=())
    with closing(sqlite3.connect(path)) as reader:
        assert reader.execute("SELECT count(*) FROM stored_events").fetchone() == (29,)
    append(store, 30)
    assert store.usable()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DROP TRIGGER stored_events__no_delete", "store.schema_differs"),
        (
            "CREATE TRIGGER eats BEFORE INSERT ON bodies BEGIN SELECT RAISE(IGNORE); END",
            "store.schema_foreign",
        ),
        ("DROP TABLE tree", ""),
    ],
)
def test_another_schema_stops_looks_and_writes_of_everybody(
    store: SqliteStore, path: Path, statement: str, told: str
) -> None:
    with closing(open_sqlite(path, read_only=True)) as beside:
        outside(path, statement)
        if told:
            assert code(lambda: look(beside)) == code(lambda: look(store)) == told
        assert code(lambda: append(store, 2)) == (told or "store.changed_outside")
        if "DROP TRIGGER" in statement:
            outside(path, events_schema()["stored_events__no_delete"])
            assert look(beside) == look(store) == 1
