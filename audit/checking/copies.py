"""What was kept elsewhere about the logs: sentinels beside the database, checkpoints that the auditor brings.

A copy that is whole in itself may still be an old one or another one; only something kept outside it shows
that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from audit.checking.logs import LogResult
from audit.reading.findings import Finding, error, notice, warning
from audit.reading.openings import Opening, SparseLog, base_of
from audit.reading.source import Cell, Source
from ledger.errors import BanjianError
from ledger.formats.checkpoint import (
    LOG_ORIGIN_PREFIX,
    Checkpoint,
    log_origin,
    open_checkpoint,
    read_checkpoint,
)

RESTORED_MARKER = "RESTORED"
"""File in the folder of a backup until somebody works on with it."""
SENTINEL_FOLDER = "sentinel"
SECRETS_FOLDER = "secrets"
_SENTINEL_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A checkpoint kept outside the database.

    Attributes:
        log: name of the log in hex.
        checkpoint: signed by the log's key.
        against: True for the auditor's own, False for a sentinel.
    """

    log: str
    checkpoint: Checkpoint
    against: bool


def sentinel_files(database: Path) -> dict[str, bytes]:
    """Return the sentinels beside a database by the names of their logs, as they are now.

    A station that goes on working writes them behind what it has committed: those that are read before the
    look at the database begins tell of nothing that it does not hold.
    """
    found = {}
    for path in sorted((database.parent / SENTINEL_FOLDER).glob("*.note")):
        with suppress(OSError), path.open("rb") as file:
            found[path.stem] = file.read(_SENTINEL_BYTES_MAX)
    return found


def read_sentinels(
    files: Mapping[str, bytes], openings: list[Opening], report: Callable[[Finding], None]
) -> list[Kept]:
    """Return the sentinels that the keys of their logs signed; ``files`` as ``sentinel_files``.

    A sentinel of a log that the file does not hold says that the log is gone, or that the file is another's.
    """
    kept: list[Kept] = []
    held = {opening.name for opening in openings}
    for name in files:
        if name not in held:
            report(error("sentinel.log_missing", log=name))
    for opening in openings:
        raw = files.get(opening.name)
        if raw is None:
            continue
        try:
            opened = open_checkpoint(raw, log_origin(opening.log_id), opening.genesis.log_public_key)
        except BanjianError as raised:
            report(error("sentinel.unsigned", log=opening.name, reason=raised.code))
            continue
        kept.append(Kept(log=opening.name, checkpoint=opened, against=False))
    return kept


def read_against(
    notes: list[bytes],
    openings: list[Opening],
    report: Callable[[Finding], None],
    *,
    source: Source,
    sparse: Sequence[SparseLog] = (),
) -> list[Kept]:
    """Return the auditor's checkpoints that concern logs of this file; the others are findings.

    Args:
        notes: the checkpoints.
        openings: the logs that are held whole.
        report: takes findings.
        source: the file.
        sparse: the logs of which single frames are held.

    Raises:
        EncodingError: a file that is no checkpoint at all: the audit cannot do what it was asked.
    """
    by_origin = {log_origin(opening.log_id): opening for opening in openings}
    # By name, whatever it is: that a log is named by no id is told with its opening.
    single = {f"{LOG_ORIGIN_PREFIX}{base_of(one.name)}": one for one in sparse}
    kept: list[Kept] = []
    for raw in notes:
        stated = read_checkpoint(raw)
        opening = by_origin.get(stated.origin)
        if opening is None and stated.origin in single:
            _compare_single(raw, single[stated.origin], source, report)
            continue
        if opening is None:
            report(error("copy.log_missing", origin=stated.origin, size=stated.size))
            continue
        try:
            opened = open_checkpoint(raw, stated.origin, opening.genesis.log_public_key)
        except BanjianError as raised:
            report(error("copy.unsigned", log=opening.name, reason=raised.code))
            continue
        kept.append(Kept(log=opening.name, checkpoint=opened, against=True))
    return kept


def _compare_single(raw: bytes, held: SparseLog, source: Source, report: Callable[[Finding], None]) -> None:
    """Compare a checkpoint with those under which single frames of its log came: of one size, one root."""
    name = base_of(held.name)
    stated = read_checkpoint(raw)
    if held.genesis is not None:
        try:
            open_checkpoint(raw, stated.origin, held.genesis.log_public_key)
        except BanjianError as raised:
            report(error("copy.unsigned", log=name, reason=raised.code))
            return
    statement = "SELECT note FROM sparse_notes WHERE (log = ? OR log LIKE ?) AND size = ?"
    values = (name, f"{name}~%", stated.size)
    rows = source.rows(statement, values, log=name) if source.has_table("sparse_notes") else []
    roots = {_root(note) for (note,) in rows}
    if roots and stated.root not in roots:
        report(error("copy.other", log=name, seq=stated.size))
        return
    (count,) = source.rows("SELECT count(*) FROM sparse WHERE log = ?", (name,), log=name)[0]
    report(warning("copy.single_records", log=name, stated=stated.size, count=int(str(count))))


def _root(note: Cell) -> bytes:
    try:
        return read_checkpoint(note if isinstance(note, bytes) else b"").root
    except BanjianError:
        return b""


def compare_kept(
    kept: list[Kept], results: Mapping[str, LogResult], report: Callable[[Finding], None]
) -> None:
    """Compare what was kept elsewhere with the trees of the file."""
    for one in kept:
        result = results.get(one.log)
        if result is None:
            continue
        size = one.checkpoint.size
        if size > result.size:
            code = "copy.older" if one.against else "log.truncated"
            report(error(code, log=one.log, stated=size, held=result.size))
            continue
        root = result.roots.get(size)
        if root is None:
            report(error("checkpoint.unproven", log=one.log, seq=size))
        elif root != one.checkpoint.root:
            report(error("copy.other" if one.against else "sentinel.other", log=one.log, seq=size))
        elif one.against:
            report(notice("copy.consistent", log=one.log, stated=size, held=result.size))


def disowned_logs(database: Path, openings: list[Opening], report: Callable[[Finding], None]) -> None:
    """Tell which logs the table of logs calls another machine's although this folder signed them.

    Only who writes a log has its key and keeps its sentinel. One that another log goes on from may be here as
    a stranger's: it came back from elsewhere to a machine that had lost it.
    """
    continued = {opening.genesis.parent_log for opening in openings}
    for opening in openings:
        if not opening.listed or opening.written_here or opening.log_id in continued:
            continue
        sentinel = database.parent / SENTINEL_FOLDER / f"{opening.name}.note"
        if sentinel.exists() or (database.parent / SECRETS_FOLDER / f"log-{opening.name}.key").exists():
            report(error("sentinel.disowned", log=opening.name, station=opening.genesis.station))


def missing_sentinels(database: Path, openings: list[Opening], report: Callable[[Finding], None]) -> None:
    """Tell which own logs have no sentinel: then nothing beside the file shows that its end was cut off."""
    folder = database.parent / SENTINEL_FOLDER
    if (database.parent / RESTORED_MARKER).exists():
        # A backup knows that it is one: its logs will not be continued.
        return
    for opening in openings:
        if opening.own and not (folder / f"{opening.name}.note").exists():
            report(warning("sentinel.missing", log=opening.name))
