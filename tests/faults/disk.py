"""A disk that can lose power, run full and fail, below real SQLite files.

Everything goes to real files in a folder, which play the part of the operating system's cache; beside them
the disk remembers what has reached the platter. At a cut, each file becomes one of the images that the
unsynced writes allow: sectors of 512 bytes that arrived or not, in any order, some torn in the middle.

What a name needs to survive: a new file is there for certain after its first sync (SQLite then syncs the
folder as well); a deleted file may come back until the folder was synced.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import apsw

from ledger import platform
from ledger.errors import StoreError

SECTOR = 512
TRACKED = ("ledger.db", "ledger.db-wal", "ledger.db-journal")
ERRORS = {
    "read": apsw.SQLITE_IOERR_READ,
    "write": apsw.SQLITE_IOERR_WRITE,
    "truncate": apsw.SQLITE_IOERR_TRUNCATE,
    "sync": apsw.SQLITE_IOERR_FSYNC,
    "delete": apsw.SQLITE_IOERR_DELETE,
}


class PowerCutError(BaseException):
    """The power went while no database call was under way; nothing may catch it."""


@dataclass
class Saved:
    """What the platter holds of one file, and what was written since.

    ``durable`` is None while the name is not certain to be there; ``pending`` holds (offset, bytes), or
    (size, None) for a truncation.
    """

    durable: bytes | None
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    gone: bool = False

    def sync(self) -> None:
        """Everything written so far reaches the platter."""
        image = bytearray(self.durable or b"")
        for change in self.pending:
            apply(image, change)
        self.durable, self.pending = bytes(image), []


class Disk:
    """The disk below one installation.

    Args:
        folder: the installation.
        seed: what a cut leaves behind.

    Attributes:
        ops: writes, truncations, syncs and deletions so far.
        cut_at: the operation in which the power goes.
        fail_next_sync: the next sync fails.
        fail_at: the operation that fails once; with ``fail_reads`` reads count as operations.
        full_from: the operation from which no file can grow.
        lying: syncs do nothing.
        loses_failed: what a failed sync should have written never gets written, though it can be read.
    """

    def __init__(self, folder: Path, seed: str) -> None:
        self.folder = folder
        self.rng = random.Random(f"disk {seed}")
        self.files: dict[str, Saved] = {}
        self.ops = 0
        self.cut_at: int | None = None
        self.fail_at: int | None = None
        self.full_from: int | None = None
        self.fail_reads = False
        self.fail_next_sync = False
        self.lying = False
        self.loses_failed = False
        self.dead = False
        self.struck: list[str] = []
        self.vfs = Vfs(self)
        self._remember()

    def tick(self, kind: str) -> None:
        """Count one operation, and let happen what was planned for it."""
        if self.dead:
            raise apsw.exception_for(ERRORS[kind])
        if kind == "read" and not self.fail_reads:
            return
        self.ops += 1
        if self.ops == self.cut_at:
            self.dead = True
            raise apsw.exception_for(ERRORS[kind])
        if self.ops == self.fail_at or (self.fail_next_sync and kind == "sync"):
            self.fail_next_sync = False
            self.struck.append(kind)
            raise apsw.exception_for(ERRORS[kind])

    def grows(self) -> None:
        """Refuse when the disk is full."""
        if self.full_from is not None and self.ops >= self.full_from:
            self.struck.append("full")
            raise apsw.exception_for(apsw.SQLITE_FULL)

    def cut(self) -> None:
        """Take the power away now."""
        self.dead = True

    def kill(self, close: Callable[[], None]) -> None:
        """End the process at once: what it wrote stays in the cache, nothing more reaches the files.

        Args:
            close: frees what the process held, as the system does for a dead one.
        """
        self.dead = True
        close()
        self.dead = False
        (self.folder / "ledger.db-shm").unlink(missing_ok=True)

    def image(self, name: str, rng: random.Random) -> bytes | None:
        """Return one possible content of a file after a cut; None when it is not there."""
        saved = self.files[name]
        if saved.gone and (saved.durable is None or rng.random() < 0.5):
            return None
        if saved.durable is None and rng.random() < 0.3:
            return None
        return torn(saved, rng)

    def write_images(self, folder: Path, rng: random.Random) -> None:
        """Write one possible outcome of the cut into a folder."""
        for name in TRACKED:
            made = self.image(name, rng) if name in self.files else None
            if made is None:
                (folder / name).unlink(missing_ok=True)
            else:
                (folder / name).write_bytes(made)
        (folder / "ledger.db-shm").unlink(missing_ok=True)

    def reboot(self) -> None:
        """Start again with one outcome of the cut."""
        self.write_images(self.folder, self.rng)
        self.dead, self.cut_at, self.fail_at, self.full_from = False, None, None, None
        self.vfs.unregister()
        self.vfs = Vfs(self)
        self._remember()

    def close(self) -> None:
        """Forget the file system."""
        self.vfs.unregister()

    @contextmanager
    def mounted(self) -> Iterator[None]:
        """Let durable files outside the database (sentinels, keys) share the fate of this disk."""
        real = platform.write_durably

        def write(path: Path, data: bytes, *, private: bool = False) -> None:
            for moment in ("before", "after"):
                if self.dead:
                    raise PowerCutError
                self.ops += 1
                if self.ops == self.cut_at:
                    self.dead = True
                    raise PowerCutError
                if moment == "before":
                    if self.full_from is not None and self.ops >= self.full_from:
                        self.struck.append("full")
                        raise StoreError("store.disk_full", file=path.name)
                    if self.ops == self.fail_at:
                        self.struck.append("sentinel")
                        raise StoreError("store.io", file=path.name, detail="EIO")
                    real(path, data, private=private)

        with patch.object(platform, "write_durably", write):
            yield

    def _remember(self) -> None:
        self.files = {
            name: Saved((self.folder / name).read_bytes())
            for name in TRACKED
            if (self.folder / name).exists()
        }


class Vfs(apsw.VFS):
    """The system's own file functions, with the disk in between."""

    count = 0

    def __init__(self, disk: Disk) -> None:
        Vfs.count += 1
        self.disk = disk
        self.vfs_name = f"faulty-{Vfs.count}"
        super().__init__(self.vfs_name, "")

    def xOpen(self, name, flags):  # type: ignore[no-untyped-def]  # noqa: N802
        """Open a file; only those of the database are watched."""
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        plain = os.path.basename(path) if path else ""
        return FaultyFile(self.disk, plain if plain in TRACKED else "", name, flags)

    def xDelete(self, name, sync_folder):  # type: ignore[no-untyped-def]  # noqa: N802
        """Delete a file; without a sync of the folder it may come back."""
        self.disk.tick("delete")
        super().xDelete(name, sync_folder)
        saved = self.disk.files.get(os.path.basename(name))
        if saved is not None:
            saved.pending, saved.gone = [], True
            if sync_folder and not self.disk.lying:
                saved.durable = None


class FaultyFile(apsw.VFSFile):
    """One open file."""

    def __init__(self, disk: Disk, plain: str, name, flags) -> None:  # type: ignore[no-untyped-def]
        self.disk, self.plain = disk, plain
        super().__init__("", name, flags)
        if plain:
            saved = disk.files.setdefault(plain, Saved(None))
            if saved.gone:
                # a new file under the name of a deleted one
                disk.files[plain] = Saved(None)

    def xRead(self, amount, offset):  # type: ignore[no-untyped-def]  # noqa: N802
        """Read what was written, synced or not."""
        if self.plain:
            self.disk.tick("read")
        return super().xRead(amount, offset)

    def xWrite(self, data, offset):  # type: ignore[no-untyped-def]  # noqa: N802
        """Write into the cache."""
        if not self.plain:
            return super().xWrite(data, offset)
        saved = self.disk.files[self.plain]
        alive = not self.disk.dead
        try:
            self.disk.tick("write")
            if offset + len(data) > super().xFileSize():
                self.disk.grows()
        except apsw.Error:
            if alive and self.disk.dead:
                saved.pending.append((offset, bytes(data)))
            raise
        super().xWrite(data, offset)
        saved.pending.append((offset, bytes(data)))

    def xTruncate(self, size):  # type: ignore[no-untyped-def]  # noqa: N802
        """Cut the file in the cache."""
        if self.plain:
            self.disk.tick("truncate")
            self.disk.files[self.plain].pending.append((size, None))
        super().xTruncate(size)

    def xSync(self, flags):  # type: ignore[no-untyped-def]  # noqa: N802
        """Bring the cache to the platter, unless the disk lies."""
        if not self.plain:
            return super().xSync(flags)
        saved = self.disk.files[self.plain]
        try:
            self.disk.tick("sync")
        except apsw.Error:
            if self.disk.loses_failed and not self.disk.dead:
                # the system believes them written now: no later sync tries again
                saved.pending = []
            raise
        if not self.disk.lying:
            saved.sync()


def apply(image: bytearray, change: tuple[int, bytes | None]) -> None:
    """Write or truncate."""
    offset, data = change
    if data is None:
        del image[offset:]
        return
    if len(image) < offset:
        image.extend(bytes(offset - len(image)))
    image[offset : offset + len(data)] = data


def torn(saved: Saved, rng: random.Random) -> bytes:
    """Return one content that the unsynced writes of a file allow."""
    if not saved.pending:
        return saved.durable or b""
    mode = rng.choice(("none", "all", "prefix", "few", "half", "most"))
    if mode == "none":
        return saved.durable or b""
    changes = saved.pending
    if mode == "prefix":
        changes = changes[: rng.randrange(len(changes) + 1)]
    if mode in ("all", "prefix"):
        whole = bytearray(saved.durable or b"")
        for change in changes:
            apply(whole, change)
        return bytes(whole)
    return _mixed(saved.durable or b"", changes, rng, share={"few": 0.1, "half": 0.5, "most": 0.9}[mode])


def _mixed(
    durable: bytes, changes: list[tuple[int, bytes | None]], rng: random.Random, *, share: float
) -> bytes:
    """Choose for each sector one of its contents since the last sync, or a torn mixture of two."""
    cache = bytearray(durable)
    lengths = [len(durable)]
    versions: dict[int, list[bytes]] = {}
    for change in changes:
        offset, data = change
        if data is not None:
            first, last = offset // SECTOR, (offset + len(data) - 1) // SECTOR
            for sector in range(first, last + 1):
                versions.setdefault(sector, [bytes(cache[sector * SECTOR : (sector + 1) * SECTOR])])
        apply(cache, change)
        lengths.append(len(cache))
        if data is not None:
            for sector in range(first, last + 1):
                versions[sector].append(bytes(cache[sector * SECTOR : (sector + 1) * SECTOR]))
    image = bytearray(durable)
    for sector, contents in versions.items():
        if rng.random() >= share:
            continue
        chosen = rng.choice(contents[1:])
        if rng.random() < 0.1:
            place = rng.randrange(SECTOR)
            chosen = chosen[:place] + rng.choice(contents)[place:]
        apply(image, (sector * SECTOR, chosen))
    length = rng.choice(lengths)
    if length < len(image) and rng.random() < 0.5:
        del image[length:]
    return bytes(image)
