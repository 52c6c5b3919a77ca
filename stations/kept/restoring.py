"""Restoring an installation from a backup: looked at first, copied beside, put in place whole.

::

    DIR.restoring/           the copy, until it is complete; then it takes the name of the installation
        .banjian-restoring   says that it is ours, and may be begun anew

What a backup does not hold comes from elsewhere: the newest key table from beside it, the storage key (at the
county the key of the CA as well) from the office's safe. Both are compared before a byte is copied: with
another office's key nobody could read a name, and that would be found when the backup is gone.

Source: docs/storage.md, "Backup".
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from ledger import platform
from ledger.errors import BanjianError, ConfigError, InputError, StoreError
from ledger.facade import Home
from ledger.facade.base.home import CASE_KEYS_NAME, RESTORED_MARKER, SEED_BYTES
from ledger.facade.base.vault import Vault
from ledger.facade.opened.restoring import decode_case_keys, installation
from ledger.facade.opened.setup import county_station
from ledger.formats.genesis import LedgerGenesis, decode_ledger_genesis
from ledger.platform import fsync_dir, write_durably
from ledger.sqlitefile import file_uri
from stations.config import load_config
from stations.kept.attachments import FOLDER as ATTACHMENTS
from stations.kept.backup import DATABASE_NAME, KeptBackup, list_backups
from sync.certs.credentials import CA_KEY_NAME, CA_NAME
from sync.certs.pki import from_pem, subject_key
from sync.certs.tlskeys import public_key_of

PIECE_BYTES = 1 << 22
OURS = ".banjian-restoring"
STORAGE_KEY_NAME = "storage.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A backup that was looked at.

    Attributes:
        folder: the backup.
        genesis: which ledger it is.
        station: of its settings; "" where they name none.
        key_table: the newest key table beside it that fits the storage key; None for none.
        attachments: the folder of attachments beside it; None for none.
        storage_key: 32 bytes from the safe.
        ca_key: PEM from the safe, at the county; empty elsewhere.
        size_bytes: of everything to be copied.
    """

    folder: Path
    genesis: LedgerGenesis
    station: str
    key_table: Path | None
    attachments: Path | None
    storage_key: bytes = field(repr=False)
    ca_key: bytes = field(repr=False)
    size_bytes: int

    @property
    def is_county(self) -> bool:
        """Whether it is the county centre's."""
        return self.station == county_station(self.genesis.division_code)


def find_backups(folder: Path) -> list[KeptBackup]:
    """Return the backups of a folder, of the folders in it, or the folder itself; the newest first."""
    if (folder / DATABASE_NAME).is_file():
        return [one for one in list_backups(folder.parent) if one.folder == folder]
    found = list_backups(folder)
    with suppress(OSError):
        for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
            found += list_backups(inner)
    return sorted(found, key=lambda one: one.at_ms, reverse=True)


def look(folder: Path, *, storage_key: bytes, ca_key: bytes) -> Source:
    """Compare a backup, what lies beside it and the keys from the safe; nothing is written.

    Raises:
        StoreError: ``restore.backup`` for a folder that is no whole backup.
        InputError: ``restore.storage_key``, ``restore.other_key`` for keys that are none or another office's;
            ``restore.ca_key`` at the county.
    """
    if not (folder / DATABASE_NAME).is_file() or not (folder / RESTORED_MARKER).exists():
        raise StoreError("restore.backup", path=str(folder))
    try:
        raw = Home(folder).ledger_genesis()
        genesis = decode_ledger_genesis(raw or b"")
        station = load_config(folder).station
    except BanjianError as error:
        raise StoreError("restore.backup", path=str(folder)) from error
    if len(storage_key) != SEED_BYTES:
        raise InputError("restore.storage_key")
    is_county = station == county_station(genesis.division_code)
    if is_county:
        check_ca_key(folder, ca_key)
    mine = installation(Vault(storage_key, os.urandom))
    table, fits = _key_table(folder.parent, genesis, storage_key, mine)
    if table is None and fits:
        raise InputError("restore.other_key")
    attachments = folder.parent / f"{ATTACHMENTS}-{mine}"
    held = attachments if attachments.is_dir() else None
    source = Source(
        folder=folder,
        genesis=genesis,
        station=station,
        key_table=table,
        attachments=held,
        storage_key=storage_key,
        ca_key=ca_key if is_county else b"",
        size_bytes=0,
    )
    size = sum(path.stat().st_size for path, _ in _files(source))
    return replace(source, size_bytes=size)


def restore(home: Home, source: Source) -> Generator[int, None, None]:
    """Copy a backup and put it in place; yields how many bytes are done, and is given up by closing it.

    Args:
        home: where the ledger shall lie; must not be there, or be an empty folder.
        source: the backup.

    Raises:
        ConfigError: ``home.exists``.
        StoreError: ``restore.damaged`` when the copy of the ledger does not hold; the disk's own reasons.
    """
    staging = home.path.with_name(home.path.name + ".restoring")
    _require_free(home.path)
    if not (staging / OURS).exists():
        _require_free(staging)
    placed = False
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(mode=0o700, parents=True)
        write_durably(staging / OURS, b"")
        done = 0
        for path, name in _files(source):
            for piece in _copied(path, staging / name):
                done += piece
                yield done
        _complete(staging, source)
        if home.path.exists():
            home.path.rmdir()
        (staging / OURS).unlink()
        fsync_dir(staging)
        staging.rename(home.path)
        placed = True
        fsync_dir(home.path.parent)
    except OSError as error:
        raise platform.os_failure(error, staging) from error
    finally:
        if not placed:
            # Keys from the safe lie in it: they are not left about.
            shutil.rmtree(staging, ignore_errors=True)


def _require_free(folder: Path) -> None:
    try:
        taken = folder.exists() and any(folder.iterdir())
    except OSError:
        # A file, or a folder that is not for us.
        taken = True
    if taken:
        raise ConfigError("home.exists", path=str(folder))


def forget_broken_off(home: Home) -> None:
    """Remove what a restore left that a power cut broke off; the backup itself is as it was."""
    staging = home.path.with_name(home.path.name + ".restoring")
    if (staging / OURS).exists():
        shutil.rmtree(staging, ignore_errors=True)


def _files(source: Source) -> Iterator[tuple[Path, Path]]:
    """Yield what is copied, and where to."""
    for path in sorted(source.folder.rglob("*")):
        if path.is_file():
            yield path, path.relative_to(source.folder)
    if source.key_table is not None:
        yield source.key_table, Path(CASE_KEYS_NAME)
    if source.attachments is not None:
        for path in sorted(source.attachments.rglob("*")):
            if path.is_file():
                yield path, Path(ATTACHMENTS) / path.relative_to(source.attachments)


def _copied(path: Path, target: Path) -> Iterator[int]:
    """Copy a file piece by piece, durably; yields the bytes of each piece."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("rb") as source, target.open("wb") as file:
        while piece := source.read(PIECE_BYTES):
            file.write(piece)
            yield len(piece)
        file.flush()
        os.fsync(file.fileno())
    with suppress(OSError):
        os.chmod(target, 0o600)


def _complete(staging: Path, source: Source) -> None:
    """Put the keys from the safe in place and look whether the copy of the ledger holds."""
    home = Home(staging)
    home.complete()
    home.write_secret(STORAGE_KEY_NAME, source.storage_key)
    if source.ca_key:
        home.write_secret(CA_KEY_NAME, source.ca_key)
    try:
        with closing(sqlite3.connect(file_uri(home.database_path, mode="ro"), uri=True)) as opened:
            answer = str(opened.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        raise StoreError("restore.damaged", path=str(source.folder)) from error
    if answer != "ok":
        raise StoreError("restore.damaged", path=str(source.folder))
    for folder in sorted(path for path in staging.rglob("*") if path.is_dir()):
        fsync_dir(folder)


def check_ca_key(folder: Path, ca_key: bytes) -> None:
    """Refuse a key that is not the one of the CA's certificate in a folder.

    Raises:
        InputError: ``restore.ca_key``.
    """
    certificate = Home(folder).certificate(CA_NAME)
    try:
        fits = certificate is not None and public_key_of(ca_key) == subject_key(from_pem(certificate))
    except (BanjianError, ValueError):
        fits = False
    if not fits:
        raise InputError("restore.ca_key")


def _key_table(
    beside: Path, genesis: LedgerGenesis, storage_key: bytes, mine: str
) -> tuple[Path | None, bool]:
    """Return the key table that the storage key opens, and whether there is any of this ledger."""
    found = False
    vault = Vault(storage_key, os.urandom)
    for path in (beside / CASE_KEYS_NAME, beside / f"case-keys-{mine}.txt"):
        with suppress(OSError):
            if not path.is_file():
                continue
            text = path.read_text(encoding="ascii", errors="replace")
            found = found or genesis.ledger_id().hex() in text.partition("\n")[0]
            with suppress(BanjianError):
                decode_case_keys(text, vault, genesis.ledger_id())
                return path, True
    return None, found
