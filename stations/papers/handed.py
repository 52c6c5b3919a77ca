"""Which papers a case has and which it lacks, as its acts say: for slips, notices and the page of a case."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ledger.cases.shape import Step
from ledger.facade import CasePage
from ledger.rules.item import Item
from ledger.types import ActId, Facts
from stations.texts import Say

SHARED = "shared"
"""Source of papers that the office looks up itself: nobody may be asked for them.

Source: 国务院关于在线政务服务的若干规定（国务院令第716号）.
"""
_HANDING = frozenset(("receive", "supply"))
"""Actions with which papers are handed in; one that gives originals back names papers too."""
_HAVE = ("materials", "commitments", "waived")
"""Lists of an act that take papers off what is missing: handed in, replaced by a promise, no condition."""


def facts_of(page: CasePage, step: Step) -> Facts:
    """Return what an act says, with what was amended since."""
    facts = dict(step.act.facts)
    for amendment in page.state.amendments:
        if amendment.target == step.act.act_id:
            facts.update(amendment.changes)
    return facts


def until(page: CasePage, act: ActId) -> tuple[Step, ...]:
    """Return the acts of a case up to one of them, that one included."""
    steps = page.state.steps
    place = next((place for place, step in enumerate(steps) if step.act.act_id == act), len(steps) - 1)
    return steps[: place + 1]


def handed_of(page: CasePage) -> list[str]:
    """Return the codes of the papers that were handed in, with the receipt or later, as they came."""
    came = (
        code
        for step in page.state.steps
        if step.effective and step.action in _HANDING
        for code in texts_in(facts_of(page, step), "materials")
    )
    return list(dict.fromkeys(came))


def missing_of(page: CasePage, steps: Sequence[Step]) -> list[str]:
    """Return the codes of the papers that an item wants and that some acts of a case do not account for."""
    have: set[str] = set()
    for step in steps:
        if step.effective:
            facts = facts_of(page, step)
            have |= {str(code) for name in _HAVE for code in texts_in(facts, name)}
    return missing_in(page.rules.item, have)


def missing_in(item: Item, have: Collection[str]) -> list[str]:
    """Return the codes of the papers that an item wants of the applicant, without those that are there."""
    return [code for code, paper in item.materials.items() if code not in have and paper.source != SHARED]


def missing_names(page: CasePage, say: Say) -> list[str]:
    """Return the names of the papers that a case lacks now."""
    materials = page.rules.item.materials
    return [say.pick(materials[code].name) for code in missing_of(page, page.state.steps)]


def texts_in(facts: Facts, name: str) -> list[str]:
    """Return the entries of a list that an act may have."""
    value = facts.get(name)
    return [str(one) for one in value] if isinstance(value, list) else []
