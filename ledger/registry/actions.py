"""Builders for the facts of registry actions, checked against ``SCHEMAS`` before anyone signs."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.errors import InputError
from ledger.oneline import code_point, hidden_character
from ledger.registry.check import check_facts, expected, fits
from ledger.registry.schema import PERSON, SCHEMAS
from ledger.types import ActId, Facts, KeyId, LogId, StationId, Value

__all__ = [
    "SCHEMAS",
    "appoint_registrar",
    "close_station",
    "countersign",
    "dismiss_registrar",
    "end_certificates",
    "end_role",
    "enrol_service",
    "enrol_staff",
    "enrol_station",
    "grant_role",
    "open_log",
    "retire_key",
    "staff_personal",
]


def open_log(*, genesis: bytes, ledger_genesis: bytes | None = None) -> Facts:
    """Return the facts that open a log: its packed genesis, and in the registry log the ledger's as well.

    Raises:
        InputError: a genesis is empty or too long (``registry.field_value``).
    """
    facts: Facts = {"genesis": genesis}
    if ledger_genesis is not None:
        facts["ledger_genesis"] = ledger_genesis
    return _checked("open_log", facts)


def countersign(*, target: ActId) -> Facts:
    """Return the facts with which a second root key puts a root act into effect.

    Raises:
        InputError: the target is no act id (``registry.field_value``).
    """
    return _checked("countersign", {"target": target})


def appoint_registrar(*, staff_no: str, alg: str, public_key: bytes, possession: bytes, scope: str) -> Facts:
    """Return the facts that make the holder of a key registrar of a scope.

    Raises:
        InputError: a field does not fit (``registry.field_value``).
    """
    return _checked(
        "appoint_registrar",
        {
            "staff_no": staff_no,
            "alg": alg,
            "public_key": public_key,
            "possession": possession,
            "scope": scope,
        },
    )


def dismiss_registrar(*, key_id: KeyId, reason: str, log_sizes: Sequence[tuple[LogId, int]]) -> Facts:
    """Return the facts that end a registrar's key.

    Args:
        key_id: the registrar's key.
        reason: ``retired`` or ``compromised``.
        log_sizes: (log id, size) of each log where the key appeared, as the county held it.

    Raises:
        InputError: a field does not fit (``registry.field_value``).
    """
    return _retirement("dismiss_registrar", key_id, reason, log_sizes)


def retire_key(*, key_id: KeyId, reason: str, log_sizes: Sequence[tuple[LogId, int]]) -> Facts:
    """Return the facts that end a key; arguments as for ``dismiss_registrar``.

    Raises:
        InputError: a field does not fit (``registry.field_value``).
    """
    return _retirement("retire_key", key_id, reason, log_sizes)


def enrol_station(
    *, station: StationId, name: str, level: str, upstream: StationId | None, code_system: str
) -> Facts:
    """Return the facts that enrol or reopen a station; ``upstream`` is None for the top station alone.

    Raises:
        InputError: a field does not fit (``registry.field_value``).
    """
    facts: Facts = {"station": station, "name": name, "level": level, "code_system": code_system}
    if upstream is not None:
        facts["upstream"] = upstream
    return _checked("enrol_station", facts)


def close_station(*, station: StationId) -> Facts:
    """Return the facts that close a station without open stations below it.

    Raises:
        InputError: a field does not fit (``registry.field_value``).
    """
    return _checked("close_station", {"station": station})


def end_certificates(*, station: StationId, before_ms: int) -> Facts:
    """Return the facts that end the certificates of a station that began before a moment.

    Raises:
        InputError: a field does not fit (``registry.field_value``).
    """
    return _checked("end_certificates", {"station": station, "before_ms": before_ms})


def enrol_staff(
    *,
    staff_no: str,
    station: StationId,
    alg: str,
    public_key: bytes,
    possession: bytes,
    replaces: KeyId | None = None,
) -> Facts:
    """Return the facts that enrol the key of a member of staff; the name goes into the personal body.

    Args:
        staff_no: number of the person, unique in the ledger, no personal data.
        station: home station; says which registrar looks after the key.
        alg: algorithm of the key.
        public_key: the key.
        possession: its proof of possession.
        replaces: retired key of the same person whose roles pass on to the new key.

    Raises:
        InputError: a field does not fit (``registry.field_value``).
    """
    facts: Facts = {
        "staff_no": staff_no,
        "station": station,
        "alg": alg,
        "public_key": public_key,
        "possession": possession,
    }
    if replaces is not None:
        facts["replaces"] = replaces
    return _checked("enrol_staff", facts)


def staff_personal(*, name: str) -> Facts:
    """Return the personal fields of a member of staff; the name is kept code point by code point.

    Every station holds the registry, so nothing goes in that not every station needs: no telephone number.

    Raises:
        InputError: an empty or overlong name (``registry.field_value``).
    """
    facts: Facts = {"name": name}
    for field in PERSON:
        if field.name in facts and not fits(field, facts[field.name]):
            raise InputError(
                "registry.field_value", action="enrol_staff", field=field.name, expected=expected(field)
            )
    _require_shown(facts)
    return facts


def grant_role(*, staff_no: str, role: str, scope: str, stand_in_for: str | None = None) -> Facts:
    """Return the facts that grant a role within a scope, perhaps standing in for a colleague (AB岗).

    Raises:
        InputError: a field does not fit (``registry.field_value``).
    """
    facts: Facts = {"staff_no": staff_no, "role": role, "scope": scope}
    if stand_in_for is not None:
        facts["stand_in_for"] = stand_in_for
    return _checked("grant_role", facts)


def end_role(*, staff_no: str, role: str, scope: str) -> Facts:
    """Return the facts that end a role, named with the very scope of its grant.

    Raises:
        InputError: a field does not fit (``registry.field_value``).
    """
    return _checked("end_role", {"staff_no": staff_no, "role": role, "scope": scope})


def enrol_service(
    *, purpose: str, station: StationId, alg: str, public_key: bytes, possession: bytes | None = None
) -> Facts:
    """Return the facts that enrol a service key of a station.

    Args:
        purpose: ``kiosk`` (signs acts), ``receipt`` (cosigns checkpoints) or ``bundle`` (receives sealed
            bundles).
        station: the key's station.
        alg: ``ed25519``; for ``bundle`` ``x25519``.
        public_key: the key.
        possession: its proof of possession; None for ``bundle`` alone, whose key cannot sign.

    Raises:
        InputError: a field does not fit (``registry.field_value``).
    """
    facts: Facts = {"purpose": purpose, "station": station, "alg": alg, "public_key": public_key}
    if possession is not None:
        facts["possession"] = possession
    return _checked("enrol_service", facts)


def _retirement(action: str, key_id: KeyId, reason: str, log_sizes: Sequence[tuple[LogId, int]]) -> Facts:
    pairs: list[Value] = [[log_id, size] for log_id, size in sorted(log_sizes)]
    return _checked(action, {"key_id": key_id, "reason": reason, "log_sizes": pairs})


def _checked(action: str, facts: Facts) -> Facts:
    refusal = check_facts(action, facts)
    if refusal is not None:
        raise InputError(refusal.code, **refusal.params)
    _require_shown(facts)
    return facts


def _require_shown(facts: Facts) -> None:
    """Refuse before signing what a fold takes from older acts: characters that turn or hide in a text."""
    for field, said in facts.items():
        found = hidden_character(said) if isinstance(said, str) else ""
        if found:
            raise InputError("identity.hidden", field=field, character=code_point(found))
