"""Registry: the fold over the registry log, which says who may do what at which size of that log.

Everything follows from the pinned ledger id and the acts in log order. History is kept, so that an act that
cites an old registry is judged by just that one. An act without authority holds its position, changes
nothing and carries the reason.

Source: docs/protocol.md, "Registry".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from types import MappingProxyType

from ledger.errors import GapError
from ledger.limits import PARENTS_MAX
from ledger.registry.authority import Authority, Refusal, Retirement
from ledger.registry.history import History
from ledger.registry.judge import judge, subject_thread
from ledger.registry.schema import SCHEMAS
from ledger.registry.state import NO_CASE, KeyRecord, RegistryAct, RegistryState, SetKey
from ledger.registry.station import Station
from ledger.types import ActId, CaseId, Facts, KeyId, LedgerId, StationId

__all__ = ["Registry", "RegistryAct", "RegistryOutcome", "Thread"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryOutcome:
    """What became of one act of the registry log.

    ``effect_position`` is the log position from which it holds: its own, or that of the countersign;
    0 while it waits for one, and for ever with a ``refusal``.
    """

    position: int
    act_id: ActId
    action: str
    effect_position: int
    refusal: Refusal | None

    @property
    def effective(self) -> bool:
        """True when the act has taken effect."""
        return self.effect_position > 0

    @property
    def pending(self) -> bool:
        """True while a root act waits for the countersign of a second root key."""
        return not self.effective and self.refusal is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """What the author of the next act about a subject writes into its header."""

    case_id: CaseId
    parents: tuple[ActId, ...]


class Registry:
    """Builder of the registry; queries take the size that an act cites, by default the newest.

    Args:
        ledger_id: the pinned id; a registry log of another ledger founds nothing.
    """

    __slots__ = ("_authorities", "_folds", "_names", "_outcomes", "_positions", "_state")

    def __init__(self, ledger_id: LedgerId) -> None:
        self._state = RegistryState(ledger_id=ledger_id)
        self._outcomes: list[RegistryOutcome] = []
        self._positions: dict[ActId, History[int]] = {}
        self._names: dict[str, str] = {}
        self._authorities: dict[tuple[KeyId, int, int], Authority] = {}
        self._folds = 0

    def become(self, other: Registry) -> None:
        """Say from now on what another registry of the same ledger says, which is used no further."""
        self._state, self._outcomes, self._positions = other._state, other._outcomes, other._positions
        self._names, self._authorities = other._names, other._authorities
        self._folds += 1

    def apply(self, act: RegistryAct) -> RegistryOutcome:
        """Take the next act of the log and return what became of it.

        Raises:
            GapError: the act does not follow the last position (``registry.order``); the act itself is
                never a reason to raise.
        """
        state = self._state
        if act.position != state.size + 1:
            raise GapError("registry.order", expected=state.size + 1, found=act.position)
        verdict = judge(state, act)
        refusal = verdict if isinstance(verdict, Refusal) else None
        effect_position = 0
        state.size = act.position
        self._note_position(act)
        if not isinstance(verdict, Refusal):
            effect_position = 0 if verdict.pending else act.position
            state.join_thread(act)
            if verdict.pending:
                state.pending[act.act_id] = act
            if verdict.completes is not None:
                self._complete(verdict.completes, act.position)
            for change in verdict.changes:
                state.change(act.position, change)
                if isinstance(change, SetKey) and change.record.name:
                    self._names[change.record.staff_no] = change.record.name
        outcome = RegistryOutcome(
            position=act.position,
            act_id=act.act_id,
            action=act.action,
            effect_position=effect_position,
            refusal=refusal,
        )
        self._outcomes.append(outcome)
        return outcome

    def refusal(self, act: RegistryAct) -> Refusal | None:
        """Return why an act would have no effect as the next entry; None when it would, or would wait."""
        verdict = judge(self._state, act)
        return verdict if isinstance(verdict, Refusal) else None

    @property
    def ledger_id(self) -> LedgerId:
        """The pinned id of the ledger."""
        return self._state.ledger_id

    @property
    def size(self) -> int:
        """Entries of the registry log applied so far."""
        return self._state.size

    @property
    def version(self) -> tuple[int, int]:
        """How often the log was folded anew, and its size: equal as long as nothing here changes."""
        return self._folds, self._state.size

    @property
    def station_of_log(self) -> StationId:
        """Station that keeps the registry log; empty before the log is founded."""
        return self._state.station

    @property
    def names(self) -> Mapping[str, str]:
        """Names of staff and registrars by staff number, as far as their personal bodies are held."""
        return MappingProxyType(self._names)

    def called(self, key_id: KeyId, staff_no: str = "") -> str:
        """Return the name of a key's holder, else the name of ``staff_no``, else that number; or nothing."""
        held = self.authority(key_id)
        name, number = ("", staff_no) if held is None else (held.name, held.staff_no)
        return name or self._names.get(number, number)

    def authority(self, key_id: KeyId, *, size: int | None = None) -> Authority | None:
        """Return what a key may do at a size of the registry; None if unknown or retired by then."""
        history = self._state.keys.get(key_id)
        if history is None:
            return None
        asked = self._state.size if size is None else size
        version = history.version(asked)
        if not version:
            return None
        tree_version = self._state.tree.version(asked)
        cached = self._authorities.get((key_id, version, tree_version))
        if cached is not None:
            return cached
        record = history.value(version)
        if record.retirement is not None:
            return None
        made = self._authority(record, tree_version)
        self._authorities[key_id, version, tree_version] = made
        return made

    def retirement(self, key_id: KeyId, *, size: int | None = None) -> Retirement | None:
        """Return how a key ended, if it had ended by a size of the registry."""
        history = self._state.keys.get(key_id)
        record = None if history is None else history.at(self._state.size if size is None else size)
        return None if record is None else record.retirement

    def retirements(self) -> Mapping[KeyId, Retirement]:
        """Return all ends of keys, by key: what lanes are derived from."""
        found = ((key_id, history.newest) for key_id, history in self._state.keys.items())
        return {key_id: record.retirement for key_id, record in found if record and record.retirement}

    def public_key(self, key_id: KeyId) -> bytes | None:
        """Return the public key of any key ever enrolled, to check signatures whatever its authority."""
        record = self._state.key(key_id)
        return None if record is None else record.public_key

    def is_known_key(self, key_id: KeyId) -> bool:
        """Tell whether a key was enrolled at any position."""
        return key_id in self._state.keys

    def keys_since(self, size: int) -> list[KeyId]:
        """Return the keys that entries behind a size enrolled, the newest first."""
        newer = takewhile(lambda pair: pair[1].at(size) is None, reversed(self._state.keys.items()))
        return [key_id for key_id, _ in newer]

    def holder(self, key_id: KeyId) -> tuple[str, str] | None:
        """Return kind and staff number of any key ever enrolled, live or not; None for no such key."""
        record = self._state.key(key_id)
        return None if record is None else (record.kind, record.staff_no)

    def is_root_key(self, key_id: KeyId) -> bool:
        """Tell whether a key is one of the three of the ledger genesis."""
        record = self._state.key(key_id)
        return record is not None and record.kind == "root"

    def keys(self, *, size: int | None = None) -> Iterator[Authority]:
        """Yield the authorities of all keys that are live at a size, in order of enrolment."""
        for key_id in self._state.keys:
            held = self.authority(key_id, size=size)
            if held is not None:
                yield held

    def service_keys(
        self, station: StationId, purpose: str, *, size: int | None = None
    ) -> tuple[Authority, ...]:
        """Return the live service keys of a station for a purpose, in order of enrolment."""
        return tuple(
            held for held in self.keys(size=size) if held.purpose == purpose and held.station == station
        )

    def all_service_keys(self, station: StationId, purpose: str) -> tuple[bytes, ...]:
        """Return the public keys ever enrolled for a service of a station, the newest first."""
        records = [history.newest for history in self._state.keys.values()]
        found = [
            record.public_key
            for record in records
            if record is not None and (record.station, record.purpose) == (station, purpose)
        ]
        return tuple(reversed(found))

    def staff(self, staff_no: str, *, size: int | None = None) -> Authority | None:
        """Return the authority of a member of staff by number; None without a live key at that size."""
        return self._person("staff", staff_no, size)

    def staff_keys(self, staff_no: str) -> tuple[KeyId, ...]:
        """Return every key ever enrolled for a member of staff, in order of enrolment."""
        return tuple(key_id for _, key_id in self._state.staff.get(("staff", staff_no), ()))

    def registrar(self, staff_no: str, *, size: int | None = None) -> Authority | None:
        """Return the authority of a registrar by number; None without a live key at that size."""
        return self._person("registrar", staff_no, size)

    def station(self, station: StationId, *, size: int | None = None) -> Station | None:
        """Return a station, open or closed, at a size; None if it was not enrolled by then."""
        return self._state.tree.get(station, self._state.size if size is None else size)

    def certificates_end_ms(self, station: StationId) -> int:
        """Return the moment before which no certificate of a station may have begun; 0 for none."""
        return self._state.certificates.get(station, 0)

    def stations(self, *, size: int | None = None) -> tuple[Station, ...]:
        """Return the stations that are open at a size, by station id."""
        return tuple(self._state.tree.open_at(self._state.size if size is None else size))

    def all_stations(self, *, size: int | None = None) -> tuple[Station, ...]:
        """Return every station enrolled by a size, open or closed, by station id."""
        return tuple(self._state.tree.all_at(self._state.size if size is None else size))

    def line(self, station: StationId, *, size: int | None = None) -> tuple[StationId, ...]:
        """Return a station and those above it, nearest first; empty if it was not enrolled by then."""
        tree = self._state.tree
        return tree.line(station, tree.version(self._state.size if size is None else size))

    def roles_at(self, key_id: KeyId, station: StationId, *, size: int | None = None) -> frozenset[str]:
        """Return the roles that a key holds at a station, at a size."""
        held = self.authority(key_id, size=size)
        return frozenset() if held is None else held.roles_at(station)

    def outcome(self, act_id: ActId, *, size: int | None = None) -> RegistryOutcome | None:
        """Return what became of an act as of a size; None if the first entries do not hold it."""
        history = self._positions.get(act_id)
        asked = self._state.size if size is None else size
        position = None if history is None else history.at(asked)
        if position is None:
            return None
        known = self._outcomes[position - 1]
        return replace(known, effect_position=0) if known.effect_position > asked else known

    def outcomes(self) -> tuple[RegistryOutcome, ...]:
        """Return what became of every act, in log order."""
        return tuple(self._outcomes)

    def pending(self) -> tuple[RegistryAct, ...]:
        """Return the root acts that wait for the countersign of a second root key, oldest first."""
        return tuple(self._state.pending.values())

    def thread_for(self, action: str, facts: Facts) -> Thread | None:
        """Return what the header of an act with these facts must name; None if its subject is unknown.

        An opening action has neither a thread nor predecessors.
        """
        schema = SCHEMAS.get(action)
        if schema is not None and schema.opening:
            return Thread(case_id=NO_CASE, parents=())
        case_id = subject_thread(self._state, action, facts)
        if case_id is None:
            return None
        return Thread(case_id=case_id, parents=self._state.heads[case_id][:PARENTS_MAX])

    def _person(self, kind: str, staff_no: str, size: int | None) -> Authority | None:
        history = self._state.staff.get((kind, staff_no))
        key_id = None if history is None else history.at(self._state.size if size is None else size)
        return None if key_id is None else self.authority(key_id, size=size)

    def _note_position(self, act: RegistryAct) -> None:
        """Remember where an act counts: its first position, but never that of a blocked twin.

        An act id leaves the signature out, so a forged signature must not use up the id of a genuine act.
        """
        genuine = not act.blocked and act.act_id not in self._state.seen
        if genuine:
            self._state.seen.add(act.act_id)
        if genuine or act.act_id not in self._positions:
            self._positions.setdefault(act.act_id, History()).set(act.position, act.position)

    def _complete(self, act_id: ActId, position: int) -> None:
        waiting = self._state.pending.pop(act_id)
        index = waiting.position - 1
        self._outcomes[index] = replace(self._outcomes[index], effect_position=position)

    def _authority(self, record: KeyRecord, tree_version: int) -> Authority:
        return Authority(
            key_id=record.key_id,
            public_key=record.public_key,
            alg=record.alg,
            staff_no=record.staff_no,
            kind=record.kind,
            purpose=record.purpose,
            station=record.station,
            grants=record.grants,
            stand_ins=record.stand_ins,
            name=record.name,
            tree=self._state.tree,
            tree_version=tree_version,
        )
