"""What is said of a case though its state must not depend on it.

Calendars change after the fact, and of an applicant's other cases one station holds more than another. So
what follows from them decides no effect: it is refused before signing where it is known, and told on the page
of the case where an act came from elsewhere all the same.

Source: 民法典 Art. 203 (a limit that ends on a rest day); 行政许可法 Art. 32(4), 42(1) (what comes too late);
国办发〔2020〕42号 (whoever promised untruly is not served on commitment until the credit record is repaired).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Final

from ledger.cases.guards import open_due
from ledger.cases.permit import Permission
from ledger.cases.shape import CaseAct, CaseFinding, CaseState, Reason, Step
from ledger.cases.toldday import NIGHT_EDGE_MS
from ledger.clocks.clocks import disputable_clocks, read_clocks
from ledger.clocks.deemed import (
    CORRECTING_EFFECT,
    LAPSING_GUARD,
    PAPER_ONLY,
    REFUSING_EFFECT,
    received_live,
    silence_refusal,
    waived_in_time,
    waiver_refusal,
)
from ledger.clocks.lateclaims import in_time_by_late_entry
from ledger.days.calendar import CalendarSet, local_date
from ledger.days.year import FIRST_YEAR, LAST_YEAR
from ledger.rules.casetype import ActionSpec
from ledger.rules.catalogue import Rules
from ledger.types import Facts

UNTRUE_ACTIONS: Final = ("post_check", "revoke")
"""Actions that can say that a promise was untrue."""
_TOLD: Final = (
    ("late_extension", "case.notice.extension_late", "clock.line.extension_without_effect"),
    ("refused_when_deemed", "case.notice.refused_when_deemed", "clock.line.refused_when_deemed"),
    ("corrected_when_deemed", "case.notice.corrected_when_deemed", "clock.line.corrected_when_deemed"),
    ("lapsed_when_deemed", "case.notice.lapsed_when_deemed", "clock.line.lapsed_when_deemed"),
)
"""Flags of a clock that are told on the page of the case, with the line that names the act."""
_SILENCED: Final = frozenset((REFUSING_EFFECT, CORRECTING_EFFECT))
_PROMISING_EFFECT: Final = "approval_commitment"


def supply_ends_on(due: str, calendars: CalendarSet) -> date:
    """Return the last day of the time told for a supply; a rest day moves to the next working day.

    Args:
        due: the day that was told, ``YYYY-MM-DD``, checked when its act took effect.
        calendars: the newest calendars known.
    """
    day = date.fromisoformat(due)
    return calendars.due_date(day, 0, "calendar_days") if FIRST_YEAR <= day.year <= LAST_YEAR else day


def lapse_refusal(state: CaseState, spec: ActionSpec, calendars: CalendarSet, at_ms: int) -> Reason | None:
    """Return why a case may not be treated as withdrawn yet at a time; None for every other action."""
    if LAPSING_GUARD not in spec.guards:
        return None
    due = open_due(state)
    last = supply_ends_on(due, calendars) if due else None
    if last is None or local_date(at_ms) > last:
        return None
    return Reason("case.due_not_passed", {"due": last.isoformat()})


def extension_refusal(
    state: CaseState, spec: ActionSpec, rules: Rules, calendars: CalendarSet, at_ms: int
) -> Reason | None:
    """Return why an act extends nothing at a time: every limit that it lengthens is over."""
    lengthened = {clock.code for clock in rules.case_type.clocks.values() if spec.code in clock.extend}
    if not lengthened:
        return None
    day = local_date(at_ms)
    readings = read_clocks(state, rules, calendars, at_ms)
    dues = [reading.due_on for reading in readings if reading.clock in lengthened]
    over = [due for due in dues if due is not None and day > due]
    if over and len(over) == len(dues):
        return Reason("case.extension_late", {"due": max(over).isoformat()})
    return None


def early_lapses(state: CaseState, rules: Rules, calendars: CalendarSet) -> tuple[CaseFinding, ...]:
    """Return the acts that treated a case as withdrawn on a day on which the applicant could still supply."""
    due = open_due(state)
    if not due:
        return ()
    last = supply_ends_on(due, calendars)
    return tuple(
        CaseFinding("case.notice.lapse_early", (step.act.act_id,), {"due": last.isoformat()})
        for step in state.steps
        if step.effective
        and LAPSING_GUARD in rules.case_type.actions[step.action].guards
        and local_date(step.effect_at_ms) <= last
    )


def papers_with_agent(state: CaseState) -> tuple[CaseFinding, ...]:
    """Return what the applicant handed in at an agent's counter and the organ has not got yet."""
    if state.status != "correcting" or not state.not_at_organ:
        return ()
    return (CaseFinding("case.notice.with_agent", (), {"materials": tuple(sorted(state.not_at_organ))}),)


def calendar_refusal(
    state: CaseState | None, spec: ActionSpec, act: CaseAct, rules: Rules, calendars: CalendarSet
) -> Reason | None:
    """Return what the calendar says against an act before it is signed.

    ``case.due_not_passed``: the applicant may still supply. ``case.extension_late``: every limit that would
    be lengthened is over. ``case.deemed_accepted``, ``case.notice_after_deemed``,
    ``case.lapse_after_deemed``: silence has accepted what would be refused, asked for or lapse.
    ``case.correction_open``: it has not, and an acceptance waives what is missing.

    Source: 行政许可法 Art. 32(4), 42(1); 民法典 Art. 203.
    """
    if state is None:
        return None
    at_ms = act.occurred_at_ms
    return (
        lapse_refusal(state, spec, calendars, at_ms)
        or silence_refusal(state, spec, rules, calendars, at_ms)
        or waiver_refusal(state, act, rules, calendars, act.recorded_at_ms)
        or extension_refusal(state, spec, rules, calendars, at_ms)
    )


def timely(
    state: CaseState | None,
    rules: Rules,
    answers: tuple[Permission, ...],
    calendars: CalendarSet,
    now_ms: int,
) -> tuple[Permission, ...]:
    """Return what a person may do, where the calendar refuses some of it: told before anything is typed.

    An extension may still be signed under the day before for some hours after midnight, and be entered late
    where the receipt was (the caveat ``case.paper_only``).

    Args:
        state: the case; None for one that would be opened.
        rules: item and case type.
        answers: what may be done by the state of the case.
        calendars: the newest calendars known.
        now_ms: the time at which the act would be made.
    """
    if state is None:
        return answers
    told = []
    for answer in answers:
        reason = None
        if answer.allowed:
            spec = rules.case_type.actions[answer.action]
            reason = lapse_refusal(state, spec, calendars, now_ms)
            if reason is None:
                reason = extension_refusal(state, spec, rules, calendars, now_ms - NIGHT_EDGE_MS)
                if reason is not None and not received_live(state):
                    answer = replace(answer, reason_code=PAPER_ONLY, params=reason.params)
                    reason = None
        if reason is not None:
            answer = replace(answer, allowed=False, reason_code=reason.code, params=reason.params)
        told.append(answer)
    return tuple(told)


def calendar_notices(state: CaseState, rules: Rules, calendars: CalendarSet) -> tuple[CaseFinding, ...]:
    """Return the acts with effect that would have been refused where the calendar was known.

    And those that keep a limit only because they were entered late (``ledger.clocks.lateclaims``).
    """
    told = (
        *early_lapses(state, rules, calendars),
        *in_time_by_late_entry(state, rules, calendars),
        *waived_in_time(state, rules, calendars),
    )
    if not any(step.effective and _asks_clocks(step, rules) for step in state.steps):
        return told
    for reading in disputable_clocks(state, rules, calendars, state.steps[-1].effect_at_ms):
        for flag, code, line in _TOLD:
            acts = tuple(
                act_id for said in reading.explanation if said.code == line for act_id in said.act_ids
            )
            if flag in reading.flags and reading.due_on is not None:
                told = (*told, CaseFinding(code, acts, {"due": reading.due_on.isoformat()}))
    return told


def _asks_clocks(step: Step, rules: Rules) -> bool:
    spec = rules.case_type.actions[step.action]
    if LAPSING_GUARD in spec.guards or not _SILENCED.isdisjoint(spec.effects):
        return True
    return any(step.action in clock.extend for clock in rules.case_type.clocks.values())


def promises(spec: ActionSpec, facts: Facts) -> bool:
    """Tell whether an act takes a promise of the applicant: of approval, or in place of a material."""
    return _PROMISING_EFFECT in spec.effects or bool(facts.get("commitments"))


def repaired(facts: Facts) -> bool:
    """Tell whether an act names the paper by which the applicant's credit record was repaired."""
    paper = facts.get("credit_repair")
    return isinstance(paper, str) and bool(paper.strip())


def may_promise(rules: Rules) -> bool:
    """Tell whether the item can be applied for with promises at all."""
    return rules.item.approval_commitment or rules.item.proof_commitment


def untrue_promise(state: CaseState) -> Step | None:
    """Return the step that found a promise of this case untrue, None when none did."""
    if state.voided:
        return None
    return next((step for step in state.steps if step.effective and _says_untrue(step)), None)


def promised_after(state: CaseState, rules: Rules, untrue_at_ms: Iterable[int]) -> tuple[Step, ...]:
    """Return the steps that took a promise although one was found untrue before, without repair."""
    since_ms = min(untrue_at_ms)
    return tuple(
        step
        for step in state.steps
        if step.effective
        and step.act.occurred_at_ms > since_ms
        and promises(rules.case_type.actions[step.action], step.act.facts)
        and not repaired(step.act.facts)
    )


def _says_untrue(step: Step) -> bool:
    facts = step.act.facts
    if step.action == "post_check":
        return facts.get("outcome") == "untrue"
    return step.action == "revoke" and facts.get("ground") == "untrue_promise"
