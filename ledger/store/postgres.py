"""The store in a PostgreSQL schema, for a county: the same contract, the library's own recorder and pool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from eventsourcing.persistence import PersistenceError
from eventsourcing.postgres import PostgresDatastore
from psycopg import Connection
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier
from psycopg_pool import PoolTimeout, TooManyRequests

from ledger.errors import StoreError
from ledger.sqlitefile import EVENTS_TABLE, SCHEMA_VERSION
from ledger.store.contract import InlineView, ReadTx, Subscription, WriteTx
from ledger.store.guard import RowTypes, WriterGuard
from ledger.store.postgres_recorder import PostgresLedgerRecorder, open_datastore
from ledger.store.postgres_schema import META_TABLE, base_statements, grants, relation, table_statements
from ledger.store.postgres_tx import PostgresReadTx, PostgresWriteTx, translate_postgres
from ledger.store.schema import CASE_KEYS, CORE_TABLES
from ledger.store.sql import row_statements
from ledger.store.subscription import RecordSubscription
from ledger.store.tables import ColumnType, Table, merge_tables

_FAILURES = (PersistenceError, psycopg.Error, PoolTimeout, TooManyRequests)
_DATA_TYPES: dict[ColumnType, str] = {"int": "bigint", "text": "text", "bytes": "bytea"}


class PostgresStore:
    """A `ledger.store.contract.Store` in one schema of a database."""

    def __init__(
        self,
        datastore: PostgresDatastore,
        recorder: PostgresLedgerRecorder,
        *,
        tables: Sequence[Table],
        views: Sequence[InlineView],
    ) -> None:
        self.datastore = datastore
        self.recorder = recorder
        self.views = tuple(views)
        self.schema = datastore.schema
        self.statements = {
            table.name: row_statements(table, mark="%s", relation=relation(self.schema, table.name))
            for table in tables
        }
        self._types = RowTypes(tables)
        self._guard = WriterGuard()
        self._closed = False

    @contextmanager
    def read(self) -> Iterator[ReadTx]:
        """Open a consistent view."""
        self._check_open()
        with _translated(), self.datastore.get_connection() as connection, connection.transaction():
            # the view is that of the first query
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SELECT 1")
            yield PostgresReadTx(connection, self.schema, self.statements)

    @contextmanager
    def write(self) -> Iterator[WriteTx]:
        """Open the one write transaction; writers of other processes wait as well."""
        self._check_open()
        self._guard.enter()
        try:
            with _translated(), self.datastore.get_connection() as connection, connection.transaction():
                with connection.cursor() as cursor:
                    self.recorder.lock(cursor)
                tx = PostgresWriteTx(
                    connection,
                    self.schema,
                    self.statements,
                    recorder=self.recorder,
                    views=self.views,
                    types=self._types,
                )
                yield tx
                tx.project()
                if tx.failure is not None:
                    raise tx.failure
        finally:
            self._guard.leave()

    def subscribe(self, *, after: int = 0) -> Subscription:
        """Return the records after a store position, then new ones."""
        self._check_open()
        return RecordSubscription(lambda: self.recorder.subscribe(gt=after))

    def backup(self, target: Path, *, without_tables: Sequence[str] = ("case_keys",)) -> None:
        """Refuse: ``pg_dump --exclude-table-data`` does this, see ``docs/storage.md``.

        Raises:
            StoreError: ``store.no_backup``.
        """
        raise StoreError(
            "store.no_backup", backend="PostgreSQL", file=target.name, without=tuple(without_tables)
        )

    def scrub(self) -> None:
        """Rewrite the table of case keys, so that deleted keys are no longer in its file.

        The server's own write-ahead log keeps them until it is recycled, see ``docs/storage.md``.

        Raises:
            StoreError: ``store.not_permitted``, only the owner of the table may do that.
        """
        self._check_open()
        target = relation(self.schema, CASE_KEYS.name)
        with _translated(), self.datastore.get_connection() as connection:
            row = connection.execute(
                "SELECT pg_has_role(relowner, 'USAGE') AS own FROM pg_class WHERE oid = %s::regclass",
                (target,),
            ).fetchone()
            # without the right the server only warns and skips the table
            if row is None or not row["own"]:
                raise StoreError("store.not_permitted", table=CASE_KEYS.name)
            connection.execute(SQL("VACUUM (FULL) {}").format(Identifier(self.schema, CASE_KEYS.name)))

    def close(self) -> None:
        """Close all connections."""
        self._closed = True
        self.datastore.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("store.closed", file="PostgreSQL")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:
        raise translate_postgres(error) from error


def open_postgres(
    dsn: str,
    *,
    tables: Sequence[Table] = (),
    views: Sequence[InlineView] = (),
    create: bool = False,
    schema: str = "public",
    app_role: str | None = None,
) -> PostgresStore:
    """Open a ledger in a PostgreSQL schema.

    Args:
        dsn: connection string with database, host and user.
        tables: tables beside the core tables and those of the views; missing ones are created if this user
        may. views: inline views, applied in this order. create: make a new ledger; otherwise a missing one is
        an error. schema: schema of the database, which exists. app_role: role that the application connects
        as; the owner of the tables grants it what it needs.

    Raises:
        ConfigError: ``store.dsn``.
        StoreError: ``store.missing``, ``store.exists``, ``store.schema_newer``, ``store.schema_differs``,
            ``store.not_permitted``, ``store.unreachable``.
    """
    wanted = merge_tables(CORE_TABLES, tables, *(view.tables for view in views))
    datastore = open_datastore(dsn, schema=schema)
    try:
        with _translated():
            version = _version(datastore)
            _check_version(version, create=create, schema=schema)
            recorder = PostgresLedgerRecorder(datastore)
            if create:
                recorder.create_table()
            with datastore.transaction(commit=True) as cursor:
                connection = cursor.connection
                if create:
                    _execute(connection, base_statements(schema=schema))
                missing = _missing(connection, wanted, schema=schema)
                for table in missing:
                    _execute(connection, table_statements(table, schema=schema))
                if app_role is not None:
                    for grant in grants(wanted, schema=schema, role=app_role):
                        connection.execute(grant)
    except BaseException:
        datastore.close()
        raise
    return PostgresStore(datastore, recorder, tables=wanted, views=views)


def _version(datastore: PostgresDatastore) -> int | None:
    with datastore.transaction() as cursor:
        cursor.execute("SELECT to_regclass(%s) AS found", (relation(datastore.schema, META_TABLE),))
        row = cursor.fetchone()
        if row is None or row["found"] is None:
            return None
        cursor.execute(
            SQL("SELECT value FROM {} WHERE name = 'schema_version'").format(
                Identifier(datastore.schema, META_TABLE)
            )
        )
        version = cursor.fetchone()
        return None if version is None else int(version["value"])


def _check_version(version: int | None, *, create: bool, schema: str) -> None:
    if create and version is not None:
        raise StoreError("store.exists", file=schema)
    if not create and version is None:
        raise StoreError("store.missing", file=schema)
    if version is not None and version > SCHEMA_VERSION:
        raise StoreError("store.schema_newer", file=schema, found=version, known=SCHEMA_VERSION)


def _missing(connection: Connection[DictRow], tables: Sequence[Table], *, schema: str) -> list[Table]:
    """Return the tables that do not exist; the others must have the columns and triggers that they should."""
    columns: dict[str, list[tuple[str, str]]] = {}
    for row in connection.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = %s ORDER BY table_name, ordinal_position",
        (schema,),
    ):
        columns.setdefault(row["table_name"], []).append((row["column_name"], row["data_type"]))
    triggers = {
        row["tgname"]
        for row in connection.execute(
            "SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND t.tgenabled = 'O'",
            (schema,),
        )
    }
    append_only = [EVENTS_TABLE, *(table.name for table in tables if table.append_only)]
    for name in append_only:
        if name in columns and not {f"{name}__append_only", f"{name}__no_truncate"} <= triggers:
            raise StoreError("store.schema_differs", file=schema, name=name)
    for table in tables:
        wanted = [(name, _DATA_TYPES[kind]) for name, kind in table.columns]
        if table.name in columns and columns[table.name] != wanted:
            raise StoreError("store.schema_differs", file=schema, name=table.name)
    return [table for table in tables if table.name not in columns]


def _execute(connection: Connection[DictRow], statements: Sequence[str]) -> None:
    for statement in statements:
        connection.execute(statement)
