"""Papers that came after what asks for them, though the one order puts them first.

A notice that was given on paper may be entered after a supply that came later; a supply at one station and a
notice at another may not know of each other. Such papers answer the list as if the order had put them behind
it: it is followed from the first of them on, wherever the case went meanwhile. A deficit list alike.

What the author of a list knew of, and what came before a list from paper, answers nothing: it is what the
list finds wanting.

Source: 优化营商环境条例 Art. 37 (what was handed in is not asked for again).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ledger.cases.draft import Draft
from ledger.cases.guards import texts
from ledger.cases.shape import CaseAct, Step
from ledger.cases.supplies import handed_in, put_down, set_out, taken_over
from ledger.rules.catalogue import Rules
from ledger.types import ActId

ANSWERED: Final = "already_answered"
"""The event of a notice all of whose papers the organ has got since: the case stays in its state."""
_SUPPLYING: Final = "supply"
_HANDING_IN: Final = frozenset((_SUPPLYING, "open", "advice"))
"""Effects of actions whose ``materials`` were handed in."""


def came_since(
    draft: Draft, act: CaseAct, at_ms: int, listed: frozenset[str], rules: Rules
) -> Mapping[int, frozenset[str]]:
    """Return what of a list came after the act that asks for it, or unknown to it: by place of the supply.

    Args:
        draft: the case before the act.
        act: the notice, or the acceptance with a deficit.
        at_ms: when it took effect.
        listed: what it asks for.
        rules: item and case type, whose effects tell supplies.
    """
    late, apart = "late_entry" in act.facts, act.parents != draft.heads
    if not (late or apart) or listed.isdisjoint(draft.supplied):
        return {}
    known = _known(draft, act) if apart else None
    found = {}
    for index, step in enumerate(draft.steps):
        if not _has(step, _SUPPLYING, rules):
            continue
        unknown = known is not None and step.act.act_id not in known
        if unknown or (late and step.effect_at_ms > at_ms):
            found[index] = listed & texts(step.act.facts.get("materials"))
    return {index: came for index, came in found.items() if came}


def known_before(draft: Draft, since: Mapping[int, frozenset[str]], rules: Rules) -> frozenset[str]:
    """Return the materials that were handed in otherwise than since."""
    if not since:
        return draft.supplied
    effects = rules.case_type.actions
    return frozenset().union(
        *(
            texts(step.act.facts.get("materials"))
            for index, step in enumerate(draft.steps)
            if index not in since and step.effective and _HANDING_IN & set(effects[step.action].effects)
        )
    )


def follow(draft: Draft, since: Mapping[int, frozenset[str]], rules: Rules) -> tuple[str, ...]:
    """Let what came since answer the correction list that was just opened; returns the event of the notice.

    The events of the papers become those of the steps that brought them.

    Args:
        draft: the case; its list, the whereabouts of papers and the events of its steps are changed.
        since: what came since, as ``came_since`` tells.
        rules: item and case type.
    """
    if not since:
        return ()
    item, actions = rules.item, rules.case_type.actions
    holder = draft.custodian
    for index in range(min(since), len(draft.steps)):
        step = draft.steps[index]
        station, level = step.act.station, step.act.station_level
        custody = actions[step.action].custody if step.effective else ""
        events: tuple[str, ...] = ()
        if index in since:
            events = handed_in(draft, station, level, item, came=since[index])
        elif custody == "offer":
            holder = station
            set_out(draft, station)
        elif custody == "take":
            put_down(draft, station)
            events = taken_over(draft, station, level, item)
        elif custody in ("decline", "recall"):
            put_down(draft, holder)
        _add(draft, index, events)
    return () if draft.correction or draft.not_at_organ else (ANSWERED,)


def clear_deficit(draft: Draft, since: Mapping[int, frozenset[str]]) -> None:
    """Let what came since answer the deficit list that was just opened."""
    for index, came in sorted(since.items()):
        if draft.deficit & came:
            draft.deficit -= came
            _add(draft, index, () if draft.deficit else ("deficit_cleared",))


def _add(draft: Draft, index: int, events: tuple[str, ...]) -> None:
    if events:
        step = draft.steps[index]
        draft.steps[index] = step._replace(events=(*step.events, *events))


def _known(draft: Draft, act: CaseAct) -> set[ActId]:
    """Return the acts of a case that an act descends from."""
    parents = {step.act.act_id: step.act.parents for step in draft.steps}
    known: set[ActId] = set()
    waiting = list(act.parents)
    while waiting:
        act_id = waiting.pop()
        if act_id not in known:
            known.add(act_id)
            waiting.extend(parents.get(act_id, ()))
    return known


def _has(step: Step, effect: str, rules: Rules) -> bool:
    spec = rules.case_type.actions.get(step.action)
    return step.effective and spec is not None and effect in spec.effects
