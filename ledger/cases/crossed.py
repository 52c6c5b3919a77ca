"""Papers that crossed with the notice that asks for them: the one order puts them first, the people did not.

A notice that was given on paper may be entered after a supply that came later; a supply at one station and a
notice at another may not know of each other. The notice opens its list all the same, and who accepts takes
the papers off it; but a case in which they came is not treated as withdrawn for want of them.
"""

from __future__ import annotations

from typing import Final

from ledger.cases.guards import texts
from ledger.cases.order import ancestors
from ledger.cases.shape import CaseState, Step
from ledger.rules.catalogue import Rules

_ASKING: Final = "correction"
_SUPPLYING: Final = "supply"


def all_crossed(state: CaseState, rules: Rules) -> bool:
    """Tell whether all that is left of the correction list came after its notice, or unknown to it.

    Args:
        state: the case.
        rules: item and case type, whose effects tell notices and supplies.
    """
    steps = state.steps
    asked = [index for index, step in enumerate(steps) if _has(step, _ASKING, rules)]
    if not state.correction or not asked:
        return False
    notice = steps[asked[-1]]
    known = ancestors([step.act for step in steps])[asked[-1]]
    came: frozenset[str] = frozenset()
    for index, step in enumerate(steps[: asked[-1]]):
        unknown = not known >> index & 1
        if _has(step, _SUPPLYING, rules) and (unknown or _is_later(step, notice)):
            came |= texts(step.act.facts.get("materials"))
    return state.correction <= came


def _is_later(supply: Step, notice: Step) -> bool:
    """Tell whether a supply came after a notice from paper; of live ones the order says what was first."""
    return "late_entry" in notice.act.facts and supply.effect_at_ms > notice.effect_at_ms


def _has(step: Step, effect: str, rules: Rules) -> bool:
    spec = rules.case_type.actions.get(step.action)
    return step.effective and spec is not None and effect in spec.effects
