"""How each log of the file begins: its genesis, and the act that opened it.

Source: docs/protocol.md, "Log genesis" and "Facts of registry actions".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from audit.findings import Finding, error, from_error
from audit.source import LogRow, Source
from ledger.body import check_facts
from ledger.errors import BanjianError
from ledger.frame import decode_frame
from ledger.genesis import LogGenesis, decode_log_genesis, genesis_hash, log_id
from ledger.types import Facts, LogId

BRANCH_MARK = "~"
"""Between the id of a forked log and the hash of the first entry of the other branch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A log of the file that says what it is.

    Attributes:
        name: name in the file.
        genesis: decoded; its hash is the log's id.
        genesis_hash: predecessor of entry 1.
        own: whether the file says that this installation continues it.
        size: highest position in the file.
        ledger_genesis: bytes of the ledger's genesis, in the registry log alone.
    """

    name: str
    log_id: LogId
    genesis: LogGenesis
    genesis_hash: bytes
    own: bool
    size: int
    ledger_genesis: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """The other branch of a forked log, kept beside it."""

    name: str
    base: str
    size: int


def read_openings(source: Source, report: Callable[[Finding], None]) -> tuple[list[Opening], list[Branch]]:
    """Return the logs that can be checked, and branches; what is wrong with the others is reported."""
    rows = {row.log: row for row in source.logs()}
    openings: list[Opening] = []
    branches: list[Branch] = []
    seen: set[str] = set()
    for name, count, highest in source.event_logs():
        seen.add(name)
        size = _plausible_size(name, count, highest, report)
        if BRANCH_MARK in name:
            branches.append(Branch(name=name, base=name.partition(BRANCH_MARK)[0], size=size))
            continue
        row = rows.get(name)
        if row is None:
            report(error("log.unlisted", log=name))
        opening = _read_opening(source, name, row, size, report)
        if opening is not None:
            openings.append(opening)
    for name in sorted(set(rows) - seen):
        report(error("log.missing", log=name))
    return openings, branches


def _plausible_size(name: str, count: int, highest: int, report: Callable[[Finding], None]) -> int:
    """A forged position must not make the audit walk through an empty log for ever."""
    if highest <= 2 * count + 1000:
        return highest
    report(error("log.positions", log=name, count=count, highest=highest))
    return count


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
