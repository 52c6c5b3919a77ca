"""A file that a person asked for by name: made where there is none, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from ledger.platform import os_failure


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet.

    Raises:
        OSError: the file cannot be made there; FileExistsError for one that is there already.
        StoreError: ``store.disk_full`` and the like; no part of the file is left behind.
    """
    file = path.open("xb")
    try:
        with file:
            file.write(content)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise os_failure(error, path) from error
