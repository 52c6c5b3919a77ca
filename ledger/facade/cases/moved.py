"""Limits that became earlier when a calendar arrived: found by comparing every open clock, told to the owner.

The calendars that the lights were last made with are written down beside them. So a change is found also
where it came with a new version of the product, or where the process that took the calendar in was stopped.

Source: 民法典 Art. 200-204 (a date that was told must not be lost in silence when it changes).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date

from ledger.cases.shape import CaseFinding, CaseState
from ledger.clocks.clocks import ClockReading, DueChange, earlier_dues
from ledger.days.calendar import CalendarSet, calendar_facts, parse_calendar
from ledger.errors import BanjianError
from ledger.facade.base.tables import MARKS, MOVED
from ledger.rules.catalogue import Rules
from ledger.store.contract import ReadTx, WriteTx
from ledger.store.tables import Row
from ledger.types import CaseId

MARK_HELD = "calendars_held"


def held_mark(calendars: CalendarSet) -> Row:
    """Return the row that keeps the calendars which the lights were made with."""
    facts = [calendar_facts(calendar) for calendar in calendars.calendars]
    return MARK_HELD, json.dumps(facts, ensure_ascii=False)


def held_before(tx: ReadTx, now: CalendarSet) -> CalendarSet | None:
    """Return the calendars that the lights were made with; None where that is not known.

    Args:
        tx: the view.
        now: the calendars known now, for place and festivals.
    """
    row = tx.get(MARKS, (MARK_HELD,))
    if row is None:
        return None
    try:
        kept = json.loads(str(row[1]))
        if not isinstance(kept, list) or not all(isinstance(facts, dict) for facts in kept):
            return None
        return now.instead([parse_calendar(facts) for facts in kept])
    except (ValueError, BanjianError):
        # Somebody changed the row: what was said before is not known, and the lights are made anew as ever.
        return None


def note_earlier(
    tx: WriteTx, cases: Iterable[tuple[CaseState, Rules]], *, old: CalendarSet, new: CalendarSet
) -> None:
    """Write down the clocks of cases that end earlier than was said.

    A note stays until its clock has ended: of several changes the latest day that was ever said is kept.
    """
    rows: list[Row] = []
    for state, rules in cases:
        for change in earlier_dues(state, rules, old, new, None):
            row = tx.get(MOVED, (state.case_id, change.clock))
            known = None if row is None else _said(row)
            said = change.old_due if known is None else max(change.old_due, known)
            rows.append((state.case_id, change.clock, said.isoformat()))
    if rows:
        tx.upsert(MOVED, rows)


def earlier_limits(tx: ReadTx, case_id: CaseId, readings: Sequence[ClockReading]) -> tuple[DueChange, ...]:
    """Return the open clocks of a case that end earlier than was said once.

    Args:
        tx: the view.
        case_id: the case.
        readings: what its clocks say now.
    """
    said = {row[1]: _said(row) for row in tx.select(MOVED, {"case_id": case_id})}
    changes = []
    for reading in readings:
        old, new = said.get(reading.clock), reading.due_on
        if old is not None and new is not None and reading.stopped_on is None and new < old:
            changes.append(DueChange(clock=reading.clock, old_due=old, new_due=new))
    return tuple(changes)


def earlier_notices(tx: ReadTx, case_id: CaseId, readings: Sequence[ClockReading]) -> tuple[CaseFinding, ...]:
    """Return what the page of a case says of limits that became earlier."""
    return tuple(
        CaseFinding(
            "case.notice.due_earlier",
            (),
            {"clock": change.clock, "old": change.old_due.isoformat(), "new": change.new_due.isoformat()},
        )
        for change in earlier_limits(tx, case_id, readings)
    )


def _said(row: Row) -> date | None:
    """Return the day that a note says; None where somebody changed it on the disk."""
    try:
        return date.fromisoformat(str(row[2]))
    except ValueError:
        return None
