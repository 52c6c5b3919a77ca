"""How far one package reaches: the furthest checkpoint within some bytes, else the nearest one.

Between two checkpoints nobody can cut but the owner of the log. A stretch that is too large for one package
is cut by its owner, who signs a checkpoint in the middle; of a log of another station it is left where it is,
told, and holds nothing else up.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from ledger.errors import EncodingError, StoreError
from ledger.facade.base.openfindings import OpenFindings
from ledger.facade.logs.ownlog import stored_nodes
from ledger.formats.checkpoint import Checkpoint, log_origin, read_checkpoint, sign_checkpoint
from ledger.formats.frame import split_frame
from ledger.formats.genesis import LogGenesis
from ledger.formats.keys import Signer
from ledger.formats.merkle import Tree, leaf_hash
from ledger.formats.package import encode_package
from ledger.formats.packageform import PackageContent
from ledger.formats.recordsize import ENTRY_BYTES, fitting_count, record_bytes
from ledger.limits import NOTE_BYTES_MAX, PACKAGE_BYTES_MAX, PACKAGE_ENTRIES_MAX
from ledger.store import schema
from ledger.store.contract import ReadTx, Store
from ledger.store.tables import Range, Where

STRETCH_LIMIT: Final = "log.stretch_limit"
"""Code under which a stretch is noted that no package can hold, by log and first position."""
ROOM_BYTES: Final = 2 * NOTE_BYTES_MAX
"""Kept free for the checkpoint, and for the receipts of those that pass a package on."""
FILLED_BYTES: Final = PACKAGE_BYTES_MAX - ROOM_BYTES
AIM_BYTES: Final = 4 << 20
"""Records in one package where checkpoints are close enough: what is whole when a line breaks counts."""


def fitted(content: PackageContent) -> PackageContent | None:
    """Return what fits into one package: all of it, or all but the receipts; None where nothing helps.

    Receipts come by other ways as well, and whoever passes a package on may have added some.
    """
    bodies = sum(map(len, (*content.frames, *content.facts, *content.personal)))
    if bodies + len(content.frames) * ENTRY_BYTES <= FILLED_BYTES:
        return content
    for one in (content, replace(content, receipts=())):
        with suppress(EncodingError):
            encode_package(one)
            return one
    return None


def furthest_checkpoint(
    tx: ReadTx, name: str, frames: Sequence[bytes], after: int, *, most: int = AIM_BYTES
) -> tuple[int, bytes] | None:
    """Return size and note of the checkpoint that the next package should reach; None where nothing follows.

    It is the furthest one within some bytes, else the nearest one: that may still fit into a package.

    Args:
        tx: a consistent view.
        name: of the log, or of a divergent history of it.
        frames: of the records behind ``after``, as many as one package can hold, or all that there are.
        after: size up to which the receiver holds it.
        most: bytes of records that it should hold.

    Raises:
        StoreError: ``log.checkpoint_gap`` when the next one is too many entries away.
    """
    reach = fitting_count(map(record_bytes, frames), min(most, FILLED_BYTES))
    found = checkpoint_between(tx, name, after, after + reach) or nearest_checkpoint(tx, name, after)
    if found is not None and found[0] > after + PACKAGE_ENTRIES_MAX:
        raise StoreError("log.checkpoint_gap", log=name, size=after)
    return found


def checkpoint_between(tx: ReadTx, name: str, after: int, at_most: int) -> tuple[int, bytes] | None:
    """Return size and note of the furthest checkpoint behind a size, up to another one."""
    return _checkpoint(tx, {"log": name, "size": Range(above=after, at_most=at_most)}, furthest=True)


def nearest_checkpoint(tx: ReadTx, name: str, after: int) -> tuple[int, bytes] | None:
    """Return size and note of the first checkpoint behind a size."""
    return _checkpoint(tx, {"log": name, "size": Range(above=after)}, furthest=False)


def _checkpoint(tx: ReadTx, where: Where, *, furthest: bool) -> tuple[int, bytes] | None:
    rows = tx.select(schema.CHECKPOINTS, where, order_by=("size",), descending=furthest, limit=1)
    row = next(rows, None)
    if row is None or not (isinstance(row[1], int) and isinstance(row[2], bytes)):
        return None
    return row[1], row[2]


def cut(
    store: Store, genesis: LogGenesis, signer: Signer | None, *, after: int, most: int = FILLED_BYTES
) -> bool:
    """Sign a checkpoint of an own log between two that are too far apart; returns whether there is one now.

    Nothing new is claimed: it is signed only where the records go on from it to the checkpoint behind it,
    which this key has signed before.

    Args:
        store: the open store, as its one writer.
        genesis: which log.
        signer: its key; None where it is not here.
        after: size of the log at which the stretch begins.
        most: bytes of records up to the new checkpoint; one record at least.
    """
    if signer is None:
        return False
    with store.read() as tx:
        point = _point_between(tx, genesis, after, most)
    if point is None:
        return False
    note = sign_checkpoint(point, signer)
    with store.write() as tx:
        tx.insert_missing(schema.CHECKPOINTS, [(genesis.log_id().hex(), point.size, note)])
    return True


def _point_between(tx: ReadTx, genesis: LogGenesis, after: int, most: int) -> Checkpoint | None:
    """Return the furthest point within some bytes, if the next checkpoint lies behind it and agrees."""
    name = genesis.log_id().hex()
    found = nearest_checkpoint(tx, name, after)
    if found is None:
        return None
    stated = read_checkpoint(found[1])
    try:
        tree = Tree.load(after, stored_nodes(tx, name, genesis.kind))
        first = [
            frame for _, frame in tx.frames(name, after + 1, min(stated.size, after + PACKAGE_ENTRIES_MAX))
        ]
        size = after + fitting_count(map(record_bytes, first), most)
        if size >= stated.size:
            return None
        tree.extend(leaf_hash(split_frame(frame).entry_raw) for frame in first[: size - after])
        point = Checkpoint(origin=log_origin(genesis.log_id()), size=size, root=tree.root())
        rest = tx.frames(name, size + 1, stated.size)
        tree.extend(leaf_hash(split_frame(frame).entry_raw) for _, frame in rest)
    except (EncodingError, StoreError):
        return None
    return point if (tree.size, tree.root()) == (stated.size, stated.root) else None


class Stretches:
    """Keeps which stretches no package can hold, until something of them was given after all.

    Args:
        store: the open store, as its one writer.
    """

    def __init__(self, store: Store) -> None:
        self._findings = OpenFindings(store, STRETCH_LIMIT)

    def logs(self) -> frozenset[str]:
        """Return the logs, and the divergent histories, that cannot be given beyond such a stretch."""
        return frozenset(name for name, _ in self._findings.known())

    def note(self, name: str, first_seq: int, *, now_ms: int) -> None:
        """Keep where such a stretch begins."""
        self._findings.note({(name, first_seq): ""}, now_ms=now_ms)

    def given(self, name: str, first_seq: int) -> None:
        """Settle what was kept of a stretch: a package that begins there was made."""
        self._findings.settle([(name, first_seq)])
