"""Taking in packages, branches, excerpts and receipts: checks against what is held, then one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ledger.errors import BanjianError, DataError
from ledger.facade.base.synctables import FOREIGN_PARENT, FORK, SECOND_FIRST, SYNC_FINDINGS
from ledger.facade.cases.views import CaseView
from ledger.facade.logs.comingback import note_lost, row_of
from ledger.facade.logs.countyfold import COUNTY_KINDS
from ledger.facade.logs.divergent import DivergentPlace, place_divergent
from ledger.facade.logs.heldstates import ReceiptLine
from ledger.facade.logs.histories import branch_names
from ledger.facade.logs.logend import LogEnd, new_end
from ledger.facade.logs.opening import BRANCH_MARK, HeldLog
from ledger.facade.logs.sparselane import Arrival
from ledger.facade.opened.parts import Parts
from ledger.facade.peering.held import Held
from ledger.facade.peering.receiptkey import Receipts
from ledger.facade.transfer.intake import Intake
from ledger.facade.transfer.rejudging import learn_county
from ledger.formats.checkpoint import RECEIPT_NAME_PREFIX, open_cosignature, read_checkpoint
from ledger.formats.entry import entry_hash
from ledger.formats.excerpt import CheckedExcerpt
from ledger.formats.genesis import LogGenesis
from ledger.formats.merkle import Node
from ledger.formats.package import check_package
from ledger.formats.packageform import PackageContent
from ledger.known.opening import opening_genesis
from ledger.known.verified import VerifiedRecord, check_pinned, known_by_now
from ledger.store import schema
from ledger.store.contract import ReadTx, Store, WriteTx
from ledger.store.tables import Row
from ledger.types import LogId, StationId

Allowed = Callable[[LogGenesis], bool]
"""Whether the sender may send a log at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of packages: size of the log, new records, this station's receipt ("" without a key)."""

    log_id: LogId
    size: int
    new: int
    receipt: str


class Receiving:
    """Takes in what others send.

    Args:
        store: the open store, as its one writer.
        parts: the working parts of the ledger.
        held: what is here.
        intake: writes.
        view: told when registry or catalogue have grown.

    Attributes:
        receipts: this station's receipts for what it takes in.
    """

    def __init__(self, store: Store, parts: Parts, *, held: Held, intake: Intake, view: CaseView) -> None:
        self._store = store
        self._parts = parts
        self._held = held
        self._intake = intake
        self._view = view
        self.receipts = Receipts(store, parts, held.station)

    def take_package(
        self,
        content: PackageContent,
        records: Sequence[VerifiedRecord],
        *,
        allowed: Allowed,
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
        return self.take_run([(content, records)], allowed=allowed, now_ms=now_ms)

    def take_run(
        self,
        packages: Sequence[tuple[PackageContent, Sequence[VerifiedRecord]]],
        *,
        allowed: Allowed,
        now_ms: int,
    ) -> Taken:
        """Store packages of one log that follow each other: all of them in one transaction, or none.

        Args:
            packages: at least one, each with its records, verified one by one.
            allowed: as in ``take_package``.
            now_ms: the clock of this station.

        Raises:
            DataError: as ``take_package``, for the first package that cannot be taken; nothing was stored.
            StoreError: the store's own reasons; nothing was stored.
        """
        content = packages[0][0]
        with self._store.read() as tx:
            end = self._end_for(tx, content, allowed)
        held = self._parts.holdings.logs.get(end.name)
        if end.name in self._parts.own:
            raise DataError("sync.own_log", log=content.log_id)
        reached, nodes = _follow(end, packages)
        records = self._known_by_now([record for _, some in packages for record in some])
        arrival = Arrival(name=end.name, station=end.genesis.station, records=records, received_at_ms=now_ms)
        if held is None:
            self._parts.holdings.add(self._row_of(end.genesis))
        receipts = [self.receipts.line(one.checkpoint, now_ms) for one, _ in packages]
        try:
            new = self._write_run(arrival, reached, nodes, [one for one, _ in packages], receipts)
        except BaseException:
            self._intake.forget(records)
            self._held.forget_end(content.log_id)
            if held is None:
                self._parts.holdings.remove(end.name)
            raise
        self._parts.case_keys.committed()
        self._held.set_end(reached)
        self._learn(end.genesis)
        return Taken(log_id=content.log_id, size=reached.size, new=new, receipt=receipts[-1])

    def _write_run(
        self,
        arrival: Arrival,
        reached: LogEnd,
        nodes: Sequence[Node],
        contents: Sequence[PackageContent],
        receipts: Sequence[str],
    ) -> int:
        """One transaction with everything of some packages, their log too; returns the new records."""
        name = reached.name
        with self._store.write() as tx:
            self._write_log(tx, reached.genesis, now_ms=arrival.received_at_ms)
            new = self._intake.write_dense(
                tx,
                arrival,
                tree=reached.tree,
                nodes=nodes,
                checkpoints=[(one.last_seq, one.checkpoint) for one in contents],
            )
            for one, receipt in zip(contents, receipts, strict=True):
                lines = [line for line in one.receipts if self._cosigner(one.checkpoint, line)]
                tx.insert_missing(schema.RECEIPTS, _receipt_rows(name, one.last_seq, [*lines, receipt]))
        return new

    def _row_of(self, genesis: LogGenesis) -> HeldLog:
        return row_of(genesis, self._held.station, put_back=self._parts.holdings.put_back)

    def _write_log(self, tx: WriteTx, genesis: LogGenesis, *, now_ms: int) -> None:
        """Write the row of a log, and what it or others say falsely of who continues whom, or leave out."""
        name = genesis.log_id().hex()
        if tx.get(schema.LOGS, (name,)) is not None:
            return
        row = self._row_of(genesis)
        cells = (name, genesis.kind, genesis.station, genesis.pack(), int(row.own), row.state)
        tx.insert(schema.LOGS, [cells])
        if row.own:
            note_lost(tx, now_ms, kind=genesis.kind)
        succession = self._parts.succession
        told = [(FOREIGN_PARENT, *pair) for pair in succession.false_claims(genesis)]
        told += [(SECOND_FIRST, *pair) for pair in succession.second_first(genesis)]
        rows: list[Row] = [(code, log.hex(), 1, now_ms, other.hex(), 0) for code, log, other in told]
        tx.insert_missing(SYNC_FINDINGS, rows)

    def take_branch(
        self,
        content: PackageContent,
        records: Sequence[VerifiedRecord],
        *,
        allowed: Allowed,
        now_ms: int,
    ) -> int:
        """Store what a package holds of a forked log beyond the histories of it that are here.

        It may go along any of them from wherever it begins: what is new continues one of them, or leaves one
        and is kept beside it. A checkpoint of what is all here is kept with a receipt, for its sender waits.

        Returns:
            How many records were new.

        Raises:
            DataError: as ``take_package``; ``sync.branch_gap`` when it continues nothing that is here.
        """
        genesis = self._held.genesis(content.log_id)
        if genesis is None or not allowed(genesis):
            raise DataError("sync.log_scope", log=content.log_id)
        branches = self._held.histories(content.log_id)
        with self._store.read() as tx:
            end = self._held.end(tx, genesis)
            place = place_divergent(tx, end, branches, content, [record.entry_raw for record in records])
        check_pinned(records, log_id=content.log_id, code="package.pins")
        records = self._known_by_now(records)
        if place.known == len(records):
            self._keep_checkpoint(place.name, content, now_ms)
            return 0
        if place.continues_log:
            if end.name in self._parts.own:
                return 0
            rest, new = place.rest(content), records[place.known :]
            return self.take_package(rest, new, allowed=allowed, now_ms=now_ms).new
        self._store_branch(place, genesis, content, records, now_ms=now_ms)
        return len(records) - place.known

    def _store_branch(
        self,
        place: DivergentPlace,
        genesis: LogGenesis,
        content: PackageContent,
        records: Sequence[VerifiedRecord],
        *,
        now_ms: int,
    ) -> None:
        numbered = [
            record._replace(seq=place.count + index)
            for index, record in enumerate(records[place.known :], start=1)
        ]
        arrival = Arrival(name=place.name, station=genesis.station, records=numbered, received_at_ms=now_ms)
        # Its sender waits for a receipt like everybody else.
        receipt = self.receipts.line(content.checkpoint, now_ms)
        try:
            with self._store.write() as tx:
                self._intake.write_branch(tx, arrival, checkpoint=(content.last_seq, content.checkpoint))
                finding: Row = (FORK, place.name, place.first_seq, now_ms, genesis.station, 0)
                tx.insert_missing(SYNC_FINDINGS, [finding])
                tx.insert_missing(schema.RECEIPTS, _receipt_rows(place.name, content.last_seq, [receipt]))
        except BaseException:
            self._intake.forget(records)
            raise
        finally:
            self._held.forget_histories(content.log_id)
        self._parts.case_keys.committed()

    def _keep_checkpoint(self, name: str, content: PackageContent, now_ms: int) -> None:
        if name in self._parts.own:
            return
        receipt = self.receipts.line(content.checkpoint, now_ms)
        with self._store.write() as tx:
            tx.insert_missing(schema.CHECKPOINTS, [(name, content.last_seq, content.checkpoint)])
            tx.insert_missing(schema.RECEIPTS, _receipt_rows(name, content.last_seq, [receipt]))

    def fill_bodies(self, content: PackageContent, records: Sequence[VerifiedRecord], *, now_ms: int) -> int:
        """Add bodies that are missing here to the records of a package that is held; returns how many."""
        genesis = self._held.genesis(content.log_id)
        if genesis is None or genesis.kind != "station":
            return 0
        records = self._known_by_now(records)
        arrival = Arrival(
            name=content.log_id.hex(), station=genesis.station, records=records, received_at_ms=now_ms
        )
        try:
            with self._store.write() as tx:
                filled = self._intake.fill(tx, arrival)
        except BaseException:
            self._intake.forget(records)
            raise
        self._parts.case_keys.committed()
        return filled

    def take_excerpt(self, checked: CheckedExcerpt, records: Sequence[VerifiedRecord], *, now_ms: int) -> int:
        """Store the frames of an excerpt that are not here yet, with their bodies; returns how many were new.

        Raises:
            DataError: ``log.other_ledger``, ``excerpt.pins``; nothing was stored.
        """
        genesis = checked.genesis
        check_pinned(records, log_id=checked.content.log_id, code="excerpt.pins")
        if genesis.ledger_id != self._parts.knowledge.registry.ledger_id:
            raise DataError("log.other_ledger", log=checked.content.log_id)
        records = self._known_by_now(records)
        name, known = genesis.log_id().hex(), self._parts.holdings.logs
        held = name in known
        arrival = Arrival(name=name, station=genesis.station, records=records, received_at_ms=now_ms)
        if not held:
            self._parts.holdings.add(self._row_of(genesis))
        try:
            with self._store.write() as tx:
                self._write_log(tx, genesis, now_ms=now_ms)
                new = self._intake.write_sparse(tx, arrival, checked)
        except BaseException:
            self._intake.forget(records)
            if not held:
                self._parts.holdings.remove(name)
            raise
        self._parts.case_keys.committed()
        return new

    def take_receipts(self, lines: Iterable[ReceiptLine]) -> int:
        """Store cosignatures on checkpoints that are held here; others are left aside."""
        rows: list[Row] = []
        with self._store.read() as tx:
            branches = branch_names(tx)
            for one in lines:
                log = one.log_id.hex()
                for held in (log, *(name for name in branches if name.partition(BRANCH_MARK)[0] == log)):
                    found = tx.get(schema.CHECKPOINTS, (held, one.size))
                    name = "" if found is None else self._cosigner(_note(found), one.line)
                    if name:
                        rows.append((held, one.size, name, one.line.encode("utf-8")))
        if rows:
            with self._store.write() as tx:
                tx.insert_missing(schema.RECEIPTS, rows)
        return len(rows)

    def _end_for(self, tx: ReadTx, content: PackageContent, allowed: Callable[[LogGenesis], bool]) -> LogEnd:
        genesis = self._held.genesis(content.log_id)
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
        end = self._held.end(tx, genesis)
        if end.rotten is not None:
            # Nothing can be built on it; it is told here until it is healed, and then goes on by itself.
            raise DataError("sync.rotten_above", log=content.log_id, seq=end.rotten.seq)
        return end

    def _known_by_now(self, records: Sequence[VerifiedRecord]) -> Sequence[VerifiedRecord]:
        """Verify anew what was verified beside the registry that brings its author's key."""
        registry = self._parts.knowledge.registry
        return known_by_now(records, ledger_id=registry.ledger_id, public_key=registry.public_key)

    def _learn(self, genesis: LogGenesis) -> None:
        """Let registry and catalogue grow with what was stored, and everything that waited for it."""
        if genesis.kind in COUNTY_KINDS:
            learn_county(self._store, self._view, book=self._parts.book, fold=self._parts.fold)

    def _receipt_keys(self, name: str) -> tuple[bytes, ...]:
        """Return every receipt key that was ever enrolled for the station of a key name."""
        if not name.startswith(RECEIPT_NAME_PREFIX):
            return ()
        station = StationId(name.removeprefix(RECEIPT_NAME_PREFIX))
        return self._parts.knowledge.registry.all_service_keys(station, "receipt")

    def _cosigner(self, note: bytes, line: str) -> str:
        """Return the key name of a cosignature that holds, "" for one that does not."""
        name = line.split(" ")[1] if line.count(" ") == 2 else ""
        for key in self._receipt_keys(name):
            with suppress(BanjianError):
                open_cosignature(line, read_checkpoint(note), name=name, public_key=key)
                return name
        return ""


def _note(row: Row) -> bytes:
    return row[2] if isinstance(row[2], bytes) else b""


def _follow(
    end: LogEnd, packages: Sequence[tuple[PackageContent, Sequence[VerifiedRecord]]]
) -> tuple[LogEnd, list[Node]]:
    """Return where a log ends behind some packages, each checked to go on from the one before it.

    Raises:
        DataError: as ``ledger.formats.package.check_package``; ``package.root`` for another predecessor;
            ``package.pins`` for a record that is not what its entry and its act pin.
    """
    nodes: list[Node] = []
    for content, records in packages:
        checked = check_package(
            content,
            tree=end.tree,
            public_key=end.genesis.log_public_key,
            entries=[record.entry_raw for record in records],
        )
        if content.previous != end.head:
            raise DataError("package.root", log=content.log_id, size=content.last_seq)
        check_pinned(records, log_id=content.log_id, code="package.pins")
        nodes += checked.nodes
        head = entry_hash(records[-1].entry_raw)
        end = LogEnd(name=end.name, genesis=end.genesis, size=content.last_seq, head=head, tree=checked.tree)
    return end, nodes


def _receipt_rows(name: str, size: int, lines: Iterable[str]) -> list[Row]:
    return [(name, size, line.split(" ")[1], line.encode("utf-8")) for line in lines if line]
