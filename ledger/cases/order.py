"""The one order of a case's acts, and who knew of whom.

Order is a pure function of the set of acts: repeatedly take, among the acts whose parents are taken, the
least ``(occurred_at_ms, act_id)``. Acts with a missing parent wait; they are left out and reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush

from ledger.cases.shape import CaseAct
from ledger.types import ActId


def unique_acts(acts: Iterable[CaseAct]) -> dict[ActId, CaseAct]:
    """Return the acts by id; of an act logged twice the earliest recording stays, an unblocked one first."""
    unique: dict[ActId, CaseAct] = {}
    for act in acts:
        held = unique.setdefault(act.act_id, act)
        if held is not act and _precedence(act) < _precedence(held):
            unique[act.act_id] = act
    return unique


def fold_order(acts: Iterable[CaseAct]) -> tuple[list[CaseAct], tuple[ActId, ...]]:
    """Return the acts in the one order, and the sorted ids of those that wait for a missing parent."""
    unique = unique_acts(acts)
    children: dict[ActId, list[CaseAct]] = {}
    missing: dict[ActId, int] = {}
    ready: list[tuple[int, ActId]] = []
    for act_id, act in unique.items():
        parents = act.parents
        if not parents:
            ready.append((act.occurred_at_ms, act_id))
            continue
        missing[act_id] = len(parents)
        for parent in parents:
            children.setdefault(parent, []).append(act)
    heapify(ready)
    ordered: list[CaseAct] = []
    while ready:
        act_id = heappop(ready)[1]
        ordered.append(unique[act_id])
        for child in children.get(act_id, ()):
            missing[child.act_id] -= 1
            if not missing[child.act_id]:
                heappush(ready, (child.occurred_at_ms, child.act_id))
    if len(ordered) == len(unique):
        return ordered, ()
    taken = {act.act_id for act in ordered}
    return ordered, tuple(sorted(act_id for act_id in unique if act_id not in taken))


def ancestors(ordered: Sequence[CaseAct]) -> list[int]:
    """Return for each act the set of its ancestors as bits: bit i stands for the act at index i.

    ``ordered`` must be parent-closed and in the one order.
    """
    index = {act.act_id: position for position, act in enumerate(ordered)}
    known: list[int] = []
    for act in ordered:
        bits = 0
        for parent in act.parents:
            position = index[parent]
            bits |= known[position] | (1 << position)
        known.append(bits)
    return known


def bit_indexes(bits: int) -> list[int]:
    """Return the indexes of the set bits, ascending."""
    indexes: list[int] = []
    while bits:
        low = bits & -bits
        indexes.append(low.bit_length() - 1)
        bits ^= low
    return indexes


def _precedence(act: CaseAct) -> tuple[bool, int, str]:
    return bool(act.blocked), act.recorded_at_ms, act.blocked
