"""Acts made without knowledge of each other: which stand, which are contested, what a ruling changes.

Two concurrent acts (neither an ancestor of the other) conflict unless one of them is declared to commute with
the other. The first in the one order keeps its effect for the time being; the other is shown beside it
without effect, and irreversible actions wait. Only an act that would have had effect in its author's own view
can contest anything: nobody can block a case with an act that was void from the start.

An ``adjudicate`` act that descends from the acts and names them settles the conflict. Its ruling reaches
back: the acts are folded again with what it upheld and set aside. A conflicting act that its author had not
seen opens the case anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from ledger.cases.draft import Draft, new_draft
from ledger.cases.judge import ADJUDICATE, COUNTERSIGN, DECLINE, obstacle, record, standing, take
from ledger.cases.order import ancestors, bit_indexes
from ledger.cases.shape import CaseAct, CaseFinding, Conflict, Reason, Step
from ledger.rules.casetype import ActionSpec
from ledger.rules.catalogue import Rules
from ledger.types import ActId

_Views = dict[ActId, "Reason | None"]
_KNOWINGLY: Final = "case.conflict_open"
"""An irreversible act made although its author saw the conflict: no later ruling gives it effect."""
_FINDING_CONFLICT: Final = "case.finding.irreversible_in_conflict"


class _Ruling(NamedTuple):
    """One adjudication in effect: what it had seen (bits), and its word on single acts."""

    act_id: ActId
    seen: int
    uphold: frozenset[ActId]
    set_aside: frozenset[ActId]


class _Run(NamedTuple):
    """What all passes over the acts work with; each but the last adds one to ``rulings``."""

    ordered: Sequence[CaseAct]
    known: Sequence[int]
    rules: Rules
    rulings: dict[ActId, _Ruling]
    views: _Views


def is_chain(ordered: Sequence[CaseAct]) -> bool:
    """Tell whether every act has exactly the one before as its parent, and none rules on others."""
    before: tuple[ActId, ...] = ()
    for act in ordered:
        if act.parents != before or act.action == ADJUDICATE:
            return False
        before = (act.act_id,)
    return True


def fold_acts(ordered: Sequence[CaseAct], rules: Rules, views: _Views | None = None) -> Draft:
    """Fold a parent-closed sequence in the one order; at least one act."""
    if is_chain(ordered):
        draft = new_draft(ordered[0], rules)
        for act in ordered:
            take(draft, act, rules)
        return draft
    run = _Run(ordered, ancestors(ordered), rules, {}, {} if views is None else views)
    _own_views(run)
    while True:
        draft = new_draft(ordered[0], rules)
        ruling = _pass(run, draft)
        if ruling is None:
            draft.conflicts = _grouped((*draft.conflicts, *_settled(run, draft)))
            return draft
        run.rulings[ruling.act_id] = ruling


def commute(first: ActionSpec, second: ActionSpec) -> bool:
    """Tell whether two concurrent actions may both stand."""
    if first.code in second.conflicts_with or second.code in first.conflicts_with:
        return False
    return first.commutes or second.commutes


def _pass(run: _Run, draft: Draft) -> _Ruling | None:
    """Fold once under the rulings known so far; returns the first new ruling, None when there is none."""
    kept = 0
    for index in range(len(run.ordered)):
        found = _next(run, draft, index, kept)
        if isinstance(found, _Ruling):
            return found
        if found.effective:
            kept |= 1 << index
    return None


def _next(run: _Run, draft: Draft, index: int, kept: int) -> Step | _Ruling:
    """Record the next act of the order, or return the new ruling that it is."""
    act = run.ordered[index]
    spec = run.rules.case_type.actions.get(act.action)
    word = _word_on(run, act.act_id)
    if spec is None:
        return take(draft, act, run.rules)
    if word == "set_aside":
        return record(draft, act, Reason("case.set_aside"), conflict=True)
    rivals = _rivals(run, index, spec, kept, upheld=word == "upheld")
    view = run.views.get(act.act_id)
    if view is not None and (rivals or view.code == _KNOWINGLY):
        return record(draft, act, view)
    if rivals:
        return _contest(run, draft, index, rivals)
    if act.action == ADJUDICATE and act.act_id not in run.rulings:
        return _try_ruling(run, draft, index, spec)
    return _stand(run, draft, index)


def _stand(run: _Run, draft: Draft, index: int) -> Step:
    """Judge an act that nothing contests; one that a conflict keeps from effect may not have known of it."""
    step = take(draft, run.ordered[index], run.rules)
    if step.reason == _KNOWINGLY:
        _mark_unknowing(run, draft, index)
    return step


def _word_on(run: _Run, act_id: ActId) -> str:
    word = ""
    for ruling in run.rulings.values():
        if act_id in ruling.set_aside:
            word = "set_aside"
        elif act_id in ruling.uphold:
            word = "upheld"
    return word


def _rivals(run: _Run, index: int, spec: ActionSpec, kept: int, *, upheld: bool) -> list[int]:
    """Return the indexes of standing acts that this one did not know of and cannot stand beside."""
    unknown = kept & ~run.known[index]
    if not unknown or spec.second:
        return []
    act, actions = run.ordered[index], run.rules.case_type.actions
    standing_acts = ((other, run.ordered[other]) for other in bit_indexes(unknown))
    rivals = [
        other
        for other, rival in standing_acts
        if not commute(spec, actions[rival.action]) and not _agree(act, rival)
    ]
    if upheld:
        rivals = [other for other in rivals if _settled_by(run, index, other) is None]
    return rivals


def _agree(act: CaseAct, other: CaseAct) -> bool:
    """Tell whether two acts about acts that wait stand beside each other although their actions do not.

    Two people who countersign one act at once agree, the second signature is merely not needed; and who
    declines one act says nothing of another.
    """
    same = act.facts.get("target") == other.facts.get("target")
    if act.action == other.action == COUNTERSIGN:
        return same
    return not same and {act.action, other.action} == {COUNTERSIGN, DECLINE}


def _settled_by(run: _Run, index: int, other: int) -> ActId | None:
    both = (1 << index) | (1 << other)
    for ruling in run.rulings.values():
        if ruling.seen & both == both:
            return ruling.act_id
    return None


def _contest(run: _Run, draft: Draft, index: int, rivals: list[int]) -> Step:
    act = run.ordered[index]
    still_open = False
    for other in rivals:
        settled = _settled_by(run, index, other)
        still_open = still_open or settled is None
        pair = Conflict((run.ordered[other].act_id,), (act.act_id,), settled or b"")
        draft.conflicts = (*draft.conflicts, pair)
    others = tuple(run.ordered[other].act_id.hex()[:8] for other in rivals)
    reason = Reason("case.conflict", {"others": others}) if still_open else Reason("case.set_aside")
    return record(draft, act, reason, conflict=True)


def _mark_unknowing(run: _Run, draft: Draft, index: int) -> None:
    """An irreversible act whose author could not know of the conflict: shown as contested, with a finding."""
    seen = run.known[index]
    seen_ids = {run.ordered[other].act_id for other in bit_indexes(seen)}
    unseen = [
        pair
        for pair in draft.conflicts
        if pair.is_open and not seen_ids.issuperset(pair.kept + pair.contested)
    ]
    if unseen:
        step = draft.steps[-1]
        draft.steps[-1] = step._replace(conflict=True)
        draft.findings = (*draft.findings, CaseFinding(_FINDING_CONFLICT, (step.act.act_id,)))


def _try_ruling(run: _Run, draft: Draft, index: int, spec: ActionSpec) -> Step | _Ruling:
    """Return the ruling of an adjudication that stands; else record it without effect."""
    act = run.ordered[index]
    reason = standing(spec, act, run.rules) or obstacle(draft, spec, act, run.rules)
    if reason is None:
        uphold, set_aside = _named(act, "uphold"), _named(act, "set_aside")
        reason = _ruling_obstacle(run, draft, index, uphold, set_aside)
        if reason is None:
            return _Ruling(act.act_id, run.known[index], uphold, set_aside)
    return record(draft, act, reason)


def _ruling_obstacle(
    run: _Run,
    draft: Draft,
    index: int,
    uphold: frozenset[ActId],
    set_aside: frozenset[ActId],
) -> Reason | None:
    seen_ids = {run.ordered[other].act_id: run.ordered[other] for other in bit_indexes(run.known[index])}
    if uphold & set_aside:
        return Reason("case.adjudicate_both")
    if not seen_ids.keys() >= uphold | set_aside:
        return Reason("case.adjudicate_unknown")
    pairs = [pair.kept + pair.contested for pair in draft.conflicts if pair.is_open]
    seen_pairs = [pair for pair in pairs if seen_ids.keys() >= set(pair)]
    if not seen_pairs:
        return Reason("case.no_conflict")
    contested = {act_id for pair in seen_pairs for act_id in pair if seen_ids[act_id].action != ADJUDICATE}
    unnamed = contested - uphold - set_aside
    if unnamed:
        return Reason(
            "case.adjudicate_incomplete", {"acts": tuple(sorted(name.hex()[:8] for name in unnamed))}
        )
    return None


def _settled(run: _Run, draft: Draft) -> list[Conflict]:
    """Return what the rulings in effect settled."""
    effective = {step.act.act_id for step in draft.steps if step.effective}
    return [
        Conflict(tuple(ruling.uphold), tuple(ruling.set_aside), ruling.act_id)
        for ruling in run.rulings.values()
        if ruling.act_id in effective
    ]


def _named(act: CaseAct, field: str) -> frozenset[ActId]:
    value = act.facts.get(field)
    if not isinstance(value, list):
        return frozenset()
    return frozenset(ActId(item) for item in value if isinstance(item, bytes))


def _own_views(run: _Run) -> None:
    """Judge every act that may be contested in its author's own view, in order, so that views never nest."""
    actions = run.rules.case_type.actions
    for index, act in enumerate(run.ordered):
        spec = actions.get(act.action)
        if spec is None or spec.second or act.act_id in run.views:
            continue
        unknown = ((1 << index) - 1) & ~run.known[index]
        others = (actions.get(run.ordered[other].action) for other in bit_indexes(unknown))
        if spec.irreversible or any(other is not None and not commute(spec, other) for other in others):
            run.views[act.act_id] = _own_view(run, index, spec)


def _own_view(run: _Run, index: int, spec: ActionSpec) -> Reason | None:
    act = run.ordered[index]
    reason = standing(spec, act, run.rules)
    if reason is not None or not run.known[index]:
        return reason or (Reason("case.second_opening") if index else None)
    seen = [run.ordered[other] for other in bit_indexes(run.known[index])]
    return obstacle(fold_acts(seen, run.rules, run.views), spec, act, run.rules)


def _grouped(pairs: tuple[Conflict, ...]) -> tuple[Conflict, ...]:
    """Join pairs that share an act and a fate into one conflict, sorted."""
    groups: list[tuple[bytes, set[ActId], set[ActId]]] = []
    for pair in pairs:
        kept, contested = set(pair.kept), set(pair.contested)
        rest: list[tuple[bytes, set[ActId], set[ActId]]] = []
        for group in groups:
            if group[0] == pair.settled_by and (group[1] | group[2]) & (kept | contested):
                kept |= group[1]
                contested |= group[2]
            else:
                rest.append(group)
        groups = [*rest, (pair.settled_by, kept, contested)]
    joined = (
        Conflict(tuple(sorted(kept - contested)), tuple(sorted(contested)), settled)
        for settled, kept, contested in groups
    )
    return tuple(sorted(joined))
