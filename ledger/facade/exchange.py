"""What this installation exchanges with others: the one object that sync talks to.

It knows no wire and no peer beyond what it is told; it answers from the data and writes in whole
transactions. All methods run on the thread that owns the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from ledger.checkpoint import (
    cosign,
    open_cosignature,
    read_checkpoint,
    receipt_name,
)
from ledger.entry import entry_hash
from ledger.errors import BanjianError, DataError
from ledger.facade.audience import subtree
from ledger.facade.intake import Arrival, Intake
from ledger.facade.logend import Branch, LogEnd, branch_nodes, held_root, load_branch, load_end, new_end
from ledger.facade.opening import BRANCH_MARK, HeldLog
from ledger.facade.outgoing import Outgoing
from ledger.facade.ownlog import stored_nodes
from ledger.facade.parts import Parts
from ledger.facade.synctables import SYNC_FINDINGS
from ledger.facade.vault import Vault
from ledger.facade.views import CaseView
from ledger.genesis import LogGenesis
from ledger.keys import Ed25519Signer, Signer
from ledger.merkle import Tree
from ledger.opening import opening_genesis
from ledger.package import PackageContent, check_package, valid_receipts
from ledger.store import schema
from ledger.store.contract import ReadTx, Store
from ledger.store.tables import Row
from ledger.types import KeyId, LogId, StationId
from ledger.verified import VerifiedRecord

COUNTY_KINDS = ("registry", "catalogue")
"""Logs of the county that every station holds whole."""


class LogState(NamedTuple):
    """Size and root of a log as one side holds it: what the two sides compare."""

    log_id: LogId
    size: int
    root: bytes


class BranchState(NamedTuple):
    """How much of a divergent history one side holds."""

    log_id: LogId
    first_hash: bytes
    first_seq: int
    size: int


class ReceiptLine(NamedTuple):
    """A cosignature on a checkpoint of a log at a size."""

    log_id: LogId
    size: int
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of a package: how many records were new, and this station's receipt ("" without a key)."""

    log_id: LogId
    size: int
    new: int
    receipt: str


class Exchange:
    """Gives and takes; made by ``Ledger``.

    Args:
        store: the open store, as its one writer.
        parts: the working parts of the ledger.
        station: the main station of this installation.
    """

    def __init__(
        self, store: Store, parts: Parts, *, vault: Vault, view: CaseView, station: StationId
    ) -> None:
        self.station = station
        self.feeds = parts.feeds
        self._store = store
        self._parts = parts
        self._view = view
        self._outgoing = Outgoing(vault)
        self._intake = Intake(
            vault=vault,
            case_keys=parts.case_keys,
            view=view,
            book=parts.book,
            knowledge=parts.knowledge,
            log_stations=parts.holdings.stations,
        )
        self._ends: dict[LogId, LogEnd] = {}

    # --- what is here ------------------------------------------------------------------------------------

    def public_key(self, key_id: KeyId) -> bytes | None:
        """Return the public key of an author, whatever its authority; safe from any thread."""
        return self._parts.knowledge.registry.public_key(key_id)

    def scope(self, station: StationId) -> frozenset[StationId]:
        """Return a station and all below it, as the newest registry here has them."""
        return subtree(self._parts.knowledge.registry, station) | {station}

    def states(self, stations: frozenset[StationId], *, county: bool) -> list[LogState]:
        """Return what is held of the logs of some stations, by log id.

        Args:
            stations: whose station logs.
            county: the registry and catalogue logs as well.
        """
        with self._store.read() as tx:
            ends = [
                self._end(tx, held.genesis)
                for held in self._parts.holdings.logs.values()
                if (held.genesis.kind == "station" and held.genesis.station in stations)
                or (county and held.genesis.kind in COUNTY_KINDS)
            ]
        found = [LogState(end.genesis.log_id(), end.size, end.root) for end in ends if end.size]
        return sorted(found)

    def branches(self, stations: frozenset[StationId]) -> list[BranchState]:
        """Return what is held of divergent histories of some stations' logs."""
        with self._store.read() as tx:
            held = [load_branch(tx, name) for name in self._branch_names(tx)]
        return [
            _branch_state(branch)
            for branch in held
            if branch is not None and self._parts.holdings.stations.get(branch.log) in stations
        ]

    def roots(self, log_id: LogId, sizes: Iterable[int]) -> list[tuple[int, bytes]]:
        """Return pairs of size and root of a log at those of some sizes that are held."""
        held = self._parts.holdings.logs.get(log_id.hex())
        if held is None:
            return []
        with self._store.read() as tx:
            end = self._end(tx, held.genesis)
            return [(size, held_root(tx, end, size)) for size in sizes if 0 <= size <= end.size]

    def genesis(self, log_id: LogId) -> LogGenesis | None:
        """Return the genesis of a log that is known here."""
        held = self._parts.holdings.logs.get(log_id.hex())
        return None if held is None else held.genesis

    def seal_heads(self) -> None:
        """Sign the heads of own logs, so that everything that is here can be given."""
        for log in self._parts.own.values():
            if log.size > log.checkpoint_size and not log.doubt:
                self._parts.writer.checkpoint(log)

    # --- giving ------------------------------------------------------------------------------------------

    def package(self, log_id: LogId, *, after: int) -> PackageContent | None:
        """Return the next package of a log for somebody who holds ``after`` entries; None at the end."""
        genesis = self.genesis(log_id)
        if genesis is None:
            return None
        with self._store.read() as tx:
            return self._outgoing.package(tx, genesis, after=after)

    def branch_package(self, state: BranchState, *, after: int) -> PackageContent | None:
        """Return the next package of a divergent history for somebody who holds it up to ``after``."""
        genesis = self.genesis(state.log_id)
        if genesis is None:
            return None
        with self._store.read() as tx:
            branch = load_branch(tx, branch_name(state.log_id, state.first_hash))
            return None if branch is None else self._outgoing.branch_package(tx, genesis, branch, after=after)

    def receipts(self, stations: frozenset[StationId]) -> list[ReceiptLine]:
        """Return the newest receipt of each cosigner on the logs of some stations."""
        found: list[ReceiptLine] = []
        with self._store.read() as tx:
            for held in self._parts.holdings.logs.values():
                if held.genesis.kind == "station" and held.genesis.station in stations:
                    found += _newest_receipts(tx, held.genesis.log_id())
        return found

    # --- taking ------------------------------------------------------------------------------------------

    def take_package(
        self,
        content: PackageContent,
        records: Sequence[VerifiedRecord],
        *,
        allowed: Callable[[LogGenesis], bool],
        now_ms: int,
    ) -> Taken:
        """Store a package that continues a log, and everything that follows from it.

        Args:
            content: the decoded package.
            records: its records, verified one by one.
            allowed: whether the sender may send this log at all.
            now_ms: the clock of this station.

        Raises:
            DataError: ``package.*``, ``note.*``, ``log.opening``, ``log.genesis``, ``sync.log_scope``;
                nothing was stored.
            StoreError: the store's own reasons; nothing was stored.
        """
        with self._store.read() as tx:
            end = self._end_for(tx, content, allowed)
        held = self._parts.holdings.logs.get(end.name)
        own = self._parts.own.get(end.name)
        if own is not None:
            raise DataError("sync.own_log", log=content.log_id)
        checked = check_package(content, tree=end.tree, public_key=end.genesis.log_public_key)
        if content.previous != end.head:
            raise DataError("package.root", log=content.log_id, size=content.last_seq)
        arrival = Arrival(name=end.name, station=end.genesis.station, records=records, received_at_ms=now_ms)
        if held is None:
            self._parts.holdings.add(HeldLog(name=end.name, genesis=end.genesis, own=False, state=""))
        receipt = self._receipt(content.checkpoint, now_ms)
        lines = valid_receipts(content, self._receipt_key)
        try:
            with self._store.write() as tx:
                if held is None:
                    genesis = end.genesis
                    row = (end.name, genesis.kind, genesis.station, genesis.pack(), 0, "")
                    tx.insert_missing(schema.LOGS, [row])
                new = self._intake.write_dense(
                    tx, arrival, tree=checked.tree, nodes=checked.nodes, checkpoint=content.checkpoint
                )
                tx.insert_missing(
                    schema.RECEIPTS, _receipt_rows(end.name, content.last_seq, [*lines, receipt])
                )
        except BaseException:
            self._intake.forget(records)
            self._ends.pop(content.log_id, None)
            if held is None:
                self._parts.holdings.remove(end.name)
            raise
        self._parts.case_keys.committed()
        last = records[-1].entry_raw
        self._ends[content.log_id] = LogEnd(
            name=end.name,
            genesis=end.genesis,
            size=content.last_seq,
            head=entry_hash(last),
            tree=checked.tree,
        )
        self._learn(end.genesis, records)
        return Taken(log_id=content.log_id, size=content.last_seq, new=new, receipt=receipt)

    def take_branch(
        self,
        content: PackageContent,
        records: Sequence[VerifiedRecord],
        *,
        allowed: Callable[[LogGenesis], bool],
        now_ms: int,
    ) -> BranchState | None:
        """Store the divergent part of a package of a forked log beside the log, and note the fork.

        Returns:
            The branch as it is held now; None when nothing in the package diverges.

        Raises:
            DataError: as ``take_package``; ``sync.branch_gap`` when it continues nothing that is here.
        """
        genesis = self.genesis(content.log_id)
        if genesis is None or not allowed(genesis):
            raise DataError("sync.log_scope", log=content.log_id)
        with self._store.read() as tx:
            branch, tree = self._branch_base(tx, genesis, content)
            end = self._end(tx, genesis)
            main = dict(tx.frames(end.name, content.first_seq, content.last_seq))
        checked = check_package(content, tree=tree, public_key=genesis.log_public_key)
        apart = [record for record in records if branch or main.get(record.seq) != record.frame]
        while apart and apart[0].seq > end.size and branch is None:
            # Nothing contradicts what is here: it is a continuation, and no fork.
            return None
        if not apart:
            return None
        first = apart[0]
        if branch is None:
            name, before = branch_name(content.log_id, entry_hash(first.entry_raw)), 0
            first_seq = first.seq
        else:
            name, before, first_seq = branch.name, branch.count, branch.first_seq
        numbered = [record._replace(seq=before + index) for index, record in enumerate(apart, start=1)]
        arrival = Arrival(name=name, station=genesis.station, records=numbered, received_at_ms=now_ms)
        try:
            with self._store.write() as tx:
                self._intake.write_branch(tx, arrival, checkpoint=(content.last_seq, content.checkpoint))
                finding: Row = ("log.fork", name, first_seq, now_ms, genesis.station, 0)
                tx.insert_missing(SYNC_FINDINGS, [finding])
        except BaseException:
            self._intake.forget(records)
            raise
        self._parts.case_keys.committed()
        return BranchState(
            content.log_id, bytes.fromhex(name.split(BRANCH_MARK)[1]), first_seq, checked.tree.size
        )

    def take_receipts(self, lines: Iterable[ReceiptLine]) -> int:
        """Store cosignatures on checkpoints that are held here; others are left aside."""
        rows: list[Row] = []
        with self._store.read() as tx:
            for one in lines:
                found = tx.get(schema.CHECKPOINTS, (one.log_id.hex(), one.size))
                if found is None or not isinstance(found[2], bytes):
                    continue
                name = self._cosigner(found[2], one.line)
                if name:
                    rows.append((one.log_id.hex(), one.size, name, one.line.encode("utf-8")))
        if rows:
            with self._store.write() as tx:
                tx.insert_missing(schema.RECEIPTS, rows)
        return len(rows)

    # --- inside ------------------------------------------------------------------------------------------

    def _end(self, tx: ReadTx, genesis: LogGenesis) -> LogEnd:
        own = self._parts.own.get(genesis.log_id().hex())
        if own is not None:
            return LogEnd(name=own.name, genesis=own.genesis, size=own.size, head=own.head, tree=own.tree)
        log_id = genesis.log_id()
        found = self._ends.get(log_id)
        if found is None:
            found = self._ends[log_id] = load_end(tx, genesis)
        return found

    def _end_for(self, tx: ReadTx, content: PackageContent, allowed: Callable[[LogGenesis], bool]) -> LogEnd:
        genesis = self.genesis(content.log_id)
        if genesis is None:
            if content.first_seq != 1:
                raise DataError("package.gap", log=content.log_id, size=0, first=content.first_seq)
            genesis = opening_genesis(content.log_id, content.frames[0], content.facts[0])
            if genesis.ledger_id != self._parts.knowledge.registry.ledger_id:
                raise DataError("log.other_ledger", log=content.log_id)
            if not allowed(genesis):
                raise DataError("sync.log_scope", log=content.log_id)
            return new_end(genesis)
        if not allowed(genesis):
            raise DataError("sync.log_scope", log=content.log_id)
        return self._end(tx, genesis)

    def _branch_base(
        self, tx: ReadTx, genesis: LogGenesis, content: PackageContent
    ) -> tuple[Branch | None, Tree]:
        """Return the branch that a package continues, None for a new one, and the tree before it."""
        common = content.first_seq - 1
        for name in self._branch_names(tx):
            branch = load_branch(tx, name)
            if branch is None or branch.log != content.log_id.hex():
                continue
            if (branch.size, branch.head) == (common, content.previous):
                return branch, Tree.load(common, branch_nodes(tx, branch))
        end = self._end(tx, genesis)
        if common > end.size:
            raise DataError("sync.branch_gap", log=content.log_id, size=end.size, first=content.first_seq)
        return None, Tree.load(common, stored_nodes(tx, end.name, end.genesis.kind))

    def _branch_names(self, tx: ReadTx) -> list[str]:
        return [str(row[1]) for row in tx.select(SYNC_FINDINGS, {"code": "log.fork"})]

    def _learn(self, genesis: LogGenesis, records: Sequence[VerifiedRecord]) -> None:
        """Let registry and catalogue grow with what was stored, and everything that waited for it."""
        knowledge = self._parts.knowledge
        for record in records:
            facts = record.facts_raw or None
            if genesis.kind == "registry":
                knowledge.apply_registry(record.frame, facts=facts, personal=record.personal_raw or None)
            elif genesis.kind == "catalogue":
                knowledge.apply_catalogue(record.frame, facts=facts)
        if genesis.kind in COUNTY_KINDS:
            self._parts.book.forget_all()
            with self._store.write() as tx:
                self._view.renew_awaiting(tx)

    def _receipt(self, checkpoint: bytes, now_ms: int) -> str:
        signer = self._receipt_signer()
        if signer is None:
            return ""
        name = receipt_name(self.station)
        return cosign(read_checkpoint(checkpoint), name, signer, time_s=now_ms // 1000)

    def _receipt_signer(self) -> Signer | None:
        seed = self._parts.home.service_seed(self.station, "receipt")
        return None if seed is None else Ed25519Signer.from_seed(seed)

    def _receipt_key(self, name: str) -> bytes | None:
        prefix = receipt_name(StationId(""))
        if not name.startswith(prefix):
            return None
        station = StationId(name.removeprefix(prefix))
        keys = self._parts.knowledge.registry.service_keys(station, "receipt")
        return keys[-1].public_key if keys else None

    def _cosigner(self, note: bytes, line: str) -> str:
        """Return the key name of a cosignature that holds, "" for one that does not."""
        name = line.split(" ")[1] if line.count(" ") == 2 else ""
        key = self._receipt_key(name)
        if key is None:
            return ""
        with suppress(BanjianError):
            open_cosignature(line, read_checkpoint(note), name=name, public_key=key)
            return name
        return ""


def branch_name(log_id: LogId, first_hash: bytes) -> str:
    """Return the name under which a divergent history is stored."""
    return f"{log_id.hex()}{BRANCH_MARK}{first_hash.hex()}"


def _branch_state(branch: Branch) -> BranchState:
    log, _, first = branch.name.partition(BRANCH_MARK)
    return BranchState(LogId(bytes.fromhex(log)), bytes.fromhex(first), branch.first_seq, branch.size)


def _receipt_rows(name: str, size: int, lines: Iterable[str]) -> list[Row]:
    return [(name, size, line.split(" ")[1], line.encode("utf-8")) for line in lines if line]


def _newest_receipts(tx: ReadTx, log_id: LogId) -> list[ReceiptLine]:
    newest: dict[str, ReceiptLine] = {}
    for _, size, name, line in tx.select(schema.RECEIPTS, {"log": log_id.hex()}, order_by=("size",)):
        if isinstance(size, int) and isinstance(line, bytes):
            newest[str(name)] = ReceiptLine(log_id, size, line.decode("utf-8"))
    return list(newest.values())
