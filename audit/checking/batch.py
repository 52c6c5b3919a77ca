"""One batch of consecutive entries: encoding, links, pins, leaf hashes, stored subtrees, checkpoints.

A batch is checked in one go from the rows that were read for it.

Source: docs/protocol.md, "What a verifier checks".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from audit.checking.acts import OPAQUE, ActChecker, LogContext, Unverified
from audit.checking.merge import check_leaf
from audit.checking.tally import Tally
from audit.reading.findings import Collector, Severity, error, from_error, notice, warning
from audit.reading.source import Cell, EventRow
from audit.reading.subtree import Known, edge_of, levels_of
from ledger.errors import BanjianError
from ledger.formats.act import Act, act_id, case_of, decode_act
from ledger.formats.checkpoint import log_origin, open_checkpoint, open_cosignature, read_checkpoint
from ledger.formats.entry import Entry, check_link, decode_entry, entry_hash
from ledger.formats.frame import check_pins, decode_frame, split_frame
from ledger.formats.merkle import leaf_hash
from ledger.limits import TREE_LEVEL_STORED_MIN

NodeKey: TypeAlias = tuple[int, int]
"""Level and index of a subtree."""
_MISSING: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRows:
    """Everything that the file holds about one batch.

    Attributes:
        first_seq: position of the first entry; batches begin at 1, 257, ...
        last_seq: position of the last entry that the file can hold in this batch.
        events: rows of the frames.
        bodies_alone: positions at which bodies lie without a frame.
        previous: the frame before the first one, of a branch that of its log; empty for the first of the
            log or an unreadable one.
        nodes: stored subtrees by level and index, those of the batch among them.
        checkpoints: (size, note) of checkpoints that end in the batch.
        receipts: (size, name, line) of receipts on them.
        wanted_sizes: further sizes at which the root is asked for.
    """

    first_seq: int
    last_seq: int
    events: Sequence[EventRow]
    bodies_alone: Sequence[int] = ()
    previous: bytes
    nodes: Mapping[NodeKey, Cell]
    checkpoints: Sequence[tuple[Cell, ...]] = ()
    receipts: Sequence[tuple[Cell, ...]] = ()
    wanted_sizes: Sequence[int] = ()


@dataclass(slots=True, kw_only=True)
class BatchResult:
    """What one batch gives; small, for it may come from another process.

    Attributes:
        edge: complete subtrees of all its entries, from left to right; one root for a whole batch.
        stated: size, root that a signed checkpoint states, and the edge within the batch at that size.
        wanted: further sizes that were asked for, and the edge at each.
        last: position, hash and recorded time of the last entry that decodes.
        acts: acts that decode.
    """

    first_seq: int
    last_seq: int
    edge: list[Known]
    findings: Collector
    stated: list[tuple[int, bytes, list[Known]]]
    wanted: list[tuple[int, list[Known]]]
    last: tuple[int, bytes, int] | None
    acts: int


def check_batch(
    context: LogContext, rows: BatchRows, findings: Collector, tally: Tally, signatures: list[Unverified]
) -> BatchResult:
    """Check one batch of a log, but for the signatures.

    Args:
        context: the log.
        rows: the batch.
        findings: takes what is found; may hold what reading it found.
        tally: is counted up.
        signatures: takes those that are left to verify.
    """
    acts_before = tally.acts
    walk = walk_batch(context, rows, findings, tally, signatures)
    levels = levels_of(walk.leaves)
    _compare_nodes(context, rows, levels, findings)
    stated = _open_checkpoints(context, rows, findings)
    before = rows.first_seq - 1
    return BatchResult(
        first_seq=rows.first_seq,
        last_seq=rows.last_seq,
        edge=edge_of(levels, rows.last_seq - before),
        findings=findings,
        stated=[(size, root, edge_of(levels, size - before)) for size, root in stated],
        wanted=[(size, edge_of(levels, size - before)) for size in rows.wanted_sizes],
        last=walk.last,
        acts=tally.acts - acts_before,
    )


def walk_batch(
    context: LogContext, rows: BatchRows, findings: Collector, tally: Tally, signatures: list[Unverified]
) -> Walk:
    """Check the entries of a batch, themselves and with each other, without any tree; see ``check_batch``."""
    walk = Walk(context, rows, findings, tally, signatures)
    for row in rows.events:
        walk.take(row)
    walk.close()
    for seq in rows.bodies_alone:
        findings.add(error("body.orphan", log=context.name, seq=seq))
    return walk


class Walk:
    """Goes along the rows of a batch: position, chain, time.

    Attributes:
        leaves: leaf hash of every position, None for one that cannot be read.
        last: position, hash and recorded time of the last entry that decodes.
    """

    __slots__ = (
        "_acts", "_before", "_common", "_context", "_hash", "_last_seq", "_log_id", "_merge", "_report",
        "_seq", "_tally", "last", "leaves",
    )  # fmt: skip

    def __init__(
        self,
        context: LogContext,
        rows: BatchRows,
        findings: Collector,
        tally: Tally,
        signatures: list[Unverified],
    ) -> None:
        self._report = findings.add
        self._tally = tally
        self._log_id = context.log_id
        self._common = context.common
        self.leaves: list[Known] = []
        self.last: tuple[int, bytes, int] | None = None
        self._merge = context.genesis.kind == "merge"
        self._context = context
        self._seq = rows.first_seq
        self._last_seq = rows.last_seq
        self._acts = ActChecker(context, self._report, tally, signatures)
        self._before: Entry | None = None
        self._hash = context.genesis_hash if rows.first_seq + context.common == 1 else b""
        if rows.previous:
            self._look_back(rows.previous)

    def take(self, row: EventRow) -> None:
        """Check the next row."""
        seq, frame = row.seq, row.frame
        if seq != self._seq or type(seq) is not int:
            if type(seq) is not int or seq < self._seq:
                self._find("frame.repeated", self._seq)
                return
            while self._seq < seq:
                self._gap()
        self._seq = seq + 1
        if self._merge and seq > 1:
            self._take_leaf(row, seq)
            return
        try:
            act, entry, entry_raw, _ = decode_frame(frame if type(frame) is bytes else b"")
        except BanjianError as raised:
            self._take_broken(row, seq, raised)
            return
        if entry.previous != self._hash or entry.seq != seq + self._common or entry.log_id != self._log_id:
            self._broken_link(entry, seq, row.topic)
            if (self._context.name, seq) in self._tally.broken:
                self._tally.doubted.add(case_of(act))
        self._stand(entry, entry_raw, seq)
        self._acts.check(row, act, entry, seq)

    def close(self) -> None:
        """Report what is missing at the end of the batch."""
        while self._seq <= self._last_seq:
            self._gap()

    def _stand(self, entry: Entry, entry_raw: bytes, seq: int) -> None:
        before = self._before
        if (
            before is not None
            and before.boot_id == entry.boot_id
            and (entry.recorded_at_ms < before.recorded_at_ms or entry.monotonic_ms < before.monotonic_ms)
        ):
            self._report(notice("time.backwards", log=self._context.name, seq=seq, previous_seq=before.seq))
        if self._context.written_here:
            self._see(entry.county_seen, b"" if before is None else before.county_seen, seq)
        self._before = entry
        self._hash = entry_hash(entry_raw)
        self.leaves.append(leaf_hash(entry_raw))
        self.last = (seq, self._hash, entry.recorded_at_ms)

    def _see(self, county_seen: bytes, before: bytes, seq: int) -> None:
        """Keep which county checkpoint an entry names; who held one once never holds none again."""
        if county_seen == before:
            return
        if county_seen:
            self._tally.see(self._context.name, county_seen, first=seq, last=seq)
        elif self._context.continued_here:
            self._find("merge.seen_dropped", seq)

    def _take_leaf(self, row: EventRow, seq: int) -> None:
        """Take a leaf of a merge log: no frame, and nothing but the tree ties it to the one before."""
        received_at_ms = check_leaf(row, log=self._context.name, seq=seq, report=self._report)
        raw = row.frame if type(row.frame) is bytes else b""
        self.leaves.append(leaf_hash(raw) if raw else None)
        if received_at_ms is not None:
            self.last = (seq, entry_hash(raw), received_at_ms)

    def _take_broken(self, row: EventRow, seq: int, raised: BanjianError) -> None:
        """Say what exactly is wrong with a frame that does not decode as a whole."""
        name = self._context.name
        self._tally.broken.add((name, seq))
        frame = row.frame
        told: Severity = "warning" if row.topic == OPAQUE else "error"
        try:
            parts = split_frame(frame if type(frame) is bytes else b"")
        except BanjianError as broken:
            self._report(from_error(broken, log=name, seq=seq))
            self.leaves.append(None)
            self._hash, self._before = b"", None
            return
        try:
            entry = decode_entry(parts.entry_raw)
        except BanjianError as broken:
            # Its bytes are a leaf all the same: a signed root may cover what nobody can read.
            self._report(from_error(broken, severity=told, log=name, seq=seq))
            self.leaves.append(leaf_hash(parts.entry_raw))
            self._hash, self._before = entry_hash(parts.entry_raw), None
            return
        if entry.previous != self._hash or entry.seq != seq + self._common or entry.log_id != self._log_id:
            self._broken_link(entry, seq, row.topic)
        self._stand(entry, parts.entry_raw, seq)
        known_id = act_id(parts.act_raw)
        try:
            check_pins(entry, parts.act_raw, parts.sig)
        except BanjianError as unpinned:
            # No honest receiver takes this in: somebody changed it here.
            self._report(from_error(unpinned, log=name, seq=seq, act=known_id))
        try:
            header = decode_act(parts.act_raw)
        except BanjianError as malformed:
            self._tally.blocked.setdefault((name, seq), malformed.code)
            self._report(from_error(malformed, severity=told, log=name, seq=seq, act=known_id))
            return
        self._tally.blocked.setdefault((name, seq), raised.code)
        self._acts.check(row, Act(header, parts.act_raw, parts.sig, known_id), entry, seq)

    def _broken_link(self, entry: Entry, seq: int, topic: Cell) -> None:
        """Say what an entry tells wrongly of its place; under ``opaque`` that is what its station signed."""
        told: Severity = "warning" if topic == OPAQUE else "error"
        if not self._hash:
            # The entry before it cannot be read: that is a finding already, and its hash is unknown.
            self._hash = entry.previous
        for check in (
            (self._context.log_id, entry.seq, entry.previous),
            (entry.log_id, seq + self._common, entry.previous),
            (entry.log_id, entry.seq, self._hash),
        ):
            log_id, expected_seq, previous = check
            try:
                check_link(entry, log_id=log_id, seq=expected_seq, previous=previous)
            except BanjianError as raised:
                self._report(from_error(raised, severity=told, log=self._context.name, seq=seq))
                if topic == OPAQUE:
                    place = (self._context.name, seq)
                    self._tally.broken.add(place)
                    self._tally.blocked.setdefault(place, raised.code)

    def _gap(self) -> None:
        self._find("log.gap", self._seq)
        self.leaves.append(None)
        self._hash, self._before = b"", None
        self._seq += 1

    def _look_back(self, frame: bytes) -> None:
        try:
            raw = split_frame(frame).entry_raw
            self._hash = entry_hash(raw)
            self._before = decode_entry(raw)
        except BanjianError:
            # Reported by the batch that holds it.
            self._before = None

    def _find(self, code: str, seq: int) -> None:
        self._report(error(code, log=self._context.name, seq=seq))


def _compare_nodes(
    context: LogContext, rows: BatchRows, levels: Sequence[Sequence[Known]], findings: Collector
) -> None:
    """Compare stored subtrees with computed ones; each complete one from the lowest stored level is due."""
    stored, offset = rows.nodes, rows.first_seq - 1
    for level in range(TREE_LEVEL_STORED_MIN, len(levels)):
        for index, computed in enumerate(levels[level], start=offset >> level):
            found = stored.get((level, index), _MISSING)
            if found is _MISSING:
                findings.add(error("tree.missing", log=context.name, level=level, index=index))
            elif computed is not None and found != computed:
                findings.add(error("tree.row", log=context.name, level=level, index=index))


def _open_checkpoints(context: LogContext, rows: BatchRows, findings: Collector) -> list[tuple[int, bytes]]:
    """Return the sizes and roots that checkpoints of the log's own key state."""
    origin = log_origin(context.log_id)
    notes: dict[int, bytes] = {}
    stated: list[tuple[int, bytes]] = []
    for size, note in rows.checkpoints:
        if not isinstance(size, int) or type(note) is not bytes:
            findings.add(error("checkpoint.row", log=context.name))
            continue
        try:
            opened = open_checkpoint(note, origin, context.genesis.log_public_key)
        except BanjianError as raised:
            findings.add(from_error(raised, log=context.name, seq=size))
            continue
        if opened.size != size:
            findings.add(error("checkpoint.row", log=context.name, seq=size))
            continue
        notes[size] = note
        stated.append((size, opened.root))
    for size, name, line in rows.receipts:
        check_receipt(context, findings, notes, size, name, line)
    return stated


def check_receipt(
    context: LogContext, findings: Collector, notes: Mapping[int, bytes], size: Cell, name: Cell, line: Cell
) -> None:
    """Check a receipt on one of the checkpoints in ``notes``, which are those that hold, by size."""
    if not isinstance(size, int) or not isinstance(name, str) or type(line) is not bytes or size not in notes:
        seq = size if isinstance(size, int) else 0
        findings.add(error("receipt.row", log=context.name, seq=seq))
        return
    keys = context.judge.receipt_keys.get(name, ())
    if not keys:
        findings.add(warning("receipt.key_unknown", log=context.name, seq=size, name=name))
        return
    checkpoint = read_checkpoint(notes[size])
    text = line.decode("utf-8", errors="replace")
    raised: BanjianError | None = None
    for key in keys:
        try:
            open_cosignature(text, checkpoint, name=name, public_key=key)
            return
        except BanjianError as failed:
            raised = failed
    if raised is not None:
        findings.add(from_error(raised, log=context.name, seq=size))
