"""What stays the same in every run of a seed: who did what when in which case, as the county has it.

Ids of acts, numbers of cases and everything else that follows from keys or salts differ from run to run; so a
case is named by the station that received it and its ordinal there, and bytes in facts are left out.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from hashlib import sha256

from ledger.cases.shape import CaseState, Step
from ledger.types import Value

KEYED = frozenset(("number", "salt", "token", "token_hash", "target"))
"""Facts that follow from keys, salts or ids."""
_CTX = b"banjian/demo-digest/1\n"


def acts_digest(states: Iterable[CaseState]) -> str:
    """Return 64 hexadecimal digits over all acts of all cases."""
    lines = sorted(
        json.dumps(line, ensure_ascii=False, sort_keys=True)
        for name, state in _named(states)
        for line in _lines(name, state)
    )
    return sha256(_CTX + "\n".join(lines).encode("utf-8")).hexdigest()


def _named(states: Iterable[CaseState]) -> list[tuple[str, CaseState]]:
    """Return cases with their names; ordinals follow the claimed time of receipt and what was said then."""
    by_station: dict[str, list[CaseState]] = defaultdict(list)
    for state in states:
        by_station[state.steps[0].act.station].append(state)
    found = []
    for station, held in by_station.items():
        held.sort(key=lambda state: json.dumps(_plain_step(state.steps[0]), sort_keys=True))
        found += [(f"{station}#{ordinal}", state) for ordinal, state in enumerate(held, start=1)]
    return found


def _lines(name: str, state: CaseState) -> list[list[object]]:
    return [[name, *_plain_step(step)] for step in state.steps]


def _plain_step(step: Step) -> list[object]:
    act = step.act
    facts = {key: _plain(value) for key, value in act.facts.items() if key not in KEYED}
    return [act.occurred_at_ms, act.action, act.staff_no, facts]


def _plain(value: Value) -> object:
    if isinstance(value, bytes):
        return None
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if key not in KEYED}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
