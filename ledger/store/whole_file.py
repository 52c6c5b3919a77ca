"""A ledger file that takes its place only when it is whole and durable."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import StoreError
from ledger.platform import fsync_dir, fsync_file, os_failure
from ledger.sqlitefile import translate
from ledger.store.sqlite_schema import events_schema


@contextmanager
def whole_file(target: Path, *, without_tables: Sequence[str]) -> Iterator[Path]:
    """Hand out where to write a copy of a ledger, and put it in place when the block ends well.

    Args:
        target: where the copy goes; an older copy there is replaced.
        without_tables: tables that the copy is to have without their rows.

    Raises:
        StoreError: ``store.append_only``, frames cannot be left out; ``store.disk_full`` and the like.
    """
    for name in without_tables:
        if name in events_schema():
            raise StoreError("store.append_only", table=name)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        yield temporary
        fsync_file(temporary)
        temporary.replace(target)
        fsync_dir(target.parent)
    except OSError as error:
        raise os_failure(error, target) from error
    except sqlite3.Error as error:
        raise translate(error, target) from error
    finally:
        for suffix in ("", "-journal", "-wal"):
            temporary.with_name(temporary.name + suffix).unlink(missing_ok=True)
