"""Checkpoints and the pinned id as files that an auditor keeps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from audit.reading.county import read_ledger_genesis
from audit.reading.findings import Collector
from audit.reading.incarnations import choose_registry
from audit.reading.openings import Opening, read_openings, read_pinned
from audit.reading.personal import STORAGE_KEY_BYTES
from audit.reading.source import Source, database_of, open_database
from ledger.errors import BanjianError, ConfigError
from ledger.formats.checkpoint import log_origin, open_checkpoint
from ledger.types import LedgerId

_FILE_BYTES_MAX = 1024 * 1024
_SIGNATURE = "\u2014 "


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The newest checkpoint that a file holds of one log."""

    log: str
    kind: str
    station: str
    size: int
    note: str


def read_trust_file(path: Path) -> LedgerId:
    """Return the pinned ledger id: a line ``ledger_id = <64 hexadecimal digits>``; ``#`` begins a comment.

    Raises:
        ConfigError: ``audit.trust_file``, ``audit.file_long``.
    """
    for line in _text(path, "audit.trust_file").splitlines():
        name, _, value = line.partition("#")[0].partition("=")
        if name.strip() == "ledger_id":
            try:
                found = bytes.fromhex("".join(value.split()).strip("\"'"))
            except ValueError:
                break
            if len(found) == 32:
                return LedgerId(found)
    raise ConfigError("audit.trust_file", path=str(path))


def read_notes(path: Path) -> list[bytes]:
    """Return the checkpoints of a file, one behind the other as ``checkpoint`` prints them.

    Raises:
        ConfigError: ``audit.against_file``, ``audit.file_long``.
    """
    notes: list[list[str]] = []
    signed = True
    for line in _text(path, "audit.against_file").splitlines():
        is_signature = line.startswith(_SIGNATURE)
        if signed and not is_signature:
            if not line.strip():
                continue
            notes.append([])
        signed = is_signature
        notes[-1].append(line)
    if not notes or not signed:
        raise ConfigError("audit.against_file", path=str(path))
    return [("\n".join(lines) + "\n").encode("utf-8") for lines in notes]


def read_storage_key(path: Path) -> bytes:
    """Return the storage key of an installation.

    Raises:
        ConfigError: ``audit.storage_key``.
    """
    try:
        key = path.read_bytes()
    except OSError as error:
        raise ConfigError("audit.storage_key", path=str(path)) from error
    if len(key) != STORAGE_KEY_BYTES:
        raise ConfigError("audit.storage_key", path=str(path))
    return key


def newest_heads(path: Path) -> list[Head]:
    """Return the newest stored checkpoint of each log whose signature holds.

    Raises:
        ConfigError: ``audit.no_file``.
        StoreError: the file cannot be opened.
    """
    collector = Collector()
    with open_database(database_of(path)) as file, Source(file, collector.add) as source:
        openings, _ = read_openings(source, collector.add)
        return [head for opening in openings if (head := _newest(source, opening)) is not None]


def ledger_id_of(path: Path) -> LedgerId | None:
    """Return the id that a file itself states, None when it cannot be established.

    Raises:
        ConfigError: ``audit.no_file``.
        StoreError: the file cannot be opened.
    """
    collector = Collector()
    with open_database(database_of(path)) as file, Source(file, collector.add) as source:
        openings = read_openings(source, collector.add)[0]
        pinned = read_pinned(source.path, collector.add)
        if pinned is not None and not openings:
            # Joined, and not synced yet: the folder knows which ledger it belongs to, and nothing else.
            return pinned.ledger_id()
        registry = choose_registry(openings, collector.add)
        genesis = None if registry is None else read_ledger_genesis(registry, collector.add)
        return None if genesis is None else genesis[0]


def _newest(source: Source, opening: Opening) -> Head | None:
    statement = "SELECT note FROM checkpoints WHERE log = ? ORDER BY size DESC"
    for (note,) in source.rows(statement, (opening.name,), log=opening.name):
        try:
            raw = note if isinstance(note, bytes) else b""
            opened = open_checkpoint(raw, log_origin(opening.log_id), opening.genesis.log_public_key)
        except BanjianError:
            continue
        return Head(
            log=opening.name,
            kind=opening.genesis.kind,
            station=opening.genesis.station,
            size=opened.size,
            note=raw.decode("utf-8"),
        )
    return None


def _text(path: Path, code: str) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_FILE_BYTES_MAX + 1)
        text = raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(code, path=str(path)) from error
    if len(raw) > _FILE_BYTES_MAX:
        # A part of it would pass for all: what stands behind would be compared with nothing.
        raise ConfigError("audit.file_long", path=str(path), most=_FILE_BYTES_MAX >> 10)
    return text
