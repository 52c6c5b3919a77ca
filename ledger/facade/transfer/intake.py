"""Taking in what another station sends: whole logs, single frames of a case, branches of a forked log.

What comes in has been checked by ``ledger.formats.package`` or ``ledger.formats.excerpt`` against a signed
root, and each record by ``ledger.known.verified``. Here it is written, with everything that follows from it,
in one transaction; what is already there is no news. A receipt is signed inside and handed out only after the
commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ledger.cases.shape import CaseAct
from ledger.errors import StoreError
from ledger.facade.base.casekeys import CaseKeys
from ledger.facade.base.synctables import FORK, SPARSE_NODES, SPARSE_NOTES, SYNC_FINDINGS
from ledger.facade.base.tables import APPLICANTS, TOKENS
from ledger.facade.base.vault import Vault
from ledger.facade.cases.awaited import fault_detail
from ledger.facade.cases.casebook import CaseBook
from ledger.facade.cases.erased import erased_among
from ledger.facade.cases.twins import applicant_rows
from ledger.facade.cases.views import NO_CASE_ACTIONS, CaseView
from ledger.facade.logs.bodies import Place, place_in
from ledger.facade.logs.histories import stored_link_fault
from ledger.facade.logs.makingway import make_way
from ledger.facade.logs.opening import Holdings
from ledger.facade.logs.placing import move_bodies, once, rank_of_record, rank_of_row
from ledger.facade.logs.sparselane import Arrival, other_root, sparse_lane
from ledger.facade.transfer.withouteffect import note_without_effect
from ledger.formats.entry import entry_hash
from ledger.formats.excerpt import CheckedExcerpt
from ledger.formats.merkle import Node, Tree
from ledger.identity import may_name_people, search_keys
from ledger.known.knowledge import Knowledge
from ledger.known.verified import OPAQUE, VerifiedRecord
from ledger.limits import TREE_LEVEL_STORED_MIN
from ledger.store import schema
from ledger.store.contract import WriteTx
from ledger.store.tables import OneOf, Row
from ledger.types import ActId, CaseId

PERSONAL_OTHER = "act.personal_hash"
"""Fault of a record with which a personal body came that is another's."""


class Intake:
    """Writes arrivals; holds no state of its own beside what the parts remember."""

    def __init__(
        self,
        *,
        vault: Vault,
        case_keys: CaseKeys,
        view: CaseView,
        book: CaseBook,
        knowledge: Knowledge,
        holdings: Holdings,
    ) -> None:
        self._vault = vault
        self._case_keys = case_keys
        self._view = view
        self._book = book
        self._knowledge = knowledge
        self._holdings = holdings

    def write_dense(
        self,
        tx: WriteTx,
        arrival: Arrival,
        *,
        tree: Tree,
        nodes: Sequence[Node],
        checkpoints: Iterable[tuple[int, bytes]],
    ) -> int:
        """Store records that continue a log which is held whole; returns how many were new.

        Args:
            tx: the one write transaction.
            arrival: records that follow the last one held.
            tree: the log's tree over everything including them.
            nodes: complete subtrees that they closed.
            checkpoints: sizes and signed notes, the last one at their end.

        Raises:
            ForkError: a position holds other bytes.
            GapError: the position before the first is empty.
        """
        moved = dict.fromkeys(make_way(tx, arrival))
        for case_id in moved:
            self._book.forget(case_id)
        acts = self._write_acts(tx, arrival)
        # Their numbers are kept under the log in which their openings stand now.
        self._view.touch(tx, moved)
        for record, act in acts:
            self._view.expect_arrival(arrival.name, record.seq, record.case_id, act)
        first = arrival.records[0].seq
        new = tx.append(arrival.name, first, [(record.topic, record.frame) for record in arrival.records])
        last = arrival.records[-1]
        recorded_at_ms = 0 if last.entry is None else last.entry.recorded_at_ms
        tx.upsert(schema.HEADS, [(arrival.name, tree.size, entry_hash(last.entry_raw), recorded_at_ms)])
        stored = [(arrival.name, *node) for node in nodes if node[0] >= TREE_LEVEL_STORED_MIN]
        if stored:
            tx.insert(schema.TREE, stored)
        tx.insert_missing(schema.CHECKPOINTS, [(arrival.name, *one) for one in checkpoints])
        self._note_faults(tx, arrival)
        self._note_without_effect(tx, arrival, acts)
        return len(new)

    def write_branch(self, tx: WriteTx, arrival: Arrival, *, checkpoint: tuple[int, bytes]) -> int:
        """Store the divergent records of a forked log beside the log; returns how many were new.

        Args:
            tx: the one write transaction.
            arrival: the records under the name of the branch, where positions count from 1.
            checkpoint: size and signed note that cover them: with the log's own, the proof of the fork.
        """
        acts = self._write_acts(tx, arrival)
        for record, act in acts:
            self._view.expect_arrival(arrival.name, record.seq, record.case_id, act)
        rows = [(record.topic, record.frame) for record in arrival.records]
        new = tx.append(arrival.name, arrival.records[0].seq, rows)
        tx.insert_missing(schema.CHECKPOINTS, [(arrival.name, *checkpoint)])
        self._note_faults(tx, arrival)
        self._note_without_effect(tx, arrival, acts)
        return len(new)

    def write_sparse(self, tx: WriteTx, arrival: Arrival, checked: CheckedExcerpt) -> int:
        """Store single frames of a log that is not held whole; returns how many were new.

        What proves them is kept as well, so that they can be given on to a subordinate. Of a log that forked
        the history that contradicts what is here is kept under a name of its own, as ``sparse_lane`` says.
        """
        lane = sparse_lane(tx, arrival, checked)
        again, arrival = lane.split(arrival)
        known = self._write_acts(tx, again)
        size = checked.checkpoint.size
        name = arrival.name
        rows: list[Row] = [
            (name, record.seq, record.act.act_id, record.frame, size)
            for record in arrival.records
            if record.act is not None
        ]
        before = tx.count(schema.SPARSE, {"log": name})
        tx.insert_missing(schema.SPARSE, rows)
        if arrival.records or not other_root(tx, name, checked):
            # What was proven just now takes the place of what somebody changed on this disk; but never what
            # proves another history, by an excerpt of which every frame was here already.
            tx.upsert(SPARSE_NOTES, [(name, size, checked.content.checkpoint)])
            tx.upsert(
                SPARSE_NODES, [(name, size, low, high, node) for (low, high), node in checked.ranges.items()]
            )
        acts = self._write_acts(tx, arrival)
        self._view.touch(tx, dict.fromkeys(record.case_id for record, _ in known + acts))
        self._note_faults(tx, arrival)
        # Nobody asks for single records before taking them in: what counts for nothing must be told here too.
        self._note_without_effect(tx, again, known)
        self._note_without_effect(tx, arrival, acts)
        if lane.forked:
            fork: Row = (FORK, name, lane.seq, arrival.received_at_ms, arrival.station, 0)
            tx.insert_missing(SYNC_FINDINGS, [fork])
        return tx.count(schema.SPARSE, {"log": name}) - before

    def fill(self, tx: WriteTx, arrival: Arrival) -> int:
        """Add the bodies of records that are here without; returns how many got one.

        Who brought them first may have left bodies out, or spoilt them: that must not last. What of the very
        records that lie here fails or has no row among the acts is noted and written as when it is taken in.
        """
        held = [one for one in arrival.records if tx.frame(arrival.name, one.seq) == one.frame]
        sound = replace(arrival, records=[one for one in held if not _is_spoilt(one)])
        rows = _held_rows(tx, sound.records)
        lost = [one for one in sound.records if one.act is not None and one.act.act_id not in rows]
        written = self._write_acts(tx, replace(arrival, records=lost))
        filled: list[VerifiedRecord] = [record for record, _ in written]
        for record in self._without_erased(tx, arrival.records):
            row = None if record.act is None else tx.get(schema.ACTS, (record.case_id, record.act.act_id))
            if row is None:
                continue
            place = place_in(row)
            before = tx.get(schema.BODIES, place)
            self._fill_body(tx, place.log, record._replace(seq=place.seq))
            if tx.get(schema.BODIES, place) != before:
                self._recognise(tx, record, row)
                filled.append(record)
        self._view.touch(tx, dict.fromkeys(record.case_id for record in filled if _of_a_case(record)))
        known = {one.seq for one in sound.records}
        acts = [(one, self._case_act(arrival, one)) for one in filled if one.seq in known and _of_a_case(one)]
        self._note_faults(tx, sound)
        self._note_without_effect(tx, sound, acts)
        return len(filled)

    def forget(self, records: Iterable[VerifiedRecord]) -> None:
        """Drop what was remembered for a transaction that failed."""
        self._view.forget_expected()
        for record in records:
            self._book.forget(record.case_id)

    def _write_acts(self, tx: WriteTx, arrival: Arrival) -> list[tuple[VerifiedRecord, CaseAct]]:
        """Write index rows and bodies of all acts, and return those of cases that are new here."""
        records = self._without_erased(tx, once(arrival.records, arrival.name, arrival.station))
        held = _held_rows(tx, records)
        self._case_keys.prepare(
            tx,
            [
                record.case_id
                for record in records
                if record.personal_raw and record.act is not None and record.act.act_id not in held
            ],
        )
        index: list[Row] = []
        bodies: list[Row] = []
        found: list[tuple[VerifiedRecord, CaseAct]] = []
        for record in records:
            if record.act is None:
                continue
            row = held.get(record.act.act_id)
            if row is not None and not self._settle_place(tx, arrival, record, row):
                continue
            act_id = record.act.act_id
            held[act_id] = (record.case_id, act_id, arrival.name, record.seq, record.topic)
            if row is None:
                index.append(held[act_id])
            bodies.append(self._body_row(tx, arrival.name, record))
            if record.topic not in NO_CASE_ACTIONS:
                found.append((record, self._case_act(arrival, record)))
        tx.insert_missing(schema.ACTS, index)
        tx.insert_missing(schema.BODIES, bodies)
        self._write_found_by(tx, [record for record, _ in found])
        return found

    def _settle_place(self, tx: WriteTx, arrival: Arrival, record: VerifiedRecord, row: Row) -> bool:
        """Decide where an act counts that is here already; True when it is to be written at this place."""
        if record.act is None:
            return False
        before, after = place_in(row), Place(arrival.name, record.seq)
        if before == after:
            self._fill_body(tx, arrival.name, record)
            self._recognise(tx, record, row)
            return False
        station = record.act.header.station
        here = rank_of_record(record, arrival.name, arrival.station)
        if rank_of_row(tx, row, station, self._holdings.stations) <= here:
            self._fill_body(tx, before.log, record._replace(seq=before.seq))
            return False
        move_bodies(tx, before, after)
        tx.upsert(schema.ACTS, [(record.case_id, record.act.act_id, *after, record.topic)])
        self._book.forget(record.case_id)
        return True

    def _recognise(self, tx: WriteTx, record: VerifiedRecord, row: Row) -> None:
        """Let an act count from now on that came without its facts, or before its author's key was known."""
        if row[4] != OPAQUE or record.topic == OPAQUE:
            return
        if not stored_link_fault(tx, place_in(row), record.frame):
            tx.upsert(schema.ACTS, [(*row[:4], record.topic)])
            self._book.forget(record.case_id)

    def _body_row(self, tx: WriteTx, name: str, record: VerifiedRecord) -> Row:
        nonce = sealed = None
        if record.personal_raw and record.act is not None:
            nonce = self._vault.nonce()
            key = self._case_keys.get(tx, record.case_id)
            sealed = key.seal(record.personal_raw, act_id=record.act.act_id, nonce=nonce)
        return (name, record.seq, record.facts_raw or None, nonce, sealed)

    def _fill_body(self, tx: WriteTx, name: str, record: VerifiedRecord) -> None:
        """Add bodies that were withheld when the act came first; never change one that is there."""
        if not record.facts_raw and not record.personal_raw:
            return
        row = tx.get(schema.BODIES, (name, record.seq))
        if row is not None and row[2] is not None and (row[4] is not None or not record.personal_raw):
            return
        made = self._body_row(tx, name, record)
        if row is None:
            tx.insert(schema.BODIES, [made])
            return
        facts = row[2] if row[2] is not None else made[2]
        personal = row[3:5] if row[4] is not None else made[3:5]
        tx.upsert(schema.BODIES, [(name, record.seq, facts, *personal)])
        self._book.forget(record.case_id)
        if _of_a_case(record):
            self._write_found_by(tx, [record])
            # What it says may change the case: whose it is, and what is known of the person.
            self._view.touch(tx, (record.case_id,))

    def _without_erased(self, tx: WriteTx, records: Sequence[VerifiedRecord]) -> list[VerifiedRecord]:
        """Return records without the personal bodies of cases that were erased.

        None comes back with an old stick, and none that was on its way comes after it.
        """
        cases = dict.fromkeys(record.case_id for record in records if record.personal_raw)
        erased = erased_among(tx, self._book, cases)
        return [
            record._replace(personal=None, personal_raw=b"") if record.case_id in erased else record
            for record in records
        ]

    def _write_found_by(self, tx: WriteTx, found: Sequence[VerifiedRecord]) -> None:
        """Write what the cases of records are found by beside their numbers: keyed search tokens."""
        tokens: dict[Row, None] = {}
        applicants: list[Row] = []
        for record in found:
            if record.act is not None and not record.act.header.parents:
                applicants += applicant_rows(self._vault, record.case_id, record.personal)
            if record.personal is not None and may_name_people(record.personal_raw):
                keys = search_keys(record.personal)
                tokens.update(((token, record.case_id), None) for token in self._vault.tokens(keys))
        tx.insert_missing(APPLICANTS, applicants)
        tx.insert_missing(TOKENS, list(tokens))

    def _case_act(self, arrival: Arrival, record: VerifiedRecord) -> CaseAct:
        if record.act is None or record.entry is None:
            raise StoreError("store.row_missing", log=arrival.name, seq=record.seq)
        return self._knowledge.resolver.case_act(
            record.act,
            recorded_at_ms=record.entry.recorded_at_ms,
            facts=record.facts,
            log_station=arrival.station,
            blocked=_obstacle(record),
        )

    def _note_without_effect(
        self, tx: WriteTx, arrival: Arrival, acts: Sequence[tuple[VerifiedRecord, CaseAct]]
    ) -> None:
        new = {record.seq for record, _ in acts}
        held = [
            (record, self._case_act(arrival, record))
            for record in arrival.records
            if record.seq not in new and _opens(record)
        ]
        note_without_effect(
            tx, self._knowledge, book=self._book, holdings=self._holdings, arrival=arrival, acts=acts,
            held=held,
        )  # fmt: skip

    def _note_faults(self, tx: WriteTx, arrival: Arrival) -> None:
        registry = self._knowledge.registry
        rows = [
            (
                record.fault,
                arrival.name,
                record.seq,
                arrival.received_at_ms,
                fault_detail(record, registry),
                0,
            )
            for record in arrival.records
            if record.fault
        ]
        if rows:
            tx.insert_missing(SYNC_FINDINGS, rows)


def _obstacle(record: VerifiedRecord) -> str:
    """Return what keeps a record from ever taking effect, as who reads it back from the store will see it.

    A body that is not the act's own is left aside like one that did not come: anybody may have invented it.
    """
    own_facts_fail = bool(record.facts_raw) and record.facts is None
    return record.fault if record.topic == OPAQUE or own_facts_fail else ""


def _is_spoilt(record: VerifiedRecord) -> bool:
    """Tell whether bodies that came with a record are not those that it pins: that says nothing of itself."""
    return bool(record.unpinned) or record.fault == PERSONAL_OTHER


def _of_a_case(record: VerifiedRecord) -> bool:
    return record.topic not in NO_CASE_ACTIONS and not _obstacle(record)


def _opens(record: VerifiedRecord) -> bool:
    """Tell whether a record is a sound opening of a case, with its facts."""
    if record.fault or record.act is None or record.entry is None or record.facts is None:
        return False
    return not record.act.header.parents and _of_a_case(record)


def _held_rows(tx: WriteTx, records: Sequence[VerifiedRecord]) -> dict[ActId, Row]:
    """Return the index rows of those acts that are here already."""
    wanted = {record.act.act_id for record in records if record.act is not None}
    cases: list[CaseId] = list(dict.fromkeys(record.case_id for record in records))
    if not cases:
        return {}
    rows = tx.select(schema.ACTS, {"case_id": OneOf(tuple(cases))})
    return {ActId(row[1]): row for row in rows if isinstance(row[1], bytes) and row[1] in wanted}
