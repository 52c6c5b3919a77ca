"""Excerpts for a feed: the wanted frames of each log, proven under the newest checkpoint that covers them.

A log that is held whole, or a branch of one, is proven from its own tree; a frame that came in an excerpt is
proven again under the checkpoint that it came with, from the hashes that were kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ledger.errors import StoreError
from ledger.excerpt import ExcerptContent
from ledger.facade.bodies import Place
from ledger.facade.histories import history_nodes, load_branch
from ledger.facade.opening import BRANCH_MARK
from ledger.facade.outgoing import Outgoing
from ledger.facade.ownlog import stored_nodes
from ledger.facade.placing import frame_at
from ledger.facade.rotten import Rotten, rotten_reason
from ledger.facade.synctables import SPARSE_NODES, SPARSE_NOTES
from ledger.limits import EXCERPT_ENTRIES_MAX
from ledger.merkle import multiproof, multiproof_over
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.store.tables import Range, Where
from ledger.types import LogId


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


def excerpts(
    tx: ReadTx, outgoing: Outgoing, places: Iterable[Place], *, rotten: list[Rotten] | None = None
) -> Iterator[ExcerptContent]:
    """Yield excerpts that hold the frames at some places, with all bodies that are here.

    Args:
        tx: a consistent view.
        outgoing: opens bodies.
        places: of the frames.
        rotten: takes the records that changed on this disk; they are left out, for nobody would take them.

    Raises:
        StoreError: ``log.head`` when the store lacks what the proof needs.
    """
    found: list[Rotten] = [] if rotten is None else rotten
    groups: dict[tuple[str, int, str], list[_Wanted]] = {}
    for place in places:
        wanted = _locate(tx, place)
        groups.setdefault((wanted.log, wanted.size, wanted.branch), []).append(wanted)
    for group in groups.values():
        group.sort(key=lambda one: one.seq)
        room = EXCERPT_ENTRIES_MAX - 1
        for first in range(0, len(group), room):
            made = _excerpt(tx, outgoing, group[first : first + room], found)
            if made is not None:
                yield made


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


def _excerpt(
    tx: ReadTx, outgoing: Outgoing, group: Sequence[_Wanted], rotten: list[Rotten]
) -> ExcerptContent | None:
    """Return an excerpt without the records that are rotten; None where the first is, or nothing is left."""
    first = group[0]
    opening = _Wanted(first.log, first.size, first.branch, 1, Place(first.log, 1))
    rows = ([] if first.seq == 1 else [opening]) + list(group)
    frames = [_frame(tx, row.place) for row in rows]
    facts, personal = outgoing.bodies(tx, [row.place for row in rows], frames, personal=True)
    reasons = [rotten_reason(frame, body) for frame, body in zip(frames, facts, strict=True)]
    if any(reasons):
        rotten += [Rotten(one.log, one.seq, why) for one, why in zip(rows, reasons, strict=True) if why]
        sound = [one for one, why in zip(rows, reasons, strict=True) if not why and one in group]
        return None if reasons[0] or not sound else _excerpt(tx, outgoing, sound, rotten)
    size, note = _checkpoint(tx, first, rows[-1].seq)
    return ExcerptContent(
        log_id=LogId(bytes.fromhex(first.log)),
        checkpoint=note,
        positions=tuple(row.seq for row in rows),
        frames=tuple(frames),
        nodes=_proof(tx, first, size, [row.seq - 1 for row in rows]),
        facts=facts,
        personal=personal,
    )


def _frame(tx: ReadTx, place: Place) -> bytes:
    frame = frame_at(tx, place)
    if frame is None:
        raise StoreError("store.row_missing", log=place.log, seq=place.seq)
    return frame


def _checkpoint(tx: ReadTx, wanted: _Wanted, last_seq: int) -> tuple[int, bytes]:
    if wanted.size:
        row = tx.get(SPARSE_NOTES, (wanted.branch or wanted.log, wanted.size))
        note = None if row is None else row[2]
        size: object = wanted.size
    else:
        where: Where = {"log": wanted.branch or wanted.log, "size": Range(at_least=last_seq)}
        rows = tx.select(schema.CHECKPOINTS, where, order_by=("size",), descending=True, limit=1)
        found = next(rows, None)
        size, note = (None, None) if found is None else found[1:3]
    if not isinstance(size, int) or not isinstance(note, bytes):
        raise StoreError("log.checkpoint_gap", log=wanted.log, size=last_seq)
    return size, note


def _proof(tx: ReadTx, wanted: _Wanted, size: int, indexes: Sequence[int]) -> tuple[bytes, ...]:
    if wanted.size:

        def range_hash(low: int, high: int) -> bytes:
            row = tx.get(SPARSE_NODES, (wanted.branch or wanted.log, size, low, high))
            if row is None or not isinstance(row[4], bytes):
                raise StoreError("log.head", log=wanted.log)
            return row[4]

        return multiproof_over(size, indexes, range_hash)
    branch = load_branch(tx, wanted.branch) if wanted.branch else None
    if branch is not None:
        return multiproof(size, indexes, history_nodes(tx, wanted.log, branch))
    row = tx.get(schema.LOGS, (wanted.log,))
    return multiproof(size, indexes, stored_nodes(tx, wanted.log, "" if row is None else str(row[1])))
