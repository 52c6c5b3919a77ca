"""A ledger file taken into an empty PostgreSQL schema, whole or not at all: a county that has grown.

Store positions, positions of projections, keys and search tokens come along: it is the same installation that
goes on elsewhere, so that its logs are continued and nothing is folded anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from psycopg import Cursor
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier

from ledger.errors import StoreError
from ledger.sqlitefile import EVENTS_TABLE, translate
from ledger.store.contract import InlineView
from ledger.store.postgres_export import EVENT_COLUMNS, ROWS_AT_ONCE
from ledger.store.postgres_making import check_version, create_ledger, grant_tables, read_version
from ledger.store.postgres_recorder import PostgresLedgerRecorder, open_datastore
from ledger.store.postgres_schema import TRACKING_TABLE
from ledger.store.postgres_tx import POSTGRES_FAILURES, translate_postgres
from ledger.store.schema import CORE_TABLES
from ledger.store.sql import quoted
from ledger.store.sqlite_recorder import connect_file
from ledger.store.tables import Table, merge_tables

_TYPES: Mapping[str, str] = {"int": "int8", "text": "text", "bytes": "bytea"}
_EVENT_TYPES = ("int8", "text", "int8", "text", "bytea")


def load_ledger_file(
    path: Path,
    dsn: str,
    *,
    schema: str,
    tables: Sequence[Table] = (),
    views: Sequence[InlineView] = (),
    app_role: str | None = None,
) -> int:
    """Take every row of a ledger file into a new ledger in a schema, in one transaction.

    Args:
        path: the file; nobody writes in it meanwhile.
        dsn: connection string of the user who is to own the tables.
        schema: schema of the database, which exists and is empty.
        tables: tables beside the core tables and those of the views.
        views: inline views.
        app_role: role that the application connects as.

    Returns:
        How many frames there are.

    Raises:
        ConfigError: ``store.dsn``, ``store.dsn_malformed``.
        StoreError: ``store.exists``, ``store.not_permitted``, ``store.unreachable``, ``store.copy_differs``;
            nothing was made.
    """
    wanted = merge_tables(CORE_TABLES, tables, *(view.tables for view in views))
    datastore = open_datastore(dsn, schema=schema)
    try:
        check_version(read_version(datastore), create=True, schema=schema)
        source = connect_file(path, "ro")
        try:
            source.execute("BEGIN")
            with datastore.transaction(commit=True) as cursor:
                create_ledger(cursor, PostgresLedgerRecorder(datastore), wanted)
                count = _copy_all(source, cursor, wanted, schema=schema)
                if app_role is not None:
                    grant_tables(cursor, wanted, schema=schema, role=app_role)
            with datastore.get_connection() as connection:
                for name in (EVENTS_TABLE, *(table.name for table in wanted)):
                    connection.execute(SQL("ANALYZE {}").format(Identifier(schema, name)))
            return count
        finally:
            source.close()
    except sqlite3.Error as error:
        raise translate(error, path) from error
    except POSTGRES_FAILURES as error:
        raise translate_postgres(error) from error
    finally:
        datastore.close()


def _copy_all(
    source: sqlite3.Connection, cursor: Cursor[DictRow], tables: Sequence[Table], *, schema: str
) -> int:
    held = {name for (name,) in source.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    reading = f"SELECT rowid, {quoted(EVENT_COLUMNS[1:])} FROM {EVENTS_TABLE} ORDER BY rowid"
    count = _copy(source.execute(reading), cursor, (schema, EVENTS_TABLE), EVENT_COLUMNS, _EVENT_TYPES)
    for table in tables:
        if table.name not in held:
            continue
        rows = source.execute(f'SELECT {quoted(table.column_names)} FROM "{table.name}"')
        types = [_TYPES[kind] for _, kind in table.columns]
        _copy(rows, cursor, (schema, table.name), table.column_names, types)
    for name, position in source.execute("SELECT application_name, notification_id FROM tracking"):
        cursor.execute(
            SQL("INSERT INTO {} (application_name, notification_id) VALUES (%s, %s)").format(
                Identifier(schema, TRACKING_TABLE)
            ),
            (name, position),
        )
    cursor.execute(
        SQL("SELECT setval(%s, greatest(1, (SELECT max(notification_id) FROM {})))").format(
            Identifier(schema, EVENTS_TABLE)
        ),
        (Identifier(schema, f"{EVENTS_TABLE}_notification_id_seq").as_string(),),
    )
    return count


def _copy(
    rows: sqlite3.Cursor,
    cursor: Cursor[DictRow],
    target: tuple[str, str],
    columns: Sequence[str],
    types: Sequence[str],
) -> int:
    """Copy rows and return how many; the server must hold as many as were sent."""
    statement = SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        Identifier(*target), SQL(", ").join(map(Identifier, columns))
    )
    sent = 0
    with cursor.copy(statement) as copy:
        copy.set_types(list(types))
        while batch := rows.fetchmany(ROWS_AT_ONCE):
            for row in batch:
                copy.write_row(row)
            sent += len(batch)
    cursor.execute(SQL("SELECT count(*) AS held FROM {}").format(Identifier(*target)))
    row = cursor.fetchone()
    if row is None or row["held"] != sent:
        raise StoreError("store.copy_differs", table=target[1])
    return sent
