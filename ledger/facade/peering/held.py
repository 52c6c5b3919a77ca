"""What this installation holds of every log: sizes, roots, divergent histories, receipts, from the data.

One of these lives as long as the open ledger. It keeps the ends of logs in memory, because only the one
writing process asks and only that process makes them grow.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger.errors import EncodingError
from ledger.facade.base.audience import subtree
from ledger.facade.base.synctables import FEED_HELD
from ledger.facade.logs.countyfold import COUNTY_KINDS
from ledger.facade.logs.heldstates import BranchState, LogState, ReceiptLine, branch_name
from ledger.facade.logs.histories import Branch, branch_names, history_nodes, load_branches, reached
from ledger.facade.logs.logend import LogEnd, held_root, load_end
from ledger.facade.logs.lostends import BESIDE_CHAIN, LostEnd, lost_end
from ledger.facade.logs.opening import BRANCH_MARK, HeldLog
from ledger.facade.logs.ownlog import newest_checkpoint
from ledger.facade.logs.rotten import Rotten
from ledger.facade.logs.singles import waiting_singles
from ledger.facade.opened.parts import Parts
from ledger.facade.transfer.feeds import START, FeedPlace, kept_place
from ledger.formats.checkpoint import receipt_name
from ledger.formats.entry import entry_hash
from ledger.formats.frame import split_frame
from ledger.formats.genesis import LogGenesis
from ledger.formats.merkle import root_at
from ledger.formats.rank import recorded_at_ms
from ledger.limits import INT_MAX
from ledger.store import schema
from ledger.store.contract import ReadTx, Store
from ledger.types import LedgerId, LogId, StationId


class Held:
    """Answers what is here.

    Args:
        store: the open store.
        parts: the working parts of the ledger.
        station: the main station of this installation.
        writing: whether the own logs grow by these parts alone; a reader beside the writer asks the store.
    """

    def __init__(self, store: Store, parts: Parts, station: StationId, *, writing: bool = True) -> None:
        self.station = station
        self._writing = writing
        self._store = store
        self._parts = parts
        self._ends: dict[LogId, LogEnd] = {}
        self._forked: dict[str, dict[str, Branch]] = {}

    @property
    def ledger_id(self) -> LedgerId:
        """The pinned ledger."""
        return self._parts.knowledge.registry.ledger_id

    def scope(self, station: StationId) -> frozenset[StationId]:
        """Return a station and all below it, as the newest registry here has them."""
        return subtree(self._parts.knowledge.registry, station) | {station}

    def is_closed(self, station: StationId) -> bool:
        """Whether the newest registry here has closed a station; one that it does not know is not closed."""
        known = self._parts.knowledge.registry.station(station)
        return known is not None and not known.is_open

    def line(self) -> tuple[StationId, ...]:
        """Return this station and those above it, nearest first; alone before the registry is here."""
        return self._parts.knowledge.registry.line(self.station) or (self.station,)

    def genesis(self, log_id: LogId) -> LogGenesis | None:
        """Return the genesis of a log that is known here."""
        held = self._parts.holdings.logs.get(log_id.hex())
        return None if held is None else held.genesis

    def states(self, stations: frozenset[StationId], *, county: bool) -> list[LogState]:
        """Return what is held of the logs of some stations, by log id.

        Args:
            stations: whose station logs.
            county: the registry and catalogue logs as well.
        """
        with self._store.read() as tx:
            ends = [
                self.end(tx, held.genesis)
                for held in self._parts.holdings.logs.values()
                if (held.genesis.kind == "station" and held.genesis.station in stations)
                or (county and held.genesis.kind in COUNTY_KINDS)
            ]
        found = [LogState(end.genesis.log_id(), end.size, end.root) for end in ends if end.size and end.root]
        return sorted(found)

    def size(self, log_id: LogId) -> int:
        """Return how many entries of a log are held, without gaps."""
        genesis = self.genesis(log_id)
        if genesis is None:
            return 0
        with self._store.read() as tx:
            return self.end(tx, genesis).size

    def roots(self, log_id: LogId, sizes: Iterable[int]) -> list[tuple[int, bytes]]:
        """Return pairs of size and root of a log at those of some sizes that are held."""
        held = self._parts.holdings.logs.get(log_id.hex())
        if held is None:
            return []
        with self._store.read() as tx:
            end = self.end(tx, held.genesis)
            found = [(size, held_root(tx, end, size)) for size in sizes if 0 <= size <= end.size]
        # What is rotten here gives no root to be compared.
        return [one for one in found if one[1]]

    def in_order(self, log_ids: Iterable[LogId]) -> list[LogId]:
        """Return logs in the order in which a receiver needs them: registry, catalogue, then the others."""
        ranks = {"registry": 0, "catalogue": 1}
        generation = {
            held.genesis.log_id(): index
            for kind in COUNTY_KINDS
            for index, held in enumerate(self._parts.succession.in_order(kind))
        }

        def rank(log_id: LogId) -> tuple[int, int, LogId]:
            genesis = self.genesis(log_id)
            kind = "" if genesis is None else genesis.kind
            return ranks.get(kind, 2), generation.get(log_id, 0), log_id

        return sorted(log_ids, key=rank)

    def is_open_own(self, log_id: LogId) -> bool:
        """Whether this installation writes a log, and may go on doing so."""
        own = self._parts.own.get(log_id.hex())
        return own is not None and not own.doubt

    def is_own(self, log_id: LogId) -> bool:
        """Whether this installation writes a log, or ever did."""
        held = self._parts.holdings.logs.get(log_id.hex())
        return held is not None and held.own

    def branches(self, stations: frozenset[StationId]) -> list[BranchState]:
        """Return what is held of divergent histories of some stations' logs."""
        log_stations = self._parts.holdings.stations
        return [one for one in self._all_branches() if log_stations.get(one.log_id.hex()) in stations]

    def is_given_up(self, log_id: LogId) -> bool:
        """Whether this installation wrote a log, never will again, and no other log goes on from it."""
        holdings = self._parts.holdings
        held = holdings.logs.get(log_id.hex())
        if held is None or not held.own or held.state == BESIDE_CHAIN:
            return False
        return bool(held.state) and not self.is_continued(log_id)

    def is_ended(self, log_id: LogId) -> bool:
        """Whether a log of registry or catalogue was given up here, and another one goes on from it.

        What it had beyond that point is without effect, and kept all the same.
        """
        held = self._parts.holdings.logs.get(log_id.hex())
        if held is None or not held.own or held.state in ("", BESIDE_CHAIN):
            return False
        return held.genesis.kind in COUNTY_KINDS and self.is_continued(log_id)

    def is_lost(self, genesis: LogGenesis) -> bool:
        """Whether a log that is not held was written on this machine, whose disk knows nothing of it."""
        here = genesis.station == self.station and self._parts.holdings.put_back
        return here and genesis.log_id().hex() not in self._parts.holdings.logs

    def is_continued(self, log_id: LogId) -> bool:
        """Whether another log goes on from a log: what came late of it has no effect."""
        return self._parts.succession.is_continued(log_id)

    def is_county_log(self, log_id: LogId) -> bool:
        """Whether a log is one of registry or catalogue."""
        genesis = self.genesis(log_id)
        return genesis is not None and genesis.kind in COUNTY_KINDS

    def given_up(self) -> list[LogGenesis]:
        """Return the logs of registry, catalogue and stations that this installation has given up.

        Those that it does not even know to be its own, for its disk is older than they, are among them.
        """
        return [
            held.genesis
            for held in self._parts.holdings.logs.values()
            if (held.genesis.kind == "station" and held.own and held.state)
            or (held.genesis.kind == "station" and not held.own and self._is_of_here(held))
            or (held.genesis.kind in COUNTY_KINDS and self.is_given_up(held.genesis.log_id()))
        ]

    def _is_of_here(self, held: HeldLog) -> bool:
        """Whether a log is this station's own, by somebody who could open one."""
        at_home = held.genesis.station == self.station
        return at_home and self._parts.succession.is_rightful(held, or_waiting=True)

    def continued_elsewhere(self) -> list[LogId]:
        """Return the own open logs that another machine has gone on with, in a branch or in a new log."""
        forked = {branch.log_id for branch in self._all_branches()}
        own, succession = self._parts.own.values(), self._parts.succession
        return [one.log_id for one in own if one.log_id in forked or succession.elsewhere(one.log_id)]

    def histories(self, log_id: LogId) -> dict[str, Branch]:
        """Return the divergent histories of a log by name, each behind the one that it leaves."""
        log = log_id.hex()
        if log not in self._forked:
            with self._store.read() as tx:
                self._forked[log] = load_branches(tx, log)
        return self._forked[log]

    def forget_histories(self, log_id: LogId) -> None:
        """Read the divergent histories of a log from the store next time: one was written."""
        self._forked.pop(log_id.hex(), None)

    def has_branch(self, state: LogState) -> bool:
        """Whether what somebody holds of a log ends within a divergent history that is held here."""
        log = state.log_id.hex()
        return any(name != log for name, _ in self.points(state.log_id, [(state.size, state.root)]))

    def points(self, log_id: LogId, stated: Iterable[tuple[int, bytes]]) -> list[tuple[str, int]]:
        """Return on which histories held here the given sizes and roots lie, by name; others are left out."""
        genesis = self.genesis(log_id)
        if genesis is None:
            return []
        log, branches = log_id.hex(), self.histories(log_id)
        found: list[tuple[str, int]] = []
        with self._store.read() as tx:
            end = self.end(tx, genesis)
            for size, root in stated:
                if 0 < size <= end.size and held_root(tx, end, size) == root:
                    found.append((log, size))
                found += [
                    (one.name, size)
                    for one in branches.values()
                    if one.first_seq <= size <= one.size
                    and root_at(size, history_nodes(tx, log, one)) == root
                ]
        return found

    def reached(self, log_id: LogId, name: str, points: Iterable[tuple[str, int]]) -> int:
        """Return how far somebody holds a history of a log, by what ``points`` found of theirs."""
        return reached(self.histories(log_id), log_id.hex(), name, points)

    def heads(self, log_id: LogId) -> list[bytes]:
        """Return the newest signed checkpoint of each history of a log that is held here."""
        with self._store.read() as tx:
            found = [newest_checkpoint(tx, name) for name in (log_id.hex(), *self.histories(log_id))]
        return [note for note in found if note is not None]

    def is_main_entry(self, branch: BranchState) -> bool:
        """Whether what is a divergent history to somebody is the history of the log here."""
        return self._entry_hash(branch.log_id, branch.first_seq) == branch.first_hash

    def receipts(self, stations: frozenset[StationId]) -> list[ReceiptLine]:
        """Return the newest receipt of each station above on the logs of some stations, branches included."""
        registry = self._parts.knowledge.registry
        found: list[ReceiptLine] = []
        stations_of = self._parts.holdings.stations
        with self._store.read() as tx:
            logs = [one.name for one in self._parts.holdings.logs.values() if one.genesis.kind == "station"]
            for name in (*logs, *branch_names(tx)):
                if stations_of.get(name) in stations:
                    for cosigner in registry.line(stations_of.get(name)):
                        newest = newest_receipt(tx, name, cosigner)
                        found += [] if newest is None else [newest]
        return found

    def receipts_by(self, cosigner: StationId) -> list[ReceiptLine]:
        """Return the newest receipt of a station on each station log that it has confirmed."""
        with self._store.read() as tx:
            found = [
                newest_receipt(tx, held.name, cosigner)
                for held in self._parts.holdings.logs.values()
                if held.genesis.kind == "station"
            ]
        return [one for one in found if one is not None]

    def waiting(self, station: StationId) -> tuple[int, int]:
        """Return how many records a station above has not got, and when the oldest was recorded (0: none).

        Entries wait for its receipt; single records, of which there is none, until the station directly above
        has taken them.
        """
        count, oldest_ms = self.unconfirmed(station)
        if station in self.line()[1:2]:
            for end in self.single_ends():
                with self._store.read() as tx:
                    singles, at_ms = waiting_singles(tx, station, end.log_id, end.after)
                if singles:
                    count, oldest_ms = count + singles, min(oldest_ms or at_ms, at_ms)
        return count, oldest_ms

    def single_ends(self) -> list[LostEnd]:
        """Return the logs of this station and those below of which single records stand behind the whole end.

        They came back from below, and no station above may have them.
        """
        scope = self.scope(self.station)
        with self._store.read() as tx:
            ends = [
                lost_end(tx, log, after=self.end(tx, log.genesis).size)
                for log in self._parts.holdings.logs.values()
                if log.genesis.kind == "station" and log.genesis.station in scope
            ]
        return [end for end in ends if end.positions]

    def unconfirmed(self, station: StationId) -> tuple[int, int]:
        """Return how many entries a station has not confirmed, and when the oldest was recorded (0: none).

        Entries of divergent histories wait like those of the logs, and those that nobody carries up.
        """
        scope = self.scope(self.station)
        scope |= self._parts.beyond(scope)
        ends = [(state.log_id.hex(), 0, state.size) for state in self.states(scope, county=False)]
        ends += [(_name(one), one.first_seq - 1, one.size) for one in self.branches(scope)]
        count, oldest_ms = 0, 0
        with self._store.read() as tx:
            for name, before, size in ends:
                newest = newest_receipt(tx, name, station)
                confirmed = max(before, 0 if newest is None else newest.size)
                if confirmed >= size:
                    continue
                count += size - confirmed
                at_ms = recorded_at(tx, name, confirmed - before + 1)
                oldest_ms = min(oldest_ms or at_ms, at_ms)
        return count, oldest_ms

    def feed_held(self, upstream: StationId) -> FeedPlace:
        """Return how far this station has taken the feed of its upstream."""
        with self._store.read() as tx:
            row = tx.get(FEED_HELD, (upstream,))
        return FeedPlace(number=0, chain=START) if row is None else kept_place(row[1], row[2])

    def end(self, tx: ReadTx, genesis: LogGenesis) -> LogEnd:
        """Return the end of a log that is held, or of one of which nothing is held yet."""
        own = self._parts.own.get(genesis.log_id().hex())
        if own is not None and self._writing:
            return LogEnd(name=own.name, genesis=own.genesis, size=own.size, head=own.head, tree=own.tree)
        log_id = genesis.log_id()
        found = self._ends.get(log_id)
        if found is None:
            found = load_end(tx, genesis)
            if found.rotten is None:
                self._ends[log_id] = found
        return found

    def rotten_ends(self) -> list[Rotten]:
        """Return what changed on this disk at the ends of logs that are held whole and written elsewhere."""
        logs = self._parts.holdings.logs.values()
        with self._store.read() as tx:
            ends = [self.end(tx, log.genesis) for log in logs if log.genesis.kind != "merge"]
        return [end.rotten for end in ends if end.rotten is not None]

    def set_end(self, end: LogEnd) -> None:
        """Remember where a log ends now."""
        self._ends[end.genesis.log_id()] = end

    def forget_end(self, log_id: LogId) -> None:
        """Read the end of a log from the store next time: a transaction failed, or it was given up."""
        self._ends.pop(log_id, None)

    def _entry_hash(self, log_id: LogId, seq: int) -> bytes:
        with self._store.read() as tx:
            frame = tx.frame(log_id.hex(), seq)
        try:
            return b"" if frame is None else entry_hash(split_frame(frame).entry_raw)
        except EncodingError:
            return b""

    def _all_branches(self) -> list[BranchState]:
        with self._store.read() as tx:
            logs = dict.fromkeys(name.partition(BRANCH_MARK)[0] for name in branch_names(tx))
        held = [one for log in logs for one in self.histories(LogId(bytes.fromhex(log))).values()]
        with self._store.read() as tx:
            return [_branch_state(tx, one) for one in held]


def recorded_at(tx: ReadTx, name: str, position: int) -> int:
    """Return when an entry was recorded; 0 where it does not say."""
    at_ms = recorded_at_ms(tx.frame(name, position))
    return 0 if at_ms == INT_MAX else at_ms


def _name(branch: BranchState) -> str:
    return branch_name(branch.log_id, branch.first_hash)


def _branch_state(tx: ReadTx, branch: Branch) -> BranchState:
    log, _, first = branch.name.partition(BRANCH_MARK)
    root = root_at(branch.size, history_nodes(tx, log, branch))
    return BranchState(LogId(bytes.fromhex(log)), bytes.fromhex(first), branch.first_seq, branch.size, root)


def newest_receipt(tx: ReadTx, name: str, cosigner: StationId) -> ReceiptLine | None:
    """Return the newest receipt of a station on a log, or on a divergent history of one, by its name."""
    where = {"log": name, "name": receipt_name(cosigner)}
    rows = tx.select(schema.RECEIPTS, where, order_by=("size",), descending=True, limit=1)
    row = next(rows, None)
    if row is None or not isinstance(row[1], int) or not isinstance(row[3], bytes):
        return None
    return ReceiptLine(LogId(bytes.fromhex(name.partition(BRANCH_MARK)[0])), row[1], row[3].decode("utf-8"))
