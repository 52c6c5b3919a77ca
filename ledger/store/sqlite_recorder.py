"""The library's SQLite recorder on the ledger's own connections.

One writing connection is held for the life of the store, outside the library's pool: a writer that is given
the lock but no connection keeps the lock there for ever. Every write begins with ``BEGIN IMMEDIATE``: a
transaction that reads first and writes later fails at once otherwise, whatever the busy timeout. Reads come
from the pool.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias
from uuid import UUID

from eventsourcing import sqlite as library
from eventsourcing.persistence import (
    ApplicationRecorder,
    ListenNotifySubscription,
    OperationalError,
    StoredEvent,
    Subscription,
    Tracking,
)

from ledger.errors import StoreError
from ledger.sqlitefile import EVENTS_TABLE, file_uri
from ledger.store.guard import WriterGuard
from ledger.store.sqlite_schema import events_schema

Connect: TypeAlias = Callable[[Path, str], sqlite3.Connection]
"""Opens a database file in mode ``rw``, ``rwc`` or ``ro``, in autocommit mode, usable from any thread."""

BUSY_TIMEOUT_S: Final = 5.0
WAL_PAGES_BEFORE_CHECKPOINT: Final = 8000
"""32 MiB: the oftener, the oftener the same pages are copied while records come in by thousands."""
CACHE_KIB: Final = 16_384
READER_CACHE_KIB_MIN: Final = 4_096
READER_CACHE_SHARE: Final = 16
"""Each reader has a cache of its own, which grows with the file: a village's machine is small,
and the lists of a county run through much of its file."""
STATEMENTS_CACHED: Final = 512
READERS_MAX: Final = 15
READER_WAIT_S: Final = 10.0
POLL_S: Final = 0.1


def connect_file(path: Path, mode: str) -> sqlite3.Connection:
    """Open a database file with the standard library's driver."""
    return sqlite3.connect(
        file_uri(path, mode=mode),
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS_CACHED,
    )


def prepare_writer(connection: sqlite3.Connection) -> None:
    """Set what durability rests on, and read it back.

    Raises:
        StoreError: ``store.pragma``, the database does not do what it was told.
    """
    wanted = {
        "journal_mode": ("wal", "wal"),
        "synchronous": ("FULL", 2),
        "wal_autocheckpoint": (WAL_PAGES_BEFORE_CHECKPOINT, WAL_PAGES_BEFORE_CHECKPOINT),
        "secure_delete": ("ON", 1),
    }
    for name, (value, expected) in wanted.items():
        connection.execute(f"PRAGMA {name} = {value}")
        found = connection.execute(f"PRAGMA {name}").fetchone()[0]
        if found != expected:
            raise StoreError("store.pragma", name=name, expected=str(expected), found=str(found))
    _prepare(connection)


def prepare_reader(connection: sqlite3.Connection) -> None:
    """Make a connection that never writes and never checkpoints: only the writer does."""
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    file_kib = _number(connection, "page_count") * _number(connection, "page_size") // 1024
    _prepare(connection, cache_kib=min(CACHE_KIB, max(READER_CACHE_KIB_MIN, file_kib // READER_CACHE_SHARE)))


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _prepare(connection: sqlite3.Connection, *, cache_kib: int = CACHE_KIB) -> None:
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute(f"PRAGMA cache_size = -{cache_kib}")


def shrink_memory(connection: sqlite3.Connection) -> None:
    """Let a connection give back the pages that it holds and has not changed.

    Source: SQLite, PRAGMA shrink_memory.
    """
    connection.execute("PRAGMA shrink_memory")


class ReaderPool(library.SQLiteConnectionPool):
    """The library's pool, for readers only, on the ledger's way of opening files."""

    def __init__(self, path: Path, connect: Connect) -> None:
        super().__init__(
            db_name=str(path), pool_size=READERS_MAX, max_overflow=0, pool_timeout=READER_WAIT_S, max_age=None
        )
        self._path = path
        self._connect = connect

    def _create_connection(self) -> library.SQLiteConnection:
        connection = self._connect(self._path, "ro")
        try:
            prepare_reader(connection)
        except sqlite3.Error:
            connection.close()
            raise
        connection.row_factory = sqlite3.Row
        return library.SQLiteConnection(connection, self.max_age)


class LedgerDatastore(library.SQLiteDatastore):
    """The library's datastore with one held writer and a pool of readers."""

    def __init__(self, path: Path, connect: Connect, writer: sqlite3.Connection | None) -> None:
        super().__init__(str(path), originator_id_type="text")
        self.pool = ReaderPool(path, connect)
        self.path = path
        self.connect = connect
        self.writer = writer
        self.guard = WriterGuard()

    def shrink(self) -> None:
        """Empty the caches of the readers that nobody uses now."""
        held = [self.pool.get_connection(is_writer=False) for _ in range(self.pool.num_in_pool)]
        try:
            for one in held:
                shrink_memory(one._sqlite_conn)
        finally:
            for one in held:
                self.pool.put_connection(one)

    @contextmanager
    def transaction(self, *, commit: bool) -> Iterator[library.SQLiteCursor]:
        """Open a transaction for the library's own methods; its errors are the library's."""
        if not commit:
            with super().transaction(commit=False) as cursor:
                yield cursor
            return
        self.guard.enter()
        try:
            if self.writer is None:
                raise OperationalError("read-only")
            transaction = _ImmediateTransaction(library.SQLiteConnection(self.writer, None), commit=True)
            with transaction as cursor, cursor:
                yield cursor
        finally:
            self.guard.leave()

    def close(self) -> None:
        """Close readers first: the connection that closes last checkpoints, and that is the writer's work."""
        super().close()
        # the library also calls this from __del__, after a failed __init__ too
        writer = getattr(self, "writer", None)
        if writer is not None:
            self.writer = None
            writer.close()


class _ImmediateTransaction(library.SQLiteTransaction):
    """The library's transaction, begun with the write lock in hand."""

    def __enter__(self) -> library.SQLiteCursor:
        cursor = self.connection.cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise OperationalError(error) from error
        return cursor


class LedgerRecorder(library.SQLiteProcessRecorder):
    """The library's process recorder with stable row ids, batches and a subscription."""

    _insert_one = (
        f"INSERT INTO {EVENTS_TABLE} (originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?)"
    )

    def __init__(self, datastore: LedgerDatastore) -> None:
        super().__init__(datastore)
        self.ledger_datastore = datastore
        self.ends: dict[str, int] = {}
        """Last position of each log that the one writer appended to; what it knows, it need not look up."""
        self._listeners: set[threading.Event] = set()
        self._listeners_lock = threading.Lock()

    def construct_create_table_statements(self) -> list[str]:
        """Return the ledger's own definition of the library's tables."""
        return list(events_schema().values())

    def insert_rows(
        self, connection: sqlite3.Connection | sqlite3.Cursor, rows: Sequence[tuple[str, int, str, bytes]]
    ) -> range:
        """Insert events in the caller's transaction and return their positions.

        Nothing is ever deleted, so the row ids of one transaction are consecutive.

        Raises:
            StoreError: ``store.not_stored``, the database left rows out without a word.
        """
        if len(rows) == 1:
            made = connection.execute(self._insert_one, rows[0])
            stored, last = made.rowcount, made.lastrowid or 0
        else:
            # A cursor that asks something else forgets how many rows it wrote.
            stored = connection.executemany(self._insert_one, rows).rowcount
            last = int(connection.execute("SELECT last_insert_rowid()").fetchone()[0])
        if stored != len(rows):
            raise StoreError("store.not_stored", table=EVENTS_TABLE)
        return range(last - len(rows) + 1, last + 1)

    def _insert_events(
        self,
        c: library.SQLiteCursor,
        stored_events: Sequence[StoredEvent],
        *,
        tracking: Tracking | None = None,
        **_: object,
    ) -> Sequence[int] | None:
        rows = [
            (_text(item.originator_id), item.originator_version, item.topic, item.state)
            for item in stored_events
        ]
        self.ends.clear()
        positions = list(self.insert_rows(c.sqlite_cursor, rows)) if rows else []
        if tracking is not None:
            self._insert_tracking(c, tracking)
        return positions

    def insert_events(
        self, stored_events: Sequence[StoredEvent], *, tracking: Tracking | None = None, **_: object
    ) -> Sequence[int] | None:
        """Insert events in a transaction of their own and wake the subscriptions."""
        positions = super().insert_events(stored_events, tracking=tracking)
        self.notify()
        return positions

    def notify(self) -> None:
        """Wake the subscriptions of this process."""
        if self._listeners:
            with self._listeners_lock:
                for event in self._listeners:
                    event.set()

    def listen(self, event: threading.Event, *, on: bool) -> None:
        """Add or remove an event that each commit sets."""
        with self._listeners_lock:
            if on:
                self._listeners.add(event)
            else:
                self._listeners.discard(event)

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        """Return events as they are committed, by this process or by others."""
        return _LedgerSubscription(self, gt=gt, topics=topics)


class _LedgerSubscription(ListenNotifySubscription[LedgerRecorder]):
    """Woken by this process's commits through an event, by others' through ``PRAGMA data_version``."""

    def __init__(self, recorder: LedgerRecorder, *, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt=gt, topics=topics)
        recorder.listen(self._has_been_notified, on=True)
        self._ended = threading.Event()
        self._poll_thread = threading.Thread(target=self._poll, daemon=True)
        self._poll_thread.start()

    def stop(self) -> None:
        """End the iteration."""
        super().stop()
        self._recorder.listen(self._has_been_notified, on=False)
        if hasattr(self, "_ended"):
            self._ended.set()

    def __exit__(self, *args: object, **kwargs: object) -> None:
        try:
            super().__exit__(*args, **kwargs)
        finally:
            self._poll_thread.join()

    def _poll(self) -> None:
        datastore = self._recorder.ledger_datastore
        with suppress(sqlite3.Error):
            connection = datastore.connect(datastore.path, "ro")
            try:
                last: int | None = None
                while not self._ended.wait(POLL_S):
                    version = int(connection.execute("PRAGMA data_version").fetchone()[0])
                    if version != last:
                        last = version
                        self._has_been_notified.set()
            finally:
                connection.close()


def _text(originator_id: UUID | str) -> str:
    return originator_id if isinstance(originator_id, str) else originator_id.hex
