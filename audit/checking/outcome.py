"""The outcome of an audit: what was checked, what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from audit.checking.logs import LogResult
from audit.checking.tally import Tally
from audit.reading.findings import Collector, Finding, Severity
from audit.reading.openings import Opening
from ledger.formats.genesis import LedgerGenesis


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSummary:
    """One checked log."""

    log: str
    kind: str
    station: str
    size: int
    checkpoint_size: int
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Result of an audit.

    Attributes:
        ok: no finding is an error.
        records: frames that were checked.
        findings: kept findings, the worst first; many of one code are cut off.
        counts: number of all findings by severity and code.
        ledger_id: id of the ledger as the file has it; empty when it cannot be established.
        purpose: ``office`` or ``training``; "" when unknown.
        pinned: whether the id was compared with a trust file.
        logs: the logs that were checked.
        cases: cases that were folded.
    """

    ok: bool
    records: int
    findings: tuple[Finding, ...]
    counts: dict[tuple[Severity, str], int]
    ledger_id: bytes = b""
    purpose: str = ""
    division_code: str = ""
    pinned: bool = False
    logs: tuple[LogSummary, ...] = ()
    cases: int = 0
    tally: Tally = field(default_factory=Tally)


def make_report(
    collector: Collector,
    *,
    records: int = 0,
    ledger_id: bytes = b"",
    genesis: LedgerGenesis | None = None,
    pinned: bool = False,
    openings: Sequence[Opening] = (),
    results: Mapping[str, LogResult] | None = None,
    cases: int = 0,
    tally: Tally | None = None,
) -> Report:
    """Return the outcome from what the steps of an audit left."""
    return Report(
        ok=collector.total("error") == 0,
        records=records,
        findings=collector.sorted(),
        counts=dict(collector.counts),
        ledger_id=ledger_id,
        purpose="" if genesis is None else genesis.purpose,
        division_code="" if genesis is None else genesis.division_code,
        pinned=pinned,
        logs=tuple(_summary(opening, (results or {})[opening.name]) for opening in openings),
        cases=cases,
        tally=tally or Tally(),
    )


def _summary(opening: Opening, result: LogResult) -> LogSummary:
    return LogSummary(
        log=opening.name,
        kind=opening.genesis.kind,
        station=opening.genesis.station,
        size=result.size,
        checkpoint_size=result.checkpoint_size,
        root="" if result.root is None else result.root.hex(),
    )
