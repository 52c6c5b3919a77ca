"""From the steps of a case to the events that its clocks listen to.

Besides each action's own name and the events that the fold derives (``organ_receipt``, ``deciding_receipt``,
``full_supply``, ``deciding_supply``, ``agent_supply``, ``papers_to_forward``, ``papers_forwarded``,
``correction_cleared``, ``deficit_cleared``, ``late_supply``, ``commitment_decision``) there are:

``forwarding_receipt``    received, or taken over before the organ had it or with papers supplied that the
                          organ has not got, at a station that neither accepts nor decides and so must forward
``forwarding_offer``      handed over by such a station: the papers travel
``new_offer``             such an offer, the first of the case or since a station had it that need not forward
``effective_acceptance``  any kind of acceptance; deemed acceptance is added by ``ledger.clocks.clocks``
``second_correction``     a further correction list, instead of its action's name: no clock listens to it
``offer_returned``        an offer declined or recalled that no such station had made, instead of its action's
                          name: nobody's forwarding depends on it
``case_ended``            withdrawn, lapsed, refused acceptance, advised and returned, or revoked

Only acts with effect count, from the moment of their effect and in the order of their effects; a second
correction list has none, but is told. A list that the one order puts behind papers that answer it
(``ledger.cases.crossed``) counts before them.

Source: 行政许可法 Art. 32(4): everything is told at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from itertools import pairwise

from ledger.cases.guards import texts
from ledger.cases.shape import ENDING, CaseAct, Step
from ledger.clocks.run import ClockEvent
from ledger.days.calendar import local_date
from ledger.rules.catalogue import Item
from ledger.types import ActId

ACCEPTING = frozenset({"accept", "accept_with_deficit", "accept_on_commitment"})
RETURNING = frozenset({"decline_hand_over", "recall_hand_over"})
_SECOND_LIST = "case.second_correction"
_SECOND_CORRECTION = frozenset({"second_correction"})
_OFFER_RETURNED = frozenset({"offer_returned"})
_RECEIPT = ("forwarding_receipt",)
_OFFER = ("forwarding_offer",)
_NEW_OFFER = ("forwarding_offer", "new_offer")
_CARRYING = frozenset({"receive", "take_over", "hand_over"})
_SETTLING = ENDING | {"decide", "record_result"}
_ANSWERS = frozenset(
    (
        "agent_supply",
        "correction_cleared",
        "deciding_supply",
        "full_supply",
        "papers_forwarded",
        "papers_to_forward",
    )
)
_LISTS = (("request_correction", _ANSWERS), ("accept_with_deficit", frozenset(("deficit_cleared",))))
"""Actions that open a list, with the events that only papers of an open list can give."""
_COMPLETING = frozenset(("correction_cleared", "deciding_supply", "deficit_cleared", "full_supply"))
_RECEIVED = frozenset(("organ_receipt", "deciding_receipt"))
_SUPPLY = "supply"
_ACCEPTANCE = "effective_acceptance"
_BY_COURSE = RETURNING | {"request_correction", "take_over", "hand_over"}
"""Actions whose names depend on what came before."""


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
    course = _Course(item)
    for step in steps:
        counting = [step] if _counts_at_once(step) else []
        if waiting:
            counting += waiting.pop(step.act.act_id, ())
        for counted in counting:
            act = counted.act
            names = course.names(counted)
            events.append(ClockEvent(names, local_date(counted.effect_at_ms), act.act_id, act.facts))
    for action, answers in _LISTS:
        _open_before_answers(events, action, answers)
    return tuple(events)


def heard_of(step: Step) -> frozenset[str] | None:
    """Return the names of the event that a newest step adds; empty for none, None where others settle it.

    Args:
        step: a step that follows all others of its case and lets none of them take effect.
    """
    action = step.act.action
    if not _counts_at_once(step):
        return frozenset()
    if action in _BY_COURSE:
        return None
    return _own_names(action, step.events, _RECEIPT if action == "receive" else ())


def _open_before_answers(events: list[ClockEvent], action: str, answers: frozenset[str]) -> None:
    """Put what opens a list before the papers that answer it, where the one order has them the other way.

    None of them answers it before the day on which it was opened, and none completes it before the last came.
    """
    place = next((place for place, event in enumerate(events) if action in event.names), None)
    if place is None:
        return
    answered = [index for index in range(place) if not answers.isdisjoint(events[index].names)]
    if answered:
        place = _put_forward(events, place, answered, answers)
    if any(event.on < before.on for before, event in pairwise(events)):
        events[place + 1 :] = _in_time(events, place, answers)


def _put_forward(
    events: list[ClockEvent], place: int, answered: Sequence[int], answers: frozenset[str]
) -> int:
    """Put what opens a list before its answers, but behind the receipt of the case; returns its new place."""
    received = [index for index in range(answered[0], place) if not _RECEIVED.isdisjoint(events[index].names)]
    target = received[-1] + 1 if received else answered[0]
    opening = events.pop(place)
    behind = [event for event in events[answered[0] : target] if not answers.isdisjoint(event.names)]
    events[target:target] = [opening, *(event._replace(names=event.names & answers) for event in behind)]
    for index in range(answered[0], target):
        events[index] = events[index]._replace(names=events[index].names - answers)
    return target


def _in_time(events: Sequence[ClockEvent], place: int, answers: frozenset[str]) -> list[ClockEvent]:
    """Return the events after the one that opens a list, with answers that are too early put on their day.

    Of a paper that was handed in more than once the first time counts.
    """
    opening = events[place]
    listed = texts(opening.facts.get("missing"))
    came: dict[str, date] = {}
    moved: list[ClockEvent] = []
    for index, event in enumerate(events):
        if _SUPPLY in event.names and (index > place or event.on > opening.on):
            for material in listed & texts(event.facts.get("materials")):
                came[material] = min(came.get(material, event.on), event.on)
        if index <= place:
            continue
        # an acceptance says itself that the papers are there
        last = opening.on if _ACCEPTANCE in event.names else max((opening.on, *came.values()))
        answering = event.names & answers
        days = ((answering - _COMPLETING, opening.on), (answering & _COMPLETING, last))
        early = [event._replace(names=names, on=day) for names, day in days if names and event.on < day]
        moved.append(event._replace(names=event.names.difference(*(one.names for one in early))))
        moved += early
    return moved


def _counts_at_once(step: Step) -> bool:
    if step.effective:
        return step.by_countersign is None
    return step.reason == _SECOND_LIST


class _Course:
    """What a case has been through, as far as the names of further events depend on it."""

    __slots__ = ("_corrected", "_item", "_offered", "_organ", "_settled", "_travelled")

    def __init__(self, item: Item) -> None:
        self._item = item
        self._corrected = self._organ = self._settled = self._offered = self._travelled = False

    def names(self, step: Step) -> frozenset[str]:
        """Return the names of the event of the next step that counts."""
        action = step.act.action
        if step.reason == _SECOND_LIST or (action == "request_correction" and self._corrected):
            return _SECOND_CORRECTION
        more: tuple[str, ...] = ()
        if action in RETURNING and not (self._offered and not self._settled):
            return _OFFER_RETURNED
        if action in _CARRYING and not self._settled and _must_forward(step.act, self._item):
            if action == "hand_over":
                more = _OFFER if self._travelled else _NEW_OFFER
                self._travelled = True
            elif not self._organ or "papers_to_forward" in step.events:
                more = _RECEIPT
        elif action == "take_over":
            self._travelled = False
        self._corrected = self._corrected or action == "request_correction"
        self._organ = self._organ or "organ_receipt" in step.events
        self._settled = self._settled or action in _SETTLING
        if action == "hand_over":
            self._offered = bool(more)
        return _own_names(action, step.events, more)


@lru_cache(maxsize=1024)
def _own_names(action: str, derived: tuple[str, ...], more: tuple[str, ...]) -> frozenset[str]:
    """Return the names of an event; the same few sets serve all cases."""
    names = {action, *derived}
    if action in ACCEPTING:
        names.add(_ACCEPTANCE)
    elif action in ENDING:
        names.add("case_ended")
    else:
        names.update(more)
    return frozenset(names)


def _must_forward(act: CaseAct, item: Item) -> bool:
    level = act.station_level
    return level != item.decide_level and level not in item.accept_levels
