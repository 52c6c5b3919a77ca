"""What only the SQLite backend has: a file, a lock, triggers, pragmas, processes that die."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from eventsourcing.persistence import StoredEvent

from ledger.errors import ForkError, StoreError
from ledger.sqlitefile import APPLICATION_ID, SCHEMA_VERSION, file_uri
from ledger.store.schema import BODIES, CASE_KEYS, CORE_TABLES, TREE
from ledger.store.sqlite import SqliteStore
from ledger.store.sqlite_opening import open_sqlite
from ledger.store.tables import Row, Table
from tests.store.samples import LAST, NOTES, STONES, LastSeen, frames

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = open_sqlite(path, tables=[NOTES, STONES], create=True)
    yield opened
    opened.close()


def refusal(path: Path, *, create: bool = False, tables: tuple[Table, ...] = ()) -> str:
    with pytest.raises(StoreError) as caught:
        open_sqlite(path, tables=tables, create=create)
    return caught.value.code


def foreign(path: Path) -> sqlite3.Connection:
    """Return what anybody with the file and a shell has."""
    return sqlite3.connect(path, isolation_level=None, timeout=0.1)


def run(script: str, *args: str) -> subprocess.Popen[str]:
    """Start another process on the ledger."""
    command = [sys.executable, "-c", script, *args]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


# what is opened


def test_a_missing_ledger_is_never_created_silently(path: Path) -> None:
    assert refusal(path) == "store.missing"
    assert list(path.parent.iterdir()) == []


def test_an_existing_ledger_is_never_created_again(store: SqliteStore, path: Path) -> None:
    store.close()
    assert refusal(path, create=True) == "store.exists"
    open_sqlite(path).close()


def test_what_the_library_inserts_is_known_to_the_next_append(store: SqliteStore) -> None:
    with store.write() as tx:
        tx.append("aa", 1, frames(1))
    ((topic, frame),) = frames(1, first=2)
    store.recorder.insert_events(
        [StoredEvent(originator_id="aa", originator_version=2, topic=topic, state=frame)]
    )
    with store.write() as tx:
        assert tx.append("aa", 2, [(topic, frame)]) == ()
        with pytest.raises(ForkError):
            tx.append("aa", 2, [(topic, b"other")])
        assert [record.seq for record in tx.append("aa", 2, frames(2, first=2))] == [3]


def test_a_file_that_is_no_database(path: Path) -> None:
    path.write_bytes(b"this is a letter, not a database. " * 100)
    assert refusal(path) == "store.not_a_database"
    assert refusal(path, create=True) == "store.not_a_database"


def test_the_database_of_another_program(path: Path) -> None:
    with foreign(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    assert refusal(path) == "store.not_a_ledger"
    assert refusal(path, create=True) == "store.exists"


def test_a_newer_schema_is_refused(store: SqliteStore, path: Path) -> None:
    store.close()
    connection = foreign(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    assert refusal(path) == "store.schema_newer"


@pytest.mark.parametrize(
    "change",
    [
        "DROP TRIGGER stored_events__no_delete",
        "DROP TRIGGER tree__no_replace",
        "DROP TABLE heads; CREATE TABLE heads (log TEXT)",
        "DROP TABLE stored_events",
        "ALTER TABLE bodies ADD COLUMN more TEXT",
        "PRAGMA user_version = 0",
        "PRAGMA user_version = -1",
    ],
)
def test_a_changed_schema_is_told(store: SqliteStore, path: Path, change: str) -> None:
    store.close()
    connection = foreign(path)
    connection.executescript(change)
    connection.close()
    assert refusal(path) == "store.schema_differs"


FOREIGN = [
    "CREATE TRIGGER other BEFORE INSERT ON stored_events WHEN NEW.topic = 'receive' "
    "BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TRIGGER other AFTER INSERT ON bodies BEGIN UPDATE bodies SET personal = NULL; END",
    # a name as the program gives them, and text that only ends as the program's does
    'CREATE TRIGGER "bodies__no_update" BEFORE UPDATE ON "bodies" '
    "BEGIN SELECT RAISE(ABORT, 'append-only: bodies'); END",
    'CREATE TABLE extra (a INT); CREATE TRIGGER "extra__no_replace" BEFORE INSERT ON "extra" WHEN 1 '
    "BEGIN SELECT RAISE(IGNORE); SELECT RAISE(ABORT, 'duplicate: extra'); END",
    "CREATE VIEW seen AS SELECT * FROM stored_events",
    "CREATE UNIQUE INDEX one ON bodies (log)",
]
"""What others add to a ledger file, and no program of ours ever did."""


@pytest.mark.parametrize("change", FOREIGN)
@pytest.mark.parametrize("read_only", [False, True])
def test_what_others_added_to_the_file_is_refused_by_name(
    store: SqliteStore, path: Path, change: str, read_only: bool
) -> None:
    store.close()
    connection = foreign(path)
    connection.executescript(change)
    connection.close()
    with pytest.raises(StoreError) as caught:
        open_sqlite(path, tables=[NOTES, STONES], read_only=read_only)
    assert caught.value.code == "store.schema_foreign"


def test_tables_of_another_program_version_keep_their_triggers(store: SqliteStore, path: Path) -> None:
    """``stones`` is append-only; a program that does not know it opens the file all the same."""
    with store.write() as tx:
        tx.insert(STONES, [(b"1", "first")])
    store.close()
    open_sqlite(path, tables=[NOTES]).close()
    connection = foreign(path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only: stones"):
        connection.execute("DELETE FROM stones")
    connection.close()


def swallow(store: SqliteStore, where: str) -> None:
    """Let rows vanish in a way that no comparison of the schema sees: on the connection alone."""
    writer = store.datastore.writer
    assert writer is not None
    writer.execute(f"CREATE TEMP TRIGGER other BEFORE INSERT ON main.{where} BEGIN SELECT RAISE(IGNORE); END")


@pytest.mark.parametrize("count", [1, 3])
def test_a_frame_that_the_database_swallows_is_never_confirmed(store: SqliteStore, count: int) -> None:
    with store.write() as tx:
        tx.append("aa", 1, frames(1))
    swallow(store, "stored_events WHEN NEW.originator_version = 2")
    with pytest.raises(StoreError) as caught, store.write() as tx:
        tx.append("aa", 2, frames(count, first=2))
    assert caught.value.code == "store.not_stored"
    with store.read() as reading:
        assert reading.size("aa") == 1


@pytest.mark.parametrize("count", [1, 2])
def test_a_row_that_the_database_swallows_is_never_confirmed(store: SqliteStore, count: int) -> None:
    swallow(store, "bodies")
    rows: list[Row] = [("aa", seq, b"", None, None) for seq in range(1, count + 1)]
    for way in ("insert", "upsert"):
        with pytest.raises(StoreError) as caught, store.write() as tx:
            getattr(tx, way)(BODIES, rows)
        assert caught.value.code == "store.not_stored"


def test_new_tables_come_with_a_newer_program(path: Path) -> None:
    open_sqlite(path, create=True).close()
    store = open_sqlite(path, tables=[NOTES])
    with store.write() as tx:
        tx.insert(NOTES, [("A", 1, None, None, None)])
    store.close()
    changed = Table("notes", columns=(("place", "text"),), key=("place",))
    assert refusal(path, tables=(changed,)) == "store.schema_differs"


def test_indexes_follow_the_program_and_hold_nothing_of_their_own(path: Path) -> None:
    before = Table(
        "notes", columns=(("place", "text"), ("number", "int")), key=("place",), indexes=(("number",),)
    )
    store = open_sqlite(path, create=True, tables=[before])
    with store.write() as tx:
        tx.insert(before, [("A", 1), ("B", 2)])
    store.close()
    after = replace(before, indexes=(("number", "place"),))
    store = open_sqlite(path, tables=[after])
    with store.read() as tx:
        assert list(tx.select(after, {"number": 2})) == [("B", 2)]
    store.close()
    connection = foreign(path)
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    connection.close()
    assert {name for name in names if name.startswith("notes__")} == {"notes__number__place"}
    open_sqlite(path, tables=[before], read_only=True).close()  # who reads only leaves them as they are


def test_a_creation_that_was_cut_off_can_be_repeated(path: Path) -> None:
    path.touch()
    assert refusal(path) == "store.not_a_ledger"
    open_sqlite(path, create=True).close()


def test_a_damaged_file_is_a_clear_error(store: SqliteStore, path: Path) -> None:
    with store.write() as tx:
        tx.append("aa", 1, [("receive", bytes(900))] * 200)
    store.close()
    data = bytearray(path.read_bytes())
    half = len(data) // 8192 * 4096
    data[half:] = bytes(len(data) - half)
    path.write_bytes(data)
    damaged = open_sqlite(path, tables=[NOTES, STONES], read_only=True)
    with pytest.raises(StoreError) as caught, damaged.read() as tx:
        list(tx.frames("aa", 1, 200))
    assert caught.value.code == "store.damaged"
    damaged.close()


def test_what_durability_rests_on(store: SqliteStore, path: Path) -> None:
    writer = store.datastore.writer
    assert writer is not None
    found = {
        name: writer.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "application_id", "user_version", "secure_delete")
    }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "application_id": APPLICATION_ID,
        "user_version": SCHEMA_VERSION,
        "secure_delete": 1,
    }
    with store.datastore.pool.get_connection(is_writer=False)._sqlite_conn as reader:
        assert reader.execute("PRAGMA wal_autocheckpoint").fetchone()[0] == 0
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("CREATE TABLE x (y)")


# append-only


ATTACKS = [
    "UPDATE {t} SET {c} = x'00'",
    "UPDATE OR REPLACE {t} SET {c} = x'00'",
    "DELETE FROM {t}",
    "INSERT OR REPLACE INTO {t} SELECT * FROM {t}",
    "REPLACE INTO {t} SELECT * FROM {t}",
    "INSERT INTO {t} SELECT * FROM {t} WHERE true ON CONFLICT DO UPDATE SET {c} = x'00'",
]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize(
    ("table", "column"), [("stored_events", "state"), ("tree", "hash"), ("stones", "text")]
)
def test_the_database_refuses_to_change_history(
    store: SqliteStore, path: Path, attack: str, table: str, column: str
) -> None:
    with store.write() as tx:
        tx.append("aa", 1, frames(2))
        tx.insert(TREE, [("aa", 0, 0, b"leaf")])
        tx.insert(STONES, [(b"1", "first")])
    connection = foreign(path)
    before = connection.execute(f"SELECT * FROM {table}").fetchall()
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(attack.format(t=table, c=column))
    assert connection.execute(f"SELECT * FROM {table}").fetchall() == before
    connection.close()


def test_a_frame_cannot_be_replaced_by_its_row_id(store: SqliteStore, path: Path) -> None:
    with store.write() as tx:
        tx.append("aa", 1, frames(1))
    connection = foreign(path)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("REPLACE INTO stored_events VALUES (1, 'bb', 1, 'receive', x'01')")
    connection.close()


def test_every_append_only_table_has_its_three_triggers(store: SqliteStore, path: Path) -> None:
    connection = foreign(path)
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
    connection.close()
    closed = {"stored_events", "stones", *(table.name for table in CORE_TABLES if table.append_only)}
    assert names == {
        f"{name}__{what}" for name in closed for what in ("no_update", "no_delete", "no_replace")
    }


def test_vacuum_does_not_renumber_positions(store: SqliteStore, path: Path) -> None:
    # the library's own table has hidden row ids, which VACUUM may change under the projections
    with store.write() as tx:
        tx.append("aa", 1, frames(5))
    with store.read() as tx:
        before = list(tx.records(after=0, limit=10))
    connection = foreign(path)
    connection.execute("VACUUM")
    connection.close()
    with store.read() as tx:
        assert list(tx.records(after=0, limit=10)) == before


# one writer


def test_a_second_writer_is_told_who_holds_the_ledger(store: SqliteStore, path: Path) -> None:
    script = """
import sys
from pathlib import Path
from ledger.errors import StoreError
from ledger.store.sqlite_opening import open_sqlite
try:
    open_sqlite(Path(sys.argv[1]))
except StoreError as error:
    print(error.code, error.params["pid"])
"""
    told, _ = run(script, str(path)).communicate(timeout=60)
    assert told.split() == ["store.locked", str(os.getpid())]
    with pytest.raises(StoreError) as caught:
        open_sqlite(path)
    assert caught.value.code == "store.locked"
    store.close()
    open_sqlite(path).close()


WRITER = """
import sys
from pathlib import Path
from ledger.store.sqlite_opening import open_sqlite
from tests.store.samples import LastSeen, frames
store = open_sqlite(Path(sys.argv[1]), views=[LastSeen()])
while True:
    with store.write() as tx:
        size = tx.size("aa")
        tx.append("aa", size + 1, frames(1, first=size + 1))
    print(size + 1, flush=True)
"""


def test_what_was_confirmed_survives_kill_9(path: Path) -> None:
    open_sqlite(path, views=[LastSeen()], create=True).close()
    confirmed = 0
    for kills in range(5):
        process = run(WRITER, str(path))
        assert process.stdout is not None
        for line in process.stdout:
            confirmed = int(line)
            if confirmed % (7 + kills) == 0:
                process.send_signal(signal.SIGKILL)
                break
        confirmed = max([confirmed, *(int(line) for line in process.stdout if line.endswith("\n"))])
        process.wait(timeout=60)
        store = open_sqlite(path, views=[LastSeen()])
        with store.read() as tx:
            size = tx.size("aa")
            assert size >= confirmed
            assert tx.get(LAST, ("aa",)) == ("aa", size)
            assert [frame for _, frame in tx.frames("aa", 1, size)] == [frame for _, frame in frames(size)]
        store.close()


def test_reading_beside_the_writer_without_its_lock(store: SqliteStore, path: Path) -> None:
    with store.write() as tx:
        tx.append("aa", 1, frames(2))
    beside = open_sqlite(path, read_only=True)
    with beside.read() as tx:
        assert tx.size("aa") == 2
    for action in (beside.write, beside.scrub):
        with pytest.raises(StoreError) as caught:
            action()
        assert caught.value.code == "store.read_only"
    beside.close()


def test_a_write_transaction_has_the_lock_before_it_reads(store: SqliteStore, path: Path) -> None:
    # a plain BEGIN that reads first loses against any other writer, at once and whatever the timeout
    other = foreign(path)
    with store.write() as tx:
        assert tx.size("aa") == 0
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        tx.append("aa", 1, frames(1))
    other.execute("BEGIN IMMEDIATE")
    other.execute("ROLLBACK")
    other.close()


def test_a_foreign_writer_makes_us_wait_and_then_say_busy(path: Path) -> None:
    def hasty(name: Path, mode: str) -> sqlite3.Connection:
        uri = f"file:{name}?mode={mode}"
        return sqlite3.connect(uri, uri=True, timeout=0.05, isolation_level=None, check_same_thread=False)

    store = open_sqlite(path, create=True, connect=hasty)
    other = foreign(path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError) as caught, store.write():
        pass
    assert caught.value.code == "store.busy"
    other.execute("ROLLBACK")
    with store.write() as tx:
        tx.append("aa", 1, frames(1))
    other.close()
    store.close()


def test_readers_never_keep_the_writer_out(store: SqliteStore) -> None:
    # the library's pool gives a writer the lock, finds no connection, and keeps the lock for ever
    store.datastore.pool.pool_timeout = 0.05
    views = [store.read() for _ in range(15)]
    for view in views:
        view.__enter__()
    with pytest.raises(StoreError) as caught, store.read():
        pass
    assert caught.value.code == "store.too_many_readers"
    for first in (1, 2):
        with store.write() as tx:
            tx.append("aa", first, frames(1, first=first))
    assert store.recorder.insert_events([]) == []
    for view in views:
        view.__exit__(None, None, None)
    with store.read() as tx:
        assert tx.size("aa") == 2


def test_after_close_nothing_works(store: SqliteStore) -> None:
    store.close()
    for action in (store.read, store.write, store.subscribe, store.scrub):
        with pytest.raises(StoreError) as caught:
            action()
        assert caught.value.code == "store.closed"


# what the library would do by itself


def test_the_environment_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = path.with_name("elsewhere.db")
    for name, value in {
        "SQLITE_DBNAME": str(elsewhere),
        "CREATE_TABLE": "no",
        "ORIGINATOR_ID_TYPE": "uuid",
    }.items():
        monkeypatch.setenv(name, value)
    store = open_sqlite(path, create=True)
    with store.write() as tx:
        tx.append("not a uuid", 1, frames(1))
    store.close()
    assert not elsewhere.exists()


def test_a_topic_is_never_imported(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the library's mapper imports the module that a stored topic names
    (tmp_path / "never_imported_topic.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with store.write() as tx:
        tx.append("aa", 1, [("never_imported_topic:Trap", b"frame")])
    with store.read() as tx:
        assert [record.topic for record in tx.records(after=0, limit=10)] == ["never_imported_topic:Trap"]
    assert len(store.recorder.select_notifications(1, 10)) == 1
    assert "never_imported_topic" not in sys.modules


def test_a_subscription_hears_commits_of_others(store: SqliteStore, path: Path) -> None:
    beside = open_sqlite(path, read_only=True)
    with beside.subscribe() as subscription:
        thread = threading.Timer(0.05, lambda: _append_one(store))
        thread.start()
        assert next(subscription).frame == b"frame 1"
        thread.join()
    beside.close()


def _append_one(store: SqliteStore) -> None:
    with store.write() as tx:
        tx.append("aa", 1, frames(1))


# backup and erasure


def test_copying_the_bare_file_loses_frames_and_backup_does_not(
    store: SqliteStore, path: Path, tmp_path: Path
) -> None:
    with store.write() as tx:
        tx.append("aa", 1, frames(50))
    naive, good = tmp_path / "naive.db", tmp_path / "good.db"
    shutil.copyfile(path, naive)
    store.backup(good, without_tables=())
    with sqlite3.connect(naive) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    connection.close()
    copy = open_sqlite(good, tables=[NOTES, STONES])
    with copy.read() as tx:
        assert tx.size("aa") == 50
    copy.close()


def test_a_backup_under_load_is_one_moment(path: Path, tmp_path: Path) -> None:
    store = open_sqlite(path, views=[LastSeen()], create=True)
    with store.write() as tx:
        tx.append("aa", 1, frames(3000))
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            with store.write() as tx:
                size = tx.size("aa")
                tx.append("aa", size + 1, frames(3, first=size + 1))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        store.backup(tmp_path / "copy.db", without_tables=())
    finally:
        stop.set()
        thread.join()
    store.close()
    copy = open_sqlite(tmp_path / "copy.db", views=[LastSeen()])
    with copy.read() as tx:
        size = tx.size("aa")
        assert size >= 3000
        assert size % 3 == 0
        assert tx.get(LAST, ("aa",)) == ("aa", size)
    copy.close()


def test_a_backup_holds_no_keys_anywhere_in_its_bytes(store: SqliteStore, tmp_path: Path) -> None:
    key = b"0123456789abcdefSECRET-CASE-KEY-"
    with store.write() as tx:
        tx.insert(CASE_KEYS, [(bytes([number]) * 16, key) for number in range(100)])
        tx.append("aa", 1, frames(10))
    target = tmp_path / "copy.db"
    target.write_bytes(b"an older copy")
    store.backup(target, without_tables=(CASE_KEYS.name,))
    assert key not in target.read_bytes()
    assert not [item for item in tmp_path.iterdir() if item.name.startswith(".")]
    with store.read() as tx:
        assert tx.count(CASE_KEYS, {}) == 100
    with pytest.raises(StoreError) as caught:
        store.backup(target, without_tables=("stored_events",))
    assert caught.value.code == "store.append_only"


def test_a_deleted_key_is_in_no_file(store: SqliteStore, path: Path) -> None:
    key = b"0123456789abcdefSECRET-CASE-KEY-"
    with store.write() as tx:
        tx.insert(CASE_KEYS, [(b"case", key), (b"other", b"kept")])
    store.scrub()
    assert key in path.read_bytes()
    with store.write() as tx:
        assert tx.delete(CASE_KEYS, {"case_id": b"case"}) == 1
    store.scrub()
    for file in path.parent.iterdir():
        assert key not in file.read_bytes(), file.name


@pytest.mark.parametrize("size", [16, 400, 3_000, 60_000])
def test_an_emptied_body_is_in_no_file(store: SqliteStore, path: Path, size: int) -> None:
    """Also one that is longer than a page, and one whose neighbours stay."""
    secret = b"0123456789abcdefSECRET-BODY-----"
    rows: list[Row] = [("aa", seq, b"facts", b"nonce", b"kept" * 20) for seq in range(1, 50)]
    rows[24] = ("aa", 25, b"facts", secret, (secret * (size // 32 + 1))[:size])
    with store.write() as tx:
        tx.insert(BODIES, rows)
    store.scrub()
    assert secret[:16] in path.read_bytes()
    with store.write() as tx:
        tx.upsert(BODIES, [("aa", 25, b"facts", None, None)])
    store.scrub()
    for file in path.parent.iterdir():
        assert secret[:16] not in file.read_bytes(), file.name
    with store.read() as tx:
        assert tx.count(BODIES, {"personal": b"kept" * 20}) == 48


# the disk


def test_a_full_disk_loses_nothing_confirmed_and_needs_no_tool(store: SqliteStore) -> None:
    writer = store.datastore.writer
    assert writer is not None
    pages = int(writer.execute("PRAGMA page_count").fetchone()[0])
    writer.execute(f"PRAGMA max_page_count = {pages + 4}")
    confirmed = 0
    with pytest.raises(StoreError) as caught:
        for number in range(1, 1000):
            with store.write() as tx:
                tx.append("aa", number, [("receive", bytes(1000))])
            confirmed = number
    assert caught.value.code == "store.disk_full"
    assert confirmed > 0
    with store.read() as tx:
        assert tx.size("aa") == confirmed
    writer.execute("PRAGMA max_page_count = 1000000")
    with store.write() as tx:
        tx.append("aa", confirmed + 1, frames(1))


class FailingConnection(sqlite3.Connection):
    """A connection on a disk that fails in a commit, and in what undoes it, once it is told to."""

    failing = False

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        if self.failing and sql == "COMMIT":
            raise self._failure()
        return super().execute(sql, *values)  # type: ignore[arg-type]

    def rollback(self) -> None:
        if self.failing:
            raise self._failure()
        super().rollback()

    def _failure(self) -> sqlite3.OperationalError:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        return error


def connect_failing(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        file_uri(path, mode=mode),
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        factory=FailingConnection,
    )


@pytest.fixture
def failing(path: Path) -> Iterator[SqliteStore]:
    opened = open_sqlite(path, create=True, connect=connect_failing)
    yield opened
    opened.close()


def fail_in_a_commit(store: SqliteStore) -> None:
    writer = store.datastore.writer
    assert isinstance(writer, FailingConnection)
    writer.failing = True
    with pytest.raises(StoreError) as caught, store.write() as tx:
        tx.append("aa", 1, frames(1))
    assert caught.value.code == "store.io"
    writer.failing = False
    writer.rollback()


def test_a_failure_to_undo_shuts_out_nobody_else(failing: SqliteStore) -> None:
    fail_in_a_commit(failing)
    failing.scrub()
    assert not failing.usable()


def test_who_waits_while_a_commit_fails_writes_no_more_either(failing: SqliteStore) -> None:
    waiting = failing.write()
    fail_in_a_commit(failing)
    with pytest.raises(StoreError) as caught, waiting as tx:
        tx.append("aa", 1, frames(1))
    assert caught.value.code == "store.reopen"
    failing.scrub()


LIMITED = """
import resource, signal, sys
from pathlib import Path
from ledger.errors import StoreError
from ledger.store.sqlite_opening import open_sqlite
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = open_sqlite(Path(sys.argv[1]), create=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
confirmed = 0
try:
    while True:
        with store.write() as tx:
            tx.append("aa", confirmed + 1, [("receive", bytes(2000))])
        confirmed += 1
except StoreError as error:
    print(error.code, confirmed)
with store.read() as tx:
    print(tx.size("aa"))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with store.write() as tx:
    tx.append("aa", confirmed + 1, [("receive", b"after")])
    print(tx.size("aa"))
"""


@pytest.mark.layer("linux")
def test_a_file_that_may_not_grow_loses_nothing_confirmed(path: Path) -> None:
    told, failed = run(LIMITED, str(path)).communicate(timeout=60)
    code, confirmed, size, after = told.split() or [failed, "", "", ""]
    assert code in {"store.io", "store.disk_full"}
    assert int(confirmed) > 0
    assert (int(size), int(after)) == (int(confirmed), int(confirmed) + 1)


FAILING_FSYNC = """
import sys
from pathlib import Path
from ledger.errors import StoreError
from ledger.store.sqlite_opening import open_sqlite
from tests.store.samples import frames
store = open_sqlite(Path(sys.argv[1]))
codes, confirmed = [], 0
for _ in range(20):
    try:
        with store.write() as tx:
            tx.append("aa", confirmed + 1, frames(1, first=confirmed + 1))
        confirmed += 1
    except StoreError as error:
        codes.append(error.code)
        if error.code == "store.reopen":
            break
store.close()
store = open_sqlite(Path(sys.argv[1]))
with store.write() as tx:
    size = tx.size("aa")
    tx.append("aa", size + 1, frames(1, first=size + 1))
print(confirmed, size, *codes)
"""


@pytest.mark.layer("strace")
def test_after_a_failed_fsync_the_store_writes_no_more_until_reopened(path: Path) -> None:
    open_sqlite(path, create=True).close()
    traced = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO:when=4"]
    done = subprocess.run(
        [*traced, sys.executable, "-c", FAILING_FSYNC, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    confirmed, size, *codes = done.stdout.split() or [done.stderr]
    assert codes == ["store.io", "store.reopen"]
    assert int(size) >= int(confirmed) > 0
