"""The ends of logs that others write: size, head and tree, read back from stored bytes and then kept.

Only the one writing process keeps them, because only it knows when they grow.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.entry import decode_entry, entry_hash
from ledger.errors import StoreError
from ledger.facade.opening import BRANCH_MARK
from ledger.facade.ownlog import stored_nodes
from ledger.frame import split_frame
from ledger.genesis import LogGenesis
from ledger.merge import leaf_of_record
from ledger.merkle import NodeGetter, Tree, leaf_hash, node_hash, root_at
from ledger.store import schema
from ledger.store.contract import ReadTx


@dataclass(slots=True, kw_only=True)
class LogEnd:
    """Where a log ends here.

    Attributes:
        name: the log id in hexadecimal digits.
        size: entries that are held, without gaps.
        head: hash of the last entry; of an empty log the genesis hash.
        tree: over all entries.
    """

    name: str
    genesis: LogGenesis
    size: int
    head: bytes
    tree: Tree

    @property
    def root(self) -> bytes:
        """The root over all entries, 32 bytes."""
        return self.tree.root()


def new_end(genesis: LogGenesis) -> LogEnd:
    """Return the end of a log of which nothing is held."""
    return LogEnd(
        name=genesis.log_id().hex(), genesis=genesis, size=0, head=genesis.genesis_hash(), tree=Tree()
    )


def load_end(tx: ReadTx, genesis: LogGenesis) -> LogEnd:
    """Read the end of a log from the frames and tree rows that are stored.

    Raises:
        StoreError: ``log.head`` when head row, last frame and tree rows disagree.
    """
    end = new_end(genesis)
    row = tx.get(schema.HEADS, (end.name,))
    if row is None:
        return end
    size = row[1] if isinstance(row[1], int) else 0
    last = tx.frame(end.name, size)
    if last is None or entry_hash(leaf_of_record(last, size, genesis.kind)) != row[2]:
        raise StoreError("log.head", log=genesis.log_id())
    end.size, end.head = size, row[2] if isinstance(row[2], bytes) else b""
    end.tree = Tree.load(size, stored_nodes(tx, end.name, end.genesis.kind))
    return end


def held_root(tx: ReadTx, end: LogEnd, size: int) -> bytes:
    """Return the root over the first ``size`` entries of a log, as it is held here."""
    return end.root if size == end.size else root_at(size, stored_nodes(tx, end.name, end.genesis.kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A divergent history of a log, as it is held here.

    Attributes:
        name: ``<log id>~<first divergent entry hash>``, both in hexadecimal digits.
        first_seq: position in the log of the first divergent entry.
        size: entries of the log up to the end of the branch.
        head: hash of the last entry.
    """

    name: str
    first_seq: int
    size: int
    head: bytes

    @property
    def log(self) -> str:
        """Name of the log that forked."""
        return self.name.partition(BRANCH_MARK)[0]

    @property
    def count(self) -> int:
        """Divergent entries."""
        return self.size - self.first_seq + 1


def load_branch(tx: ReadTx, name: str) -> Branch | None:
    """Return a branch from its frames; None when there are none."""
    count = tx.size(name)
    first, last = tx.frame(name, 1), tx.frame(name, count) if count else None
    if first is None or last is None:
        return None
    first_seq = decode_entry(split_frame(first).entry_raw).seq
    head = entry_hash(split_frame(last).entry_raw)
    return Branch(name=name, first_seq=first_seq, size=first_seq + count - 1, head=head)


def branch_nodes(tx: ReadTx, branch: Branch) -> NodeGetter:
    """Return a getter of the complete subtrees of the tree that ends in a branch."""
    # Merge logs are written here alone, so what forks is a log of frames.
    main, common = stored_nodes(tx, branch.log, "station"), branch.first_seq - 1

    def get(level: int, index: int) -> bytes:
        if (index + 1) << level <= common:
            return main(level, index)
        if level:
            return node_hash(get(level - 1, index * 2), get(level - 1, index * 2 + 1))
        place = (branch.log, index + 1) if index < common else (branch.name, index + 1 - common)
        frame = tx.frame(*place)
        if frame is None:
            raise StoreError("log.head", log=branch.log)
        return leaf_hash(split_frame(frame).entry_raw)

    return get
