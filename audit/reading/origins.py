"""Where each act of a case came from, and when the county received it, as its merge log has it.

A merge log names every frame that the county stored, in the order in which they came. Its leaves say when; a
table finds them, and what it finds is compared with the frame before it is believed.

Source: docs/protocol.md, "Merge log".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from audit.reading.incarnations import chain_of
from audit.reading.openings import BRANCH_MARK, Branch, Opening, base_of
from audit.reading.source import CaseRecord, Source
from ledger.errors import BanjianError
from ledger.formats.entry import entry_hash
from ledger.formats.frame import split_frame
from ledger.formats.merge import FrameLeaf, HeadLeaf, decode_merge_leaf
from ledger.types import StationId

_MERGED: Final = (
    "SELECT seq, count, merge_log, position FROM merged WHERE log = ? AND seq <= ? ORDER BY seq DESC LIMIT 1"
)
LeafPlace = tuple[int, int]
"""Which merge log of the chain, from 0, and position in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an act stands.

    Attributes:
        log: name of the log or branch.
        station: station of the log; "" when that is unknown.
        lane: ``main``, ``sparse`` for a single frame that came with its case, ``branch``.
        received_at_ms: when the county received it; None where no merge log says so.
        named: where the merge log names it; None where it does not.
        home: the county wrote it itself.
    """

    log: str
    seq: int
    station: StationId
    lane: str
    received_at_ms: int | None
    named: LeafPlace | None
    home: bool


class Origins:
    """Answers where acts came from.

    Args:
        source: the file.
        openings: the logs that are held whole.
        branches: divergent histories.
        stations: station of every log by name.
    """

    def __init__(
        self,
        source: Source,
        openings: Sequence[Opening],
        branches: Sequence[Branch],
        stations: Mapping[str, StationId],
    ) -> None:
        self._source = source
        self._chain = [one.opening for one in chain_of(openings, "merge")[0]]
        self._common = {branch.name: branch.common for branch in branches}
        self._stations = stations
        self._finds = bool(self._chain) and source.has_table("merged")

    def origin(self, record: CaseRecord) -> Origin:
        """Return where an act came from."""
        lane = "branch" if BRANCH_MARK in record.log else "sparse" if record.sparse else "main"
        station = self._stations.get(base_of(record.log), StationId(""))
        place = self._place(record) if self._finds else None
        leaf = None if place is None else self._leaf(place)
        return Origin(
            log=record.log,
            seq=record.seq,
            station=station,
            lane=lane,
            received_at_ms=None if leaf is None else leaf.received_at_ms,
            named=place,
            home=any(one.genesis.station == station for one in self._chain),
        )

    def cut(self, known_at_ms: int) -> LeafPlace:
        """Return the first leaf that came later than a moment: what stands before it was known."""
        for index, opening in enumerate(self._chain):
            low, high = 2, opening.size + 1
            while low < high:
                middle = (low + high) // 2
                leaf = self._leaf((index, middle))
                if leaf is not None and leaf.received_at_ms > known_at_ms:
                    high = middle
                else:
                    low = middle + 1
            if low <= opening.size:
                return index, low
        return len(self._chain), 0

    def _place(self, record: CaseRecord) -> LeafPlace | None:
        """Return where the merge log names a frame, when the leaf there does name it."""
        names = [one.name for one in self._chain]
        for seq, count, merge_log, position in self._source.rows(_MERGED, (record.log, record.seq)):
            if not (isinstance(seq, int) and isinstance(count, int) and isinstance(position, int)):
                continue
            if merge_log not in names or record.seq - seq >= count:
                continue
            place = (names.index(str(merge_log)), position + record.seq - seq)
            leaf = self._leaf(place)
            if isinstance(leaf, FrameLeaf) and self._names(leaf, record):
                return place
        return None

    def _names(self, leaf: FrameLeaf, record: CaseRecord) -> bool:
        try:
            hashed = entry_hash(split_frame(record.frame).entry_raw)
        except BanjianError:
            return False
        seq = record.seq + self._common.get(record.log, 0)
        return (leaf.log_id.hex(), leaf.seq, leaf.entry_hash) == (base_of(record.log), seq, hashed)

    def _leaf(self, place: LeafPlace) -> FrameLeaf | HeadLeaf | None:
        index, position = place
        for row in self._source.events(self._chain[index].name, position, position):
            try:
                return decode_merge_leaf(row.frame if isinstance(row.frame, bytes) else b"")
            except BanjianError:
                return None
        return None
