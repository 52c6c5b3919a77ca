"""From stored frames to registry acts: every check that comes before the fold, with its result as data.

A frame that a signed root covers is kept whatever it holds. What fails here is folded as a blocked act: it
holds its position in the registry log and never takes effect.

Source: docs/protocol.md, "Registry".
"""

from __future__ import annotations

from ledger.errors import BanjianError
from ledger.formats.act import Act, act_id, decode_act, verify_act
from ledger.formats.body import check_facts, check_personal
from ledger.formats.frame import split_frame
from ledger.formats.genesis import decode_ledger_genesis, ledger_id
from ledger.formats.keys import ED25519, key_id
from ledger.hashing import CTX_ACT_ID, digest
from ledger.registry.registry import Registry
from ledger.registry.state import RegistryAct
from ledger.types import ActId, Facts, KeyId, LedgerId, StationId

NO_KEY = KeyId(bytes(16))


def read_registry_frame(
    registry: Registry, raw: bytes, *, position: int, facts: bytes | None, personal: bytes | None = None
) -> RegistryAct:
    """Return the act of one stored frame of the registry log, blocked where a check fails.

    The signature is checked with the key as the registry knows it now, retired or not. A missing or wrong
    personal body withholds a name and nothing else.

    Args:
        registry: the registry after the entries before this one.
        raw: the frame's bytes.
        position: its place in the registry log, counted from 1.
        facts: bytes of its facts; without them the act is blocked (``registry.facts_missing``).
        personal: bytes of its personal body, if held.
    """
    try:
        parts = split_frame(raw)
    except BanjianError as error:
        return _blocked(ActId(digest(CTX_ACT_ID, raw)), position, error.code)
    known_id = act_id(parts.act_raw)
    try:
        act = Act(decode_act(parts.act_raw), parts.act_raw, parts.sig, known_id)
    except BanjianError as error:
        return _blocked(known_id, position, error.code)
    return read_registry_act(registry, act, position=position, facts=facts, personal=personal)


def read_registry_act(
    registry: Registry, act: Act, *, position: int, facts: bytes | None, personal: bytes | None = None
) -> RegistryAct:
    """Return a decoded act as the fold takes it, blocked where a check fails; arguments as for a frame."""
    header = act.header
    held: Facts = {}
    blocked = ""
    try:
        if facts is not None:
            held = check_facts(header, facts)
        blocked = _blocking_code(registry, act, held if facts is not None else None)
    except BanjianError as error:
        blocked = error.code
    return RegistryAct(
        act_id=act.act_id,
        action=header.action,
        actor_key_id=header.actor,
        facts=held,
        personal=_personal(act, personal),
        case_id=header.case_id,
        parents=header.parents,
        position=position,
        station=header.station,
        blocked=blocked,
    )


def _blocking_code(registry: Registry, act: Act, facts: Facts | None) -> str:
    """Return the code of the first check that fails, else the empty string.

    Raises:
        BanjianError: a check raises by itself; its code blocks the act as well.
    """
    if act.header.ledger_id != registry.ledger_id:
        return "registry.other_ledger"
    if facts is None:
        return "registry.facts_missing"
    public_key = registry.public_key(act.header.actor)
    if public_key is None and not registry.station_of_log:
        public_key = _founding_key(registry.ledger_id, act, facts)
    if public_key is not None:
        verify_act(act.raw, act.sig, public_key)
    elif registry.station_of_log:
        return "registry.actor_unknown"
    # Before the log is founded, the fold itself refuses whatever no root key of the genesis signed.
    return ""


def _founding_key(pinned: LedgerId, act: Act, facts: Facts) -> bytes | None:
    """Return the root key that signed the first entry, taken from the ledger genesis that it carries.

    Raises:
        EncodingError: the genesis is malformed (``genesis.*``, ``encoding.*``).
    """
    raw = facts.get("ledger_genesis")
    if not isinstance(raw, bytes) or ledger_id(raw) != pinned:
        return None
    roots = decode_ledger_genesis(raw).root_public_keys
    return next((key for key in roots if key_id(ED25519, key) == act.header.actor), None)


def _personal(act: Act, raw: bytes | None) -> Facts | None:
    if raw is None:
        return None
    try:
        return check_personal(act.header, raw)
    except BanjianError:
        return None


def _blocked(known_id: ActId, position: int, code: str) -> RegistryAct:
    return RegistryAct(
        act_id=known_id,
        action="",
        actor_key_id=NO_KEY,
        facts={},
        position=position,
        station=StationId(""),
        blocked=code,
    )
