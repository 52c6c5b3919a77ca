"""Correcting an act: a form of its own fields, filled in with what holds now; what differs is signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ledger.cases.shape import Step
from ledger.errors import InputError
from ledger.facade import CasePage
from ledger.identity import AGENT
from ledger.rules.casetype import ActionSpec
from ledger.rules.factspec import FactSpec
from ledger.types import Facts, Value
from stations.correcting import corrected_people, named_by, parties_of
from stations.papers.handed import facts_of

AMEND = "amend"
OF_BOTH = ("name", "id_kind", "id_no", "phone", "address")
PERSON_FIELDS: Mapping[str, Sequence[str]] = {
    "applicant": OF_BOTH,
    AGENT: (*OF_BOTH, "relation", "authority"),
}
PERSON_PREFIX = "p."
Form = Mapping[str, Sequence[str]]


def target_of(page: CasePage, form: Form) -> Step | None:
    """Return the act that a form amends; None while none was chosen."""
    wanted = "".join(form.get("f.target", ()))
    return next((step for step in page.state.steps if step.act.act_id.hex() == wanted), None)


def form_spec(page: CasePage, spec: ActionSpec, target: Step) -> ActionSpec:
    """Return the action with the amended act's own fields in place of pairs of names and values."""
    amended = page.rules.case_type.actions.get(target.action)
    known = {} if amended is None else {name: one for name, one in amended.facts.items() if one.amend}
    changes = {name: replace(one, required=False) for name, one in known.items()}
    kept = {name: one for name, one in spec.facts.items() if name not in ("changes", "personal_fields")}
    return replace(spec, facts={**kept, "changes": FactSpec(type="map", fields=changes)})


def held_now(page: CasePage, target: Step) -> dict[str, Sequence[str]]:
    """Return what the amended act says now, as the texts of its form."""
    given: dict[str, Sequence[str]] = {"f.target": (target.act.act_id.hex(),)}
    for name, value in facts_of(page, target).items():
        given |= _texts(f"f.changes.{name}", value)
    for role, fields in named_by(page, target).items():
        for name, text in fields.items():
            given[f"{PERSON_PREFIX}{role}.{name}"] = (text,)
    return given


def only_what_differs(page: CasePage, target: Step, facts: Facts) -> None:
    """Leave in an amendment what differs from what holds now."""
    now, changes = facts_of(page, target), facts.get("changes")
    held = changes if isinstance(changes, dict) else {}
    differing: Facts = {name: value for name, value in held.items() if now.get(name) != value}
    facts.pop("changes", None)
    if differing:
        facts["changes"] = differing


def amended_people(page: CasePage, target: Step, form: Form) -> tuple[Facts, list[Value]]:
    """Return the people as they are from now on, and the names of the fields that differ.

    A field that was emptied takes away what was known; one that the form has not stays. What is typed is
    checked when it is signed.

    Raises:
        InputError: ``identity.phone``.
    """
    named = named_by(page, target)
    typed = {role: _typed(role, named.get(role, {}), form) for role in parties_of(page, target)}
    return corrected_people(named, typed)


def parties_typed(page: CasePage, target: Step, given: Form) -> dict[str, dict[str, str]]:
    """Return the fields of each person of an act that is amended, with what was typed."""
    return {
        role: {
            name: "".join(given.get(name, ())[:1])
            for name in (f"{PERSON_PREFIX}{role}.{one}" for one in PERSON_FIELDS[role])
        }
        for role in parties_of(page, target)
    }


def _typed(role: str, held: Mapping[str, str], form: Form) -> dict[str, str]:
    """Return what a form says of a person; of a number that is not given the kind says nothing."""
    names = {name: f"{PERSON_PREFIX}{role}.{name}" for name in PERSON_FIELDS[role]}
    typed = {name: "".join(form[key]).strip() for name, key in names.items() if key in form}
    if "id_kind" in typed:
        number = typed.get("id_no", held.get("id_no", ""))
        meant = held.get("id_kind") or "resident"
        if not number:
            typed["id_kind"] = ""
        elif typed["id_kind"] == meant and number == held.get("id_no"):
            # a receipt that named no kind meant a resident's; the list on the page shows it
            typed["id_kind"] = held.get("id_kind", "")
    elif not typed.get("id_no", "-") and held.get("id_kind"):
        typed["id_kind"] = ""
    return typed


def require_change(facts: Facts, changed: Sequence[Value]) -> None:
    """Refuse an amendment that changes nothing.

    Raises:
        InputError: ``amend.nothing``.
    """
    if not facts.get("changes") and not changed:
        raise InputError("amend.nothing")


def _texts(name: str, value: Value) -> dict[str, Sequence[str]]:
    if isinstance(value, bool):
        return {name: ("on",)} if value else {}
    if isinstance(value, list):
        return {name: tuple(str(one) for one in value)}
    if isinstance(value, dict):
        found: dict[str, Sequence[str]] = {}
        for key, one in value.items():
            found |= _texts(f"{name}.{key}", one)
        return found
    return {} if isinstance(value, bytes) or value is None else {name: (str(value),)}
