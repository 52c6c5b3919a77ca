"""Tables, triggers and grants of the PostgreSQL backend.

Append-only is kept twice: triggers stop everybody, the grants of the application's role do not even let it
try.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from psycopg.sql import SQL, Composed, Identifier

from ledger.sqlitefile import EVENTS_TABLE, SCHEMA_VERSION
from ledger.store.schema import CASE_KEYS
from ledger.store.sql import quoted
from ledger.store.tables import ColumnType, Table

TRACKING_TABLE: Final = "notification_tracking"
MAINTAIN_FROM: Final = 170_000
"""Server version from which on ``MAINTAIN`` can be granted. Source: PostgreSQL, Privileges."""
LIBRARY_MARK: Final = "__migration__"
"""Row of the tracking table in which the library notes the form of that table; no projection."""
META_TABLE: Final = "banjian_meta"
APPEND_ONLY_STATE: Final = "BJ001"
"""SQLSTATE of our triggers; class BJ is free for applications. Source: PostgreSQL, Appendix A."""

_TYPES: dict[ColumnType, str] = {"int": "bigint", "text": 'text COLLATE "C"', "bytes": "bytea"}


def relation(schema: str, name: str) -> str:
    """Return the quoted name of a table with its schema."""
    return Identifier(schema, name).as_string()


def table_statements(table: Table, *, schema: str) -> list[str]:
    """Return the statements that create one table with its indexes and triggers."""
    columns = ", ".join(_column(table, name, kind) for name, kind in table.columns)
    target = relation(schema, table.name)
    made = [f"CREATE TABLE {target} ({columns}, PRIMARY KEY ({quoted(table.key)}))"]
    for group in table.indexes:
        # the selection says NULLS FIRST where a column may be null: the index has to say it as well
        parts = ", ".join(f'"{name}"{"" if name in table.key else " NULLS FIRST"}' for name in group)
        made.append(f'CREATE INDEX "{table.name}__{"__".join(group)}" ON {target} ({parts})')
    if table.append_only:
        made += append_only_statements(table.name, schema=schema)
    return made


def append_only_statements(name: str, *, schema: str) -> list[str]:
    """Return the triggers that refuse changes and deletions of one table."""
    target = relation(schema, name)
    call = f"EXECUTE FUNCTION {relation(schema, 'banjian_append_only')}()"
    return [
        f'CREATE TRIGGER "{name}__append_only" BEFORE UPDATE OR DELETE ON {target} FOR EACH ROW {call}',
        f'CREATE TRIGGER "{name}__no_truncate" BEFORE TRUNCATE ON {target} FOR EACH STATEMENT {call}',
    ]


def base_statements(*, schema: str) -> list[str]:
    """Return the statements for the trigger function and the version of the schema."""
    meta = relation(schema, META_TABLE)
    return [
        f"CREATE FUNCTION {relation(schema, 'banjian_append_only')}() RETURNS trigger LANGUAGE plpgsql "
        f"AS $$ BEGIN RAISE EXCEPTION 'append-only: %', TG_TABLE_NAME "
        f"USING ERRCODE = '{APPEND_ONLY_STATE}'; END $$",
        f"CREATE TABLE {meta} (name text PRIMARY KEY, value bigint NOT NULL)",
        f"INSERT INTO {meta} (name, value) VALUES ('schema_version', {SCHEMA_VERSION})",
        *append_only_statements(EVENTS_TABLE, schema=schema),
    ]


def grants(tables: Sequence[Table], *, schema: str, role: str, may_rewrite: bool) -> list[Composed]:
    """Return what the application's role may do, and no more.

    ``SELECT`` and ``INSERT`` on what is append-only; frames can be neither changed nor deleted nor locked
    away. Where the server knows that right (from 17 on), the table of keys may be rewritten, so that
    nothing is left of deleted ones.
    """
    open_tables = [table.name for table in tables if not table.append_only]
    closed = [EVENTS_TABLE, *(table.name for table in tables if table.append_only)]
    who = Identifier(role)

    def grant(rights: str, names: Sequence[str]) -> list[Composed]:
        return [
            SQL("GRANT " + rights + " ON {} TO {}").format(Identifier(schema, name), who) for name in names
        ]

    return [
        SQL("GRANT USAGE ON SCHEMA {} TO {}").format(Identifier(schema), who),
        SQL("GRANT USAGE ON SEQUENCE {} TO {}").format(
            Identifier(schema, f"{EVENTS_TABLE}_notification_id_seq"), who
        ),
        *grant("SELECT, INSERT", closed),
        *grant("SELECT, INSERT, UPDATE, DELETE", [*open_tables, TRACKING_TABLE]),
        *grant("SELECT", [META_TABLE]),
        *(grant("MAINTAIN", [CASE_KEYS.name]) if may_rewrite else ()),
    ]


def _column(table: Table, name: str, kind: ColumnType) -> str:
    required = " NOT NULL" if name in table.key else ""
    return f'"{name}" {_TYPES[kind]}{required}'
