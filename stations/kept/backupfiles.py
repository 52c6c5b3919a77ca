"""Attachments in a backup: one copy beside all backups, in step with what is held.

A backup keeps no older state of them: what was erased must not come back from last year's copy. Chunks never
change once they are written, so that each backup copies the new ones alone.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from ledger import platform
from ledger.errors import StoreError
from ledger.types import Watch

CHUNK_SUFFIX = ".chunk"


def mirror(source: Path, target: Path, *, watch: Watch | None = None) -> int:
    """Make a folder hold what another one holds, and nothing else; returns how many files were copied.

    Where there is no other one, the copies stay: erasing takes files and never the folder, so it was lost.

    Stopped by whoever watches, it has copied some of them, and the next backup goes on with the others.

    Raises:
        StoreError: ``backup.folder`` when it cannot be written; ``store.disk_full``.
    """
    if not source.is_dir():
        return 0
    wanted = {path.relative_to(source): path for path in sorted(source.rglob("*")) if path.is_file()}
    copied = 0
    try:
        for count, (name, path) in enumerate(wanted.items()):
            if watch is not None:
                watch(count, len(wanted))
            copy = target / name
            if name.suffix == CHUNK_SUFFIX and _is_same(path, copy):
                continue
            copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            platform.write_durably(copy, path.read_bytes())
            with suppress(OSError):
                os.chmod(copy, 0o600)
            copied += 1
        _drop_others(target, wanted.keys())
    except OSError as error:
        raise StoreError("backup.folder", path=str(target), detail=os.strerror(error.errno or 0)) from error
    return copied


def _is_same(path: Path, copy: Path) -> bool:
    try:
        return path.stat().st_size == copy.stat().st_size
    except OSError:
        return False


def _drop_others(target: Path, wanted: Collection[Path]) -> None:
    for path in sorted(target.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(target) not in wanted:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
