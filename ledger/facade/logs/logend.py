"""The ends of logs that others write: size, head and tree, read back from stored bytes and then kept.

Only the one writing process keeps them, because only it knows when they grow.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.errors import EncodingError, StoreError
from ledger.facade.logs.ownlog import edge_first, stored_nodes
from ledger.facade.logs.rotten import UNFOUNDED, Rotten, rotten_stretch
from ledger.formats.checkpoint import read_checkpoint
from ledger.formats.entry import entry_hash
from ledger.formats.genesis import LogGenesis
from ledger.formats.merge import leaf_of_record
from ledger.formats.merkle import Tree, root_at
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
        rotten: what of the end changed on this disk: nothing can be built on it until that is healed.
        signed_root: of such an end, the root that its checkpoint names.
    """

    name: str
    genesis: LogGenesis
    size: int
    head: bytes
    tree: Tree
    rotten: Rotten | None = None
    signed_root: bytes = b""

    @property
    def root(self) -> bytes:
        """The root over all entries, 32 bytes; empty for a rotten end that no checkpoint covers."""
        return self.tree.root() if self.rotten is None else self.signed_root


def new_end(genesis: LogGenesis) -> LogEnd:
    """Return the end of a log of which nothing is held."""
    return LogEnd(
        name=genesis.log_id().hex(), genesis=genesis, size=0, head=genesis.genesis_hash(), tree=Tree()
    )


def load_end(tx: ReadTx, genesis: LogGenesis) -> LogEnd:
    """Read the end of a log from the frames and tree rows that are stored.

    Where head row, last frame and tree rows disagree, the end is rotten: nothing is built on it, all other
    logs go on.
    """
    end = new_end(genesis)
    row = tx.get(schema.HEADS, (end.name,))
    if row is None:
        return end
    end.size, end.head = (
        row[1] if isinstance(row[1], int) else 0,
        row[2] if isinstance(row[2], bytes) else b"",
    )
    last = tx.frame(end.name, end.size)
    end.signed_root = _signed_root(tx, end.name, end.size)
    if last is None:
        end.rotten = Rotten(end.name, end.size, UNFOUNDED)
        return end
    try:
        sound = entry_hash(leaf_of_record(last, end.size, genesis.kind)) == end.head
        end.tree = Tree.load(end.size, stored_nodes(tx, end.name, genesis.kind))
    except EncodingError:
        sound = False
    except StoreError as error:
        if error.code != UNFOUNDED:
            raise
        sound = False
    if sound and end.signed_root in (b"", end.tree.root()):
        return end
    # The edge of the tree is made of the last records, up to where subtrees are stored.
    changed = rotten_stretch(tx, end.name, edge_first(end.size), end.size)
    end.rotten = changed or Rotten(end.name, end.size, UNFOUNDED)
    return end


def held_root(tx: ReadTx, end: LogEnd, size: int) -> bytes:
    """Return the root over the first ``size`` entries of a log, as it is held here; empty where none is.

    What was signed is believed before what the records give: they may have changed on this disk.
    """
    if size == end.size:
        return end.root
    signed = _signed_root(tx, end.name, size)
    if signed:
        return signed
    try:
        return root_at(size, stored_nodes(tx, end.name, end.genesis.kind))
    except EncodingError:
        return b""
    except StoreError as error:
        if error.code != UNFOUNDED:
            raise
        return b""


def _signed_root(tx: ReadTx, name: str, size: int) -> bytes:
    row = tx.get(schema.CHECKPOINTS, (name, size))
    if row is None or not isinstance(row[2], bytes):
        return b""
    try:
        return read_checkpoint(row[2]).root
    except EncodingError:
        return b""
