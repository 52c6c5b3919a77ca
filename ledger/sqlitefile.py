"""What makes a SQLite file a ledger, and what the database's errors mean for a person.

Shared by the reader and by the store's SQLite backend.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import struct
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from urllib.parse import quote

from ledger.errors import StoreError

APPLICATION_ID: Final = 0x424A4C31
"""``BJL1``: bytes 68 to 71 of the file. Source: SQLite file format section 1.3.17."""
SCHEMA_VERSION: Final = 1
"""``user_version`` of the file; a program refuses a newer one."""
EVENTS_TABLE: Final = "stored_events"
"""Name of the event store's table."""

_NEARLY_FULL_BYTES = 1 << 20
_JOURNAL_HEADER = struct.Struct(">8sIIIII")
"""Magic, records, nonce, pages of the database before, sector and page size. Source: SQLite file format 3."""
_SQLITE_MAGIC = b"SQLite format 3\0"
_VERSIONS = range(18, 20)
_MODE_BYTES = (_VERSIONS, range(24, 28), range(92, 100))
"""What a change of the journal mode writes on page 1: the modes, the change counter, and who wrote."""
_GUARDS = {
    "no_update": re.compile(
        r"""CREATE TRIGGER "(\w+)__no_update" BEFORE UPDATE ON "\1" """
        r"""BEGIN SELECT RAISE\(ABORT, 'append-only: \1'\); END"""
    ),
    "no_delete": re.compile(
        r"""CREATE TRIGGER "(\w+)__no_delete" BEFORE DELETE ON "\1" """
        r"""BEGIN SELECT RAISE\(ABORT, 'append-only: \1'\); END"""
    ),
    # no statement of a trigger's body goes without a semicolon, so that none can hide in the condition
    "no_replace": re.compile(
        r"""CREATE TRIGGER "(\w+)__no_replace" BEFORE INSERT ON "\1" WHEN [^;]+ """
        r"""BEGIN SELECT RAISE\(ABORT, 'duplicate: \1'\); END"""
    ),
}


def file_uri(path: Path, *, mode: str, immutable: bool = False) -> str:
    """Return the URI of a database file; ``mode`` is ``ro``, ``rw`` (never creates) or ``rwc``.

    By its real place: on Windows SQLite follows no links, and would put the write-ahead log beside one.

    Source: SQLite, Uniform Resource Identifiers, section 3.3; ``winFullPathname`` in os_win.c.
    """
    # byte for byte as the file system has it: not every name is UTF-8
    text = quote(os.fsencode(companion(path, "").as_posix()))
    if not text.startswith("/"):
        text = "/" + text
    # an empty authority, so that the host of a Windows share is none
    return f"file://{text}?mode={mode}{'&immutable=1' if immutable else ''}"


def companion(path: Path, suffix: str) -> Path:
    """Return a file beside a database: SQLite's ``-wal``, ``-journal`` or ``-shm``, its writer's ``.lock``.

    Beside the file itself: what links to it lies elsewhere, and may be called otherwise.

    Source: SQLite, ``unixFullPathname`` in os_unix.c, which follows links.
    """
    # Where links go in a circle, ``Path.resolve`` of some versions of Python raises; this one never does.
    itself = Path(os.path.realpath(path))
    return itself.with_name(itself.name + suffix)


def unwritable_copy(path: Path, stack: ExitStack) -> Path:
    """Return what is read of a ledger file in a folder where nothing can be made: the file itself, or a copy.

    A write-ahead log needs a shared-memory file beside it. Without a log the file itself can be read, as one
    that does not change (``immutable``). Where the log holds something, both are copied to a temporary folder
    that goes with the stack: reading the database alone would leave out its newest frames.

    Raises:
        OSError: there is no room for the copy.
    """
    log = companion(path, "-wal")
    if not log.exists() or log.stat().st_size == 0:
        return path
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="banjian-")))
    copy = folder / path.name
    shutil.copyfile(path, copy)
    shutil.copyfile(log, companion(copy, "-wal"))
    return copy


def has_rollback_journal(path: Path) -> bool:
    """Tell whether a rollback journal lies beside a ledger file that would change it when it is opened.

    A ledger has a write-ahead log; what such a journal holds is written over its pages without a word. The
    one that a power cut leaves behind while a backup's copy gets its write-ahead log is none: it holds page 1
    as it is but for the mode.
    """
    journal = companion(path, "-journal")
    try:
        if not journal.is_file() or not journal.stat().st_size:
            return False
        with journal.open("rb") as opened:
            header = opened.read(_JOURNAL_HEADER.size)
            if header[:1] in (b"", b"\0"):
                # Ended, and overwritten instead of deleted: SQLite takes no notice of it.
                return False
            if len(header) < _JOURNAL_HEADER.size:
                return True
            _, _, _, pages, sector_bytes, page_bytes = _JOURNAL_HEADER.unpack(header)
            opened.seek(sector_bytes)
            record = opened.read(2 * (page_bytes + 8))
        with path.open("rb") as database:
            page = database.read(page_bytes)
        same_size = path.stat().st_size == pages * page_bytes
    except OSError:
        return True
    held = record[4 : 4 + page_bytes]
    whole = len(held) == len(page) == page_bytes >= 512 and len(record) < 2 * (page_bytes + 8)
    return not (whole and same_size and record[:4] == b"\0\0\0\1" and _but_mode(held) == _but_mode(page))


def _but_mode(page: bytes) -> bytes:
    kept = bytearray(page)
    for places in _MODE_BYTES:
        kept[places.start : places.stop] = bytes(len(places))
    return bytes(kept)


def is_laid_copy(path: Path) -> bool:
    """Tell whether something else than a ledger's writer made a file: a backup, an export, a rescue.

    What a writer leaves keeps a write-ahead log from its first page on; such a copy keeps none. A copy of
    the file's own bytes is not told apart.

    Source: SQLite file format 1.3.3 (file format version numbers).
    """
    try:
        with path.open("rb") as opened:
            head = opened.read(_VERSIONS.stop)
    except OSError:
        return False
    return head.startswith(_SQLITE_MAGIC) and head[_VERSIONS.start :] == b"\1\1"


def require_no_journal(path: Path) -> None:
    """Refuse a ledger file beside which a rollback journal lies: see ``has_rollback_journal``.

    Raises:
        StoreError: ``store.journal``.
    """
    if has_rollback_journal(path):
        raise StoreError("store.journal", file=companion(path, "").name)


def require_one_name(path: Path) -> None:
    """Refuse to write a ledger file that has a second name in its file system.

    What is confirmed lies in a write-ahead log beside the name: who opens the file by the other one does not
    find it, takes another lock, and writes over it.

    Raises:
        StoreError: ``store.two_names``.

    Source: SQLite, How To Corrupt An SQLite Database File, section 2.5.
    """
    try:
        names = path.stat().st_nlink
    except OSError:
        return  # whoever opens it is told why
    if names > 1:
        raise StoreError("store.two_names", file=path.name)


def check_identity(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema version of a ledger file.

    Raises:
        StoreError: ``store.not_a_ledger``, another program's database; ``store.schema_newer``.
    """
    application_id = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if application_id != APPLICATION_ID:
        raise StoreError("store.not_a_ledger", file=path.name)
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > SCHEMA_VERSION:
        raise StoreError("store.schema_newer", file=path.name, found=version, known=SCHEMA_VERSION)
    return version


def check_version(version: int, path: Path) -> None:
    """Refuse to work with a file whose schema version no program ever wrote.

    Raises:
        StoreError: ``store.schema_differs``.
    """
    if version < 1:
        raise StoreError("store.schema_differs", file=path.name, name=f"user_version = {version}")


def is_foreign(kind: str, name: str, text: str) -> bool:
    """Return whether no program of ours makes a thing that is in a ledger file, and it can change writes.

    A trigger can swallow or alter what is confirmed, a view can stand for a table, a unique index refuse
    rows. Our own triggers only ever refuse. Other tables and plain indexes change nothing.

    Args:
        kind: ``table``, ``index``, ``trigger`` or ``view``.
        name: its name.
        text: the statement that made it; empty for what the database makes for itself.
    """
    if kind == "trigger":
        guard = _GUARDS.get(name.rpartition("__")[2])
        return guard is None or guard.fullmatch(text) is None
    return kind == "view" or (kind == "index" and text.upper().startswith("CREATE UNIQUE"))


def translate(error: sqlite3.Error | UnicodeError | OverflowError, path: Path) -> StoreError:
    """Return the error of the product for an error of the database.

    A full disk comes as ``SQLITE_FULL`` or as an I/O error, depending on where it struck.

    Source: SQLite, Result and Extended Result Codes.
    """
    code = getattr(error, "sqlite_errorcode", None)
    name = path.name
    if not isinstance(code, int):
        return _translate_driver(error, name)
    primary = code & 0xFF
    if primary == sqlite3.SQLITE_FULL or (primary == sqlite3.SQLITE_IOERR and _is_full(path)):
        return StoreError("store.disk_full", file=name)
    if primary == sqlite3.SQLITE_IOERR:
        return StoreError("store.io", file=name, detail=_name_of(error))
    if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoreError("store.busy", file=name)
    if primary in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}:
        return StoreError("store.read_only", file=name)
    if primary == sqlite3.SQLITE_CORRUPT:
        return StoreError("store.damaged", file=name, detail=_name_of(error))
    if primary == sqlite3.SQLITE_NOTADB:
        return StoreError("store.not_a_database", file=name)
    if primary == sqlite3.SQLITE_CANTOPEN:
        return (
            StoreError("store.cannot_open", file=name)
            if path.exists()
            else StoreError("store.missing", file=name)
        )
    return _translate_constraint(error, code, name)


def _translate_constraint(error: Exception, code: int, name: str) -> StoreError:
    if code == sqlite3.SQLITE_CONSTRAINT_TRIGGER and str(error).startswith("append-only"):
        return StoreError("store.append_only", table=_subject(error))
    if code in {
        sqlite3.SQLITE_CONSTRAINT_TRIGGER,  # our other trigger: an append-only row is there already
        sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
        sqlite3.SQLITE_CONSTRAINT_UNIQUE,
        sqlite3.SQLITE_CONSTRAINT_ROWID,
    }:
        return StoreError("store.duplicate", table=_subject(error))
    if code & 0xFF in {sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG}:
        return StoreError("store.value", table=_subject(error), detail=_name_of(error))
    return StoreError("store.database", file=name, detail=_name_of(error))


def _translate_driver(error: Exception, name: str) -> StoreError:
    """Errors that the driver raises before the database is asked."""
    unfit = (UnicodeError, OverflowError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
    if isinstance(error, unfit):
        return StoreError("store.value", table=name, detail=type(error).__name__)
    if "decode" in str(error).lower():
        return StoreError("store.damaged", file=name, detail="text is not UTF-8")
    return StoreError("store.database", file=name, detail=type(error).__name__)


def _subject(error: Exception) -> str:
    """The table in messages that end in ``heads.log`` or, from our own triggers, in ``append-only: tree``."""
    words = str(error).split()
    return words[-1].partition(".")[0] if words else "?"


def _name_of(error: Exception) -> str:
    return str(getattr(error, "sqlite_errorname", "")) or type(error).__name__


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(companion(path, "").parent).free < _NEARLY_FULL_BYTES
    except OSError:
        return False
