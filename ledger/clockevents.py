"""From the steps of a case to the events that its clocks listen to.

Besides each action's own name and the events that the fold derives (``organ_receipt``, ``deciding_receipt``,
``full_supply``, ``deciding_supply``, ``agent_supply``, ``deficit_cleared``, ``late_supply``,
``commitment_decision``) there are:

``forwarding_receipt``    received at a station that neither accepts nor decides and so must forward
``effective_acceptance``  any kind of acceptance; deemed acceptance is added by ``ledger.clocks``
``second_correction``     a further correction list, instead of its action's name: no clock listens to it
``offer_returned``        an offer declined or recalled after a take-over, instead of its action's name: it no
                          longer concerns the station that received first
``case_ended``            withdrawn, lapsed, refused acceptance, advised and returned, or revoked

Only acts with effect count, from the moment of their effect and in the order of their effects; a second
correction list has none, but is told.

Source: 行政许可法 Art. 32(4): everything is told at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from ledger.calendar import local_date
from ledger.caseshape import CaseAct, Step
from ledger.catalogue import Item
from ledger.clockrun import ClockEvent
from ledger.types import ActId

ACCEPTING = frozenset({"accept", "accept_with_deficit", "accept_on_commitment"})
RETURNING = frozenset({"decline_hand_over", "recall_hand_over"})
_SECOND_LIST = "case.second_correction"
_SECOND_CORRECTION = frozenset({"second_correction"})
_OFFER_RETURNED = frozenset({"offer_returned"})
ENDING = frozenset({"withdraw", "lapse", "refuse_acceptance", "advise_and_return", "revoke"})


def clock_events(steps: Sequence[Step], item: Item) -> tuple[ClockEvent, ...]:
    """Return the events of a case in the order in which they took effect.

    Args:
        steps: every act of the case in the one order.
        item: the item of the case.
    """
    waiting: dict[ActId, list[Step]] = {}
    for step in steps:
        if step.effective and step.by_countersign is not None:
            waiting.setdefault(step.by_countersign, []).append(step)
    events: list[ClockEvent] = []
    done: set[str] = set()
    for step in steps:
        counting = [step] if _counts_at_once(step) else []
        if waiting:
            counting += waiting.pop(step.act.act_id, ())
        for counted in counting:
            act = counted.act
            names = _names(counted, item, done)
            done.add(act.action)
            events.append(ClockEvent(names, local_date(counted.effect_at_ms), act.act_id, act.facts))
    return tuple(events)


def heard_of(step: Step) -> frozenset[str] | None:
    """Return the names of the event that a newest step adds; empty for none, None where others settle it.

    Args:
        step: a step that follows all others of its case and lets none of them take effect.
    """
    action = step.act.action
    if not _counts_at_once(step):
        return frozenset()
    if action == "request_correction" or action in RETURNING:
        return None
    return _own_names(action, step.events, action == "receive")


def _counts_at_once(step: Step) -> bool:
    if step.effective:
        return step.by_countersign is None
    return step.reason == _SECOND_LIST


def _names(step: Step, item: Item, done: set[str]) -> frozenset[str]:
    action = step.act.action
    if step.reason == _SECOND_LIST or (action == "request_correction" and action in done):
        return _SECOND_CORRECTION
    if action in RETURNING and "take_over" in done:
        return _OFFER_RETURNED
    return _own_names(action, step.events, action == "receive" and _must_forward(step.act, item))


@lru_cache(maxsize=1024)
def _own_names(action: str, derived: tuple[str, ...], must_forward: bool) -> frozenset[str]:
    """Return the names of an event; the same few sets serve all cases."""
    names = {action, *derived}
    if action in ACCEPTING:
        names.add("effective_acceptance")
    elif action in ENDING:
        names.add("case_ended")
    elif must_forward:
        names.add("forwarding_receipt")
    return frozenset(names)


def _must_forward(act: CaseAct, item: Item) -> bool:
    level = act.station_level
    return level != item.decide_level and level not in item.accept_levels
