"""How each log of the file begins: its genesis, and the act that opened it.

Source: docs/protocol.md, "Log genesis" and "Facts of registry actions".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from audit.reading.findings import Finding, error, from_error
from audit.reading.source import LogRow, LogSpan, Source
from audit.reading.sparserows import sparse_logs, sparse_openings
from ledger.errors import BanjianError
from ledger.formats.body import check_facts
from ledger.formats.entry import decode_entry
from ledger.formats.frame import decode_frame, split_frame
from ledger.formats.genesis import (
    LedgerGenesis,
    LogGenesis,
    decode_ledger_genesis,
    decode_log_genesis,
    genesis_hash,
    log_id,
)
from ledger.known.opening import opening_genesis
from ledger.types import Facts, LogId, StationId

BRANCH_MARK = "~"
"""Between the id of a forked log and the hash that another history of it is named with."""
PINNED_NAME = "ledger.genesis"
"""File beside the database that says which ledger the folder joined."""


def base_of(name: str) -> str:
    """Return the name of the log that a log or branch is, or is a branch of."""
    return name.partition(BRANCH_MARK)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A log of the file that says what it is.

    Attributes:
        name: name in the file.
        genesis: decoded; its hash is the log's id.
        genesis_hash: predecessor of entry 1.
        own: whether the file says that this installation continues it.
        written_here: whether it ever did; one that was given up was written here too.
        listed: whether the table of logs has a row for it.
        size: highest position in the file.
        ledger_genesis: bytes of the ledger's genesis, in the registry log alone.
    """

    name: str
    log_id: LogId
    genesis: LogGenesis
    genesis_hash: bytes
    own: bool
    size: int
    written_here: bool = False
    listed: bool = True
    ledger_genesis: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """The other branch of a forked log, kept beside it.

    Attributes:
        name: the log's name, ``~`` and the hash of the branch's first entry, or the root up to it.
        base: name of the log.
        size: highest position in the file; positions count from 1.
        common: entries of the log before the branch, as far as is known; -1 when nothing says so.
        claimed: what its first entry says of that; -1 when it cannot be read.
        parent: name of the history that it leaves: of the log, or of another branch of it.
    """

    name: str
    base: str
    size: int
    common: int
    claimed: int
    parent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseLog:
    """A log of which single frames are held that came with a case, or another history of a log that forked.

    Attributes:
        name: of another history with ``~`` and the hash of one of its entries behind the log's name.
        genesis: None when its opening is not here or is none.
    """

    name: str
    genesis: LogGenesis | None


def read_pinned(database: Path, report: Callable[[Finding], None]) -> LedgerGenesis | None:
    """Return the genesis that a folder was joined with, None where none is kept beside the database."""
    try:
        raw = (database.parent / PINNED_NAME).read_bytes()
    except OSError:
        return None
    try:
        return decode_ledger_genesis(raw)
    except BanjianError:
        report(error("ledger.genesis_damaged"))
        return None


def read_openings(source: Source, report: Callable[[Finding], None]) -> tuple[list[Opening], list[Branch]]:
    """Return the logs that can be checked, and branches; what is wrong with the others is reported."""
    rows = {row.log: row for row in source.logs()}
    openings: list[Opening] = []
    branches: list[Branch] = []
    seen: set[str] = set()
    for span in source.event_logs():
        name = span.log
        seen.add(name)
        size = _plausible_size(span, report)
        if BRANCH_MARK in name:
            branches.append(_read_branch(source, name, size))
            continue
        row = rows.get(name)
        if row is None:
            report(error("log.unlisted", log=name))
        opening = _read_opening(source, name, row, size, report)
        if opening is not None:
            openings.append(opening)
    for name in sorted(set(rows) - seen - set(sparse_logs(source))):
        report(error("log.missing", log=name))
    return openings, branches


def read_sparse_logs(
    source: Source, openings: Sequence[Opening], report: Callable[[Finding], None]
) -> list[SparseLog]:
    """Return the logs of which single frames are held; the opening of each comes with its first frame."""
    held: dict[str, LogGenesis | None] = {opening.name: opening.genesis for opening in openings}
    rows = {row.log: row for row in source.logs(quiet=True)}
    found: list[SparseLog] = []
    for name in sparse_logs(source):
        base = base_of(name)
        if base not in held:
            held[base] = _sparse_genesis(source, base, rows.get(base), report)
        genesis = held[base]
        found.append(SparseLog(name=name, genesis=genesis))
    return found


def case_stations(openings: Sequence[Opening]) -> dict[str, StationId]:
    """Return the station of every log that may hold acts of cases, by name."""
    return {
        opening.name: opening.genesis.station for opening in openings if opening.genesis.kind == "station"
    }


def all_stations(openings: Sequence[Opening], sparse: Sequence[SparseLog]) -> dict[str, StationId]:
    """Return the station of every log by name, those of which single frames are held among them."""
    found = {one.name: one.genesis.station for one in sparse if one.genesis is not None}
    return found | {opening.name: opening.genesis.station for opening in openings}


def county_logs(openings: Sequence[Opening]) -> frozenset[str]:
    """Return the names of the logs that hold no acts of cases."""
    return frozenset(opening.name for opening in openings if opening.genesis.kind != "station")


def _sparse_genesis(
    source: Source, name: str, row: LogRow | None, report: Callable[[Finding], None]
) -> LogGenesis | None:
    """Return the genesis in the first frame of a log; a row in the table of logs must say the same."""
    for frame, facts in sparse_openings(source, name):
        try:
            genesis = opening_genesis(LogId(bytes.fromhex(name)), frame, facts)
        except (BanjianError, ValueError):
            continue
        if row is not None and row.genesis != genesis.pack():
            report(error("log.row", log=name, field="genesis"))
        if row is not None and (row.kind, row.station) != (genesis.kind, genesis.station):
            report(error("log.row", log=name, field="kind" if row.kind != genesis.kind else "station"))
        return genesis
    report(error("log.opening", log=name, seq=1))
    return None


def _read_branch(source: Source, name: str, size: int) -> Branch:
    """Its checkpoints end where it ends, so they say where it begins; an entry may say anything."""
    claimed = _first_seq(source, name) - 1
    rows = source.rows("SELECT max(size) FROM checkpoints WHERE log = ?", (name,), log=name)
    stated = rows[0][0] if rows else None
    common = stated - size if isinstance(stated, int) and stated >= size else claimed
    base = base_of(name)
    return Branch(name=name, base=base, size=size, common=common, claimed=claimed, parent=base)


def _first_seq(source: Source, branch: str) -> int:
    """Return the position in the log of a branch's first entry, 0 when it cannot be read."""
    for row in source.events(branch, 1, 1):
        try:
            return decode_entry(split_frame(row.frame if type(row.frame) is bytes else b"").entry_raw).seq
        except BanjianError:
            return 0
    return 0


def _plausible_size(span: LogSpan, report: Callable[[Finding], None]) -> int:
    """A forged position must not make the audit walk through an empty log for ever.

    The walk begins at 1: what lies before it, nobody else would see.
    """
    far = span.highest > 2 * span.frames + 1000
    if far or span.lowest < 1 or span.frames > span.highest:
        report(
            error("log.positions", log=span.log, count=span.frames, lowest=span.lowest, highest=span.highest)
        )
    return span.frames if far else span.highest


def _read_opening(
    source: Source, name: str, row: LogRow | None, size: int, report: Callable[[Finding], None]
) -> Opening | None:
    facts = _opening_facts(source, name, report)
    stated = facts.get("genesis") if facts is not None else None
    ledger_genesis = facts.get("ledger_genesis") if facts is not None else None
    raw = next(
        (
            found
            for found in (row.genesis if row is not None else None, stated)
            if isinstance(found, bytes) and log_id(found).hex() == name
        ),
        None,
    )
    if row is not None and row.genesis != raw:
        report(error("log.row", log=name, field="genesis"))
    if facts is not None and stated != raw:
        report(error("log.opening", log=name, seq=1))
    if raw is None:
        report(error("log.genesis", log=name))
        return None
    try:
        genesis = decode_log_genesis(raw)
    except BanjianError as raised:
        report(from_error(raised, log=name))
        return None
    if row is not None and (row.kind != genesis.kind or row.station != genesis.station):
        report(error("log.row", log=name, field="kind" if row.kind != genesis.kind else "station"))
    return Opening(
        name=name,
        log_id=LogId(bytes.fromhex(name)),
        genesis=genesis,
        genesis_hash=genesis_hash(raw),
        own=row is not None and row.own == 1 and not row.state,
        size=size,
        written_here=row is not None and row.own == 1,
        listed=row is not None,
        ledger_genesis=ledger_genesis if isinstance(ledger_genesis, bytes) else b"",
    )


def _opening_facts(source: Source, name: str, report: Callable[[Finding], None]) -> Facts | None:
    """Return the facts of entry 1, None when they cannot be had; the walk reports why."""
    rows = source.events(name, 1, 1)
    frame = rows[0].frame if rows else None
    body = source.facts_at(rows[0], name) if rows else None
    if type(frame) is not bytes or type(body) is not bytes:
        return None
    try:
        act = decode_frame(frame).act
        if act.header.action != "open_log":
            report(error("log.opening", log=name, seq=1))
            return None
        return check_facts(act.header, body)
    except BanjianError:
        return None
