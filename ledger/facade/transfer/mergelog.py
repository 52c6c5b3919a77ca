"""The county's merge log: one leaf for every frame that it stored, in order of arrival.

The leaves follow the frames in batches, each batch one transaction with the store position up to which the
frames are named; so every frame is named once, whatever crashes between two batches. Frames of station logs
and of branches have a leaf each; of the registry and the catalogue the head is named whenever they grew.

Nothing is kept in memory between two batches: the end of the log is read back from the store.

Source: docs/protocol.md, "Merge log".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from ledger.errors import DataError, StoreError
from ledger.facade.base.synctables import MERGED
from ledger.facade.cases.writing import Writer
from ledger.facade.logs.countyfold import COUNTY_KINDS
from ledger.facade.logs.histories import load_branch
from ledger.facade.logs.opening import BRANCH_MARK, HeldLog
from ledger.facade.logs.ownlog import OwnLog, newest_checkpoint, stored_nodes
from ledger.facade.transfer.mergedrows import MERGE_TRACK, is_place_lost, named_upto, remake_merged
from ledger.formats.checkpoint import read_checkpoint
from ledger.formats.entry import entry_hash
from ledger.formats.excerpt import ExcerptContent
from ledger.formats.frame import reread_entry_raw
from ledger.formats.genesis import LogGenesis
from ledger.formats.merge import MERGE_LEAF, FrameLeaf, HeadLeaf
from ledger.formats.merkle import consistency_proof, inclusion_proof, leaf_hash, multiproof, root_at
from ledger.limits import TREE_LEVEL_STORED_MIN
from ledger.store import schema
from ledger.store.contract import NewRecord, ReadTx, Store, WriteTx
from ledger.store.tables import Range, Row, Where
from ledger.types import LogId

BATCH_RECORDS: Final = 1_000
"""Records that are named in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafProof:
    """That the merge log names a frame: its leaf and the way from there to a root.

    Attributes:
        merge_log: the merge log, of whatever incarnation.
        index: place of the leaf, from 0.
        leaf: its bytes.
        size: leaves of the tree that the proof is for.
        steps: hashes for ``ledger.formats.merkle.verify_inclusion``.
    """

    merge_log: LogId
    index: int
    leaf: bytes
    size: int
    steps: tuple[bytes, ...]


class MergeLog:
    """Names what the county stored, signs it and proves it.

    Args:
        store: the open store.
        own: the own logs of this installation; one of them may be a merge log, also later.
        merge_logs: those held here, in the order in which they continue each other.
        writer: signs and keeps checkpoints.
    """

    def __init__(
        self,
        *,
        store: Store,
        own: Mapping[str, OwnLog],
        merge_logs: Callable[[], Sequence[HeldLog]],
        writer: Writer,
    ) -> None:
        self._store = store
        self._own = own
        self._merge_logs = merge_logs
        self._writer = writer
        self._found = False

    @property
    def log(self) -> OwnLog | None:
        """The merge log that is written here; None at a station that keeps none."""
        for log in self._own.values():
            if log.kind == "merge" and not log.doubt:
                return log
        return None

    def catch_up(self, tx: WriteTx, now_ms: int, *, limit: int = BATCH_RECORDS) -> int:
        """Name the next records that no leaf names yet; returns how many were looked at, 0 at the end.

        Call it until it returns 0, each time in a transaction of its own.

        Args:
            tx: the one write transaction.
            now_ms: the county's clock: when it received them, as far as it can tell.
            limit: records of the store at most.

        Raises:
            StoreError: ``log.county_none`` where no merge log is written; ``log.head`` when its end
                contradicts itself.
        """
        end = self._end(tx)
        reached = tx.tracked(MERGE_TRACK)
        records = tx.records(after=reached, limit=limit)
        if not records:
            return 0
        leaves, runs = _leaves_of(tx, records, end, now_ms)
        last = records[-1].position
        if leaves:
            written = _append(tx, end, leaves, now_ms)
            tx.insert(MERGED, runs)
            if len(records) < limit:
                # Only these leaves have come since; they name themselves.
                last = written[-1].position
        tx.track(MERGE_TRACK, last)
        return len(records)

    def run(self, now_ms: Callable[[], int], *, limit: int = BATCH_RECORDS) -> int:
        """Name all records, batch by batch; returns how many leaves that made.

        Args:
            now_ms: the county's clock, asked for each batch.
            limit: records of one batch.

        Raises:
            StoreError: as ``catch_up``; what was named before stays named.
        """
        log = self._require()
        self._find_place()
        before = self._size(log)
        while True:
            with self._store.write() as tx:
                if not self.catch_up(tx, now_ms(), limit=limit):
                    break
        return self._size(log) - before

    def _find_place(self) -> None:
        """Look once whether naming goes on where it ended: somebody may have moved that place in the file."""
        if self._found:
            return
        with self._store.read() as tx:
            lost = is_place_lost(tx)
        if lost:
            with self._store.write() as tx:
                remake_merged(tx, self._merge_logs())
        self._found = True

    def sign(self) -> bytes:
        """Return the checkpoint of everything named so far, signed and stored; the stored one if none is new.

        Raises:
            StoreError: ``log.county_none``, ``log.closed`` or the store's own reasons.
        """
        log = self._require()
        with self._store.read() as tx:
            log.load(tx)
            held = tx.get(schema.CHECKPOINTS, (log.name, log.size))
        if held is not None and isinstance(held[2], bytes):
            return held[2]
        return self._writer.checkpoint(log)

    def consistency(self, tx: ReadTx, merge_log: LogId, *, old_size: int, new_size: int) -> tuple[bytes, ...]:
        """Return the proof that a merge log of one size continues itself at a smaller one.

        Raises:
            DataError: ``proof.range`` for sizes that are not held.
        """
        self._check_held(tx, merge_log, old_size, new_size)
        return tuple(consistency_proof(old_size, new_size, stored_nodes(tx, merge_log.hex(), "merge")))

    def next_of(self, genesis_of: Mapping[str, LogGenesis], held: LogId | None) -> LogGenesis:
        """Return the merge log to tell somebody of: the one written here, or the next after an older one.

        Args:
            genesis_of: the logs held here, by name.
            held: the merge log of which they hold a checkpoint; None for none.
        """
        newest = known = self._require().genesis
        while held is not None and known.log_id() != held:
            if LogId(known.parent_log) == held:
                return known
            parent = genesis_of.get(known.parent_log.hex())
            if parent is None:
                return newest
            known = parent
        return newest

    def proofs(
        self, tx: ReadTx, merge_log: LogId, *, sizes: Iterable[int], new_size: int
    ) -> tuple[tuple[int, tuple[bytes, ...]], ...]:
        """Return pairs of an earlier size and the proof that leads from it; none where leaves were lost."""
        if tx.size(merge_log.hex()) < new_size:
            return ()
        return tuple(
            (old, self.consistency(tx, merge_log, old_size=old, new_size=new_size))
            for old in sorted(set(sizes))
            if 0 < old <= new_size
        )

    def root(self, tx: ReadTx, merge_log: LogId, size: int) -> bytes:
        """Return the root over the first ``size`` leaves.

        Raises:
            DataError: ``proof.range`` for a size that is not held.
        """
        self._check_held(tx, merge_log, size, size)
        return root_at(size, stored_nodes(tx, merge_log.hex(), "merge"))

    def place(self, tx: ReadTx, name: str, seq: int) -> tuple[LogId, int] | None:
        """Return merge log and leaf index of a frame; None when no leaf names it.

        Args:
            tx: a consistent view.
            name: name of the log or branch in the store.
            seq: position there, from 1.
        """
        within: Where = {"log": name, "seq": Range(at_most=seq)}
        for row in tx.select(MERGED, within, order_by=("seq",), descending=True, limit=1):
            _, first, count, merge_log, position = row
            if isinstance(first, int) and isinstance(count, int) and isinstance(position, int):
                offset = seq - first
                if offset < count:
                    return LogId(bytes.fromhex(str(merge_log))), position - 1 + offset
        return None

    def inclusion(self, tx: ReadTx, name: str, seq: int, *, size: int | None = None) -> LeafProof | None:
        """Return the proof that a frame is named; None when it is not, or not in a tree of that size.

        Args:
            tx: a consistent view.
            name: name of the log or branch in the store.
            seq: position there, from 1.
            size: leaves of the tree; all that are held by default.

        Raises:
            DataError: ``proof.range`` for a size that is not held.
        """
        found = self.place(tx, name, seq)
        if found is None:
            return None
        merge_log, index = found
        wanted = tx.size(merge_log.hex()) if size is None else size
        self._check_held(tx, merge_log, wanted, wanted)
        leaf = tx.frame(merge_log.hex(), index + 1)
        if index >= wanted or leaf is None:
            return None
        steps = inclusion_proof(index, wanted, stored_nodes(tx, merge_log.hex(), "merge"))
        return LeafProof(merge_log=merge_log, index=index, leaf=leaf, size=wanted, steps=tuple(steps))

    def opening(self, tx: ReadTx, merge_log: LogId) -> ExcerptContent:
        """Return the opening of a merge log as an excerpt: what a station needs before its first checkpoint.

        Raises:
            StoreError: ``log.head`` when the log has no checkpoint here, or its opening is not whole.
        """
        name = merge_log.hex()
        frame, body = tx.frame(name, 1), tx.get(schema.BODIES, (name, 1))
        note = newest_checkpoint(tx, name)
        facts = None if body is None else body[2]
        if frame is None or note is None or not isinstance(facts, bytes):
            raise StoreError("log.head", log=merge_log)
        size = read_checkpoint(note).size
        return ExcerptContent(
            log_id=merge_log,
            checkpoint=note,
            positions=(1,),
            frames=(frame,),
            nodes=multiproof(size, (0,), stored_nodes(tx, name, "merge")),
            facts=(facts,),
            personal=(b"",),
        )

    def _require(self) -> OwnLog:
        log = self.log
        if log is None:
            raise StoreError("log.county_none", kind="merge")
        return log

    def _end(self, tx: ReadTx) -> OwnLog:
        """Return the end of the log as this transaction sees it; the one in memory may not know of it."""
        end = OwnLog(self._require().genesis, None)
        end.load(tx)
        return end

    def _size(self, log: OwnLog) -> int:
        with self._store.read() as tx:
            return tx.size(log.name)

    def _check_held(self, tx: ReadTx, merge_log: LogId, old_size: int, new_size: int) -> None:
        if not 0 <= old_size <= new_size <= tx.size(merge_log.hex()):
            raise DataError("proof.range", first=old_size, second=new_size)


def _leaves_of(
    tx: ReadTx, records: Sequence[NewRecord], end: OwnLog, now_ms: int
) -> tuple[list[bytes], list[Row]]:
    """Return the leaves of some records, and the rows that find them again."""
    kinds = {str(row[0]): str(row[1]) for row in tx.select(schema.LOGS, {})}
    leaves: list[bytes] = []
    runs: list[Row] = []
    for name, run in _runs(records):
        log, _, branch = name.partition(BRANCH_MARK)
        kind = kinds.get(log, "station")
        if kind == "merge":
            continue
        if kind in COUNTY_KINDS and not branch:
            leaves.append(_head_leaf(tx, name, kind, size=run[-1].seq, now_ms=now_ms))
            continue
        named = named_upto(tx, name)
        if unnamed := [record for record in run if record.seq > named]:
            runs.append((name, unnamed[0].seq, len(unnamed), end.name, end.size + 1 + len(leaves)))
            leaves += _frame_leaves(tx, unnamed, now_ms)
    return leaves, runs


def _runs(records: Sequence[NewRecord]) -> Iterator[tuple[str, list[NewRecord]]]:
    """Yield records of one log that came one after the other."""
    for name, run in groupby(records, key=lambda record: record.log):
        yield name, list(run)


def _head_leaf(tx: ReadTx, name: str, kind: str, *, size: int, now_ms: int) -> bytes:
    root = root_at(size, stored_nodes(tx, name, kind))
    leaf = HeadLeaf(log_id=LogId(bytes.fromhex(name)), size=size, root=root, received_at_ms=now_ms)
    return leaf.pack()


def _frame_leaves(tx: ReadTx, run: Sequence[NewRecord], now_ms: int) -> list[bytes]:
    """Return the leaves of frames; those of a branch stand in their log behind its common part."""
    name, _, branch = run[0].log.partition(BRANCH_MARK)
    log_id, common = LogId(bytes.fromhex(name)), 0
    if branch:
        held = load_branch(tx, run[0].log)
        common = 0 if held is None else held.first_seq - 1
    return [
        FrameLeaf(
            log_id=log_id,
            seq=common + record.seq,
            entry_hash=entry_hash(reread_entry_raw(record.frame)),
            received_at_ms=now_ms,
        ).pack()
        for record in run
    ]


def _append(tx: WriteTx, end: OwnLog, leaves: Sequence[bytes], now_ms: int) -> Sequence[NewRecord]:
    """Write leaves with head and tree rows."""
    tree = end.tree.copy()
    nodes = tree.extend(map(leaf_hash, leaves))
    written = tx.append(end.name, end.size + 1, [(MERGE_LEAF, leaf) for leaf in leaves])
    tx.upsert(schema.HEADS, [(end.name, tree.size, entry_hash(leaves[-1]), now_ms)])
    tx.insert(schema.TREE, [(end.name, *node) for node in nodes if node[0] >= TREE_LEVEL_STORED_MIN])
    return written
