"""From an act to the act of a case: who the author was there and then, and what keeps it from effect.

The fold of a case (``ledger.cases.case``) takes plain values; here the registry gives them. Authority is
judged at the registry size that the act itself cites, so the answer never changes when the registry grows,
except that an act which cites a registry longer than the one held here waits for it, and that one under a
provisional grant may gain by the registrar's confirmation.
"""

from __future__ import annotations

from typing import NamedTuple

from ledger.cases.shape import CaseAct, Under
from ledger.formats.act import Act
from ledger.registry.authority import KEY_UNKNOWN, Authority, Refusal, check_act_authority
from ledger.registry.grant import GRANT, Grant, signing_key, without_grant
from ledger.registry.grant_judge import BY_GRANT, Grants
from ledger.registry.registry import Registry
from ledger.types import Facts, KeyId, StationId, Value

NO_ROLES: frozenset[str] = frozenset()


class Standing(NamedTuple):
    """What an author was at a station, at a size of the registry.

    ``blocked`` is "" or the code why nothing that the author signed there can take effect.
    """

    staff_no: str
    level: str
    roles: frozenset[str]
    blocked: str


class _Question(NamedTuple):
    actor: KeyId
    station: StationId
    registry_size: int
    action: str


class Resolver:
    """Answers who an author was; remembers final answers, since most acts of a log ask the same.

    Args:
        registry: the registry as known here; it may grow.
    """

    __slots__ = ("_known", "_registry", "grants")

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.grants = Grants(registry)
        self._known: dict[tuple[KeyId, StationId, int, str], Standing] = {}

    def forget(self) -> None:
        """Forget every answer: the registry was folded anew, and what was final may be another."""
        self._known = {}

    def standing(
        self, *, actor_key_id: KeyId, station: StationId, registry_size: int, action: str
    ) -> Standing:
        """Return what a key was at a station at a size of the registry, for one action."""
        key = (actor_key_id, station, registry_size, action)
        known = self._known.get(key)
        if known is not None:
            return known
        question = _Question._make(key)
        answer = check_act_authority(self._registry, question)
        found = self._standing(question, answer)
        if not (isinstance(answer, Refusal) and answer.awaiting):
            self._known[key] = found
        return found

    def standing_under(
        self,
        carried: Value,
        *,
        actor_key_id: KeyId,
        station: StationId,
        registry_size: int,
        action: str,
        recorded_at_ms: int,
    ) -> tuple[Standing, Under | None]:
        """Return what the author of an act that carries a grant was, and the grant if the answer rests on it.

        Args:
            carried: the field ``grant`` of its facts, whatever stands there.
            actor_key_id: key that signed.
            station: station of the act.
            registry_size: size that it cites.
            action: its action.
            recorded_at_ms: time in its entry.
        """
        by_registry = self.standing(
            actor_key_id=actor_key_id, station=station, registry_size=registry_size, action=action
        )
        if by_registry.blocked not in BY_GRANT:
            return by_registry, None
        question = _Question(actor_key_id, station, registry_size, action)
        grant = self.grants.read(carried)
        if isinstance(grant, Refusal):
            return self._standing(question, grant), None
        answer = self.grants.authority(grant, question, recorded_at_ms=recorded_at_ms)
        return self._standing(question, answer), self._under(grant)

    def case_act(
        self, act: Act, *, recorded_at_ms: int, facts: Facts | None, log_station: StationId, blocked: str = ""
    ) -> CaseAct:
        """Return an act as the fold of its case takes it.

        Args:
            act: the decoded act.
            recorded_at_ms: time in the entry that this act stands under.
            facts: its facts; None where the body is missing, which blocks the act.
            log_station: the station of the log that it stands in; an act counts in logs of its own station.
            blocked: code of a check that failed before (signature, body), "" for none.
        """
        header = act.header
        under: Under | None = None
        told: bytes | None = None
        if facts and GRANT in facts:
            told = signing_key(facts, header.actor)
            standing, under = self.standing_under(
                facts[GRANT],
                actor_key_id=header.actor,
                station=header.station,
                registry_size=header.registry_size,
                action=header.action,
                recorded_at_ms=recorded_at_ms,
            )
            facts = without_grant(facts)
        else:
            standing = self.standing(
                actor_key_id=header.actor,
                station=header.station,
                registry_size=header.registry_size,
                action=header.action,
            )
        if not blocked:
            if header.station != log_station:
                blocked = "act.other_station"
            elif facts is None:
                blocked = "act.facts_missing"
            elif told is None and self._registry.public_key(header.actor) is None:
                # Its key may have been known once, by entries that turned out not to count.
                blocked = KEY_UNKNOWN
            else:
                blocked = standing.blocked
        made: CaseAct = tuple.__new__(
            CaseAct,
            (
                act.act_id, header.parents, header.action, header.station, standing.level, header.actor,
                standing.staff_no, standing.roles, header.occurred_at_ms, recorded_at_ms,
                header.catalogue_version, facts or {}, blocked, header.attachments, under,
            ),
        )  # fmt: skip
        return made

    def _standing(self, question: _Question, answer: Authority | Refusal) -> Standing:
        station = self._registry.station(question.station, size=question.registry_size)
        level = "" if station is None else station.level
        if isinstance(answer, Refusal):
            return Standing("", level, NO_ROLES, answer.code)
        return Standing(answer.staff_no, level, answer.roles_at(question.station), "")

    def _under(self, grant: Grant) -> Under:
        header = grant.act.header
        grantor = self._registry.holder(header.actor)
        staff_no = "" if grantor is None else grantor[1]
        return Under(grant.grant_id, grant.replaces, staff_no, header.station, grant.until_ms)
