"""What silence has accepted: asked before signing by whatever would take that back, live or entered late.

An application that nobody answered within the limit counts as accepted as of its receipt. Then acceptance
cannot be refused, nothing can be asked as a condition of it, and the case is not treated as withdrawn for
want of papers: it is decided.

Source: 行政许可法 Art. 32(4).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ledger.cases.guards import WAIVED, texts
from ledger.cases.permit import Permission
from ledger.cases.shape import CaseAct, CaseFinding, CaseState, Reason
from ledger.cases.supplies import wanting
from ledger.clocks.clocks import ClockReading, read_clocks
from ledger.clocks.lateclaims import as_typed
from ledger.days.calendar import CalendarSet
from ledger.rules.casetype import ActionSpec
from ledger.rules.catalogue import Rules
from ledger.types import Facts, Value

LAPSING_GUARD: Final = "due_passed"
REFUSING_EFFECT: Final = "refusal_of_acceptance"
CORRECTING_EFFECT: Final = "correction"
DEFERRING_EFFECT: Final = "deficit"
PAPER_ONLY: Final = "case.paper_only"
"""The caveat of what is out of time now, and may have been in time on its paper."""
_LAPSED: Final = "case.lapse_after_deemed"
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
    code = _code(spec)
    if not code:
        return None
    deemed = accepted_by_silence(state, rules, calendars, at_ms)
    if deemed is None and LAPSING_GUARD in spec.guards and received_live(state):
        deemed = accepted_by_silence(as_typed(state, rules), rules, calendars, at_ms)
    return None if deemed is None else as_reason(code, deemed)


def waiving(
    state: CaseState | None, spec: ActionSpec, facts: Facts, rules: Rules, calendars: CalendarSet, at_ms: int
) -> Facts:
    """Return the facts of an acceptance with what is left of a list that came after silence had accepted.

    A notice from elsewhere, or one that a later calendar finds too late, opens a list all the same, for the
    state hangs on no calendar. So the acceptance says that it no longer asks for it.
    """
    if state is None or WAIVED not in spec.facts or WAIVED in facts:
        return facts
    left = wanting(state) - texts(facts.get("commitments"))
    if not left or accepted_by_silence(state, rules, calendars, at_ms) is None:
        return facts
    listed: list[Value] = [*sorted(left)]
    return {**facts, WAIVED: listed}


def silenced(
    state: CaseState | None,
    rules: Rules,
    answers: tuple[Permission, ...],
    calendars: CalendarSet,
    now_ms: int,
) -> tuple[Permission, ...]:
    """Return what a person may do, where silence has accepted: told before anything is typed.

    What would take it back is not allowed, but from paper where the receipt was entered from paper as well
    (the caveat ``case.paper_only``); acceptance is, though the correction list is open: with the caveat
    ``case.list_waived``.

    Args:
        state: the case; None for one that would be opened.
        rules: item and case type.
        answers: what may be done by the state of the case alone.
        calendars: the newest calendars known.
        now_ms: the time at which the act would be made.
    """
    actions = rules.case_type.actions
    if state is None or not any(_code(actions[one.action]) and one.allowed for one in answers):
        return answers
    deemed = accepted_by_silence(state, rules, calendars, now_ms)
    if deemed is None:
        return answers
    told = []
    for answer in answers:
        spec = actions[answer.action]
        code = _code(spec)
        if code and answer.allowed:
            # an answer of those days may still lie on paper, where the receipt did
            paper = code != _LAPSED and not received_live(state)
            params, told_code = as_reason(code, deemed).params, PAPER_ONLY if paper else code
            told.append(replace(answer, allowed=paper, reason_code=told_code, params=params))
        elif answer.reason_code == "case.correction_open" and WAIVED in spec.facts:
            told.append(replace(answer, allowed=True, reason_code="case.list_waived"))
        else:
            told.append(answer)
    return tuple(told)


def waiver_refusal(
    state: CaseState, act: CaseAct, rules: Rules, calendars: CalendarSet, at_ms: int
) -> Reason | None:
    """Return ``case.correction_open`` for an acceptance that waives what was asked for in time."""
    waived = texts(act.facts.get(WAIVED))
    if not waived or accepted_by_silence(state, rules, calendars, at_ms) is not None:
        return None
    return Reason("case.correction_open", {"missing": tuple(sorted(waived))})


def waived_in_time(state: CaseState, rules: Rules, calendars: CalendarSet) -> tuple[CaseFinding, ...]:
    """Return the acceptances that waived a list though silence had not accepted."""
    found = [step.act for step in state.steps if step.effective and texts(step.act.facts.get(WAIVED))]
    if not found or accepted_by_silence(state, rules, calendars, state.steps[-1].effect_at_ms) is not None:
        return ()
    return tuple(
        CaseFinding(
            "case.notice.waived_in_time",
            (act.act_id,),
            {"materials": tuple(sorted(texts(act.facts.get(WAIVED))))},
        )
        for act in found
    )


def received_live(state: CaseState) -> bool:
    """Tell whether the organ's receipt of a case, or else its first act, was recorded as it happened."""
    first = next((step for step in state.steps if "organ_receipt" in step.events), None)
    first = first or (state.steps[0] if state.steps else None)
    return first is not None and "late_entry" not in first.act.facts


def as_reason(code: str, deemed: ClockReading) -> Reason:
    """Return a reason that names the last day for an answer and the day as of which silence accepted."""
    due = "" if deemed.due_on is None else deemed.due_on.isoformat()
    return Reason(code, {"due": due, "on": deemed.started_on.isoformat()})


def _code(spec: ActionSpec) -> str:
    """Return how an action is refused that would take back what silence has accepted; "" for any other."""
    if REFUSING_EFFECT in spec.effects:
        return "case.deemed_accepted"
    if CORRECTING_EFFECT in spec.effects:
        return "case.notice_after_deemed"
    return _LAPSED if LAPSING_GUARD in spec.guards else ""
