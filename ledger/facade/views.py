"""The inline view of cases: one row for each, written in the transaction of the acts themselves."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.act import Act, act_id, case_of, decode_act
from ledger.authority import REGISTRY_ACTIONS
from ledger.calendar import CalendarSet
from ledger.case import CaseState
from ledger.catalogue import Rules
from ledger.clocks import PressingChange, pressing_change, unmoved
from ledger.errors import BanjianError
from ledger.facade.caseacts import StoredAct
from ledger.facade.casebook import CaseBook
from ledger.facade.tables import CASES, CONFLICT, MARKS, NEVER_MS, PAUSED, PENDING, VIEW_TABLES, case_cells
from ledger.frame import split_frame
from ledger.knowledge import CATALOGUE_ACTIONS, Knowledge
from ledger.store.contract import NewRecord, WriteTx
from ledger.store.tables import Row, Table
from ledger.types import CaseId

NO_CASE_ACTIONS = REGISTRY_ACTIONS | CATALOGUE_ACTIONS | {"open_log"}
"""Actions that belong to no case; ``countersign`` belongs to one in station logs only."""

MARK_CALENDARS = "calendars"


class CaseView:
    """Keeps the ``cases`` rows in step with the records; also makes them all anew.

    A store is opened with its views, and what the views need lies in the store: ``bind`` closes the circle.
    """

    name = "cases"
    tables: tuple[Table, ...] = VIEW_TABLES

    def __init__(self) -> None:
        self._expected: dict[tuple[str, int], tuple[CaseId, CaseState, Rules]] = {}

    def bind(self, knowledge: Knowledge, book: CaseBook) -> None:
        """Say where rules, calendars and states come from; before the first record is stored."""
        self._knowledge = knowledge
        self._book = book

    def expect(self, log: str, seq: int, case_id: CaseId, after: CaseState, rules: Rules) -> None:
        """Hand over the state of a case after a record about to be stored, so that it is not folded again."""
        self._expected[log, seq] = (case_id, after, rules)

    def forget_expected(self) -> None:
        """Drop what was handed over: the transaction failed."""
        self._expected.clear()

    def apply(self, tx: WriteTx, records: Sequence[NewRecord], /) -> None:
        """Write the rows of all cases that new records touch."""
        rows: dict[CaseId, Row] = {}
        for record in records:
            expected = self._expected.pop((record.log, record.seq), None)
            if expected is not None:
                self._advance(tx, *expected)
            elif record.topic not in NO_CASE_ACTIONS:
                self._refold(tx, self._case_of(record), rows)
        if rows:
            tx.upsert(CASES, list(rows.values()))

    def rebuild(self, tx: WriteTx, case_ids: Sequence[CaseId]) -> list[tuple[Row, Sequence[StoredAct]]]:
        """Make the rows of the given cases anew; returns each with the stored acts that it comes from."""
        made = [
            (case_row(folded.state, folded.rules, self._knowledge.calendars), folded.acts)
            for folded in self._book.fold_many(tx, case_ids)
        ]
        if made:
            tx.upsert(CASES, [row for row, _ in made])
        return made

    def mark(self, tx: WriteTx) -> None:
        """Write down which calendars the rows were computed with."""
        tx.upsert(MARKS, [(MARK_CALENDARS, self._knowledge.calendars.version)])

    def _advance(self, tx: WriteTx, case_id: CaseId, state: CaseState, rules: Rules) -> None:
        held = self._book.held(case_id)
        before = None if held is None else held.row
        if held is not None and before is not None and unmoved(held.state, state, rules):
            # Rows are remembered only as long as the calendars that they were computed with.
            row = _row(state, rules, _pressing_in(before))
        else:
            row = case_row(state, rules, self._knowledge.calendars)
        tx.upsert(CASES, [row], held=before)
        self._book.remember(case_id, state, rules, row)

    def _refold(self, tx: WriteTx, case_id: CaseId, rows: dict[CaseId, Row]) -> None:
        for folded in self._book.fold_many(tx, (case_id,)):
            rows[case_id] = case_row(folded.state, folded.rules, self._knowledge.calendars)

    def _case_of(self, record: NewRecord) -> CaseId:
        try:
            parts = split_frame(record.frame)
            act = Act(decode_act(parts.act_raw), parts.act_raw, parts.sig, act_id(parts.act_raw))
        except BanjianError:
            return CaseId(b"")
        return case_of(act)


def case_row(state: CaseState, rules: Rules, calendars: CalendarSet) -> Row:
    """Return the row of a case; pure, so that a rebuild gives the same rows."""
    return _row(state, rules, pressing_change(state, rules, calendars))


def _pressing_in(row: Row) -> PressingChange | None:
    (cells,) = case_cells([row])
    clock, yellow_at_ms, red_at_ms = cells[-4:-1]
    return PressingChange(yellow_at_ms, red_at_ms, clock) if clock else None


def _row(state: CaseState, rules: Rules, pressing: PressingChange | None) -> Row:
    # A post-check may still run in a case that is closed otherwise: it stays on the lists.
    open_case = state.status not in rules.case_type.final_states or pressing is not None
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
        PAUSED * bool(state.suspended_for) | CONFLICT * state.in_conflict | PENDING * bool(state.pending),
    )
