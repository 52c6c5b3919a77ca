"""A consistent copy of a ledger in PostgreSQL as a ledger file, beside the running writer.

All tables come from one transaction, store positions included, so that the copy is the ledger as it was at
one moment: an auditor reads it, and an installation goes on from it. ``pg_dump`` makes no such file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from psycopg import Connection
from psycopg.rows import DictRow, tuple_row
from psycopg.sql import SQL, Identifier

from ledger.sqlitefile import EVENTS_TABLE
from ledger.store.postgres_schema import LIBRARY_MARK, TRACKING_TABLE
from ledger.store.sql import quoted
from ledger.store.sqlite_schema import create
from ledger.store.tables import Row, Table
from ledger.store.whole_file import whole_file
from ledger.types import Watch

ROWS_AT_ONCE = 1_000
EVENT_COLUMNS = ("notification_id", "originator_id", "originator_version", "topic", "state")
"""Columns of the event table in PostgreSQL; in a file the first is the ``rowid``."""


def write_ledger_file(
    connection: Connection[DictRow],
    target: Path,
    *,
    schema: str,
    tables: Sequence[Table],
    without_tables: Sequence[str],
    watch: Watch | None = None,
) -> None:
    """Write every table into a new file, and put it in place only when it is whole and durable.

    Args:
        connection: in a transaction that sees one state.
        target: where the copy goes; an older copy there is replaced.
        schema: schema of the ledger.
        tables: all tables beside the event store's own.
        without_tables: tables that the copy has without their rows.
        watch: told how many tables are written.

    Raises:
        StoreError: ``store.append_only``, frames cannot be left out; ``store.disk_full`` and the like.
    """
    with whole_file(target, without_tables=without_tables) as temporary:
        copy = sqlite3.connect(temporary, isolation_level=None)
        try:
            filled = [one for one in tables if one.name not in without_tables]
            _fill(copy, connection, schema, filled, tables, watch)
        finally:
            copy.close()


def _fill(
    copy: sqlite3.Connection,
    connection: Connection[DictRow],
    schema: str,
    filled: Sequence[Table],
    tables: Sequence[Table],
    watch: Watch | None,
) -> None:
    # Nobody sees the file before it is whole: it is forced to the disk once, at the end.
    copy.execute("PRAGMA journal_mode = OFF")
    copy.execute("PRAGMA synchronous = OFF")
    create(copy, tables)
    copy.execute("BEGIN")
    columns = ("rowid", *EVENT_COLUMNS[1:])
    rows = _rows(connection, schema, EVENTS_TABLE, EVENT_COLUMNS, order=("notification_id",))
    _insert(copy, EVENTS_TABLE, columns, rows)
    for count, table in enumerate(filled):
        if watch is not None:
            watch(count, len(filled))
        rows = _rows(connection, schema, table.name, table.column_names, order=table.key)
        _insert(copy, table.name, table.column_names, rows)
    tracked = connection.execute(
        SQL(
            "SELECT application_name, max(notification_id) AS position FROM {} "
            "WHERE application_name <> %s GROUP BY 1"
        ).format(Identifier(schema, TRACKING_TABLE)),
        (LIBRARY_MARK,),
    )
    for row in tracked.fetchall():
        copy.execute("INSERT INTO tracking VALUES (?, ?)", (row["application_name"], row["position"]))
    copy.execute("COMMIT")
    copy.execute("PRAGMA journal_mode = DELETE")


def _rows(
    connection: Connection[DictRow], schema: str, name: str, columns: Sequence[str], *, order: Sequence[str]
) -> Iterator[Row]:
    """Yield the rows of a table, some thousand at a time: a county's frames fit into no memory."""
    statement = SQL("SELECT {} FROM {} ORDER BY {}").format(
        SQL(", ").join(map(Identifier, columns)),
        Identifier(schema, name),
        SQL(", ").join(map(Identifier, order)),
    )
    with connection.cursor(name="banjian_copy", row_factory=tuple_row) as cursor:
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(statement)
        yield from cursor


def _insert(copy: sqlite3.Connection, name: str, columns: Sequence[str], rows: Iterator[Row]) -> None:
    marks = ", ".join("?" for _ in columns)
    statement = f'INSERT INTO "{name}" ({quoted(columns)}) VALUES ({marks})'
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        copy.executemany(statement, batch)
