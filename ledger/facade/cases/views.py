"""The inline view of cases: one row for each, written in the transaction of the acts themselves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from ledger.cases.case import evolve_all, fold_case
from ledger.cases.shape import CaseAct, CaseState
from ledger.cases.waiting import signable_until_ms
from ledger.clocks.clocks import PressingChange, Standing, standing, unmoved
from ledger.days.calendar import CalendarSet
from ledger.errors import BanjianError, RuleError
from ledger.facade.base.synctables import AWAITED, AWAITING
from ledger.facade.base.tables import (
    CASES,
    CONFLICT,
    EXTERNALS,
    GRANTS,
    LATE_FLAGS,
    MARKS,
    NEVER_MS,
    NUMBERS,
    PAUSED,
    PENDING,
    RESULTS,
    RETURNED,
    VIEW_TABLES,
    case_cells,
)
from ledger.facade.cases.attachednames import note_named
from ledger.facade.cases.awaited import awaited_sizes, sizes_of, unfolded_sizes
from ledger.facade.cases.caseacts import StoredAct
from ledger.facade.cases.casebook import CaseBook
from ledger.facade.cases.externals import note_external
from ledger.facade.cases.linked import Linker
from ledger.facade.cases.moved import held_mark, note_earlier
from ledger.facade.cases.numbers import number_rows
from ledger.facade.cases.secondsight import forget_second, note_second
from ledger.facade.logs.bodies import ASKED_MAX
from ledger.formats.act import case_of
from ledger.formats.frame import act_in
from ledger.formats.genesis import OPEN_LOG
from ledger.formats.merge import MERGE_LEAF
from ledger.known.knowledge import CATALOGUE_ACTIONS, Knowledge
from ledger.registry.authority import NOT_FINAL, PROVISIONAL_GRANT, REGISTRY_ACTIONS
from ledger.rules.catalogue import Rules
from ledger.store.contract import NewRecord, WriteTx
from ledger.store.tables import Cell, OneOf, Row, Table, Where
from ledger.types import ActId, CaseId

NO_CASE_ACTIONS = REGISTRY_ACTIONS | CATALOGUE_ACTIONS | {OPEN_LOG, PROVISIONAL_GRANT, MERGE_LEAF}
"""Topics that belong to no case; ``countersign`` belongs to one in station logs only."""

MARK_CALENDARS, MARK_ROWS = "calendars", "rows"
ROWS = "4"
"""What rows say; raised as well when acts are understood otherwise, for rows hold what they meant before.

Since 2 ``flags`` tells decisions, papers given back and limits that were overrun; 3 counts what was asked for
and is not there yet before an acceptance; since 4 papers answer a list that the order puts behind them,
and what is accepted without the papers of its list is decided that day.
"""
_GIVEN_BACK = "returned"


Notice: TypeAlias = Callable[[WriteTx, Iterable[CaseId]], None]


class Rebuilt(NamedTuple):
    """A case made anew: its row, the rows of its numbers, its state, and the stored acts they come from."""

    row: Row
    state: CaseState
    numbers: list[Row]
    acts: Sequence[StoredAct]


class CaseView:
    """Keeps the ``cases`` rows in step with the records; also makes them all anew.

    A store is opened with its views, and what the views need lies in the store: ``bind`` closes the circle.
    """

    name = "cases"
    tables: tuple[Table, ...] = VIEW_TABLES

    def __init__(self) -> None:
        self._expected: dict[tuple[str, int], tuple[CaseId, CaseState, Rules]] = {}
        self._arrived: dict[tuple[str, int], tuple[CaseId, CaseAct]] = {}

    def bind(
        self,
        knowledge: Knowledge,
        book: CaseBook,
        *,
        notice: Notice | None = None,
        linker: Linker | None = None,
    ) -> None:
        """Say where rules, calendars and states come from; before the first record is stored.

        Args:
            knowledge: registry, catalogue and calendars as held here.
            book: states of cases.
            notice: told, in the transaction, of every case that got acts.
            linker: takes their states, to let the links of cases with applicants follow.
        """
        self._knowledge = knowledge
        self._book = book
        self._notice = notice
        self._linker = linker

    def expect(self, log: str, seq: int, case_id: CaseId, after: CaseState, rules: Rules) -> None:
        """Hand over the state of a case after a record about to be stored, so that it is not folded again."""
        self._expected[log, seq] = (case_id, after, rules)

    def expect_arrival(self, log: str, seq: int, case_id: CaseId, act: CaseAct) -> None:
        """Hand over the decoded act of a record from elsewhere, so that it is not decoded again."""
        self._arrived[log, seq] = (case_id, act)

    def forget_expected(self) -> None:
        """Drop what was handed over: the transaction failed."""
        self._expected.clear()
        self._arrived.clear()

    def apply(self, tx: WriteTx, records: Sequence[NewRecord], /) -> None:
        """Write the rows of all cases that new records touch."""
        grants: list[Row] = [
            (record.log, record.seq) for record in records if record.topic == PROVISIONAL_GRANT
        ]
        if grants:
            tx.insert_missing(GRANTS, grants)
        again: dict[CaseId, None] = {}
        grown: dict[CaseId, tuple[str, list[CaseAct]]] = {}
        known = self._known_cases(tx, records)
        for record in records:
            place = record.log, record.seq
            expected, arrived = self._expected.pop(place, None), self._arrived.pop(place, None)
            if expected is not None:
                self._advance(tx, *expected)
                if self._notice is not None:
                    self._notice(tx, expected[:1])
            elif arrived is not None:
                # Of a case that is new here the first record holds its opening.
                opened = "" if arrived[1].parents else record.log
                grown.setdefault(arrived[0], (opened, []))[1].append(arrived[1])
            elif record.topic not in NO_CASE_ACTIONS:
                again[self._case_of(record)] = None
        for case_id, (_, acts) in grown.items():
            if case_id not in again and not self._grow(known, case_id, acts):
                again[case_id] = None
        if grown or again:
            self._write_grown(tx, {one: log for one, (log, _) in grown.items() if one not in again})
            self.touch(tx, again)

    def touch(self, tx: WriteTx, case_ids: Iterable[CaseId]) -> None:
        """Make the rows of cases anew that got records in another way than one after the other."""
        wanted = [case_id for case_id in case_ids if case_id]
        found = list(self._book.fold_many(tx, wanted))
        folded = {one.state.case_id: (one.state, one.rules) for one in found}
        settled = [case_id for case_id, (state, _) in folded.items() if not _not_final(state)]
        for first in range(0, len(settled), ASKED_MAX):
            asked: Where = {"case_id": OneOf(tuple(settled[first : first + ASKED_MAX]))}
            for table in (AWAITING, AWAITED):
                tx.delete(table, asked)
        self._note_missing(tx, [case_id for case_id in wanted if case_id not in folded])
        self._write_rows(tx, folded)
        tx.upsert(NUMBERS, [row for one in found for row in _number_rows(one.state, one.acts)])

    def _note_waiting(self, tx: WriteTx, states: Iterable[CaseState]) -> None:
        """Write down the cases with an act that a longer registry may still let count, and from when on."""
        waiting = {state.case_id: reasons for state in states if (reasons := _not_final(state))}
        if not waiting:
            return
        tx.insert_missing(AWAITING, [(case_id,) for case_id in waiting])
        now, acts = sizes_of(self._knowledge), self._book.stored_of(tx, list(waiting))
        rows = [(one, *awaited_sizes(acts.get(one, ()), reasons, now)) for one, reasons in waiting.items()]
        tx.upsert(AWAITED, rows)

    def _note_missing(self, tx: WriteTx, case_ids: Sequence[CaseId]) -> None:
        """Write down the cases that nobody can fold, and from which size of the catalogue on somebody may."""
        if not case_ids:
            return
        tx.insert_missing(AWAITING, [(case_id,) for case_id in case_ids])
        now, acts = sizes_of(self._knowledge), self._book.stored_of(tx, case_ids)
        tx.upsert(AWAITED, [(one, *unfolded_sizes(one, acts.get(one, ()), now)) for one in case_ids])

    def judge_again(self, tx: WriteTx, case_ids: Sequence[CaseId]) -> None:
        """Make the rows of cases anew after what they were judged by turned out otherwise.

        One that cannot be folded any more has no row: it waits until it can be.
        """
        asked: Where = {"case_id": OneOf(tuple(case_ids))}
        for table in (CASES, EXTERNALS, AWAITING, AWAITED):
            tx.delete(table, asked)
        forget_second(tx, case_ids)
        self.touch(tx, case_ids)

    def rebuild(self, tx: WriteTx, case_ids: Sequence[CaseId]) -> list[Rebuilt]:
        """Make the rows of the given cases anew; returns each with its numbers and its stored acts."""
        found = list(self._book.fold_many(tx, case_ids))
        made = [
            Rebuilt(
                case_row(folded.state, folded.rules, self._knowledge.calendars),
                folded.state,
                _number_rows(folded.state, folded.acts),
                folded.acts,
            )
            for folded in found
        ]
        if made:
            tx.upsert(CASES, [one.row for one in made])
            note_named(tx, (folded.state for folded in found))
            note_external(tx, (folded.state for folded in found))
            note_second(tx, ((folded.state, folded.rules) for folded in found))
            self._note_waiting(tx, (folded.state for folded in found))
        return made

    def renew(self, tx: WriteTx, case_ids: Sequence[CaseId], *, before: CalendarSet | None) -> int:
        """Make the rows of cases anew for new calendars, and note what ends earlier; returns how many.

        Args:
            tx: the transaction.
            case_ids: the cases.
            before: the calendars that the rows were made with; None where that is not known.
        """
        calendars = self._knowledge.calendars
        made = [(folded.state, folded.rules) for folded in self._book.fold_many(tx, case_ids)]
        if made:
            tx.upsert(CASES, [case_row(state, rules, calendars) for state, rules in made])
        if before is not None:
            note_earlier(tx, made, old=before, new=calendars)
        return len(made)

    def mark_calendars(self, tx: WriteTx) -> None:
        """Write down which calendars the rows were computed with."""
        calendars = self._knowledge.calendars
        tx.upsert(MARKS, [(MARK_CALENDARS, calendars.version), held_mark(calendars)])

    def _advance(self, tx: WriteTx, case_id: CaseId, state: CaseState, rules: Rules) -> None:
        held = self._book.held(case_id)
        before = None if held is None else held.row
        if held is not None and before is not None and unmoved(held.state, state, rules):
            # Rows are remembered only as long as the calendars that they were computed with.
            row = _row(state, rules, _standing_in(before))
        else:
            row = case_row(state, rules, self._knowledge.calendars)
        tx.upsert(CASES, [row], held=before)
        note_named(tx, (state,))
        if held is None or held.state.external_no != state.external_no:
            note_external(tx, (state,))
        if held is None or held.state.pending or state.pending:
            note_second(tx, ((state, rules),))
        if self._linker is not None:
            self._linker(tx, (state,))
        self._book.remember(case_id, state, rules, row)

    def _known_cases(self, tx: WriteTx, records: Sequence[NewRecord]) -> set[Cell]:
        """Return which of the cases that arrived records open have a row or acts here already."""
        arrived = (self._arrived.get((record.log, record.seq)) for record in records)
        opened = tuple({one[0]: None for one in arrived if one is not None and not one[1].parents})
        if not opened:
            return set()
        asked: Where = {"case_id": OneOf(opened)}
        return {row[0] for table in (CASES, AWAITING) for row in tx.select(table, asked)}

    def _grow(self, known: set[Cell], case_id: CaseId, acts: Sequence[CaseAct]) -> bool:
        """Fold more acts into a remembered state; False where all acts have to be folded anew."""
        held = self._book.held(case_id)
        try:
            if held is not None:
                state, rules = held.state, held.rules
            elif not acts[0].parents and case_id not in known:
                rules = self._book.rules_for_opening(acts[0])
                state, acts = fold_case(acts[:1], rules), acts[1:]
            else:
                return False
        except RuleError:
            # The catalogue that the opening names is not here yet.
            return False
        after = evolve_all(state, acts, rules)
        if after is None:
            self._book.forget(case_id)
            return False
        self._book.remember(case_id, after, rules)
        return True

    def _write_grown(self, tx: WriteTx, logs: Mapping[CaseId, str]) -> None:
        """Write the rows of cases with the log that holds the opening, "" for those that were here before."""
        folded = {case_id: self._book.load(tx, case_id) for case_id in logs}
        self._write_rows(tx, {case_id: (held.state, held.rules) for case_id, held in folded.items()})
        numbers = [
            row
            for case_id, held in folded.items()
            if logs[case_id]
            for row in number_rows(held.state, logs[case_id])
        ]
        tx.insert_missing(NUMBERS, numbers)

    def _write_rows(self, tx: WriteTx, folded: Mapping[CaseId, tuple[CaseState, Rules]]) -> None:
        if not folded:
            return
        tx.upsert(CASES, [case_row(*pair, self._knowledge.calendars) for pair in folded.values()])
        note_named(tx, (state for state, _ in folded.values()))
        note_external(tx, (state for state, _ in folded.values()))
        note_second(tx, folded.values())
        self._note_waiting(tx, (state for state, _ in folded.values()))
        if self._linker is not None:
            self._linker(tx, (state for state, _ in folded.values()))
        if self._notice is not None:
            self._notice(tx, folded)

    def _case_of(self, record: NewRecord) -> CaseId:
        try:
            return case_of(act_in(record.frame))
        except BanjianError:
            return CaseId(b"")


def _not_final(state: CaseState) -> dict[ActId, str]:
    """Return the acts of a case that a longer registry may still let count, and why they do not now."""
    return {step.act.act_id: step.reason for step in state.steps if step.reason in NOT_FINAL}


def _number_rows(state: CaseState, acts: Iterable[StoredAct]) -> list[Row]:
    """Return the rows that keep the numbers of a case; none while no opening gives it one that counts."""
    opening = next((act for act in acts if act.act_id.startswith(state.case_id)), None)
    return [] if opening is None else [*number_rows(state, opening.place.log)]


def case_row(state: CaseState, rules: Rules, calendars: CalendarSet) -> Row:
    """Return the row of a case; pure, so that a rebuild gives the same rows."""
    return _row(state, rules, standing(state, rules, calendars))


def _standing_in(row: Row) -> Standing:
    ((*_, clock, yellow_at_ms, red_at_ms, flags),) = case_cells([row])
    pressing = PressingChange(yellow_at_ms, red_at_ms, clock) if clock else None
    return Standing(pressing, frozenset(name for name, flag in LATE_FLAGS.items() if flags & flag))


def _row(state: CaseState, rules: Rules, clocks: Standing) -> Row:
    pressing = clocks.pressing
    # A post-check may still run in a case that is closed otherwise: it stays on the lists. Where the papers
    # were given back on the spot nobody has anything left to do.
    ended = state.status in rules.case_type.final_states or state.status == _GIVEN_BACK
    open_case = not ended or pressing is not None
    return (
        state.case_id,
        state.number,
        state.item_code,
        state.catalogue_version,
        state.status,
        state.custodian,
        state.offered_to,
        state.received_station,
        state.opened_at_ms,
        max((step.act.occurred_at_ms for step in state.steps), default=0),
        int(open_case),
        "" if pressing is None else pressing.clock,
        NEVER_MS if pressing is None else pressing.yellow_at_ms,
        NEVER_MS if pressing is None else pressing.red_at_ms,
        _flags(state, rules, clocks.late),
    )


def _flags(state: CaseState, rules: Rules, late: Collection[str]) -> int:
    told = (
        PAUSED * bool(state.suspended_for)
        | CONFLICT * state.in_conflict
        | PENDING * (signable_until_ms(state, rules) > 0)
        | RETURNED * (state.outcome == _GIVEN_BACK)
    )
    told |= sum(flag for clock, flag in LATE_FLAGS.items() if clock in late)
    # What was entered by mistake decides nothing.
    return told if state.voided else told | RESULTS.get(state.result, 0)
