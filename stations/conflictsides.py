"""Both sides of each open conflict of a case, as people tell them: in the order in which the acts were done.

The ledger keeps acts of a conflict sorted by their ids, so that every machine keeps the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ledger.cases.shape import CaseState, Step
from ledger.types import ActId

Sides = tuple[Sequence[Step], Sequence[Step]]


def open_sides(state: CaseState) -> list[Sides]:
    """Return for each open conflict what has effect for the time being, and what has none yet."""
    return [
        (_in_order(state, one.kept), _in_order(state, one.contested))
        for one in state.conflicts
        if one.is_open
    ]


def in_dispute(state: CaseState) -> list[Step]:
    """Return every act of the open conflicts once: those that a ruling names."""
    return _in_order(
        state, (step.act.act_id for sides in open_sides(state) for side in sides for step in side)
    )


def _in_order(state: CaseState, acts: Iterable[ActId]) -> list[Step]:
    wanted = frozenset(acts)
    found = (step for step in state.steps if step.act.act_id in wanted)
    return sorted(found, key=lambda step: step.act.occurred_at_ms)
