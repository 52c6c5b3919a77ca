"""A registrar's acts for people: enrol somebody with a key, grant and end roles, retire or replace a key.

The command line and the pages both come here; how an act is stored, by the ledger itself or through the
process that writes, is given as ``register``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger import registry_actions
from ledger.authority import Authority
from ledger.errors import AuthorityError, InputError, RuleError
from ledger.facade import Ledger
from ledger.keys import ED25519, Signer, prove_possession
from ledger.registry import Registry
from ledger.types import KeyId, LedgerId, StationId
from stations.keyrequest import decode_request
from sync.approval import Register

_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolledKey:
    """The public half of a key (32 bytes) and its proof of possession (64 bytes)."""

    public_key: bytes
    possession: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPerson:
    """Somebody to be enrolled.

    Attributes:
        no: staff number; no personal data.
        station: home station.
        roles: granted at once.
        scope: where the roles count; the home station by default.
        phone: "" for none.
    """

    no: str
    name: str
    station: StationId
    roles: Sequence[str] = ()
    scope: str = ""
    phone: str = ""


def checked_number(no: str) -> str:
    """Return a staff number.

    Raises:
        InputError: ``staff.number``.
    """
    if _NUMBER.fullmatch(no) is None:
        raise InputError("staff.number", no=no[:40])
    return no


def key_of_signer(signer: Signer, ledger_id: LedgerId) -> EnrolledKey:
    """Return the key of a signer that was made here."""
    return EnrolledKey(public_key=signer.public_key, possession=prove_possession(signer, ledger_id))


def key_of_request(text: str, *, no: str, ledger_id: LedgerId) -> EnrolledKey:
    """Return the key of a request that was made on another machine.

    Raises:
        DataError: as ``decode_request``.
        InputError: ``key.request_other`` for somebody else's request.
    """
    asked = decode_request(text, ledger_id=ledger_id)
    if asked.staff_no != no:
        raise InputError("key.request_other", no=no, found=asked.staff_no)
    return EnrolledKey(public_key=asked.public_key, possession=asked.possession)


def enrol(register: Register, registrar: Signer, person: NewPerson, key: EnrolledKey) -> None:
    """Enrol a person with a key and grant the roles.

    Raises:
        InputError: what was typed; ``staff.number``.
        AuthorityError: what the registry refuses; nothing was written then.
    """
    facts = registry_actions.enrol_staff(
        staff_no=checked_number(person.no),
        station=person.station,
        alg=ED25519,
        public_key=key.public_key,
        possession=key.possession,
    )
    personal = registry_actions.staff_personal(name=person.name, phone=person.phone)
    register("enrol_staff", facts, registrar, personal=personal)
    for role in person.roles:
        granted = registry_actions.grant_role(
            staff_no=person.no, role=role, scope=person.scope or person.station
        )
        register("grant_role", granted, registrar)


def grant(
    registry: Registry,
    register: Register,
    registrar: Signer,
    *,
    no: str,
    role: str,
    scope: str,
    stand_in_for: str | None = None,
) -> None:
    """Grant a role, perhaps standing in for a colleague.

    Raises:
        InputError: ``staff.unknown``.
        AuthorityError: what the registry refuses.
    """
    person_of(registry, no)
    facts = registry_actions.grant_role(staff_no=no, role=role, scope=scope, stand_in_for=stand_in_for)
    register("grant_role", facts, registrar)


def end(registry: Registry, register: Register, registrar: Signer, *, no: str, role: str, scope: str) -> None:
    """End a role.

    Raises:
        InputError: ``staff.unknown``.
        AuthorityError: what the registry refuses.
    """
    person_of(registry, no)
    register("end_role", registry_actions.end_role(staff_no=no, role=role, scope=scope), registrar)


def retire(ledger: Ledger, register: Register, registrar: Signer, *, no: str, reason: str) -> Authority:
    """End a person's key: retired in good order, or compromised; returns what it was.

    The county's size of every log is recorded: what the key signed and the county has not seen by then is
    judged by that alone.

    Raises:
        InputError: ``staff.unknown``.
        AuthorityError: what the registry refuses.
    """
    person = person_of(ledger.knowledge.registry, no)
    sizes = [(log.log_id, log.size) for log in ledger.logs() if log.size]
    facts = registry_actions.retire_key(key_id=person.key_id, reason=reason, log_sizes=sizes)
    register("retire_key", facts, registrar)
    return person


def give_new_key(
    ledger: Ledger, register: Register, registrar: Signer, *, no: str, key: EnrolledKey, reason: str
) -> KeyId:
    """Retire the key of somebody who cannot use it any more and enrol a new one with the same roles.

    Begun and broken off between the two acts, it goes on where it stopped; returns the key that ended.

    Raises:
        InputError: ``staff.unknown``.
        AuthorityError: what the registry refuses.
    """
    registry = ledger.knowledge.registry
    held = registry.staff(no)
    if held is None:
        old, station, name = _retired_of(registry, no)
    else:
        name = registry.names.get(no, "")
        retire(ledger, register, registrar, no=no, reason=reason)
        old, station = held.key_id, held.station
    facts = registry_actions.enrol_staff(
        staff_no=no,
        station=station,
        alg=ED25519,
        public_key=key.public_key,
        possession=key.possession,
        replaces=old,
    )
    personal = registry_actions.staff_personal(name=name) if name else None
    register("enrol_staff", facts, registrar, personal=personal)
    return old


def person_of(registry: Registry, no: str) -> Authority:
    """Return what somebody with a live key may do.

    Raises:
        InputError: ``staff.unknown``.
    """
    person = registry.staff(no) or registry.registrar(no)
    if person is None:
        raise InputError("staff.unknown", no=no)
    return person


@contextmanager
def only_if_enrolled(made: Path | None) -> Iterator[None]:
    """Take away the key that was made for an enrolment which was refused: it would bar the next attempt."""
    try:
        yield
    except (InputError, RuleError, AuthorityError):
        if made is not None:
            made.unlink(missing_ok=True)
        raise


def _retired_of(registry: Registry, no: str) -> tuple[KeyId, StationId, str]:
    """Return the key of a person that ended last, its station, the person's name.

    Raises:
        InputError: ``staff.unknown``.
    """
    ended = [
        (retirement.position, key)
        for key, retirement in registry.retirements().items()
        if (was := registry.authority(key, size=retirement.position - 1)) is not None
        and was.kind == "staff"
        and was.staff_no == no
    ]
    if not ended:
        raise InputError("staff.unknown", no=no)
    position, key = max(ended)
    was = registry.authority(key, size=position - 1)
    if was is None:
        raise InputError("staff.unknown", no=no)
    return key, was.station, registry.names.get(no, "")
