"""The library's PostgreSQL recorder, set up so that its promises hold for the ledger.

The library's database functions stay off: with them it writes no tracking and takes no lock, and a reader
that follows the notifications misses some. Writers wait for each other on an advisory lock instead of the
library's table lock, because the right to lock the table is the right to delete from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresDatastore, PostgresProcessRecorder
from psycopg import Cursor
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow
from psycopg.sql import SQL, Composed, Literal

from ledger.errors import ConfigError
from ledger.store.postgres_schema import TRACKING_TABLE

POOL_SIZE: Final = 2
POOL_OVERFLOW: Final = 14
CONNECT_TIMEOUT_S: Final = 30.0
LOCK_TIMEOUT_S: Final = 30
IDLE_IN_TRANSACTION_TIMEOUT_S: Final = 60.0
"""Signatures are verified before a transaction is opened; one that idles longer has lost its program."""

_LOCK_CLASS = 0x424A4C31


def open_datastore(dsn: str, *, schema: str) -> PostgresDatastore:
    """Return the library's datastore for a connection string; nothing is read from the environment.

    Raises:
        ConfigError: ``store.dsn``, the string names no database, host or user.
    """
    parts = conninfo_to_dict(dsn)
    missing = [name for name in ("dbname", "host", "user") if not parts.get(name)]
    if missing:
        raise ConfigError("store.dsn", missing=tuple(missing))
    return PostgresDatastore(
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
    )


class PostgresLedgerRecorder(PostgresProcessRecorder):
    """The library's process recorder with an advisory writer's lock and without its insert function."""

    def __init__(self, datastore: PostgresDatastore) -> None:
        super().__init__(datastore, tracking_table_name=TRACKING_TABLE)
        del self.sql_create_statements[self.create_insert_function_statement_index]
        key = f"banjian:{datastore.schema}.{self.events_table_name}"
        self.lock_table_statements = [
            SQL("SET LOCAL lock_timeout = '{0}s'").format(datastore.lock_timeout),
            SQL("SELECT pg_advisory_xact_lock({0}, hashtext({1}))").format(
                Literal(_LOCK_CLASS), Literal(key)
            ),
        ]

    @property
    def create_statements(self) -> list[Composed]:
        """Return the statements for the library's own tables and types."""
        return self.sql_create_statements

    def lock(self, cursor: Cursor[DictRow]) -> None:
        """Wait for the other writers; held until the transaction ends."""
        self._lock_table(cursor)

    def insert_in(self, cursor: Cursor[DictRow], events: Sequence[StoredEvent]) -> Sequence[int]:
        """Insert events in the caller's transaction and return their positions."""
        self._insert_stored_events(cursor, events)
        return self._fetch_ids_after_insert_events(cursor, events) or ()
