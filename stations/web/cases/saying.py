"""What the form of an action says: facts and people, with what its page knows filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledger.cases.judge import COUNTERSIGN, DECLINE
from ledger.errors import InputError
from ledger.facade import CasePage
from ledger.facade.cases.externals import FIELD as EXTERNAL_NO
from ledger.identity import check_personal
from ledger.rules.casetype import ActionSpec
from ledger.types import ActId, Facts
from stations.papers.handed import facts_of
from stations.web.cases.amending import (
    AMEND,
    amended_people,
    form_spec,
    only_what_differs,
    require_change,
    target_of,
)
from stations.web.cases.externals import taken_off
from stations.web.cases.factforms import PREFIX, read_form, require_known
from stations.web.cases.ruling import ruled
from stations.words.factvalues import type_changes


def said_of(
    page: CasePage, action: str, form: Mapping[str, Sequence[str]], *, strict: bool
) -> tuple[Facts, Facts | None]:
    """Return what a form says of the matter, and of people.

    Args:
        page: the case.
        action: what is done to it.
        form: what is said.
        strict: whether fields that the action has not are refused.

    Raises:
        InputError: what was typed.
    """
    spec, personal, form = spec_of(page, action), _personal(form), ruled(action, form)
    target = target_of(page, form) if action == AMEND else None
    if strict:
        require_known(spec if target is None else form_spec(page, spec, target), form)
    if target is None:
        facts = read_form(spec, form)
        _complete(page, action, facts, form)
        return facts, personal
    facts = read_form(form_spec(page, spec, target), form)
    taken_off(facts, facts_of(page, target), form, f"{PREFIX}changes.{EXTERNAL_NO}")
    only_what_differs(page, target, facts)
    people, changed = amended_people(page, target, form)
    require_change(facts, changed)
    if changed:
        facts["personal_fields"] = changed
        personal = {**people, **(personal or {})}
        check_personal(personal, corrects=True)
    return facts, personal


def _complete(page: CasePage, action: str, facts: Facts, form: Mapping[str, Sequence[str]]) -> None:
    """Fill in what the page knows: item, which act waits for a second person, types of amended fields."""
    if "item" in spec_of(page, action).facts and "item" not in facts:
        facts["item"] = page.rules.item.base_code
    if "target" not in facts and len(meant := meant_by(page, action)) == 1:
        facts["target"] = meant[0]
    changes = facts.get("changes")
    if changes is not None:
        acts = [step.act.act_id for step in page.state.steps]
        amended = next(
            (step.action for step in page.state.steps if step.act.act_id == facts.get("target")), ""
        )
        known = page.rules.case_type.actions.get(amended)
        fields = {} if known is None else known.facts
        facts["changes"] = type_changes(changes, fields, action=amended, acts=acts)


def _personal(form: Mapping[str, Sequence[str]]) -> Facts | None:
    text = "".join(form.get("text", ())).strip()
    if not text:
        return None
    personal: Facts = {"text": text}
    check_personal(personal)
    return personal


def meant_by(page: CasePage, action: str) -> tuple[ActId, ...]:
    """Return the waiting acts that a countersignature or a decline may be about; none for other actions."""
    if action == COUNTERSIGN:
        return page.signable or page.state.pending
    return page.state.pending if action == DECLINE else ()


def spec_of(page: CasePage, action: str) -> ActionSpec:
    """Return an action that can be done to a case.

    Raises:
        InputError: ``web.no_page`` for one that its case type has not.
    """
    spec = page.rules.case_type.actions.get(action)
    if spec is None or (spec.opens and not spec.from_states - {""}):
        raise InputError("web.no_page", path=action[:40])
    return spec
