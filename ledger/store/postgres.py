"""The store in a PostgreSQL schema, for a county: the same contract, the library's own recorder and pool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from eventsourcing.postgres import PostgresDatastore
from psycopg import Connection
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier

from ledger.errors import StoreError
from ledger.platform import FileLock
from ledger.store.contract import InlineView, ReadTx, Subscription, WriteTx
from ledger.store.guard import RowTypes, WriterGuard
from ledger.store.postgres_export import write_ledger_file
from ledger.store.postgres_look import PostgresLook, look, may_rewrite
from ledger.store.postgres_making import (
    check_version,
    create_ledger,
    grant_tables,
    make_tables,
    missing_tables,
    read_version,
)
from ledger.store.postgres_recorder import PostgresLedgerRecorder, open_datastore
from ledger.store.postgres_schema import relation
from ledger.store.postgres_session import WriterSession
from ledger.store.postgres_tx import POSTGRES_FAILURES, PostgresReadTx, PostgresWriteTx, translate_postgres
from ledger.store.schema import CASE_KEYS, CORE_TABLES
from ledger.store.sql import row_statements
from ledger.store.subscription import RecordSubscription
from ledger.store.tables import Table, merge_tables
from ledger.types import Watch

_NAME = "PostgreSQL"


class PostgresStore:
    """A `ledger.store.contract.Store` in one schema of a database.

    Args:
        datastore: the library's pool.
        recorder: the library's recorder on it.
        tables: all tables.
        views: inline views.
        writable: whether anything may be written.
        session: the connection and lock of a sole writer; without it writers of several processes take
            turns.
        lock: the lock of this machine that belongs to it.
    """

    def __init__(
        self,
        datastore: PostgresDatastore,
        recorder: PostgresLedgerRecorder,
        *,
        tables: Sequence[Table],
        views: Sequence[InlineView],
        writable: bool = True,
        session: WriterSession | None = None,
        lock: FileLock | None = None,
    ) -> None:
        self.datastore = datastore
        self.recorder = recorder
        self.tables = tuple(tables)
        self.views = tuple(views)
        self.schema = datastore.schema
        self.statements = {
            table.name: row_statements(table, mark="%s", relation=relation(self.schema, table.name))
            for table in tables
        }
        self._types = RowTypes(tables)
        self._guard = WriterGuard()
        self._writable = writable
        self._session = session
        self._lock = lock
        self._closed = False
        self._writes = 0

    @contextmanager
    def read(self) -> Iterator[ReadTx]:
        """Open a consistent view."""
        with self.reading() as connection:
            yield PostgresReadTx(connection, self.schema, self.statements)

    @contextmanager
    def reading(self) -> Iterator[Connection[DictRow]]:
        """Open a connection whose transaction sees one state and cannot write."""
        self._check_open()
        with _translated(), self.datastore.get_connection() as connection, connection.transaction():
            # the view is that of the first query
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SELECT 1")
            yield connection

    @contextmanager
    def write(self) -> Iterator[WriteTx]:
        """Open the one write transaction; writers of other processes wait as well."""
        self._check_open()
        if not self._writable:
            raise StoreError("store.read_only", file=_NAME)
        self._guard.enter()
        self._writes += 1
        try:
            with _translated(), self._connection() as connection:
                yield from self._write_on(connection)
        finally:
            self._guard.leave()

    def shrink(self) -> None:
        """Do nothing: the server keeps its own caches."""

    def usable(self) -> bool:
        """Ask the server whether the writer's connection, and so its lock, still stands."""
        return self._session is None or self._session.alive()

    def changed_outside(self) -> bool:
        """Return False: the server lets nobody but the owner of the tables do that, and that is not asked."""
        return False

    def writes(self) -> int:
        """Return how many write transactions began since it was opened."""
        return self._writes

    def _write_on(self, connection: Connection[DictRow]) -> Iterator[WriteTx]:
        committing = False
        try:
            with connection.transaction():
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
                committing = True
        except psycopg.Error as error:
            if committing and connection.closed:
                # The server may have committed before it could say so.
                raise StoreError("store.commit_unknown", detail=type(error).__name__) from error
            raise

    @contextmanager
    def _connection(self) -> Iterator[Connection[DictRow]]:
        if self._session is None:
            with self.datastore.get_connection() as connection:
                yield connection
            return
        if self._session.lost:
            raise StoreError("store.connection_lost")
        yield self._session.connection

    def subscribe(self, *, after: int = 0) -> Subscription:
        """Return the records after a store position, then new ones."""
        self._check_open()
        return RecordSubscription(lambda: self.recorder.subscribe(gt=after))

    def backup(self, target: Path, *, without_tables: Sequence[str], watch: Watch | None = None) -> None:
        """Write a consistent copy beside the running writer, as a ledger file, with some tables empty."""
        with self.reading() as connection:
            write_ledger_file(
                connection,
                target,
                schema=self.schema,
                tables=self.tables,
                without_tables=without_tables,
                watch=watch,
            )

    def scrub(self) -> None:
        """Rewrite the table of case keys, so that deleted keys are no longer in its file.

        The server's own write-ahead log keeps them until it is recycled, see ``docs/storage.md``.

        Raises:
            StoreError: ``store.not_permitted``, only the owner of the table may do that, and from server
                version 17 on those to whom it is granted.
        """
        self._check_open()
        with _translated(), self.datastore.get_connection() as connection:
            # without the right the server only warns and skips the table
            if not may_rewrite(connection, relation(self.schema, CASE_KEYS.name)):
                raise StoreError("store.not_permitted", table=CASE_KEYS.name)
            connection.execute(SQL("VACUUM (FULL) {}").format(Identifier(self.schema, CASE_KEYS.name)))

    def look(self, *, thorough: bool) -> PostgresLook:
        """Return what there is to say about server, settings and rights."""
        with self.reading() as connection:
            return look(connection, schema=self.schema, thorough=thorough)

    def close(self) -> None:
        """Close all connections and give the writer's locks back."""
        self._closed = True
        if self._session is not None:
            self._session.close()
        self.datastore.close()
        if self._lock is not None:
            self._lock.release()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("store.closed", file=_NAME)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except POSTGRES_FAILURES as error:
        raise translate_postgres(error) from error


def open_postgres(
    dsn: str,
    *,
    tables: Sequence[Table] = (),
    views: Sequence[InlineView] = (),
    create: bool = False,
    read_only: bool = False,
    schema: str = "public",
    app_role: str | None = None,
    lock_path: Path | None = None,
) -> PostgresStore:
    """Open a ledger in a PostgreSQL schema.

    Args:
        dsn: connection string with database, host and user.
        tables: tables beside the core tables and those of the views; missing ones are created if this user
            may.
        views: inline views, applied in this order.
        create: make a new ledger; otherwise a missing one is an error.
        read_only: read beside the writer; nothing is created.
        schema: schema of the database, which exists.
        app_role: role that the application connects as; the owner of the tables grants it what it needs.
        lock_path: file whose lock, with one in the database, makes this store the only one that writes.

    Raises:
        ConfigError: ``store.dsn``, ``store.dsn_malformed``.
        StoreError: ``store.missing``, ``store.exists``, ``store.schema_newer``, ``store.schema_differs``,
            ``store.schema_foreign``, ``store.not_permitted``, ``store.unreachable``, ``store.locked``,
            ``store.other_writer``.
    """
    wanted = merge_tables(CORE_TABLES, tables, *(view.tables for view in views))
    lock = None if lock_path is None or read_only else FileLock(lock_path)
    if lock is not None:
        lock.acquire()
    try:
        datastore = open_datastore(dsn, schema=schema)
        try:
            with _translated():
                recorder = PostgresLedgerRecorder(datastore)
                check_version(read_version(datastore), create=create, schema=schema)
                _complete(datastore, recorder, wanted, create=create, read_only=read_only, role=app_role)
                session = None if lock is None else WriterSession(recorder)
        except BaseException:
            datastore.close()
            raise
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    return PostgresStore(
        datastore,
        recorder,
        tables=wanted,
        views=views,
        writable=not read_only,
        session=session,
        lock=lock,
    )


def _complete(
    datastore: PostgresDatastore,
    recorder: PostgresLedgerRecorder,
    tables: Sequence[Table],
    *,
    create: bool,
    read_only: bool,
    role: str | None,
) -> None:
    """Compare what is there with what is wanted, and make what is missing."""
    with datastore.transaction(commit=not read_only) as cursor:
        if create:
            create_ledger(cursor, recorder, tables)
        else:
            missing = missing_tables(cursor.connection, tables, schema=datastore.schema)
            if not read_only:
                make_tables(cursor, missing, schema=datastore.schema)
        if role is not None:
            grant_tables(cursor, tables, schema=datastore.schema, role=role)
    datastore.register_type_adapters()
