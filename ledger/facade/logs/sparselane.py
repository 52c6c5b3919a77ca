"""Which history of a log single frames belong to, where that log forked.

A frame that came with a case is stored under its log's name. When it contradicts what is held of that log
(other bytes at its position, or another root at the size of its checkpoint), it belongs to another history:
it is stored under ``<log>~~<hash of the first entry that contradicts>``, with its own proof and its own
bodies, so that neither history covers the other. Positions there are those of the log; a history that is held
whole from where it diverges has one ``~`` and counts from there, so the two never share a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ledger.facade.base.marks import kept_checkpoint
from ledger.facade.base.synctables import SPARSE_NOTES
from ledger.facade.logs.opening import BRANCH_MARK
from ledger.formats.entry import entry_hash
from ledger.formats.excerpt import CheckedExcerpt
from ledger.known.verified import VerifiedRecord
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.store.tables import Cell, OneOf
from ledger.types import StationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Records of one log as they are to be stored.

    Attributes:
        name: name of the log in the store; of a branch with ``~`` and its first divergent entry.
        station: station of the log.
        records: ascending by position.
        received_at_ms: the receiver's clock.
    """

    name: str
    station: StationId
    records: Sequence[VerifiedRecord]
    received_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseLane:
    """Under which name the frames of an excerpt are stored.

    Attributes:
        name: of the log, or of its other history.
        seq: position of the first frame that contradicts; 0 when none does.
        held: positions whose very frames are here under the name of the log.
    """

    name: str
    seq: int
    held: frozenset[int]

    @property
    def forked(self) -> bool:
        """Whether the frames belong to another history than what is held of the log."""
        return self.seq > 0

    def split(self, arrival: Arrival) -> tuple[Arrival, Arrival]:
        """Return what is here already under the log's name, and what is to be stored under this name."""
        again = [record for record in arrival.records if record.seq in self.held]
        new = [record for record in arrival.records if record.seq not in self.held]
        return replace(arrival, records=again), replace(arrival, name=self.name, records=new)


def sparse_lane(tx: ReadTx, arrival: Arrival, checked: CheckedExcerpt) -> SparseLane:
    """Return where the frames of an excerpt belong.

    Args:
        tx: what is held.
        arrival: the frames, under the name of their log.
        checked: the excerpt that they came in.
    """
    name, records = arrival.name, arrival.records
    frames = _frames(tx, name, [record.seq for record in records])
    held = frozenset(record.seq for record in records if record.frame in frames.get(record.seq, ()))
    against = [record for record in records if record.seq in frames and record.seq not in held]
    if not against and other_root(tx, name, checked):
        against = [record for record in records if record.seq not in held][-1:]
    if not against:
        return SparseLane(name=name, seq=0, held=held)
    first: VerifiedRecord = against[0]
    return SparseLane(name=lane_name(name, first.entry_raw), seq=first.seq, held=held)


def lane_name(log: str, entry_raw: bytes) -> str:
    """Return the name under which single frames of another history of a log are stored.

    Args:
        log: name of the log.
        entry_raw: the first entry that contradicts what is held of it.
    """
    return f"{log}{BRANCH_MARK * 2}{entry_hash(entry_raw).hex()}"


def _frames(tx: ReadTx, name: str, seqs: Sequence[int]) -> dict[int, set[bytes]]:
    """Return the frames at some positions of a log, of whole logs and single ones."""
    found: dict[int, set[bytes]] = {}
    for seq, frame in tx.frames_at(name, seqs):
        found.setdefault(seq, set()).add(frame)
    asked: tuple[Cell, ...] = tuple(seqs)
    for row in tx.select(schema.SPARSE, {"log": name, "seq": OneOf(asked)}):
        if isinstance(row[1], int) and isinstance(row[3], bytes):
            found.setdefault(row[1], set()).add(row[3])
    return found


def other_root(tx: ReadTx, name: str, checked: CheckedExcerpt) -> bool:
    """Whether single frames that are kept under a name were proven by another root of an excerpt's size."""
    row = tx.get(SPARSE_NOTES, (name, checked.checkpoint.size))
    held = None if row is None else kept_checkpoint(row[2])
    return held is not None and held.root != checked.checkpoint.root
