"""From a command to a signed act: what the ledger fills in, what it refuses, what the person signs.

Nothing is written here. Whoever holds the person's key does this, in the writing process or beside it;
private keys never cross a process boundary.
"""

from __future__ import annotations

from dataclasses import replace

from ledger.act import ActHeader, new_act
from ledger.body import facts_hash, new_body, open_body, personal_hash
from ledger.case import CaseAct, CaseState, check
from ledger.catalogue import Rules
from ledger.errors import AuthorityError, EncodingError, RuleError
from ledger.facade.casebook import CaseBook
from ledger.facade.clock import Clock, Randomness
from ledger.facade.deskrules import DeskRules
from ledger.facade.numbers import complete_facts
from ledger.facade.ondemand import OnDemand
from ledger.facade.ownlog import OwnLog
from ledger.facade.types import Command, SignedAct
from ledger.identity import check_personal
from ledger.keys import Signer
from ledger.knowledge import Knowledge
from ledger.limits import INT_MAX, PERSONAL_BYTES_MAX, facts_bytes_max
from ledger.permit import Actor, Permission, may
from ledger.types import ActId, CaseId, Facts, KeyId, LedgerId, StationId

SALT_BYTES = 16


class Desk:
    """Turns commands into signed acts, and says what a person may do."""

    def __init__(
        self,
        *,
        knowledge: Knowledge,
        book: CaseBook,
        rules: DeskRules,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._knowledge = knowledge
        self._book = book
        self._rules = rules
        self._clock = clock
        self._randomness = randomness

    def sign(
        self, reading: OnDemand, command: Command, signer: Signer, log: OwnLog
    ) -> tuple[SignedAct, CaseAct, Facts | None]:
        """Return the signed act of a command, the same as the fold takes it, and its personal body.

        Raises:
            AuthorityError: the signer has no authority at the station (``authority.*``).
            RuleError: the case type or the state forbids it (``case.*``).
            InputError: facts or personal data are not of their form (``case.facts_*``, ``identity.*``).
        """
        now_ms = self._clock.now_ms()
        state, rules = self._rules_of(reading, command)
        spec = rules.case_type.actions.get(command.action)
        if spec is None:
            raise RuleError("case.no_action", action=command.action, case_type=rules.case_type.code)
        filled, token = complete_facts(
            reading,
            command,
            spec,
            log_id=log.log_id,
            now_ms=now_ms,
            randomness=self._randomness,
        )
        if filled.personal is not None:
            check_personal(filled.personal)
        act = self._act(filled, signer, state, now_ms)
        check(state, rules, act)
        self._rules.require(reading, state, rules, act, filled.personal)
        signed = self._signed(filled, act, signer)
        number = filled.facts.get("number") if state is None else ""
        named = signed.named(number if isinstance(number, str) else "", token)
        return named, replace(act, act_id=signed.act_id), filled.personal

    def permissions(
        self,
        state: CaseState | None,
        rules: Rules,
        *,
        key: KeyId | None,
        station: StationId | None,
        now_ms: int,
    ) -> tuple[Permission, ...]:
        """Return what a person may do with a case at a station, and for the rest why not."""
        if key is None or station is None:
            return ()
        registry = self._knowledge.registry
        held, place = registry.authority(key), registry.station(station)
        if held is None or place is None:
            raise AuthorityError("authority.key_unknown", key=key, size=registry.size)
        actor = Actor(
            key_id=key,
            staff_no=held.staff_no,
            roles=held.roles_at(station),
            station=station,
            station_level=place.level,
        )
        return may(state, rules, actor, now_ms)

    def _rules_of(self, reading: OnDemand, command: Command) -> tuple[CaseState | None, Rules]:
        if command.case is not None:
            return self._book.held(command.case) or self._book.load(reading.tx(), command.case)
        item = command.facts.get("item")
        if not isinstance(item, str):
            raise RuleError("case.no_item")
        return None, self._knowledge.rules(item, self._knowledge.catalogue.size)

    def _act(self, command: Command, signer: Signer, state: CaseState | None, now_ms: int) -> CaseAct:
        size = self._knowledge.registry.size
        standing = self._knowledge.resolver.standing(
            actor_key_id=signer.key_id, station=command.station, registry_size=size, action=command.action
        )
        if standing.blocked:
            raise AuthorityError(
                standing.blocked, key=signer.key_id, station=command.station, action=command.action, size=size
            )
        return CaseAct(
            act_id=ActId(bytes(32)),
            parents=() if state is None else state.heads,
            action=command.action,
            station=command.station,
            station_level=standing.level,
            actor=signer.key_id,
            staff_no=standing.staff_no,
            roles=standing.roles,
            occurred_at_ms=now_ms if command.occurred_at_ms is None else command.occurred_at_ms,
            recorded_at_ms=now_ms,
            catalogue_version=self._knowledge.catalogue.size,
            facts=command.facts,
        )

    def _signed(self, command: Command, act: CaseAct, signer: Signer) -> SignedAct:
        personal = command.personal
        return sign_bodies(
            ledger_id=self._knowledge.registry.ledger_id,
            case_id=command.case or CaseId(b""),
            parents=act.parents,
            action=act.action,
            station=act.station,
            registry_size=self._knowledge.registry.size,
            catalogue_version=act.catalogue_version,
            occurred_at_ms=act.occurred_at_ms,
            facts=new_body(command.facts, self._randomness(SALT_BYTES)),
            personal=b"" if personal is None else new_body(personal, self._randomness(SALT_BYTES)),
            attachments=command.attachments,
            signer=signer,
        )


def sign_bodies(
    *,
    ledger_id: LedgerId,
    case_id: CaseId,
    parents: tuple[ActId, ...],
    action: str,
    station: StationId,
    registry_size: int,
    catalogue_version: int,
    occurred_at_ms: int,
    facts: bytes,
    personal: bytes,
    signer: Signer,
    attachments: tuple[tuple[bytes, int], ...] = (),
) -> SignedAct:
    """Return a signed act over ready bodies; what nobody could read back is not signed.

    Raises:
        EncodingError: ``act.field`` or ``encoding.*``: a field, an attachment or a body beyond its limits.
    """
    if not 0 <= occurred_at_ms <= INT_MAX:
        raise EncodingError("act.field", field="occurred_at_ms")
    header = ActHeader(
        ledger_id, case_id, parents, action, signer.key_id, station, registry_size, catalogue_version,
        occurred_at_ms, facts_hash(facts), len(facts), personal_hash(personal), len(personal), attachments,
    )  # fmt: skip
    open_body(facts, limit_bytes=facts_bytes_max(action))
    if personal:
        open_body(personal, limit_bytes=PERSONAL_BYTES_MAX)
    act = new_act(header, signer)
    return SignedAct(raw=act.raw, sig=act.sig, facts=facts, personal=personal)


def county_facts(fields: Facts, randomness: Randomness) -> bytes:
    """Return the facts body of a registry or catalogue act."""
    return new_body(fields, randomness(SALT_BYTES))
