"""What this installation exchanges with others: the one object that sync talks to.

It knows no wire and no peer beyond what it is told; it answers from the data and writes in whole
transactions. All methods run on the thread that owns the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from ledger.errors import EncodingError
from ledger.facade.base.clock import Clock
from ledger.facade.base.home import Home
from ledger.facade.base.peers import Peers
from ledger.facade.base.synctables import FEED_HELD
from ledger.facade.base.vault import Vault
from ledger.facade.cases.views import NO_CASE_ACTIONS, CaseView
from ledger.facade.logs.bodies import Place
from ledger.facade.logs.comingback import (
    may_lack_stations,
    note_given_up,
    note_in_step,
    note_reopened_early,
    own_behind,
    waits_for_below,
)
from ledger.facade.logs.countyfold import COUNTY_KINDS
from ledger.facade.logs.heldstates import BranchState, LogState
from ledger.facade.logs.lostends import LostEnd, lost_end, single_places
from ledger.facade.logs.opening import HeldLog
from ledger.facade.logs.placing import frame_at
from ledger.facade.logs.rotten import Rotten, RottenRecords
from ledger.facade.logs.singles import note_passed_on
from ledger.facade.logs.stretch import AIM_BYTES, Stretches
from ledger.facade.logs.treerows import Trees
from ledger.facade.opened.parts import Parts
from ledger.facade.peering.attached import Attached
from ledger.facade.peering.carried import Carried
from ledger.facade.peering.countylink import CountyLink
from ledger.facade.peering.held import Held
from ledger.facade.peering.packing import Packing
from ledger.facade.peering.receiving import Receiving
from ledger.facade.peering.room import Room
from ledger.facade.peering.seenbelow import SeenBelow
from ledger.facade.transfer.excerpts import carried_count, excerpts
from ledger.facade.transfer.feedpace import FeedPace, PackagePace, Renewals
from ledger.facade.transfer.feeds import START, FeedItem, FeedPlace, follow, kept_place
from ledger.facade.transfer.intake import Intake
from ledger.facade.transfer.outgoing import Outgoing
from ledger.formats.act import case_of
from ledger.formats.excerpt import ExcerptContent
from ledger.formats.frame import act_in
from ledger.formats.packageform import PackageContent
from ledger.store.contract import Store
from ledger.types import CaseId, KeyId, LogId, StationId

BEGUN = "~"
"""Behind the station: the row of a feed that begins anew and may be another than was taken."""
CARRIED_BYTES = 8 << 20
"""Bytes of single records in one answer: what follows comes with the next one."""


class Exchange:
    """Gives and takes; made by ``Ledger``.

    Args:
        store: the open store, as its one writer.
        parts: the working parts of the ledger.
        station: the main station of this installation.
        clock: of this station.

    Attributes:
        held: what is here of every log.
        receiving: takes in what others send.
        peers: what is known of the stations above and below.
        county: the county's checkpoints.
        feeds: what subordinates are to be given.
        carried: what exchange by stick needs beside.
        seen_below: what stations below have seen of the logs written here.
        room: whether one more log of a station may be taken.
        rotten: records that changed on this disk.
        stretches: stretches of logs that no package can hold.
        package_pace: how large the packages are that stations below are given.
    """

    def __init__(
        self, store: Store, parts: Parts, *, vault: Vault, view: CaseView, station: StationId, clock: Clock
    ) -> None:
        self.station = station
        self.held = Held(store, parts, station)
        self.room = Room(store, parts, self.held)
        self.peers = Peers(store)
        self.feeds = parts.feeds
        self.carried = Carried(store, parts, self.held)
        self.rotten = RottenRecords(store)
        self.stretches = Stretches(store)
        self._store = store
        self._parts = parts
        self._outgoing = Outgoing(vault, parts.book)
        self._packing = Packing(
            store, self._outgoing,
            held=self.held, home=parts.home, rotten=self.rotten, stretches=self.stretches, clock=clock,
        )  # fmt: skip
        self.package_pace = PackagePace()
        self._pace = FeedPace()
        self._renewals = Renewals()
        self._view = view
        self._clock = clock
        self._trees = Trees(store, parts.holdings)
        intake = Intake(
            vault=vault,
            case_keys=parts.case_keys,
            view=view,
            book=parts.book,
            knowledge=parts.knowledge,
            holdings=parts.holdings,
        )
        self.receiving = Receiving(store, parts, held=self.held, intake=intake, view=view)
        self.county = CountyLink(
            store, parts, receiving=self.receiving, outgoing=self._outgoing, carried=self.carried, clock=clock
        )
        self.seen_below = SeenBelow(store, parts, self.held, give_up=self.give_up)

    @property
    def attached(self) -> Attached:
        """What is known of attachments."""
        return Attached(self._store, self._parts)

    @property
    def home(self) -> Home:
        """The installation folder."""
        return self._parts.home

    def public_key(self, key_id: KeyId) -> bytes | None:
        """Return the public key of an author, whatever its authority; safe from any thread."""
        return self._parts.knowledge.registry.public_key(key_id)

    @property
    def registry_size(self) -> int:
        """How many acts of the registry are held here."""
        return self._parts.knowledge.registry.size

    def stations_here(self) -> frozenset[StationId]:
        """Return the stations that this installation alone writes for, its main station and others."""
        return self._parts.stations_here() - self.peers.with_machines()

    def seal_heads(self) -> None:
        """Sign the heads of own logs, and receipts that are owed, so that all that is here can be given.

        What changed on this disk at the end of a log is told first, and what is healed no longer.
        """
        self._trees.mend(self._clock.now_ms)
        self._renew(self.rotten.look_again(self._outgoing.opens))
        self._packing.note(self.held.rotten_ends())
        for log in self._parts.own.values():
            if log.kind != "merge" and log.size > log.checkpoint_size and not log.doubt:
                self._parts.writer.checkpoint(log)
        self.receiving.receipts.give_owed(self._clock.now_ms())
        self.county.merge()

    def _renew(self, healed: Sequence[Place]) -> None:
        """Judge the cases again of which records are as they were again: lists were made without these."""
        with self._store.read() as tx:
            frames = [frame for place in healed if (frame := frame_at(tx, place)) is not None]
        cases: dict[CaseId, None] = {}
        for frame in frames:
            with suppress(EncodingError):
                act = act_in(frame)
                if act.header.action not in NO_CASE_ACTIONS:
                    cases[case_of(act)] = None
        if cases:
            with self._store.write() as tx:
                self._view.touch(tx, cases)

    def may_be_lost(self, station: StationId) -> bool:
        """Whether a station may stand in the end of the registry that was lost here.

        It is heard so that it can bring that end; its own records wait until the registry knows it.
        """
        registry = self._parts.knowledge.registry
        return registry.station(station) is None and may_lack_stations(self._parts.holdings)

    def note_in_step(self, station: StationId, states: Sequence[LogState]) -> None:
        """Remember that a station below has brought all of the county's logs, where that is waited for."""
        waits = waits_for_below(self._parts.holdings) or station in self.behind()[1]
        if waits and self.seen_below.is_in_step(states):
            with self._store.write() as tx:
                note_in_step(tx, station, self._clock.now_ms())

    def note_reopened_early(self, station: StationId, states: Sequence[LogState]) -> None:
        """Remember which logs of the county were opened anew before all of their entries had come."""
        more: list[tuple[HeldLog, int]] = []
        for state in states:
            held = self._parts.holdings.logs.get(state.log_id.hex())
            if held is not None and held.own and held.genesis.kind in COUNTY_KINDS:
                counted = self._parts.succession.continued_at(state.log_id)
                more += [(held, state.size)] if counted is not None and state.size > counted else []
        if more:
            with self._store.write() as tx:
                for held, size in more:
                    note_reopened_early(tx, held, size, station=station, now_ms=self._clock.now_ms())

    def is_coming_back(self) -> bool:
        """Whether a log of the county was given up here that nobody has opened anew: its end may be lost."""
        return waits_for_below(self._parts.holdings)

    def behind(self) -> tuple[int, list[StationId]]:
        """Return when logs were given up here last, and who below has not been heard to the end since."""
        with self._store.read() as tx:
            return own_behind(tx, self._parts.knowledge.registry, self.station)

    @property
    def is_put_back(self) -> bool:
        """Whether this installation ever came back from an older state, as far as it knows."""
        return self._parts.holdings.put_back

    def note_more_below(self) -> None:
        """Remember that a station below had more of registry or catalogue: others may hold still more.

        This disk is an older one, of which nothing else tells where no log was written here since. The
        station above hears that the stations below are waited for (``behind``).
        """
        if not self.behind()[1]:
            with self._store.write() as tx:
                note_given_up(tx, self._clock.now_ms(), kinds=("station",))
            self._parts.holdings.put_back = True

    def give_up(self, log_id: LogId, code: str) -> None:
        """Never write an own log again: somebody holds more of it, or another history of it.

        The next person who acts opens its successor.
        """
        name = log_id.hex()
        log = self._parts.own.pop(name, None)
        if log is None:
            return
        self._parts.writer.seal([(log, code)])
        self._parts.holdings.seal(name, state=code)
        self._parts.holdings.put_back = True
        self.held.forget_end(log_id)

    def package(self, log_id: LogId, *, after: int, most: int = AIM_BYTES) -> PackageContent | None:
        """Return the next package of a log for somebody who holds ``after`` entries: see ``Packing``."""
        return self._packing.package(log_id, after=after, most=most)

    def branch_package(
        self, state: BranchState, *, after: int, most: int = AIM_BYTES
    ) -> PackageContent | None:
        """Return the next package of a divergent history for somebody who holds it up to ``after``."""
        return self._packing.branch_package(state, after=after, most=most)

    def feed(
        self, audience: StationId, held: FeedPlace, *, limit: int
    ) -> tuple[FeedPlace, FeedPlace, list[ExcerptContent]]:
        """Return the next part of a subordinate's feed: a smaller one after one that it did not get whole.

        Args:
            audience: a direct subordinate.
            held: how far it says that it has come.
            limit: items at most.

        Returns:
            Where this part begins, where it ends, and the excerpts with its frames.
        """
        if held.number == 0:
            self.begin_feed(audience)
        paced = self._pace.limit(audience, held, limit)
        start, items, found = self.feed_items(audience, held, limit=paced)
        end = FeedPlace(number=items[-1].number, chain=items[-1].chain) if items else start
        reached = end.number >= self.feed_size(audience)
        self._pace.gave(audience, held, end, count=len(items), limit=limit if reached else paced)
        return start, end, found

    def begin_feed(self, audience: StationId) -> None:
        """Give whoever begins anew the newest cases first, so that work can go on at once.

        That goes through all of its cases: who says again and again that it begins costs no more for it.
        """
        self.feeds.catch_up(self._store)
        now_ms = self._clock.now_ms()
        if self._renewals.due(audience, self._feed_end(audience), now_ms=now_ms):
            self.feeds.renew(self._store, audience)
            self.feeds.catch_up(self._store)
            self._renewals.done(audience, self._feed_end(audience), now_ms=now_ms)

    def _feed_end(self, audience: StationId) -> FeedPlace:
        with self._store.read() as tx:
            return self.feeds.end(tx, audience)

    def feed_items(
        self, audience: StationId, held: FeedPlace, *, limit: int
    ) -> tuple[FeedPlace, list[FeedItem], list[ExcerptContent]]:
        """Return where the next part of a subordinate's feed begins, its items and the excerpts with them.

        They are ``limit`` items at most, and no more than ``CARRIED_BYTES`` of records, or a single one.
        """
        self.feeds.catch_up(self._store)
        self._give_healed(audience)
        start, items = self._next_items(audience, held, limit=limit)
        if not follow(start, items):
            with self._store.write() as tx:
                self.feeds.begin_anew(tx, audience)
            self.feeds.catch_up(self._store)
            start, items = self._next_items(audience, held, limit=limit)
        found, left = self._excerpts([item.place for item in items])
        self.feeds.leave_out(self._store, audience, left)
        return start, items, found

    def _next_items(
        self, audience: StationId, held: FeedPlace, *, limit: int
    ) -> tuple[FeedPlace, list[FeedItem]]:
        with self._store.read() as tx:
            start = self.feeds.confirm(tx, audience, held)
            items = self.feeds.items(tx, audience, after=start.number, limit=limit)
            del items[carried_count(tx, [item.place for item in items], CARRIED_BYTES) :]
            return start, items

    def _give_healed(self, audience: StationId) -> None:
        """Put back into a feed what was left out of it, as far as it is as it was signed again."""
        with self._store.read() as tx:
            places = self.feeds.left_out(tx, audience)
        if not places:
            return
        _, left = self._excerpts(places)
        healed = [place for place in places if place not in left]
        if healed:
            self.feeds.give_again(self._store, audience, healed)

    def lost_ends(self) -> list[LostEnd]:
        """Return the own logs that were given up, with what is held of their ends: others may hold more.

        The station above gives a whole end back; those below may have single records that it never had.
        """
        logs = self._parts.holdings.logs
        with self._store.read() as tx:
            return [
                lost_end(tx, logs[genesis.log_id().hex()], after=self.held.end(tx, genesis).size)
                for genesis in self.held.given_up()
            ]

    def note_passed_on(self, upstream: StationId, passed_on: Mapping[LogId, Sequence[Place]]) -> None:
        """A station above has taken single records of some logs, those at the end of ``held.single_ends``."""
        if passed_on:
            with self._store.write() as tx:
                for log_id, places in passed_on.items():
                    note_passed_on(tx, upstream, log_id, places)

    def lost_places(self, log_id: LogId, after: int, positions: Sequence[int]) -> list[Place]:
        """Return where records of a log behind its lost end stand here, beyond what is there already."""
        with self._store.read() as tx:
            return single_places(tx, log_id.hex(), after=after, beyond=frozenset(positions))

    def carried_count(self, places: Sequence[Place]) -> int:
        """Return how many records from the first one on one answer or request may carry; one at least."""
        with self._store.read() as tx:
            return carried_count(tx, places, CARRIED_BYTES)

    def excerpts(self, places: Sequence[Place]) -> list[ExcerptContent]:
        """Return excerpts with the records at some places; those that changed on this disk are left out."""
        return self._excerpts(places)[0]

    def _excerpts(self, places: Sequence[Place]) -> tuple[list[ExcerptContent], set[Place]]:
        """Return excerpts, and the places that are left out of them or come without what belongs to them."""
        rotten: list[Rotten] = []
        left: list[Place] = []
        with self._store.read() as tx:
            found = list(excerpts(tx, self._outgoing, places, rotten=rotten, left=left))
        self._packing.note(rotten)
        bad = {(one.log, one.seq) for one in rotten}
        for one in found:
            log = one.log_id.hex()
            self.rotten.given(log, [seq for seq in one.positions if (log, seq) not in bad])
        return found, set(left)

    def feed_size(self, audience: StationId) -> int:
        """Return how many items the feed of a subordinate has."""
        with self._store.read() as tx:
            return self.feeds.size(tx, audience)

    def take_feed_place(self, upstream: StationId, place: FeedPlace) -> None:
        """Remember how far the feed of the upstream was taken; only after its frames are stored."""
        with self._store.write() as tx:
            tx.upsert(FEED_HELD, [(upstream, place.number, place.chain)])

    def feed_begun(self, upstream: StationId) -> FeedPlace:
        """Return how far a feed has come by stick that begins anew and may be another than was taken."""
        with self._store.read() as tx:
            row = tx.get(FEED_HELD, (upstream + BEGUN,))
        return kept_place(*row[1:3]) if row is not None else FeedPlace(number=0, chain=START)

    def take_feed_begun(self, upstream: StationId, place: FeedPlace) -> None:
        """Remember how far a feed that begins anew has come by stick."""
        with self._store.write() as tx:
            tx.upsert(FEED_HELD, [(upstream + BEGUN, place.number, place.chain)])
