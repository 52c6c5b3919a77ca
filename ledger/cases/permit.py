"""What one may do now, and for what one may not, why.

The same judgement as the fold, asked for every action of the case type before any facts are typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ledger.cases.draft import Draft
from ledger.cases.guards import DEFERRING
from ledger.cases.judge import (
    ADJUDICATE,
    COUNTERSIGN,
    DECLINE,
    decline_reason,
    first_fails,
    first_obstacle,
    not_entitled,
    nothing_to_join,
    second_reason,
    state_obstacle,
)
from ledger.cases.shape import CaseAct, CaseState, Reason
from ledger.cases.supplies import wanting
from ledger.errors import Param
from ledger.rules.casetype import ActionSpec
from ledger.rules.catalogue import Rules
from ledger.types import ActId, CaseId, KeyId, StationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A person at a station: key, staff number and the roles held there."""

    key_id: KeyId
    staff_no: str
    roles: frozenset[str]
    station: StationId
    station_level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """Whether an action may be done now.

    ``reason_code`` says why not; on an allowed action it is "" or a caveat (``case.second_needed``,
    ``case.grant_needs_papers``, ``case.correction_open`` where promises may replace all that is missing,
    ``case.list_waived`` where silence has accepted without it, ``case.paper_only`` where it can only be
    entered late).
    """

    action: str
    allowed: bool
    reason_code: str = ""
    params: Mapping[str, Param] = field(default_factory=lambda: MappingProxyType({}))


def may(state: CaseState | None, rules: Rules, actor: Actor, now_ms: int) -> tuple[Permission, ...]:
    """Return for every action of the case type whether this person may do it now, or why not.

    Args:
        state: the case; None asks for opening a case of this item.
        rules: item and case type.
        actor: who asks, where.
        now_ms: the time at which the act would be made.
    """
    draft = Draft(_unopened(rules) if state is None else state)
    act = _imagined(draft, actor, rules, now_ms)
    actions = rules.case_type.actions.values()
    return tuple(_permission(draft, spec, act._replace(action=spec.code), rules) for spec in actions)


def _permission(draft: Draft, spec: ActionSpec, act: CaseAct, rules: Rules) -> Permission:
    reason = not_entitled(spec, act, rules) or state_obstacle(draft, spec, act, rules)
    if reason is None and spec.code == COUNTERSIGN:
        reason = _no_countersign(draft, act, rules)
    if reason is None and spec.code == DECLINE:
        reason = _no_decline(draft, act, rules)
    if reason is None and spec.code == ADJUDICATE and not any(known.is_open for known in draft.conflicts):
        reason = Reason("case.no_conflict")
    if reason is None and DEFERRING in spec.guards:
        reason = _not_deferrable(draft, spec, rules)
    if reason is None:
        reason = nothing_to_join(spec, act)
    if reason is not None:
        allowed = reason.code == "case.correction_open" and _may_be_promised(draft, spec, rules)
        return Permission(action=spec.code, allowed=allowed, reason_code=reason.code, params=reason.params)
    if spec.second:
        return Permission(
            action=spec.code, allowed=True, reason_code="case.second_needed", params={"role": spec.second}
        )
    if draft.deficit and "grant_complete" in spec.guards:
        missing = tuple(sorted(draft.deficit))
        return Permission(
            action=spec.code, allowed=True, reason_code="case.grant_needs_papers", params={"missing": missing}
        )
    return Permission(action=spec.code, allowed=True)


def _may_be_promised(draft: Draft, spec: ActionSpec, rules: Rules) -> bool:
    """Tell whether the applicant may promise everything that the correction list still lacks."""
    return wanting(draft) <= _promisable(spec, rules)


def _promisable(spec: ActionSpec, rules: Rules) -> frozenset[str]:
    """Return the materials that the applicant may promise with an action."""
    item = rules.item
    if not item.proof_commitment or "commitments" not in spec.facts:
        return frozenset()
    return frozenset(code for code, material in item.materials.items() if material.promise)


def _not_deferrable(draft: Draft, spec: ActionSpec, rules: Rules) -> Reason | None:
    """Return why nobody can be accepted with a deficit, whatever would be named."""
    materials = rules.item.materials
    deferrable = frozenset(code for code, material in materials.items() if material.deferrable)
    if not deferrable:
        return Reason("case.not_deferrable", {"materials": tuple(sorted(materials))})
    left = wanting(draft) - deferrable - _promisable(spec, rules)
    return Reason("case.correction_open", {"missing": tuple(sorted(left))}) if left else None


def _no_countersign(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    """Return None when some waiting act may be countersigned by this person, else why none may."""
    reason: Reason | None = Reason("case.nothing_pending")
    for act_id in draft.pending:
        target = draft.step_of(act_id)
        if target is not None:
            reason = second_reason(target, act, rules)
            if reason is None:
                hindered = first_obstacle(draft, target, act, rules)
                if hindered is None:
                    return None
                reason = first_fails(target.act.action, hindered)
    return reason


def _no_decline(draft: Draft, act: CaseAct, rules: Rules) -> Reason | None:
    """Return None when some waiting act may be taken back or refused by this person, else why none may."""
    reason: Reason | None = Reason("case.nothing_pending")
    for act_id in draft.pending:
        target = draft.step_of(act_id)
        if target is not None:
            reason = decline_reason(target, act, rules)
            if reason is None:
                return None
    return reason


def _imagined(draft: Draft, actor: Actor, rules: Rules, now_ms: int) -> CaseAct:
    return CaseAct(
        act_id=ActId(b""),
        parents=draft.heads,
        action="",
        station=actor.station,
        station_level=actor.station_level,
        actor=actor.key_id,
        staff_no=actor.staff_no,
        roles=actor.roles,
        occurred_at_ms=now_ms,
        recorded_at_ms=now_ms,
        catalogue_version=rules.catalogue_version,
        facts={},
    )


def _unopened(rules: Rules) -> CaseState:
    return CaseState(
        case_id=CaseId(b""),
        item_code=rules.item.base_code,
        case_type=rules.case_type.code,
        catalogue_version=rules.catalogue_version,
    )
