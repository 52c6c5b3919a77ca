"""Where the papers are that answer a correction list: with the applicant's agent, the organ, or who decides.

A village, kiosk or bank point that receives as the applicant's agent is no administrative organ: what is
handed in there is off the list, so that nobody can treat the case as withdrawn, but it starts no clock of the
organ before the organ has it. It has it when one of its stations records the supply itself, when the station
where the papers lay hands the case over to it, or when it accepts.

Source: 行政许可法 Art. 32 (the organ's receipt of the papers that were supplied starts its limit).
"""

from __future__ import annotations

from ledger.cases.draft import Draft
from ledger.cases.guards import texts
from ledger.rules.item import Item

SUPPLY = "supply"
HAND_OVER = "hand_over"
"""The act that offers a case to another station."""


def of_organ(level: str, item: Item) -> bool:
    """Tell whether a level acts for the organ: it accepts, decides, or is its receiving point."""
    if level == item.decide_level or level in item.accept_levels:
        return True
    return item.receipt_capacity.get(level) == "receiving_point"


def arrived(draft: Draft, level: str, item: Item, *, came: frozenset[str]) -> tuple[str, ...]:
    """Take in papers at a station of a level; returns the derived events.

    ``full_supply``: with these the organ has all that its list named. ``deciding_supply``: the deciding level
    has. ``agent_supply``: the applicant's agent has something of the list that must be forwarded.
    ``correction_cleared``: the applicant has handed in all of it, wherever.

    Args:
        draft: the case; lists and whereabouts are changed.
        level: level of the station.
        item: the item.
        came: materials that came; those of no list are left out.
    """
    listed = came & draft.correction
    came &= listed | draft.not_at_organ | draft.not_at_decider
    if not came:
        return ()
    organ_waits = bool(draft.correction or draft.not_at_organ)
    decider_waits = bool(draft.correction or draft.not_at_decider)
    draft.correction -= listed
    events: tuple[str, ...] = ("correction_cleared",) if listed and not draft.correction else ()
    if not of_organ(level, item):
        draft.not_at_organ |= listed
        draft.not_at_decider |= listed
        return ("agent_supply", *events) if listed else ()
    draft.not_at_organ -= came
    draft.not_at_decider = (
        draft.not_at_decider - came if level == item.decide_level else draft.not_at_decider | listed
    )
    if organ_waits and not (draft.correction or draft.not_at_organ):
        events = (*events, "full_supply")
    if decider_waits and not (draft.correction or draft.not_at_decider):
        events = (*events, "deciding_supply")
    return events


def at_hand(draft: Draft, level: str, item: Item) -> tuple[str, ...]:
    """Let an acceptance say that the papers are there; returns the derived events."""
    draft.not_at_organ = frozenset()
    if level != item.decide_level or not draft.not_at_decider:
        return ()
    draft.not_at_decider = frozenset()
    return ("deciding_supply",)


def brought(draft: Draft) -> frozenset[str]:
    """Return the materials that travelled with the case: supplied where it was later handed on."""
    if not (draft.not_at_organ or draft.not_at_decider):
        return frozenset()
    lying: dict[str, frozenset[str]] = {}
    found: frozenset[str] = frozenset()
    for step in draft.steps:
        act = step.act
        if step.effective and act.action == SUPPLY:
            lying[act.station] = lying.get(act.station, frozenset()) | texts(act.facts.get("materials"))
        elif step.effective and act.action == HAND_OVER:
            found |= lying.get(act.station, frozenset())
    return found
