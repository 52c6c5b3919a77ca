"""The end of one own log: where the next entry goes, and the checkpoint that signs what is there.

Everything is read back from stored bytes when a log is opened: the head is the last frame's entry, the edge
of the tree comes from stored subtrees and the frames after them, and both must agree with the newest
checkpoint. Complete subtrees of ``TREE_LEVEL_STORED_MIN`` levels and more are stored; smaller ones are made
from frames.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.errors import EncodingError, StoreError
from ledger.facade.base.clock import Clock
from ledger.facade.logs.rotten import rotten_stretch
from ledger.formats.checkpoint import Checkpoint, log_origin, read_checkpoint, sign_checkpoint
from ledger.formats.entry import Entry, entry_hash, sig_hash
from ledger.formats.frame import encode_frame
from ledger.formats.genesis import LogGenesis
from ledger.formats.keys import Signer
from ledger.formats.merge import leaf_of_record
from ledger.formats.merkle import Node, NodeGetter, Tree, leaf_hash, node_hash, root_at
from ledger.formats.recordsize import record_bytes
from ledger.limits import TREE_LEVEL_STORED_MIN
from ledger.store import schema
from ledger.store.contract import ReadTx, WriteTx
from ledger.store.tables import Row
from ledger.types import ActId, LogId, StationId

NodePlace = tuple[int, int]
"""Level and index of a complete subtree."""
CHECKPOINT_EVERY = 256
"""Entries after which a checkpoint is made without being asked for."""
CHECKPOINT_BYTES = 4 << 20
"""Bytes of records after which one is made: with the largest record behind them, far below one package."""


@dataclass(frozen=True, slots=True)
class NewEntry:
    """The next entry of a log, made but not yet stored."""

    seq: int
    raw: bytes
    frame: bytes
    entry_hash: bytes
    recorded_at_ms: int
    nodes: tuple[Node, ...]
    tree: Tree


class OwnLog:
    """Makes the entries and checkpoints of one log; holds no more than its end.

    Args:
        genesis: what the log is.
        signer: the log's own key; None when this machine must not continue it.
    """

    def __init__(self, genesis: LogGenesis, signer: Signer | None) -> None:
        self.genesis = genesis
        self.log_id: LogId = genesis.log_id()
        self.name = self.log_id.hex()
        self.station: StationId = genesis.station
        self.kind = genesis.kind
        self.signer = signer
        self.size = 0
        self.checkpoint_size = 0
        self.unsealed_bytes = 0
        self.recorded_at_ms = 0
        self.doubt = ""
        self._head = genesis.genesis_hash()
        self._tree = Tree()

    @property
    def head(self) -> bytes:
        """Hash of the last entry; of an empty log the genesis hash."""
        return self._head

    @property
    def tree(self) -> Tree:
        """The tree over all entries; not to be changed."""
        return self._tree

    def next_entry(
        self,
        act_raw: bytes,
        sig: bytes,
        act_id: ActId,
        *,
        clock: Clock,
        county_seen: bytes,
        recorded_at_ms: int = 0,
    ) -> NewEntry:
        """Return the entry that would follow; nothing changes until ``adopt``.

        Args:
            act_raw: the act.
            sig: its signature.
            act_id: its id.
            clock: of this machine.
            county_seen: hash of the newest county checkpoint held here; empty for none.
            recorded_at_ms: the moment with which the act was judged, so that its case is folded from the
                stored entry as it was when it was signed; now where nothing was judged by it.
        """
        seq = self.size + 1
        recorded_at_ms = recorded_at_ms or clock.now_ms()
        entry = Entry(
            self.log_id, seq, self._head, act_id, sig_hash(sig),
            recorded_at_ms, clock.boot_id(), clock.monotonic_ms(), county_seen,
        ).pack()  # fmt: skip
        tree = self._tree.copy()
        closed = tree.append(leaf_hash(entry))
        return NewEntry(
            seq=seq,
            raw=entry,
            frame=encode_frame(act_raw, sig, entry),
            entry_hash=entry_hash(entry),
            recorded_at_ms=recorded_at_ms,
            nodes=tuple(node for node in closed if node[0] >= TREE_LEVEL_STORED_MIN),
            tree=tree,
        )

    def write_head(self, tx: WriteTx, entry: NewEntry) -> None:
        """Write head and tree rows, in the transaction of the entry itself."""
        tx.upsert(schema.HEADS, [(self.name, entry.seq, entry.entry_hash, entry.recorded_at_ms)])
        if entry.nodes:
            tx.insert(schema.TREE, [(self.name, *node) for node in entry.nodes])

    def adopt(self, entry: NewEntry, body_bytes: int = 0) -> None:
        """Go on from an entry that has been committed, with bodies of so many bytes."""
        self.size = entry.seq
        self.unsealed_bytes += len(entry.frame) + body_bytes
        self.recorded_at_ms = entry.recorded_at_ms
        self._head = entry.entry_hash
        self._tree = entry.tree

    @property
    def is_due(self) -> bool:
        """Whether a checkpoint must be made, so that none lies too far from the next for one package."""
        entries = self.size - self.checkpoint_size
        return entries >= CHECKPOINT_EVERY or self.unsealed_bytes >= CHECKPOINT_BYTES

    def sealed(self) -> None:
        """Go on from a checkpoint of the head that has been stored."""
        self.checkpoint_size, self.unsealed_bytes = self.size, 0

    def checkpoint(self) -> Checkpoint:
        """Return the head as a checkpoint, unsigned."""
        return Checkpoint(origin=log_origin(self.log_id), size=self.size, root=self._tree.root())

    def sign_head(self) -> bytes:
        """Return the signed checkpoint of the head.

        Raises:
            StoreError: ``log.closed`` when this machine must not speak for the log.
        """
        if self.signer is None or self.doubt:
            raise StoreError("log.closed", log=self.log_id, reason=self.doubt or "log.key_missing")
        return sign_checkpoint(self.checkpoint(), self.signer)

    def sign_last(self) -> bytes:
        """Return the signed checkpoint of the end of a log that is given up; empty without key or entries."""
        if self.signer is None or self.size <= self.checkpoint_size:
            return b""
        return sign_checkpoint(self.checkpoint(), self.signer)

    def load(self, tx: ReadTx) -> None:
        """Read the end of the log back from stored bytes.

        Raises:
            StoreError: ``log.head`` when head row, last frame, tree rows and newest checkpoint disagree.
        """
        head = tx.get(schema.HEADS, (self.name,))
        size = tx.size(self.name)
        if head is None or size == 0 or head[1] != size:
            raise StoreError("log.head", log=self.log_id)
        last = tx.frame(self.name, size)
        if last is None:
            raise StoreError("log.head", log=self.log_id)
        try:
            self._load_edge(tx, size, last, head)
        except EncodingError as error:
            # A frame that nobody can read, on a disk that failed: as little to be built on as a wrong one.
            raise StoreError("log.head", log=self.log_id) from error

    def _load_edge(self, tx: ReadTx, size: int, last: bytes, head: Row) -> None:
        found = entry_hash(leaf_of_record(last, size, self.kind))
        if found != head[2]:
            raise StoreError("log.head", log=self.log_id)
        self.size, self._head = size, found
        self.recorded_at_ms = head[3] if isinstance(head[3], int) else 0
        lost: list[NodePlace] = []
        nodes = stored_nodes(tx, self.name, self.kind, lost=lost)
        self._tree = Tree.load(size, nodes)
        if self.kind != "merge" and rotten_stretch(tx, self.name, edge_first(size), size) is not None:
            # Of these records the next root would be made: it must never sign what they were not.
            raise StoreError("log.head", log=self.log_id)
        newest = newest_checkpoint(tx, self.name)
        if newest is not None:
            stated = read_checkpoint(newest)
            if stated.size > size or root_at(stated.size, nodes) != stated.root:
                raise StoreError("log.head", log=self.log_id)
            self.checkpoint_size = stated.size
        unsigned = self.checkpoint_size + 1
        if lost and self.kind != "merge" and rotten_stretch(tx, self.name, unsigned, size) is not None:
            # What is made of records alone must be what no checkpoint vouches for by their chain at least.
            raise StoreError("log.head", log=self.log_id)
        if self.kind != "merge":
            unsealed = tx.frames(self.name, self.checkpoint_size + 1, size)
            self.unsealed_bytes = sum(record_bytes(frame) for _, frame in unsealed)


def edge_first(size: int) -> int:
    """Return the first record at the end of a log that no stored subtree covers; the last one at least."""
    return min(size, (size >> TREE_LEVEL_STORED_MIN << TREE_LEVEL_STORED_MIN) + 1)


def newest_checkpoint(tx: ReadTx, name: str) -> bytes | None:
    """Return the newest stored checkpoint of a log."""
    rows = list(tx.select(schema.CHECKPOINTS, {"log": name}, order_by=("size",), descending=True, limit=1))
    note = rows[0][2] if rows else None
    return note if isinstance(note, bytes) else None


def stored_nodes(tx: ReadTx, name: str, kind: str, *, lost: list[NodePlace] | None = None) -> NodeGetter:
    """Return a getter of complete subtrees: stored ones by row, smaller ones made from the records.

    A row that somebody took away is made from the records as well, for all of a tree follows from its leaves.

    Args:
        tx: a consistent view.
        name: the log.
        kind: its kind: the leaves of a merge log are no frames.
        lost: takes level and index of the rows that were not there.

    The getter raises ``StoreError`` ``log.head`` where the store lacks records that the tree needs.
    """

    def get(level: int, index: int) -> bytes:
        if level >= TREE_LEVEL_STORED_MIN:
            row = tx.get(schema.TREE, (name, level, index))
            if row is not None and isinstance(row[3], bytes):
                return row[3]
            if lost is not None:
                lost.append((level, index))
            if level > TREE_LEVEL_STORED_MIN:
                return node_hash(get(level - 1, index * 2), get(level - 1, index * 2 + 1))
        first = (index << level) + 1
        hashes = [
            leaf_hash(leaf_of_record(record, seq, kind))
            for seq, record in tx.frames(name, first, first + (1 << level) - 1)
        ]
        if len(hashes) != 1 << level:
            raise StoreError("log.head", log=name)
        while len(hashes) > 1:
            hashes = [node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)]
        return hashes[0]

    return get
