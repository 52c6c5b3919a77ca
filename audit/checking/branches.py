"""The other branches of a forked log: their acts count like all others, and their checkpoints prove the fork.

A branch shares the first entries with its log, or with another branch that it leaves later. So its tree is
that of the other up to there, grown on with its own entries, and it must give the root that the log's key
signed: with the other's checkpoint behind the fork that shows that one key signed two histories.

Source: docs/protocol.md, "What a verifier checks".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from audit.checking.acts import LogContext, Unverified, verify_all
from audit.checking.batch import BatchRows, check_receipt, walk_batch
from audit.checking.desk import Brief
from audit.checking.logs import LogResult, uncovered
from audit.checking.tally import Tally
from audit.reading.findings import Collector, error, from_error, warning
from audit.reading.judge import Judge
from audit.reading.openings import BRANCH_MARK, Branch, Opening
from audit.reading.personal import PersonalReader
from audit.reading.source import Cell, Source
from audit.reading.subtree import BATCH, Edge, Known
from ledger.errors import BanjianError
from ledger.formats.checkpoint import log_origin, open_checkpoint
from ledger.formats.entry import entry_hash
from ledger.formats.frame import split_frame
from ledger.formats.merkle import leaf_hash

_CHECKPOINTS = "SELECT size, note FROM checkpoints WHERE log = ? ORDER BY size"
_RECEIPTS = "SELECT size, name, line FROM receipts WHERE log = ? ORDER BY size, name"


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchChecker:
    """Checks the branches of forked logs, behind the logs themselves.

    Attributes:
        source: the file.
        brief: what is audited.
        judge: registry and catalogue, folded.
        collector: takes findings.
        tally: is counted up.
        results: what the check of each log gave, with the edges of the trees where branches begin.
        wanted: sizes at which the root of each log is asked for; branches answer as well.
        placed: branches with the place that was found for them, by name; filled by ``check``.
    """

    source: Source
    brief: Brief
    judge: Judge
    collector: Collector
    tally: Tally
    results: Mapping[str, LogResult]
    wanted: Mapping[str, Sequence[int]]
    placed: dict[str, Branch] = field(default_factory=dict)
    _trees: dict[str, tuple[Edge, Sequence[Known]]] = field(default_factory=dict)

    def check_all(self, branches: Sequence[Branch]) -> dict[str, LogResult]:
        """Check all branches, each behind the one that it leaves; sizes are those of the other histories."""
        ordered = sorted(branches, key=lambda branch: (branch.common, branch.name))
        return {branch.name: self._check(branch) for branch in ordered}

    def _check(self, branch: Branch) -> LogResult:
        result = LogResult(size=branch.size)
        opening = next((one for one in self.brief.openings if one.name == branch.base), None)
        base = self.results.get(branch.base)
        context = None if opening is None else self._context(branch, opening)
        branch = self._place(branch, context)
        self.placed[branch.name] = branch
        if opening is None or base is None or not self._reaches(branch.parent, branch.common):
            self.collector.add(error("log.branch_place", log=branch.name, field="log"))
            self._tell(branch, result, opening, base or LogResult(size=0))
            return result
        before = self._entry_frame(branch.parent, branch.common)
        context = self._context(branch, opening)
        leaves = self._walk(branch, context, before, result)
        edge = self._edge(branch.parent, branch.common)
        self._check_first(branch, edge, leaves)
        self._trees[branch.name] = edge, leaves
        self._grow(branch, context, edge, leaves, result)
        self._tell(branch, result, opening, base)
        return result

    def _place(self, branch: Branch, context: LogContext | None) -> Branch:
        """Return a branch with the place at which a checkpoint of it holds, found among those it may have."""
        places = list(self._places(branch))
        if len(places) == 1 or context is None:
            return places[0] if places else branch
        leaves = [_leaf(row.frame) for row in self.source.events(branch.name, 1, branch.size)]
        stated = self._stated(replace(branch, common=-1), context, Collector())
        for place in places:
            tree = Edge(self._edge(place.parent, place.common).nodes)
            for size, leaf in enumerate(leaves, start=place.common + 1):
                tree.push(0, leaf)
                if size in stated and tree.root() == stated[size]:
                    return place
        return places[0] if places else branch

    def _places(self, branch: Branch) -> Iterator[Branch]:
        """Yield where a branch may begin: as its first entry says, or where its checkpoints leave room."""
        for common in dict.fromkeys((branch.claimed, branch.common)):
            around = [one.name for one in self.placed.values() if one.base == branch.base]
            for parent in (branch.base, *around):
                if self._reaches(parent, common):
                    yield replace(branch, common=common, parent=parent)

    def _reaches(self, name: str, common: int) -> bool:
        """Whether the entry at a position is kept of a history itself."""
        branch = self.placed.get(name)
        if branch is not None:
            return name in self._trees and branch.common < common <= branch.common + branch.size
        base = self.results.get(name)
        return base is not None and 0 <= common <= base.size

    def _edge(self, name: str, size: int) -> Edge:
        """Return the edge of a history's tree at a size."""
        if name not in self._trees:
            return self.results[name].edges.get(size, Edge([(0, None)]))
        before, leaves = self._trees[name]
        grown = Edge(before.nodes)
        for leaf in leaves[: size - self.placed[name].common]:
            grown.push(0, leaf)
        return grown

    def _entry_frame(self, name: str, seq: int) -> bytes:
        branch = self.placed.get(name)
        return self._frame(name, seq if branch is None else seq - branch.common)

    def _tell(self, branch: Branch, result: LogResult, opening: Opening | None, base: LogResult) -> None:
        self.collector.add(
            warning(
                "log.branch", log=branch.name, first=branch.common + 1, size=branch.size,
                covered=result.checkpoint_size, held=base.size, signed=base.checkpoint_size,
                station="" if opening is None else opening.genesis.station,
            )
        )  # fmt: skip

    def _frame(self, log: str, seq: int) -> bytes:
        rows = self.source.events(log, seq, seq) if seq else []
        frame = rows[0].frame if rows else None
        return frame if isinstance(frame, bytes) else b""

    def _check_first(self, branch: Branch, edge: Edge, leaves: Sequence[Known]) -> None:
        """The name says which entry is the first, and no other history has that entry there."""
        frame = self._frame(branch.name, 1)
        first, named = _hash(frame), branch.name.partition(BRANCH_MARK)[2]
        grown = Edge(edge.nodes)
        grown.push(0, leaves[0] if leaves else None)
        root = grown.root()
        if named != first and (root is None or named != root.hex()):
            self.collector.add(error("log.branch_place", log=branch.name, seq=1, field="name"))
        beside = [
            self._frame(one.name, 1)
            for one in self.placed.values()
            if (one.parent, one.common) == (branch.parent, branch.common) and one.name != branch.name
        ]
        beside.append(self._entry_frame(branch.parent, branch.common + 1))
        if first and first in map(_hash, beside):
            self.collector.add(error("log.branch_place", log=branch.name, seq=1, field="entry"))

    def _context(self, branch: Branch, opening: Opening) -> LogContext:
        key = self.brief.storage_key
        return LogContext(
            name=branch.name, log_id=opening.log_id, ledger_id=self.brief.ledger_id,
            genesis=opening.genesis, genesis_hash=opening.genesis_hash, judge=self.judge, source=self.source,
            personal=None if key is None else PersonalReader(key), common=branch.common,
        )  # fmt: skip

    def _walk(self, branch: Branch, context: LogContext, before: bytes, result: LogResult) -> list[Known]:
        leaves: list[Known] = []
        signatures: list[Unverified] = []
        for first in range(1, branch.size + 1, BATCH):
            last, acts = min(first + BATCH - 1, branch.size), self.tally.acts
            events, alone = self.source.stretch(branch.name, first, last)
            rows = BatchRows(
                first_seq=first, last_seq=last, events=events, bodies_alone=alone, previous=before, nodes={}
            )
            walk = walk_batch(context, rows, self.collector, self.tally, signatures)
            result.last = walk.last or result.last
            result.acts.append(self.tally.acts - acts)
            leaves += walk.leaves
            before = self._frame(branch.name, last)
        verify_all(signatures)
        return leaves

    def _grow(
        self, branch: Branch, context: LogContext, edge: Edge, leaves: Sequence[Known], result: LogResult
    ) -> None:
        """Grow the common tree with the branch, and compare the roots that the log's key signed."""
        stated = self._stated(branch, context, self.collector)
        tree, end = Edge(edge.nodes), branch.common + branch.size
        for size, leaf in enumerate(leaves, start=branch.common + 1):
            tree.push(0, leaf)
            if size in stated or size in self.wanted.get(branch.base, ()):
                result.roots[size] = tree.root()
        result.root = tree.root()
        for size, root in stated.items():
            computed = result.roots.get(size)
            if size > end:
                self.collector.add(error("log.truncated", log=branch.name, stated=size, held=end))
            elif computed is None:
                self.collector.add(error("checkpoint.unproven", log=branch.name, seq=size))
            elif computed != root:
                self.collector.add(error("checkpoint.root", log=branch.name, seq=size))
            else:
                result.checkpoint_size = max(result.checkpoint_size, size)
        covered = result.checkpoint_size
        if not covered:
            self.collector.add(error("log.branch_unproven", log=branch.name))
        elif covered < end:
            self.collector.add(uncovered(branch.name, end - covered, covered))

    def _stated(self, branch: Branch, context: LogContext, collector: Collector) -> dict[int, bytes]:
        """Return the roots that checkpoints of the log's own key state about this branch, by size."""
        stated: dict[int, bytes] = {}
        notes: dict[int, bytes] = {}
        rows: list[tuple[Cell, ...]] = self.source.rows(_CHECKPOINTS, (branch.name,), log=branch.name)
        for size, note in rows:
            seq = size if isinstance(size, int) else 0
            try:
                raw = note if isinstance(note, bytes) else b""
                opened = open_checkpoint(raw, log_origin(context.log_id), context.genesis.log_public_key)
            except BanjianError as raised:
                collector.add(from_error(raised, log=branch.name, seq=seq))
                continue
            if opened.size != size or opened.size <= branch.common:
                collector.add(error("checkpoint.row", log=branch.name, seq=seq))
            else:
                stated[opened.size], notes[opened.size] = opened.root, raw
        for receipt in self.source.rows(_RECEIPTS, (branch.name,), log=branch.name):
            check_receipt(context, collector, notes, *receipt)
        return stated


def _hash(frame: bytes) -> str:
    try:
        return entry_hash(split_frame(frame).entry_raw).hex()
    except BanjianError:
        return ""


def _leaf(frame: Cell) -> Known:
    try:
        return leaf_hash(split_frame(frame if isinstance(frame, bytes) else b"").entry_raw)
    except BanjianError:
        return None
