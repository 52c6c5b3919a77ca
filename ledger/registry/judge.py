"""Whether a registry act takes effect: the rules that hold for every action, in the order of checking.

1. The caller found nothing wrong with encoding, signature and bodies (``blocked``).
2. Entry 1 founds the log: ``open_log`` by a root key, with the geneses that hash to the pinned ledger.
3. An act counts once, and only at the station of the registry log.
4. Its facts fit the schema of its action; its thread and predecessors are known.
5. Its key is live and of the kind that the action needs.
6. Its own effect is possible (``ledger.registry.effects``).
7. What needs two root keys waits for the countersign of another one and is judged again at that position.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.errors import BanjianError
from ledger.formats.genesis import OPEN_LOG, decode_ledger_genesis, decode_log_genesis, ledger_id
from ledger.formats.keys import ED25519, key_id
from ledger.registry.authority import Refusal
from ledger.registry.check import check_facts
from ledger.registry.effects import EFFECTS, EffectOrRefusal, is_root_act
from ledger.registry.keys import bytes_of, text_of
from ledger.registry.schema import SCHEMAS
from ledger.registry.state import Change, Found, KeyRecord, RegistryAct, RegistryState, SetKey
from ledger.types import ActId, CaseId, Facts, KeyId, StationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an act does: its changes now, or none yet while it waits for a second root key.

    ``completes`` is the earlier act that this countersign puts into effect; None for any other act.
    """

    changes: tuple[Change, ...] = ()
    pending: bool = False
    completes: ActId | None = None


def judge(state: RegistryState, act: RegistryAct) -> Verdict | Refusal:
    """Return what an act does in a state, or why it does nothing; changes nothing itself."""
    if act.blocked:
        return Refusal(code=act.blocked, params={"act": act.act_id})
    if not state.station:
        return _judge_founding(state, act)
    refusal = (
        _identity_refusal(state, act) or check_facts(act.action, act.facts) or _thread_refusal(state, act)
    )
    if refusal is not None:
        return refusal
    actor = _actor(state, act)
    if isinstance(actor, Refusal):
        return actor
    if act.action == "countersign":
        return _judge_countersign(state, act)
    changes = EFFECTS[act.action](state, act, actor, act.position)
    if isinstance(changes, Refusal):
        return changes
    if not SCHEMAS[act.action].opening and act.thread != subject_thread(state, act.action, act.facts):
        return Refusal(code="registry.thread", params={"act": act.act_id})
    return Verdict(pending=True) if is_root_act(state, act) else Verdict(changes=changes)


def subject_thread(state: RegistryState, action: str, facts: Facts) -> CaseId | None:
    """Return the thread that an act with these facts belongs to: the one that enrolled its subject."""
    if action == "countersign":
        return state.threads.get(ActId(bytes_of(facts, "target")))
    if action in ("close_station", "end_certificates"):
        return state.station_threads.get(StationId(text_of(facts, "station")))
    if action in ("grant_role", "end_role"):
        record = state.person("staff", text_of(facts, "staff_no"))
    else:
        record = state.key(KeyId(bytes_of(facts, "key_id")))
    return None if record is None else record.thread


def _judge_founding(state: RegistryState, act: RegistryAct) -> Verdict | Refusal:
    if act.action != OPEN_LOG or act.position != 1:
        return Refusal(code="registry.not_founded", params={"act": act.act_id})
    refusal = check_facts(act.action, act.facts)
    if refusal is not None:
        return refusal
    if act.case_id or act.parents:
        return Refusal(code="registry.opening", params={"action": act.action})
    raw_ledger, raw_log = bytes_of(act.facts, "ledger_genesis"), bytes_of(act.facts, "genesis")
    if ledger_id(raw_ledger) != state.ledger_id:
        return Refusal(code="registry.ledger_id", params={"expected": state.ledger_id})
    try:
        ledger, log = decode_ledger_genesis(raw_ledger), decode_log_genesis(raw_log)
    except BanjianError as error:
        return Refusal(code=error.code, params=dict(error.params))
    if log.kind != "registry" or log.ledger_id != state.ledger_id or log.station != act.station:
        return Refusal(code="registry.genesis", params={"act": act.act_id})
    roots = tuple(
        KeyRecord(
            key_id=key_id(ED25519, public_key),
            alg=ED25519,
            public_key=public_key,
            kind="root",
            staff_no=f"root-{number}",
            thread=act.thread,
        )
        for number, public_key in enumerate(ledger.root_public_keys, start=1)
    )
    if act.actor_key_id not in {root.key_id for root in roots}:
        return Refusal(code="registry.not_root", params={"action": act.action})
    if log.log_public_key in ledger.root_public_keys:
        return Refusal(code="registry.genesis", params={"act": act.act_id})
    founded = Found(station=log.station, log_public_key=log.log_public_key)
    return Verdict(changes=(founded, *(SetKey(record=root) for root in roots)))


def _identity_refusal(state: RegistryState, act: RegistryAct) -> Refusal | None:
    if act.act_id in state.seen:
        return Refusal(code="registry.duplicate", params={"act": act.act_id})
    if act.action == OPEN_LOG:
        return Refusal(code="registry.already_open", params={"act": act.act_id})
    if act.station != state.station:
        return Refusal(code="registry.other_station", params={"station": act.station})
    return None


def _thread_refusal(state: RegistryState, act: RegistryAct) -> Refusal | None:
    if SCHEMAS[act.action].opening:
        if act.case_id or act.parents:
            return Refusal(code="registry.opening", params={"action": act.action})
        return None
    for parent in act.parents:
        if parent not in state.threads:
            return Refusal(code="registry.parent", params={"parent": parent})
    if not act.parents or any(state.threads[parent] != act.case_id for parent in act.parents):
        return Refusal(code="registry.thread", params={"act": act.act_id})
    return None


def _actor(state: RegistryState, act: RegistryAct) -> KeyRecord | Refusal:
    """Return the record of the key that signed, if it may sign such an action at all."""
    actor = state.key(act.actor_key_id)
    if actor is None:
        return Refusal(code="registry.actor_unknown", params={"key": act.actor_key_id})
    if actor.retirement is not None:
        return Refusal(code="registry.actor_retired", params={"key": act.actor_key_id})
    signer = SCHEMAS[act.action].signer
    if actor.kind != "root" and (signer == "root" or is_root_act(state, act)):
        return Refusal(code="registry.not_root", params={"action": act.action})
    if actor.kind != "registrar" and signer == "registrar":
        return Refusal(code="registry.not_registrar", params={"action": act.action})
    return actor


def _judge_countersign(state: RegistryState, act: RegistryAct) -> Verdict | Refusal:
    target = ActId(bytes_of(act.facts, "target"))
    waiting = state.pending.get(target)
    if waiting is None:
        return Refusal(code="registry.countersign_target", params={"target": target})
    if waiting.actor_key_id == act.actor_key_id:
        return Refusal(code="registry.countersign_same", params={"target": target})
    if act.thread != waiting.thread:
        return Refusal(code="registry.thread", params={"act": act.act_id})
    proposer = _actor(state, waiting)
    if isinstance(proposer, Refusal):
        return proposer
    changes: EffectOrRefusal = EFFECTS[waiting.action](state, waiting, proposer, act.position)
    if isinstance(changes, Refusal):
        return changes
    return Verdict(changes=changes, completes=target)
