"""The lower side of a session: see ``sync.core.responder`` for the whole of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from ledger.errors import AuthorityError, BanjianError, DataError, EncodingError, GapError
from ledger.facade.base.peers import relayed
from ledger.facade.logs.countyfold import COUNTY_KINDS
from ledger.facade.logs.heldstates import LogState
from ledger.facade.peering.countylink import CountyNews
from ledger.facade.peering.exchange import Exchange
from ledger.formats.genesis import LogGenesis
from ledger.types import NO_LOG, LogId, StationId
from sync.core.besideline import was_refused
from sync.core.claims import OTHER, UNPROVEN, Claims
from sync.core.framing import HELLO, encode_section
from sync.core.giving import Budget, Histories, Spending, Stated, stated
from sync.core.ingest import Prepared, PreparedExcerpt, PreparedNote, PreparedPackage
from sync.core.lacking import lacks_more
from sync.core.linepace import LinePace
from sync.core.messages import REFUSALS_MAX, Answer, Hello, Refused, Wanted
from sync.core.openings import BESIDE_FEED, check_opened
from sync.core.progress import Progress
from sync.core.putback import waits_itself, written_here
from sync.core.returning import Given, Returning
from sync.core.unreceipted import NO_RECEIPTS, UNRECEIPTED, lacks_receipts

PASSING = frozenset(("package.gap", "package.root", "sync.branch_gap"))
"""Refusals that the next session answers by itself: a wrong guess, or a fork that both sides now know of."""


@dataclass(slots=True)
class Guesses:
    """What the upper side said last, kept from session to session to begin at the right place.

    Nothing rests on it: the upper side refuses what does not follow from what it holds, and says so.
    """

    sizes: dict[LogId, int] | None = None
    stated: Stated = field(default_factory=dict)
    wanted: tuple[Wanted, ...] = ()
    given: dict[LogId, Given] = field(default_factory=dict)
    line: LinePace = field(default_factory=LinePace)
    unopened: frozenset[LogId] = frozenset()
    """Logs whose opening the upper side refused last: until its registry knows who opened them, the first
    package of each asks again, and no more of it takes the place of other logs."""


class Requester:
    """The lower side of one session; what the upper side said last is only ever a guess where to begin.

    Args:
        exchange: the ledger; every method here runs on its thread.
        upstream: the upper station, as its certificate says; "" before the registry tells who that is.
        guesses: sizes that the upper side was thought to hold; taken over from session to session.
        is_beside: whether the registry that is held here has that station elsewhere: nothing is given to it
            and nothing taken from it but registry and catalogue, which may tell otherwise.

    Attributes:
        is_beside: the same; also where the upper side says so.
        asks_only: whether nothing but the hello was sent, to hear what came of a request that broke.
    """

    def __init__(
        self,
        exchange: Exchange,
        upstream: StationId,
        *,
        now_ms: int,
        version: str,
        guesses: Guesses,
        budget: Budget | None = None,
        is_beside: bool = False,
    ) -> None:
        self.is_beside = is_beside
        self._exchange = exchange
        self._upstream = upstream
        self._now_ms = now_ms
        self._version = version
        self._budget = budget or Budget()
        self._guesses = guesses
        self._returning = Returning(exchange, guesses.given)
        self._answer: Answer | None = None
        self._again = False
        self._asked = False
        self._failed = False
        self._came = False
        self._claims = Claims(exchange)
        self.progress = Progress(sealed=self._claims.sealed)
        self.divergent: list[tuple[LogId, int]] = []
        self.asks_only = False

    def request(self, divergent: list[tuple[LogId, int]]) -> Iterator[bytes]:
        """Yield the sections of the request.

        Args:
            divergent: own histories to send as branches: log and the size up to which both sides agree.
        """
        exchange = self._exchange
        exchange.seal_heads()
        scope = exchange.held.scope(exchange.station)
        states = exchange.held.states(scope, county=True)
        hello = self._hello(states, scope)
        yield encode_section(HELLO, hello.pack())
        if self.is_beside:
            return
        left = self._guesses.line.begin(self._budget)
        if left is None:
            # The last request was not answered: first is asked what of it has come.
            self._again = self.asks_only = True
            return
        yield from self._counted(self._returning.sections(self._guesses.wanted, left))
        histories = Histories(exchange, self._guesses.stated, left)
        for log_id, common in divergent:
            yield from histories.log(log_id, common)
        forked = {log_id for log_id, _ in divergent}
        known = self._guesses.sizes
        if known is None:
            # Nothing was heard yet: the receipts are a good guess, until the upper side says what it holds.
            known = {one.log_id: one.size for one in exchange.held.receipts_by(self._upstream)}
        for state in states:
            genesis = exchange.held.genesis(state.log_id)
            if genesis is None or genesis.kind != "station" or state.log_id in forked:
                continue
            beside = self._beside(histories, state.log_id)
            if beside:
                # What is the log here, the upper side keeps as a divergent history.
                yield from histories.log(state.log_id, beside)
                continue
            after = min(known.get(state.log_id, 0), state.size)
            most = 1 if state.log_id in self._guesses.unopened and not after else None
            yield from self._counted(islice(histories.plain(state.log_id, after), most))
        for branch in exchange.held.branches(scope):
            yield from histories.branch(branch)
        self.progress.sent += histories.sent
        yield from self._counted(self._returning.own_ends(left))
        self._again = left.spent or self._returning.cut

    def _hello(self, states: Sequence[LogState], scope: frozenset[StationId]) -> Hello:
        exchange = self._exchange
        waiting, oldest_ms = exchange.held.waiting(self._upstream)
        county, proofs_from = exchange.county.question()
        return Hello(
            ledger_id=exchange.held.ledger_id,
            station=exchange.station,
            sent_at_ms=self._now_ms,
            version=self._version,
            waiting=waiting,
            oldest_ms=oldest_ms,
            logs=(*states, *exchange.seen_below.states()),
            branches=tuple(exchange.held.branches(scope)),
            county=county,
            proofs_from=proofs_from,
            feed=exchange.held.feed_held(self._upstream),
            contacts=(
                *waits_itself(exchange, self._now_ms),
                *(relayed(one) for one in exchange.peers.all(now_ms=self._now_ms)),
                *written_here(exchange, self._now_ms, self._version),
            ),
        )

    def _counted(self, sections: Iterator[bytes]) -> Iterator[bytes]:
        for raw in sections:
            self.progress.sent += 1
            yield raw

    def _beside(self, histories: Histories, log_id: LogId) -> int:
        """Return how far the upper side holds a log as a divergent history; 0 where it is its log too."""
        theirs = histories.theirs.get(log_id, ())
        name = log_id.hex()
        if not theirs or any(found == name for found, _ in self._exchange.held.points(log_id, theirs[:1])):
            return 0
        return histories.reached(log_id, name)

    def answered(self, answer: Answer) -> None:
        """Take the first section of the answer.

        Raises:
            DataError: ``sync.other_ledger``.
            AuthorityError: ``sync.station`` when another station answers than the certificate says.
        """
        exchange = self._exchange
        if answer.ledger_id != exchange.held.ledger_id:
            raise DataError("sync.other_ledger", expected=exchange.held.ledger_id, found=answer.ledger_id)
        if not self._upstream:
            # Before the first registry nobody can say who stands above; TLS has said that it is one of us.
            self._upstream = answer.station
        if answer.station != self._upstream:
            raise AuthorityError("sync.station", expected=self._upstream, found=answer.station)
        self._answer = answer
        self.is_beside = self.is_beside or was_refused(answer)
        if self.is_beside:
            return
        self._guesses.line.answered()
        self.progress.notes += answer.refused[:REFUSALS_MAX]
        self.progress.feed_size = answer.feed_size
        self._guesses.sizes = {state.log_id: state.size for state in answer.logs}
        self._guesses.stated = stated(answer.logs, answer.branches)
        self._guesses.unopened = frozenset(note.log_id for note in answer.refused if note.code in BESIDE_FEED)
        before, self._guesses.wanted = self._guesses.wanted, answer.wanted
        self._asked = answer.wanted != before and self._returning.can_give(answer.wanted)
        self._compare(answer)
        exchange.receiving.take_receipts(answer.receipts)

    def take(self, prepared: Prepared) -> None:
        """Store one section of the answer; one that cannot be taken is noted and holds nothing else up.

        Raises:
            EncodingError: ``sync.order`` before the answer's first section.
            StoreError: the store fails; the session ends.
        """
        if self._answer is None:
            raise EncodingError("sync.order")
        exchange = self._exchange
        if self.is_beside and (not isinstance(prepared, PreparedPackage) or prepared.diverges):
            return
        try:
            if isinstance(prepared, PreparedExcerpt):
                if not self._goes_on_from(prepared):
                    return
                new = exchange.receiving.take_excerpt(prepared.checked, prepared.records, now_ms=self._now_ms)
                self.progress.stored += new
                return
            if isinstance(prepared, PreparedNote):
                self._claims.show(prepared.log_id, prepared.note)
                return
            content = prepared.content
            if prepared.diverges:
                exchange.receiving.take_branch(
                    content, prepared.records, allowed=self._allowed, now_ms=self._now_ms
                )
                return
            if not self.is_beside:
                self._claims.show(prepared.log_id, content.checkpoint)
            check_opened(exchange, prepared)
            taken = exchange.receiving.take_package(
                content, prepared.records, allowed=self._allowed, now_ms=self._now_ms
            )
            self.progress.stored += taken.new
            self._came = self._came or taken.new > 0
        except (DataError, GapError) as error:
            first = prepared.content.first_seq if isinstance(prepared, PreparedPackage) else 0
            refused = Refused(log_id=prepared.log_id, first_seq=first, code=error.code)
            # What a feed gave and was not stored would never come again; logs are asked for in every hello.
            (self._fail if isinstance(prepared, PreparedExcerpt) else self._note)(refused)

    def _goes_on_from(self, prepared: PreparedExcerpt) -> bool:
        """Whether single records are news; those of an own log that goes on prove that its end was lost."""
        log_id, checkpoint = prepared.log_id, prepared.checked.content.checkpoint
        return not self._exchange.held.is_open_own(log_id) or self._claims.judge(log_id, checkpoint)

    def refuse(self, error: BanjianError) -> None:
        """Note a section that could not even be decoded: it may have been of the feed."""
        self._fail(Refused(log_id=NO_LOG, first_seq=0, code=error.code))

    def _fail(self, refused: Refused) -> None:
        """Note something of the feed that this side did not take: its place stays until it has come."""
        self._failed = True
        self._note(refused)

    def _note(self, refused: Refused) -> None:
        if len(self.progress.notes) < 2 * REFUSALS_MAX:
            self.progress.notes.append(refused)

    def end(self) -> None:
        """Take the last section: everything before it has come, so the feed has been taken up to its end."""
        answer = self._answer
        if answer is None:
            raise EncodingError("sync.order")
        self.progress.whole = True
        if self.is_beside:
            return
        self._forget_filled(answer)
        # The key of a receipt may have come with the registry of this very answer.
        self._exchange.receiving.take_receipts(answer.receipts)
        self._returning.ended(frozenset(note.log_id for note in answer.refused if note.code not in PASSING))
        refused = {note.log_id for note in answer.refused}
        passed_on = {log: given for log, given in self._returning.passed_on().items() if log not in refused}
        self._exchange.note_passed_on(self._upstream, passed_on)
        for log_id in self._exchange.held.continued_elsewhere():
            self._claims.seal(log_id, OTHER)
        for log_id in self._claims.unproven():
            self._note(Refused(log_id=log_id, first_seq=0, code=UNPROVEN))
        exchange = self._exchange
        self.divergent = [one for one in self.divergent if not exchange.held.is_open_own(one[0])]
        if answer.county is not None:
            self._take_county(answer.county)
        if not self._failed and answer.feed_end != exchange.held.feed_held(self._upstream):
            exchange.take_feed_place(self._upstream, answer.feed_end)
        self.progress.feed_number = answer.feed_end.number
        if lacks_receipts(exchange, self._upstream, answer) and not self._is_told(answer) and not self.more:
            self._note(Refused(log_id=NO_LOG, first_seq=0, code=UNRECEIPTED))
        self._note_stuck()
        exchange.peers.note_done(now_ms=self._now_ms, upstream_ms=answer.answered_at_ms)

    def _is_told(self, answer: Answer) -> bool:
        """Whether the upper side says itself why it gives no receipts."""
        return any(note.code == NO_RECEIPTS for note in answer.refused)

    def _forget_filled(self, answer: Answer) -> None:
        """Forget gaps that were filled from elsewhere within this session: all is there by now."""
        size = self._exchange.held.size
        whole = {state.log_id for state in answer.logs if state.size >= size(state.log_id)}
        self.progress.notes = [
            note for note in self.progress.notes if note.code != "package.gap" or note.log_id not in whole
        ]

    def _note_stuck(self) -> None:
        stuck = [
            (note.code, note.log_id.hex(), note.first_seq)
            for note in self.progress.notes
            if note.code not in PASSING
        ]
        self._exchange.peers.note_stuck(stuck, now_ms=self._now_ms)

    def note_no_progress(self) -> None:
        """Keep as a finding that sessions bring nothing any more, though more is asked for."""
        self.progress.notes.append(Refused(log_id=NO_LOG, first_seq=0, code="sync.no_progress"))
        self._note_stuck()

    def _take_county(self, news: CountyNews) -> None:
        try:
            code = self._exchange.county.take(news, now_ms=self._now_ms)
        except BanjianError as error:
            code = error.code
        if code:
            self._note(Refused(log_id=NO_LOG, first_seq=0, code=code))

    @property
    def upstream(self) -> StationId:
        """The upper station; "" before it is known."""
        return self._upstream

    @property
    def said(self) -> object:
        """What the upper side says that it holds and wants: equal where nothing has moved there."""
        answer = self._answer
        if answer is None:
            return None
        return answer.logs, answer.branches, answer.forks, answer.wanted, answer.feed_end, answer.feed_size

    @property
    def more(self) -> bool:
        """Whether another session at once would bring more on either side."""
        answer = self._answer
        if answer is None or not self.progress.whole:
            return False
        if self.is_beside:
            return answer.more and self.progress.stored > 0
        if answer.more or self._again or self._asked or self.divergent:
            return True
        lacks = self._came and lacks_more(self._exchange, answer, self.progress.notes)
        return lacks or self._behind(answer)

    def _behind(self, answer: Answer) -> bool:
        """Whether the upper side still lacks something that it could take."""
        theirs = {state.log_id: state.size for state in answer.logs}
        forked = {fork.log_id for fork in answer.forks}
        held = self._exchange.held.states(self._exchange.held.scope(self._exchange.station), county=False)
        refused = {note.log_id for note in answer.refused if note.code != "package.gap"}
        stopped = self._exchange.rotten.logs() | self._exchange.stretches.logs()
        histories = Histories(self._exchange, self._guesses.stated, Spending.of(self._budget))
        return any(
            state.size > (self._beside(histories, state.log_id) or theirs.get(state.log_id, 0))
            for state in held
            if state.log_id not in forked | refused and state.log_id.hex() not in stopped
        )

    def _compare(self, answer: Answer) -> None:
        """Find logs of which the upper side holds another history, and where that begins."""
        exchange = self._exchange
        self._claims.hear(answer)
        for fork in answer.forks:
            mine = dict(exchange.held.roots(fork.log_id, [size for size, _ in fork.roots]))
            common = max((size for size, root in fork.roots if mine.get(size) == root), default=0)
            self.divergent.append((fork.log_id, common))

    def _allowed(self, genesis: LogGenesis) -> bool:
        if genesis.kind in COUNTY_KINDS:
            return True
        exchange = self._exchange
        if self.is_beside:
            return False
        return genesis.kind == "station" and genesis.station in exchange.held.scope(exchange.station)
