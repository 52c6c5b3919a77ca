"""Transactions of the PostgreSQL backend: the same statements as on SQLite, errors in the product's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import psycopg
from eventsourcing.persistence import IntegrityError, PersistenceError, StoredEvent, Tracking
from psycopg import Connection
from psycopg.rows import DictRow, tuple_row
from psycopg.types.string import StrDumper
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from ledger.errors import StoreError
from ledger.sqlitefile import EVENTS_TABLE
from ledger.store.contract import InlineView, NewRecord
from ledger.store.guard import RowTypes, check_range, new_records, pick_new
from ledger.store.postgres_recorder import PostgresLedgerRecorder
from ledger.store.postgres_schema import APPEND_ONLY_STATE, TRACKING_TABLE, relation
from ledger.store.sql import RowStatements, conditions, select, where_clause
from ledger.store.tables import Cell, Row, Table, Where

POSTGRES_FAILURES = (PersistenceError, psycopg.Error, PoolTimeout, PoolClosed, TooManyRequests)
"""What the driver, its pool and the library around them raise."""
_STATES: Mapping[str, Callable[[str], StoreError]] = {
    APPEND_ONLY_STATE: lambda table: StoreError("store.append_only", table=table),
    "23505": lambda table: StoreError("store.duplicate", table=table),
    "42501": lambda table: StoreError("store.not_permitted", table=table),
    "53100": lambda table: StoreError("store.disk_full", file="PostgreSQL"),
    "55P03": lambda table: StoreError("store.busy", file="PostgreSQL"),
    "25006": lambda table: StoreError("store.read_only", file="PostgreSQL"),
    "XX001": lambda table: StoreError("store.damaged", file="PostgreSQL", detail="data_corrupted"),
    "XX002": lambda table: StoreError("store.damaged", file="PostgreSQL", detail="index_corrupted"),
}
_VALUE_STATES = ("22", "23", "42804")
_CONNECTION_STATES = ("08", "57P")
_CONNECTION_ERRORS = (psycopg.OperationalError, psycopg.InterfaceError)


def translate_postgres(error: BaseException) -> StoreError:
    """Return the error of the product for an error of the driver or of the library around it.

    Source: PostgreSQL, Appendix A, Error Codes.
    """
    driver = error if isinstance(error, psycopg.Error) else error.__cause__
    if not isinstance(driver, psycopg.Error):
        unfit = isinstance(error, UnicodeError | OverflowError)
        if unfit:
            return StoreError("store.value", table="?", detail=type(error).__name__)
        return StoreError("store.unreachable", detail=type(error).__name__)
    state = driver.sqlstate or ""
    table = driver.diag.table_name or "?"
    if state == APPEND_ONLY_STATE:
        table = (driver.diag.message_primary or "?").rpartition(" ")[2]
    if state in _STATES:
        return _STATES[state](table)
    if state.startswith(_VALUE_STATES) or (not state and isinstance(driver, psycopg.DataError)):
        return StoreError("store.value", table=table, detail=type(driver).__name__)
    if state.startswith(_CONNECTION_STATES) or (not state and isinstance(driver, _CONNECTION_ERRORS)):
        return StoreError("store.unreachable", detail=type(driver).__name__)
    return StoreError("store.database", file="PostgreSQL", detail=type(driver).__name__)


class PostgresReadTx:
    """A `ledger.store.contract.ReadTx` on one connection that is in a transaction."""

    def __init__(
        self, connection: Connection[DictRow], schema: str, statements: Mapping[str, RowStatements]
    ) -> None:
        self._connection = connection
        self._cursor = connection.cursor(row_factory=tuple_row)
        # otherwise text goes untyped, and the server would take it into a column of numbers or bytes
        self._cursor.adapters.register_dumper(str, StrDumper)
        self._schema = schema
        self._statements = statements
        self._events = relation(schema, EVENTS_TABLE)
        self._tracking = relation(schema, TRACKING_TABLE)

    def _failed(self, error: Exception) -> StoreError:
        return translate_postgres(error)

    def _of(self, table: Table) -> RowStatements:
        found = self._statements.get(table.name)
        if found is None:
            raise StoreError("store.unknown_table", table=table.name)
        return found

    def _run(self, statement: str, values: Sequence[Cell | list[int]]) -> list[Row]:
        try:
            self._cursor.execute(statement, values)
            return self._cursor.fetchall() if self._cursor.description else []
        except (psycopg.Error, UnicodeError, OverflowError) as error:
            raise self._failed(error) from error

    def frame(self, log: str, seq: int, /) -> bytes | None:
        """Return the frame at a position of a log."""
        for _, frame in self.frames(log, seq, seq):
            return frame
        return None

    def frames(self, log: str, first_seq: int, last_seq: int, /) -> Iterator[tuple[int, bytes]]:
        """Return positions and frames of a log, both ends included, ascending."""
        statement = (
            f"SELECT originator_version, state FROM {self._events} "
            "WHERE originator_id = %s AND originator_version BETWEEN %s AND %s ORDER BY originator_version"
        )
        rows = self._run(statement, (log, first_seq, min(last_seq, (1 << 63) - 1)))
        return ((_int(row[0]), _bytes(row[1])) for row in rows)

    def frames_at(self, log: str, seqs: Sequence[int], /) -> Iterator[tuple[int, bytes]]:
        """Return positions and frames of a log at some positions, in no particular order."""
        statement = (
            f"SELECT originator_version, state FROM {self._events} "
            "WHERE originator_id = %s AND originator_version = ANY(%s)"
        )
        rows = self._run(statement, (log, list(seqs)))
        return ((_int(row[0]), _bytes(row[1])) for row in rows)

    def size(self, log: str, /) -> int:
        """Return how many frames the log holds."""
        statement = f"SELECT max(originator_version) FROM {self._events} WHERE originator_id = %s"
        return _int(self._run(statement, (log,))[0][0] or 0)

    def records(self, *, after: int, limit: int) -> Sequence[NewRecord]:
        """Return up to ``limit`` records with a store position above ``after``, ascending."""
        statement = (
            "SELECT notification_id, originator_id, originator_version, topic, state "
            f"FROM {self._events} WHERE notification_id > %s ORDER BY notification_id LIMIT %s"
        )
        return [
            NewRecord(
                position=_int(row[0]),
                log=str(row[1]),
                seq=_int(row[2]),
                topic=str(row[3]),
                frame=_bytes(row[4]),
            )
            for row in self._run(statement, (after, limit))
        ]

    def tracked(self, name: str, /) -> int:
        """Return the store position up to which a tracked projection has been written."""
        statement = f"SELECT max(notification_id) FROM {self._tracking} WHERE application_name = %s"
        return _int(self._run(statement, (name,))[0][0] or 0)

    def get(self, table: Table, key: tuple[Cell, ...], /) -> Row | None:
        """Return the row with this key."""
        rows = self._run(self._of(table).get, key)
        return rows[0] if rows else None

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
            mark="%s",
            relation=relation(self._schema, table.name),
        )
        return iter(self._run(statement, values))

    def count(self, table: Table, where: Where, /) -> int:
        """Return how many rows meet all conditions."""
        self._of(table)
        shape, values = conditions(table, where)
        target = relation(self._schema, table.name)
        return _int(self._run(f"SELECT count(*) FROM {target}{where_clause(shape, '%s')}", values)[0][0])


class PostgresWriteTx(PostgresReadTx):
    """A `ledger.store.contract.WriteTx`."""

    def __init__(
        self,
        connection: Connection[DictRow],
        schema: str,
        statements: Mapping[str, RowStatements],
        *,
        recorder: PostgresLedgerRecorder,
        views: Sequence[InlineView],
        types: RowTypes,
    ) -> None:
        super().__init__(connection, schema, statements)
        self._types = types
        self._recorder = recorder
        self._views = views
        self._unprojected: list[NewRecord] = []
        self.failure: StoreError | None = None

    def _failed(self, error: Exception) -> StoreError:
        self.failure = translate_postgres(error)
        return self.failure

    def append(
        self, log: str, first_seq: int, records: Sequence[tuple[str, bytes]], /
    ) -> tuple[NewRecord, ...]:
        """Store frames of one log from ``first_seq`` on."""
        check_range(log, first_seq, records)
        held = dict(self.frames(log, first_seq - 1, first_seq + len(records) - 1))
        new, seq = pick_new(log, first_seq, records, held=held)
        if not new:
            return ()
        events = [
            StoredEvent(originator_id=log, originator_version=seq + index, topic=topic, state=frame)
            for index, (topic, frame) in enumerate(new)
        ]
        try:
            with self._connection.cursor() as cursor:
                positions = self._recorder.insert_in(cursor, events)
        except (psycopg.Error, UnicodeError) as error:
            raise self._failed(error) from error
        appended = new_records(log, seq, new, positions)
        self._unprojected.extend(appended)
        return appended

    def project(self) -> None:
        """Let the inline views take the records appended so far."""
        while self._unprojected:
            records, self._unprojected = tuple(self._unprojected), []
            for view in self._views:
                view.apply(self, records)

    def insert(self, table: Table, rows: Sequence[Row], /) -> None:
        """Insert rows."""
        self._write(table, self._of(table).insert, rows)

    def insert_missing(self, table: Table, rows: Sequence[Row], /) -> None:
        """Insert the rows whose key is not taken."""
        self._write(table, self._of(table).insert_missing, rows)

    def upsert(self, table: Table, rows: Sequence[Row], /, *, held: Row | None = None) -> None:
        """Insert rows or replace those with the same key."""
        statements = self._of(table)
        self._refuse_append_only(table)
        self._write(table, statements.upsert, rows)

    def delete(self, table: Table, where: Where, /) -> int:
        """Delete the rows that meet all conditions and return how many there were."""
        self._of(table)
        self._refuse_append_only(table)
        shape, values = conditions(table, where)
        target = relation(self._schema, table.name)
        self._run(f"DELETE FROM {target}{where_clause(shape, '%s')}", values)
        return self._cursor.rowcount

    def track(self, name: str, position: int, /) -> None:
        """Write down how far a tracked projection has come, in the library's own table."""
        known = self.tracked(name)
        try:
            with self._connection.cursor() as cursor:
                self._recorder._insert_tracking(cursor, tracking=Tracking(name, position))
        except IntegrityError as error:
            self.failure = StoreError("store.tracking", projection=name, position=position, known=known)
            raise self.failure from error
        except psycopg.Error as error:
            raise self._failed(error) from error

    def untrack(self, name: str, /) -> None:
        """Forget how far a tracked projection had come."""
        self._run(f"DELETE FROM {self._tracking} WHERE application_name = %s", (name,))

    def _refuse_append_only(self, table: Table) -> None:
        if table.append_only:
            self.failure = StoreError("store.append_only", table=table.name)
            raise self.failure

    def _write(self, table: Table, statement: str, rows: Sequence[Row]) -> None:
        try:
            self._types.check(table, rows)
        except StoreError as error:
            self.failure = error
            raise
        try:
            self._cursor.executemany(statement, rows)
        except (psycopg.Error, UnicodeError, OverflowError) as error:
            raise self._failed(error) from error


def _int(value: Cell) -> int:
    if isinstance(value, int):
        return value
    raise StoreError("store.damaged", file="PostgreSQL", detail="not a number")


def _bytes(value: Cell) -> bytes:
    if isinstance(value, bytes):
        return value
    raise StoreError("store.damaged", file="PostgreSQL", detail="not bytes")
