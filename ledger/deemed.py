"""What silence has accepted: asked before signing by whatever would take that back, live or entered late.

An application that nobody answered within the limit counts as accepted as of its receipt. Then acceptance
cannot be refused, nothing can be asked as a condition of it, and the case is not treated as withdrawn for
want of papers: it is decided.

Source: 行政许可法 Art. 32(4).
"""

from __future__ import annotations

from typing import Final

from ledger.calendar import CalendarSet
from ledger.caseshape import CaseState, Reason
from ledger.casetype import ActionSpec
from ledger.catalogue import Rules
from ledger.clocks import ClockReading, read_clocks
from ledger.lateclaims import as_typed

LAPSING_GUARD: Final = "due_passed"
REFUSING_EFFECT: Final = "refusal_of_acceptance"
CORRECTING_EFFECT: Final = "correction"
DEFERRING_EFFECT: Final = "deficit"
_FLAG: Final = "deemed_accepted"


def accepted_by_silence(
    state: CaseState, rules: Rules, calendars: CalendarSet, at_ms: int
) -> ClockReading | None:
    """Return the acceptance clock of a case that counts as accepted at a time; None where none does."""
    readings = read_clocks(state, rules, calendars, at_ms)
    return next(
        (reading for reading in readings if _FLAG in reading.flags and reading.due_on is not None), None
    )


def silence_refusal(
    state: CaseState, spec: ActionSpec, rules: Rules, calendars: CalendarSet, at_ms: int
) -> Reason | None:
    """Return why an action would take back at a time what silence has accepted by then.

    Codes: ``case.deemed_accepted`` (a refusal of acceptance), ``case.notice_after_deemed`` (a correction
    notice), ``case.lapse_after_deemed``. A lapse is measured by the days of typing as well: a notice that was
    entered late elsewhere is one person's word that somebody had answered in time.
    """
    if REFUSING_EFFECT in spec.effects:
        code = "case.deemed_accepted"
    elif CORRECTING_EFFECT in spec.effects:
        code = "case.notice_after_deemed"
    elif LAPSING_GUARD in spec.guards:
        code = "case.lapse_after_deemed"
    else:
        return None
    deemed = accepted_by_silence(state, rules, calendars, at_ms)
    if deemed is None and LAPSING_GUARD in spec.guards and received_live(state):
        deemed = accepted_by_silence(as_typed(state, rules), rules, calendars, at_ms)
    return None if deemed is None else as_reason(code, deemed)


def received_live(state: CaseState) -> bool:
    """Tell whether the organ's receipt of a case, or else its first act, was recorded as it happened."""
    first = next((step for step in state.steps if "organ_receipt" in step.events), None)
    first = first or (state.steps[0] if state.steps else None)
    return first is not None and "late_entry" not in first.act.facts


def as_reason(code: str, deemed: ClockReading) -> Reason:
    """Return a reason that names the last day for an answer and the day as of which silence accepted."""
    due = "" if deemed.due_on is None else deemed.due_on.isoformat()
    return Reason(code, {"due": due, "on": deemed.started_on.isoformat()})
