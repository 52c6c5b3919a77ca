"""The oracle of the merge log: what its leaves name is what the store holds, each frame once and in order."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.facade.base.synctables import MERGED
from ledger.facade.transfer.mergedrows import MERGE_TRACK
from ledger.formats.entry import entry_hash
from ledger.formats.frame import split_frame
from ledger.formats.merge import MERGE_LEAF, FrameLeaf, decode_merge_leaf
from ledger.formats.merkle import Tree, leaf_hash
from ledger.store import schema
from ledger.store.contract import ReadTx


def merge_problems(tx: ReadTx) -> Iterator[str]:
    """Tell what is wrong with the leaves of all merge logs of a store without branches, one line each."""
    kinds = {str(row[0]): str(row[1]) for row in tx.select(schema.LOGS, {})}
    records = tx.records(after=0, limit=1 << 30)
    named: dict[str, int] = {}
    places: dict[tuple[str, int], tuple[str, int]] = {}
    for record in (record for record in records if record.topic == MERGE_LEAF):
        if kinds.get(record.log) != "merge" or record.seq < 2:
            yield f"a leaf in {record.log}/{record.seq}"
        leaf = decode_merge_leaf(record.frame)
        name = leaf.log_id.hex()
        if isinstance(leaf, FrameLeaf):
            yield from _frame_problems(tx, leaf, kinds, expected=named.get(name, 0) + 1)
            named[name] = leaf.seq
            places[name, leaf.seq] = (record.log, record.seq)
        else:
            tree = Tree()
            frames = [frame for _, frame in tx.frames(name, 1, leaf.size)]
            tree.extend(leaf_hash(split_frame(frame).entry_raw) for frame in frames)
            if kinds.get(name) not in ("registry", "catalogue") or tree.size != leaf.size:
                yield f"head leaf of {name} at {leaf.size}"
            elif tree.root() != leaf.root:
                yield f"head leaf of {name} at {leaf.size} has another root"
            elif leaf.size <= named.get(name, 0):
                yield f"head leaf of {name} at {leaf.size} again"
            named[name] = leaf.size
    yield from _reached(tx, kinds, named)
    found = {
        (str(log), seq + step): (str(merge_log), position + step)
        for log, seq, count, merge_log, position in tx.select(MERGED, {})
        if isinstance(seq, int) and isinstance(count, int) and isinstance(position, int)
        for step in range(count)
    }
    if found != places:
        yield "the table of places differs from the leaves"


def _frame_problems(tx: ReadTx, leaf: FrameLeaf, kinds: dict[str, str], *, expected: int) -> Iterator[str]:
    where = f"{leaf.log_id.hex()}/{leaf.seq}"
    frame = tx.frame(leaf.log_id.hex(), leaf.seq)
    if kinds.get(leaf.log_id.hex()) != "station":
        yield f"leaf for {where}, which is of no station"
    if leaf.seq != expected:
        yield f"leaf for {where} where {expected} was due"
    if frame is None or entry_hash(split_frame(frame).entry_raw) != leaf.entry_hash:
        yield f"leaf for {where} names another entry"


def _reached(tx: ReadTx, kinds: dict[str, str], named: dict[str, int]) -> Iterator[str]:
    """What the store remembers to have named is what the leaves name."""
    due: dict[str, int] = {}
    reached = tx.tracked(MERGE_TRACK)
    for record in tx.records(after=0, limit=1 << 30):
        if record.position <= reached and kinds.get(record.log) != "merge":
            due[record.log] = record.seq
    if due != named:
        yield f"named {named}, due {due}"
