"""The histories of a log that forked: the log itself, and branches that begin in it or in one another.

::

    log      1 2 3 4 5 6            what came first here
    branch       3'4'5'             parent: the log, common part 2
    branch           5"6"           parent: the branch above, common part 4

Each history is kept from where it leaves its parent on, so that no entry is kept twice. Which of them is the
log depends on what came first; the set of histories does not. Positions and parents are not read from the
entries, for whoever forks a log may sign entries that say anything: the checkpoint that a branch came with
says where it ends, and its root which entries lie before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ledger.errors import BanjianError, StoreError
from ledger.facade.base.synctables import FORK, SYNC_FINDINGS
from ledger.facade.logs.bodies import Place
from ledger.facade.logs.opening import BRANCH_MARK
from ledger.facade.logs.ownlog import stored_nodes
from ledger.formats.checkpoint import read_checkpoint
from ledger.formats.entry import decode_entry, entry_hash
from ledger.formats.frame import split_frame
from ledger.formats.genesis import genesis_hash
from ledger.formats.merkle import NodeGetter, leaf_hash, node_hash, root_at
from ledger.known.verified import link_fault
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.types import LogId

_NAME = re.compile(f"[0-9a-f]{{32}}{BRANCH_MARK}{BRANCH_MARK}?[0-9a-f]{{64}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A divergent history of a log, as it is held here.

    Attributes:
        name: ``<log id>~<32 bytes>``, both in hexadecimal digits.
        parent: the branch that it leaves; None when it leaves the log itself.
        first_seq: position in the log of the first divergent entry.
        size: entries of the log up to the end of the branch.
        head: hash of the last entry.
    """

    name: str
    parent: Branch | None
    first_seq: int
    size: int
    head: bytes

    @property
    def log(self) -> str:
        """Name of the log that forked."""
        return self.name.partition(BRANCH_MARK)[0]

    @property
    def common(self) -> int:
        """Entries before the first divergent one."""
        return self.first_seq - 1

    @property
    def count(self) -> int:
        """Divergent entries."""
        return self.size - self.common

    def owner(self, seq: int) -> Branch | None:
        """Return the history of which an entry of this one is kept; None for the log itself."""
        found: Branch | None = self
        while found is not None and seq < found.first_seq:
            found = found.parent
        return found


def branch_names(tx: ReadTx, log: str = "") -> list[str]:
    """Return the names of all divergent histories that are held, or of those of one log."""
    names = [str(row[1]) for row in tx.select(SYNC_FINDINGS, {"code": FORK})]
    # A name that somebody changed on this disk is none of ours.
    names = [name for name in names if _NAME.fullmatch(name)]
    return [name for name in names if not log or name.partition(BRANCH_MARK)[0] == log]


def load_branches(tx: ReadTx, log: str) -> dict[str, Branch]:
    """Return the branches of a log by name, each behind the one that it leaves."""
    main_size = tx.size(log)
    ranges: dict[str, tuple[int, int]] = {}
    for name in branch_names(tx, log):
        count, size = tx.size(name), _signed_size(tx, name)
        if count and size >= count:
            ranges[name] = size - count + 1, size
    found: dict[str, Branch] = {}
    for name, (first_seq, size) in sorted(ranges.items(), key=lambda item: (item[1][0], item[0])):
        covering = [one for one in found.values() if one.first_seq < first_seq <= one.size + 1]
        head = _entry_hash(tx, name, size - first_seq + 1)
        made = [
            Branch(name=name, parent=parent, first_seq=first_seq, size=size, head=head)
            for parent in (*([None] if first_seq <= main_size + 1 else []), *covering)
        ]
        found[name] = made[0] if len(made) == 1 else _proven(tx, name, made)
    return found


def load_branch(tx: ReadTx, name: str) -> Branch | None:
    """Return a branch from its frames and checkpoints; None when there are none."""
    return load_branches(tx, name.partition(BRANCH_MARK)[0]).get(name)


def history_nodes(tx: ReadTx, log: str, branch: Branch | None) -> NodeGetter:
    """Return a getter of the complete subtrees of a history's tree; of the log itself without a branch."""
    # Merge logs are written here alone, so what forks is a log of frames.
    main = stored_nodes(tx, log, "station")
    if branch is None:
        return main
    before, own, common = history_nodes(tx, log, branch.parent), branch, branch.common

    def get(level: int, index: int) -> bytes:
        if (index + 1) << level <= common:
            return before(level, index)
        if level:
            return node_hash(get(level - 1, index * 2), get(level - 1, index * 2 + 1))
        frame = tx.frame(own.name, index + 1 - common)
        if frame is None:
            raise StoreError("log.head", log=own.log)
        return leaf_hash(split_frame(frame).entry_raw)

    return get


def history_hash(tx: ReadTx, log: str, branch: Branch | None, seq: int) -> bytes:
    """Return the hash of an entry of a history; empty where it has none."""
    owner = None if branch is None else branch.owner(seq)
    return _entry_hash(tx, log, seq) if owner is None else _entry_hash(tx, owner.name, seq - owner.common)


def history_entries(
    tx: ReadTx, log: str, branch: Branch | None, first_seq: int, last_seq: int
) -> Iterator[tuple[int, bytes]]:
    """Yield position and bytes of the entries that are kept of a history itself, as far as there are any."""
    name, common = (log, 0) if branch is None else (branch.name, branch.common)
    for seq, frame in tx.frames(name, max(first_seq - common, 1), last_seq - common):
        yield seq + common, split_frame(frame).entry_raw


def stored_link_fault(tx: ReadTx, place: Place, frame: bytes) -> str:
    """Return what the entry of a stored frame says wrongly of its place, "" for nothing.

    A frame that came alone was compared with its place when it came; what was before it is not here.
    """
    if tx.frame(*place) != frame:
        return ""
    log, mark, _ = place.log.partition(BRANCH_MARK)
    branch = load_branch(tx, place.log) if mark else None
    seq = place.seq if branch is None else place.seq + branch.common
    before = history_hash(tx, log, branch, seq - 1)
    if seq == 1:
        row = tx.get(schema.LOGS, (log,))
        before = genesis_hash(row[3]) if row is not None and isinstance(row[3], bytes) else b""
    try:
        entry = decode_entry(split_frame(frame).entry_raw)
    except BanjianError as error:
        return error.code
    return link_fault(entry, log_id=LogId(bytes.fromhex(log)), seq=seq, previous=before)


def reached(branches: Mapping[str, Branch], log: str, name: str, points: Iterable[tuple[str, int]]) -> int:
    """Return how far somebody holds a history who holds others up to some points.

    Args:
        branches: of the log, by name.
        log: name of the log.
        name: the history in question.
        points: names of histories, and how many entries of them the other side holds.
    """
    path = _path(branches.get(name))
    best = 0
    for held, size in points:
        owner, limit = branches.get(held), size
        while owner is not None and owner.name not in path:
            limit, owner = min(limit, owner.common), owner.parent
        along = path.get(log if owner is None else owner.name, limit)
        best = max(best, min(limit, along))
    return best


def _path(branch: Branch | None) -> dict[str, int]:
    """Return how many entries of each other history, and of itself, a history goes along."""
    path: dict[str, int] = {}
    if branch is None:
        return path
    at: Branch | None = branch
    limit = branch.size
    while at is not None:
        path[at.name] = limit
        limit, at = at.common, at.parent
    path[branch.log] = limit
    return path


def _proven(tx: ReadTx, name: str, made: Sequence[Branch]) -> Branch:
    """Return the one whose tree has the root that was signed; of several that fit the first."""
    for branch in made:
        size, root = _signed(tx, branch.name)
        if root_at(size, history_nodes(tx, branch.log, branch)) == root:
            return branch
    raise StoreError("log.head", log=name)


def _signed(tx: ReadTx, name: str) -> tuple[int, bytes]:
    row = next(tx.select(schema.CHECKPOINTS, {"log": name}, order_by=("size",), limit=1))
    checkpoint = read_checkpoint(row[2] if isinstance(row[2], bytes) else b"")
    return checkpoint.size, checkpoint.root


def _signed_size(tx: ReadTx, name: str) -> int:
    rows = tx.select(schema.CHECKPOINTS, {"log": name}, order_by=("size",), descending=True, limit=1)
    row = next(rows, None)
    return row[1] if row is not None and isinstance(row[1], int) else 0


def _entry_hash(tx: ReadTx, name: str, seq: int) -> bytes:
    frame = tx.frame(name, seq) if seq > 0 else None
    return b"" if frame is None else entry_hash(split_frame(frame).entry_raw)
