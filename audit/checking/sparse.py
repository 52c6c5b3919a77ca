"""Single frames of other logs that came with a case: each proven under the checkpoint that it came with.

What proves them is kept: the checkpoint of their log, and hashes over ranges of leaves from each entry up to
the root. A frame that no kept proof covers might be anybody's invention, so that is an error. Only the
opening of a log needs none: its genesis gives the log its id.

Frames that contradict what is held of their log lie under a name of their own: that log forked.

Source: docs/protocol.md, "Reading a ledger file".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from audit.checking.acts import OPAQUE, ActChecker, LogContext, Unverified, verify_all
from audit.checking.desk import Brief
from audit.checking.placing import PlaceCheck
from audit.checking.tally import Tally
from audit.reading.findings import Collector, error, from_error, warning
from audit.reading.judge import Judge
from audit.reading.openings import BRANCH_MARK, SparseLog, base_of
from audit.reading.personal import PersonalReader
from audit.reading.source import EventRow, Source
from audit.reading.sparserows import SparseRow, sparse_proof, sparse_rows
from ledger.errors import BanjianError
from ledger.formats.act import case_of
from ledger.formats.checkpoint import log_origin, open_checkpoint
from ledger.formats.entry import entry_hash
from ledger.formats.frame import Frame, decode_frame
from ledger.formats.genesis import LogGenesis
from ledger.formats.merkle import leaf_hash, node_hash


@dataclass(slots=True)
class Proof:
    """What is kept of the tree under one checkpoint: hashes by first leaf and one behind the last.

    Attributes:
        size: leaves of the tree.
        root: what the log's key signed.
    """

    size: int
    root: bytes
    nodes: Mapping[tuple[int, int], bytes]
    known: dict[tuple[int, int], bool] = field(default_factory=dict)

    def covers(self, index: int, leaf: bytes) -> bool:
        """Return whether a leaf leads to the signed root."""
        if not 0 <= index < self.size or self.nodes.get((0, self.size)) != self.root:
            return False
        low, high = 0, self.size
        while high - low > 1:
            middle = low + (1 << ((high - low - 1).bit_length() - 1))
            if not self._holds(low, middle, high):
                return False
            low, high = (low, middle) if index < middle else (middle, high)
        return self.nodes.get((low, high)) == leaf

    def _holds(self, low: int, middle: int, high: int) -> bool:
        known = self.known.get((low, high))
        if known is None:
            left, right = self.nodes.get((low, middle)), self.nodes.get((middle, high))
            whole = self.nodes.get((low, high))
            known = left is not None and right is not None and node_hash(left, right) == whole
            self.known[low, high] = known
        return known


class SparseChecker:
    """Checks single frames.

    Args:
        source: the file.
        brief: what is audited.
        judge: registry and catalogue, folded.
        logs: the logs that they are of.
        places: compares places of acts.
        collector: takes findings.
        tally: is counted up.
    """

    def __init__(
        self,
        source: Source,
        brief: Brief,
        judge: Judge,
        *,
        logs: Sequence[SparseLog],
        places: PlaceCheck,
        collector: Collector,
        tally: Tally,
    ) -> None:
        self._source = source
        self._brief = brief
        self._judge = judge
        self._logs = {one.name: one for one in logs}
        self._places = places
        self._report = collector.add
        self._tally = tally
        self._signatures: list[Unverified] = []

    def check(self) -> int:
        """Check all of them and return how many there are."""
        count = 0
        for log, rows in groupby(sparse_rows(self._source), key=lambda row: row.log):
            known = self._logs.get(log) if isinstance(log, str) else None
            if known is None or known.genesis is None:
                # That the log has no opening was told; nobody can tell whose signature would count.
                count += sum(1 for _ in rows)
                continue
            if known.genesis.ledger_id != self._brief.ledger_id:
                self._report(error("log.other_ledger", log=known.name))
            count += self._check_log(known.name, known.genesis, rows)
            verify_all(self._signatures)
            self._signatures.clear()
        return count

    def _check_log(self, name: str, genesis: LogGenesis, rows: Iterator[SparseRow]) -> int:
        key = self._brief.storage_key
        context = LogContext(
            name=name, log_id=genesis.log_id(), ledger_id=self._brief.ledger_id, genesis=genesis,
            genesis_hash=genesis.genesis_hash(), judge=self._judge, source=self._source,
            personal=None if key is None else PersonalReader(key),
        )  # fmt: skip
        acts = ActChecker(context, self._report, self._tally, self._signatures)
        hashes: set[str] = set()
        count = 0
        for size, group in groupby(rows, key=lambda row: row.size):
            proof = self._proof(name, genesis, size if isinstance(size, int) else 0)
            for row in group:
                count += 1
                seq = row.seq if isinstance(row.seq, int) else 0
                frame = self._decode(row, name, seq)
                if frame is None:
                    continue
                hashes.add(entry_hash(frame.entry_raw).hex())
                self._check_proof(frame, proof, name, seq)
                self._check_act(row, frame, acts, name, seq)
        _, mark, named = name.partition(BRANCH_MARK)
        if mark:
            self._report(warning("sparse.fork", log=name, station=genesis.station))
            if named[:1] != BRANCH_MARK or named[1:] not in hashes:
                self._report(error("log.branch_place", log=name, field="name"))
        return count

    def _proof(self, name: str, genesis: LogGenesis, size: int) -> Proof | None:
        """Return what is kept under a checkpoint; None without one, told where there is one that is wrong."""
        note, nodes = sparse_proof(self._source, name, size)
        if not note:
            return None
        try:
            opened = open_checkpoint(note, log_origin(genesis.log_id()), genesis.log_public_key)
        except BanjianError as raised:
            self._report(from_error(raised, log=name, seq=size))
            return Proof(0, b"", {})
        if opened.size != size:
            self._report(error("checkpoint.row", log=name, seq=size))
            return Proof(0, b"", {})
        return Proof(size, opened.root, nodes)

    def _decode(self, row: SparseRow, name: str, seq: int) -> Frame | None:
        try:
            frame = decode_frame(row.frame if isinstance(row.frame, bytes) else b"")
        except BanjianError as raised:
            self._report(from_error(raised, log=name, seq=seq))
            return None
        act, entry = frame.act, frame.entry
        if (act.act_id, entry.log_id.hex(), entry.seq) != (row.act_id, base_of(name), row.seq):
            self._report(error("sparse.row", log=name, seq=seq, act=act.act_id))
            return None
        return frame

    def _check_proof(self, frame: Frame, proof: Proof | None, name: str, seq: int) -> None:
        if proof is None and seq == 1:
            # The opening of a log proves itself: the log has its id from the genesis that it carries.
            return
        if proof is None or not proof.covers(seq - 1, leaf_hash(frame.entry_raw)):
            self._report(error("sparse.unproven", log=name, seq=seq, act=frame.act.act_id))

    def _check_act(self, row: SparseRow, frame: Frame, acts: ActChecker, name: str, seq: int) -> None:
        """Check an act that stands nowhere else here; the check of a log has seen those that it holds."""
        act, raw = frame.act, row.frame if isinstance(row.frame, bytes) else b""
        beside = [held for held, topic in self._source.frames_at(name, seq) if topic is not None]
        if raw in beside:
            return
        place = self._source.row_of(case_of(act), act.act_id)
        opaque = place is not None and place[2] == OPAQUE
        found = self._places.look(act, raw, log=name, seq=seq, opaque=True)
        for finding in found or ():
            self._report(finding)
        bodies = (row.facts, row.nonce, row.personal)
        if found is not None and bodies != (None, None, None):
            if not beside and not self._is_shared(name, seq, act.act_id):
                self._report(error("body.orphan", log=name, seq=seq, act=act.act_id))
            bodies = (None, None, None)
        topic = OPAQUE if opaque else act.header.action
        acts.check(EventRow(seq, topic, raw, *bodies), act, frame.entry, seq)

    def _is_shared(self, name: str, seq: int, act: bytes) -> bool:
        """Return whether another act has this place: then the bodies that lie there are its own."""
        rows = self._source.rows("SELECT act_id FROM acts WHERE log = ? AND seq = ?", (name, seq), log=name)
        return any(found != act for (found,) in rows)
