"""What another program did to a ledger file while it is open here: asked with every view and every write.

Nobody else may write while this process holds the lock; a shell of the database does not know of it. What
it commits moves SQLite's own counters, which are read in the transaction that would build upon it.

Source: SQLite, PRAGMA schema_version; PRAGMA data_version.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from ledger.errors import StoreError
from ledger.store.sqlite_schema import complete
from ledger.store.tables import Table


class FileWatch:
    """Remembers both counters of an open file.

    Args:
        path: the file.
        tables: the tables wanted.

    Attributes:
        changed: whether a write was refused because of another program.
        writes: how many write transactions were let through since the file was opened.
    """

    __slots__ = ("_data", "_path", "_schema", "_tables", "changed", "writes")

    def __init__(self, path: Path, tables: Sequence[Table]) -> None:
        self._path = path
        self._tables = tables
        self._schema = -1
        self._data = -1
        self.changed = False
        self.writes = 0

    def begin(self, connection: sqlite3.Connection, *, writer: bool) -> None:
        """Remember where the counters stand, on a connection that just compared the schema."""
        self._schema = _value(connection, "schema_version")
        if writer:
            self._data = _value(connection, "data_version")

    def check_schema(self, connection: sqlite3.Connection) -> None:
        """Compare the schema again where it has changed; to be called within a transaction.

        Raises:
            StoreError: ``store.schema_differs``, ``store.schema_foreign``.
        """
        found = _value(connection, "schema_version")
        if found != self._schema:
            complete(connection, self._tables, self._path, read_only=True)
            self._schema = found

    def check_writer(self, connection: sqlite3.Connection) -> None:
        """Refuse to write behind what another program wrote; to be called with the write lock in hand.

        What this process remembers of the file (rules, heads, states of cases) may not hold any more. A
        checkpoint by another program moves the same counter and changes no row: nothing tells the two apart.

        Raises:
            StoreError: ``store.changed_outside``; as ``check_schema``.
        """
        self.check_schema(connection)
        # Commits of this connection leave its counter as it is.
        if _value(connection, "data_version") != self._data:
            self.changed = True
            raise StoreError("store.changed_outside", file=self._path.name)
        self.writes += 1


def _value(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])
