"""One whole log: batches read here, checked by threads, joined in order into one tree.

The calling thread reads and joins; the threads decode, hash and verify. OpenSSL lets go of the
interpreter's lock
while it verifies a signature, so signatures run on all cores. At most a few batches are in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from audit.acts import LogContext, Tally
from audit.batch import BatchResult, BatchRows, check_batch, edge_at
from audit.findings import Finding, error, notice, warning
from audit.source import Cell, EventRow, Source
from audit.subtree import BATCH, BATCH_LEVEL, Forest, Known, node_count
from ledger.checkpoint import log_origin, open_checkpoint
from ledger.entry import Entry, entry_hash
from ledger.errors import BanjianError
from ledger.limits import TREE_LEVEL_STORED_MIN

_NODES = 'SELECT level, "index", hash FROM tree WHERE log = ? AND level = ? AND "index" BETWEEN ? AND ?'
_CHECKPOINTS = "SELECT size, note FROM checkpoints WHERE log = ? AND size BETWEEN ? AND ? ORDER BY size"
_RECEIPTS = "SELECT size, name, line FROM receipts WHERE log = ? AND size BETWEEN ? AND ?"
_BEYOND = "SELECT size, note FROM checkpoints WHERE log = ? AND (size > ? OR size < 1) ORDER BY size"
_RECEIPTS_BEYOND = "SELECT size FROM receipts WHERE log = ? AND (size > ? OR size < 1)"


@dataclass(slots=True, kw_only=True)
class LogResult:
    """What the check of one log gives beside its findings.

    Attributes:
        size: entries that the file holds.
        root: computed root over them; None when an entry cannot be read.
        roots: computed roots at the sizes that were asked for.
        checkpoint_size: largest size of a stored checkpoint whose signature holds.
        tally: counts over all acts.
    """

    size: int
    root: Known = None
    roots: dict[int, Known] = field(default_factory=dict)
    checkpoint_size: int = 0
    tally: Tally = field(default_factory=Tally)
    last: tuple[Entry, bytes] | None = None


def check_log(
    source: Source,
    context: LogContext,
    size: int,
    *,
    pool: ThreadPoolExecutor,
    window: int,
    report: Callable[[Finding], None],
    wanted_sizes: Sequence[int] = (),
) -> LogResult:
    """Check all entries of a log and everything that is stored about them.

    Args:
        source: the file.
        context: the log.
        size: highest position in the file.
        pool: threads for the batches.
        window: batches in flight.
        report: takes findings.
        wanted_sizes: sizes at which the computed root is asked for.
    """
    joiner = _Joiner(source, context, LogResult(size=size), report, wanted_sizes)
    flying: deque[Future[BatchResult]] = deque()
    previous: Sequence[EventRow] = ()
    for first_seq in range(1, size + 1, BATCH):
        last_seq = min(first_seq + BATCH - 1, size)
        rows = _read(source, context, first_seq, last_seq, previous, wanted_sizes)
        previous = rows.events
        flying.append(pool.submit(check_batch, context, rows))
        if len(flying) > window:
            joiner.join(flying.popleft().result())
    while flying:
        joiner.join(flying.popleft().result())
    joiner.finish()
    return joiner.result


def _read(
    source: Source,
    context: LogContext,
    first_seq: int,
    last_seq: int,
    previous: Sequence[EventRow],
    wanted_sizes: Sequence[int],
) -> BatchRows:
    name = context.name
    nodes: list[tuple[Cell, ...]] = []
    for level in range(TREE_LEVEL_STORED_MIN, BATCH_LEVEL + 1):
        bounds = ((first_seq - 1) >> level, (last_seq - 1) >> level)
        nodes += source.rows(_NODES, (name, level, *bounds), log=name, seq=first_seq)
    before = previous[-1] if previous and previous[-1].seq == first_seq - 1 else None
    frame = before.frame if before is not None else None
    return BatchRows(
        first_seq=first_seq,
        last_seq=last_seq,
        events=source.events(name, first_seq, last_seq),
        previous=frame if isinstance(frame, bytes) else b"",
        nodes=nodes,
        checkpoints=source.rows(_CHECKPOINTS, (name, first_seq, last_seq), log=name, seq=first_seq),
        receipts=source.rows(_RECEIPTS, (name, first_seq, last_seq), log=name, seq=first_seq),
        wanted_sizes=[size for size in wanted_sizes if first_seq <= size <= last_seq],
    )


class _Joiner:
    """Takes batches in order: grows the tree, compares stored rows above them and stated roots."""

    def __init__(
        self,
        source: Source,
        context: LogContext,
        result: LogResult,
        report: Callable[[Finding], None],
        wanted_sizes: Sequence[int],
    ) -> None:
        self.result = result
        self._source = source
        self._context = context
        self._report = report
        self._wanted = frozenset(wanted_sizes)
        self._forest = Forest()
        self._nodes_due = 0
        if 0 in self._wanted:
            result.roots[0] = self._forest.root()

    def join(self, batch: BatchResult) -> None:
        """Take the next batch."""
        for finding in batch.findings:
            self._report(finding)
        self.result.tally.add(batch.tally)
        if batch.last is not None:
            self.result.last = batch.last
        for size, root in batch.stated:
            self._compare_root(batch, size, root)
        for size in self._wanted:
            if batch.first_seq <= size <= batch.last_seq:
                self.result.roots[size] = self._forest.root(edge_at(batch, size))
        if batch.last_seq - batch.first_seq + 1 == BATCH:
            for level, index, computed in self._forest.append(batch.levels[BATCH_LEVEL][0])[1:]:
                self._compare_node(level, index, computed)
            self.result.root = self._forest.root()
        else:
            self.result.root = self._forest.root(edge_at(batch, batch.last_seq))

    def finish(self) -> None:
        """Compare what is stored about the log as a whole."""
        name, size = self._context.name, self.result.size
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

    def _compare_root(self, batch: BatchResult, size: int, root: bytes) -> None:
        computed = self._forest.root(edge_at(batch, size))
        if computed is None:
            self._report(error("checkpoint.unproven", log=self._context.name, seq=size))
        elif computed != root:
            self._report(error("checkpoint.root", log=self._context.name, seq=size))
        else:
            self.result.checkpoint_size = max(self.result.checkpoint_size, size)

    def _compare_node(self, level: int, index: int, computed: Known) -> None:
        name = self._context.name
        rows = self._source.rows(_NODES, (name, level, index, index), log=name)
        if not rows:
            self._report(error("tree.missing", log=name, level=level, index=index))
        elif computed is not None and rows[0][2] != computed:
            self._report(error("tree.row", log=name, level=level, index=index))

    def _cover(self) -> None:
        """Only checkpoints sign entries: whoever has the file can rewrite what lies behind the last one."""
        covered = self.result.checkpoint_size
        count = self.result.size - covered
        if not covered:
            self._report(warning("log.no_checkpoint", log=self._context.name, count=count))
        elif count:
            make = notice if count <= BATCH else warning
            self._report(make("log.uncovered", log=self._context.name, count=count, covered=covered))

    def _head(self) -> None:
        name = self._context.name
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
        if last is None or last[0].seq != self.result.size:
            return
        if hashed != entry_hash(last[1]):
            self._report(error("head.row", log=name, field="entry_hash"))
        if recorded_at_ms != last[0].recorded_at_ms:
            self._report(error("head.row", log=name, field="recorded_at_ms"))

    def _beyond(self, size: Cell, note: Cell) -> None:
        name = self._context.name
        try:
            raw = note if isinstance(note, bytes) else b""
            opened = open_checkpoint(
                raw, log_origin(self._context.log_id), self._context.genesis.log_public_key
            )
        except BanjianError:
            self._report(error("checkpoint.row", log=name, seq=size if isinstance(size, int) else 0))
            return
        if opened.size != size:
            self._report(error("checkpoint.row", log=name, seq=size if isinstance(size, int) else 0))
        if opened.size > self.result.size:
            self._truncated(opened.size)

    def _truncated(self, stated: int) -> None:
        self._report(error("log.truncated", log=self._context.name, stated=stated, held=self.result.size))
