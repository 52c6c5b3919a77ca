"""Where the papers are that answer a correction list: with the applicant's agent, the organ, or who decides.

A village, kiosk or bank point that receives as the applicant's agent is no administrative organ: what is
handed in there is off the list, so that nobody can treat the case as withdrawn, but it starts no clock of the
organ before the organ has it. It has it when one of its stations records the supply itself, when the station
where the papers lay hands the case over to it, or when it accepts.

Only a supply takes something off the list, until the case is accepted. What travels with a case is what lay
with the station that hands it on, handed in since the notice: what was there before is what the notice found
wanting.

Source: 行政许可法 Art. 32 (the organ's receipt of the papers that were supplied starts its limit).
"""

from __future__ import annotations

from ledger.cases.draft import Draft
from ledger.cases.shape import CaseState
from ledger.rules.item import Item
from ledger.types import StationId

HAND_OVER = "hand_over"
"""The act that offers a case to another station."""


def of_organ(level: str, item: Item) -> bool:
    """Tell whether a level acts for the organ: it accepts, decides, or is its receiving point."""
    if level == item.decide_level or level in item.accept_levels:
        return True
    return item.receipt_capacity.get(level) == "receiving_point"


def asked_for(draft: Draft, missing: frozenset[str]) -> None:
    """Open a correction list; copies that came before it answer nothing, wherever they lie."""
    draft.correction = missing
    draft.not_at_organ -= missing
    draft.not_at_decider -= missing
    draft.on_the_way -= missing
    _forget_arrived(draft)


def wanting(case: Draft | CaseState) -> frozenset[str]:
    """Return what is left of the correction list and was never handed in: what an acceptance waits for.

    A material that lies here already may be found wanting, and stays on the list until it is supplied anew;
    but whether it will do is for who accepts to say, and nobody has to hand it in twice.

    Source: 优化营商环境条例 Art. 37 (what was handed in is not asked for again).
    """
    return case.correction - case.supplied


def handed_in(
    draft: Draft, station: StationId, level: str, item: Item, *, came: frozenset[str]
) -> tuple[str, ...]:
    """Take in at a counter what answers the correction list; returns the derived events.

    ``full_supply``: with these the organ has all that its list named. ``deciding_supply``: the deciding level
    has. ``agent_supply``: the applicant's agent has something of the list that must be forwarded.
    ``papers_forwarded``: the organ has all of that, while something of the list is missing still.
    ``correction_cleared``: the applicant has handed in all of it, wherever.

    Args:
        draft: the case; lists and whereabouts are changed.
        station: where the papers were handed in.
        level: level of the station.
        item: the item.
        came: materials that were handed in; those of no list are left out.
    """
    listed = came & draft.correction
    came &= listed | draft.not_at_decider
    if not came:
        return ()
    with_agents = draft.not_at_organ
    draft.correction -= listed
    draft.not_at_organ |= listed
    draft.not_at_decider |= listed
    draft.lying |= {(station, material) for material in came}
    events = ("correction_cleared",) if listed and not draft.correction else ()
    if of_organ(level, item):
        return (*events, *_arrived(draft, level, item, came, with_agents))
    return ("agent_supply", *events) if listed else ()


def set_out(draft: Draft, station: StationId) -> None:
    """Let the papers that lie with a station go with the case that it hands over."""
    draft.on_the_way = _lying_at(draft, station)
    draft.lying = frozenset(pair for pair in draft.lying if pair[0] != station)


def put_down(draft: Draft, station: StationId) -> None:
    """Let the papers on the way lie with who took the case over, or has it back."""
    draft.lying |= {(station, material) for material in draft.on_the_way}
    draft.on_the_way = frozenset()


def taken_over(draft: Draft, station: StationId, level: str, item: Item) -> tuple[str, ...]:
    """Let a station have what came with the case; returns the derived events, as ``handed_in`` does.

    ``papers_to_forward``: with an agent lies what the organ has not got. The list itself stays as it is:
    nothing is off it because a case travels.
    """
    here = _lying_at(draft, station)
    if of_organ(level, item):
        return _arrived(draft, level, item, here, draft.not_at_organ)
    return ("papers_to_forward",) if here & draft.not_at_organ else ()


def at_hand(draft: Draft, station: StationId, level: str, item: Item) -> tuple[str, ...]:
    """Let an acceptance say that the papers are there; returns the derived events."""
    draft.not_at_organ = frozenset()
    if level != item.decide_level:
        draft.lying |= {(station, material) for material in draft.not_at_decider}
        return ()
    decider_waited = bool(draft.not_at_decider)
    draft.not_at_decider = draft.on_the_way = frozenset()
    draft.lying = frozenset()
    return ("deciding_supply",) if decider_waited else ()


def _arrived(
    draft: Draft, level: str, item: Item, came: frozenset[str], with_agents: frozenset[str]
) -> tuple[str, ...]:
    """Let a station of the organ have papers of the list, some of which lay with agents alone."""
    events: tuple[str, ...] = ()
    waited = came & draft.not_at_organ
    draft.not_at_organ -= came
    if waited and not draft.not_at_organ:
        if not draft.correction:
            events = ("full_supply",)
        elif with_agents:
            events = ("papers_forwarded",)
    if level == item.decide_level:
        waited = came & draft.not_at_decider
        draft.not_at_decider -= came
        _forget_arrived(draft)
        if waited and not (draft.correction or draft.not_at_decider):
            events = (*events, "deciding_supply")
    return events


def _forget_arrived(draft: Draft) -> None:
    """Of what the deciding level has, or what was asked for anew, no other copy matters."""
    draft.lying = frozenset(pair for pair in draft.lying if pair[1] in draft.not_at_decider)


def _lying_at(draft: Draft, station: StationId) -> frozenset[str]:
    return frozenset(material for place, material in draft.lying if place == station)
