"""The folder of one installation: database, keys of people, secrets of the machine, sentinels.

::

    DIR/banjian.toml            configuration, written by the command line
    DIR/ledger.db               the event store, unless it lies in PostgreSQL
    DIR/ledger.db.lock          held by the one writing process, wherever the event store lies
    DIR/ledger.db.moved         what was the event store before it moved to PostgreSQL, without keys
    DIR/keys/<label>.key        key envelopes of people, each under its owner's passphrase
    DIR/secrets/storage.key     wraps the case keys; copied by hand to the office's safe, never by a backup
    DIR/secrets/log-<id>.key    signing keys of this installation's own logs; never in any backup
    DIR/secrets/database.url    where in PostgreSQL the event store lies, with the password; in no backup
    DIR/secrets/tls.key         private key of the station's certificate; never in any backup
    DIR/secrets/ca.key          at the county: signs the certificates; copied by hand to the office's safe
    DIR/tls/                    certificates: ``ca.pem`` of the county's CA, ``station.pem`` of this station
    DIR/joins/                  at the county: invites that were used, requests that wait for a registrar
    DIR/addresses/              at the county: where stations listen, as invites have said
    DIR/ledger.genesis          what the ledger is, pinned: a registry log of another ledger is refused
    DIR/sentinel/<id>.note      newest checkpoint of each own log, outside the database
    DIR/sentinel/<id>.pads      how many emergency numbers of an own log were printed
    DIR/sentinel/machine        what machine this installation was made on
    DIR/case-keys.txt           only laid there by hand, to restore a backup: taken in and removed

A log key that is missing, a sentinel that is ahead of the database or another machine are *doubt*: the log is
never continued, a new one is opened (see ``ledger.facade.logs.doubt``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ledger import platform
from ledger.cases.number import ORDINAL_MAX
from ledger.errors import ConfigError, StoreError
from ledger.sqlitefile import is_laid_copy
from ledger.types import KeyId, LogId, StationId

SEED_BYTES = 32
DATABASE_URL_NAME = "database.url"
"""The one setting that puts the event store into PostgreSQL."""
CASE_KEYS_NAME = "case-keys.txt"
"""The newest key table of a backup; see ``ledger.facade.opened.restoring``."""
GENESIS_NAME = "ledger.genesis"
RESTORED_MARKER = "RESTORED"
"""File that every backup carries: whoever works on in a copy opens new logs."""
_BY_HAND = b"laid by hand\n"
"""What the marker holds where the program found the copy by itself."""

GRANT_SUFFIX = ".grant"
"""What the file of a provisional grant ends in; it begins with the id of the key in hex."""


class Home:
    """Names and durable writes of an installation's files.

    Args:
        path: the installation folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database_path = path / "ledger.db"
        self.moved_path = path / "ledger.db.moved"
        self.lock_path = path / "ledger.db.lock"
        self.config_path = path / "banjian.toml"
        self.keys_dir = path / "keys"
        self.secrets_dir = path / "secrets"
        self.sentinel_dir = path / "sentinel"
        self.tls_dir = path / "tls"
        self.joins_dir = path / "joins"
        self.genesis_path = path / GENESIS_NAME

    @property
    def exists(self) -> bool:
        """Whether a ledger lies here, or here is written where in PostgreSQL it lies."""
        return self.database_path.exists() or (self.secrets_dir / DATABASE_URL_NAME).exists()

    def database_url(self) -> str | None:
        """Return the connection string of the ledger in PostgreSQL; None where it lies in ``ledger.db``.

        Raises:
            ConfigError: ``home.database_url`` for a file that holds other than one line.
            StoreError: ``home.unreadable``.
        """
        path = self.secrets_dir / DATABASE_URL_NAME
        raw = _read(path)
        return None if raw is None else one_line(raw, path)

    def create(self) -> None:
        """Make the folders of a new installation.

        Raises:
            ConfigError: ``home.exists`` when a ledger already lies here.
        """
        if self.exists:
            raise ConfigError("home.exists", path=str(self.path))
        self.complete()

    def complete(self) -> None:
        """Make the folders that are missing: a backup has neither secrets nor sentinels.

        Raises:
            StoreError: ``store.read_only`` and the like.
        """
        try:
            for folder in (self.path, self.keys_dir, self.secrets_dir, self.sentinel_dir):
                folder.mkdir(parents=True, exist_ok=True)
            os.chmod(self.secrets_dir, 0o700)
            os.chmod(self.keys_dir, 0o700)
        except OSError as error:
            raise platform.os_failure(error, self.path) from error

    def require(self) -> None:
        """Refuse to go on where no ledger lies.

        Raises:
            ConfigError: ``home.missing``; a missing ledger is never created silently.
        """
        if not self.exists:
            raise ConfigError("home.missing", path=str(self.path))

    def write_storage_key(self, key: bytes) -> None:
        """Keep the key that wraps the case keys (32 bytes)."""
        self._write_secret(self.secrets_dir / "storage.key", key)

    def storage_key(self) -> bytes:
        """Return the key that wraps the case keys.

        Raises:
            StoreError: ``home.storage_key`` when the file is missing or damaged.
        """
        key = _read(self.secrets_dir / "storage.key")
        if key is None or len(key) != SEED_BYTES:
            raise StoreError("home.storage_key", path=str(self.secrets_dir / "storage.key"))
        return key

    def write_log_seed(self, log_id: LogId, seed: bytes) -> None:
        """Keep the signing key of an own log (32 bytes), before its first entry is written."""
        self._write_secret(self._log_key_path(log_id), seed)

    def log_seed(self, log_id: LogId) -> bytes | None:
        """Return the signing key of an own log; None when this machine does not have it."""
        return _seed(self._log_key_path(log_id))

    def write_service_seed(self, station: StationId, purpose: str, seed: bytes) -> None:
        """Keep the signing key of a service of a station (32 bytes)."""
        self._write_secret(self.secrets_dir / f"{purpose}-{station}.key", seed)

    def renew_service_seed(self, station: StationId, purpose: str, seed: bytes) -> None:
        """Keep a new key of a service (32 bytes); the one before stays beside it, under a number."""
        before = self.service_seed(station, purpose)
        older = self._older_seeds(station, purpose)
        if before is not None and before not in (seed, *older):
            self._write_secret(self.secrets_dir / f"{purpose}-{station}.{len(older) + 1}.key", before)
        self.write_service_seed(station, purpose, seed)

    def service_seed(self, station: StationId, purpose: str) -> bytes | None:
        """Return the newest key of a service of a station; None when this machine does not have it."""
        return _seed(self.secrets_dir / f"{purpose}-{station}.key")

    def service_seeds(self, station: StationId, purpose: str) -> tuple[bytes, ...]:
        """Return the keys of a service that this machine has or had, the newest first."""
        newest = self.service_seed(station, purpose)
        return (*(() if newest is None else (newest,)), *reversed(self._older_seeds(station, purpose)))

    def write_secret(self, name: str, content: bytes) -> Path:
        """Keep a secret of the machine durably, for its owner alone; returns its path."""
        self.complete()
        path = self.secrets_dir / name
        self._write_secret(path, content)
        return path

    def secret(self, name: str) -> bytes | None:
        """Return a secret of the machine; None when it is not here."""
        return _read(self.secrets_dir / name)

    def remove_secret(self, name: str) -> None:
        """Remove a secret of the machine; one that is not here is no error."""
        (self.secrets_dir / name).unlink(missing_ok=True)
        platform.fsync_dir(self.secrets_dir)

    def write_grant(self, key: KeyId, content: bytes) -> None:
        """Keep the provisional grant of a key durably, beside the envelopes of keys."""
        self.complete()
        platform.write_durably(self.keys_dir / f"{key.hex()}{GRANT_SUFFIX}", content)

    def grant(self, key: KeyId) -> bytes | None:
        """Return the provisional grant of a key; None when none is here."""
        return _read(self.keys_dir / f"{key.hex()}{GRANT_SUFFIX}")

    def write_certificate(self, name: str, content: bytes) -> Path:
        """Keep a certificate durably; returns its path."""
        try:
            self.tls_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise platform.os_failure(error, self.tls_dir) from error
        path = self.tls_dir / name
        platform.write_durably(path, content)
        return path

    def certificate(self, name: str) -> bytes | None:
        """Return a certificate; None when it is not here."""
        return _read(self.tls_dir / name)

    def write_ledger_genesis(self, raw: bytes) -> None:
        """Pin what the ledger is, before its registry log is here."""
        platform.write_durably(self.genesis_path, raw)

    def ledger_genesis(self) -> bytes | None:
        """Return the pinned genesis of the ledger; None in a folder that was founded without."""
        return _read(self.genesis_path)

    def write_sentinel(self, log_id: LogId, note: str) -> None:
        """Keep the newest checkpoint outside the database, durably."""
        platform.write_durably(self.sentinel_path(log_id), note.encode("utf-8"))

    def sentinel(self, log_id: LogId) -> str | None:
        """Return the checkpoint kept outside the database, if any."""
        data = _read(self.sentinel_path(log_id))
        return None if data is None else data.decode("utf-8", errors="replace")

    def sentinels(self) -> Mapping[LogId, str]:
        """Return every checkpoint kept outside the database, by its log."""
        found: dict[LogId, str] = {}
        for path in self.sentinel_dir.glob("*.note"):
            with suppress(ValueError):
                log_id = LogId(bytes.fromhex(path.stem))
                note = self.sentinel(log_id)
                if note is not None:
                    found[log_id] = note
        return found

    def write_pads_printed(self, log_id: LogId, ordinal: int) -> None:
        """Remember up to which ordinal emergency numbers of a log were printed, durably."""
        platform.write_durably(self._pads_path(log_id), str(ordinal).encode("ascii"))

    def pads_printed(self, log_id: LogId) -> int:
        """Return up to which ordinal emergency numbers of a log were printed; 0 where nobody wrote it down.

        A file that says no number counts as none: the list of batches and the acts know as well.
        """
        data = _read(self._pads_path(log_id)) or b""
        return int(data) if data.isdigit() and len(data) <= len(str(ORDINAL_MAX)) else 0

    def write_machine(self) -> None:
        """Remember the machine that this installation was made on."""
        platform.write_durably(self.sentinel_dir / "machine", platform.machine_id().hex().encode())

    def same_machine(self) -> bool:
        """Whether this is the machine that the installation was made on."""
        return _read(self.sentinel_dir / "machine") == platform.machine_id().hex().encode()

    @property
    def restored(self) -> bool:
        """Whether the folder came out of a backup and its own logs must not be continued."""
        return (self.path / RESTORED_MARKER).exists()

    @property
    def laid_by_hand(self) -> bool:
        """Whether a copy of the database was found in a folder that nobody had marked."""
        return _read(self.path / RESTORED_MARKER) == _BY_HAND

    def mark_copy(self) -> None:
        """Mark the folder if its database is a copy that was laid there; called before it is opened to write.

        Raises:
            StoreError: ``store.read_only`` and the like.
        """
        if not self.restored and is_laid_copy(self.database_path):
            platform.write_durably(self.path / RESTORED_MARKER, _BY_HAND)

    def clear_restored(self) -> None:
        """Forget that the folder came out of a backup: every own log has a successor now."""
        (self.path / RESTORED_MARKER).unlink(missing_ok=True)
        platform.fsync_dir(self.path)

    def case_keys(self) -> str | None:
        """Return the key table that somebody laid here to restore a backup, if any."""
        data = _read(self.path / CASE_KEYS_NAME)
        return None if data is None else data.decode("ascii", errors="replace")

    def clear_case_keys(self) -> None:
        """Remove the key table once its keys are in the database: an erased case must not come back."""
        if (self.path / CASE_KEYS_NAME).exists():
            (self.path / CASE_KEYS_NAME).unlink()
            platform.fsync_dir(self.path)

    def _write_secret(self, path: Path, content: bytes) -> None:
        platform.write_durably(path, content, private=True)

    def _older_seeds(self, station: StationId, purpose: str) -> list[bytes]:
        found: list[bytes] = []
        while (seed := _seed(self.secrets_dir / f"{purpose}-{station}.{len(found) + 1}.key")) is not None:
            found.append(seed)
        return found

    def _log_key_path(self, log_id: LogId) -> Path:
        return self.secrets_dir / f"log-{log_id.hex()}.key"

    def _pads_path(self, log_id: LogId) -> Path:
        return self.sentinel_dir / f"{log_id.hex()}.pads"

    def sentinel_path(self, log_id: LogId) -> Path:
        """Return where the newest checkpoint of an own log is kept outside the database."""
        return self.sentinel_dir / f"{log_id.hex()}.note"


def one_line(raw: bytes, path: Path) -> str:
    """Return the one line of a file that holds a connection string.

    Raises:
        ConfigError: ``home.database_url``.
    """
    lines = [line.strip() for line in raw.decode("utf-8-sig", errors="replace").splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    if len(found) != 1:
        raise ConfigError("home.database_url", path=str(path))
    return found[0]


def _seed(path: Path) -> bytes | None:
    seed = _read(path)
    return seed if seed is not None and len(seed) == SEED_BYTES else None


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError("home.unreadable", path=str(path), detail=error.strerror or "") from error
