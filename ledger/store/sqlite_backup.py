"""A consistent copy of a ledger file while it is being written.

Copying the file itself loses what still lies in the write-ahead log. The keys of personal bodies stay behind:
a backup that held them would undo every erasure.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from ledger.errors import StoreError
from ledger.platform import fsync_dir, fsync_file, os_failure
from ledger.sqlitefile import translate
from ledger.store.sqlite_recorder import Connect
from ledger.store.sqlite_schema import events_schema

_PAGES_PER_STEP = 1024


def write_backup(connect: Connect, source: Path, target: Path, *, without_tables: Sequence[str]) -> None:
    """Copy a ledger file, empty some tables in the copy, and put it in place only when it is whole and
    durable.

    Args:
        connect: opens the source.
        source: the ledger file.
        target: where the copy goes; an older copy there is replaced.
        without_tables: tables that the copy has without their rows.

    Raises:
        StoreError: ``store.append_only``, frames cannot be left out; ``store.disk_full`` and the like.
    """
    for name in without_tables:
        if name in events_schema():
            raise StoreError("store.append_only", table=name)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        _copy(connect, source, temporary, without_tables)
        fsync_file(temporary)
        temporary.replace(target)
        fsync_dir(target.parent)
    except OSError as error:
        raise os_failure(error, target) from error
    except sqlite3.Error as error:
        raise translate(error, target) from error
    finally:
        _remove(temporary)


def _copy(connect: Connect, source: Path, temporary: Path, without_tables: Sequence[str]) -> None:
    reading = connect(source, "ro")
    copy = sqlite3.connect(temporary, isolation_level=None)
    try:
        # the open read transaction pins one state; otherwise every commit makes the copy begin anew
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM sqlite_master").fetchone()
        reading.backup(copy, pages=_PAGES_PER_STEP)
        copy.execute("PRAGMA journal_mode = DELETE")
        copy.execute("PRAGMA secure_delete = ON")
        for name in without_tables:
            copy.execute(f'DELETE FROM "{name}"')
        copy.execute("VACUUM")
    finally:
        copy.close()
        reading.close()


def _remove(path: Path) -> None:
    for name in (path, path.with_name(path.name + "-journal"), path.with_name(path.name + "-wal")):
        name.unlink(missing_ok=True)
