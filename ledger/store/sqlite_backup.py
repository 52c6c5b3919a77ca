"""A consistent copy of a ledger file while it is being written.

Copying the file itself loses what still lies in the write-ahead log. The keys of personal bodies stay behind:
a backup that held them would undo every erasure.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from ledger.store.sqlite_recorder import Connect
from ledger.store.whole_file import whole_file
from ledger.types import Watch

_PAGES_PER_STEP = 1024


def write_backup(
    connect: Connect,
    source: Path,
    target: Path,
    *,
    without_tables: Sequence[str],
    watch: Watch | None = None,
) -> None:
    """Copy a ledger file, with some tables emptied; the copy is put in place once it is whole and durable.

    Args:
        connect: opens the source.
        source: the ledger file.
        target: where the copy goes; an older copy there is replaced.
        without_tables: tables that the copy has without their rows.
        watch: told how many pages are copied.

    Raises:
        StoreError: ``store.append_only``, frames cannot be left out; ``store.disk_full`` and the like.
    """
    with whole_file(target, without_tables=without_tables) as temporary:
        _copy(connect, source, temporary, without_tables, watch)


def _copy(
    connect: Connect, source: Path, temporary: Path, without_tables: Sequence[str], watch: Watch | None
) -> None:
    def progress(_: int, remaining: int, total: int) -> None:
        if watch is not None:
            watch(total - remaining, total)

    reading = connect(source, "ro")
    copy = sqlite3.connect(temporary, isolation_level=None)
    try:
        # the open read transaction pins one state; otherwise every commit makes the copy begin anew
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM sqlite_master").fetchone()
        reading.backup(copy, pages=_PAGES_PER_STEP, progress=progress)
        copy.execute("PRAGMA journal_mode = DELETE")
        copy.execute("PRAGMA secure_delete = ON")
        for name in without_tables:
            copy.execute(f'DELETE FROM "{name}"')
        copy.execute("VACUUM")
    finally:
        copy.close()
        reading.close()
