"""Opening a ledger file: made new, as its one writer, or to read beside the writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ledger.errors import StoreError
from ledger.platform import FileLock, fsync_dir
from ledger.sqlitefile import (
    check_identity,
    check_version,
    companion,
    require_no_journal,
    require_one_name,
    translate,
)
from ledger.store.contract import InlineView
from ledger.store.schema import CORE_TABLES
from ledger.store.sqlite import SqliteStore
from ledger.store.sqlite_recorder import Connect, LedgerDatastore, connect_file, prepare_writer
from ledger.store.sqlite_schema import complete, create
from ledger.store.sqlite_still import nothing_can_be_made, read_still
from ledger.store.tables import Table, merge_tables


def open_sqlite(
    path: Path,
    *,
    tables: Sequence[Table] = (),
    views: Sequence[InlineView] = (),
    create: bool = False,
    read_only: bool = False,
    connect: Connect = connect_file,
) -> SqliteStore:
    """Open a ledger file, as the one writer unless ``read_only``.

    Args:
        path: the database file.
        tables: tables beside the core tables and those of the views; whole tables that are missing are
            created.
        views: inline views, applied in this order.
        create: make a new ledger; otherwise a missing file is an error.
        read_only: read beside the writer, without its lock.
        connect: opens the database; tests put a failing disk here.

    Raises:
        StoreError: ``store.missing``, ``store.exists``, ``store.locked``, ``store.not_a_ledger``,
            ``store.not_a_database``, ``store.schema_newer``, ``store.schema_differs``,
            ``store.schema_foreign``, ``store.damaged``, ``store.disk_full``, ``store.read_only``,
            ``store.cannot_open``, ``store.journal``, ``store.two_names``.
    """
    if not create:
        require_no_journal(path)
    wanted = merge_tables(CORE_TABLES, tables, *(view.tables for view in views))
    if read_only:
        return _open_reading(path, wanted, views, connect)
    if not create and not path.exists() and connect is connect_file:
        raise StoreError("store.missing", file=path.name)
    lock = FileLock(companion(path, ".lock"))
    lock.acquire()
    try:
        require_one_name(path)
        writer = _open_writer(path, wanted, connect, new=create)
    except StoreError:
        lock.release()
        raise
    store = SqliteStore(LedgerDatastore(path, connect, writer), lock=lock, tables=wanted, views=views)
    try:
        store.watch.begin(writer, writer=True)
    except sqlite3.Error as error:
        store.close()
        raise translate(error, path) from error
    return store


def _open_writer(path: Path, tables: Sequence[Table], connect: Connect, *, new: bool) -> sqlite3.Connection:
    writer: sqlite3.Connection | None = None
    try:
        writer = connect(path, "rwc" if new else "rw")
        empty = _is_empty(writer)
        if new and not empty:
            raise StoreError("store.exists", file=path.name)
        if not new:
            check_version(check_identity(writer, path), path)
        prepare_writer(writer)
        if new:
            create(writer, tables)
            if connect is connect_file:
                fsync_dir(companion(path, "").parent)
        else:
            _write_recovered_pages_again(writer)
            complete(writer, tables, path, read_only=False)
    except sqlite3.Error as error:
        if writer is not None:
            writer.close()
        raise translate(error, path) from error
    except StoreError:
        if writer is not None:
            writer.close()
        raise
    return writer


def _write_recovered_pages_again(writer: sqlite3.Connection) -> None:
    """Copy what a killed process left in the write-ahead log into the database, and force that to the disk.

    Had a sync of that process failed, its pages are read from the system's cache, count as written, and no
    later sync would write them: whatever is confirmed behind them would go with the next power cut.

    Source: Rebello et al., Can Applications Recover from fsync Failures?, USENIX ATC 2020, section 3.
    """
    writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def _open_reading(
    path: Path, tables: Sequence[Table], views: Sequence[InlineView], connect: Connect
) -> SqliteStore:
    def read(path: Path, connect: Connect, stack: ExitStack) -> SqliteStore:
        return _reading(path, tables, views, connect, stack)

    try:
        return read(path, connect, ExitStack())
    except StoreError as error:
        if connect is not connect_file or not nothing_can_be_made(error, path):
            raise
    return read_still(path, read)


def _reading(
    path: Path,
    tables: Sequence[Table],
    views: Sequence[InlineView],
    connect: Connect,
    stack: ExitStack,
) -> SqliteStore:
    datastore = LedgerDatastore(path, connect, None)
    store = SqliteStore(datastore, lock=None, tables=tables, views=views, stack=stack)
    try:
        pooled = datastore.pool.get_connection(is_writer=False)
        try:
            check_version(check_identity(pooled._sqlite_conn, path), path)
            complete(pooled._sqlite_conn, tables, path, read_only=True)
            store.watch.begin(pooled._sqlite_conn, writer=False)
        finally:
            datastore.pool.put_connection(pooled)
    except sqlite3.Error as error:
        store.close()
        raise translate(error, path) from error
    except StoreError:
        store.close()
        raise
    return store


def _is_empty(connection: sqlite3.Connection) -> bool:
    """A creation that was cut off leaves a file without tables: it may be created again."""
    return int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]) == 0
