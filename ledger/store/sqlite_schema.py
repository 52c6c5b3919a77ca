"""Tables and triggers of the SQLite backend, made from `Table` values and compared with what the file holds.

Append-only is kept by the database itself. ``REPLACE`` deletes without firing delete triggers, so an insert
trigger refuses every key that is taken. Source: SQLite, CREATE TRIGGER; ON CONFLICT.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ledger.errors import StoreError
from ledger.sqlitefile import APPLICATION_ID, EVENTS_TABLE, SCHEMA_VERSION, is_foreign
from ledger.store.sql import RowStatements, quoted, row_statements
from ledger.store.tables import ColumnType, Table

_TYPES: dict[ColumnType, str] = {"int": "INTEGER", "text": "TEXT", "bytes": "BLOB"}

_EVENTS = (
    # rowid is a column of its own, so that VACUUM cannot renumber what the projections have counted
    f"CREATE TABLE {EVENTS_TABLE} (rowid INTEGER PRIMARY KEY, originator_id TEXT NOT NULL, "
    "originator_version INTEGER NOT NULL, topic TEXT NOT NULL, state BLOB NOT NULL, "
    "UNIQUE (originator_id, originator_version)) STRICT"
)
_TRACKING = (
    "CREATE TABLE tracking (application_name TEXT NOT NULL, notification_id INTEGER NOT NULL, "
    "PRIMARY KEY (application_name)) STRICT, WITHOUT ROWID"
)


_INDEX = "CREATE INDEX "


def events_schema() -> dict[str, str]:
    """Return the statements of the event store's own tables, by the name of what they create."""
    taken = (
        f"EXISTS (SELECT 1 FROM {EVENTS_TABLE} WHERE originator_id = NEW.originator_id "
        f"AND originator_version = NEW.originator_version) "
        f"OR EXISTS (SELECT 1 FROM {EVENTS_TABLE} WHERE rowid = NEW.rowid)"
    )
    return {EVENTS_TABLE: _EVENTS, "tracking": _TRACKING, **_append_only(EVENTS_TABLE, taken)}


def table_schema(table: Table) -> dict[str, str]:
    """Return the statements of one table with its indexes and triggers, by the name of what they create."""
    columns = ", ".join(_column(table, name, kind) for name, kind in table.columns)
    key = f"PRIMARY KEY ({quoted(table.key)})"
    made = {table.name: f'CREATE TABLE "{table.name}" ({columns}, {key}) STRICT, WITHOUT ROWID'}
    for group in table.indexes:
        name = f"{table.name}__{'__'.join(group)}"
        made[name] = f'{_INDEX}"{name}" ON "{table.name}" ({quoted(group)})'
    if table.append_only:
        matches = " AND ".join(f'"{name}" = NEW."{name}"' for name in table.key)
        made |= _append_only(table.name, f'EXISTS (SELECT 1 FROM "{table.name}" WHERE {matches})')
    return made


def _column(table: Table, name: str, kind: ColumnType) -> str:
    required = " NOT NULL" if name in table.key else ""
    # PostgreSQL cannot hold U+0000 in text; what one backend refuses, all refuse
    clean = f' CHECK (instr("{name}", char(0)) = 0)' if kind == "text" else ""
    return f'"{name}" {_TYPES[kind]}{required}{clean}'


def _append_only(name: str, taken: str) -> dict[str, str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, 'append-only: {name}'); END"
    return {
        f"{name}__no_update": f'CREATE TRIGGER "{name}__no_update" BEFORE UPDATE ON "{name}" {refuse}',
        f"{name}__no_delete": f'CREATE TRIGGER "{name}__no_delete" BEFORE DELETE ON "{name}" {refuse}',
        f"{name}__no_replace": (
            f'CREATE TRIGGER "{name}__no_replace" BEFORE INSERT ON "{name}" WHEN {taken} '
            f"BEGIN SELECT RAISE(ABORT, 'duplicate: {name}'); END"
        ),
    }


def statements(table: Table) -> RowStatements:
    """Return the whole-row statements of a table.

    The trigger of an append-only table comes before ``ON CONFLICT``, so rows already there are left out
    beforehand.
    """
    made = row_statements(table, mark="?", relation=f'"{table.name}"')
    if not table.append_only:
        return made
    names = table.column_names
    values = ", ".join(f'? AS "{name}"' for name in names)
    matches = " AND ".join(f'held."{name}" = new."{name}"' for name in table.key)
    missing = (
        f'INSERT INTO "{table.name}" ({quoted(names)}) SELECT {quoted(names)} FROM (SELECT {values}) AS new '
        f'WHERE NOT EXISTS (SELECT 1 FROM "{table.name}" AS held WHERE {matches})'
    )
    return replace(made, insert_missing=missing)


def create(connection: sqlite3.Connection, tables: Sequence[Table]) -> None:
    """Make an empty database a ledger, whole or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _wanted(tables).values():
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except sqlite3.Error:
        connection.rollback()
        raise


def complete(connection: sqlite3.Connection, tables: Sequence[Table], path: Path, *, read_only: bool) -> None:
    """Compare the file with the tables wanted and create whole tables that are missing.

    Indexes hold nothing of their own: those that the program wants are made, others on its tables dropped.

    Raises:
        StoreError: ``store.schema_differs``, something has other columns or lost its triggers;
            ``store.schema_foreign``, a trigger, view or unique index is none of ours.
    """
    held = _held(connection, tables, path)
    groups = [events_schema(), *(table_schema(table) for table in tables)]
    missing: list[str] = []
    for group in groups:
        if not held.keys() & group.keys() and group.keys().isdisjoint(events_schema()):
            missing.extend(group.values())
            continue
        for name, text in group.items():
            if name not in held and text.startswith(_INDEX):
                missing.append(text)
            elif held.get(name) != text:
                raise StoreError("store.schema_differs", file=path.name, name=name)
    for table in tables:
        own, kept = f'{_INDEX}"{table.name}__', table_schema(table)
        needless = (name for name, text in held.items() if text.startswith(own) and name not in kept)
        missing += [f'DROP INDEX "{name}"' for name in needless]
    if missing and not read_only:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in missing:
                connection.execute(statement)
            connection.execute("COMMIT")
        except sqlite3.Error:
            connection.rollback()
            raise


def _held(connection: sqlite3.Connection, tables: Sequence[Table], path: Path) -> dict[str, str]:
    """Return what the file holds, by name, when nothing of it is foreign.

    A guard on a table that is known and wants none is foreign too: it would stop what must be possible.
    """
    held: dict[str, str] = {}
    wanted, known = _wanted(tables), {EVENTS_TABLE, "tracking", *(table.name for table in tables)}
    for kind, name, table, text in connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"):
        needless = kind == "trigger" and table in known and name not in wanted
        if needless or is_foreign(str(kind), str(name), str(text or "")):
            code = "store.schema_differs" if name in wanted else "store.schema_foreign"
            raise StoreError(code, file=path.name, name=str(name))
        if text is not None:
            held[str(name)] = str(text)
    return held


def _wanted(tables: Sequence[Table]) -> dict[str, str]:
    wanted = events_schema()
    for table in tables:
        wanted |= table_schema(table)
    return wanted
