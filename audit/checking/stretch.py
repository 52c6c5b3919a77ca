"""A stretch of a log: some consecutive batches, read and checked by one process.

Only rows up to the stated end are looked at: a station may go on writing behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from audit.checking.acts import LogContext, Unverified, verify_all
from audit.checking.batch import BatchResult, BatchRows, NodeKey, check_batch
from audit.checking.tally import Tally
from audit.reading.findings import Collector
from audit.reading.source import Cell, Source
from audit.reading.subtree import BATCH, BATCH_LEVEL
from ledger.limits import TREE_LEVEL_STORED_MIN

NODES = 'SELECT level, "index", hash FROM tree WHERE log = ? AND level = ? AND "index" BETWEEN ? AND ?'
_CHECKPOINTS = "SELECT size, note FROM checkpoints WHERE log = ? AND size BETWEEN ? AND ? ORDER BY size"
_RECEIPTS = "SELECT size, name, line FROM receipts WHERE log = ? AND size BETWEEN ? AND ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTask:
    """A stretch to be checked.

    Attributes:
        log: name of the log.
        first_seq: where it begins: 1 or behind the end of a batch.
        last_seq: where it ends: at the end of a batch or of the log.
        wanted_sizes: sizes within it at which the root is asked for.
    """

    log: str
    first_seq: int
    last_seq: int
    wanted_sizes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StretchResult:
    """What the check of a stretch gives."""

    batches: list[BatchResult]
    tally: Tally


def stretches(log: str, size: int, *, stretch: int, wanted_sizes: Sequence[int]) -> Iterator[LogTask]:
    """Yield the stretches of a log.

    Args:
        log: name of the log.
        size: highest position in the file.
        stretch: entries of one stretch, a multiple of ``BATCH``.
        wanted_sizes: sizes at which the root is asked for.
    """
    for first in range(1, size + 1, stretch):
        last = min(first + stretch - 1, size)
        wanted = tuple(one for one in wanted_sizes if first <= one <= last)
        yield LogTask(log=log, first_seq=first, last_seq=last, wanted_sizes=wanted)


def stretch_count(size: int, *, stretch: int) -> int:
    """Return how many stretches a log has."""
    return -(-size // stretch)


def check_stretch(source: Source, context: LogContext, task: LogTask) -> StretchResult:
    """Check a stretch of a log."""
    report = source.report
    try:
        return _check(source, context, task)
    finally:
        source.report = report


def _check(source: Source, context: LogContext, task: LogTask) -> StretchResult:
    tally = Tally()
    signatures: list[Unverified] = []
    batches: list[BatchResult] = []
    before: Cell = None
    for first in range(task.first_seq, task.last_seq + 1, BATCH):
        last = min(first + BATCH - 1, task.last_seq)
        findings = Collector()
        source.report = findings.add
        if first == task.first_seq > 1:
            looked_back = source.events(context.name, first - 1, first - 1)
            before = looked_back[0].frame if looked_back else None
        rows = _read(source, context.name, first, last, before=before, wanted_sizes=task.wanted_sizes)
        end = rows.events[-1] if rows.events else None
        before = end.frame if end is not None and end.seq == last else None
        batches.append(check_batch(context, rows, findings, tally, signatures))
    verify_all(signatures)
    return StretchResult(batches=batches, tally=tally)


def _read(
    source: Source, name: str, first_seq: int, last_seq: int, *, before: Cell, wanted_sizes: Sequence[int]
) -> BatchRows:
    nodes: dict[NodeKey, Cell] = {}
    for stored_level in range(TREE_LEVEL_STORED_MIN, BATCH_LEVEL + 1):
        bounds = ((first_seq - 1) >> stored_level, (last_seq - 1) >> stored_level)
        for level, index, node in source.rows(NODES, (name, stored_level, *bounds), log=name, seq=first_seq):
            if isinstance(level, int) and isinstance(index, int):
                nodes[level, index] = node
    events, bodies_alone = source.stretch(name, first_seq, last_seq)
    return BatchRows(
        first_seq=first_seq,
        last_seq=last_seq,
        events=events,
        bodies_alone=bodies_alone,
        previous=before if isinstance(before, bytes) else b"",
        nodes=nodes,
        checkpoints=source.rows(_CHECKPOINTS, (name, first_seq, last_seq), log=name, seq=first_seq),
        receipts=source.rows(_RECEIPTS, (name, first_seq, last_seq), log=name, seq=first_seq),
        wanted_sizes=[size for size in wanted_sizes if first_seq <= size <= last_seq],
    )
