"""A backup while the station works: a whole copy, the people's key envelopes, the newest key table apart.

::

    FOLDER/banjian-<ledger>-<moment>/ledger.db      every frame and body, no case keys
    FOLDER/banjian-<ledger>-<moment>/banjian.toml
    FOLDER/banjian-<ledger>-<moment>/keys/*.key     envelopes, each under its owner's passphrase
    FOLDER/banjian-<ledger>-<moment>/RESTORED       a ledger opened from here starts new logs
    FOLDER/case-keys.txt                            the newest only: an erased case stays erased

Never in a backup: the logs' signing keys (a copy that could sign would be a second station) and the storage
key, which the office keeps in its safe.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ledger import platform
from ledger.errors import StoreError
from ledger.facade import Home, Ledger
from ledger.facade.home import RESTORED_MARKER
from ledger.store import schema
from stations.cli.types import CHINA
from stations.config import CONFIG_NAME

RECORD_NAME = "last-backup.json"
CASE_KEYS_NAME = "case-keys.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A finished backup: where, when (ms), how many bytes, how many case keys."""

    folder: Path
    at_ms: int
    size_bytes: int
    case_key_count: int


def make_backup(ledger: Ledger, target: Path, *, now_ms: int) -> Backup:
    """Write a backup into a folder; safe beside the running station.

    Raises:
        StoreError: ``backup.inside`` when the folder lies in the installation itself; ``store.*``.
    """
    home = ledger.home
    if target.absolute().is_relative_to(home.path.absolute()):
        raise StoreError("backup.inside", path=str(target))
    moment = datetime.fromtimestamp(now_ms / 1000, CHINA).strftime("%Y%m%d-%H%M%S")
    folder = target / f"banjian-{ledger.ledger_id.hex()[:8]}-{moment}"
    try:
        (folder / "keys").mkdir(parents=True, exist_ok=False)
        for envelope in sorted(home.keys_dir.glob("*.key")):
            shutil.copy2(envelope, folder / "keys" / envelope.name)
        if home.config_path.exists():
            shutil.copy2(home.config_path, folder / CONFIG_NAME)
        (folder / RESTORED_MARKER).write_text("", encoding="ascii")
    except FileExistsError as error:
        raise StoreError("backup.exists", path=str(folder)) from error
    except OSError as error:
        raise platform.os_failure(error, folder) from error
    copy = folder / home.database_path.name
    ledger.store.backup(copy)
    count = _write_case_keys(ledger, target / CASE_KEYS_NAME)
    done = Backup(folder=folder, at_ms=now_ms, size_bytes=copy.stat().st_size, case_key_count=count)
    record = json.dumps({"at_ms": now_ms, "folder": str(folder), "size_bytes": done.size_bytes})
    platform.write_durably(home.path / RECORD_NAME, record.encode("utf-8"))
    return done


def last_backup_ms(home: Home) -> int | None:
    """Return when the last backup of an installation was finished; None when never, as far as is known."""
    try:
        record = json.loads((home.path / RECORD_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    moment = record.get("at_ms") if isinstance(record, dict) else None
    return moment if isinstance(moment, int) else None


def _write_case_keys(ledger: Ledger, path: Path) -> int:
    """Write the wrapped case keys, one line for each case, in place of the older table."""
    lines = [f"# ledger {ledger.ledger_id.hex()}"]
    with ledger.store.read() as tx:
        for case_id, wrapped in tx.select(schema.CASE_KEYS, {}, order_by=("case_id",)):
            if isinstance(case_id, bytes) and isinstance(wrapped, bytes):
                lines.append(f"{case_id.hex()} {wrapped.hex()}")
    platform.write_durably(path, ("\n".join(lines) + "\n").encode("ascii"))
    return len(lines) - 1
