"""Provisional grants on this installation: given by who may, kept beside the key, listed for who confirms.

A grant stands in the granting station's log; a copy lies in ``keys/`` beside the envelope of the key that it
is for, on whatever machine the person works. From there it goes into each act.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ledger.errors import AuthorityError, BanjianError, DataError, RuleError
from ledger.facade.base.clock import Clock, Randomness
from ledger.facade.base.home import Home
from ledger.facade.base.tables import GRANTS
from ledger.facade.base.types import SignedAct
from ledger.facade.cases.signing import sign_bodies
from ledger.facade.logs.bodies import Place
from ledger.facade.logs.ownlog import OwnLog
from ledger.facade.logs.placing import frame_at
from ledger.formats.act import decode_act, read_act, verify_act
from ledger.formats.body import new_body
from ledger.formats.frame import decode_frame
from ledger.formats.keys import Signer
from ledger.known.knowledge import Knowledge
from ledger.limits import GRANT_MS_MAX, SALT_BYTES
from ledger.registry.authority import PROVISIONAL_GRANT, Authority, Refusal
from ledger.registry.grant import Grant, grant_facts, pack_carried, read_grant, unpack_carried
from ledger.registry.registry import Registry
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.types import CaseId, KeyId, StationId

GrantState = Literal["waiting", "confirmed", "expired", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantPlan:
    """Whom a station gives which new key, and why.

    Attributes:
        station: the granting station, for which the grantor acts.
        public_key: the new key, 32 bytes.
        possession: its proof of possession, 64 bytes.
        lasts_ms: how long it is good without confirmation; a week at most.
    """

    station: StationId
    staff_no: str
    public_key: bytes
    possession: bytes
    reason: str = "forgotten"
    lasts_ms: int = GRANT_MS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldGrant:
    """A grant in a log that is held here, and what has become of it.

    Attributes:
        grantor_no: staff number of who gave it.
        recorded_at_ms: when it was recorded.
        state: ``refused`` with the code why in ``reason``.
    """

    grant: Grant
    place: Place
    grantor_no: str
    recorded_at_ms: int
    state: GrantState
    reason: str


class GrantDesk:
    """Signs grants, checks those that another process signed, and knows those that keys here rest on."""

    def __init__(self, *, knowledge: Knowledge, home: Home, clock: Clock, randomness: Randomness) -> None:
        self._knowledge = knowledge
        self._home = home
        self._clock = clock
        self._randomness = randomness

    def held(self, key: KeyId) -> Grant | None:
        """Return the grant that lies beside a key here; None where none does, or it is damaged."""
        raw = self._home.grant(key)
        if raw is None:
            return None
        try:
            grant = unpack_carried(raw, ledger_id=self._knowledge.registry.ledger_id)
        except BanjianError:
            return None
        return grant if grant.key_id == key else None

    def authority(self, key: KeyId) -> Authority | None:
        """Return what a key may do now, by the registry or by the grant beside it."""
        held = self._knowledge.registry.authority(key)
        if held is not None:
            return held
        grant = None if self._knowledge.registry.is_known_key(key) else self.held(key)
        if grant is None:
            return None
        grants = self._knowledge.resolver.grants
        found = grants.force(grant, size=self._knowledge.registry.size)
        if isinstance(found, Refusal) or self._clock.now_ms() > grant.until_ms:
            return None
        return found

    def prepare(self, plan: GrantPlan, log: OwnLog, signer: Signer) -> SignedAct:
        """Check and sign a grant that a log will hold; nothing is stored.

        Raises:
            AuthorityError: the grant would have no force (``grant.*``, ``authority.*``, ``registry.*``).
            InputError: a field does not fit.
        """
        registry = self._knowledge.registry
        person = registry.staff(plan.staff_no)
        if person is None:
            raise AuthorityError("registry.staff_unknown", staff_no=plan.staff_no)
        now_ms = self._clock.now_ms()
        facts = grant_facts(
            staff_no=plan.staff_no,
            replaces=person.key_id,
            public_key=plan.public_key,
            possession=plan.possession,
            reason=plan.reason,
            until_ms=now_ms + plan.lasts_ms,
        )
        signed = sign_bodies(
            ledger_id=registry.ledger_id,
            case_id=CaseId(b""),
            parents=(),
            action=PROVISIONAL_GRANT,
            station=log.station,
            registry_size=registry.size,
            catalogue_version=self._knowledge.catalogue.size,
            occurred_at_ms=now_ms,
            facts=new_body(facts, self._randomness(SALT_BYTES)),
            personal=b"",
            signer=signer,
        )
        self._checked(signed)
        return signed

    def check(self, signed: SignedAct) -> Grant:
        """Return the grant that another process of this machine prepared, after checking everything in it.

        Raises:
            RuleError: ``act.outdated`` when it cites a registry or catalogue that is not the newest.
            DataError: its form or its signature does not hold.
            AuthorityError: it would have no force.
        """
        header = decode_act(signed.raw)
        newest = (self._knowledge.registry.size, self._knowledge.catalogue.size)
        if (header.registry_size, header.catalogue_version) != newest:
            raise RuleError("act.outdated", action=header.action)
        public_key = self._knowledge.registry.public_key(header.actor)
        if public_key is None or header.personal_hash:
            raise DataError("act.other_ledger")
        verify_act(signed.raw, signed.sig, public_key)
        return self._checked(signed)

    def keep(self, grant: Grant) -> None:
        """Lay a grant beside the key that it is for."""
        self._home.write_grant(grant.key_id, pack_carried(grant))

    def _checked(self, signed: SignedAct) -> Grant:
        registry = self._knowledge.registry
        act = read_act(signed.raw, signed.sig)
        grant = read_grant(act, signed.facts, ledger_id=registry.ledger_id)
        if registry.is_known_key(grant.key_id):
            raise AuthorityError("registry.key_enrolled", key=grant.key_id)
        found = self._knowledge.resolver.grants.force(grant, size=registry.size)
        if isinstance(found, Refusal):
            raise found.as_error()
        return grant


def held_grants(tx: ReadTx, knowledge: Knowledge, *, now_ms: int) -> list[HeldGrant]:
    """Return the grants in the logs that are held here, the newest first; one of no sound form is left out.

    Args:
        tx: a view of the store.
        knowledge: judges them as of the newest registry.
        now_ms: the moment for which limits are compared.
    """
    registry = knowledge.registry
    found: list[HeldGrant] = []
    for log, seq in tx.select(GRANTS, {}):
        place = Place(str(log), seq if isinstance(seq, int) else 0)
        frame, body = frame_at(tx, place), tx.get(schema.BODIES, place)
        if frame is None or body is None or not isinstance(body[2], bytes):
            continue
        try:
            whole = decode_frame(frame)
            grant = read_grant(whole.act, body[2], ledger_id=registry.ledger_id)
        except BanjianError:
            continue
        state, reason = _state(knowledge, grant, now_ms)
        found.append(
            HeldGrant(
                grant=grant,
                place=place,
                grantor_no=_holder_no(registry, whole.act.header.actor),
                recorded_at_ms=whole.entry.recorded_at_ms,
                state=state,
                reason=reason,
            )
        )
    return sorted(found, key=lambda one: (-one.recorded_at_ms, one.grant.grant_id))


def _state(knowledge: Knowledge, grant: Grant, now_ms: int) -> tuple[GrantState, str]:
    grants = knowledge.resolver.grants
    if grants.confirmed(grant):
        return "confirmed", ""
    found = grants.force(grant, size=knowledge.registry.size)
    if isinstance(found, Refusal):
        return "refused", found.code
    return ("expired", "grant.expired") if now_ms > grant.until_ms else ("waiting", "")


def _holder_no(registry: Registry, key: KeyId) -> str:
    holder = registry.holder(key)
    return "" if holder is None else holder[1]
