"""The ends of logs that others write: size, head and tree, read back from stored bytes and then kept.

Only the one writing process keeps them, because only it knows when they grow.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.entry import entry_hash
from ledger.errors import StoreError
from ledger.facade.ownlog import stored_nodes
from ledger.genesis import LogGenesis
from ledger.merge import leaf_of_record
from ledger.merkle import Tree, root_at
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
