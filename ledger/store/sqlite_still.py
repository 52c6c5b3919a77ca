"""A ledger file in a folder in which nothing can be made: read as one that does not change, or as a copy."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final, TypeVar

from ledger.errors import StoreError
from ledger.platform import os_failure
from ledger.sqlitefile import file_uri, unwritable_copy
from ledger.store.sqlite_recorder import STATEMENTS_CACHED, Connect, connect_file

T = TypeVar("T")
_NOTHING_CAN_BE_MADE: Final = frozenset(("store.read_only", "store.cannot_open"))
"""What the database says of a folder in which no shared memory can lie beside the file."""


def nothing_can_be_made(error: StoreError, path: Path) -> bool:
    """Tell whether a file may have failed to open because of its folder alone."""
    return error.code in _NOTHING_CAN_BE_MADE and path.is_file()


def read_still(path: Path, read: Callable[[Path, Connect, ExitStack], T]) -> T:
    """Open a file for reading where nothing can be made beside it.

    Args:
        path: the file.
        read: opens what it is given; the stack is to be closed with what it returns.

    Raises:
        StoreError: ``store.disk_full``, ``store.read_only`` or ``store.io`` when a copy is needed and cannot
            be made; as ``read``.
    """
    stack = ExitStack()
    try:
        opened = unwritable_copy(path, stack)
        return read(opened, _connect_still if opened == path else connect_file, stack)
    except OSError as error:
        stack.close()
        raise os_failure(error, path) from error
    except StoreError:
        stack.close()
        raise


def _connect_still(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        file_uri(path, mode=mode, immutable=True),
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS_CACHED,
    )
