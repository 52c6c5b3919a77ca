"""The county's merge log: its leaves name what the file holds, every frame once and in the order of its log.

Leaves are decoded and hashed with their log; here is told whether they say the truth. One pass over all
leaves, with the frames that they name read in runs.

Source: docs/protocol.md, "Merge log".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Final

from audit.reading.findings import Finding, error, from_error, notice, warning
from audit.reading.incarnations import chain_of
from audit.reading.openings import Branch, Opening, SparseLog
from audit.reading.source import EventRow, Source
from audit.reading.subtree import Known
from ledger.errors import BanjianError
from ledger.formats.checkpoint import LOG_ORIGIN_PREFIX, checkpoint_hash, open_checkpoint
from ledger.formats.entry import entry_hash
from ledger.formats.frame import split_frame
from ledger.formats.merge import MERGE_LEAF, FrameLeaf, HeadLeaf, decode_merge_leaf

PAGE: Final = 4_096
"""Leaves that are read at once."""
_HEADS: Final = (
    "SELECT state FROM stored_events WHERE originator_id = ? AND originator_version > 1 "
    "AND state >= x'9502' AND state < x'9503'"
)
_SEEN: Final = "SELECT number, log, size, note, state FROM county_checkpoints ORDER BY number"
_EVIDENCE: Final = ("merge.inconsistent", "merge.unproven")
_WHOLE_LOGS: Final = ("registry", "catalogue")


def check_leaf(row: EventRow, *, log: str, seq: int, report: Callable[[Finding], None]) -> int | None:
    """Check the form of a stored leaf; return when it was received, None when it does not say.

    Args:
        row: the stored record.
        log: name of the merge log.
        seq: its position.
        report: takes findings.
    """
    if row.topic != MERGE_LEAF:
        report(error("frame.topic", log=log, seq=seq))
    try:
        return decode_merge_leaf(row.frame if type(row.frame) is bytes else b"").received_at_ms
    except BanjianError as raised:
        report(from_error(raised, log=log, seq=seq))
        return None


def head_sizes(source: Source, openings: Sequence[Opening]) -> Iterator[tuple[str, int]]:
    """Yield logs and sizes of which merge logs name the root."""
    for opening in openings:
        if opening.genesis.kind == "merge":
            for (state,) in source.rows(_HEADS, (opening.name,), log=opening.name):
                leaf = _decoded(state)
                if isinstance(leaf, HeadLeaf):
                    yield leaf.log_id.hex(), leaf.size


def check_merge(
    source: Source,
    openings: Sequence[Opening],
    branches: Sequence[Branch],
    *,
    roots: Mapping[str, Mapping[int, Known]],
    report: Callable[[Finding], None],
) -> None:
    """Check what merge logs say of the other logs.

    Args:
        source: the file.
        openings: all logs.
        branches: divergent histories.
        roots: computed roots at the sizes that ``head_sizes`` names.
        report: takes findings.
    """
    check = _Check(source, {one.name: one for one in openings}, branches, roots, report)
    chain, beside = chain_of(openings, "merge")
    for opening in (*(one.opening for one in chain), *beside):
        check.walk(opening)
    if chain:
        check.finish(openings)


@dataclass(slots=True)
class _Check:
    source: Source
    logs: Mapping[str, Opening]
    branches: Sequence[Branch]
    roots: Mapping[str, Mapping[int, Known]]
    report: Callable[[Finding], None]
    named: dict[str, int] = field(default_factory=dict)

    def walk(self, opening: Opening) -> None:
        """Go along the leaves of one merge log."""
        for first in range(2, opening.size + 1, PAGE):
            page = [
                (row.seq, leaf)
                for row in self.source.events(opening.name, first, min(first + PAGE - 1, opening.size))
                if isinstance(row.seq, int) and (leaf := _decoded(row.frame)) is not None
            ]
            for run in _runs(page):
                self._frames(opening.name, run)
            for seq, leaf in page:
                if isinstance(leaf, HeadLeaf):
                    self._head(opening.name, seq, leaf)

    def finish(self, openings: Sequence[Opening]) -> None:
        """Tell how many frames no leaf names yet."""
        sizes = {one.name: one.size for one in openings if one.genesis.kind == "station"}
        sizes |= {one.name: one.size for one in self.branches}
        behind = sum(max(0, size - self.named.get(name, 0)) for name, size in sizes.items())
        # A county that exchanges nothing need not merge.
        if behind and self.named:
            self.report(notice("merge.behind", count=behind))

    def _frames(self, merge_log: str, run: Sequence[tuple[int, FrameLeaf]]) -> None:
        """Compare leaves that name consecutive frames of one log with these frames."""
        log = run[0][1].log_id.hex()
        held = self._hashes(log, run[0][1].seq, run[-1][1].seq) if self._is_station(log) else {}
        for seq, leaf in run:
            name, position = log, leaf.seq
            if held.get(leaf.seq) != leaf.entry_hash or self.named.get(log, 0) >= leaf.seq:
                places = [(log, leaf.seq)] if held.get(leaf.seq) == leaf.entry_hash else []
                places += self._in_branches(log, leaf)
                if not places:
                    self.report(error("merge.frame", log=merge_log, seq=seq, named=log, position=leaf.seq))
                    continue
                # An entry that lies about the one before it may stand in several, and is named for each.
                due = [place for place in places if place[1] == self.named.get(place[0], 0) + 1]
                name, position = (due or places)[0]
            following = self.named.get(name, 0) + 1
            if position != following:
                self.report(
                    error("merge.order", log=merge_log, seq=seq, named=name, position=position, due=following)
                )
            self.named[name] = max(position, following - 1)

    def _head(self, merge_log: str, seq: int, leaf: HeadLeaf) -> None:
        name = leaf.log_id.hex()
        opening = self.logs.get(name)
        known = opening is not None and opening.genesis.kind in _WHOLE_LOGS and leaf.size <= opening.size
        root = self.roots.get(name, {}).get(leaf.size) if known else None
        if not known or (root is not None and root != leaf.root):
            self.report(error("merge.head", log=merge_log, seq=seq, named=name, size=leaf.size))

    def _is_station(self, log: str) -> bool:
        opening = self.logs.get(log)
        return opening is not None and opening.genesis.kind == "station"

    def _hashes(self, name: str, first: int, last: int) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for row in self.source.events(name, first, last):
            try:
                parts = split_frame(row.frame if type(row.frame) is bytes else b"")
            except BanjianError:
                continue
            if isinstance(row.seq, int):
                found[row.seq] = entry_hash(parts.entry_raw)
        return found

    def _in_branches(self, log: str, leaf: FrameLeaf) -> Iterator[tuple[str, int]]:
        """Yield name and position of a frame in branches of a log; positions of branches count from 1."""
        for branch in self.branches:
            if branch.base != log:
                continue
            position = leaf.seq - branch.common
            held = self._hashes(branch.name, position, position) if position >= 1 else {}
            if held.get(position) == leaf.entry_hash:
                yield branch.name, position


def _runs(page: Sequence[tuple[int, FrameLeaf | HeadLeaf]]) -> Iterator[list[tuple[int, FrameLeaf]]]:
    """Yield the leaves that name consecutive frames of one log, one after the other."""
    run: list[tuple[int, FrameLeaf]] = []
    for seq, leaf in page:
        if not isinstance(leaf, FrameLeaf):
            continue
        if run and (leaf.log_id, leaf.seq) != (run[-1][1].log_id, run[-1][1].seq + 1):
            yield run
            run = []
        run.append((seq, leaf))
    if run:
        yield run


def _decoded(state: object) -> FrameLeaf | HeadLeaf | None:
    """Return a leaf; what does not decode was told with its log."""
    try:
        return decode_merge_leaf(state if type(state) is bytes else b"")
    except BanjianError:
        return None


def merge_keys(openings: Sequence[Opening], sparse: Sequence[SparseLog]) -> dict[str, bytes]:
    """Return the public key of every merge log whose opening is here, by name."""
    found = {one.name: one.genesis for one in openings}
    found |= {one.name: one.genesis for one in sparse if one.genesis is not None}
    return {name: genesis.log_public_key for name, genesis in found.items() if genesis.kind == "merge"}


def check_seen(
    source: Source,
    keys: Mapping[str, bytes],
    named: Mapping[tuple[str, bytes], tuple[int, int]],
    going_on: Set[str],
    report: Callable[[Finding], None],
) -> None:
    """Check the county's checkpoints that were kept, and tell of those that are evidence against it.

    Args:
        source: the file.
        keys: public key of each merge log, by name.
        named: hashes of the checkpoints that entries written here name, by log, with the first such entry
            and the last one that names it after another.
        going_on: names of the logs that this installation goes on writing.
        report: takes findings.
    """
    taken: dict[bytes, list[int]] = {}
    memory = _Memory(report)
    for due, (number, log, size, note, state) in enumerate(source.rows(_SEEN), start=1):
        name, seq = str(log), size if isinstance(size, int) else 0
        if name not in keys:
            report(error("log.opening", log=name, seq=1))
            continue
        try:
            opened = open_checkpoint(
                note if type(note) is bytes else b"", f"{LOG_ORIGIN_PREFIX}{name}", keys[name]
            )
        except BanjianError as raised:
            report(from_error(raised, log=name, seq=seq))
            continue
        if (opened.size, number) != (size, due) or state not in ("", *_EVIDENCE):
            report(error("checkpoint.row", log=name, seq=seq))
            continue
        hashed = checkpoint_hash(opened)
        if state:
            report(warning(str(state), log=name, seq=seq))
            memory.refused.add(hashed)
        else:
            taken.setdefault(hashed, []).append(due)
            memory.take(name, seq, hashed)
    # An entry names what was taken before it was written, and nothing taken is ever put away.
    missing: dict[str, list[int]] = {}
    for (log_name, hashed), (first_seq, _) in named.items():
        if hashed not in taken:
            missing.setdefault(log_name, []).append(first_seq)
    for log_name, places in missing.items():
        if log_name not in going_on:
            # others may have given it back an end that this copy of the installation never wrote
            report(notice("merge.seen_given_up", log=log_name, seq=min(places), count=len(places)))
            continue
        for first_seq in places:
            report(error("merge.seen_missing", log=log_name, seq=first_seq))
    _check_order(taken, {place: seqs for place, seqs in named.items() if place[0] in going_on}, report)


@dataclass(slots=True)
class _Memory:
    """What was taken so far: it grows, along each log and from a log to the one that continues it.

    People may accept an older checkpoint (``banjian county accept``): it is told, and is no error. What they
    accept is mostly one that was refused first.
    """

    report: Callable[[Finding], None]
    refused: set[bytes] = field(default_factory=set)
    newest: tuple[str, int] = ("", 0)
    logs: set[str] = field(default_factory=set)

    def take(self, name: str, size: int, hashed: bytes) -> None:
        """Take the next one in the order of the rows."""
        log, before = self.newest
        back = size <= before if name == log else name in self.logs
        if back and hashed not in self.refused:
            self.report(warning("merge.seen_order", log=name, seq=size))
        self.newest = (name, size)
        self.logs.add(name)


def _check_order(
    taken: Mapping[bytes, Sequence[int]],
    named: Mapping[tuple[str, bytes], tuple[int, int]],
    report: Callable[[Finding], None],
) -> None:
    """Tell of entries that name a checkpoint which was taken before one that an earlier entry names.

    An entry names the newest; one that was taken twice may be named by entries between others.
    """
    numbered = sorted(
        (log, taken[hashed][0], first, last)
        for (log, hashed), (first, last) in named.items()
        if len(taken.get(hashed, ())) == 1
    )
    newest = ("", 0)
    for log, _, first, last in numbered:
        if newest[0] == log and first < newest[1]:
            report(error("merge.seen_order", log=log, seq=newest[1]))
        newest = (log, max(last, newest[1] if newest[0] == log else 0))
