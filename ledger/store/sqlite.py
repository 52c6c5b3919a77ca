"""The store in one SQLite file: WAL, every commit forced to the disk, one writer, readers beside it.

The writer's process holds a lock file beside the ledger for as long as the store is open. When the disk fails
in a commit it is unknown what reached it: the store then refuses further writes until it is opened again, and
whoever opens it verifies the chain.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from eventsourcing.persistence import OperationalError
from eventsourcing.sqlite import SQLiteConnection

from ledger.errors import StoreError
from ledger.platform import FileLock
from ledger.sqlitefile import translate
from ledger.store.contract import InlineView, ReadTx, Subscription, WriteTx
from ledger.store.guard import RowTypes
from ledger.store.sqlite_backup import write_backup
from ledger.store.sqlite_recorder import LedgerDatastore, LedgerRecorder, shrink_memory
from ledger.store.sqlite_schema import statements
from ledger.store.sqlite_tx import SqliteReadTx, SqliteWriteTx
from ledger.store.sqlite_watch import FileWatch
from ledger.store.subscription import RecordSubscription
from ledger.store.tables import Table
from ledger.types import Watch

_FILE_KNOWN = {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHMSIZE}
"""Failures to write that leave it known what is in the file."""


class SqliteStore:
    """A `ledger.store.contract.Store` in one file; ``stack`` goes with it."""

    def __init__(
        self,
        datastore: LedgerDatastore,
        *,
        lock: FileLock | None,
        tables: Sequence[Table],
        views: Sequence[InlineView],
        stack: ExitStack | None = None,
    ) -> None:
        self.recorder = LedgerRecorder(datastore)
        self.datastore = datastore
        self.path = datastore.path
        self.views = tuple(views)
        self.statements = {table.name: statements(table) for table in tables}
        self.types = RowTypes(tables)
        self.watch = FileWatch(datastore.path, tables)
        self.reopen_needed = False
        self._lock = lock
        self._stack = stack or ExitStack()
        self._closed = False

    def read(self) -> _Reading:
        """Open a consistent view."""
        self._check_open()
        return _Reading(self)

    def write(self) -> _Writing:
        """Open the one write transaction."""
        self._check_open()
        if self.datastore.writer is None:
            raise StoreError("store.read_only", file=self.path.name)
        self.check_reopened()
        return _Writing(self, self.datastore.writer)

    def check_reopened(self) -> None:
        """Refuse to write where a failure left it unknown what is on the disk.

        Raises:
            StoreError: ``store.reopen``.
        """
        if self.reopen_needed:
            raise StoreError("store.reopen", file=self.path.name)

    def subscribe(self, *, after: int = 0) -> Subscription:
        """Return the records after a store position, then new ones."""
        self._check_open()
        return RecordSubscription(lambda: self.recorder.subscribe(gt=after))

    def backup(self, target: Path, *, without_tables: Sequence[str], watch: Watch | None = None) -> None:
        """Write a consistent copy beside the running writer, with some tables emptied."""
        self._check_open()
        write_backup(self.datastore.connect, self.path, target, without_tables=without_tables, watch=watch)

    def scrub(self) -> None:
        """Empty the write-ahead log: deleted rows are in no file then, for ``secure_delete`` overwrites them.

        Raises:
            StoreError: ``store.busy``, a reader still looks at the old state.
        """
        self._check_open()
        writer = self.datastore.writer
        if writer is None:
            raise StoreError("store.read_only", file=self.path.name)
        self.datastore.guard.enter()
        try:
            busy = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        finally:
            self.datastore.guard.leave()
        if busy:
            raise StoreError("store.busy", file=self.path.name)

    def usable(self) -> bool:
        """Return whether no failure has left it unknown what is on the disk."""
        return not self.reopen_needed

    def shrink(self) -> None:
        """Empty the page caches of the writer and of the readers that are idle."""
        self._check_open()
        try:
            if self.datastore.writer is not None and not self.reopen_needed:
                shrink_memory(self.datastore.writer)
            self.datastore.shrink()
        except sqlite3.Error as error:
            raise translate(error, self.path) from error

    def changed_outside(self) -> bool:
        """Return whether a write was refused because another program had written into the file."""
        return self.watch.changed

    def writes(self) -> int:
        """Return how many write transactions began since it was opened."""
        return self.watch.writes

    def close(self) -> None:
        """Close all connections and give the writer's lock back."""
        self._closed = True
        self.datastore.close()
        self._stack.close()
        if self._lock is not None:
            self._lock.release()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("store.closed", file=self.path.name)


class _Reading:
    """One consistent view on a connection from the pool."""

    __slots__ = ("_connection", "_store")

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._connection: SQLiteConnection | None = None

    def __enter__(self) -> ReadTx:
        store = self._store
        try:
            pooled = store.datastore.pool.get_connection(is_writer=False)
        except OperationalError as error:
            raise StoreError("store.too_many_readers", file=store.path.name) from error
        except sqlite3.Error as error:
            raise translate(error, store.path) from error
        self._connection = pooled
        raw = pooled._sqlite_conn
        try:
            raw.execute("BEGIN")
            # a deferred transaction takes its view with its first read
            store.watch.check_schema(raw)
        except sqlite3.Error as error:
            self.__exit__(None, None, None)
            raise translate(error, store.path) from error
        except StoreError:
            self.__exit__(None, None, None)
            raise
        return SqliteReadTx(raw, store.path, store.statements)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        pooled, self._connection = self._connection, None
        if pooled is not None:
            try:
                pooled.rollback()
            finally:
                self._store.datastore.pool.put_connection(pooled)


class _Writing:
    """The write transaction on the held writer."""

    __slots__ = ("_store", "_tx", "_writer")

    def __init__(self, store: SqliteStore, writer: sqlite3.Connection) -> None:
        self._store = store
        self._writer = writer
        self._tx: SqliteWriteTx | None = None

    def __enter__(self) -> WriteTx:
        store = self._store
        store.datastore.guard.enter()
        try:
            self._begin()
        except BaseException:
            store.datastore.guard.leave()
            raise
        self._tx = SqliteWriteTx(
            self._writer,
            store.path,
            store.statements,
            recorder=store.recorder,
            views=store.views,
            types=store.types,
        )
        return self._tx

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        tx, self._tx = self._tx, None
        if tx is None:
            return
        done = False
        try:
            if kind is None:
                tx.project()
                if tx.failure is not None:
                    raise tx.failure
                self._commit()
                done = True
        finally:
            # A disk that fails now must not shut out every later writer as well.
            try:
                if not done:
                    self._roll_back()
            finally:
                self._store.datastore.guard.leave()
        if done and tx.ends:
            self._store.recorder.ends.update(tx.ends)
            self._store.recorder.notify()

    def _begin(self) -> None:
        """Take the write lock of the file, if nothing happened while others held the store."""
        self._store.check_reopened()
        try:
            self._writer.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise translate(error, self._store.path) from error
        try:
            self._look()
        except BaseException:
            self._roll_back()
            raise

    def _look(self) -> None:
        """Stop where another program wrote meanwhile: only who opens the file again knows what it holds."""
        store = self._store
        try:
            store.watch.check_writer(self._writer)
        except sqlite3.Error as error:
            raise translate(error, store.path) from error
        except StoreError:
            store.reopen_needed = True
            raise

    def _commit(self) -> None:
        try:
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            if _leaves_file_unknown(error):
                self._store.reopen_needed = True
            raise translate(error, self._store.path) from error

    def _roll_back(self) -> None:
        try:
            self._writer.rollback()
        except sqlite3.Error as error:
            self._store.reopen_needed = True
            raise translate(error, self._store.path) from error


def _leaves_file_unknown(error: sqlite3.Error) -> bool:
    """After a failed fsync nobody knows what is on the disk; a second fsync would lie.

    Source: Rebello et al., Can Applications Recover from fsync Failures?, USENIX ATC 2020.
    """
    code = getattr(error, "sqlite_errorcode", 0)
    return (code & 0xFF) == sqlite3.SQLITE_IOERR and code not in _FILE_KNOWN
