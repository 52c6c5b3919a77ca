"""What may not be entered late (补录): an answer that is out of time on the day on which it is typed.

A late entry counts on the day that it claims. That is one person's word, and where it only makes the organ
look punctual it is told (``ledger.clocks.lateclaims``). Where it would take from the applicant what time
alone has given, the acceptance or the end of a limit, it is refused before signing, in a case that was
recorded as it was received. Where the organ's receipt itself was entered late, its whole counter was on
paper.

Source: 行政许可法 Art. 32(4), 42, 45.
"""

from __future__ import annotations

from ledger.cases.guards import ON_THE_SPOT
from ledger.cases.judge import COUNTERSIGN, waiting_for
from ledger.cases.shape import CaseAct, CaseState, Reason, Step, local_day
from ledger.clocks.clocks import read_clocks
from ledger.clocks.deemed import DEFERRING_EFFECT, accepted_by_silence, as_reason, received_live
from ledger.clocks.notices import calendar_refusal
from ledger.days.calendar import CalendarSet, local_date
from ledger.rules.casetype import ActionSpec
from ledger.rules.catalogue import Rules


def late_refusal(
    state: CaseState, spec: ActionSpec, act: CaseAct, rules: Rules, calendars: CalendarSet
) -> Reason | None:
    """Return why an act may not be entered late: it is out of time now, and its case was recorded live.

    Codes as ``calendar_refusal``, and ``case.not_on_the_spot``, ``case.deficit_after_deemed`` (an acceptance
    with a deficit that would undo a deemed one), ``case.suspension_late`` (a suspension that would move
    limits which are over). A countersignature is judged as the act that it lets take effect.

    Args:
        state: the case before the act.
        spec: the action.
        act: a late entry, as it would be recorded.
        rules: item and case type.
        calendars: the newest calendars known.
    """
    received = next((step for step in state.steps if "organ_receipt" in step.events), None)
    if not received_live(state):
        return None
    if spec.code == COUNTERSIGN:
        target = waiting_for(state, act)
        if target is None:
            return None
        spec = rules.case_type.actions[target.action]
    if _overnight(spec, act, received):
        # the guard itself has seen only the day that is claimed
        return Reason("case.not_on_the_spot")
    typed = act._replace(occurred_at_ms=act.recorded_at_ms)
    return (
        calendar_refusal(state, spec, typed, rules, calendars)
        or _undoes_acceptance(state, spec, act, rules, calendars)
        or _moves_what_is_over(state, spec, act, rules, calendars)
    )


def _overnight(spec: ActionSpec, act: CaseAct, received: Step | None) -> bool:
    return (
        ON_THE_SPOT in spec.guards
        and received is not None
        and local_day(received.effect_at_ms) != local_day(act.recorded_at_ms)
    )


def _undoes_acceptance(
    state: CaseState, spec: ActionSpec, act: CaseAct, rules: Rules, calendars: CalendarSet
) -> Reason | None:
    """Silence has accepted all of it by now: one with a deficit, dated before, would let the case lapse.

    One that claims a later day leaves it deemed accepted, like a live one; a plain acceptance gives the same.
    """
    if DEFERRING_EFFECT not in spec.effects:
        return None
    if accepted_by_silence(state, rules, calendars, act.occurred_at_ms) is not None:
        return None
    deemed = accepted_by_silence(state, rules, calendars, act.recorded_at_ms)
    return None if deemed is None else as_reason("case.deficit_after_deemed", deemed)


def _moves_what_is_over(
    state: CaseState, spec: ActionSpec, act: CaseAct, rules: Rules, calendars: CalendarSet
) -> Reason | None:
    """Every limit that stands still is over by now, and not all were on the day that is claimed."""
    paused = {clock.code for clock in rules.case_type.clocks.values() if spec.code in clock.pause}
    if not paused:
        return None
    readings = read_clocks(state, rules, calendars, act.recorded_at_ms)
    dues = [
        reading.due_on
        for reading in readings
        if reading.clock in paused and reading.stopped_on is None and reading.due_on is not None
    ]
    if (
        not dues
        or not max(dues) < local_date(act.recorded_at_ms)
        or max(dues) < local_date(act.occurred_at_ms)
    ):
        return None
    return Reason("case.suspension_late", {"due": max(dues).isoformat()})
