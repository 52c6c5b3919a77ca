"""Transactions of the SQLite backend: statements on one connection, errors in the product's words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from eventsourcing.persistence import IntegrityError, Tracking
from eventsourcing.sqlite import SQLiteCursor

from ledger.errors import StoreError
from ledger.sqlitefile import EVENTS_TABLE, translate
from ledger.store.contract import InlineView, NewRecord
from ledger.store.guard import RowTypes, check_range, new_records, pick_new
from ledger.store.sql import RowStatements, conditions, key_of, select, update_changed, where_clause
from ledger.store.sqlite_recorder import LedgerRecorder
from ledger.store.tables import Cell, Row, Table, Where

_FRAME = f"SELECT state FROM {EVENTS_TABLE} WHERE originator_id = ? AND originator_version = ?"
_FRAMES = (
    f"SELECT originator_version, state FROM {EVENTS_TABLE} "
    "WHERE originator_id = ? AND originator_version BETWEEN ? AND ? ORDER BY originator_version"
)
_FRAMES_AT = (
    f"SELECT originator_version, state FROM {EVENTS_TABLE} WHERE originator_id = ? AND originator_version IN "
)
_ASKED_MAX = 1024
"""Positions in one statement."""
_SIZE = f"SELECT max(originator_version) FROM {EVENTS_TABLE} WHERE originator_id = ?"
_RECORDS = (
    f"SELECT rowid, originator_id, originator_version, topic, state FROM {EVENTS_TABLE} "
    "WHERE rowid > ? ORDER BY rowid LIMIT ?"
)
_TRACKED = "SELECT notification_id FROM tracking WHERE application_name = ?"
_UNTRACK = "DELETE FROM tracking WHERE application_name = ?"

DRIVER_ERRORS = (sqlite3.Error, UnicodeError, OverflowError)
"""What the driver raises for a statement or its values."""


class SqliteReadTx:
    """A `ledger.store.contract.ReadTx` on one connection that is in a transaction."""

    __slots__ = ("_connection", "_path", "_statements")

    def __init__(
        self, connection: sqlite3.Connection, path: Path, statements: Mapping[str, RowStatements]
    ) -> None:
        self._connection = connection
        self._path = path
        self._statements = statements

    def _failed(self, error: sqlite3.Error | UnicodeError | OverflowError) -> StoreError:
        return translate(error, self._path)

    def _of(self, table: Table) -> RowStatements:
        found = self._statements.get(table.name)
        if found is None:
            raise StoreError("store.unknown_table", table=table.name)
        return found

    def _one(self, statement: str, values: Sequence[Cell]) -> Row | None:
        try:
            row: Row | None = self._connection.execute(statement, values).fetchone()
        except DRIVER_ERRORS as error:
            raise self._failed(error) from error
        return None if row is None else tuple(row)

    def _many(self, statement: str, values: Sequence[Cell]) -> Iterator[Row]:
        try:
            cursor = self._connection.cursor()
            # plain tuples: the pool's connections make rows with names, for the library's own statements
            cursor.row_factory = None
            # in a chain, which has no ``close``: whoever gives up amid the rows, an error on its way out,
            # may let go of them after the connection, and a closed connection's cursor cannot be closed
            yield from chain(cursor.execute(statement, values))
        except DRIVER_ERRORS as error:
            raise self._failed(error) from error

    def frame(self, log: str, seq: int, /) -> bytes | None:
        """Return the frame at a position of a log."""
        row = self._one(_FRAME, (log, seq))
        return None if row is None else _bytes(row[0])

    def frames(self, log: str, first_seq: int, last_seq: int, /) -> Iterator[tuple[int, bytes]]:
        """Return positions and frames of a log, both ends included, ascending."""
        rows = self._many(_FRAMES, (log, first_seq, min(last_seq, _INT_MAX)))
        return ((_int(row[0]), _bytes(row[1])) for row in rows)

    def frames_at(self, log: str, seqs: Sequence[int], /) -> Iterator[tuple[int, bytes]]:
        """Return positions and frames of a log at some positions, in no particular order."""
        for first in range(0, len(seqs), _ASKED_MAX):
            asked = tuple(seqs[first : first + _ASKED_MAX])
            # few lengths of the list, so that prepared statements are found again
            asked += asked[-1:] * ((1 << (len(asked) - 1).bit_length()) - len(asked))
            for row in self._many(f"{_FRAMES_AT}({', '.join('?' * len(asked))})", (log, *asked)):
                yield _int(row[0]), _bytes(row[1])

    def size(self, log: str, /) -> int:
        """Return how many frames the log holds."""
        row = self._one(_SIZE, (log,))
        return 0 if row is None or row[0] is None else _int(row[0])

    def records(self, *, after: int, limit: int) -> Sequence[NewRecord]:
        """Return up to ``limit`` records with a store position above ``after``, ascending."""
        return [
            NewRecord(_int(row[0]), str(row[1]), _int(row[2]), str(row[3]), _bytes(row[4]))
            for row in self._many(_RECORDS, (after, limit))
        ]

    def tracked(self, name: str, /) -> int:
        """Return the store position up to which a tracked projection has been written."""
        row = self._one(_TRACKED, (name,))
        return 0 if row is None else _int(row[0])

    def get(self, table: Table, key: tuple[Cell, ...], /) -> Row | None:
        """Return the row with this key."""
        return self._one(self._of(table).get, key)

    def select(
        self,
        table: Table,
        where: Where,
        *,
        order_by: Sequence[str] = (),
        descending: bool = False,
        limit: int | None = None,
        after: tuple[Cell, ...] | None = None,
        columns: Sequence[str] = (),
    ) -> Iterator[Row]:
        """Return the rows that meet all conditions."""
        self._of(table)
        statement, values = select(
            table,
            where,
            order_by=order_by,
            descending=descending,
            limit=limit,
            after=after,
            columns=columns,
            mark="?",
            relation=f'"{table.name}"',
        )
        return self._many(statement, values)

    def count(self, table: Table, where: Where, /) -> int:
        """Return how many rows meet all conditions."""
        self._of(table)
        shape, values = conditions(table, where)
        row = self._one(f'SELECT count(*) FROM "{table.name}"{where_clause(shape, "?")}', values)
        return 0 if row is None else _int(row[0])


class SqliteWriteTx(SqliteReadTx):
    """A `ledger.store.contract.WriteTx` on the held writer."""

    __slots__ = ("_recorder", "_types", "_unprojected", "_views", "ends", "failure")

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        statements: Mapping[str, RowStatements],
        *,
        recorder: LedgerRecorder,
        views: Sequence[InlineView],
        types: RowTypes,
    ) -> None:
        super().__init__(connection, path, statements)
        self._types = types
        self._recorder = recorder
        self._views = views
        self._unprojected: list[NewRecord] = []
        self.failure: StoreError | None = None
        self.ends: dict[str, int] = {}

    def _failed(self, error: sqlite3.Error | UnicodeError | OverflowError) -> StoreError:
        self.failure = translate(error, self._path)
        return self.failure

    def _many(self, statement: str, values: Sequence[Cell]) -> Iterator[Row]:
        # read whole: rows of a table that is changed while its cursor is open are undefined
        try:
            return iter(self._connection.execute(statement, values).fetchall())
        except DRIVER_ERRORS as error:
            raise self._failed(error) from error

    def append(
        self, log: str, first_seq: int, records: Sequence[tuple[str, bytes]], /
    ) -> tuple[NewRecord, ...]:
        """Store frames of one log from ``first_seq`` on."""
        check_range(log, first_seq, records)
        new, seq = records, first_seq
        if self.ends.get(log, self._recorder.ends.get(log)) != first_seq - 1:
            held = dict(self.frames(log, first_seq - 1, first_seq + len(records) - 1))
            new, seq = pick_new(log, first_seq, records, held=held)
        if not new:
            return ()
        rows = [(log, seq + index, topic, frame) for index, (topic, frame) in enumerate(new)]
        try:
            positions = self._recorder.insert_rows(self._connection, rows)
        except DRIVER_ERRORS as error:
            raise self._failed(error) from error
        except StoreError as error:
            self.failure = error
            raise
        appended = new_records(log, seq, new, positions)
        self._unprojected.extend(appended)
        self.ends[log] = seq + len(new) - 1
        return appended

    def project(self) -> None:
        """Let the inline views take the records appended so far."""
        while self._unprojected:
            records, self._unprojected = tuple(self._unprojected), []
            for view in self._views:
                view.apply(self, records)

    def insert(self, table: Table, rows: Sequence[Row], /) -> None:
        """Insert rows."""
        self._write(table, self._of(table).insert, rows, whole=True)

    def insert_missing(self, table: Table, rows: Sequence[Row], /) -> None:
        """Insert the rows whose key is not taken."""
        self._write(table, self._of(table).insert_missing, rows)

    def upsert(self, table: Table, rows: Sequence[Row], /, *, held: Row | None = None) -> None:
        """Insert rows or replace those with the same key."""
        statements = self._of(table)
        self._refuse_append_only(table)
        if len(rows) == 1 and table.indexes and self._update(table, rows[0], held):
            return
        # without other columns than the key, a row that is there is left alone
        self._write(table, statements.upsert, rows, whole=bool(table.plain_columns))

    def delete(self, table: Table, where: Where, /) -> int:
        """Delete the rows that meet all conditions and return how many there were."""
        self._of(table)
        self._refuse_append_only(table)
        shape, values = conditions(table, where)
        try:
            statement = f'DELETE FROM "{table.name}"{where_clause(shape, "?")}'
            return self._connection.execute(statement, values).rowcount
        except DRIVER_ERRORS as error:
            raise self._failed(error) from error

    def track(self, name: str, position: int, /) -> None:
        """Write down how far a tracked projection has come, in the library's own table."""
        try:
            cursor = SQLiteCursor(self._connection.cursor())
            self._recorder._insert_tracking(cursor, Tracking(name, position))
        except IntegrityError as error:
            self.failure = StoreError(
                "store.tracking", projection=name, position=position, known=self.tracked(name)
            )
            raise self.failure from error
        except DRIVER_ERRORS as error:
            raise self._failed(error) from error

    def untrack(self, name: str, /) -> None:
        """Forget how far a tracked projection had come."""
        try:
            self._connection.execute(_UNTRACK, (name,))
        except DRIVER_ERRORS as error:
            raise self._failed(error) from error

    def _refuse_append_only(self, table: Table) -> None:
        if table.append_only:
            self.failure = StoreError("store.append_only", table=table.name)
            raise self.failure

    def _update(self, table: Table, row: Row, known: Row | None) -> bool:
        """Change the row that is there, only where it differs; False when there is none with this key."""
        self._check(table, (row,))
        held = self.get(table, key_of(table, row)) if known is None else known
        if held is None:
            return False
        update = update_changed(table, held, row, mark="?", relation=f'"{table.name}"')
        if update is None:
            return True
        try:
            return self._connection.execute(*update).rowcount == 1
        except DRIVER_ERRORS as error:
            raise self._failed(error) from error

    def _check(self, table: Table, rows: Sequence[Row]) -> None:
        try:
            self._types.check(table, rows)
        except StoreError as error:
            self.failure = error
            raise

    def _write(self, table: Table, statement: str, rows: Sequence[Row], *, whole: bool = False) -> None:
        self._check(table, rows)
        try:
            if len(rows) == 1:
                done = self._connection.execute(statement, rows[0])
            else:
                done = self._connection.executemany(statement, rows)
        except DRIVER_ERRORS as error:
            raise self._failed(error) from error
        if whole and rows and done.rowcount != len(rows):
            self.failure = StoreError("store.not_stored", table=table.name)
            raise self.failure


_INT_MAX = (1 << 63) - 1


def _int(value: Cell) -> int:
    if isinstance(value, int):
        return value
    raise StoreError("store.damaged", file=EVENTS_TABLE, detail="not a number")


def _bytes(value: Cell) -> bytes:
    if isinstance(value, bytes):
        return value
    raise StoreError("store.damaged", file=EVENTS_TABLE, detail="not bytes")
