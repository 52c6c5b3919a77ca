"""The table of where the merge log names each frame, made anew from the leaves, and compared with them.

Rows follow from the leaves alone. Where one run of frames ends and the next begins is of no meaning: it tells
how they came.

Source: docs/storage.md, "What lies where".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ledger.errors import EncodingError
from ledger.facade.base.synctables import MERGED
from ledger.facade.logs.histories import Branch, load_branches
from ledger.facade.logs.opening import HeldLog
from ledger.formats.entry import entry_hash
from ledger.formats.frame import split_frame
from ledger.formats.merge import FrameLeaf, decode_merge_leaf
from ledger.store.contract import ReadTx, WriteTx
from ledger.store.tables import Row

PAGE = 1_000


class _Run(NamedTuple):
    """Frames of one log or branch that leaves name one after the other: a row of the table."""

    log: str
    seq: int
    frames: int
    merge_log: str
    position: int

    def goes_on(self, other: _Run) -> bool:
        """Tell whether another run begins where this one ends."""
        ends = (self.log, self.seq + self.frames, self.merge_log, self.position + self.frames)
        return ends == (other.log, other.seq, other.merge_log, other.position)


def remake_merged(tx: WriteTx, merge_logs: Iterable[HeldLog]) -> None:
    """Drop all rows and make them anew from the leaves.

    Args:
        tx: the one write transaction.
        merge_logs: the merge logs held here, in the order in which they continue each other.
    """
    rows = {(run.log, run.seq): run for run in _joined(_named(tx, merge_logs))}
    tx.delete(MERGED, {})
    tx.insert(MERGED, list(rows.values()))


def merged_differ(tx: ReadTx, merge_logs: Iterable[HeldLog]) -> int:
    """Return how many runs of named frames the table has otherwise than the leaves, or lacks."""
    held = _joined(_run_of(row) for row in tx.select(MERGED, {}, order_by=("merge_log", "position")))
    due = _joined(_named(tx, merge_logs))
    return len({*held} ^ {*due})


def _run_of(row: Row) -> _Run:
    log, seq, count, merge_log, position = row
    whole = [one if isinstance(one, int) else 0 for one in (seq, count, position)]
    return _Run(str(log), whole[0], whole[1], str(merge_log), whole[2])


def _joined(runs: Iterable[_Run]) -> Iterator[_Run]:
    last: _Run | None = None
    for run in runs:
        if last is not None and last.goes_on(run):
            last = last._replace(frames=last.frames + run.frames)
            continue
        if last is not None:
            yield last
        last = run
    if last is not None:
        yield last


def _named(tx: ReadTx, merge_logs: Iterable[HeldLog]) -> Iterator[_Run]:
    """Yield a run of one for each frame that a leaf names and that is held here."""
    branches: dict[str, list[Branch]] = {}
    for log in merge_logs:
        size = tx.size(log.name)
        for first in range(2, size + 1, PAGE):
            for position, raw in tx.frames(log.name, first, min(first + PAGE - 1, size)):
                try:
                    leaf = decode_merge_leaf(raw)
                except EncodingError:
                    # The audit tells of it; it names nothing.
                    continue
                if not isinstance(leaf, FrameLeaf):
                    continue
                base = leaf.log_id.hex()
                if base not in branches:
                    branches[base] = list(load_branches(tx, base).values())
                for name, seq in _places(tx, leaf, branches[base]):
                    yield _Run(name, seq, 1, log.name, position)


def _places(tx: ReadTx, leaf: FrameLeaf, branches: Iterable[Branch]) -> Iterator[tuple[str, int]]:
    """Yield where the frame of a leaf lies: in its log, or in the branch of it that has that very entry."""
    base, among = leaf.log_id.hex(), list(branches)
    if not among:
        yield base, leaf.seq
        return
    for name, seq in ((base, leaf.seq), *((one.name, leaf.seq - one.common) for one in among)):
        if seq >= 1 and _entry_hash(tx, name, seq) == leaf.entry_hash:
            yield name, seq
            return


def _entry_hash(tx: ReadTx, name: str, seq: int) -> bytes:
    """Return the hash of a stored entry; nothing for one that is not there or cannot be read."""
    try:
        return entry_hash(split_frame(tx.frame(name, seq) or b"").entry_raw)
    except EncodingError:
        return b""
