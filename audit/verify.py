"""The whole audit of one ledger file, in a fixed order; it reads only, and needs no network.

1. Open the file; what cannot be opened as a database, although it is there, is a finding.
2. Openings of all logs; the registry log and the ledger's genesis; the pinned id.
3. Registry and catalogue folded: keys, roles, stations, rules.
4. Every log: encoding, links, tree, checkpoints, receipts, signatures, authority, bodies.
5. What was kept elsewhere: sentinels, the auditor's own checkpoints.
6. Rows that no signed act leads to.
7. Every case folded again.

Source: docs/protocol.md, "What a verifier checks".
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from audit.acts import LogContext, Tally
from audit.cases import CaseFolder, CaseReporter
from audit.copies import compare_kept, missing_sentinels, read_against, read_sentinels
from audit.county import fold_county, read_ledger_genesis
from audit.findings import Collector, Finding, Severity, error, notice, warning
from audit.incarnations import (
    chain_of,
    choose_registry,
    compare_parents,
    parent_sizes,
    report_chains,
    report_reused_keys,
)
from audit.judge import Judge
from audit.logs import LogResult, check_log
from audit.loose import LooseChecker
from audit.openings import Branch, Opening, read_openings
from audit.personal import PersonalReader
from audit.source import Source, open_database
from ledger.errors import ConfigError, StoreError
from ledger.genesis import LedgerGenesis
from ledger.keys import ED25519, key_id
from ledger.types import LedgerId, StationId

DATABASE_NAME = "ledger.db"
_CANNOT_RUN = frozenset({"store.missing", "store.schema_newer", "store.cannot_open", "store.busy"})
"""Errors of opening that say nothing about the bytes of the file."""


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


def database_of(path: Path) -> Path:
    """Return the database of a path that an auditor names: a station folder or the file itself.

    Raises:
        ConfigError: ``audit.no_file``.
    """
    found = path / DATABASE_NAME if path.is_dir() else path
    if not found.is_file():
        raise ConfigError("audit.no_file", path=str(path))
    return found


def verify_ledger(
    path: Path,
    *,
    trust: LedgerId | None = None,
    against: Sequence[bytes] = (),
    storage_key: bytes | None = None,
    workers: int | None = None,
    cases: bool = True,
) -> Report:
    """Check everything in a ledger file.

    Args:
        path: station folder, ``ledger.db`` or a copy of it.
        trust: the pinned ledger id; without it nobody vouches for the root keys.
        against: signed checkpoints that the auditor kept from earlier.
        storage_key: opens personal bodies, so that they are hashed as well.
        workers: threads; None for one per core.
        cases: fold every case as well.

    Raises:
        ConfigError: ``audit.no_file``.
        StoreError: the file cannot be opened for a reason that lies outside its bytes.
        EncodingError: an ``against`` note is no checkpoint.
    """
    database = database_of(path)
    collector = Collector()
    try:
        file = open_database(database)
    except StoreError as raised:
        if raised.code in _CANNOT_RUN:
            raise
        collector.add(error("file.unreadable", cause=raised.code))
        return _report(collector)
    with file, Source(file, collector.add, keys=storage_key is not None) as source:
        audit = _Audit(source, collector, storage_key=storage_key, workers=workers or os.cpu_count() or 1)
        return audit.run(trust=trust, against=list(against), cases=cases)


class _Audit:
    """One run: what the steps hand on to each other."""

    def __init__(
        self, source: Source, collector: Collector, *, storage_key: bytes | None, workers: int
    ) -> None:
        self._source = source
        self._collector = collector
        self._find = collector.add
        self._personal = None if storage_key is None else PersonalReader(storage_key)
        self._workers = workers
        self._tally = Tally()
        self._results: dict[str, LogResult] = {}
        self._loose = 0

    def run(self, *, trust: LedgerId | None, against: list[bytes], cases: bool) -> Report:
        openings, branches = read_openings(self._source, self._find)
        registry = choose_registry(openings, self._find)
        genesis = None if registry is None else read_ledger_genesis(registry, self._find)
        found = genesis[0] if genesis is not None else LedgerId(b"")
        self._check_trust(trust, found)
        if registry is None or genesis is None:
            return _report(self._collector, records=sum(opening.size for opening in openings))
        judge = self._fold(found, genesis[1], openings)
        self._check_logs(openings, branches, judge, found, against)
        self._check_strays({opening.name for opening in openings} | {branch.name for branch in branches})
        folded = self._fold_cases(openings, judge) if cases else 0
        self._summarise()
        return _report(
            self._collector,
            records=self._loose + sum(result.size for result in self._results.values()),
            ledger_id=found,
            genesis=genesis[1],
            pinned=trust is not None,
            openings=openings,
            results=self._results,
            cases=folded,
            tally=self._tally,
        )

    def _check_trust(self, trust: LedgerId | None, found: LedgerId) -> None:
        if trust is None:
            self._find(warning("trust.unpinned", ledger=found))
        elif trust != found:
            self._find(error("trust.other_ledger", expected=trust, found=found))

    def _fold(self, pinned: LedgerId, genesis: LedgerGenesis, openings: list[Opening]) -> Judge:
        if not chain_of(openings, "catalogue")[0]:
            self._find(warning("ledger.no_catalogue"))
        report_chains(openings, self._find)
        judge = fold_county(self._source, pinned, genesis, openings)
        registry = judge.knowledge.registry
        report_reused_keys(openings, lambda one: registry.is_known_key(key_id(ED25519, one)), self._find)
        return judge

    def _check_logs(
        self,
        openings: list[Opening],
        branches: list[Branch],
        judge: Judge,
        ledger: LedgerId,
        against: list[bytes],
    ) -> None:
        kept = read_sentinels(self._source.path, openings, self._find)
        missing_sentinels(self._source.path, openings, self._find)
        kept += read_against(against, openings, self._find)
        parents = parent_sizes(openings)
        with ThreadPoolExecutor(self._workers, thread_name_prefix="audit") as pool:
            for opening in openings:
                if opening.genesis.ledger_id != ledger:
                    self._find(error("log.other_ledger", log=opening.name))
                result = check_log(
                    self._source,
                    self._context(opening, judge, ledger),
                    opening.size,
                    pool=pool,
                    window=2 * self._workers + 2,
                    report=self._find,
                    wanted_sizes=[
                        *(one.checkpoint.size for one in kept if one.log == opening.name),
                        *parents.get(opening.name, ()),
                    ],
                )
                self._results[opening.name] = result
                self._tally.add(result.tally)
        loose = LooseChecker(self._source, judge, ledger, self._find)
        self._loose = sum(loose.check_branch(branch) for branch in branches) + loose.check_sparse()
        compare_kept(kept, self._results, self._find)
        roots = {name: result.roots for name, result in self._results.items()}
        compare_parents(openings, roots, self._find)

    def _check_strays(self, known: set[str]) -> None:
        """Rows that no signed act leads to, and acts that the table of acts places elsewhere."""
        for table, log in self._source.stray_logs(known):
            self._find(error("head.unlisted", log=log, table=table))
        for code, act in self._source.orphans():
            self._find(error(code, act=act))
        for log, seq, act, named_log, named_seq in self._tally.elsewhere:
            placed = isinstance(named_log, str) and isinstance(named_seq, int)
            if placed and self._source.act_at(str(named_log), int(str(named_seq))) == act:
                self._find(notice("act.repeated", log=log, seq=seq, act=act))
            else:
                self._find(error("acts.row", log=log, seq=seq, act=act, field="log"))
        if self._source.act_row_count() == self._tally.indexed:
            return
        for act, log, seq in self._source.act_rows():
            if self._source.act_at(log, seq) != act:
                self._find(error("acts.orphan", log=log, seq=seq, act=act))

    def _context(self, opening: Opening, judge: Judge, ledger: LedgerId) -> LogContext:
        return LogContext(
            name=opening.name,
            log_id=opening.log_id,
            ledger_id=ledger,
            genesis=opening.genesis,
            genesis_hash=opening.genesis_hash,
            judge=judge,
            personal=self._personal,
        )

    def _fold_cases(self, openings: list[Opening], judge: Judge) -> int:
        folder = CaseFolder(
            judge.knowledge,
            stations=case_stations(openings),
            county=county_logs(openings),
            blocked=self._tally.blocked,
        )
        reporter = CaseReporter(self._find)
        for view in folder.fold_all(self._source.cases()):
            reporter.take(view)
        return reporter.cases

    def _summarise(self) -> None:
        tally = self._tally
        if tally.personal_sealed:
            self._find(notice("personal.sealed", count=tally.personal_sealed))
        if tally.personal_erased:
            self._find(notice("personal.erased", count=tally.personal_erased))
        if tally.attachments:
            self._find(notice("attachment.not_held", count=tally.attachments))


def case_stations(openings: Sequence[Opening]) -> dict[str, StationId]:
    """Return the station of every log that may hold acts of cases, by name."""
    return {
        opening.name: opening.genesis.station for opening in openings if opening.genesis.kind == "station"
    }


def county_logs(openings: Sequence[Opening]) -> frozenset[str]:
    """Return the names of the logs that hold no acts of cases."""
    return frozenset(opening.name for opening in openings if opening.genesis.kind != "station")


def _report(
    collector: Collector,
    *,
    records: int = 0,
    ledger_id: bytes = b"",
    genesis: LedgerGenesis | None = None,
    pinned: bool = False,
    openings: Sequence[Opening] = (),
    results: dict[str, LogResult] | None = None,
    cases: int = 0,
    tally: Tally | None = None,
) -> Report:
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
