"""What the county's own logs say about an act: its key, its author's standing, the end of that key.

Asked by several threads at once; answers are remembered, and remembering one twice does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from ledger.cases.shape import Under
from ledger.errors import BanjianError
from ledger.formats.act import Act, ActHeader
from ledger.formats.genesis import LogGenesis
from ledger.known.knowledge import Knowledge
from ledger.registry.authority import Refusal, Retirement, check_log_opening
from ledger.registry.grant import GRANT, fault_code, read_grant
from ledger.types import Facts, KeyId, LogId, Value

AWAITING = "authority.registry_ahead"
"""The act cites a longer registry than the one in the file: it waits, it is not wrong."""


Place: TypeAlias = tuple[str, int]
"""Name of a log and position in it."""


class Standing(NamedTuple):
    """Whether an act may count: "" or the code why not, what its text needs, the grant that it rests on."""

    code: str
    staff_no: str = ""
    under: Under | None = None


class Judge:
    """Answers from the folded registry and catalogue logs.

    Args:
        knowledge: both logs, folded.
        verdicts: code why an act of either log has no effect, by its place; only those without effect.
        receipt_keys: public keys that a receipt of this key name may be signed with.
        superseded: whether entries of the registry are here that do not count: a key of theirs was known.
    """

    __slots__ = ("_keys", "_known", "knowledge", "receipt_keys", "retirements", "superseded", "verdicts")

    def __init__(
        self,
        knowledge: Knowledge,
        *,
        verdicts: Mapping[Place, str],
        receipt_keys: Mapping[str, tuple[bytes, ...]],
        superseded: bool = False,
    ) -> None:
        self.superseded = superseded
        self.knowledge = knowledge
        self.verdicts = verdicts
        self.receipt_keys = receipt_keys
        self.retirements: Mapping[KeyId, Retirement] = knowledge.registry.retirements()
        self._keys: dict[KeyId, bytes | None] = {}
        self._known: dict[tuple[KeyId, int, str, str], Standing] = {}

    def public_key(self, key_id: KeyId) -> bytes | None:
        """Return the public key of any key that was ever enrolled."""
        try:
            return self._keys[key_id]
        except KeyError:
            self._keys[key_id] = found = self.knowledge.registry.public_key(key_id)
            return found

    def standing(
        self,
        header: ActHeader,
        place: Place,
        genesis: LogGenesis,
        *,
        facts: Facts | None = None,
        recorded_at_ms: int = 0,
    ) -> Standing:
        """Return whether an act may count in a log of this genesis, by the registry that it cites itself.

        Args:
            header: of the act.
            place: where it stands.
            genesis: of the log.
            facts: where a provisional grant is to be looked for that the act carries.
            recorded_at_ms: time in its entry.
        """
        if header.action == "open_log" and place[1] == 1 and genesis.parent_log:
            # A log that continues the registry is opened like any other; its first entry changes nothing.
            return self._opening(header, genesis)
        if genesis.kind in ("registry", "catalogue"):
            code = self.verdicts.get(place, "")
            if code or genesis.kind == "registry":
                return Standing(code)
        if header.action == "open_log":
            return self._opening(header, genesis)
        if facts is not None and GRANT in facts:
            return self._under_grant(header, facts[GRANT], recorded_at_ms)
        question = (header.actor, header.registry_size, header.action, header.station)
        known = self._known.get(question)
        if known is None:
            found = self.knowledge.resolver.standing(
                actor_key_id=header.actor,
                station=header.station,
                registry_size=header.registry_size,
                action=header.action,
            )
            self._known[question] = known = Standing(found.blocked, found.staff_no)
        return known

    def grant_fault(self, act: Act, facts_raw: bytes) -> str:
        """Return "" for a grant that has force at the size that it cites itself, else the code why not."""
        try:
            grant = read_grant(act, facts_raw, ledger_id=self.knowledge.registry.ledger_id)
        except BanjianError as raised:
            return fault_code(raised)
        found = self.knowledge.resolver.grants.force(grant, size=act.header.registry_size)
        return found.code if isinstance(found, Refusal) else ""

    def _under_grant(self, header: ActHeader, carried: Value, recorded_at_ms: int) -> Standing:
        found, under = self.knowledge.resolver.standing_under(
            carried,
            actor_key_id=header.actor,
            station=header.station,
            registry_size=header.registry_size,
            action=header.action,
            recorded_at_ms=recorded_at_ms,
        )
        return Standing(found.blocked, found.staff_no, under)

    def lane(self, key_id: KeyId, log_id: LogId, seq: int, *, under: Under | None = None) -> str:
        """Return "" for an act that the county held before its key ended, else the reason why the key ended.

        A key under a provisional grant ends with the one that it replaces, unless a registrar enrolled it.
        """
        retirement = self.retirements.get(key_id if under is None else under.replaces)
        if under is not None and self.knowledge.registry.is_known_key(key_id):
            retirement = self.retirements.get(key_id)
        if retirement is None or seq <= retirement.seen_size(log_id):
            return ""
        return retirement.reason

    def _opening(self, header: ActHeader, genesis: LogGenesis) -> Standing:
        answer = check_log_opening(
            self.knowledge.registry,
            genesis.kind,
            actor_key_id=header.actor,
            station=genesis.station,
            registry_size=header.registry_size,
        )
        return Standing(answer.code) if isinstance(answer, Refusal) else Standing("", answer.staff_no)
