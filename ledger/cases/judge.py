"""The interpreter: judge one act against the case as it stands, and let it take effect.

An act without effect is kept with its reason. What needs two people waits until another person's
``countersign`` names it, and takes effect at that moment, or until a ``decline`` names it: then it counts for
nothing, and the same may be asked anew. Acts made without knowledge of each other are the matter of
``ledger.cases.conflict``.
"""

from __future__ import annotations

from typing import Final

from ledger.cases.crossed import ANSWERED
from ledger.cases.draft import Draft
from ledger.cases.effects import EFFECTS
from ledger.cases.guards import FACT_GUARDS, FINDINGS, SAME_DAY, STATE_GUARDS
from ledger.cases.shape import NO_PARAMS, CaseAct, CaseState, Reason, Step, Token, local_day
from ledger.cases.supplies import put_down, set_out
from ledger.cases.toldday import entered_on
from ledger.registry.station import stands_above
from ledger.rules.casetype import SAME, ActionSpec
from ledger.rules.catalogue import Rules
from ledger.rules.factspec import first_problem
from ledger.types import StationId

COUNTERSIGN: Final = "countersign"
DECLINE: Final = "decline"
ERASE: Final = "erase"
ADJUDICATE: Final = "adjudicate"
VOID: Final = "void"
MERGE: Final = "merge"
TAKEN_BACK: Final = "case.taken_back"
DECLINED: Final = "case.declined"
SETTLED_WAITING: Final = frozenset((TAKEN_BACK, DECLINED))
"""Reasons of acts that waited until somebody said that they are not to count: no fault of anybody's."""
_ABOUT_WAITING: Final = frozenset((COUNTERSIGN, DECLINE))
_SENIOR_ROLES: Final = frozenset(("head", "supervisor"))


def take(draft: Draft, act: CaseAct, rules: Rules) -> Step:
    """Judge the next act of the order, apply it if it takes effect, and append its step."""
    spec = rules.case_type.actions.get(act.action)
    if spec is None:
        return record(draft, act, Reason("case.unknown_action", {"action": act.action}))
    reason = standing(spec, act, rules) or obstacle(draft, spec, act, rules)
    if reason is not None:
        return record(draft, act, reason)
    target = pending_target(draft, act) if spec.code in _ABOUT_WAITING else None
    if target is not None:
        settle = _countersign if spec.code == COUNTERSIGN else _decline
        return settle(draft, target, spec, act, rules)
    if spec.second:
        draft.pending = (*draft.pending, act.act_id)
        return record(draft, act, Reason("case.awaiting_second", {"role": spec.second}))
    return record(draft, act, None, apply(draft, spec, act, rules, act.occurred_at_ms))


def standing(spec: ActionSpec, act: CaseAct, rules: Rules) -> Reason | None:
    """Return why the act can never take effect, whatever the state of the case; None when it may."""
    if act.blocked:
        return Reason(act.blocked)
    return not_entitled(spec, act, rules) or _facts_reason(spec, act)


def not_entitled(spec: ActionSpec, act: CaseAct, rules: Rules) -> Reason | None:
    """Return why this person at this station may not do such a thing with such an item."""
    if not spec.by & act.roles:
        return Reason("case.role", {"action": spec.code, "roles": tuple(sorted(spec.by))})
    where = spec.where
    if where == "any":
        return None
    item = rules.item
    level = act.station_level
    if where == "decide_level":
        if level == item.decide_level:
            return None
        return Reason("case.level", {"action": spec.code, "levels": (item.decide_level,)})
    levels = item.accept_levels if where == "accept_levels" else item.receive_levels
    if level in levels:
        return None
    return Reason("case.level", {"action": spec.code, "levels": tuple(sorted(levels))})


def obstacle(draft: Draft, spec: ActionSpec, act: CaseAct, rules: Rules) -> Reason | None:
    """Return what in the case as it stands keeps an otherwise entitled act from effect."""
    reason = state_obstacle(draft, spec, act, rules)
    if reason is None:
        for name in spec.guards:
            guard = FACT_GUARDS.get(name)
            if guard is not None:
                reason = guard(draft, act, rules)
                if reason is not None:
                    break
    if reason is None and spec.code in _ABOUT_WAITING:
        reason = _second_obstacle(draft, spec, act, rules)
    if reason is not None and reason.code in FINDINGS:
        draft.note(FINDINGS[reason.code], (act.act_id,), reason.params)
    return reason


def state_obstacle(draft: Draft, spec: ActionSpec, act: CaseAct, rules: Rules) -> Reason | None:
    """Return what keeps the action from effect, as far as it can be told before its facts are known."""
    status = draft.status
    if not status and not spec.opens:
        return Reason("case.not_open")
    if not (status in spec.from_states or (status and spec.any_state and status != VOID)):
        return Reason("case.state", {"action": spec.code, "status": status})
    if status or act.parents:
        reason = _custody_obstacle(draft, spec, act)
        if reason is not None:
            return reason
    if spec.once and spec.code in draft.done:
        return Reason("case.once", {"action": spec.code})
    if spec.irreversible and any(conflict.is_open for conflict in draft.conflicts):
        return Reason("case.conflict_open", {"action": spec.code})
    if spec.second and draft.pending and _is_pending(draft, spec.code):
        return Reason("case.pending_exists", {"action": spec.code})
    for name in spec.guards:
        guard = STATE_GUARDS.get(name)
        if guard is not None:
            reason = guard(draft, act, rules)
            if reason is not None:
                return reason
    return None


def nothing_to_join(spec: ActionSpec, act: CaseAct) -> Reason | None:
    """Tell why an act that joins parallel acts is not to be signed: what is one line already needs none.

    One that was signed all the same takes effect, and changes nothing.
    """
    if spec.code == MERGE and len(act.parents) < 2:
        return Reason("case.nothing_to_join")
    return None


def apply(draft: Draft, spec: ActionSpec, act: CaseAct, rules: Rules, at_ms: int) -> tuple[str, ...]:
    """Let an act take effect at a moment; returns the derived events."""
    custody = spec.custody
    if custody != "own" and custody != "none":
        _move_custody(draft, custody, act)
    events: tuple[str, ...] = ()
    for name in spec.effects:
        events += EFFECTS[name](draft, act, rules, at_ms)
    if spec.to_state != SAME and ANSWERED not in events:
        draft.status = spec.to_state
    if spec.complete_to and "full_supply" in events:
        draft.status = spec.complete_to
    if spec.code not in draft.done:
        draft.done |= {spec.code}
    token = act.facts.get("token_hash")
    if isinstance(token, bytes):
        draft.tokens = (*draft.tokens, Token(token, act.act_id, b""))
    return events


def record(
    draft: Draft,
    act: CaseAct,
    reason: Reason | None,
    events: tuple[str, ...] = (),
    *,
    conflict: bool = False,
) -> Step:
    """Append the act's step, move the heads on, and note what is odd about its times."""
    code, params = ("", NO_PARAMS) if reason is None else reason
    # Calling a named tuple would do, were it not twice as slow.
    step: Step = tuple.__new__(
        Step,
        (act, reason is None, code, params, act.occurred_at_ms, None, draft.status, conflict, events),
    )
    steps = draft.steps
    if steps and act.occurred_at_ms < steps[-1].act.occurred_at_ms:
        # in the one order only an act whose parent is the one before can claim an earlier time than it
        draft.note("case.finding.before_parent", (act.act_id, steps[-1].act.act_id), NO_PARAMS)
    if "late_entry" not in act.facts and local_day(act.recorded_at_ms) != local_day(act.occurred_at_ms):
        draft.note("case.finding.late_unmarked", (act.act_id,), NO_PARAMS)
    elif "late_entry" in act.facts and (entered_on(act.facts) or 0) > local_day(act.recorded_at_ms):
        # only ahead: a log that was restored records a genuine act again, later
        draft.note("case.finding.entered_ahead", (act.act_id,), NO_PARAMS)
    steps.append(step)
    if draft.heads == act.parents:
        draft.heads = (act.act_id,)
    else:
        draft.heads = tuple(sorted((set(draft.heads) - set(act.parents)) | {act.act_id}))
    return step


def _facts_reason(spec: ActionSpec, act: CaseAct) -> Reason | None:
    problem = first_problem(spec.facts, act.facts, required=spec.required_facts)
    if problem is None:
        return None
    code, field = problem
    return Reason(code, {"action": spec.code, "field": field})


def _custody_obstacle(draft: Draft, spec: ActionSpec, act: CaseAct) -> Reason | None:
    custody = spec.custody
    if custody == "none":
        return None
    if custody in ("take", "decline"):
        if draft.offered_to == act.station:
            return None
        return Reason("case.not_offered", {"offered_to": draft.offered_to, "custodian": draft.custodian})
    if draft.custodian != act.station:
        return Reason("case.not_custodian", {"custodian": draft.custodian})
    if custody == "recall":
        return None if draft.offered_to else Reason("case.nothing_offered")
    if draft.offered_to:
        return Reason("case.offered_away", {"offered_to": draft.offered_to})
    return None


def _move_custody(draft: Draft, custody: str, act: CaseAct) -> None:
    if custody == "offer":
        draft.offered_to = StationId(str(act.facts.get("to", "")))
        set_out(draft, act.station)
        return
    if custody == "take":
        draft.custodian = act.station
    draft.offered_to = StationId("")
    put_down(draft, draft.custodian)


def _is_pending(draft: Draft, action: str) -> bool:
    steps = (draft.step_of(act_id) for act_id in draft.pending)
    return any(step is not None and step.act.action == action for step in steps)


def pending_target(draft: Draft, act: CaseAct) -> Step | None:
    """Return the waiting step that a countersignature names, None when it names none."""
    target = act.facts.get("target")
    if not isinstance(target, bytes) or target not in draft.pending:
        return None
    return draft.step_of(target)


def waiting_for(state: CaseState, act: CaseAct) -> Step | None:
    """Return the waiting step of a case that a countersignature names, None when it names none."""
    return pending_target(Draft(state), act)


def is_own(first: CaseAct, act: CaseAct) -> bool:
    """Tell whether two acts are one person's: by the key or by the staff number."""
    return first.actor == act.actor or first.staff_no == act.staff_no


def second_reason(target: Step, act: CaseAct, rules: Rules) -> Reason | None:
    """Return why this person may not be the second one for a waiting act."""
    if is_own(target.act, act):
        return Reason("case.same_person")
    return _no_second_role(target, act, rules) or _elsewhere(target, act)


def decline_reason(target: Step, act: CaseAct, rules: Rules) -> Reason | None:
    """Return why this person may neither take a waiting act back nor refuse it.

    The author takes it back, whoever might countersign it refuses it, both where it may be countersigned.
    """
    if is_own(target.act, act):
        return _elsewhere(target, act)
    return _no_second_role(target, act, rules) or _elsewhere(target, act)


def first_obstacle(draft: Draft, target: Step, act: CaseAct, rules: Rules) -> Reason | None:
    """Return what keeps a waiting act from effect if it were countersigned now, whoever signs.

    Args:
        draft: the case.
        target: the waiting step.
        act: the countersignature; only its times count.
        rules: item and case type.
    """
    first, before = target.act, draft.pending
    wanted = rules.case_type.actions[first.action]
    draft.pending = tuple(act_id for act_id in before if act_id != first.act_id)
    reason = obstacle(draft, wanted, first, rules)
    if reason is None and SAME_DAY in wanted.guards:
        reason = STATE_GUARDS[SAME_DAY](draft, act, rules)
    draft.pending = before
    return reason


def first_fails(action: str, reason: Reason) -> Reason:
    """Return why a countersignature would do nothing: what it should let take effect cannot."""
    return Reason("case.first_fails", {**reason.params, "action": action, "why": reason.code})


def _no_second_role(target: Step, act: CaseAct, rules: Rules) -> Reason | None:
    action = target.act.action
    role = rules.case_type.actions[action].second
    if role in act.roles or act.roles & _SENIOR_ROLES:
        return None
    return Reason("case.role", {"action": action, "roles": (role, *sorted(_SENIOR_ROLES - {role}))})


def _elsewhere(target: Step, act: CaseAct) -> Reason | None:
    first = target.act
    if first.station == act.station:
        return None
    if stands_above(act.station_level, first.station_level):
        return None
    return Reason("case.second_elsewhere", {"station": first.station})


def _second_obstacle(draft: Draft, spec: ActionSpec, act: CaseAct, rules: Rules) -> Reason | None:
    target = pending_target(draft, act)
    if target is None:
        return Reason("case.nothing_pending")
    return (decline_reason if spec.code == DECLINE else second_reason)(target, act, rules)


def _countersign(draft: Draft, target: Step, spec: ActionSpec, act: CaseAct, rules: Rules) -> Step:
    """The second person signs: the waiting act is judged again, now, and takes effect now."""
    first = target.act
    wanted = rules.case_type.actions[first.action]
    reason = first_obstacle(draft, target, act, rules)
    if reason is not None:
        return record(draft, act, first_fails(first.action, reason))
    draft.pending = tuple(act_id for act_id in draft.pending if act_id != first.act_id)
    at_ms = max(act.occurred_at_ms, first.occurred_at_ms)
    events = apply(draft, wanted, first, rules, at_ms)
    draft.done |= {spec.code}
    index = draft.steps.index(target)
    draft.steps[index] = target._replace(
        effective=True,
        reason="",
        params=NO_PARAMS,
        effect_at_ms=at_ms,
        by_countersign=act.act_id,
        events=events,
    )
    return record(draft, act, None)


def _decline(draft: Draft, target: Step, spec: ActionSpec, act: CaseAct, rules: Rules) -> Step:
    """The waiting act is taken back or refused: it waits no longer and counts for nothing."""
    first = target.act
    draft.pending = tuple(act_id for act_id in draft.pending if act_id != first.act_id)
    code = TAKEN_BACK if is_own(first, act) else DECLINED
    said = {"staff_no": act.staff_no, "said": str(act.facts.get("reason", ""))}
    draft.steps[draft.steps.index(target)] = target._replace(reason=code, params=said)
    return record(draft, act, None, apply(draft, spec, act, rules, act.occurred_at_ms))
