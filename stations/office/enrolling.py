"""A registrar's acts for people: enrol somebody with a key, grant and end roles, retire or replace a key.

The command line and the pages both come here; how an act is stored, by the ledger itself or through the
process that writes, is given as ``register``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

from ledger.errors import AuthorityError, InputError, RuleError
from ledger.facade import Ledger
from ledger.facade.logs.appearances import log_sizes
from ledger.formats.keys import ED25519, Signer, prove_possession
from ledger.registry import actions as registry_actions
from ledger.registry.authority import Authority
from ledger.registry.check import is_staff_no
from ledger.registry.registry import Registry
from ledger.types import Facts, KeyId, LedgerId, StationId
from stations.imports.difference import PlannedAct
from stations.imports.trial import first_refusal
from stations.keyrequest import decode_request
from stations.sheetin.faults import Place
from sync.joining.approval import Register


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
    """

    no: str
    name: str
    station: StationId
    roles: Sequence[str] = ()
    scope: str = ""


def checked_number(no: str) -> str:
    """Return a staff number.

    Raises:
        InputError: ``staff.number``.
    """
    if not is_staff_no(no):
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


def enrol(
    registry: Registry, register: Register, registrar: Signer, person: NewPerson, key: EnrolledKey
) -> None:
    """Enrol a person with a key and grant the roles; all of it holds, or nothing is written.

    Raises:
        InputError: what was typed; ``staff.number``.
        AuthorityError: what the registry refuses.
    """
    facts = registry_actions.enrol_staff(
        staff_no=checked_number(person.no),
        station=person.station,
        alg=ED25519,
        public_key=key.public_key,
        possession=key.possession,
    )
    personal = registry_actions.staff_personal(name=person.name)
    acts = [_act("enrol_staff", facts, person.no, personal)]
    for role in person.roles:
        granted = registry_actions.grant_role(
            staff_no=person.no, role=role, scope=person.scope or person.station
        )
        acts.append(_act("grant_role", granted, person.no))
    _store(registry, register, registrar, acts)


def namesakes(registry: Registry, person: NewPerson) -> tuple[str, ...]:
    """Return the other numbers under which somebody of this name may act, sorted.

    Two people may well have one name, so nothing is refused. But a person is known by the staff number alone,
    and one with two numbers could sign as the second person of an act of their own.
    """
    name = _plain(person.name)
    return tuple(
        sorted(
            no
            for no, held in registry.names.items()
            if no != person.no and _plain(held) == name and (registry.staff(no) or registry.registrar(no))
        )
    )


def _plain(name: str) -> str:
    return "".join(normalize("NFKC", name).split()).casefold()


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
    register("retire_key", retirement(ledger, person.key_id, reason), registrar)
    return person


def retirement(ledger: Ledger, key: KeyId, reason: str) -> Facts:
    """Return the facts that end a key, with how far each log is held here.

    Raises:
        InputError: ``registry.field_value``.
    """
    with ledger.reading() as (tx, parts):
        sizes = log_sizes(tx, parts.holdings, key)
    return registry_actions.retire_key(key_id=key, reason=reason, log_sizes=sizes)


def give_new_key(
    ledger: Ledger, register: Register, registrar: Signer, *, no: str, key: EnrolledKey, reason: str
) -> KeyId:
    """Retire the key of somebody who cannot use it any more and enrol a new one with the same roles.

    Both hold, or nothing is written; broken off between the two acts by a power cut, it goes on where it
    stopped. Returns the key that ended.

    Raises:
        InputError: ``staff.unknown``.
        AuthorityError: what the registry refuses.
    """
    registry = ledger.knowledge.registry
    held, acts = registry.staff(no), []
    name = registry.names.get(no, "")
    if held is None:
        old, station = _retired_of(registry, no)
    else:
        old, station = held.key_id, held.station
        acts.append(_act("retire_key", retirement(ledger, old, reason), no))
    facts = registry_actions.enrol_staff(
        staff_no=no,
        station=station,
        alg=ED25519,
        public_key=key.public_key,
        possession=key.possession,
        replaces=old,
    )
    personal = registry_actions.staff_personal(name=name) if name else None
    acts.append(_act("enrol_staff", facts, no, personal))
    _store(registry, register, registrar, acts)
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


def _act(action: str, facts: Facts, no: str, personal: Facts | None = None) -> PlannedAct:
    return PlannedAct(action=action, facts=facts, place=Place(), key=no, personal=personal)


def _store(registry: Registry, register: Register, registrar: Signer, acts: Sequence[PlannedAct]) -> None:
    """Sign and store acts that hold one after the other, or none of them.

    Raises:
        AuthorityError: the first refusal.
    """
    refusal = first_refusal(registry, acts, registrar.key_id)
    if refusal is not None:
        raise refusal.as_error()
    for act in acts:
        register(act.action, act.facts, registrar, personal=act.personal)


def _retired_of(registry: Registry, no: str) -> tuple[KeyId, StationId]:
    """Return the key of a person that ended last, and its station.

    Raises:
        InputError: ``staff.unknown``.
    """
    ended = [
        (retirement.position, key, was.station)
        for key, retirement in registry.retirements().items()
        if (was := registry.authority(key, size=retirement.position - 1)) is not None
        and was.kind == "staff"
        and was.staff_no == no
    ]
    if not ended:
        raise InputError("staff.unknown", no=no)
    _, key, station = max(ended)
    return key, station
