"""What is wrong with items and case types, before they are published.

Each fault names the item or the case type, the field, and (through its text) the cure. A catalogue with
faults must not be published; nothing here raises for a fault, so that a county sees all of them at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ledger.cases.effects import EFFECTS
from ledger.cases.guards import FACT_GUARDS, PERMIT, STATE_GUARDS
from ledger.cases.judge import ADJUDICATE, COUNTERSIGN, DECLINE
from ledger.clocks.run import is_amount
from ledger.days.calendar import UNITS
from ledger.identity import unseen_character
from ledger.lint.clocks import lint_clocks
from ledger.oneline import code_point, hidden_character
from ledger.registry.authority import ROLES
from ledger.registry.grant import GRANT
from ledger.registry.station import LEVELS
from ledger.rules.casetype import CUSTODIES, LEGAL_BASES, SAME, WHERES, ActionSpec, CaseType
from ledger.rules.catalogue import Catalogue, read_publication
from ledger.rules.factspec import SALT
from ledger.rules.item import CAPACITIES, MATERIAL_SOURCES, Item
from ledger.types import Value

_VILLAGE_LIKE: Final = frozenset(("village", "kiosk", "agent"))
_RESERVED: Final = (COUNTERSIGN, ADJUDICATE)
_RESERVED_FACTS: Final = frozenset((SALT, GRANT))
"""Fields of any act's facts that say nothing of its case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LintFault:
    """One fault: stable code, the item or case type (and action), the field, the value that is wrong."""

    code: str
    where: str
    field: str
    value: str = ""


def lint_catalogue(items: Iterable[Item], case_types: Mapping[str, CaseType]) -> tuple[LintFault, ...]:
    """Return every fault of a catalogue version as a whole."""
    faults = [fault for case_type in case_types.values() for fault in lint_case_type(case_type)]
    for item in items:
        faults += lint_item(item, case_types)
    return tuple(faults)


def lint_publication(catalogue: Catalogue, action: str, facts: Mapping[str, Value]) -> tuple[LintFault, ...]:
    """Return the faults of the catalogue as it would be once a publish act took effect.

    Raises:
        DataError: ``catalogue.shape`` when the act's facts are not of the published form.
    """
    items = dict(catalogue.items(catalogue.size))
    types = dict(catalogue.case_types(catalogue.size))
    parts = read_publication(action, facts)
    items.update({item.base_code: item for item in parts.items})
    types.update({case_type.code: case_type for case_type in parts.case_types})
    for code in parts.withdrawn:
        items.pop(code, None)
    return lint_catalogue(items.values(), types)


def lint_case_type(case_type: CaseType) -> tuple[LintFault, ...]:
    """Return the faults of one case type."""
    faults = [*_type_names(case_type), *_states(case_type)]
    for action in case_type.actions.values():
        faults += _action(case_type, action)
    seconded = any(action.second for action in case_type.actions.values())
    # What waits for a second person must be possible to take back.
    for code in (*_RESERVED, *((DECLINE,) if seconded else ())):
        if code not in case_type.actions:
            faults.append(
                LintFault(code="lint.reserved_missing", where=case_type.code, field="actions", value=code)
            )
    faults += [
        LintFault(code=code, where=f"{case_type.code}.{clock}", field=field, value=value)
        for code, clock, field, value in lint_clocks(case_type)
    ]
    return tuple(faults)


def _type_names(case_type: CaseType) -> Iterator[LintFault]:
    named = [("name", case_type.name), *(("states", name) for name in case_type.states.values())]
    named += [("actions", action.name) for action in case_type.actions.values()]
    for field, name in named:
        found = hidden_character(name.zh) or hidden_character(name.en)
        if found:
            yield LintFault(
                code="lint.name_hidden", where=case_type.code, field=field, value=code_point(found)
            )


def lint_item(item: Item, case_types: Mapping[str, CaseType]) -> tuple[LintFault, ...]:
    """Return the faults of one item."""
    return tuple(
        LintFault(code=code, where=item.base_code, field=field, value=value)
        for code, field, value in (
            *_item_names(item),
            *_item_levels(item),
            *_item_basis(item),
            *_item_days(item),
            *_item_capacity(item),
            *_item_papers(item),
            *_item_type(item, case_types),
        )
    )


def _states(case_type: CaseType) -> Iterator[LintFault]:
    reached: set[str] = set()
    grown = True
    while grown:
        before = len(reached)
        for action in case_type.actions.values():
            if action.opens or action.any_state or action.from_states & reached:
                reached |= {
                    state for state in (action.to_state, action.complete_to) if state not in ("", SAME)
                }
        grown = len(reached) > before
    for state in case_type.states:
        if state not in reached:
            yield LintFault(code="lint.state_unreachable", where=case_type.code, field="states", value=state)
    for state in sorted(case_type.final_states - case_type.states.keys()):
        yield LintFault(code="lint.state_unknown", where=case_type.code, field="final_states", value=state)
    leaving = {
        state
        for action in case_type.actions.values()
        if action.to_state != SAME
        for state in action.from_states
    }
    for state in case_type.states:
        if state not in leaving and state not in case_type.final_states:
            yield LintFault(code="lint.state_dead_end", where=case_type.code, field="states", value=state)
    if not any(action.opens for action in case_type.actions.values()):
        yield LintFault(code="lint.no_opening", where=case_type.code, field="actions")


def _action(case_type: CaseType, action: ActionSpec) -> Iterator[LintFault]:
    where = f"{case_type.code}.{action.code}"
    known = case_type.states.keys()
    named = {*action.from_states, action.to_state, action.complete_to} - {"", SAME, "*"}
    for state in sorted(named - known):
        yield LintFault(code="lint.state_unknown", where=where, field="from", value=state)
    if not action.by:
        yield LintFault(code="lint.no_role", where=where, field="by")
    for role in sorted((action.by | {action.second}) - {*ROLES, ""}):
        yield LintFault(code="lint.role_unknown", where=where, field="by", value=role)
    if action.where not in WHERES:
        yield LintFault(code="lint.value_unknown", where=where, field="where", value=action.where)
    if action.custody not in CUSTODIES:
        yield LintFault(code="lint.value_unknown", where=where, field="custody", value=action.custody)
    for name in action.guards:
        if name not in STATE_GUARDS and name not in FACT_GUARDS:
            yield LintFault(code="lint.value_unknown", where=where, field="guards", value=name)
    for name in action.effects:
        if name not in EFFECTS:
            yield LintFault(code="lint.value_unknown", where=where, field="effects", value=name)
    for name in sorted(action.conflicts_with - case_type.actions.keys()):
        yield LintFault(code="lint.action_unknown", where=where, field="conflicts_with", value=name)
    for name in sorted(action.facts.keys() & _RESERVED_FACTS):
        yield LintFault(code="lint.fact_reserved", where=where, field="facts", value=name)
    if action.commutes and (action.to_state != SAME or action.irreversible):
        yield LintFault(code="lint.commutes_moves", where=where, field="commutes")
    if action.to_state == SAME and action.opens:
        yield LintFault(code="lint.opening_stays", where=where, field="to")


def _item_names(item: Item) -> Iterator[tuple[str, str, str]]:
    """Yield names that hold what nobody sees or what turns the text: on a slip they would read otherwise."""
    names = [("name", item.name), *(("materials", material.name) for material in item.materials.values())]
    for field, name in names:
        for text in (name.zh, name.en):
            hidden = unseen_character(text)
            if hidden:
                yield "lint.name_hidden", field, code_point(hidden)
    lines = [("steps", step) for step in item.steps]
    lines += [("certificate", item.certificate), ("local_rule", item.local_rule), ("subject", item.subject)]
    for proof in item.proofs.values():
        lines += [("proofs", text) for name in (proof.name, proof.go_to) for text in (name.zh, name.en)]
        lines.append(("proofs", proof.source))
    for field, text in lines:
        found = hidden_character(text)
        if found:
            yield "lint.name_hidden", field, code_point(found)


def _item_levels(item: Item) -> Iterator[tuple[str, str, str]]:
    for field, levels in (
        ("receive_levels", item.receive_levels),
        ("accept_levels", item.accept_levels),
        ("decide_level", frozenset((item.decide_level,))),
    ):
        if not levels:
            yield "lint.level_missing", field, ""
        for level in sorted(levels - set(LEVELS)):
            yield "lint.level_unknown", field, level
    if item.decide_level in ("kiosk", "agent"):
        yield "lint.decides_outside", "decide_level", item.decide_level
    if item.decide_level != "village":
        for level in sorted(item.accept_levels & _VILLAGE_LIKE):
            # a village committee is no administrative organ: it may receive, not accept
            yield "lint.village_accepts", "accept_levels", level
    if item.decide_level == "village" and item.legal_basis == PERMIT:
        yield "lint.village_permit", "decide_level", item.decide_level


def _item_basis(item: Item) -> Iterator[tuple[str, str, str]]:
    if item.legal_basis not in LEGAL_BASES:
        yield "lint.basis_unknown", "legal_basis", item.legal_basis
    if item.legal_basis == PERMIT and item.legal_days is None:
        yield "lint.permit_days", "legal_days", ""
    if item.unit not in UNITS:
        yield "lint.value_unknown_item", "unit", item.unit
    if (
        item.legal_days is not None
        and item.promised_days is not None
        and item.promised_days > item.legal_days
    ):
        yield "lint.promise_longer", "promised_days", str(item.promised_days)
    if item.quota and item.legal_basis != PERMIT:
        yield "lint.quota_no_permit", "quota", item.legal_basis


def _item_days(item: Item) -> Iterator[tuple[str, str, str]]:
    """Yield numbers of days that no calendar can hold: such a limit would silently not exist."""
    for field, days in (
        ("legal_days", item.legal_days),
        ("promised_days", item.promised_days),
        ("forward_days", item.forward_days),
        ("post_check_days", item.post_check_days),
        ("yellow_days", item.yellow_days),
    ):
        if days is not None and not is_amount(days):
            yield "lint.value_unknown_item", field, str(days)


def _item_capacity(item: Item) -> Iterator[tuple[str, str, str]]:
    for level in sorted(item.receive_levels - item.receipt_capacity.keys()):
        yield "lint.capacity_missing", "receipt_capacity", level
    for level in sorted(item.receipt_capacity.keys() - item.receive_levels):
        yield "lint.capacity_extra", "receipt_capacity", level
    for level, capacity in sorted(item.receipt_capacity.items()):
        if capacity not in CAPACITIES:
            yield "lint.value_unknown_item", "receipt_capacity", capacity
        own = level not in _VILLAGE_LIKE or level == item.decide_level or item.local_rule
        if capacity == "receiving_point" and not own:
            yield "lint.capacity_village", "receipt_capacity", level


def _item_papers(item: Item) -> Iterator[tuple[str, str, str]]:
    for material in item.materials.values():
        if material.source not in MATERIAL_SOURCES:
            yield "lint.value_unknown_item", "materials", material.source
        if material.deferrable and material.source != "applicant":
            yield "lint.deferrable_source", "materials", material.code
        if material.deferrable and material.promise:
            yield "lint.deferrable_and_promise", "materials", material.code
    if item.proof_commitment != any(material.promise for material in item.materials.values()):
        yield "lint.promise_materials", "proof_commitment", ""
    if item.approval_commitment and not item.post_check_days:
        yield "lint.post_check_days", "post_check_days", ""
    for proof in item.proofs.values():
        if not proof.allowed and not proof.go_to.zh:
            yield "lint.proof_go_to", "proofs", proof.code


def _item_type(item: Item, case_types: Mapping[str, CaseType]) -> Iterator[tuple[str, str, str]]:
    case_type = case_types.get(item.case_type)
    if case_type is None:
        yield "lint.type_unknown", "case_type", item.case_type
        return
    if item.approval_commitment and "accept_on_commitment" not in case_type.actions:
        yield "lint.type_lacks", "case_type", "accept_on_commitment"
    if item.receive_levels - {item.decide_level} and "hand_over" not in case_type.actions:
        yield "lint.type_lacks", "case_type", "hand_over"
