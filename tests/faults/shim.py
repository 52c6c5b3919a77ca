"""The standard library's way of talking to SQLite, over the driver that allows file functions of one's own.

Only what the store uses. Settings can be planted: the store believes that it set what it wanted.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import apsw

from ledger.store.sqlite_recorder import Connect

BUSY_TIMEOUT_MS = 200
FLAGS = {
    "ro": apsw.SQLITE_OPEN_READONLY,
    "rw": apsw.SQLITE_OPEN_READWRITE,
    "rwc": apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE,
}
CLASSES: dict[int, type[sqlite3.Error]] = {
    apsw.SQLITE_CONSTRAINT: sqlite3.IntegrityError,
    apsw.SQLITE_MISMATCH: sqlite3.IntegrityError,
    apsw.SQLITE_TOOBIG: sqlite3.DataError,
    apsw.SQLITE_CORRUPT: sqlite3.DatabaseError,
    apsw.SQLITE_NOTADB: sqlite3.DatabaseError,
    apsw.SQLITE_MISUSE: sqlite3.ProgrammingError,
}
CHECKPOINT_SETTING = "wal_autocheckpoint"
NUMBERS = {"FULL": 2, "ON": 1, "OFF": 0}
_SETTING = re.compile(r"PRAGMA (\w+) = (\S+)")
_ASKING = re.compile(r"PRAGMA (\w+)")


def connect_through(vfs_name: str, planted: Mapping[str, str]) -> Connect:
    """Return what ``Ledger.open`` takes to open its database.

    Args:
        vfs_name: registered file functions.
        planted: settings that are made instead of those wanted; asked for them, the connection lies.
    """

    def connect(path: Path, mode: str) -> sqlite3.Connection:
        return cast(sqlite3.Connection, ShimConnection(path, mode, vfs_name, planted))

    return connect


class ShimConnection:
    """A connection that looks like ``sqlite3.Connection`` in autocommit mode."""

    def __init__(self, path: Path, mode: str, vfs_name: str, planted: Mapping[str, str]) -> None:
        self.planted = planted
        self.wanted: dict[str, str] = {}
        self.row_factory: object = None
        try:
            self.inner = apsw.Connection(str(path), vfs=vfs_name, flags=FLAGS[mode])
        except apsw.Error as error:
            raise translated(error) from error
        self.inner.set_busy_timeout(BUSY_TIMEOUT_MS)

    def checkpoint_after(self, pages_max: int) -> None:
        """Move the write-ahead log into the database after so many pages, as SQLite does by itself.

        SQLite does not tell when that fails, for the transaction is safe; this driver would.
        """

        def committed(connection: apsw.Connection, name: str, pages: int) -> int:
            if pages >= pages_max:
                with suppress(apsw.Error):
                    connection.wal_checkpoint(name)
            return apsw.SQLITE_OK

        self.inner.set_wal_hook(committed)

    def execute(self, sql: str, values: Sequence[Any] = ()) -> ShimCursor:
        """Run one statement."""
        return self.cursor().execute(sql, values)

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> ShimCursor:
        """Run one statement for each row."""
        return self.cursor().executemany(sql, rows)

    def cursor(self) -> ShimCursor:
        """Return a cursor."""
        return ShimCursor(self)

    def commit(self) -> None:
        """End the transaction, if there is one."""
        if self.inner.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        """Undo the transaction, if there is one."""
        if self.inner.in_transaction:
            self.execute("ROLLBACK")

    def close(self) -> None:
        """Close. SQLite does not tell when its last checkpoint fails, and the standard driver cannot."""
        with suppress(apsw.Error):
            self.inner.close(True)


class ShimCursor:
    """A cursor that looks like ``sqlite3.Cursor``."""

    def __init__(self, connection: ShimConnection) -> None:
        self.connection = connection
        self.inner = connection.inner.cursor()
        self.answer: list[tuple[Any, ...]] | None = None
        self.lastrowid: int | None = None
        self.rowcount = -1

    def execute(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> ShimCursor:
        """Run one statement."""
        setting, asking = _SETTING.fullmatch(sql), _ASKING.fullmatch(sql)
        if setting and setting[1] in {*self.connection.planted, CHECKPOINT_SETTING}:
            self.connection.wanted[setting[1]] = setting[2]
            chosen = self.connection.planted.get(setting[1], setting[2])
            if setting[1] == CHECKPOINT_SETTING and int(chosen):
                self.connection.checkpoint_after(int(chosen))
                return self
            sql = f"PRAGMA {setting[1]} = {chosen}"
        if asking and asking[1] in self.connection.wanted:
            wanted = self.connection.wanted[asking[1]]
            self.answer = [(NUMBERS.get(wanted, wanted if not wanted.isdigit() else int(wanted)),)]
            return self
        try:
            self.inner.execute(sql, values if isinstance(values, Mapping) else tuple(values))
        except apsw.Error as error:
            raise translated(error) from error
        self.lastrowid = self.connection.inner.last_insert_rowid()
        self.rowcount = self.connection.inner.changes()
        return self

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> ShimCursor:
        """Run one statement for each row; ``rowcount`` is what all of them changed, without triggers."""
        changed = 0
        try:
            for row in rows:
                self.inner.execute(sql, tuple(row))
                changed += self.connection.inner.changes()
        except apsw.Error as error:
            raise translated(error) from error
        self.rowcount = changed
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row."""
        return next(iter(self), None)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows left."""
        return list(self)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        if self.answer is not None:
            yield from self.answer
            return
        while True:
            try:
                row = next(self.inner, None)
            except apsw.Error as error:
                raise translated(error) from error
            if row is None:
                return
            yield tuple(row)

    def close(self) -> None:
        """Close."""
        self.inner.close(True)


def translated(error: apsw.Error) -> sqlite3.Error:
    """Return the error that the standard library's driver would raise."""
    primary, extended = getattr(error, "result", 1), getattr(error, "extendedresult", 1)
    made = CLASSES.get(primary & 0xFF, sqlite3.OperationalError)(str(error))
    made.sqlite_errorcode = extended
    made.sqlite_errorname = apsw.mapping_extended_result_codes.get(
        extended, apsw.mapping_result_codes.get(primary, "SQLITE_ERROR")
    )
    return made
