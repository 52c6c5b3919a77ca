"""Registry acts tried on a copy of the registry: the real judge says of each whether it would hold."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from hashlib import sha256

from ledger.registry.authority import Refusal
from ledger.registry.registry import Registry
from ledger.registry.state import RegistryAct
from ledger.types import ActId, KeyId
from stations.imports.difference import PlannedAct
from stations.sheetin.faults import Faults

_FOLLOWING = frozenset(
    ("registry.station_unknown", "registry.upstream", "registry.staff_unknown", "registry.no_subject")
)


def try_acts(registry: Registry, acts: Sequence[PlannedAct], actor: KeyId, faults: Faults) -> None:
    """Note a fault at the row of each act that would have no effect, signed now and after those before it.

    Where rows have faults already, their acts are wanting: refusals that may only follow from that are left
    out.

    Args:
        registry: what is held; stays untouched.
        acts: what is to be signed, in order.
        actor: the key that would sign.
        faults: takes the refusals, under their own codes.
    """
    if not acts:
        return
    trial = deepcopy(registry)
    for number, act in enumerate(acts):
        refusal = _apply(trial, act, actor, number)
        if refusal is not None and not (faults.count and refusal.code in _FOLLOWING):
            faults.add(refusal.code, act.place, act.key, **refusal.params)


def first_refusal(registry: Registry, acts: Sequence[PlannedAct], actor: KeyId) -> Refusal | None:
    """Return why the first of some acts would not hold, signed now in their order; None when all would."""
    trial = deepcopy(registry)
    for number, act in enumerate(acts):
        refusal = _apply(trial, act, actor, number)
        if refusal is not None:
            return refusal
    return None


def _apply(trial: Registry, act: PlannedAct, actor: KeyId, number: int) -> Refusal | None:
    thread = trial.thread_for(act.action, act.facts)
    if thread is None:
        return Refusal(code="registry.no_subject", params={"action": act.action})
    outcome = trial.apply(
        RegistryAct(
            act_id=ActId(sha256(b"trial %d" % number).digest()),
            action=act.action,
            actor_key_id=actor,
            facts=act.facts,
            personal=act.personal,
            case_id=thread.case_id,
            parents=thread.parents,
            position=trial.size + 1,
            station=trial.station_of_log,
        )
    )
    return outcome.refusal
