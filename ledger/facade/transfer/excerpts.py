"""Excerpts for a feed: the wanted frames of each log, proven under the newest checkpoint that covers them.

One excerpt holds no more than ``EXCERPT_BYTES`` of records, or a single one: large records hold up no others.
A log that is held whole, or a branch of one, is proven from its own tree; a frame that came in an excerpt is
proven again under the checkpoint that it came with, from the hashes that were kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ledger.errors import DataError, StoreError
from ledger.facade.base.marks import kept_checkpoint
from ledger.facade.base.synctables import SPARSE_NODES, SPARSE_NOTES
from ledger.facade.logs.bodies import Place
from ledger.facade.logs.histories import history_nodes, load_branch
from ledger.facade.logs.opening import BRANCH_MARK
from ledger.facade.logs.ownlog import stored_nodes
from ledger.facade.logs.placing import frame_at
from ledger.facade.logs.rotten import CHANGED_ENTRY, UNFOUNDED, Rotten, rotten_reason, rotten_stretch
from ledger.facade.transfer.outgoing import Outgoing
from ledger.formats.checkpoint import read_checkpoint
from ledger.formats.excerpt import ExcerptContent
from ledger.formats.frame import split_frame
from ledger.formats.merkle import (
    leaf_hash,
    middle_of,
    multiproof,
    multiproof_over,
    multiproof_root,
    node_hash,
)
from ledger.formats.recordsize import fitting_count, record_bytes
from ledger.limits import EXCERPT_ENTRIES_MAX, TREE_LEVEL_STORED_MIN
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.store.tables import Range, Where
from ledger.types import LogId

EXCERPT_BYTES = 4 << 20
"""Bytes of records in one excerpt, beside the first: far below its limit, and little is lost with a line."""


class _Wanted(NamedTuple):
    """A frame to be given.

    Attributes:
        log: the log that it stands in, or the one that forked.
        size: size of the checkpoint that a frame came with; 0 for logs that are held whole and branches.
        branch: name of the branch or of the other history of single frames, "" for none.
        seq: position in the log.
        place: where it is stored here.
    """

    log: str
    size: int
    branch: str
    seq: int
    place: Place


class _Bad(NamedTuple):
    """What was found on the way: records that changed, and places that are left out because of them."""

    rotten: list[Rotten]
    left: list[Place]


def excerpts(
    tx: ReadTx,
    outgoing: Outgoing,
    places: Iterable[Place],
    *,
    rotten: list[Rotten] | None = None,
    left: list[Place] | None = None,
) -> Iterator[ExcerptContent]:
    """Yield excerpts that hold the frames at some places, with all bodies that are here.

    Args:
        tx: a consistent view.
        outgoing: opens bodies.
        places: of the frames.
        rotten: takes the records that changed on this disk; they are left out, for nobody would take them.
        left: takes the places that are left out, with those whose proof needs such a record, and those
            whose personal body cannot be opened now or which no checkpoint covers.

    A record whose proof needs what the store lacks is left out like one that changed.
    """
    bad = _Bad([] if rotten is None else rotten, [] if left is None else left)
    groups: dict[tuple[str, int, str], list[_Wanted]] = {}
    for place in places:
        wanted = _locate(tx, place)
        groups.setdefault((wanted.log, wanted.size, wanted.branch), []).append(wanted)
    for group in groups.values():
        signed = _signed_size(tx, group[0])
        # The end of a log that was given up without its key is signed by nobody, and can be given to nobody.
        bad.left.extend(one.place for one in group if one.seq > signed)
        if group[0].size and not signed:
            # Single frames came with a checkpoint: somebody took it away, or changed it.
            bad.rotten.extend(Rotten(one.log, one.seq, UNFOUNDED) for one in group)
        group = sorted((one for one in group if one.seq <= signed), key=lambda one: one.seq)
        while group:
            sizes = (record_bytes(_frame(tx, one.place)) for one in group[: EXCERPT_ENTRIES_MAX - 1])
            count = fitting_count(sizes, EXCERPT_BYTES)
            made = _excerpt(tx, outgoing, group[:count], bad)
            del group[:count]
            if made is not None:
                yield made


def carried_count(tx: ReadTx, places: Sequence[Place], most: int) -> int:
    """Return how many records from the first one on take at most so many bytes in excerpts; one at least.

    The first record of each log, which comes with every excerpt, counts once for each log.
    """
    opened: set[str] = set()

    def size(place: Place) -> int:
        log = place.log.partition(BRANCH_MARK)[0]
        asked = [place] if log in opened else [place, Place(log, 1)]
        opened.add(log)
        frames = (frame_at(tx, one) for one in asked)
        return sum(0 if frame is None else record_bytes(frame) for frame in frames)

    return fitting_count(map(size, places), most)


def _locate(tx: ReadTx, place: Place) -> _Wanted:
    log, _, branch = place.log.partition(BRANCH_MARK)
    held = load_branch(tx, place.log) if branch else None
    if held is not None:
        return _Wanted(log, 0, place.log, held.first_seq + place.seq - 1, place)
    if tx.frame(place.log, place.seq) is not None:
        return _Wanted(log, 0, "", place.seq, place)
    rows = tx.select(schema.SPARSE, {"log": place.log, "seq": place.seq}, limit=1)
    row = next(rows, None)
    if row is None or not isinstance(row[4], int):
        raise StoreError("store.row_missing", log=place.log, seq=place.seq)
    return _Wanted(log, row[4], place.log if branch else "", place.seq, place)


def _excerpt(tx: ReadTx, outgoing: Outgoing, group: Sequence[_Wanted], bad: _Bad) -> ExcerptContent | None:
    """Return an excerpt without the records that are rotten; None where the first is, or nothing is left."""
    first = group[0]
    opening = _Wanted(first.log, first.size, first.branch, 1, Place(first.log, 1))
    rows = ([] if first.seq == 1 else [opening]) + list(group)
    frames = [_frame(tx, row.place) for row in rows]
    closed: list[Rotten] = []
    facts, personal = outgoing.bodies(tx, [row.place for row in rows], frames, personal=True, closed=closed)
    reasons = [rotten_reason(frame, body) for frame, body in zip(frames, facts, strict=True)]
    if any(reasons):
        bad.rotten.extend(
            Rotten(one.log, one.seq, why) for one, why in zip(rows, reasons, strict=True) if why
        )
        sound = [one for one, why in zip(rows, reasons, strict=True) if not why and one in group]
        if reasons[0]:
            sound = []
        bad.left.extend(one.place for one in group if one not in sound)
        return _excerpt(tx, outgoing, sound, bad) if sound else None
    content = _proven(tx, rows, frames, (facts, personal))
    if content is None:
        return _without_unproven(tx, outgoing, group, bad)
    bad.rotten.extend(closed)
    bad.left.extend(Place(one.log, one.seq) for one in closed)
    return content


def _proven(
    tx: ReadTx,
    rows: Sequence[_Wanted],
    frames: Sequence[bytes],
    bodies: tuple[tuple[bytes, ...], tuple[bytes, ...]],
) -> ExcerptContent | None:
    """Return an excerpt with its proof; None where one of the records that this is made of has changed."""
    one, indexes = rows[-1], [row.seq - 1 for row in rows]
    leaves = [leaf_hash(split_frame(frame).entry_raw) for frame in frames]
    for size, note in _checkpoints(tx, one, one.seq):
        try:
            nodes = _proof(tx, one, size, indexes)
            root = multiproof_root(size, dict(zip(indexes, leaves, strict=True)), nodes)
        except DataError:
            continue
        except StoreError as error:
            if error.code != UNFOUNDED:
                raise
            continue
        if root == read_checkpoint(note).root:
            break
    else:
        return None
    return ExcerptContent(
        log_id=LogId(bytes.fromhex(one.log)),
        checkpoint=note,
        positions=tuple(row.seq for row in rows),
        frames=tuple(frames),
        nodes=nodes,
        facts=bodies[0],
        personal=bodies[1],
    )


def _without_unproven(
    tx: ReadTx, outgoing: Outgoing, group: Sequence[_Wanted], bad: _Bad
) -> ExcerptContent | None:
    """Return an excerpt of those records that can be proven, each by itself; tell what keeps the others."""
    if len(group) == 1:
        bad.left.append(group[0].place)
        bad.rotten.append(_culprit(tx, group[0]))
        return None
    sound = [one for one in group if _excerpt(tx, outgoing, [one], bad) is not None]
    # Where each can be proven and not all together, something else is wrong: they come again, one by one.
    return _excerpt(tx, outgoing, sound, bad) if sound and len(sound) < len(group) else None


def _culprit(tx: ReadTx, wanted: _Wanted) -> Rotten:
    """Return the record because of which another one, or itself, cannot be proven."""
    found = None
    if not wanted.size and not wanted.branch:
        # A proof is made of stored subtrees, and of the records of the smaller ones around it.
        for seq in (wanted.seq, 1, _checkpoints(tx, wanted, wanted.seq)[0][0]):
            low = (seq - 1) >> TREE_LEVEL_STORED_MIN << TREE_LEVEL_STORED_MIN
            last = min(low + (1 << TREE_LEVEL_STORED_MIN), tx.size(wanted.log))
            found = found or rotten_stretch(tx, wanted.log, low + 1, last)
    return found or Rotten(wanted.log, wanted.seq, CHANGED_ENTRY)


def _frame(tx: ReadTx, place: Place) -> bytes:
    frame = frame_at(tx, place)
    if frame is None:
        raise StoreError("store.row_missing", log=place.log, seq=place.seq)
    return frame


def _signed_size(tx: ReadTx, wanted: _Wanted) -> int:
    """Return up to where records of a history can be proven at all."""
    name = wanted.branch or wanted.log
    if wanted.size:
        row = tx.get(SPARSE_NOTES, (name, wanted.size))
        return 0 if row is None or kept_checkpoint(row[2]) is None else wanted.size
    rows = tx.select(schema.CHECKPOINTS, {"log": name}, order_by=("size",), descending=True, limit=1)
    row = next(rows, None)
    return row[1] if row is not None and isinstance(row[1], int) else 0


def _checkpoints(tx: ReadTx, wanted: _Wanted, last_seq: int) -> list[tuple[int, bytes]]:
    """Return checkpoints to prove frames under: the newest, then one that needs as little else as may be."""
    name = wanted.branch or wanted.log
    if wanted.size:
        row = tx.get(SPARSE_NOTES, (name, wanted.size))
        rows = [] if row is None else [row]
    else:
        where: Where = {"log": name, "size": Range(at_least=last_seq)}
        rows = [
            row
            for descending in (True, False)
            for row in tx.select(
                schema.CHECKPOINTS, where, order_by=("size",), descending=descending, limit=1
            )
        ]
    found = [(row[1], row[2]) for row in rows if isinstance(row[1], int) and isinstance(row[2], bytes)]
    if not found:
        raise StoreError("log.checkpoint_gap", log=wanted.log, size=last_seq)
    return found


def _leaf_alone(tx: ReadTx, wanted: _Wanted, seq: int) -> bytes:
    """Return the hash of the entry at a position of a history of which single frames are here."""
    frame = frame_at(tx, Place(wanted.branch or wanted.log, seq))
    if frame is None:
        raise StoreError(UNFOUNDED, log=wanted.log)
    return leaf_hash(split_frame(frame).entry_raw)


def _proof(tx: ReadTx, wanted: _Wanted, size: int, indexes: Sequence[int]) -> tuple[bytes, ...]:
    if wanted.size:

        def range_hash(low: int, high: int) -> bytes:
            row = tx.get(SPARSE_NODES, (wanted.branch or wanted.log, size, low, high))
            if row is not None and isinstance(row[4], bytes):
                return row[4]
            if high - low == 1:
                return _leaf_alone(tx, wanted, high)
            # A row that somebody took away follows from the two below it, as far as these are here.
            middle = middle_of(low, high)
            return node_hash(range_hash(low, middle), range_hash(middle, high))

        return multiproof_over(size, indexes, range_hash)
    branch = load_branch(tx, wanted.branch) if wanted.branch else None
    if branch is not None:
        return multiproof(size, indexes, history_nodes(tx, wanted.log, branch))
    row = tx.get(schema.LOGS, (wanted.log,))
    return multiproof(size, indexes, stored_nodes(tx, wanted.log, "" if row is None else str(row[1])))
