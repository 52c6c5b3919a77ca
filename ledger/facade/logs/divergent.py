"""Where a package of a forked log belongs among the histories of it that are held: found by its signed root.

A package says at which position it begins, not behind which history. It is tried behind each that has an
entry there, and only the right one leads to the root that the log's key signed. From there it is followed
along what is held, over every fork that it takes, to its first entry that is not here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ledger.errors import DataError
from ledger.facade.logs.histories import Branch, history_entries, history_hash, history_nodes
from ledger.facade.logs.logend import LogEnd
from ledger.facade.logs.opening import BRANCH_MARK
from ledger.formats.entry import entry_hash
from ledger.formats.frame import split_frame
from ledger.formats.merkle import Tree, leaf_hash
from ledger.formats.package import check_package
from ledger.formats.packageform import PackageContent
from ledger.store.contract import ReadTx


@dataclass(frozen=True, slots=True, kw_only=True)
class DivergentPlace:
    """Where a package leaves what is held.

    Attributes:
        name: of the history that its first new entry continues or begins; the log's for the log itself.
        first_seq: position in the log of that history's first entry.
        count: entries that are kept under that name.
        known: entries of the package that are held already.
        continues_log: whether what is new continues the log itself, and is no fork.
    """

    name: str
    first_seq: int
    count: int
    known: int
    continues_log: bool

    def rest(self, content: PackageContent) -> PackageContent:
        """Return what of a package is new, as a package of its own under the same checkpoint."""
        if not self.known:
            return content
        return replace(
            content,
            first_seq=content.first_seq + self.known,
            previous=entry_hash(split_frame(content.frames[self.known - 1]).entry_raw),
            frames=content.frames[self.known :],
            facts=content.facts[self.known :],
            personal=content.personal[self.known :],
        )


def place_divergent(
    tx: ReadTx,
    end: LogEnd,
    branches: Mapping[str, Branch],
    content: PackageContent,
    entries: Sequence[bytes],
) -> DivergentPlace:
    """Return where a package belongs; its checkpoint and its root hold.

    Args:
        tx: a consistent view.
        end: of the log.
        branches: the divergent histories of it that are held, by name.
        content: the package.
        entries: the bytes of its entries.

    Raises:
        DataError: ``sync.branch_gap`` when no history here has an entry right before it; ``package.root``
            when it follows none of them; ``note.*`` and ``checkpoint.*`` as ``check_package``.
    """
    base, tree = _base(tx, end, branches, content, entries)
    known, at = 0, base
    while True:
        seq = content.first_seq + known
        same = _same(tx, end.name, at, seq, entries[known:])
        known, seq = known + same, seq + same
        if known == len(entries):
            return _at(end, at, known)
        leaving = [one for one in branches.values() if one.parent == at and one.first_seq == seq]
        turn = next((one for one in leaving if _same(tx, end.name, one, seq, entries[known:])), None)
        if turn is not None:
            at = turn
        elif seq == (end.size if at is None else at.size) + 1:
            return _at(end, at, known)
        else:
            return _new(tx, end, tree, seq, known, entries)


def _base(
    tx: ReadTx,
    end: LogEnd,
    branches: Mapping[str, Branch],
    content: PackageContent,
    entries: Sequence[bytes],
) -> tuple[Branch | None, Tree]:
    """Return the history that has the entry right before a package, and the tree up to there."""
    common = content.first_seq - 1
    failed: DataError | None = None
    for one in _reaching(end, branches, common):
        before = history_hash(tx, end.name, one, common) if common else end.genesis.genesis_hash()
        if before != content.previous:
            continue
        tree = Tree.load(common, history_nodes(tx, end.name, one))
        try:
            check_package(content, tree=tree, public_key=end.genesis.log_public_key, entries=entries)
        except DataError as error:
            failed = error
            continue
        return one, tree
    if failed is not None:
        raise failed
    raise DataError("sync.branch_gap", log=content.log_id, size=end.size, first=content.first_seq)


def _reaching(end: LogEnd, branches: Mapping[str, Branch], common: int) -> Iterator[Branch | None]:
    """Yield the histories of which the entry at a position is kept; None is the log itself."""
    if common <= end.size:
        yield None
    for one in branches.values():
        if one.first_seq <= common <= one.size:
            yield one


def _same(tx: ReadTx, log: str, branch: Branch | None, first_seq: int, entries: Sequence[bytes]) -> int:
    """Return how many entries are those that are kept of a history from a position on."""
    held = dict(history_entries(tx, log, branch, first_seq, first_seq + len(entries) - 1))
    for index, entry in enumerate(entries):
        if held.get(first_seq + index) != entry:
            return index
    return len(entries)


def _at(end: LogEnd, at: Branch | None, known: int) -> DivergentPlace:
    if at is None:
        return DivergentPlace(name=end.name, first_seq=1, count=end.size, known=known, continues_log=True)
    return DivergentPlace(
        name=at.name, first_seq=at.first_seq, count=at.count, known=known, continues_log=False
    )


def _new(
    tx: ReadTx, end: LogEnd, tree: Tree, seq: int, known: int, entries: Sequence[bytes]
) -> DivergentPlace:
    """Name a new history: by its first entry, or, where that begins another one too, by the root up to it."""
    name = f"{end.name}{BRANCH_MARK}{entry_hash(entries[known]).hex()}"
    if tx.size(name):
        grown = tree.copy()
        grown.extend(map(leaf_hash, entries[: known + 1]))
        name = f"{end.name}{BRANCH_MARK}{grown.root().hex()}"
    return DivergentPlace(name=name, first_seq=seq, count=0, known=known, continues_log=False)
