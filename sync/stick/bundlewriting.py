"""Writing a bundle for one receiver: what it is not known to hold, in sections, in parts, sealed.

What a receiver holds follows from its receipts, not from what was once put on a stick: a stick that never
arrived costs nothing, because the next bundle holds the same again.

::

    hello       what the sender holds, how far it has taken the receiver's feed
    checkpoint  signed heads with receipts, for the receiver's logs
    package     registry, catalogue (down), then logs from where the receiver has confirmed them
    branch      divergent histories of these logs
    attached    which attachments have arrived from the receiver, signed (down)
    county      the newest county checkpoint with proofs (down)
    excerpt     frames of cases in the receiver's scope (down)
    feed        which acts these were, so that the receiver's place in the feed moves on (down)

Source: docs/protocol.md, "Bundle".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ledger.errors import AuthorityError
from ledger.facade.base.clock import Randomness
from ledger.facade.base.peers import Contact, relayed
from ledger.facade.logs.countyfold import COUNTY_KINDS
from ledger.facade.logs.heldstates import branch_name
from ledger.facade.peering.exchange import Exchange
from ledger.facade.transfer.feeds import START, FeedPlace
from ledger.formats.bundle import (
    SECTION_ATTACHED,
    SECTION_BRANCH,
    SECTION_CHECKPOINT,
    SECTION_COUNTY,
    SECTION_EXCERPT,
    SECTION_FEED,
    SECTION_HELLO,
    SECTION_PACKAGE,
    BundleHeader,
    BundleKind,
    Manifest,
    Section,
    seal_part,
)
from ledger.formats.checkpoint import LOG_ORIGIN_PREFIX, read_checkpoint
from ledger.formats.excerpt import encode_excerpt
from ledger.formats.keys import X25519, key_id
from ledger.formats.package import encode_package
from ledger.limits import BUNDLE_MANIFEST_BYTES_MAX, BUNDLE_PART_BYTES_MAX, BUNDLE_PARTS_MAX
from ledger.types import LogId, StationId
from sync.core.giving import stated
from sync.core.messages import Hello, pack_county
from sync.stick.bundleforms import FEED_ITEMS_MAX, FeedSection, compressed, file_name
from sync.stick.stickanswer import attached_section

BUNDLE_BYTES_MAX = 2 * BUNDLE_PART_BYTES_MAX
"""What is held in memory before it is sealed; more goes into a further bundle."""
PART_ROOM_BYTES = 8 * 1024
"""Kept free in each part for header, lengths, tags."""
LINE_BYTES = 160
"""What one section adds beside its payload: its line in the manifest, its key, its tag."""
PREREQUISITE_BYTES = 32
SECTIONS_MAX = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be written.

    Attributes:
        receiver: a station above or below this one.
        now_ms: the clock.
        version: of this program.
        everything: all from the beginning, whatever the receiver has confirmed.
        acknowledge: only what was received, nothing new.
        part_bytes: largest part.
        arrived: attachments of which the stick that is answered brought something.
    """

    receiver: StationId
    now_ms: int
    version: str
    everything: bool = False
    acknowledge: bool = False
    part_bytes: int = BUNDLE_PART_BYTES_MAX
    arrived: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """How far an export has come: sections so far, entries in them and to come."""

    sections: int
    entries: int
    entries_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPart:
    """One part as it goes onto the stick."""

    name: str
    raw: bytes
    header: BundleHeader
    manifest: Manifest
    entries: int


class _Piece(NamedTuple):
    """A section before it has found its part.

    Attributes:
        log_id: the log that a package continues; None for other sections.
        after: entries that must be there before it.
        entries: in it.
        judged: whether it can be read only with the registry.
    """

    section: Section
    log_id: LogId | None = None
    after: int = 0
    entries: int = 0
    judged: bool = False


@dataclass(slots=True)
class _Part:
    pieces: list[_Piece] = field(default_factory=list)
    size: int = PART_ROOM_BYTES

    def has_room(self, piece: _Piece, limit: int) -> bool:
        lines = (len(self.pieces) + 1) * (LINE_BYTES + PREREQUISITE_BYTES)
        fits = self.size + _cost(piece) <= limit and lines <= BUNDLE_MANIFEST_BYTES_MAX // 2
        return not self.pieces or (fits and len(self.pieces) < SECTIONS_MAX)

    def add(self, piece: _Piece) -> None:
        self.pieces.append(piece)
        self.size += _cost(piece)


def write_bundle(
    exchange: Exchange, order: Order, *, randomness: Randomness
) -> Iterator[Collected | SealedPart]:
    """Yield how far it has come, and parts as they are sealed; each step is short and runs on the ledger.

    Raises:
        AuthorityError: ``bundle.unrelated`` when the receiver stands neither above nor below this station;
            ``bundle.closed`` when it was closed and this is no acknowledgement; ``bundle.coming_back`` while
            the end of the registry may be lost here, the same; ``bundle.no_key`` when no key
            of it is enrolled.
    """
    writer = _Writer(exchange, order, randomness)
    return writer.run()


def bundle_kind(exchange: Exchange, receiver: StationId) -> BundleKind:
    """Return which way a receiver lies.

    Raises:
        AuthorityError: ``bundle.unrelated``.
    """
    if receiver in exchange.held.line()[1:]:
        return "up"
    if receiver != exchange.station and receiver in exchange.held.scope(exchange.station):
        return "down"
    raise AuthorityError("bundle.unrelated", station=receiver)


class _Writer:
    def __init__(self, exchange: Exchange, order: Order, randomness: Randomness) -> None:
        self._exchange = exchange
        self._order = order
        self._randomness = randomness
        self._way = bundle_kind(exchange, order.receiver)
        if self._way == "down" and not order.acknowledge and exchange.held.is_closed(order.receiver):
            # As in sessions. What it still brings is taken, and it is told so.
            raise AuthorityError("bundle.closed", station=order.receiver)
        if self._way == "down" and not order.acknowledge and exchange.is_coming_back():
            # It may lack the very act that ended the key: of a machine that was stolen, perhaps.
            raise AuthorityError("bundle.coming_back", station=order.receiver)
        key = exchange.carried.key_of(order.receiver)
        if key is None:
            raise AuthorityError("bundle.no_key", station=order.receiver)
        self._key = key
        self._theirs = exchange.held.scope(order.receiver)
        self._mine = exchange.held.scope(exchange.station)

    def run(self) -> Iterator[Collected | SealedPart]:
        self._exchange.seal_heads()
        starts = [] if self._order.acknowledge else self._starts()
        total = sum(size - after for _, after, size in starts)
        parts: list[_Part] = [_Part()]
        sections = entries = 0
        for piece in self._pieces(starts):
            sections, entries = sections + 1, entries + piece.entries
            if not parts[-1].has_room(piece, self._order.part_bytes):
                full = sum(part.size for part in parts) + _cost(piece) > BUNDLE_BYTES_MAX
                if full or len(parts) == BUNDLE_PARTS_MAX:
                    yield from self._seal(parts)
                    parts = []
                parts.append(_Part())
            parts[-1].add(piece)
            yield Collected(sections=sections, entries=entries, entries_total=max(total, entries))
        yield from self._seal(parts)

    def _pieces(self, starts: list[tuple[LogId, int, int]]) -> Iterator[_Piece]:
        yield _Piece(compressed(SECTION_HELLO, self._hello().pack()))
        for note in self._exchange.carried.notes(self._receipted()):
            yield _Piece(Section(kind=SECTION_CHECKPOINT, encoding="", payload=note))
        if not self._order.acknowledge:
            for log_id, after, _ in starts:
                yield from self._packages(log_id, after)
            yield from self._branches()
        if self._way == "down":
            yield from self._attached()
            yield from self._county()
        if self._order.acknowledge:
            return
        if self._way == "down" and self._order.receiver in self._exchange.feeds.below.values():
            yield from self._feed()

    def _hello(self) -> Hello:
        exchange, up = self._exchange, self._way == "up"
        waiting, oldest_ms = exchange.held.waiting(self._order.receiver) if up else (0, 0)
        scope = self._mine if up else self._theirs
        place = FeedPlace(number=0, chain=START)
        return Hello(
            ledger_id=exchange.held.ledger_id,
            station=exchange.station,
            sent_at_ms=self._order.now_ms,
            version=self._order.version,
            waiting=waiting,
            oldest_ms=oldest_ms,
            logs=tuple(exchange.held.states(scope, county=True)),
            branches=tuple(exchange.held.branches(scope)),
            county=exchange.county.held(),
            proofs_from=exchange.county.sizes_below() if up else (),
            feed=exchange.held.feed_held(self._order.receiver) if up else place,
            contacts=tuple(self._contacts()) if up else (),
        )

    def _contacts(self) -> Iterator[Contact]:
        for one in self._exchange.peers.all(now_ms=self._order.now_ms):
            if one.station in self._mine:
                yield relayed(one)

    def _receipted(self) -> list[LogId]:
        """Return the logs of which the receiver wants to hear how far they are confirmed."""
        held = self._exchange.held
        if self._way == "down":
            return [state.log_id for state in held.states(self._theirs, county=False)]
        return [state.log_id for state in held.states(frozenset(), county=True)]

    def _starts(self) -> list[tuple[LogId, int, int]]:
        """Return from where to where each log is to be given, in the order in which a reader needs them."""
        held, carried = self._exchange.held, self._exchange.carried
        confirmed, lacks = carried.confirmed(self._order.receiver), carried.lacks(self._order.receiver)
        states = held.states(self._mine if self._way == "up" else self._theirs, county=True)
        sizes = {state.log_id: state.size for state in states}
        found: list[tuple[LogId, int, int]] = []
        for log_id in held.in_order(sizes):
            genesis, size = held.genesis(log_id), sizes[log_id]
            after = confirmed.get(log_id, 0)
            if self._way == "down" and genesis is not None and genesis.kind not in COUNTY_KINDS:
                # A station has its own logs, and sends up those below it: only what it says it lacks.
                after = size
            if self._way == "up" and genesis is not None and genesis.kind in COUNTY_KINDS:
                # They come from there: only what it says that it has lost.
                after = size
            after = min(after, lacks.get(log_id, after), size)
            found.append((log_id, 0 if self._order.everything else after, size))
        return [one for one in found if one[1] < one[2]]

    def _packages(self, log_id: LogId, after: int) -> Iterator[_Piece]:
        genesis = self._exchange.held.genesis(log_id)
        judged = genesis is not None and genesis.kind != "registry"
        while (content := self._exchange.package(log_id, after=after)) is not None:
            section = compressed(SECTION_PACKAGE, encode_package(content))
            yield _Piece(section, log_id, after, len(content.frames), judged)
            after = content.last_seq

    def _branches(self) -> Iterator[_Piece]:
        """Yield what the receiver lacks of divergent histories, by what it said on its last stick."""
        held, order = self._exchange.held, self._order
        told = () if order.everything else self._exchange.carried.histories_told(order.receiver)
        theirs = stated(told, ())
        for branch in held.branches(self._mine if self._way == "up" else self._theirs):
            points = held.points(branch.log_id, theirs.get(branch.log_id, ()))
            reached = held.reached(branch.log_id, branch_name(branch.log_id, branch.first_hash), points)
            after = max(reached, branch.first_seq - 1)
            while (content := self._exchange.branch_package(branch, after=after)) is not None:
                section = compressed(SECTION_BRANCH, encode_package(content))
                yield _Piece(section, entries=len(content.frames), judged=True)
                after = content.last_seq

    def _attached(self) -> Iterator[_Piece]:
        payload = attached_section(
            self._exchange, self._order.receiver, self._order.arrived, now_ms=self._order.now_ms
        )
        if payload:
            yield _Piece(Section(kind=SECTION_ATTACHED, encoding="", payload=payload))

    def _county(self) -> Iterator[_Piece]:
        county, told = self._exchange.county, self._exchange.carried.county_told(self._order.receiver)
        news = county.news(told, county.sizes_below())
        if news is not None:
            point = read_checkpoint(news.note)
            log_id = LogId(bytes.fromhex(point.origin.removeprefix(LOG_ORIGIN_PREFIX)))
            self._exchange.carried.county_given(self._order.receiver, (log_id, point.size))
            yield _Piece(compressed(SECTION_COUNTY, pack_county(news)))

    def _feed(self) -> Iterator[_Piece]:
        receiver = self._order.receiver
        place = FeedPlace(number=0, chain=START)
        told = self._exchange.carried.feed_told(receiver)
        if told.number == 0:
            self._exchange.begin_feed(receiver)
        if not self._order.everything:
            place = told
        while True:
            start, items, excerpts = self._exchange.feed_items(receiver, place, limit=FEED_ITEMS_MAX)
            for excerpt in excerpts:
                section = compressed(SECTION_EXCERPT, encode_excerpt(excerpt))
                yield _Piece(section, entries=len(excerpt.frames), judged=True)
            if not items:
                return
            piece = FeedSection(start=start, items=tuple((one.case_id, one.act_id) for one in items))
            yield _Piece(compressed(SECTION_FEED, piece.pack()))
            place = FeedPlace(number=items[-1].number, chain=items[-1].chain)

    def _seal(self, parts: list[_Part]) -> Iterator[SealedPart]:
        order, bundle_id = self._order, self._randomness(16)
        for number, part in enumerate(parts, start=1):
            header = BundleHeader(
                receiver=order.receiver,
                receiver_key=key_id(X25519, self._key),
                bundle_id=bundle_id,
                part=number,
                parts=len(parts),
            )
            manifest = Manifest(
                kind="acknowledgement" if order.acknowledge else self._way,
                ledger_id=self._exchange.held.ledger_id,
                sender=self._exchange.station,
                created_at_ms=order.now_ms,
                prerequisites=self._prerequisites(part),
            )
            sections = [piece.section for piece in part.pieces]
            raw = seal_part(header, manifest, sections=sections, public_key=self._key)
            yield SealedPart(
                name=file_name(header, order.now_ms),
                raw=raw,
                header=header,
                manifest=manifest,
                entries=sum(piece.entries for piece in part.pieces),
            )

    def _prerequisites(self, part: _Part) -> tuple[tuple[LogId, int], ...]:
        """Return what must be there before a part: how far each log, and the registry to judge by."""
        found: dict[LogId, int] = {}
        for piece in part.pieces:
            if piece.log_id is not None:
                found.setdefault(piece.log_id, piece.after)
        if any(piece.judged for piece in part.pieces):
            for state in self._exchange.held.states(frozenset(), county=True):
                genesis = self._exchange.held.genesis(state.log_id)
                if genesis is not None and genesis.kind == "registry":
                    found.setdefault(state.log_id, state.size)
        return tuple(sorted((log_id, size) for log_id, size in found.items() if size))


def _cost(piece: _Piece) -> int:
    return len(piece.section.payload) + LINE_BYTES
