"""In which order typed times may stand: nothing is done with a case before it was received.

A time that the program takes from its own clock is never refused: clocks of stations differ, and a case that
comes from a clock that is ahead must go on. What somebody types is held against what the case says, to the
minute, for that is how times are typed. What lies ahead of this machine's own clock says nothing of it.
"""

from __future__ import annotations

from typing import Final

from ledger.cases.conflict import commute
from ledger.cases.effects import local_date_text
from ledger.cases.shape import CaseAct, CaseState, Step
from ledger.errors import RuleError
from ledger.lawtime import DAY_MS, LAW_OFFSET_MS, MINUTE_MS
from ledger.rules.catalogue import Rules
from ledger.types import Value

OWN_CLOCK_MS: Final = MINUTE_MS
"""What is stored so soon after its time was not typed, or might as well not have been."""
STATIONS_DIFFER_MS: Final = 10 * MINUTE_MS
"""How far the clocks of two stations may lie apart before a time is held against another station's act."""


def require_order(state: CaseState | None, rules: Rules, act: CaseAct) -> None:
    """Refuse a typed time before the receipt of the case, or before what was done with it last.

    What may stand beside an act whatever came first is not held against it. Something forgotten that lies
    between earlier acts is entered late: from its paper, and marked. But nobody answers what was not asked,
    corrects what was not done, or rules on what was not there.

    Raises:
        RuleError: ``case.before_receipt``, ``case.before_newest``.
    """
    if state is None or not state.steps:
        return
    late = "late_entry" in act.facts
    if not late and act.recorded_at_ms - act.occurred_at_ms <= OWN_CLOCK_MS:
        return
    opening = state.steps[0]
    # limits run from what was claimed: a notice that is older than its case would be over already, so what is
    # entered late is held against a receipt that lies ahead of this clock as well
    if _is_before(act, opening) and (late or not _lies_ahead(opening, act)):
        raise RuleError("case.before_receipt", number=state.number)
    named = _named(act)
    held = [step for step in state.steps if step.act.act_id in named]
    if not late:
        held += [step for step in reversed(state.steps) if _follows(step, act, rules)]
    for step in held:
        if _is_before(act, step) and not _lies_ahead(step, act):
            claimed, done = _moment(act.occurred_at_ms), _moment(step.effect_at_ms)
            raise RuleError("case.before_newest", value=claimed, action=step.action, at=done)


def _named(act: CaseAct) -> frozenset[bytes]:
    """Return the acts that an act answers, corrects or rules on."""
    values: list[Value] = [act.facts.get("target")]
    for name in ("uphold", "set_aside"):
        listed = act.facts.get(name)
        values += listed if isinstance(listed, list) else ()
    return frozenset(value for value in values if isinstance(value, bytes))


def _follows(step: Step, act: CaseAct, rules: Rules) -> bool:
    """Tell whether what an act does hangs on its coming after a step with effect."""
    before, own = rules.case_type.actions.get(step.action), rules.case_type.actions[act.action]
    return step.effective and before is not None and not commute(own, before)


def _is_before(act: CaseAct, step: Step) -> bool:
    """Tell whether the time of an act lies before what was done with the case, whatever the clocks."""
    margin = 0 if step.act.station == act.station else STATIONS_DIFFER_MS
    return act.occurred_at_ms // MINUTE_MS < (step.effect_at_ms - margin) // MINUTE_MS


def _lies_ahead(step: Step, act: CaseAct) -> bool:
    return step.effect_at_ms > act.recorded_at_ms


def _moment(at_ms: int) -> str:
    """Return a time as 2026-02-13 09:30, in China."""
    minutes = (at_ms + LAW_OFFSET_MS) % DAY_MS // MINUTE_MS
    return f"{local_date_text(at_ms)} {minutes // 60:02d}:{minutes % 60:02d}"
