"""One whole log: its stretches, checked by whoever was free, joined in order into one tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from audit.checking.batch import BatchResult
from audit.checking.stretch import NODES, StretchResult
from audit.reading.findings import Collector, Finding, error, notice, warning
from audit.reading.openings import Opening
from audit.reading.source import Cell, Source
from audit.reading.subtree import BATCH, Edge, Forest, Known, node_count
from ledger.errors import BanjianError
from ledger.formats.checkpoint import log_origin, open_checkpoint
from ledger.limits import TREE_LEVEL_STORED_MIN

_BEYOND = "SELECT size, note FROM checkpoints WHERE log = ? AND (size > ? OR size < 1) ORDER BY size"
_RECEIPTS_BEYOND = "SELECT size FROM receipts WHERE log = ? AND (size > ? OR size < 1)"


@dataclass(slots=True, kw_only=True)
class LogResult:
    """What the check of one log gives beside its findings.

    Attributes:
        size: entries that the file holds.
        root: computed root over them; None when an entry cannot be read.
        roots: computed roots at the sizes that were asked for.
        edges: the edges of the tree at these sizes.
        checkpoint_size: largest size of a stored checkpoint whose signature holds.
        acts: acts that decode, by batch.
        last: position, hash and recorded time of the last entry that decodes.
    """

    size: int
    root: Known = None
    roots: dict[int, Known] = field(default_factory=dict)
    edges: dict[int, Edge] = field(default_factory=dict)
    checkpoint_size: int = 0
    acts: list[int] = field(default_factory=list)
    last: tuple[int, bytes, int] | None = None


class LogJoiner:
    """Takes the stretches of a log in order: grows the tree, compares the rows above them and stated roots.

    Args:
        source: the file.
        opening: the log.
        collector: takes findings.
        wanted_sizes: sizes at which the computed root is asked for.
    """

    def __init__(
        self, source: Source, opening: Opening, collector: Collector, wanted_sizes: Sequence[int] = ()
    ) -> None:
        self.result = LogResult(size=opening.size)
        self._source = source
        self._opening = opening
        self._collector = collector
        self._report = collector.add
        self._forest = Forest()
        if 0 in wanted_sizes:
            self._keep(0, ())

    def join(self, stretch: StretchResult) -> None:
        """Take the next stretch."""
        for batch in stretch.batches:
            self._join(batch)

    def _join(self, batch: BatchResult) -> None:
        self._collector.take(batch.findings)
        self.result.acts.append(batch.acts)
        if batch.last is not None:
            self.result.last = batch.last
        for size, root, edge in batch.stated:
            self._compare_root(size, root, edge)
        for size, edge in batch.wanted:
            self._keep(size, edge)
        if batch.last_seq - batch.first_seq + 1 == BATCH:
            for level, index, computed in self._forest.append(batch.edge[0])[1:]:
                self._compare_node(level, index, computed)
            self.result.root = self._forest.root()
        else:
            self.result.root = self._forest.root(batch.edge)

    def _keep(self, size: int, tail: Sequence[Known]) -> None:
        edge = self._forest.edge(tail, size)
        self.result.edges[size], self.result.roots[size] = edge, edge.root()

    def finish(self) -> None:
        """Compare what is stored about the log as a whole."""
        name, size = self._opening.name, self.result.size
        due = node_count(size, lowest_level=TREE_LEVEL_STORED_MIN)
        for (count,) in self._source.rows("SELECT count(*) FROM tree WHERE log = ?", (name,), log=name):
            if isinstance(count, int) and count > due:
                self._report(error("tree.extra", log=name, count=count, expected=due))
        self._head()
        self._cover()
        for stated_size, note in self._source.rows(_BEYOND, (name, size), log=name):
            self._beyond(stated_size, note)
        for (stated_size,) in self._source.rows(_RECEIPTS_BEYOND, (name, size), log=name):
            self._truncated(stated_size if isinstance(stated_size, int) else 0)

    def _compare_root(self, size: int, root: bytes, edge: Sequence[Known]) -> None:
        computed = self._forest.root(edge)
        if computed is None:
            self._report(error("checkpoint.unproven", log=self._opening.name, seq=size))
        elif computed != root:
            self._report(error("checkpoint.root", log=self._opening.name, seq=size))
        else:
            self.result.checkpoint_size = max(self.result.checkpoint_size, size)

    def _compare_node(self, level: int, index: int, computed: Known) -> None:
        name = self._opening.name
        rows = self._source.rows(NODES, (name, level, index, index), log=name)
        if not rows:
            self._report(error("tree.missing", log=name, level=level, index=index))
        elif computed is not None and rows[0][2] != computed:
            self._report(error("tree.row", log=name, level=level, index=index))

    def _cover(self) -> None:
        """Only checkpoints sign entries: whoever has the file can rewrite what lies behind the last one."""
        covered = self.result.checkpoint_size
        count = self.result.size - covered
        if not covered:
            self._report(warning("log.no_checkpoint", log=self._opening.name, count=count))
        elif count:
            self._report(uncovered(self._opening.name, count, covered))

    def _head(self) -> None:
        name = self._opening.name
        rows = self._source.rows(
            "SELECT size, entry_hash, recorded_at_ms FROM heads WHERE log = ?", (name,), log=name
        )
        if not rows:
            self._report(error("head.missing", log=name))
            return
        size, hashed, recorded_at_ms = rows[0]
        if isinstance(size, int) and size > self.result.size:
            self._truncated(size)
        elif size != self.result.size:
            self._report(error("head.row", log=name, field="size"))
        last = self.result.last
        if last is None or last[0] != self.result.size:
            return
        if hashed != last[1]:
            self._report(error("head.row", log=name, field="entry_hash"))
        if recorded_at_ms != last[2]:
            self._report(error("head.row", log=name, field="recorded_at_ms"))

    def _beyond(self, size: Cell, note: Cell) -> None:
        name = self._opening.name
        try:
            raw = note if isinstance(note, bytes) else b""
            opened = open_checkpoint(
                raw, log_origin(self._opening.log_id), self._opening.genesis.log_public_key
            )
        except BanjianError:
            self._report(error("checkpoint.row", log=name, seq=size if isinstance(size, int) else 0))
            return
        if opened.size != size:
            self._report(error("checkpoint.row", log=name, seq=size if isinstance(size, int) else 0))
        if opened.size > self.result.size:
            self._truncated(opened.size)

    def _truncated(self, stated: int) -> None:
        self._report(error("log.truncated", log=self._opening.name, stated=stated, held=self.result.size))


def uncovered(name: str, count: int, covered: int) -> Finding:
    """Return the finding that so many entries lie behind the last checkpoint, which covers ``covered``."""
    make = notice if count <= BATCH else warning
    return make("log.uncovered", log=name, count=count, covered=covered)
