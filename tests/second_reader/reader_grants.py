"""Provisional grants: the key that an act tells of itself, and what that key may do."""

from dataclasses import dataclass
from typing import Any

from reader_formats import (
    TOP,
    Act,
    Refused,
    check_act_signature,
    check_body,
    check_enrollable,
    decode_act,
    decode_body,
    key_id,
    octets,
    one_of,
    possesses,
)
from reader_registry import STAFF_NO, Key, Registry

WEEK_MS = 604_800_000
FORM = {
    "staff_no": STAFF_NO,
    "replaces": octets(16),
    "alg": one_of("ed25519"),
    "public_key": octets(32),
    "possession": octets(64),
    "reason": one_of("forgotten", "lost", "damaged"),
    "until_ms": lambda value: type(value) is int and 0 <= value <= TOP,
}


@dataclass(frozen=True)
class Given:
    """A grant of sound form."""

    act: Act
    signature: bytes
    staff_no: str
    replaces: bytes
    key: bytes
    until_ms: int


def _three(body: dict[str, Any] | None) -> tuple[bytes, bytes, bytes] | None:
    carried = None if body is None else body.get("grant")
    if not isinstance(carried, list) or len(carried) != 3 or not all(isinstance(v, bytes) for v in carried):
        return None
    if any(len(v) > most for v, most in zip(carried, (4096, 128, 16384), strict=True)):
        return None
    return carried[0], carried[1], carried[2]


def told_key(act: Act, body: dict[str, Any] | None) -> bytes | None:
    """Return the key that an act tells of itself, if it is its author's."""
    parts = _three(body)
    if parts is None:
        return None
    try:
        key = decode_body(parts[2]).get("public_key")
    except Refused:
        return None
    return key if isinstance(key, bytes) and key_id("ed25519", key) == act.actor else None


def read_grant(act: Act, signature: bytes, facts: bytes, ledger_id: bytes) -> Given:
    """Return a grant whose form is sound."""
    if (act.ledger_id, act.action, act.case_id, act.personal_hash) != (
        ledger_id, "provisional_grant", b"", b"",
    ):  # fmt: skip
        raise Refused("grant.form")
    try:
        body = check_body(act, "facts", facts)
    except Refused as refused:
        raise Refused("grant.form", refused.code) from refused
    del body["salt"]
    if body.keys() != FORM.keys() or not all(form(body[name]) for name, form in FORM.items()):
        raise Refused("grant.form")
    if not 0 < body["until_ms"] - act.occurred_at_ms <= WEEK_MS:
        raise Refused("grant.limit")
    try:
        check_enrollable("ed25519", body["public_key"])
    except Refused as refused:
        raise Refused("grant.possession") from refused
    if not possesses(ledger_id, body["public_key"], body["possession"]):
        raise Refused("grant.possession")
    return Given(act, signature, body["staff_no"], body["replaces"], body["public_key"], body["until_ms"])


def carried_grant(body: dict[str, Any], ledger_id: bytes) -> Given:
    """Return the grant that an act carries."""
    parts = _three(body)
    if parts is None:
        raise Refused("grant.form")
    try:
        act = decode_act(parts[0])
    except Refused as refused:
        raise Refused("grant.form", refused.code) from refused
    return read_grant(act, parts[1], parts[2], ledger_id)


def confirmed(registry: Registry, given: Given) -> bool:
    """Tell whether a registrar enrolled the key for that person."""
    key = registry.keys.get(key_id("ed25519", given.key))
    return key is not None and (key.kind, key.number) == ("staff", given.staff_no)


def force(registry: Registry, given: Given, n: int) -> tuple[Key, int]:
    """Return whose place the key takes, and at which size that key is to be looked at."""
    g, station = given.act.registry_size, given.act.station
    grantor = registry.keys.get(given.act.actor)
    if grantor is None:
        raise Refused("authority.registry_ahead" if g > registry.size else "grant.grantor")
    try:
        check_act_signature(given.act.raw, grantor.public_key, given.signature)
    except Refused as refused:
        raise Refused("grant.signature") from refused
    try:
        registry.authority(given.act, "station", b"", 0)
    except Refused as refused:
        raise Refused(
            refused.code if refused.code == "authority.registry_ahead" else "grant.grantor"
        ) from refused
    old = registry.keys.get(given.replaces)
    if old is None or (old.kind, old.number) != ("staff", given.staff_no) or old.since > n:
        raise Refused("grant.old_key")
    at = n
    if not old.live(n):
        mine = [k for k in registry.keys.values() if (k.kind, k.number) == ("staff", given.staff_no)]
        later = sorted((k.since, k.key_id) for k in mine if k.since > old.since)
        if old.until is None or not later or later[0][1] != key_id("ed25519", given.key):
            raise Refused("grant.old_key")
        at = old.until - 1
    if grantor.number == given.staff_no:
        raise Refused("grant.self")
    if station not in registry.line(old.station, n)[:2]:
        raise Refused("grant.station")
    if registry.roles(old, station, at) & {"head", "supervisor"}:
        raise Refused("grant.rank")
    for role in registry.grants:
        held = role.key_id == old.key_id and role.since <= at and (role.until is None or at < role.until)
        if held and station not in registry.line(role.scope.removesuffix("/*"), n):
            raise Refused("grant.scope")
    if n > g and not confirmed(registry, given):
        still = registry.roles(grantor, station, n) if grantor.live(n) else set()
        if not still & {"head", "supervisor"}:
            raise Refused("grant.grantor_ended")
    return old, at


def authority(
    registry: Registry, act: Act, body: dict[str, Any], recorded_at_ms: int, *, log_id: bytes, seq: int
) -> tuple[str, Given]:
    """Refuse an act without authority under its grant; else return its lane and the grant."""
    given = carried_grant(body, act.ledger_id)
    name = key_id("ed25519", given.key)
    if name != act.actor:
        raise Refused("grant.other_key")
    if act.action in NEVER or act.action.startswith("publish_"):
        raise Refused("grant.action")
    old, at = force(registry, given, act.registry_size)
    if recorded_at_ms > given.until_ms and not confirmed(registry, given):
        raise Refused("grant.expired")
    registry.at_station(old, act, "station", at)
    return registry.lane(registry.keys.get(name, old), log_id, seq), given


NEVER = {
    "open_log", "provisional_grant", "appoint_registrar", "dismiss_registrar", "enrol_station",
    "close_station", "end_certificates", "enrol_staff", "grant_role", "end_role", "enrol_service",
    "retire_key",
}  # fmt: skip
