"""One batch of consecutive entries: encoding, links, pins, leaf hashes, stored subtrees, checkpoints.

A batch is checked by one thread from the rows that were read for it; nothing here reads the file.

Source: docs/protocol.md, "What a verifier checks".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from audit.acts import OPAQUE, ActChecker, LogContext, Tally
from audit.findings import Finding, Severity, error, from_error, notice, warning
from audit.source import Cell, EventRow
from audit.subtree import Known, edge_of, levels_of
from ledger.act import Act, act_id, decode_act
from ledger.checkpoint import log_origin, open_checkpoint, open_cosignature, read_checkpoint
from ledger.entry import Entry, check_link, decode_entry, entry_hash
from ledger.errors import BanjianError
from ledger.frame import check_pins, decode_frame, split_frame
from ledger.limits import TREE_LEVEL_STORED_MIN
from ledger.merkle import leaf_hash

NodeKey = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRows:
    """Everything that the file holds about one batch.

    Attributes:
        first_seq: position of the first entry; batches begin at 1, 257, ...
        last_seq: position of the last entry that the file can hold in this batch.
        events: rows of the frames.
        previous: the frame before the first one; empty for the first of the log or an unreadable one.
        nodes: stored subtrees within the batch, (level, index, hash).
        checkpoints: (size, note) of checkpoints that end in the batch.
        receipts: (size, name, line) of receipts on them.
        wanted_sizes: further sizes at which the root is asked for.
    """

    first_seq: int
    last_seq: int
    events: Sequence[EventRow]
    previous: bytes
    nodes: Sequence[tuple[Cell, ...]] = ()
    checkpoints: Sequence[tuple[Cell, ...]] = ()
    receipts: Sequence[tuple[Cell, ...]] = ()
    wanted_sizes: Sequence[int] = ()


@dataclass(slots=True, kw_only=True)
class BatchResult:
    """What one batch gives.

    Attributes:
        levels: computed subtrees within the batch, from the leaves up.
        stated: (size, root) that signed checkpoints state, to be compared with the tree.
        last: last entry that decodes, with its raw bytes.
    """

    first_seq: int
    last_seq: int
    levels: list[list[Known]]
    findings: list[Finding]
    tally: Tally
    stated: list[tuple[int, bytes]] = field(default_factory=list)
    nodes_matched: int = 0
    last: tuple[Entry, bytes] | None = None


def check_batch(context: LogContext, rows: BatchRows) -> BatchResult:
    """Check one batch of a log."""
    walk = _Walk(context, rows)
    for row in rows.events:
        walk.take(row)
    walk.close()
    result = BatchResult(
        first_seq=rows.first_seq,
        last_seq=rows.last_seq,
        levels=levels_of(walk.leaves),
        findings=walk.findings,
        tally=walk.tally,
        last=walk.last,
    )
    _compare_nodes(context, rows, result)
    _open_checkpoints(context, rows, result)
    return result


def edge_at(result: BatchResult, size: int) -> list[Known]:
    """Return the edge, within the batch, of the tree of ``size`` entries that ends in it."""
    return edge_of(result.levels, size - result.first_seq + 1)


class _Walk:
    """Goes along the rows of a batch: position, chain, time."""

    __slots__ = (
        "_acts",
        "_before",
        "_context",
        "_hash",
        "_last_seq",
        "_seq",
        "findings",
        "last",
        "leaves",
        "tally",
    )

    def __init__(self, context: LogContext, rows: BatchRows) -> None:
        self.findings: list[Finding] = []
        self.tally = Tally()
        self.leaves: list[Known] = []
        self.last: tuple[Entry, bytes] | None = None
        self._context = context
        self._seq = rows.first_seq
        self._last_seq = rows.last_seq
        self._acts = ActChecker(context, self.findings.append, self.tally)
        self._before: Entry | None = None
        self._hash = context.genesis_hash if rows.first_seq == 1 else b""
        if rows.first_seq > 1 and rows.previous:
            self._look_back(rows.previous)

    def take(self, row: EventRow) -> None:
        """Check the next row."""
        seq = row.seq
        if type(seq) is not int or seq < self._seq:
            self._find("frame.repeated", self._seq)
            return
        while self._seq < seq:
            self._gap()
        self._seq += 1
        frame = row.frame
        try:
            act, entry, entry_raw, _ = decode_frame(frame if type(frame) is bytes else b"")
        except BanjianError as raised:
            self._take_broken(row, seq, raised)
            return
        if entry.previous != self._hash or entry.seq != seq or entry.log_id != self._context.log_id:
            self._broken_link(entry, seq)
        self._stand(entry, entry_raw)
        self._acts.check(row, act, entry)

    def close(self) -> None:
        """Report what is missing at the end of the batch."""
        while self._seq <= self._last_seq:
            self._gap()

    def _stand(self, entry: Entry, entry_raw: bytes) -> None:
        before = self._before
        if (
            before is not None
            and before.boot_id == entry.boot_id
            and (entry.recorded_at_ms < before.recorded_at_ms or entry.monotonic_ms < before.monotonic_ms)
        ):
            self.findings.append(
                notice("time.backwards", log=self._context.name, seq=entry.seq, previous_seq=before.seq)
            )
        self._before = entry
        self._hash = entry_hash(entry_raw)
        self.leaves.append(leaf_hash(entry_raw))
        self.last = (entry, entry_raw)

    def _take_broken(self, row: EventRow, seq: int, raised: BanjianError) -> None:
        """Say what exactly is wrong with a frame that does not decode as a whole."""
        name = self._context.name
        frame = row.frame
        try:
            parts = split_frame(frame if type(frame) is bytes else b"")
        except BanjianError as broken:
            self.findings.append(from_error(broken, log=name, seq=seq))
            self.leaves.append(None)
            self._hash, self._before = b"", None
            return
        try:
            entry = decode_entry(parts.entry_raw)
        except BanjianError as broken:
            # Its bytes are a leaf all the same: a signed root may cover what nobody can read.
            self.findings.append(from_error(broken, log=name, seq=seq))
            self.leaves.append(leaf_hash(parts.entry_raw))
            self._hash, self._before = entry_hash(parts.entry_raw), None
            return
        if entry.previous != self._hash or entry.seq != seq or entry.log_id != self._context.log_id:
            self._broken_link(entry, seq)
        self._stand(entry, parts.entry_raw)
        known_id = act_id(parts.act_raw)
        try:
            check_pins(entry, parts.act_raw, parts.sig)
        except BanjianError as unpinned:
            self.findings.append(from_error(unpinned, log=name, seq=seq, act=known_id))
        try:
            header = decode_act(parts.act_raw)
        except BanjianError as malformed:
            severity: Severity = "warning" if row.topic == OPAQUE else "error"
            self.tally.blocked[name, seq] = malformed.code
            self.findings.append(from_error(malformed, severity=severity, log=name, seq=seq, act=known_id))
            self.tally.indexed += row.index_case is not None
            return
        self.tally.blocked[name, seq] = raised.code
        self._acts.check(row, Act(header, parts.act_raw, parts.sig, known_id), entry)

    def _broken_link(self, entry: Entry, seq: int) -> None:
        if not self._hash:
            # The entry before it cannot be read: that is a finding already, and its hash is unknown.
            self._hash = entry.previous
        for check in (
            (self._context.log_id, entry.seq, entry.previous),
            (entry.log_id, seq, entry.previous),
            (entry.log_id, entry.seq, self._hash),
        ):
            log_id, expected_seq, previous = check
            try:
                check_link(entry, log_id=log_id, seq=expected_seq, previous=previous)
            except BanjianError as raised:
                self.findings.append(from_error(raised, log=self._context.name, seq=seq))

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
        self.findings.append(error(code, log=self._context.name, seq=seq))


def _compare_nodes(context: LogContext, rows: BatchRows, result: BatchResult) -> None:
    """Compare stored subtrees with computed ones; each complete one from the lowest stored level is due."""
    stored: dict[NodeKey, Cell] = {}
    for level, index, node in rows.nodes:
        if isinstance(level, int) and isinstance(index, int):
            stored[level, index] = node
    offset = rows.first_seq - 1
    for level in range(TREE_LEVEL_STORED_MIN, len(result.levels)):
        for index, computed in enumerate(result.levels[level], start=offset >> level):
            if (level, index) not in stored:
                result.findings.append(error("tree.missing", log=context.name, level=level, index=index))
                continue
            result.nodes_matched += 1
            if computed is not None and stored[level, index] != computed:
                result.findings.append(error("tree.row", log=context.name, level=level, index=index))


def _open_checkpoints(context: LogContext, rows: BatchRows, result: BatchResult) -> None:
    origin = log_origin(context.log_id)
    notes: dict[int, bytes] = {}
    for size, note in rows.checkpoints:
        if not isinstance(size, int) or type(note) is not bytes:
            result.findings.append(error("checkpoint.row", log=context.name))
            continue
        try:
            opened = open_checkpoint(note, origin, context.genesis.log_public_key)
        except BanjianError as raised:
            result.findings.append(from_error(raised, log=context.name, seq=size))
            continue
        if opened.size != size:
            result.findings.append(error("checkpoint.row", log=context.name, seq=size))
            continue
        notes[size] = note
        result.stated.append((size, opened.root))
    for size, name, line in rows.receipts:
        _check_receipt(context, result, notes, size, name, line)


def _check_receipt(
    context: LogContext, result: BatchResult, notes: dict[int, bytes], size: Cell, name: Cell, line: Cell
) -> None:
    if not isinstance(size, int) or not isinstance(name, str) or type(line) is not bytes or size not in notes:
        result.findings.append(
            error("receipt.row", log=context.name, seq=size if isinstance(size, int) else 0)
        )
        return
    keys = context.judge.receipt_keys.get(name, ())
    if not keys:
        result.findings.append(warning("receipt.key_unknown", log=context.name, seq=size, name=name))
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
        result.findings.append(from_error(raised, log=context.name, seq=size))
