"""What the registry fold knows, and the values by which an effective act changes it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.registry.authority import Retirement
from ledger.registry.history import History
from ledger.registry.station import Station, StationTree
from ledger.types import ActId, CaseId, Facts, KeyId, LedgerId, StationId

THREAD_BYTES = 16
NO_CASE = CaseId(b"")
NO_STATION = StationId("")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAct:
    """One act of the registry log, decoded, with its signature and body hashes checked by the caller.

    ``blocked`` is the code of a check that failed before (encoding, signature, body): such an act holds its
    position and can never take effect. ``personal`` is None when withheld or erased, which changes names
    alone. ``case_id`` is empty in opening acts.
    """

    act_id: ActId
    action: str
    actor_key_id: KeyId
    facts: Facts
    personal: Facts | None = None
    case_id: CaseId = NO_CASE
    parents: tuple[ActId, ...] = ()
    position: int
    station: StationId
    blocked: str = ""

    @property
    def thread(self) -> CaseId:
        """Thread that the act belongs to: its own, if it opens one."""
        return self.case_id or CaseId(self.act_id[:THREAD_BYTES])


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """What the registry knows of one key from one position on; a retired key keeps its record."""

    key_id: KeyId
    alg: str
    public_key: bytes
    kind: str
    staff_no: str = ""
    purpose: str = ""
    station: StationId = NO_STATION
    name: str = ""
    grants: frozenset[tuple[str, str]] = frozenset()
    stand_ins: frozenset[tuple[str, str, str]] = frozenset()
    thread: CaseId
    retirement: Retirement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetKey:
    """A key is enrolled, changed or retired."""

    record: KeyRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class SetStation:
    """A station is enrolled or reopened, in the thread of the act that did it."""

    station: Station
    thread: CaseId


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseStation:
    """A station is closed."""

    station: StationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The ledger is founded: the log's station and the key of the log itself."""

    station: StationId
    log_public_key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EndCertificates:
    """Certificates of a station that began before a moment have ended."""

    station: StationId
    before_ms: int


Change = SetKey | SetStation | CloseStation | EndCertificates | Found


@dataclass(slots=True, kw_only=True)
class RegistryState:
    """Everything that the entries so far have set; only ``Registry`` writes it."""

    ledger_id: LedgerId
    size: int = 0
    station: StationId = NO_STATION
    keys: dict[KeyId, History[KeyRecord]] = field(default_factory=dict)
    public_keys: set[bytes] = field(default_factory=set)
    staff: dict[tuple[str, str], History[KeyId]] = field(default_factory=dict)
    tree: StationTree = field(default_factory=StationTree)
    station_threads: dict[StationId, CaseId] = field(default_factory=dict)
    certificates: dict[StationId, int] = field(default_factory=dict)
    threads: dict[ActId, CaseId] = field(default_factory=dict)
    heads: dict[CaseId, tuple[ActId, ...]] = field(default_factory=dict)
    pending: dict[ActId, RegistryAct] = field(default_factory=dict)
    seen: set[ActId] = field(default_factory=set)

    @property
    def tree_version(self) -> int:
        """Version of the station tree after all entries so far."""
        return self.tree.version(self.size)

    def key(self, key_id: KeyId) -> KeyRecord | None:
        """Return the newest record of a key, live or retired."""
        history = self.keys.get(key_id)
        return None if history is None else history.newest

    def person(self, kind: str, staff_no: str) -> KeyRecord | None:
        """Return the newest key record of a member of staff or a registrar, by staff number."""
        history = self.staff.get((kind, staff_no))
        key_id = None if history is None else history.newest
        return None if key_id is None else self.key(key_id)

    def open_station(self, station: StationId) -> Station | None:
        """Return an enrolled station that is open now."""
        known = self.tree.get(station, self.size)
        return known if known is not None and known.is_open else None

    def live_roots(self) -> int:
        """Return the number of root keys that are not retired."""
        records = (history.newest for history in self.keys.values())
        return sum(1 for record in records if record and record.kind == "root" and record.retirement is None)

    def change(self, position: int, change: Change) -> None:
        """Apply one change from a log position on."""
        if isinstance(change, SetKey):
            self._set_key(position, change.record)
        elif isinstance(change, SetStation):
            self.tree.put(position, change.station)
            self.station_threads[change.station.station] = change.thread
        elif isinstance(change, CloseStation):
            self.tree.close(position, change.station)
        elif isinstance(change, EndCertificates):
            before_ms = self.certificates.get(change.station, 0)
            self.certificates[change.station] = max(before_ms, change.before_ms)
        else:
            self.station = change.station
            self.public_keys.add(change.log_public_key)

    def join_thread(self, act: RegistryAct) -> None:
        """Take an act into its thread: it becomes the head in place of its parents."""
        self.threads[act.act_id] = act.thread
        others = (head for head in self.heads.get(act.thread, ()) if head not in act.parents)
        self.heads[act.thread] = tuple(sorted((*others, act.act_id)))

    def _set_key(self, position: int, record: KeyRecord) -> None:
        self.keys.setdefault(record.key_id, History()).set(position, record)
        self.public_keys.add(record.public_key)
        if record.staff_no and record.retirement is None:
            holder = self.staff.setdefault((record.kind, record.staff_no), History())
            if holder.newest != record.key_id:
                holder.set(position, record.key_id)
