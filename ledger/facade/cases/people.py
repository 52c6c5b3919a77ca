"""The people of a case as they are known now: as its opening act names them, with what was amended since."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ledger.cases.shape import Step
from ledger.errors import InputError
from ledger.facade.base.types import CasePage
from ledger.identity import AGENT, PEOPLE
from ledger.types import ActId, Facts

AMEND = "amend"
"""The action that corrects what an act says."""
CHARS_MAX: Final = {"phone": 40, "id_no": 40, "address": 200, "relation": 40, "authority": 80}
"""Longest texts that are typed of a person, beside the name."""
PersonalOf = Callable[[ActId], Facts | None]
"""Returns the personal body of an act; None when it is erased, withheld or not held here."""


def people_now(
    steps: Sequence[Step], personal_of: PersonalOf, *, of: Step | None = None
) -> dict[str, dict[str, str]]:
    """Return the people whom an act names, by role, with what effective amendments changed since.

    Args:
        steps: the acts of a case in their order.
        personal_of: opens personal bodies.
        of: the act; None for the opening one, whose people are those of the case: whatever act was
            corrected, an applicant who is named anew is the case's.

    A text that an amendment left empty was taken away, and with its last text a person; an agent goes with
    the name, for nobody comes for the applicant whom no one can name.
    """
    people: dict[str, dict[str, str]] = {}
    if not steps:
        return people
    named = steps[0] if of is None else of
    corrections = [
        step
        for step in steps
        if step.effective
        and step.action == AMEND
        and (of is None or step.act.facts.get("target") == of.act.act_id)
    ]
    for step in (named, *corrections):
        personal = personal_of(step.act.act_id) or {}
        for role in PEOPLE:
            part = personal.get(role)
            if isinstance(part, dict) and role == AGENT and not str(part.get("name", "-")).strip():
                people.pop(role, None)
            elif isinstance(part, dict):
                people.setdefault(role, {}).update({name: str(text) for name, text in part.items()})
    known = {role: {name: text for name, text in part.items() if text} for role, part in people.items()}
    return {role: part for role, part in known.items() if part}


def people_of(page: CasePage) -> Mapping[str, Mapping[str, str]]:
    """Return the people of a case as they are known now, by role."""
    return people_now(page.state.steps, page.personal.get)


def check_length(field: str, text: str, *, whose: str) -> None:
    """Refuse a text of a person that is longer than anybody says; signed ones are never judged by this.

    Raises:
        InputError: ``identity.too_long``.
    """
    most = CHARS_MAX.get(field, len(text))
    if len(text) > most:
        raise InputError("identity.too_long", field=field, most=most, count=len(text), whose=whose)


def check_lengths(personal: Facts) -> None:
    """Refuse texts of people that are longer than anybody says: for who signs them anew.

    Raises:
        InputError: ``identity.too_long``.
    """
    for role in PEOPLE:
        person = personal.get(role)
        for field, said in person.items() if isinstance(person, dict) else ():
            check_length(field, said if isinstance(said, str) else "", whose=role)
