"""From a command to a signed act: what the ledger fills in, what it refuses, what the person signs.

Nothing is written here. Whoever holds the person's key does this, in the writing process or beside it;
private keys never cross a process boundary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ledger.cases.case import check
from ledger.cases.permit import Actor, Permission, may
from ledger.cases.shape import CaseAct, CaseState, Under
from ledger.clocks.deemed import silenced, waiving
from ledger.clocks.notices import timely
from ledger.errors import AuthorityError, EncodingError, RuleError, StoreError
from ledger.facade.base.clock import Clock, Randomness
from ledger.facade.base.ondemand import OnDemand
from ledger.facade.base.types import Command, Decided, SignedAct
from ledger.facade.cases.casebook import CaseBook
from ledger.facade.cases.deskrules import DeskRules
from ledger.facade.cases.externals import require_own_number
from ledger.facade.cases.numbers import complete_facts
from ledger.facade.cases.people import AMEND, check_lengths
from ledger.facade.logs.ownlog import OwnLog
from ledger.formats.act import ActHeader, act_id, encode_act, new_act, sign_act
from ledger.formats.body import facts_hash, new_body, open_body, personal_hash, readable_body
from ledger.formats.keys import Signer
from ledger.identity import check_personal
from ledger.known.knowledge import Knowledge
from ledger.known.resolve import Standing
from ledger.limits import PERSONAL_BYTES_MAX, SALT_BYTES, facts_bytes_max
from ledger.registry.authority import KEY_UNKNOWN
from ledger.registry.grant import GRANT, Grant
from ledger.registry.grant_judge import BY_GRANT
from ledger.rules.catalogue import Rules
from ledger.types import ActId, CaseId, Facts, KeyId, LedgerId, StationId

NO_ACT = ActId(bytes(32))
"""Stands for the id of an act that has none yet."""


class Desk:
    """Turns commands into signed acts, and says what a person may do.

    ``grant_of`` finds the provisional grant of a key that the registry does not know.
    """

    def __init__(
        self,
        *,
        knowledge: Knowledge,
        book: CaseBook,
        rules: DeskRules,
        clock: Clock,
        randomness: Randomness,
        grant_of: Callable[[KeyId], Grant | None],
    ) -> None:
        self._knowledge = knowledge
        self._book = book
        self._rules = rules
        self._clock = clock
        self._randomness = randomness
        self._grant_of = grant_of

    def sign(self, reading: OnDemand, command: Command, signer: Signer, log: OwnLog) -> Decided:
        """Return the signed act of a command and what it makes of its case.

        Raises:
            StoreError: ``ledger.rules_changed``: registry or catalogue were changed on this disk.
            AuthorityError: the signer has no authority at the station (``authority.*``).
            RuleError: the case type or the state forbids it (``case.*``), or ``platform.number_*``.
            InputError: facts or personal data are not of their form (``case.facts_*``, ``identity.*``).
            EncodingError: facts, personal data or attachments are beyond their limits.
        """
        if self._knowledge.changed:
            raise StoreError("ledger.rules_changed", count=self._knowledge.changed)
        now_ms = self._clock.now_ms()
        state, rules = self._rules_of(reading, command)
        spec = rules.case_type.actions.get(command.action)
        if spec is None:
            raise RuleError("case.no_action", action=command.action, case_type=rules.case_type.code)
        given, token = complete_facts(
            reading,
            command,
            spec,
            log_id=log.log_id,
            now_ms=now_ms,
            randomness=self._randomness,
        )
        facts = waiving(state, spec, given, rules, self._knowledge.calendars, now_ms)
        if command.personal is not None:
            corrects = command.action == AMEND
            check_personal(command.personal, corrects=corrects)
            if not corrects:
                # What is corrected stands beside what was signed before, however long that is.
                check_lengths(command.personal)
        planned = self._planned(command, facts, signer, state, now_ms)
        try:
            raw, facts_raw, personal_raw = self._encoded(command, planned)
        except EncodingError:
            # What the case says against it is told first: that is closer to what was typed.
            check(state, rules, planned.act(NO_ACT, ()))
            raise
        act = planned.act(act_id(raw), command.attachments)
        after = check(state, rules, act)
        self._rules.require(reading, state, rules, act, command.personal)
        if not command.same_number:
            require_own_number(reading.tx, state, act.facts)
        number = facts.get("number") if state is None else ""
        signed = SignedAct(
            raw=raw,
            sig=sign_act(raw, signer),
            facts=facts_raw,
            personal=personal_raw,
            number=number if isinstance(number, str) else "",
            token=token,
            same_number=command.same_number,
        )
        return Decided(signed, act, after.case_id, command.personal, state, after, rules)

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
        standing = self._standing(key, station, "", now_ms).standing
        if registry.station(station) is None or standing.blocked in BY_GRANT:
            raise AuthorityError(KEY_UNKNOWN, key=key, size=registry.size)
        actor = Actor(
            key_id=key,
            staff_no=standing.staff_no,
            roles=standing.roles,
            station=station,
            station_level=standing.level,
        )
        calendars, answers = self._knowledge.calendars, may(state, rules, actor, now_ms)
        for told in (silenced, timely):
            answers = told(state, rules, answers, calendars, now_ms)
        return answers

    def _rules_of(self, reading: OnDemand, command: Command) -> tuple[CaseState | None, Rules]:
        if command.case is not None:
            held = self._book.held(command.case) or self._book.load(reading.tx(), command.case)
            return held.state, held.rules
        item = command.facts.get("item")
        if not isinstance(item, str):
            raise RuleError("case.no_item")
        return None, self._knowledge.rules(item, self._knowledge.catalogue.size)

    def _planned(
        self, command: Command, facts: Facts, signer: Signer, state: CaseState | None, now_ms: int
    ) -> _Planned:
        size = self._knowledge.registry.size
        author = self._standing(signer.key_id, command.station, command.action, now_ms)
        standing = author.standing
        if standing.blocked:
            raise AuthorityError(
                standing.blocked, key=signer.key_id, station=command.station, action=command.action, size=size
            )
        return _Planned(
            parents=() if state is None else state.heads,
            action=command.action,
            station=command.station,
            author=author,
            actor=signer.key_id,
            occurred_at_ms=now_ms if command.occurred_at_ms is None else command.occurred_at_ms,
            recorded_at_ms=now_ms,
            registry_size=size,
            catalogue_version=self._knowledge.catalogue.size,
            facts=facts,
        )

    def _standing(self, key: KeyId, station: StationId, action: str, now_ms: int) -> _Author:
        """Return what a key is at a station now, and the grant that this rests on."""
        resolver, size = self._knowledge.resolver, self._knowledge.registry.size
        standing = resolver.standing(actor_key_id=key, station=station, registry_size=size, action=action)
        grant = self._grant_of(key) if standing.blocked in BY_GRANT else None
        if grant is None:
            return _Author(standing, None, None)
        standing, under = resolver.standing_under(
            grant.carried(), actor_key_id=key, station=station, registry_size=size, action=action,
            recorded_at_ms=now_ms,
        )  # fmt: skip
        return _Author(standing, grant, under)

    def _encoded(self, command: Command, planned: _Planned) -> tuple[bytes, bytes, bytes]:
        """Return the bytes to be signed, of the facts and of the personal body."""
        limit_bytes = facts_bytes_max(planned.action)
        grant = planned.author.grant
        carried: Facts = {} if grant is None else {GRANT: grant.carried()}
        facts = readable_body(
            {**planned.facts, **carried}, self._randomness(SALT_BYTES), limit_bytes=limit_bytes
        )
        personal = b""
        if command.personal is not None:
            salt = self._randomness(SALT_BYTES)
            personal = readable_body(command.personal, salt, limit_bytes=PERSONAL_BYTES_MAX)
        header = ActHeader(
            self._knowledge.registry.ledger_id, command.case or CaseId(b""), planned.parents, planned.action,
            planned.actor, planned.station, planned.registry_size, planned.catalogue_version,
            planned.occurred_at_ms, facts_hash(facts), len(facts), personal_hash(personal), len(personal),
            command.attachments,
        )  # fmt: skip
        return encode_act(header), facts, personal


class _Author(NamedTuple):
    """What somebody is at a station, and the provisional grant that this rests on, if it does."""

    standing: Standing
    grant: Grant | None
    under: Under | None


class _Planned(NamedTuple):
    """An act before it is encoded, and so before it has an id."""

    parents: tuple[ActId, ...]
    action: str
    station: StationId
    author: _Author
    actor: KeyId
    occurred_at_ms: int
    recorded_at_ms: int
    registry_size: int
    catalogue_version: int
    facts: Facts

    def act(self, act_id: ActId, attachments: tuple[tuple[bytes, int], ...]) -> CaseAct:
        """Return the act as the fold takes it."""
        return CaseAct(
            act_id=act_id,
            parents=self.parents,
            action=self.action,
            station=self.station,
            station_level=self.author.standing.level,
            actor=self.actor,
            staff_no=self.author.standing.staff_no,
            roles=self.author.standing.roles,
            occurred_at_ms=self.occurred_at_ms,
            recorded_at_ms=self.recorded_at_ms,
            catalogue_version=self.catalogue_version,
            facts=self.facts,
            attachments=attachments,
            under=self.author.under,
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
