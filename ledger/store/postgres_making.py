"""Tables of a ledger in a PostgreSQL schema: made whole or not at all, compared at each opening, granted."""

from __future__ import annotations

from collections.abc import Sequence

from eventsourcing.postgres import PostgresDatastore
from psycopg import Connection, Cursor
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier

from ledger.errors import StoreError
from ledger.sqlitefile import EVENTS_TABLE, SCHEMA_VERSION
from ledger.store.postgres_recorder import PostgresLedgerRecorder
from ledger.store.postgres_schema import (
    MAINTAIN_FROM,
    META_TABLE,
    base_statements,
    grants,
    relation,
    table_statements,
)
from ledger.store.tables import ColumnType, Table

_DATA_TYPES: dict[ColumnType, str] = {"int": "bigint", "text": "text", "bytes": "bytea"}


def read_version(datastore: PostgresDatastore) -> int | None:
    """Return the schema version of the ledger that lies there, None for no ledger."""
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


def check_version(version: int | None, *, create: bool, schema: str) -> None:
    """Refuse a ledger where none is wanted, none where one is wanted, and one of a newer program.

    Raises:
        StoreError: ``store.exists``, ``store.missing``, ``store.schema_newer``.
    """
    if create and version is not None:
        raise StoreError("store.exists", file=schema)
    if not create and version is None:
        raise StoreError("store.missing", file=schema)
    if version is not None and version > SCHEMA_VERSION:
        raise StoreError("store.schema_newer", file=schema, found=version, known=SCHEMA_VERSION)


def create_ledger(cursor: Cursor[DictRow], recorder: PostgresLedgerRecorder, tables: Sequence[Table]) -> None:
    """Make an empty schema a ledger, in the transaction of the caller."""
    schema = recorder.datastore.schema
    recorder.create_in(cursor)
    for statement in base_statements(schema=schema):
        cursor.execute(statement)
    make_tables(cursor, tables, schema=schema)


def make_tables(cursor: Cursor[DictRow], tables: Sequence[Table], *, schema: str) -> None:
    """Create tables with their indexes and triggers."""
    for table in tables:
        for statement in table_statements(table, schema=schema):
            cursor.execute(statement)


def grant_tables(cursor: Cursor[DictRow], tables: Sequence[Table], *, schema: str, role: str) -> None:
    """Let the application's role do what it needs, and no more."""
    may_rewrite = cursor.connection.info.server_version >= MAINTAIN_FROM
    for grant in grants(tables, schema=schema, role=role, may_rewrite=may_rewrite):
        cursor.execute(grant)


def missing_tables(connection: Connection[DictRow], tables: Sequence[Table], *, schema: str) -> list[Table]:
    """Return the tables that do not exist; the others must have the columns and triggers that they should.

    Raises:
        StoreError: ``store.schema_differs``; ``store.schema_foreign``, a trigger that is none of ours could
            swallow what is confirmed.
    """
    columns: dict[str, list[tuple[str, str]]] = {}
    for row in connection.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = %s ORDER BY table_name, ordinal_position",
        (schema,),
    ):
        columns.setdefault(row["table_name"], []).append((row["column_name"], row["data_type"]))
    enabled = {
        row["tgname"]: row["tgenabled"]
        for row in connection.execute(
            "SELECT t.tgname, t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = %s AND t.tgenabled <> 'D' AND NOT t.tgisinternal ORDER BY t.tgname",
            (schema,),
        )
    }
    for name in enabled:
        if not name.endswith(("__append_only", "__no_truncate")):
            raise StoreError("store.schema_foreign", file=schema, name=name)
    triggers = {name for name, when in enabled.items() if when == "O"}
    append_only = [EVENTS_TABLE, *(table.name for table in tables if table.append_only)]
    for name in append_only:
        if name in columns and not {f"{name}__append_only", f"{name}__no_truncate"} <= triggers:
            raise StoreError("store.schema_differs", file=schema, name=name)
    for table in tables:
        wanted = [(name, _DATA_TYPES[kind]) for name, kind in table.columns]
        if table.name in columns and columns[table.name] != wanted:
            raise StoreError("store.schema_differs", file=schema, name=table.name)
    return [table for table in tables if table.name not in columns]
