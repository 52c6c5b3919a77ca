"""A case: acts in, state out.

``fold_case`` is a pure function of the set of acts; ``evolve_all`` is its fast path for acts that follow
everything already folded. ``check`` is the same fold asked before signing: what would stay without effect is
refused there with the same code.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from ledger.cases.conflict import fold_acts
from ledger.cases.draft import Draft, new_draft
from ledger.cases.judge import ADJUDICATE, take
from ledger.cases.order import fold_order
from ledger.cases.shape import CaseAct, CaseState, Step
from ledger.errors import DataError, InputError, RuleError
from ledger.rules.catalogue import Rules
from ledger.types import ActId, Facts

_STATE_CTX = b"banjian/case-state/1\n"


def fold_case(acts: Iterable[CaseAct], rules: Rules) -> CaseState:
    """Return the state of a case from all its acts, given in any order and any number of times.

    Acts with a missing parent are listed as ``awaiting`` and change nothing.

    Raises:
        DataError: ``case.no_acts`` when no act without missing parents is there at all.
    """
    ordered, awaiting = fold_order(acts)
    if not ordered:
        raise DataError("case.no_acts", awaiting=len(awaiting))
    draft = fold_acts(ordered, rules)
    draft.awaiting = awaiting
    return draft.freeze()


def follows(state: CaseState, act: CaseAct) -> bool:
    """Tell whether an act descends from everything folded and rules on nothing behind it."""
    return act.parents == state.heads and not state.awaiting and act.action != ADJUDICATE


def evolve_all(state: CaseState, acts: Iterable[CaseAct], rules: Rules) -> CaseState | None:
    """Return the state after more acts, one behind the other; None when one does not follow all before it.

    Equal to folding everything again, for less. Where it answers None, only that tells the state.
    """
    if state.awaiting:
        return None
    draft = Draft(state)
    for act in acts:
        if act.parents != draft.heads or act.action == ADJUDICATE:
            return None
        take(draft, act, rules)
    return draft.freeze()


def check(state: CaseState | None, rules: Rules, act: CaseAct) -> CaseState:
    """Return the state after an act; refuse before signing what would stay without effect.

    Waiting for a second person is not a refusal, and a second correction list is kept: it has no effect,
    touches no clock, and stays in the case as a finding.

    Args:
        state: the case, None for an opening act.
        rules: item and case type of the case.
        act: the act as it would be recorded.

    Raises:
        InputError: ``case.facts_missing``, ``case.facts_unknown``, ``case.facts_value``: what was typed.
        RuleError: every other reason for which a step stays without effect.
    """
    if state is None or follows(state, act):
        draft = new_draft(act, rules) if state is None else Draft(state)
        step = take(draft, act, rules)
        after = draft.freeze()
    else:
        after = fold_case([*(known.act for known in state.steps), act], rules)
        step = next(known for known in after.steps if known.act.act_id == act.act_id)
    if step.effective or step.reason in _KEPT_CODES:
        return after
    kind = InputError if step.reason in _INPUT_CODES else RuleError
    raise kind(step.reason, **step.params)


def facts_of(state: CaseState, act_id: ActId) -> Facts:
    """Return an act's facts with later amendments laid over them; ``step.act.facts`` keeps the original.

    Raises:
        DataError: ``case.no_act`` when the case has no such act.
    """
    for step in state.steps:
        if step.act.act_id == act_id:
            facts = dict(step.act.facts)
            for amendment in state.amendments:
                if amendment.target == act_id:
                    facts.update(amendment.changes)
            return facts
    raise DataError("case.no_act", act=act_id)


def state_digest(state: CaseState) -> bytes:
    """Return 32 bytes that are equal for equal states, on every machine and Python version."""
    plain = (
        tuple(_plain_step(step) for step in state.steps),
        tuple(_plain(getattr(state, name)) for name in _DIGESTED),
        tuple((found.code, found.acts, _plain(dict(found.params))) for found in state.findings),
    )
    return sha256(_STATE_CTX + ascii(plain).encode("ascii")).digest()


_KEPT_CODES = frozenset(("case.awaiting_second", "case.second_correction"))
_INPUT_CODES = frozenset(("case.facts_missing", "case.facts_unknown", "case.facts_value"))
_DIGESTED = tuple(name for name in CaseState._fields if name not in ("steps", "findings"))


def _plain_step(step: Step) -> tuple[object, ...]:
    return (step.act.act_id, step.effective, step.reason, step.effect_at_ms, step.by_countersign or b"",
            step.status_after, step.conflict, step.events, _plain(dict(step.params)))  # fmt: skip


def _plain(value: object) -> object:
    """Return nested tuples of texts, numbers and bytes, with sets and maps in a fixed order."""
    if isinstance(value, frozenset):
        return tuple(sorted(value))
    if isinstance(value, dict):
        return tuple(sorted((name, _plain(item)) for name, item in value.items()))
    if isinstance(value, tuple | list):
        return tuple(_plain(item) for item in value)
    return value
