"""Rows of a log's tree that somebody took away: found by their number, made again from the records.

All of a tree follows from its leaves, so nothing stops for want of such a row. But only what reaches the root
that was signed is written again: a record may have been changed along with the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from ledger.errors import EncodingError
from ledger.facade.base.marks import kept_checkpoint
from ledger.facade.base.synctables import SYNC_FINDINGS
from ledger.facade.logs.opening import HeldLog, Holdings
from ledger.facade.logs.ownlog import newest_checkpoint
from ledger.facade.logs.rotten import rotten_stretch
from ledger.formats.merge import leaf_of_record
from ledger.formats.merkle import Tree, leaf_hash
from ledger.limits import TREE_LEVEL_STORED_MIN
from ledger.store import schema
from ledger.store.contract import ReadTx, Store, WriteTx
from ledger.store.tables import Row
from ledger.types import StationId

NODES_LOST: Final = "log.nodes_lost"
"""Code under which a log is noted of whose tree rows were gone that are here again, made from the records."""
NODES_UNFOUNDED: Final = "log.nodes_unfounded"
"""Code under which one is noted of whose tree rows are gone and do not follow from the records here."""
PAGE: Final = 1_000


class Lacking(NamedTuple):
    """A log of whose tree rows are gone, and how many."""

    name: str
    kind: str
    station: StationId
    rows: int


def lacking_nodes(tx: ReadTx, logs: Iterable[HeldLog]) -> list[Lacking]:
    """Return the logs of whose tree rows are gone; rows are counted, none is read."""
    found = []
    for log in logs:
        count = _due(tx.size(log.name)) - tx.count(schema.TREE, {"log": log.name})
        if count > 0:
            found.append(Lacking(log.name, log.genesis.kind, log.genesis.station, count))
    return found


def mend_trees(store: Store, logs: Iterable[HeldLog], *, now_ms: int) -> int:
    """Make the rows again that are gone of the trees of some logs, and note it; returns how many were made.

    Args:
        store: the open store, as its one writer.
        logs: those that are held here.
        now_ms: the clock of this station.
    """
    with store.read() as tx:
        lacking = lacking_nodes(tx, logs)
    made = 0
    for log in lacking:
        with store.write() as tx:
            rows = _missing(tx, log.name, log.kind)
            tx.insert(schema.TREE, rows)
            code, count = (NODES_LOST, len(rows)) if rows else (NODES_UNFOUNDED, log.rows)
            tx.upsert(SYNC_FINDINGS, [(code, log.name, 0, now_ms, str(count), 0)])
        made += len(rows)
    _settle_mended(store, {log.name for log in lacking})
    return made


def _settle_mended(store: Store, lacking: set[str]) -> None:
    """Settle what was noted of trees that are whole by now."""
    with store.read() as tx:
        rows = list(tx.select(SYNC_FINDINGS, {"code": NODES_UNFOUNDED, "settled": 0}))
    whole = [(*row[:5], 1) for row in rows if row[1] not in lacking]
    if whole:
        with store.write() as tx:
            tx.upsert(SYNC_FINDINGS, whole)


def _due(size: int) -> int:
    """Return how many rows the tree of a log of a size has: its complete subtrees of the levels kept."""
    count, complete = 0, size >> TREE_LEVEL_STORED_MIN
    while complete:
        count, complete = count + complete, complete >> 1
    return count


def _missing(tx: WriteTx, name: str, kind: str) -> list[Row]:
    """Return the rows of a tree that are not there, as far as they follow from what was signed."""
    size, note = tx.size(name), newest_checkpoint(tx, name)
    stated = kept_checkpoint(note)
    if (note is not None and stated is None) or (stated is not None and stated.size > size):
        return []
    signed = 0 if stated is None else stated.size
    # Behind the last checkpoint the chain of the entries up to the end vouches for the records.
    if kind != "merge" and signed < size and rotten_stretch(tx, name, signed + 1, size) is not None:
        return []
    tree, rows = Tree(), list[Row]()
    try:
        rows += _rows(tx, name, kind, tree, upto=signed)
        if stated is not None and tree.root() != stated.root:
            return []
        if kind != "merge":
            rows += _rows(tx, name, kind, tree, upto=size)
    except EncodingError:
        return []
    return rows


def _rows(tx: ReadTx, name: str, kind: str, tree: Tree, *, upto: int) -> list[Row]:
    """Let a tree grow by the records of a log up to a position; returns the rows that are not stored."""
    made: list[Row] = []
    while tree.size < upto:
        page = tx.frames(name, tree.size + 1, min(tree.size + PAGE, upto))
        hashes = [leaf_hash(leaf_of_record(record, seq, kind)) for seq, record in page]
        if not hashes:
            raise EncodingError("encoding.malformed")
        nodes = [node for node in tree.extend(hashes) if node[0] >= TREE_LEVEL_STORED_MIN]
        made += [(name, *node) for node in nodes if tx.get(schema.TREE, (name, *node[:2])) is None]
    return made


class Trees:
    """Looks once at all trees while a ledger is open; a file that is changed later is opened anew.

    Args:
        store: the open store, as its one writer.
        holdings: the logs.
    """

    def __init__(self, store: Store, holdings: Holdings) -> None:
        self._store = store
        self._holdings = holdings
        self._mended = False

    def mend(self, now_ms: Callable[[], int]) -> None:
        """Make the rows again that are gone, and note it, the first time that it is asked for."""
        if not self._mended:
            mend_trees(self._store, self._holdings.logs.values(), now_ms=now_ms())
            self._mended = True
