"""A SQLite ledger file as an auditor reads it: frames, bodies, checkpoints and any table, never a write.

Every query stands alone: where pages are damaged, the error names what could not be read, and the next query
goes on with the rest. Nothing that is read is trusted; checking is the caller's work.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from ledger.errors import StoreError
from ledger.sqlitefile import (
    EVENTS_TABLE,
    check_identity,
    file_uri,
    has_rollback_journal,
    is_foreign,
    translate,
    unwritable_copy,
)

Value: TypeAlias = "int | float | str | bytes | None"
"""A value as the database holds it; a damaged or forged file may hold any type anywhere."""

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
_BUSY_TIMEOUT_S = 5.0
_VALUE_BYTES_MAX = 256 << 20
"""No value of a ledger comes near it; a forged file could ask for all memory."""
_CACHE_KIB = 32 * 1024
"""Pages kept in memory: what belongs to a case lies all over a log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The bodies of the act at one place; what is erased, withheld or was never there is empty.

    Attributes:
        seq: position in the log.
        facts: the fact body.
        nonce: of the personal body.
        personal: the ciphertext of the personal body.
    """

    seq: int
    facts: bytes
    nonce: bytes
    personal: bytes


class LedgerFile:
    """An open ledger file; close it or use it as a context manager.

    Attributes:
        path: the file.
        opened: what is read: the file, or the copy that had to be made of it.
        has_journal: whether a rollback journal lies beside it, which the next writer would play back.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, opened: Path, schema_version: int, stack: ExitStack
    ) -> None:
        self.path = path
        self.opened = opened
        self.has_journal = has_rollback_journal(path)
        self.schema_version = schema_version
        self._connection = connection
        self._stack = stack

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._stack.close()

    def tables(self) -> tuple[str, ...]:
        """Return the names of the tables in the file.

        Raises:
            StoreError: ``store.damaged`` and the like.
        """
        statement = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        return tuple(str(row[0]) for row in self.query(statement, ()))

    def foreign(self) -> tuple[str, ...]:
        """Return the names of what is in the file, can change what is written, and no program of ours makes.

        Raises:
            StoreError: ``store.damaged`` and the like.
        """
        statement = "SELECT type, name, sql FROM sqlite_master ORDER BY name"
        names = (
            str(name)
            for kind, name, text in self.query(statement, ())
            if is_foreign(str(kind), str(name), str(text or ""))
        )
        return (*names, *(("user_version",) if self.schema_version < 1 else ()))

    def logs(self) -> tuple[str, ...]:
        """Return the names of all logs that have frames, in order.

        Raises:
            StoreError: ``store.damaged`` and the like.
        """
        statement = f"SELECT DISTINCT originator_id FROM {EVENTS_TABLE} ORDER BY originator_id"
        return tuple(str(row[0]) for row in self.query(statement, ()))

    def size(self, log: str) -> int:
        """Return the highest position of a log, 0 when it has none.

        Raises:
            StoreError: ``store.damaged`` and the like.
        """
        statement = f"SELECT max(originator_version) FROM {EVENTS_TABLE} WHERE originator_id = ?"
        for (highest,) in self.query(statement, (log,)):
            return highest if isinstance(highest, int) else 0
        return 0

    def frames(
        self, log: str, *, first_seq: int = 1, last_seq: int = 2**62
    ) -> Iterator[tuple[int, str, bytes]]:
        """Return position, topic and frame of a log, ascending, without holding them all in memory.

        A frame of a wrong type comes as empty bytes: that is the caller's finding.

        Raises:
            StoreError: ``store.damaged`` and the like, while iterating; go on behind the last position.
        """
        statement = (
            f"SELECT originator_version, topic, state FROM {EVENTS_TABLE} "
            "WHERE originator_id = ? AND originator_version BETWEEN ? AND ? ORDER BY originator_version"
        )
        for seq, topic, state in self.query(statement, (log, first_seq, last_seq)):
            yield seq if isinstance(seq, int) else 0, str(topic), _bytes(state)

    def bodies(self, log: str, *, first_seq: int = 1, last_seq: int = 2**62) -> Iterator[Body]:
        """Return the bodies that lie at places of a log, ascending.

        Raises:
            StoreError: ``store.damaged`` and the like, while iterating.
        """
        statement = (
            "SELECT seq, facts, nonce, personal FROM bodies "
            "WHERE log = ? AND seq BETWEEN ? AND ? ORDER BY seq"
        )
        for seq, facts, nonce, personal in self.query(statement, (log, first_seq, last_seq)):
            yield Body(
                seq=seq if isinstance(seq, int) else 0,
                facts=_bytes(facts),
                nonce=_bytes(nonce),
                personal=_bytes(personal),
            )

    def checkpoints(self, log: str) -> Iterator[tuple[int, bytes]]:
        """Return size and signed note of a log's checkpoints, ascending.

        Raises:
            StoreError: ``store.damaged`` and the like, while iterating.
        """
        statement = "SELECT size, note FROM checkpoints WHERE log = ? ORDER BY size"
        for size, note in self.query(statement, (log,)):
            yield size if isinstance(size, int) else 0, _bytes(note)

    def receipts(self, log: str) -> Iterator[tuple[int, str, bytes]]:
        """Return size, key name and cosignature line of the receipts on a log's checkpoints.

        Raises:
            StoreError: ``store.damaged`` and the like, while iterating.
        """
        statement = "SELECT size, name, line FROM receipts WHERE log = ? ORDER BY size, name"
        for size, name, line in self.query(statement, (log,)):
            yield size if isinstance(size, int) else 0, str(name), _bytes(line)

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[tuple[Value, ...]]:
        """Return columns of any table, in the order of its key.

        Raises:
            StoreError: ``store.damaged`` and the like, while iterating; ``store.unknown_table``.
        """
        if not all(_IDENTIFIER.fullmatch(name) for name in (table, *columns)) or table not in self.tables():
            raise StoreError("store.unknown_table", table=table)
        names = ", ".join(f'"{name}"' for name in columns)
        yield from self.query(f'SELECT {names} FROM "{table}"', ())

    def damage(self, *, lines_max: int = 100) -> tuple[str, ...]:
        """Return what the database's own check of all pages and indexes complains about; empty when sound.

        Source: SQLite, PRAGMA integrity_check.
        """
        try:
            found = [str(row[0]) for row in self.query(f"PRAGMA integrity_check({lines_max})", ())]
        except StoreError as error:
            return (str(error),)
        return () if found == ["ok"] else tuple(found)

    def query(self, statement: str, values: Sequence[Value] = ()) -> Iterator[tuple[Value, ...]]:
        """Yield the rows of any statement, without holding them all in memory.

        Raises:
            StoreError: ``store.damaged`` and the like, while iterating.
        """
        try:
            yield from self._connection.execute(statement, values)
        except (sqlite3.Error, UnicodeError) as error:
            raise translate(error, self.path) from error

    def query_all(self, statement: str, values: Sequence[Value] = ()) -> list[tuple[Value, ...]]:
        """Return the rows of a statement that has few of them; as ``query``, and faster.

        Raises:
            StoreError: ``store.damaged`` and the like.
        """
        try:
            return self._connection.execute(statement, values).fetchall()
        except (sqlite3.Error, UnicodeError) as error:
            raise translate(error, self.path) from error


def open_ledger_file(path: Path) -> LedgerFile:
    """Open a ledger file strictly read-only, beside a running writer or from media that cannot be written.

    A write-ahead log needs a shared-memory file beside it. Where none can be made and the log holds
    something, both files are copied to a temporary folder first: reading the database alone would leave out
    its newest frames.

    Raises:
        StoreError: ``store.missing``, ``store.not_a_ledger``, ``store.not_a_database``,
        ``store.schema_newer``,
            ``store.damaged``, ``store.cannot_open``.
    """
    if not path.is_file():
        if path.exists():
            raise StoreError("store.cannot_open", file=path.name)
        raise StoreError("store.missing", file=path.name)
    stack = ExitStack()
    try:
        connection, opened = _connect(path, stack)
        version = check_identity(connection, path)
        _require_plain_tables(connection, path)
    except sqlite3.Error as error:
        stack.close()
        raise translate(error, path) from error
    except StoreError:
        stack.close()
        raise
    return LedgerFile(connection, path, opened, version, stack)


def _connect(path: Path, stack: ExitStack) -> tuple[sqlite3.Connection, Path]:
    try:
        return _try(file_uri(path, mode="ro"), stack), path
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
            raise
    opened = unwritable_copy(path, stack)
    still = opened == path
    return _try(file_uri(opened, mode="ro" if still else "rw", immutable=still), stack), opened


def _try(uri: str, stack: ExitStack) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, check_same_thread=False, timeout=_BUSY_TIMEOUT_S
    )
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _VALUE_BYTES_MAX)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    stack.callback(connection.close)
    return connection


def _require_plain_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file in which something else stands for a table: it could say anything, for ever.

    Raises:
        StoreError: ``store.damaged`` for views, virtual tables and columns that are computed.
    """
    for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_master"):
        if kind == "view" or str(sql).lstrip().upper().startswith("CREATE VIRTUAL"):
            raise StoreError("store.damaged", file=path.name, detail=f"{kind} {name}")
        if kind == "table":
            columns = connection.execute("SELECT name, hidden FROM pragma_table_xinfo(?)", (name,))
            computed = [str(column) for column, hidden in columns if hidden]
            if computed:
                raise StoreError("store.damaged", file=path.name, detail=f"{name}.{computed[0]}")


def _bytes(value: Value) -> bytes:
    return value if isinstance(value, bytes) else b""
