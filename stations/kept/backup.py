"""A backup while the station works: a whole copy, the people's key envelopes, the newest key table apart.

::

    FOLDER/banjian-<ledger>-<moment>/ledger.db      every frame and body, no case keys, no search tokens
    FOLDER/banjian-<ledger>-<moment>/banjian.toml
    FOLDER/banjian-<ledger>-<moment>/ledger.genesis which ledger this is
    FOLDER/banjian-<ledger>-<moment>/tls/ca.pem     the county's CA, a public certificate
    FOLDER/banjian-<ledger>-<moment>/joins/*.used   invites that nobody can use again
    FOLDER/banjian-<ledger>-<moment>/joins/*.request requests with keys that wait for a registrar
    FOLDER/banjian-<ledger>-<moment>/joins/*.rejected requests that were refused, and stay so
    FOLDER/banjian-<ledger>-<moment>/joins/*.issued when the newest certificate of each station begins
    FOLDER/banjian-<ledger>-<moment>/joins/*.invited when the newest invite of each station was written
    FOLDER/banjian-<ledger>-<moment>/addresses/*    where stations listen, for the next invites
    FOLDER/banjian-<ledger>-<moment>/keys/*.key     envelopes, each under its owner's passphrase
    FOLDER/banjian-<ledger>-<moment>/keys/*.grant   provisional grants that such keys rest on
    FOLDER/banjian-<ledger>-<moment>/platform.toml  how the provincial platform asks, where it was set
    FOLDER/banjian-<ledger>-<moment>/orders/*.sealed 12345 orders with their answers, encrypted
    FOLDER/banjian-<ledger>-<moment>/RESTORED       a ledger opened from here starts new logs
    FOLDER/case-keys.txt                            the newest only: an erased case stays erased
    FOLDER/case-keys-<installation>.txt             instead, where the former is another installation's
    FOLDER/attachments-<installation>/              photos and scans, encrypted: as they are held now

Never in a backup: the logs' signing keys and the TLS key (a copy that could sign would be a second station),
and the storage key and the county's CA key, which the office keeps in its safe.

To restore: copy a backup to where the ledger is to be, put the newest key table into it as ``case-keys.txt``
and the storage key from the safe as ``secrets/storage.key``, at the county ``ca.key`` as well, the
attachments as ``attachments``, and work on; for a county see also ``docs/storage.md``.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ledger import platform
from ledger.errors import StoreError
from ledger.facade import Home, Ledger
from ledger.facade.base.home import CASE_KEYS_NAME, GRANT_SUFFIX, RESTORED_MARKER
from ledger.facade.base.tables import TOKENS
from ledger.facade.base.vault import Vault
from ledger.facade.opened.restoring import encode_case_keys, installation
from ledger.store import schema
from ledger.types import Watch
from stations.kept.attachments import FOLDER as ATTACHMENTS
from stations.kept.backupfiles import mirror
from stations.kept.orders import FOLDER as ORDERS
from stations.kept.sealed import SUFFIX
from stations.office.addresses import ADDRESSES
from stations.province.settings import CONFIG_NAME as PLATFORM
from stations.words.moments import CHINA
from sync.certs.credentials import CA_NAME

DATABASE_NAME = "ledger.db"
_PART = "part-"
"""No backup begins like this, so that ``banjian-*`` names whole ones alone."""
_NAME = re.compile(r"banjian-[0-9a-f]{8}-([0-9]{8}-[0-9]{6})", re.ASCII)
_JOINS = (".used", ".request", ".rejected", ".issued", ".invited")
RECORD_NAME = "last-backup.json"
LEFT_OUT = (schema.CASE_KEYS.name, TOKENS.name)
"""Tables that would tell about erased cases; the tokens are made again when the backup is restored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A finished backup: where, when (ms), how many bytes, how many case keys.

    Attributes:
        noted: whether the installation could note it: a disk that takes nothing more is backed up as well.
    """

    folder: Path
    at_ms: int
    size_bytes: int
    case_key_count: int
    noted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBackup:
    """A backup that lies in a folder: where, when (ms), how many bytes its database has."""

    folder: Path
    at_ms: int
    size_bytes: int


def make_backup(ledger: Ledger, target: Path, *, now_ms: int, watch: Watch | None = None) -> Backup:
    """Write a backup into a folder; safe beside the running station.

    It gets its name once it is whole and on the disk: what failed half-way is taken away, and what was killed
    half-way lies under a name that nobody takes for a backup, until the next one. Whoever watches is told of
    pages, and may stop it: then nothing is left of it.

    Raises:
        StoreError: ``backup.inside`` when the folder lies in the installation itself; ``backup.folder`` when
            it cannot be made or written; ``backup.exists``; ``store.*``.
    """
    home = ledger.home
    if target.resolve().is_relative_to(home.path.resolve()):
        raise StoreError("backup.inside", path=str(target))
    moment = datetime.fromtimestamp(now_ms / 1000, CHINA).strftime("%Y%m%d-%H%M%S")
    folder = target / f"banjian-{ledger.ledger_id.hex()[:8]}-{moment}"
    part = target / f"{_PART}{folder.name}"
    if folder.exists():
        raise StoreError("backup.exists", path=str(folder))
    with ExitStack() as undo:
        try:
            if not target.exists():
                target.mkdir(parents=True)
            _drop_left(part)
            part.mkdir(mode=0o700)
            undo.callback(shutil.rmtree, part, ignore_errors=True)
            _copy_files(home, part)
            copy = part / home.database_path.name
            ledger.store.backup(copy, without_tables=LEFT_OUT, watch=watch)
            _own(copy)
            size = copy.stat().st_size
            count = _write_case_keys(ledger, target)
            vault = Vault(home.storage_key(), os.urandom)
            mirror(home.path / ATTACHMENTS, target / f"{ATTACHMENTS}-{installation(vault)}", watch=watch)
            os.rename(part, folder)
            undo.pop_all()
            platform.fsync_dir(target)
        except FileExistsError as error:
            raise StoreError("backup.exists", path=str(folder)) from error
        except OSError as error:
            raise _not_written(error, target) from error
    record = {"at_ms": now_ms, "folder": str(folder), "size_bytes": size}
    noted = _note(home, json.dumps(record))
    return Backup(folder=folder, at_ms=now_ms, size_bytes=size, case_key_count=count, noted=noted)


def _note(home: Home, record: str) -> bool:
    """Note when the last backup was made, where anything can be written; the backup is whole without it."""
    try:
        platform.write_durably(home.path / RECORD_NAME, record.encode("utf-8"))
    except StoreError:
        return False
    return True


def _copy_files(home: Home, folder: Path) -> None:
    """Copy what lies beside the ledger and belongs into each backup."""
    (folder / "keys").mkdir(mode=0o700)
    for pattern in ("*.key", f"*{GRANT_SUFFIX}"):
        for path in sorted(home.keys_dir.glob(pattern)):
            _copy(path, folder / "keys" / path.name)
    used = sorted(path for ending in _JOINS for path in home.joins_dir.glob(f"*{ending}"))
    told = sorted((home.path / ADDRESSES).glob("*"))
    orders = sorted((home.path / ORDERS).glob(f"*{SUFFIX}"))
    single = (home.config_path, home.genesis_path, home.tls_dir / CA_NAME, home.path / PLATFORM)
    for path in (*single, *used, *told, *orders):
        if path.exists():
            target_path = folder / path.relative_to(home.path)
            target_path.parent.mkdir(mode=0o700, exist_ok=True)
            _copy(path, target_path)
    _write(folder / RESTORED_MARKER, b"")


def _drop_left(part: Path) -> None:
    """Take away what a killed backup of this ledger left on an earlier day; one of today may still run."""
    of_ledger, day, _ = part.name.rsplit("-", 2)
    for left in part.parent.glob(f"{of_ledger}-*"):
        if left.is_dir() and left.name < f"{of_ledger}-{day}":
            shutil.rmtree(left, ignore_errors=True)


def list_backups(target: Path) -> list[KeptBackup]:
    """Return the backups in a folder, the newest first; none where it cannot be read."""
    found = []
    try:
        folders = [path for path in target.iterdir() if path.is_dir()]
    except OSError:
        return []
    for folder in folders:
        at_ms = _named_ms(folder.name)
        try:
            size = (folder / DATABASE_NAME).stat().st_size
        except OSError:
            continue
        if at_ms is not None:
            found.append(KeptBackup(folder=folder, at_ms=at_ms, size_bytes=size))
    return sorted(found, key=lambda one: one.at_ms, reverse=True)


def _named_ms(name: str) -> int | None:
    """Return the moment that the name of a backup tells; None for any other name."""
    shape = _NAME.fullmatch(name)
    if shape is None:
        return None
    try:
        told = datetime.strptime(shape.group(1), "%Y%m%d-%H%M%S").replace(tzinfo=CHINA)
    except ValueError:
        # Somebody renamed it: no calendar has such a day.
        return None
    return int(told.timestamp()) * 1000


def last_backup_ms(home: Home) -> int | None:
    """Return when the last backup of an installation was finished; None when never, as far as is known."""
    try:
        record = json.loads((home.path / RECORD_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    moment = record.get("at_ms") if isinstance(record, dict) else None
    return moment if isinstance(moment, int) else None


def _not_written(error: OSError, target: Path) -> StoreError:
    """Return the error that names the folder as it was given: the one thing that can be put right."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return platform.os_failure(error, target)
    return StoreError("backup.folder", path=str(target), detail=os.strerror(error.errno or 0))


def _copy(source: Path, target: Path) -> None:
    """Copy a small file durably."""
    _write(target, source.read_bytes())


def _write(target: Path, content: bytes) -> None:
    """Write a file durably, for its owner alone where the disk knows owners: memory sticks do not."""
    platform.write_durably(target, content)
    _own(target)


def _own(file: Path) -> None:
    with suppress(OSError):
        os.chmod(file, 0o600)


def _write_case_keys(ledger: Ledger, target: Path) -> int:
    """Write the wrapped case keys in place of this installation's older table, and of no other's."""
    vault = Vault(ledger.home.storage_key(), os.urandom)
    with ledger.store.read() as tx:
        text = encode_case_keys(tx, vault, ledger.ledger_id)
    path = target / CASE_KEYS_NAME
    try:
        # A pipe of that name would let itself be waited for without end.
        readable = path.is_file() or path.is_dir()
        held = path.read_text(encoding="ascii", errors="replace") if readable else text
    except OSError as error:
        raise _not_written(error, path) from error
    if held.partition("\n")[0] != text.partition("\n")[0]:
        path = target / f"case-keys-{installation(vault)}.txt"
    _write(path, text.encode("ascii"))
    return text.count("\n") - 1
