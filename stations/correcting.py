"""Correcting what an act says of people: who may be named anew, and what differs from what holds now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledger.cases.shape import Step
from ledger.contact import check_contact
from ledger.facade import CasePage, people_now
from ledger.facade.cases.people import check_length
from ledger.identity import AGENT, PEOPLE
from ledger.types import Facts, Value

People = Mapping[str, Mapping[str, str]]
"""Texts about people by role and field."""


def named_by(page: CasePage, target: Step) -> People:
    """Return the people that the amended act names, with what was amended since."""
    return people_now(page.state.steps, page.personal.get, of=target)


def parties_of(page: CasePage, target: Step) -> Sequence[str]:
    """Return whom an amendment may name: those that the act names, and an agent whom its receipt left out."""
    named = named_by(page, target)
    opens = target.act.act_id == page.state.steps[0].act.act_id
    return [role for role in PEOPLE if role in named or (opens and named and role == AGENT)]


def corrected_people(named: People, typed: People) -> tuple[Facts, list[Value]]:
    """Return the people as they are from now on, and the names of the fields that differ.

    A field that was emptied takes away what was known; one that is not typed stays. What is typed is checked
    when it is signed.

    Raises:
        InputError: ``identity.phone``, ``identity.misplaced``, ``identity.too_long``.
    """
    personal: Facts = {}
    changed: list[Value] = []
    for role, texts in typed.items():
        held = named.get(role, {})
        differing = [name for name, text in texts.items() if held.get(name, "") != text]
        check_contact({name: texts[name] for name in differing}, whose=role)
        for name in differing:
            check_length(name, texts[name], whose=role)
        if differing:
            now = {**held, **texts}
            personal[role] = {name: text for name, text in now.items() if text or name in held}
            changed += [f"{role}.{name}" for name in differing]
    return personal, changed
