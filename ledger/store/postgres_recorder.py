"""The library's PostgreSQL recorder, set up so that its promises hold for the ledger.

The library's database functions stay off: with them it writes no tracking and takes no lock, and a reader
that follows the notifications misses some. Writers wait for each other on an advisory lock instead of the
library's table lock, because the right to lock the table is the right to delete from it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import psycopg
from eventsourcing.persistence import ApplicationRecorder, StoredEvent, Subscription
from eventsourcing.postgres import PostgresDatastore, PostgresProcessRecorder, PostgresSubscription
from psycopg import Connection, Cursor
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier, Literal

from ledger.errors import ConfigError
from ledger.store.postgres_schema import TRACKING_TABLE

_LISTENS_S: Final = 0.1
"""So soon does a subscription see that it was stopped."""
POOL_SIZE: Final = 1
POOL_OVERFLOW: Final = 15
"""Most processes are one command that reads once; a server reads on one thread and writes on another."""
CONNECT_TIMEOUT_S: Final = 10.0
LOCK_TIMEOUT_S: Final = 30
IDLE_IN_TRANSACTION_TIMEOUT_S: Final = 60.0
"""Signatures are verified before a transaction is opened; one that idles longer has lost its program."""

_LOCK_CLASS = 0x424A4C31
_NAMED: Final = frozenset(("dbname", "host", "port", "user", "password"))
_SEARCH_PATH = re.compile(r"-c\s*search_path=([A-Za-z_][A-Za-z0-9_]*)")
DEFAULT_SCHEMA: Final = "public"


def schema_of(dsn: str) -> str:
    """Return the schema that a connection string asks for: its ``search_path``, one plain name.

    Raises:
        ConfigError: ``store.dsn_malformed``, ``store.dsn_options``.
    """
    options = _parts(dsn).get("options", "").strip()
    if not options:
        return DEFAULT_SCHEMA
    found = _SEARCH_PATH.fullmatch(options)
    if found is None:
        raise ConfigError("store.dsn_options")
    return found[1]


def user_of(dsn: str) -> str:
    """Return the user that a connection string names, "" for none."""
    return _parts(dsn).get("user", "")


def _parts(dsn: str) -> dict[str, str]:
    try:
        return {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    except psycopg.Error as error:
        # The driver's words would repeat the string, and the string holds the password.
        raise ConfigError("store.dsn_malformed") from error


def open_datastore(dsn: str, *, schema: str) -> PostgresDatastore:
    """Return the library's datastore for a connection string.

    Raises:
        ConfigError: ``store.dsn``, the string names no database, host or user; ``store.dsn_malformed``.
    """
    parts = _parts(dsn)
    missing = [name for name in ("dbname", "host", "user") if not parts.get(name)]
    if missing:
        raise ConfigError("store.dsn", missing=tuple(missing))
    datastore = PostgresDatastore(
        dbname=str(parts["dbname"]),
        host=str(parts["host"]),
        port=str(parts.get("port") or "5432"),
        user=str(parts["user"]),
        password=str(parts.get("password") or ""),
        connect_timeout=CONNECT_TIMEOUT_S,
        idle_in_transaction_session_timeout=IDLE_IN_TRANSACTION_TIMEOUT_S,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        lock_timeout=LOCK_TIMEOUT_S,
        schema=schema,
        originator_id_type="text",
        enable_db_functions=False,
        # a connection that the server dropped meanwhile is replaced before anybody reads on it
        pre_ping=True,
    )
    settings = datastore.pool.kwargs
    if isinstance(settings, dict):
        # the library passes on five parameters; whoever asks for sslmode=verify-full must get it
        settings.update({name: value for name, value in parts.items() if name not in {*_NAMED, "options"}})
        settings.setdefault("connect_timeout", str(int(CONNECT_TIMEOUT_S) or 1))
    return datastore


class PostgresLedgerRecorder(PostgresProcessRecorder):
    """The library's process recorder with an advisory writer's lock and without its insert function."""

    def __init__(self, datastore: PostgresDatastore) -> None:
        super().__init__(datastore, tracking_table_name=TRACKING_TABLE)
        del self.sql_create_statements[self.create_insert_function_statement_index]
        key = f"banjian:{datastore.schema}.{self.events_table_name}"
        self._lock_key = key
        self.lock_table_statements = [
            SQL("SET LOCAL lock_timeout = '{0}s'").format(datastore.lock_timeout),
            SQL("SELECT pg_advisory_xact_lock({0}, hashtext({1}))").format(
                Literal(_LOCK_CLASS), Literal(key)
            ),
        ]

    def create_in(self, cursor: Cursor[DictRow]) -> None:
        """Create the library's types and tables in the caller's transaction: it does so in several."""
        for statement in self.sql_create_statements:
            if "CREATE TYPE" in statement.as_string():
                cursor.execute(statement, prepare=False)
        self._create_table(cursor)

    def try_lock_session(self, connection: Connection[DictRow]) -> bool:
        """Take the writer's lock for as long as a connection lives; returns False when another holds it."""
        row = connection.execute(
            "SELECT pg_try_advisory_lock(%s, hashtext(%s)) AS got", (_LOCK_CLASS, self._lock_key)
        ).fetchone()
        return row is not None and bool(row["got"])

    def lock_holder(self, connection: Connection[DictRow]) -> str:
        """Return from where the holder of the writer's lock is connected, as far as this user may know."""
        row = connection.execute(
            "SELECT coalesce(host(a.client_addr), 'localhost') || ' (' || l.pid || ')' AS client "
            "FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid "
            "WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s::bigint::oid "
            "AND l.objid = (hashtext(%s)::bigint & 4294967295)::oid",
            (_LOCK_CLASS, self._lock_key),
        ).fetchone()
        return "?" if row is None else str(row["client"])

    def lock(self, cursor: Cursor[DictRow]) -> None:
        """Wait for the other writers; held until the transaction ends."""
        self._lock_table(cursor)

    def insert_in(self, cursor: Cursor[DictRow], events: Sequence[StoredEvent]) -> Sequence[int]:
        """Insert events in the caller's transaction and return their positions."""
        self._insert_stored_events(cursor, events)
        return self._fetch_ids_after_insert_events(cursor, events) or ()

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        """Return events as they are committed, by this process or by others."""
        return _LedgerSubscription(recorder=self, gt=gt, topics=topics)


class _LedgerSubscription(PostgresSubscription):
    """The library's, which looks once more when it has begun to listen.

    The library reads what is there on one thread and begins to listen on another: what is committed between
    the two would wake nobody until the next commit.
    """

    def _listen(self) -> None:
        try:
            with self._recorder.datastore.get_connection() as connection:
                connection.execute(SQL("LISTEN {}").format(Identifier(self._recorder.channel_name)))
                self._has_been_notified.set()
                while not self._has_been_stopped and not self._thread_error:
                    for _ in connection.notifies(timeout=_LISTENS_S, stop_after=1):
                        self._has_been_notified.set()
        except BaseException as error:  # noqa: BLE001 - as in the library: told to whoever waits
            if self._thread_error is None:
                self._thread_error = error
            self.stop()
