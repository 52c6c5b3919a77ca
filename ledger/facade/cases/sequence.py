"""In which order typed times may stand: nothing is done with a case before it was received.

A time that the program takes from its own clock is never refused: clocks of stations differ, and a case that
comes from a clock that is ahead must go on. What somebody types is held against what the case says, to the
minute, for that is how times are typed. What lies ahead of this machine's own clock says nothing of it.
"""

from __future__ import annotations

from typing import Final

from ledger.cases.effects import local_date_text
from ledger.cases.shape import CaseAct, CaseState, Step
from ledger.errors import RuleError
from ledger.lawtime import DAY_MS, LAW_OFFSET_MS
from ledger.rules.catalogue import Rules

MINUTE_MS: Final = 60_000
OWN_CLOCK_MS: Final = MINUTE_MS
"""What is stored so soon after its time was not typed, or might as well not have been."""
STATIONS_DIFFER_MS: Final = 10 * MINUTE_MS
"""How far the clocks of two stations may lie apart before a time is held against another station's act."""


def require_order(state: CaseState | None, rules: Rules, act: CaseAct) -> None:
    """Refuse a typed time before the receipt of the case, or before what was done with it last.

    Something forgotten that lies between earlier acts is entered late: from its paper, and marked.

    Raises:
        RuleError: ``case.before_receipt``, ``case.before_newest``.
    """
    if state is None or not state.steps:
        return
    late = "late_entry" in act.facts
    if late and act.occurred_at_ms < state.opened_at_ms:
        # limits run from what was claimed: a notice that is older than its case would be over already
        raise RuleError("case.before_receipt", number=state.number)
    if late or act.recorded_at_ms - act.occurred_at_ms <= OWN_CLOCK_MS:
        return
    if _is_before(act, state.steps[0]):
        raise RuleError("case.before_receipt", number=state.number)
    for step in reversed(state.steps):
        spec = rules.case_type.actions.get(step.action)
        if step.effective and spec is not None and not spec.commutes and _is_before(act, step):
            claimed, done = _moment(act.occurred_at_ms), _moment(step.effect_at_ms)
            raise RuleError("case.before_newest", value=claimed, action=step.action, at=done)


def _is_before(act: CaseAct, step: Step) -> bool:
    """Tell whether the time of an act lies before what was done with the case, whatever the clocks."""
    if step.effect_at_ms > act.recorded_at_ms:
        return False
    margin = 0 if step.act.station == act.station else STATIONS_DIFFER_MS
    return act.occurred_at_ms // MINUTE_MS < (step.effect_at_ms - margin) // MINUTE_MS


def _moment(at_ms: int) -> str:
    """Return a time as 2026-02-13 09:30, in China."""
    minutes = (at_ms + LAW_OFFSET_MS) % DAY_MS // MINUTE_MS
    return f"{local_date_text(at_ms)} {minutes // 60:02d}:{minutes % 60:02d}"
