"""A registrar's acts for the keys that a newcomer asked for: services, and its first clerks.

Every step asks the registry first, so that an approval that was broken off goes on where it stopped, and a
second one does nothing.

Source: docs/protocol.md, "Joining".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from ledger.errors import AuthorityError, BanjianError, InputError, RuleError
from ledger.facade import Ledger, Performed
from ledger.formats.keys import ED25519, Signer
from ledger.registry import actions as registry_actions
from ledger.registry.registry import Registry
from ledger.types import Facts, KeyId, StationId
from sync.joining.joinforms import JoinRequest, ServiceKey, StaffKey


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """One key of a request and what the registry knows of it.

    Attributes:
        kind: ``service`` or ``staff``.
        label: purpose, or staff number.
        name: the person's name; "" for services.
        roles: the roles asked for.
        enrolled: whether key and roles are in the registry, or were and have ended since.
        has_other: whether the person has another key that holds, so that nothing waits for this one.
        error: why the registry refused it; None when it did not.
    """

    kind: str
    label: str
    name: str = ""
    roles: tuple[str, ...] = ()
    key_id: KeyId
    enrolled: bool
    has_other: bool = False
    error: BanjianError | None = None


def key_states(registry: Registry, request: JoinRequest) -> tuple[KeyState, ...]:
    """Return the keys of a request with what the registry knows of them now."""
    return (
        *(_service_state(registry, key) for key in request.services),
        *(_staff_state(registry, key, request.invite.station) for key in request.staff),
    )


class Register(Protocol):
    """Signs and stores one act of the registry: in this process, or through the one that writes."""

    def __call__(
        self, action: str, facts: Facts, signer: Signer, *, personal: Facts | None = None
    ) -> Performed: ...


def approve(
    ledger: Ledger, request: JoinRequest, registrar: Signer, *, register: Register | None = None
) -> tuple[KeyState, ...]:
    """Enrol the keys of a request; a key that the registry refuses is told, the others go on.

    Args:
        ledger: to ask the registry.
        request: whose keys.
        registrar: who signs.
        register: how acts are stored; by the ledger itself by default.

    Raises:
        StoreError: nothing more was written; approve again.
    """
    station, store = request.invite.station, register or ledger.register
    return (
        *(_approve_service(ledger, key, station, registrar, store) for key in request.services),
        *(_approve_staff(ledger, key, station, registrar, store) for key in request.staff),
    )


def _approve_service(
    ledger: Ledger, key: ServiceKey, station: StationId, registrar: Signer, register: Register
) -> KeyState:
    registry = _registry(ledger)
    if _service_state(registry, key).enrolled:
        return _service_state(registry, key)
    try:
        facts = registry_actions.enrol_service(
            purpose=key.purpose,
            station=station,
            alg=key.alg,
            public_key=key.public_key,
            possession=key.possession or None,
        )
        register("enrol_service", facts, registrar)
    except (AuthorityError, InputError, RuleError) as error:
        return replace(_service_state(registry, key), error=error)
    return _service_state(_registry(ledger), key)


def _approve_staff(
    ledger: Ledger, key: StaffKey, station: StationId, registrar: Signer, register: Register
) -> KeyState:
    registry = _registry(ledger)
    try:
        if not registry.is_known_key(key.key_id):
            facts = registry_actions.enrol_staff(
                staff_no=key.staff_no,
                station=station,
                alg=ED25519,
                public_key=key.public_key,
                possession=key.possession,
            )
            personal = registry_actions.staff_personal(name=key.name)
            register("enrol_staff", facts, registrar, personal=personal)
        for role in _roles_missing(_registry(ledger), key, station):
            facts = registry_actions.grant_role(staff_no=key.staff_no, role=role, scope=station)
            register("grant_role", facts, registrar)
    except (AuthorityError, InputError, RuleError) as error:
        return replace(_staff_state(registry, key, station), error=error)
    return _staff_state(_registry(ledger), key, station)


def _registry(ledger: Ledger) -> Registry:
    """Return the registry as it is now, also where another process writes it."""
    ledger.refresh()
    return ledger.knowledge.registry


def _service_state(registry: Registry, key: ServiceKey) -> KeyState:
    return KeyState(
        kind="service",
        label=key.purpose,
        key_id=key.key_id,
        enrolled=registry.is_known_key(key.key_id),
    )


def _staff_state(registry: Registry, key: StaffKey, station: StationId) -> KeyState:
    known, live = registry.is_known_key(key.key_id), registry.staff(key.staff_no)
    return KeyState(
        kind="staff",
        label=key.staff_no,
        name=key.name,
        roles=key.roles,
        key_id=key.key_id,
        enrolled=known and not _roles_missing(registry, key, station),
        has_other=live is not None and live.key_id != key.key_id,
    )


def _roles_missing(registry: Registry, key: StaffKey, station: StationId) -> tuple[str, ...]:
    """Return the roles that a live key still lacks; none for a key that has ended since."""
    held = registry.authority(key.key_id)
    if held is None:
        return ()
    return tuple(role for role in key.roles if role not in held.roles_at(station))
