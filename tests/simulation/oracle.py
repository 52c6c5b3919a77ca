"""What was promised, by whom, and what is known of it: kept outside the system, for the checks alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from ledger.errors import BanjianError
from ledger.facade import Command
from ledger.facade.base.types import Performed
from ledger.facade.logs.bodies import Place as Position
from ledger.facade.logs.bodies import sealed_bodies
from ledger.facade.logs.heldstates import LogState
from ledger.facade.logs.placing import frame_at
from ledger.store import schema
from ledger.types import ActId, CaseId, LogId, StationId
from sync.line.outcome import Outcome
from tests.simulation.county import COUNTY

if TYPE_CHECKING:
    from tests.simulation.place import Place
    from tests.simulation.world import World


@dataclass(frozen=True)
class Promise:
    """An act that a clerk was told to be safe."""

    act_id: ActId
    case_id: CaseId
    log: str
    seq: int
    frame_hash: bytes
    station: StationId
    place: str


@dataclass
class Oracle:
    """Keeps promises and receipts.

    Attributes:
        promises: by act.
        excused: acts of which every copy was destroyed before anybody else had them.
        concerned: stations that a case has to do with, by what the clerks did.
        receipts: for each cosigner: (log, size) and the root that it has confirmed.
        doubtful: places whose memory was put back since their receipts were given.
        lost_at: names of places with each act that they lost with a disk.
        put_back: names of places whose disk was put back to an old copy.
        erased: by name of place and case, the act with which somebody erased its personal data there, and the
            acts of the case that were there.
        stale: callers with an upstream to which they have not spoken since it was put back.
    """

    world: World
    promises: dict[ActId, Promise] = field(default_factory=dict)
    excused: set[ActId] = field(default_factory=set)
    concerned: dict[CaseId, set[StationId]] = field(default_factory=dict)
    receipts: dict[StationId, dict[tuple[LogId, int], bytes]] = field(default_factory=dict)
    doubtful: set[StationId] = field(default_factory=set)
    lost_at: set[tuple[str, ActId]] = field(default_factory=set)
    put_back: set[str] = field(default_factory=set)
    stale: set[tuple[str, str | None]] = field(default_factory=set)
    erased: dict[tuple[str, CaseId], tuple[ActId, frozenset[ActId]]] = field(default_factory=dict)

    def intended(self, place: Place, command: Command) -> None:
        """Remember that somebody was about to act: a power cut may hide that it was done."""
        if command.case is not None:
            self._concern(place, command, command.case)

    def _concern(self, place: Place, command: Command, case_id: CaseId) -> None:
        concerned = self.concerned.setdefault(case_id, set())
        concerned.add(place.station)
        to = command.facts.get("to")
        if isinstance(to, str):
            concerned.add(StationId(to))

    def confirmed(self, place: Place, command: Command, done: Performed) -> None:
        """Remember an act that was confirmed to a clerk."""
        world = self.world
        with place.ledger.store.read() as tx:
            frame = tx.frame(done.log_id.hex(), done.seq)
        if frame is None:
            world.violation(f"{place.name} confirmed {done.act_id.hex()[:8]} and does not have it")
            return
        self.promises[done.act_id] = Promise(
            done.act_id, done.case_id, done.log_id.hex(), done.seq, sha256(frame).digest(),
            place.station, place.name,
        )  # fmt: skip
        self._concern(place, command, done.case_id)
        world.tally["acts"] += 1
        world.actions[command.action] += 1
        world.loop.trace("act", place.name, command.action, done.act_id)

    def booted(self, place: Place) -> None:
        """Look at what a machine has after it came up again."""
        for line in self.missing_at(place):
            self.world.violation(f"after a boot of {place.name}: {line}")
        self.world.violations_of(self.false_receipts(place), f"after a boot of {place.name}")
        self.world.violations_of(self.unerased(place), f"after a boot of {place.name}")

    def missing_at(self, place: Place) -> Iterator[str]:
        """Yield the promises of a place that it does not hold."""
        with place.ledger.store.read() as tx:
            for promise in self.promises.values():
                if promise.place != place.name or promise.act_id in place.world.rolled_back:
                    continue
                frame = tx.frame(promise.log, promise.seq)
                if frame is None or sha256(frame).digest() != promise.frame_hash:
                    yield f"lost {promise.log[:8]}/{promise.seq} act {promise.act_id.hex()[:8]}"

    def synced(self, place: Place, outcome: Outcome) -> None:
        """Look at what a successful call has left at the caller."""
        upper = self.world.main.get(StationId((place.upstream or "").partition("#")[0]))
        self.stale.discard((place.name, place.upstream))
        self.collect_receipts(place)
        self.world.violations_of(self.unerased(place), f"after a sync of {place.name}")
        if upper is not None and upper.up and not upper.disk.dead:
            self.world.violations_of(self.untrue_waiting(place, upper), f"after a sync of {place.name}")
            self.world.violations_of(self.false_receipts(upper), f"after a sync of {place.name}")

    def sync_failed(self, place: Place, error: BanjianError) -> None:
        """Look at what an unsuccessful call has left at the caller."""
        self.world.failures[error.code] += 1
        if place.up and not place.disk.dead:
            self.collect_receipts(place)

    def collect_receipts(self, place: Place) -> None:
        """Take in every receipt that a place holds now: from now on it must be true."""
        held = place.exchange.held
        for cosigner in sorted(self.world.above[place.station] - {place.station}):
            for line in held.receipts_by(cosigner):
                known = self.receipts.setdefault(cosigner, {})
                if (line.log_id, line.size) in known:
                    continue
                roots = dict(held.roots(line.log_id, [line.size]))
                if line.size in roots:
                    known[line.log_id, line.size] = roots[line.size]

    def false_receipts(self, place: Place, *, all_sizes: bool = False) -> Iterator[str]:
        """Yield the receipts of a place for entries that it does not hold.

        Args:
            place: the cosigner.
            all_sizes: look at every receipt, not only at the largest for each log.
        """
        if place.station in self.doubtful or place.name != place.station:
            return
        held, largest = place.exchange.held, self.receipts.get(place.station, {})
        if not all_sizes:
            sizes: dict[LogId, int] = {}
            for log_id, size in largest:
                sizes[log_id] = max(size, sizes.get(log_id, 0))
            largest = {pair: largest[pair] for pair in sizes.items()}
        for (log_id, size), root in largest.items():
            if dict(held.roots(log_id, [size])).get(size) == root or _in_branch(place, log_id, size, root):
                continue
            if not (all_sizes and (self._both_lost(place, log_id, size) or self._is_past(place, log_id))):
                yield f"false receipt of {place.name} on {log_id.hex()[:8]} at {size}"

    def _is_past(self, place: Place, log_id: LogId) -> bool:
        """Whether who signed a receipt lost its disk, and the writer of the log was put elsewhere.

        Who is above now is given everything; nobody owes it to who was.
        """
        genesis = self.world.main[COUNTY].exchange.held.genesis(log_id)
        return (
            place.name in self.put_back
            and genesis is not None
            and place.station not in self.world.line(genesis.station)
        )

    def _both_lost(self, place: Place, log_id: LogId, size: int) -> bool:
        """Whether who signed a receipt and who wrote the log lost the same entries below it.

        What others hold of them comes back as single records, and ``lost`` asks for each; never the whole.
        """
        promises = [promise for promise in self.promises.values() if promise.log == log_id.hex()]
        both = {
            promise.act_id
            for promise in promises
            if {(place.name, promise.act_id), (promise.place, promise.act_id)} <= self.lost_at
        }
        return any(promise.seq <= size and promise.act_id in both for promise in promises) or (
            self._beginning_lost(place, promises, size) and self._held_nowhere(log_id)
        )

    def _beginning_lost(self, place: Place, promises: list[Promise], size: int) -> bool:
        """Whether a receipt is of a log's opening alone, and both who signed it and the writer were put back.

        An opening is promised to nobody; what the writer did behind it tells that it lost it.
        """
        return (
            bool(promises)
            and place.name in self.put_back
            and all(one.seq > size and (one.place, one.act_id) in self.lost_at for one in promises)
        )

    def _held_nowhere(self, log_id: LogId) -> bool:
        return not any(one.exchange.held.size(log_id) for one in self.world.all_places() if one.up)

    def untrue_waiting(self, place: Place, upper: Place) -> Iterator[str]:
        """Yield where a place believes that its upstream has more than it has."""
        if (place.name, upper.name) in self.stale:
            return
        told, _ = place.exchange.held.waiting(upper.station)
        missing = 0
        scope = place.exchange.held.scope(place.station)
        for state in place.exchange.held.states(scope, county=False):
            lacking = max(0, state.size - upper.exchange.held.size(state.log_id))
            missing += lacking if lacking and not upper.exchange.held.has_branch(state) else 0
        if missing > told:
            yield f"{place.name} says {told} are waiting, {upper.name} lacks {missing}"

    def holds(self, place: Place, act_id: ActId) -> bool:
        """Whether a place holds an act, wherever it stands."""
        promise = self.promises[act_id]
        with place.ledger.store.read() as tx:
            row = tx.get(schema.ACTS, (promise.case_id, act_id))
            if row is None:
                return False
            return frame_at(tx, Position(str(row[2]), int(str(row[3])))) is not None

    def roll_back(self, place: Place, before: set[ActId], after: set[ActId]) -> None:
        """Note that a place lost everything that it had and that an old copy has not."""
        lost = before - after
        self.put_back.add(place.name)
        others = [one for one in self.world.all_places() if one is not place and one.up]
        for act_id in sorted(lost & self.promises.keys()):
            self.world.rolled_back.add(act_id)
            self.lost_at.add((place.name, act_id))
            if not any(self.holds(other, act_id) for other in others):
                self.excused.add(act_id)
        self.doubtful.add(place.station)
        self.stale |= {(one.name, place.name) for one in self.world.all_places() if place.name in one.called}
        self.erased = {
            key: known for key, known in self.erased.items() if key[0] != place.name or known[0] not in lost
        }

    def allowed(self, case_id: CaseId, station: StationId) -> bool:
        """Whether a station may see a case at all."""
        return any(station in self.world.above[one] for one in self.concerned.get(case_id, ()))

    def unerased(self, place: Place) -> Iterator[str]:
        """Yield the cases whose personal data was erased at a place, and is there.

        What somebody types there afterwards is new; what others wrote is not to be taken in any more.
        """
        with place.ledger.store.read() as tx:
            for (name, case_id), (_, acts) in self.erased.items():
                if name != place.name:
                    continue
                for body in sealed_bodies(tx, case_id):
                    by = self.promises.get(body.act_id)
                    if body.act_id in acts or (by is not None and by.place != name):
                        yield f"{name} has personal data of case {case_id.hex()[:8]}, erased there"

    def refusal_of(self, place: Place) -> str:
        """Return why the station that a place calls must not let it in, by what that one holds."""
        upper = self.world.main.get(StationId(place.upstream or ""))
        if upper is None or not upper.up or upper.disk.dead:
            return ""
        known = upper.ledger.knowledge.registry
        station = known.station(place.station)
        if station is not None and not station.is_open:
            return "its station is closed"
        if self.world.certified_at_ms.get(place.name, 0) < known.certificates_end_ms(place.station):
            return "its certificate has ended"
        return ""


def _in_branch(place: Place, log_id: LogId, size: int, root: bytes) -> bool:
    return place.exchange.held.has_branch(LogState(log_id, size, root))
