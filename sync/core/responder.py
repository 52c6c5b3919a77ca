"""One session between a station and its upstream, without any network: bytes in, bytes out.

::

    lower (Requester)                                  upper (Responder)
    hello: what I hold ──────────────────────────────▶ compare with what is here
    packages from where the upper one had got to ────▶ check root, store, receipt
    divergent histories ─────────────────────────────▶ store beside the log
                                   ◀────────────────── answer: what is here now, receipts, forks, feed
                                   ◀────────────────── notes: signed proof of what the lower side lost
                                   ◀────────────────── registry, catalogue, missing ends of own logs
                                   ◀────────────────── excerpts of the cases in scope
                                   ◀────────────────── end

Either side may fail after any section: what was whole is stored, and the next session begins from the data.

Source: docs/protocol.md, "Sync".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from ledger.errors import AuthorityError, BanjianError, DataError, EncodingError, GapError
from ledger.facade.base.peers import Contact, passed_on
from ledger.facade.logs.countyfold import COUNTY_KINDS
from ledger.facade.logs.heldstates import LogState
from ledger.facade.logs.lostends import DOWNSTREAM_OTHER, LostEnd
from ledger.facade.peering.exchange import Exchange
from ledger.facade.transfer.feeds import FeedPlace
from ledger.formats.excerpt import ExcerptContent, encode_excerpt
from ledger.formats.genesis import LogGenesis
from ledger.types import NO_LOG, LogId, StationId
from sync.core.besideline import is_elsewhere, news
from sync.core.downward import whole_logs
from sync.core.framing import ANSWER, END, EXCERPT, NOTE, encode_section
from sync.core.giving import Budget, stated
from sync.core.ingest import Prepared, PreparedExcerpt, PreparedNote, PreparedPackage
from sync.core.messages import REFUSALS_MAX, Answer, Fork, Hello, Refused, Wanted
from sync.core.openings import BESIDE_FEED, begins_station_log, check_opened, may_come
from sync.core.putback import says_waits
from sync.core.unreceipted import NO_RECEIPTS

"""Told where nothing is refused, but no receipt that the peer could believe can be given."""


class Responder:
    """The upper side of one session.

    Args:
        exchange: the ledger; every method here runs on its thread.
        peer: the lower station, as its certificate says.
        now_ms: this station's clock.
        version: of this program.

    Attributes:
        is_beside: whether the registry has the peer elsewhere.
        stored: records that were new.
        given: sections of records in the answer.
    """

    def __init__(
        self, exchange: Exchange, peer: StationId, *, now_ms: int, version: str, budget: Budget | None = None
    ) -> None:
        self._exchange = exchange
        self._peer = peer
        self._now_ms = now_ms
        self._version = version
        self._budget = budget or Budget()
        self._hello: Hello | None = None
        self._heard = Contact(
            station=peer, heard_at_ms=now_ms, waiting=0, oldest_ms=0, said_at_ms=now_ms, version=""
        )
        self._scope: frozenset[StationId] = frozenset()
        self._refused: list[Refused] = []
        self._strange: set[LogId] = set()
        self._agreed: dict[LogId, int] = {}
        self.is_beside = False
        self.stored = self.given = 0

    def open(self, hello: Hello) -> None:
        """Take the first section.

        A station that the registry has elsewhere is given registry and catalogue, and nothing of it is taken.

        Raises:
            DataError: ``sync.other_ledger``.
            AuthorityError: ``sync.station`` when it speaks for another station than its certificate;
                ``sync.not_below`` when the station does not stand below this one; ``tls.station_closed`` when
                the registry has closed it, whatever its certificate says.
        """
        exchange = self._exchange
        if hello.ledger_id != exchange.held.ledger_id:
            raise DataError("sync.other_ledger", expected=exchange.held.ledger_id, found=hello.ledger_id)
        if hello.station != self._peer:
            raise AuthorityError("sync.station", expected=self._peer, found=hello.station)
        below = self._peer in exchange.held.scope(exchange.station) and self._peer != exchange.station
        self.is_beside = not below and is_elsewhere(exchange, self._peer)
        if self.is_beside:
            self._hello = hello
            return
        if not below and not exchange.may_be_lost(self._peer):
            raise AuthorityError("sync.not_below", station=self._peer)
        if exchange.held.is_closed(self._peer):
            raise AuthorityError("tls.station_closed", station=self._peer)
        self._hello = hello
        self._scope = exchange.held.scope(self._peer)
        heard = Contact(
            station=self._peer, heard_at_ms=self._now_ms, waiting=hello.waiting, oldest_ms=hello.oldest_ms,
            said_at_ms=hello.sent_at_ms, version=hello.version,
        )  # fmt: skip
        passed = [
            passed_on(one, self._peer, sent_at_ms=hello.sent_at_ms, now_ms=self._now_ms)
            for one in hello.contacts
            if one.station in self._scope and one.station != self._peer
        ]
        self._heard = heard
        exchange.peers.take([heard, *passed], now_ms=self._now_ms)
        exchange.county.heard_below(self._peer, hello.county)

    @property
    def said(self) -> int:
        """How much the peer said that it holds, in entries and items of the feed; 0 before its hello."""
        hello = self._hello
        if hello is None:
            return 0
        logs, branches = sum(one.size for one in hello.logs), sum(one.size for one in hello.branches)
        return logs + branches + hello.feed.number

    def take(self, prepared: Prepared) -> None:
        """Store one section; one that cannot be taken is told in the answer and holds nothing else up.

        Raises:
            EncodingError: ``sync.order`` before the hello.
            StoreError: the store fails; the session ends.
        """
        self._said()
        if self.is_beside:
            return
        first_seq = prepared.content.first_seq if isinstance(prepared, PreparedPackage) else 0
        try:
            if isinstance(prepared, PreparedNote):
                self._take_note(prepared)
                return
            if isinstance(prepared, PreparedExcerpt):
                self._take_lost(prepared)
                return
            content = prepared.content
            if prepared.diverges:
                self._exchange.room.check_branch(content, prepared.records)
                self._exchange.receiving.take_branch(
                    content, prepared.records, allowed=self._allowed, now_ms=self._now_ms
                )
            else:
                self._check_begun(prepared)
                taken = self._exchange.receiving.take_package(
                    content, prepared.records, allowed=self._allowed, now_ms=self._now_ms
                )
                self._count(taken.log_id, taken.new)
        except (DataError, EncodingError, GapError) as error:
            self._note(Refused(log_id=prepared.log_id, first_seq=first_seq, code=error.code))
            if error.code in BESIDE_FEED and begins_station_log(prepared):
                self._strange.add(prepared.log_id)

    def take_run(self, run: Sequence[Prepared]) -> None:
        """Store sections of which each ``continues`` the one before it, in one transaction if that can be.

        What holds them up together is found by taking them one by one.

        Raises:
            EncodingError: ``sync.order`` before the hello.
            StoreError: the store fails; the session ends.
        """
        self._said()
        if self.is_beside:
            return
        packages = [(one.content, one.records) for one in run if isinstance(one, PreparedPackage)]
        if len(packages) == len(run) > 1:
            with suppress(BanjianError):
                self._check_begun(run[0])
                taken = self._exchange.receiving.take_run(
                    packages, allowed=self._allowed, now_ms=self._now_ms
                )
                self._count(taken.log_id, taken.new)
                return
        for one in run:
            self.take(one)

    def _check_begun(self, prepared: Prepared) -> None:
        """Refuse a log of the peer's subtree that nobody opened who may, or for which there is no room."""
        genesis = check_opened(self._exchange, prepared)
        if genesis is not None:
            self._exchange.seen_below.take_opening(genesis, station=self._peer, now_ms=self._now_ms)
        if genesis is not None and genesis.station in self._scope and isinstance(prepared, PreparedPackage):
            self._exchange.room.check_log(genesis, prepared.records[0])

    def _take_lost(self, prepared: PreparedExcerpt) -> None:
        """Take in records of a log that is asked for, or of the peer's own subtree; no others from below."""
        held, carried, genesis = self._exchange.held, self._exchange.carried, prepared.checked.genesis
        of_peer = genesis.kind == "station" and genesis.station in self._scope
        if not of_peer and all(one.log_id != prepared.log_id for one in self._wanted()):
            raise DataError("sync.log_scope", log=prepared.log_id)
        if held.is_open_own(prepared.log_id):
            raise DataError("sync.own_log", log=prepared.log_id)
        if held.genesis(prepared.log_id) is None and carried.opening_fault(genesis, prepared.records[0]):
            raise DataError("sync.log_scope", log=prepared.log_id)
        self._exchange.room.check_log(genesis, prepared.records[0])
        self.stored += self._exchange.receiving.take_excerpt(
            prepared.checked, prepared.records, now_ms=self._now_ms
        )

    def _take_note(self, prepared: PreparedNote) -> None:
        """Look at a checkpoint that may prove that this machine came back from an older disk."""
        before = self._agreed.get(prepared.log_id, 0)
        self._agreed[prepared.log_id] = self._exchange.seen_below.take_note(
            prepared.note, before, station=self._peer, now_ms=self._now_ms
        )

    def _wanted(self) -> list[LostEnd]:
        """Return what is asked of the peer: own lost ends, and that of which it says more than is here."""
        own = self._exchange.lost_ends()
        known = {one.log_id for one in own}
        said = self._exchange.seen_below.wanted(self._said().logs)
        return own + [one for one in said if one.log_id not in known]

    @property
    def refused(self) -> tuple[Refused, ...]:
        """What of the peer could not be taken so far."""
        return tuple(self._refused)

    def refuse(self, error: BanjianError) -> None:
        """Note a section that could not even be decoded."""
        self._note(Refused(log_id=NO_LOG, first_seq=0, code=error.code))

    def _note(self, refused: Refused) -> None:
        if len(self._refused) < REFUSALS_MAX:
            self._refused.append(refused)

    def answer(self) -> Iterator[bytes]:
        """Yield the sections of the answer; after all of the request was taken.

        Raises:
            EncodingError: ``sync.order`` without a hello.
        """
        hello = self._said()
        if not self.is_beside:
            yield from self._full(hello)
            return
        yield from news(
            self._exchange, hello, now_ms=self._now_ms, version=self._version, budget=self._budget
        )

    def _full(self, hello: Hello) -> Iterator[bytes]:
        exchange = self._exchange
        for log_id in exchange.held.continued_elsewhere():
            exchange.give_up(log_id, DOWNSTREAM_OTHER)
        doubtful = exchange.seen_below.in_doubt(hello.logs)
        if not doubtful:
            # In doubt nothing more is signed before the peer has shown its proof: a second history may begin.
            exchange.seal_heads()
        if exchange.receiving.receipts.fault():
            # The peer would wait for them, and look for the reason at its own end.
            self._note(Refused(log_id=NO_LOG, first_seq=0, code=NO_RECEIPTS))
        mine = {state.log_id: state for state in exchange.held.states(self._scope, county=True)}
        if all(
            one.log_id in mine and mine[one.log_id].size >= one.size
            for one in hello.logs
            if self._holds_whole(one)
        ):
            # What it said was waiting has come with this very session.
            exchange.peers.take([replace(self._heard, waiting=0, oldest_ms=0)], now_ms=self._now_ms)
        if not says_waits(hello):
            # A station's log that cannot be taken holds nothing of registry or catalogue.
            exchange.note_in_step(self._peer, [one for one in hello.logs if one.log_id not in self._strange])
        exchange.note_reopened_early(self._peer, hello.logs)
        forks = self._forks(hello, mine)
        down, waits = whole_logs(
            exchange, self._peer, hello,
            mine=mine, scope=self._scope, forked={fork.log_id for fork in forks}, budget=self._budget,
        )  # fmt: skip
        more = waits and not doubtful
        start, end, excerpts = self._feed(hello.feed, waits=waits or bool(doubtful))
        self.given = len(down) + len(excerpts)
        feed_size = exchange.feed_size(self._peer)
        answer = Answer(
            ledger_id=exchange.held.ledger_id,
            station=exchange.station,
            answered_at_ms=self._now_ms,
            version=self._version,
            logs=tuple(mine.values()),
            branches=tuple(exchange.held.branches(self._scope)),
            forks=tuple(forks),
            refused=tuple(self._refused),
            wanted=tuple(
                Wanted(log_id=one.log_id, after=one.after, positions=one.positions) for one in self._wanted()
            ),
            receipts=tuple(exchange.held.receipts(self._scope)),
            county=None if doubtful else exchange.county.news(hello.county, hello.proofs_from),
            feed_start=start,
            feed_end=end,
            feed_size=feed_size,
            more=more or (end.number < feed_size and not doubtful),
        )
        yield encode_section(ANSWER, answer.pack())
        yield from self._proof(hello, mine, answer)
        yield from down
        for excerpt in excerpts:
            yield encode_section(EXCERPT, encode_excerpt(excerpt))
        yield encode_section(END, b"")

    def _feed(self, said: FeedPlace, *, waits: bool) -> tuple[FeedPlace, FeedPlace, list[ExcerptContent]]:
        """Return where the next part of the peer's feed begins and ends, with its excerpts; it may wait."""
        exchange = self._exchange
        if self._peer not in exchange.feeds.below.values():
            return said, said, []
        # A stick goes on from there.
        exchange.carried.take_feed_told(self._peer, said)
        if waits:
            return said, said, []
        return exchange.feed(self._peer, said, limit=self._budget.feed_items)

    def _proof(self, hello: Hello, mine: dict[LogId, LogState], answer: Answer) -> Iterator[bytes]:
        """Yield signed checkpoints of each log of which more, or another history, is here than the peer said.

        If it writes that log itself, it has no other reason to believe it. Who says that it holds what is
        here has been shown, or has the packages, which prove as much.
        """
        said = stated(hello.logs, hello.branches)
        disputed = {one.log_id for one in answer.forks} | {one.log_id for one in answer.branches}
        disputed |= {one.log_id for one in answer.refused}
        for theirs in hello.logs:
            here = mine.get(theirs.log_id)
            if here is None or self._exchange.held.is_county_log(theirs.log_id):
                continue
            if (here.size, here.root) in said[theirs.log_id]:
                continue
            if here.size > theirs.size or theirs.log_id in disputed:
                for note in self._exchange.held.heads(theirs.log_id):
                    yield encode_section(NOTE, note)

    def _said(self) -> Hello:
        if self._hello is None:
            raise EncodingError("sync.order")
        return self._hello

    def _allowed(self, genesis: LogGenesis) -> bool:
        return may_come(self._exchange, genesis, self._scope)

    def _count(self, log_id: LogId, new: int) -> None:
        """Count what was new; more of registry or catalogue than is here shows that this disk is older."""
        self.stored += new
        held = self._exchange.held
        if new and held.is_county_log(log_id) and not held.is_own(log_id):
            self._exchange.note_more_below()

    def _forks(self, hello: Hello, mine: dict[LogId, LogState]) -> list[Fork]:
        """Return the logs of which the lower side holds another history than any that is here."""
        found: list[Fork] = []
        for theirs in hello.logs:
            here = mine.get(theirs.log_id)
            if here is None or theirs.size == 0:
                continue
            common = min(here.size, theirs.size)
            if theirs.size > here.size and not self._was_refused(theirs.log_id):
                # Its packages follow from what is here, or will show that they do not.
                continue
            roots = dict(self._exchange.held.roots(theirs.log_id, [common]))
            if theirs.size <= here.size and roots.get(common) == theirs.root:
                continue
            if self._exchange.held.has_branch(theirs):
                continue
            found.append(Fork(log_id=theirs.log_id, roots=tuple(self._probes(theirs.log_id, common))))
        return found

    def _holds_whole(self, state: LogState) -> bool:
        """Whether the peer tells what it holds of a log, not only up to where it has seen it."""
        genesis = self._exchange.held.genesis(state.log_id)
        return genesis is None or genesis.kind in COUNTY_KINDS or genesis.station in self._scope

    def _was_refused(self, log_id: LogId) -> bool:
        return any(one.log_id == log_id and one.code == "package.root" for one in self._refused)

    def _probes(self, log_id: LogId, size: int) -> list[tuple[int, bytes]]:
        """Return roots at sizes that lie ever further back, down to nothing."""
        sizes, step = [size], 1
        while sizes[-1]:
            sizes.append(max(0, size - step))
            step *= 2
        return self._exchange.held.roots(log_id, sizes)
