"""The reader: nothing is written, whatever lies there; damage is told for each query."""

from __future__ import annotations

import hashlib
import random
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from ledger.errors import StoreError
from ledger.reader import Body, LedgerFile, open_ledger_file
from ledger.store.schema import BODIES, CHECKPOINTS, HEADS, RECEIPTS
from ledger.store.sqlite import SqliteStore
from ledger.store.sqlite_opening import open_sqlite
from tests.store.samples import frames


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def filled(path: Path) -> SqliteStore:
    store = open_sqlite(path, create=True)
    with store.write() as tx:
        tx.append("aa", 1, frames(300))
        tx.append("bb", 1, frames(2, salt="b"))
        tx.insert(BODIES, [("aa", seq, bytes(200), None, None) for seq in range(1, 301)])
        tx.insert(BODIES, [("bb", 1, b"facts", b"nonce", b"hidden")])
        tx.insert(CHECKPOINTS, [("aa", 256, b"note 256"), ("aa", 300, b"note 300")])
        tx.insert(RECEIPTS, [("aa", 256, "banjian/receipt/x", b"line")])
        tx.insert(HEADS, [("aa", 300, b"hash", 5)])
    return store


def contents(folder: Path) -> dict[str, str]:
    return {
        item.name: hashlib.sha256(item.read_bytes()).hexdigest()
        for item in folder.iterdir()
        if item.is_file()
    }


def test_everything_is_read_in_order(path: Path) -> None:
    filled(path).close()
    with open_ledger_file(path) as file:
        assert file.logs() == ("aa", "bb")
        assert (file.size("aa"), file.size("bb"), file.size("cc")) == (300, 2, 0)
        assert [(topic, frame) for _, topic, frame in file.frames("aa")] == frames(300)
        assert [seq for seq, _, _ in file.frames("aa", first_seq=7, last_seq=9)] == [7, 8, 9]
        assert next(file.bodies("aa")) == Body(seq=1, facts=bytes(200), nonce=b"", personal=b"")
        assert [body.seq for body in file.bodies("aa", first_seq=7, last_seq=9)] == [7, 8, 9]
        assert list(file.bodies("bb")) == [Body(seq=1, facts=b"facts", nonce=b"nonce", personal=b"hidden")]
        assert list(file.checkpoints("aa")) == [(256, b"note 256"), (300, b"note 300")]
        assert list(file.receipts("aa")) == [(256, "banjian/receipt/x", b"line")]
        assert list(file.rows("heads", ["log", "size"])) == [("aa", 300)]
        assert "stored_events" in file.tables()
        assert file.damage() == ()


def test_reading_beside_a_writer_sees_what_is_committed(path: Path) -> None:
    store = filled(path)
    with open_ledger_file(path) as file:
        assert file.size("aa") == 300
        with store.write() as tx:
            tx.append("aa", 301, frames(1, first=301))
        assert file.size("aa") == 301
    store.close()


def test_reading_changes_no_byte_of_the_ledger(path: Path) -> None:
    filled(path).close()
    before = contents(path.parent)
    with open_ledger_file(path) as file:
        list(file.frames("aa"))
        file.damage()
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            file._connection.execute("DELETE FROM bodies")
    after = contents(path.parent)
    assert {name: after[name] for name in before} == before
    # the database may lay its own helpers beside the file, so that a writer can begin meanwhile
    assert set(after) - set(before) <= {"ledger.db-wal", "ledger.db-shm"}


def test_a_copy_with_its_write_ahead_log_where_nothing_can_be_made_beside_it(
    path: Path, tmp_path: Path
) -> None:
    store = filled(path)
    media = tmp_path / "media"
    media.mkdir()
    for name in ("ledger.db", "ledger.db-wal"):
        (media / name).write_bytes((tmp_path / name).read_bytes())
    store.close()
    (media / "ledger.db-shm").mkdir()  # as on media that cannot be written: no shared memory to be had
    before = contents(media)
    with open_ledger_file(media / "ledger.db") as file:
        assert file.size("aa") == 300
        assert [(topic, frame) for _, topic, frame in file.frames("aa")] == frames(300)
    assert contents(media) == before


def test_a_copy_without_a_write_ahead_log_where_nothing_can_be_made_beside_it(path: Path) -> None:
    filled(path).close()
    path.with_name("ledger.db-shm").mkdir()
    with open_ledger_file(path) as file:
        assert file.size("aa") == 300


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda path: None, "store.missing"),
        (lambda path: path.write_bytes(b"not a database at all" * 300), "store.not_a_database"),
        (lambda path: path.touch(), "store.not_a_ledger"),
        (lambda path: path.mkdir(), "store.cannot_open"),
        (lambda path: _newer(path), "store.schema_newer"),
    ],
)
def test_what_is_no_ledger(path: Path, prepare: Callable[[Path], object], code: str) -> None:
    prepare(path)
    with pytest.raises(StoreError) as caught:
        open_ledger_file(path)
    assert caught.value.code == code


def _newer(path: Path) -> None:
    filled(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize("name", ["no_such", "heads; DROP TABLE heads", 'x"y', ""])
def test_a_table_that_is_not_there(path: Path, name: str) -> None:
    filled(path).close()
    with open_ledger_file(path) as file, pytest.raises(StoreError) as caught:
        list(file.rows(name, ["log"]))
    assert caught.value.code == "store.unknown_table"


def test_forged_types_do_not_crash(path: Path) -> None:
    filled(path).close()
    connection = sqlite3.connect(path)
    connection.executescript(
        "DROP TRIGGER stored_events__no_update; DROP TABLE bodies;"
        "CREATE TABLE bodies (log, seq, facts, nonce, personal);"
        "INSERT INTO bodies VALUES ('aa', 1.5, 'text', 7, NULL), ('aa', 2, CAST(x'ff' AS TEXT), x'00', 1);"
        "UPDATE stored_events SET topic = CAST(x'ff' AS TEXT) WHERE originator_version = 5;"
    )
    connection.close()
    with open_ledger_file(path) as file:
        assert outcome(lambda: list(file.frames("aa"))) == "store.damaged"
        assert outcome(lambda: list(file.frames("aa", first_seq=6))) == "295"
        assert outcome(lambda: list(file.bodies("aa"))) in {"2", "store.damaged"}


def outcome(read: Callable[[], Iterable[object]]) -> str:
    try:
        return str(len(list(read())))
    except StoreError as error:
        return error.code


def queries(file: LedgerFile) -> list[Callable[[], Iterable[object]]]:
    return [
        file.tables,
        file.logs,
        lambda: file.frames("aa"),
        lambda: file.frames("bb"),
        lambda: file.bodies("aa"),
        lambda: file.bodies("bb"),
        lambda: file.checkpoints("aa"),
        lambda: file.receipts("aa"),
        lambda: file.rows("heads", ["log", "size"]),
        file.damage,
    ]


def test_damage_is_told_for_what_it_hits_and_the_rest_is_read(path: Path) -> None:
    filled(path).close()
    sound = path.read_bytes()
    rng = random.Random(20261122)
    codes: set[str] = set()
    unhurt = 0
    for _ in range(120):
        data = bytearray(sound)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data))
            data[at : at + rng.choice([1, 16, 512, 4096])] = rng.randbytes(rng.choice([1, 16, 512, 4096]))
        path.write_bytes(data)
        try:
            file = open_ledger_file(path)
        except StoreError as error:
            codes.add(error.code)
            continue
        with file:
            outcomes = [outcome(query) for query in queries(file)]
        unhurt += sum(1 for found in outcomes if found.isdigit())
        codes.update(found for found in outcomes if not found.isdigit())
    assert "store.damaged" in codes
    assert codes <= {
        *("store.damaged", "store.not_a_database", "store.not_a_ledger", "store.schema_newer"),
        *("store.database", "store.cannot_open", "store.unknown_table", "store.io"),
    }
    assert unhurt > 200
