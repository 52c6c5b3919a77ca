"""The whole audit of one ledger file, in a fixed order; it reads only, and needs no network.

1. Open the file; what cannot be opened as a database, although it is there, is a finding.
2. Openings of all logs; the registry log and the ledger's genesis; the pinned id.
3. Registry and catalogue folded: keys, roles, stations, rules.
4. Every log: encoding, links, tree, checkpoints, receipts, signatures, authority, bodies.
5. Branches of forked logs, and single frames that came with a case; what was kept elsewhere: sentinels,
   the auditor's own checkpoints.
6. Every case folded again, and its rows in the table of acts.
7. Rows that no signed act leads to.

Logs and cases are cut into parts, which helper processes check. Their results are joined in the order of the
parts, so that a report does not depend on who was faster.

Source: docs/protocol.md, "What a verifier checks".
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from audit.checking.branches import BranchChecker
from audit.checking.casejoin import CaseJoiner
from audit.checking.caserange import case_tasks
from audit.checking.cases import CaseFolder
from audit.checking.copies import (
    RESTORED_MARKER,
    Kept,
    compare_kept,
    disowned_logs,
    missing_sentinels,
    read_against,
    read_sentinels,
    sentinel_files,
)
from audit.checking.crew import Crew, InOrder, may_start_processes
from audit.checking.desk import Brief, Desk, Result, Task
from audit.checking.logs import LogJoiner, LogResult
from audit.checking.merge import check_merge, check_seen, head_sizes, merge_keys
from audit.checking.outcome import Report, make_report
from audit.checking.placing import PlaceCheck, check_bodies, check_places
from audit.checking.sparse import SparseChecker
from audit.checking.stretch import StretchResult, stretch_count, stretches
from audit.checking.tally import Tally
from audit.reading.county import fold_county, read_ledger_genesis
from audit.reading.findings import Collector, error, notice, warning
from audit.reading.incarnations import (
    chain_of,
    choose_registry,
    compare_parents,
    parent_sizes,
    report_chains,
    report_reused_keys,
    report_second_firsts,
)
from audit.reading.judge import Judge
from audit.reading.openings import (
    Branch,
    Opening,
    SparseLog,
    all_stations,
    county_logs,
    read_openings,
    read_pinned,
    read_sparse_logs,
)
from audit.reading.source import Source, database_of, open_database
from audit.reading.subtree import BATCH
from ledger.errors import StoreError
from ledger.formats.genesis import LedgerGenesis
from ledger.formats.keys import ED25519, key_id
from ledger.types import LedgerId

HELPERS_FROM_BYTES = 4 << 20
"""Smallest file that is worth starting processes for: some 3,000 records, half a second of one core."""
_CANNOT_RUN = frozenset({"store.missing", "store.schema_newer", "store.cannot_open", "store.busy"})
"""Errors of opening that say nothing about the bytes of the file."""
_BATCHES_MAX = 4
"""Batches of one part; fewer in a small ledger, so that all helpers are busy to the end."""
_PARTS_EACH = 8


def verify_ledger(
    path: Path,
    *,
    trust: LedgerId | None = None,
    against: Sequence[bytes] = (),
    storage_key: bytes | None = None,
    workers: int | None = None,
    cases: bool = True,
    helpers_from_bytes: int = HELPERS_FROM_BYTES,
) -> Report:
    """Check everything in a ledger file.

    A large file is checked by helper processes. Where they begin as a new Python (``audit.checking.crew``), a
    script that calls this must guard its own start with ``if __name__ == "__main__"``, as for all of
    ``multiprocessing``.

    Args:
        path: station folder, ``ledger.db`` or a copy of it.
        trust: the pinned ledger id; without it nobody vouches for the root keys.
        against: signed checkpoints that the auditor kept from earlier.
        storage_key: opens personal bodies, so that they are hashed as well.
        workers: processes, this one among them; None for one per core.
        cases: fold every case as well.
        helpers_from_bytes: smallest file that is worth starting processes for.

    Raises:
        ConfigError: ``audit.no_file``; ``audit.helper_died``, after which nothing is known of the ledger.
        StoreError: the file cannot be opened for a reason that lies outside its bytes.
        EncodingError: an ``against`` note is no checkpoint.
    """
    database = database_of(path)
    collector = Collector()
    with ExitStack() as stack:
        crew = _start_crew(database, workers or os.cpu_count() or 1, helpers_from_bytes, stack)
        try:
            sentinels = sentinel_files(database)
            file = stack.enter_context(open_database(database))
        except StoreError as raised:
            if raised.code in _CANNOT_RUN:
                raise
            collector.add(error("file.unreadable", cause=raised.code))
            return make_report(collector)
        if file.has_journal:
            collector.add(error("file.journal", name=_beside(database, "-journal").name))
        source = stack.enter_context(Source(file, collector.add))
        audit = _Audit(source, file.opened, collector, storage_key=storage_key, crew=crew, fold=cases)
        return audit.run(trust, list(against), sentinels)


def _beside(database: Path, suffix: str) -> Path:
    """Return what SQLite looks for beside the file itself, also where a link leads to it."""
    itself = Path(os.path.realpath(database))
    return itself.with_name(itself.name + suffix)


def _start_crew(database: Path, workers: int, helpers_from_bytes: int, stack: ExitStack) -> Crew | None:
    """Return helpers for a large file, None where this process does as well alone or can have no others."""
    waiting = _beside(database, "-wal")
    size = database.stat().st_size + (waiting.stat().st_size if waiting.is_file() else 0)
    if workers == 1 or size < helpers_from_bytes or not may_start_processes():
        return None
    try:
        return stack.enter_context(Crew(workers - 1))
    except (OSError, ImportError):
        # No more processes, or a system without the means to talk to them: it takes longer, that is all.
        return None


class _Audit:
    """One run: what the steps hand on to each other."""

    def __init__(
        self,
        source: Source,
        path: Path,
        collector: Collector,
        *,
        storage_key: bytes | None,
        crew: Crew | None,
        fold: bool,
    ) -> None:
        self._source = source
        self._path = path
        self._collector = collector
        self._find = collector.add
        self._storage_key = storage_key
        self._crew = crew
        self._fold = fold
        self._stretch = BATCH
        self._tally = Tally()
        self._branches: list[Branch] = []
        self._sparse: list[SparseLog] = []
        self._results: dict[str, LogResult] = {}
        self._grown: dict[str, LogResult] = {}
        self._desk: Desk

    def run(self, trust: LedgerId | None, against: list[bytes], sentinels: Mapping[str, bytes]) -> Report:
        for name in self._source.foreign():
            self._find(error("file.schema", name=name))
        openings, self._branches = read_openings(self._source, self._find)
        self._sparse = read_sparse_logs(self._source, openings, self._find)
        records = sum(opening.size for opening in openings)
        pinned = read_pinned(self._source.path, self._find)
        if pinned is not None and not (openings or self._branches or self._sparse):
            return self._not_synced(trust, pinned)
        registry = choose_registry(openings, self._find)
        genesis = None if registry is None else read_ledger_genesis(registry, self._find)
        found = genesis[0] if genesis is not None else LedgerId(b"")
        self._check_trust(trust, found)
        if pinned is not None and genesis is not None and pinned.ledger_id() != found:
            self._find(error("ledger.other_registry", pinned=pinned.ledger_id(), found=found))
        if registry is None or genesis is None:
            return make_report(self._collector, records=records)
        self._stretch = _stretch(records, 1 if self._crew is None else self._crew.count + 1)
        kept, of_kept = self._read_kept(openings, against, sentinels)
        wanted = _wanted_sizes(self._source, openings, self._branches, kept)
        brief = Brief(
            path=self._path,
            ledger_id=found,
            genesis=genesis[1],
            openings=tuple(openings),
            storage_key=self._storage_key,
            fold=self._fold,
        )
        parts = self._hand_out(brief, wanted)
        judge = self._fold_county(found, genesis[1], openings)
        self._desk = Desk(brief, self._source, judge)
        self._collector.take(of_kept)
        results = iter(parts)
        self._join_logs(openings, found, wanted, results)
        self._check_branches(judge, wanted)
        loose = self._check_loose(openings, judge, kept)
        joiner = self._join_cases(openings, judge, results)
        self._summarise(joiner.erased)
        return make_report(
            self._collector,
            records=records + loose,
            ledger_id=found,
            genesis=genesis[1],
            pinned=trust is not None,
            openings=openings,
            results=self._results,
            cases=joiner.cases,
            tally=self._tally,
        )

    def _check_trust(self, trust: LedgerId | None, found: LedgerId) -> None:
        if trust is None:
            self._find(warning("trust.unpinned", ledger=found))
        elif trust != found:
            self._find(error("trust.other_ledger", expected=trust, found=found))

    def _not_synced(self, trust: LedgerId | None, pinned: LedgerGenesis) -> Report:
        """Report on a folder that joined a ledger and has nothing of it yet but what it is."""
        self._check_trust(trust, pinned.ledger_id())
        self._find(warning("ledger.not_synced", ledger=pinned.ledger_id()))
        return make_report(
            self._collector, ledger_id=pinned.ledger_id(), genesis=pinned, pinned=trust is not None
        )

    def _read_kept(
        self, openings: list[Opening], against: list[bytes], sentinels: Mapping[str, bytes]
    ) -> tuple[list[Kept], Collector]:
        """Return what was kept elsewhere, and findings about it; those of the county's logs come first."""
        findings = Collector()
        kept = read_sentinels(sentinels, openings, findings.add)
        missing_sentinels(self._source.path, openings, findings.add)
        disowned_logs(self._source.path, openings, findings.add)
        kept += read_against(against, openings, findings.add, source=self._source, sparse=self._sparse)
        return kept, findings

    def _hand_out(self, brief: Brief, wanted: dict[str, list[int]]) -> InOrder:
        """Give the first parts to the helpers: they are at work while the county's logs are folded here."""
        if self._crew is not None:
            self._crew.tell(brief)
        # The desk of this process is made later, when the county's logs are folded.
        parts = InOrder(self._tasks(brief.openings, wanted), lambda task: self._desk.run(task), self._crew)
        parts.fill()
        return parts

    def _tasks(self, openings: Sequence[Opening], wanted: dict[str, list[int]]) -> Iterator[Task]:
        for opening in openings:
            sizes = wanted.get(opening.name, ())
            yield from stretches(opening.name, opening.size, stretch=self._stretch, wanted_sizes=sizes)
        # Helpers decide when this is asked: damage is told later, when rows are joined.
        yield from case_tasks(self._source.count_acts(quiet=True), stretch=self._stretch)

    def _fold_county(self, pinned: LedgerId, genesis: LedgerGenesis, openings: list[Opening]) -> Judge:
        if not chain_of(openings, "catalogue")[0]:
            self._find(warning("ledger.no_catalogue"))
        report_chains(openings, self._find)
        report_second_firsts(openings, self._find)
        judge = fold_county(self._source, pinned, genesis, openings)
        registry = judge.knowledge.registry
        report_reused_keys(openings, lambda one: registry.is_known_key(key_id(ED25519, one)), self._find)
        return judge

    def _join_logs(
        self,
        openings: list[Opening],
        ledger: LedgerId,
        wanted: dict[str, list[int]],
        results: Iterator[Result],
    ) -> None:
        for opening in openings:
            if opening.genesis.ledger_id != ledger:
                self._find(error("log.other_ledger", log=opening.name))
            joiner = LogJoiner(self._source, opening, self._collector, wanted.get(opening.name, ()))
            for result in islice(results, stretch_count(opening.size, stretch=self._stretch)):
                if isinstance(result, StretchResult):
                    joiner.join(result)
                    self._tally.add(result.tally)
            joiner.finish()
            self._results[opening.name] = joiner.result

    def _check_branches(self, judge: Judge, wanted: dict[str, list[int]]) -> None:
        checker = BranchChecker(
            source=self._source,
            brief=self._desk.brief,
            judge=judge,
            collector=self._collector,
            tally=self._tally,
            results=self._results,
            wanted=wanted,
        )
        self._grown = checker.check_all(self._branches)
        self._branches = list(checker.placed.values())

    def _check_loose(self, openings: list[Opening], judge: Judge, kept: list[Kept]) -> int:
        """Check what stands in no log, and what speaks of logs from outside; return frames checked."""
        sparse = SparseChecker(
            self._source,
            self._desk.brief,
            judge,
            logs=self._sparse,
            places=PlaceCheck(self._source, all_stations(openings, self._sparse)),
            collector=self._collector,
            tally=self._tally,
        )
        count = sum(branch.size for branch in self._branches) + sparse.check()
        compare_kept(kept, self._results, self._find)
        roots = {name: result.roots for name, result in self._results.items()}
        compare_parents(openings, roots, {name: one.roots for name, one in self._grown.items()}, self._find)
        check_merge(self._source, openings, self._branches, roots=roots, report=self._find)
        going_on = {one.name for one in openings if one.own}
        check_seen(self._source, merge_keys(openings, self._sparse), self._tally.seen, going_on, self._find)
        for table, log in self._source.stray_logs(set(self._results), set(self._grown)):
            self._find(error("head.unlisted", log=log, table=table))
        return count

    def _join_cases(self, openings: list[Opening], judge: Judge, results: Iterator[Result]) -> CaseJoiner:
        """Join the cases, tell which rows lead nowhere, and return who joined them."""
        checked = self._results | self._grown
        folder = CaseFolder(
            judge.knowledge,
            stations=all_stations(openings, self._sparse),
            county=county_logs(openings),
            blocked=self._tally.blocked,
        )
        joiner = CaseJoiner(
            self._source,
            folder if self._fold else None,
            self._tally,
            logs=frozenset(checked),
            collector=self._collector,
        )
        for result in results:
            if not isinstance(result, StretchResult):
                joiner.join(result)
        joiner.finish()
        acts = {name: result.acts for name, result in checked.items()}
        places = PlaceCheck(self._source, all_stations(openings, self._sparse), joiner.misfiled)
        check_places(self._source, acts, joiner.placed, places=places, report=self._find)
        check_bodies(self._source, {name: result.size for name, result in checked.items()}, self._find)
        return joiner

    def _summarise(self, erased: Collection[bytes]) -> None:
        tally = self._tally
        unkeyed = sum(count for case_id, count in tally.unkeyed.items() if case_id not in erased)
        if unkeyed and not (self._source.path.parent / RESTORED_MARKER).exists():
            # A backup has none of them: they lie in a table of their own beside it.
            self._find(warning("personal.no_key", count=unkeyed))
        taken = sum(count for case_id, count in tally.taken.items() if case_id not in erased)
        if taken and self._fold:
            self._find(warning("personal.taken", count=taken))
            tally.personal_erased -= taken
        if tally.personal_sealed:
            self._find(notice("personal.sealed", count=tally.personal_sealed))
        if tally.personal_erased:
            self._find(notice("personal.erased", count=tally.personal_erased))
        if tally.attachments:
            self._find(notice("attachment.not_held", count=tally.attachments))


def _wanted_sizes(
    source: Source, openings: Sequence[Opening], branches: Sequence[Branch], kept: Sequence[Kept]
) -> dict[str, list[int]]:
    """Return at which sizes the root of each log is asked for."""
    wanted = {name: sorted(sizes) for name, sizes in parent_sizes(openings).items()}
    for branch in branches:
        wanted.setdefault(branch.base, []).extend(dict.fromkeys((branch.claimed, branch.common)))
    for one in kept:
        wanted.setdefault(one.log, []).append(one.checkpoint.size)
    for log, size in head_sizes(source, openings):
        wanted.setdefault(log, []).append(size)
    return wanted


def _stretch(records: int, processes: int) -> int:
    batches = records // (processes * _PARTS_EACH * BATCH)
    return BATCH * min(max(1, batches), _BATCHES_MAX)
