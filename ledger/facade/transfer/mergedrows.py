"""The table of where the merge log names each frame, made anew from the leaves, and compared with them.

Rows follow from the leaves alone. Where one run of frames ends and the next begins is of no meaning: it tells
how they came. So does the place up to which the records of the store are named, which is remembered because
to look for it takes reading the store: behind it lies what no leaf names yet, and nothing else.

Source: docs/storage.md, "What lies where".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from ledger.errors import EncodingError
from ledger.facade.base.synctables import MERGED
from ledger.facade.logs.countyfold import COUNTY_KINDS
from ledger.facade.logs.histories import Branch, branch_names, load_branches
from ledger.facade.logs.opening import BRANCH_MARK, HeldLog
from ledger.formats.entry import entry_hash
from ledger.formats.frame import split_frame
from ledger.formats.merge import FrameLeaf, HeadLeaf, decode_merge_leaf
from ledger.store import schema
from ledger.store.contract import NewRecord, ReadTx, WriteTx
from ledger.store.tables import Row

MERGE_TRACK: Final = "merge_log"
"""Name under which the store keeps how far the records are named."""
PAGE: Final = 1_000


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


def remake_merged(tx: WriteTx, merge_logs: Sequence[HeldLog]) -> None:
    """Drop all rows and make them anew from the leaves, and with them the place that is remembered.

    Args:
        tx: the one write transaction.
        merge_logs: the merge logs held here, in the order in which they continue each other.
    """
    rows = {(run.log, run.seq): run for run in _joined(_named(tx, merge_logs))}
    tx.delete(MERGED, {})
    tx.insert(MERGED, list(rows.values()))
    place = _place(tx, merge_logs)
    tx.untrack(MERGE_TRACK)
    if place:
        tx.track(MERGE_TRACK, place)


def merged_differ(tx: ReadTx, merge_logs: Sequence[HeldLog]) -> int:
    """Return how many runs of named frames the table has otherwise than the leaves, or lacks.

    Another place than the one up to which the records are named counts as one more.
    """
    held = _joined(_run_of(row) for row in tx.select(MERGED, {}, order_by=("merge_log", "position")))
    due = _joined(_named(tx, merge_logs))
    return len({*held} ^ {*due}) + bool(merge_logs and is_place_lost(tx))


def named_upto(tx: ReadTx, name: str) -> int:
    """Return the last position of a log or branch that a leaf names; 0 for none."""
    last = tx.select(MERGED, {"log": name}, order_by=("seq",), descending=True, limit=1)
    return next((run.seq + run.frames - 1 for run in map(_run_of, last)), 0)


def is_place_lost(tx: ReadTx) -> bool:
    """Tell whether the place that is remembered is none, or the wrong one.

    Then records behind it are named, or some before it are not. Nothing is read but what lies behind it, so
    it costs little where most is named.
    """
    place = tx.tracked(MERGE_TRACK)
    if place and [one.position for one in tx.records(after=place - 1, limit=1)] != [place]:
        return True
    kinds, waiting = _kinds(tx), dict[str, range]()
    for name in (*(log for log, kind in kinds.items() if kind == "station"), *branch_names(tx)):
        first, size = named_upto(tx, name) + 1, tx.size(name)
        if first <= size:
            waiting[name] = range(first, size + 1)
    for record in _records(tx, after=place):
        if not _is_of_station(record, kinds):
            continue
        left = waiting.get(record.log)
        if not left or left[0] != record.seq:
            return True
        waiting[record.log] = left[1:]
    return any(waiting.values())


def _place(tx: ReadTx, merge_logs: Iterable[HeldLog]) -> int:
    """Return the place in the store up to which leaves name every record; 0 where they name none."""
    kinds, named = _kinds(tx), dict[str, int]()
    for _, _, leaf in _leaves(tx, merge_logs):
        if isinstance(leaf, HeadLeaf):
            name = leaf.log_id.hex()
            named[name] = max(leaf.size, named.get(name, 0))
    place = 0
    for record in _records(tx, after=0):
        if kinds.get(record.log) != "merge":
            if record.log not in named:
                named[record.log] = named_upto(tx, record.log)
            if record.seq > named[record.log]:
                break
        place = record.position
    return place


def _kinds(tx: ReadTx) -> dict[str, str]:
    return {str(row[0]): str(row[1]) for row in tx.select(schema.LOGS, {})}


def _is_of_station(record: NewRecord, kinds: Mapping[str, str]) -> bool:
    """Tell whether a record has a leaf of its own: those of branches have, whatever their log is."""
    log, _, branch = record.log.partition(BRANCH_MARK)
    kind = kinds.get(log, "station")
    return kind != "merge" and (bool(branch) or kind not in COUNTY_KINDS)


def _records(tx: ReadTx, *, after: int) -> Iterator[NewRecord]:
    while page := tx.records(after=after, limit=PAGE):
        yield from page
        after = page[-1].position


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
    for merge_log, position, leaf in _leaves(tx, merge_logs):
        if not isinstance(leaf, FrameLeaf):
            continue
        base = leaf.log_id.hex()
        if base not in branches:
            branches[base] = list(load_branches(tx, base).values())
        for name, seq in _places(tx, leaf, branches[base]):
            yield _Run(name, seq, 1, merge_log, position)


def _leaves(tx: ReadTx, merge_logs: Iterable[HeldLog]) -> Iterator[tuple[str, int, FrameLeaf | HeadLeaf]]:
    """Yield merge log, position and leaf of all that can be read."""
    for log in merge_logs:
        size = tx.size(log.name)
        for first in range(2, size + 1, PAGE):
            for position, raw in tx.frames(log.name, first, min(first + PAGE - 1, size)):
                try:
                    yield log.name, position, decode_merge_leaf(raw)
                except EncodingError:
                    # The audit tells of it; it names nothing.
                    continue


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
