"""Taking in the parts of bundles: each by itself, in whatever order they come, as often as they come.

Nobody vouches for a stick. A part counts as far as its sections prove themselves; what cannot be taken is
told and holds nothing else up, and what only came too early is told apart: it can be taken later.

Source: docs/protocol.md, "Bundle".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future
from typing import NamedTuple

from ledger.errors import (
    AuthorityError,
    BanjianError,
    DataError,
    EncodingError,
    ForkError,
    GapError,
    InputError,
)
from ledger.facade.base.peers import Contact
from ledger.facade.logs.countyfold import COUNTY_KINDS
from ledger.facade.logs.heldstates import ReceiptLine
from ledger.facade.peering.exchange import Exchange
from ledger.formats.bundle import (
    SECTION_ATTACHED,
    SECTION_ATTACHMENT,
    SECTION_CHECKPOINT,
    SECTION_COUNTY,
    SECTION_FEED,
    SECTION_HELLO,
    SECTION_PACKAGE,
    OpenedPart,
    Section,
)
from ledger.formats.genesis import LogGenesis
from ledger.known.opening import opening_genesis
from ledger.known.verified import VerifiedRecord
from ledger.types import LogId, StationId
from sync.core.besideline import is_elsewhere
from sync.core.ingest import Prepared, PreparedExcerpt, PreparedPackage
from sync.core.messages import Hello, decode_county, decode_hello
from sync.stick.bundlechecks import RECORDS, behind, check_bodies, check_registry, open_own_part, prepared
from sync.stick.bundleforms import decode_feed, plain
from sync.stick.bundlereport import NotTaken, PartReport
from sync.stick.stickanswer import TakingStore, take_section
from sync.stick.stickfeed import move_on
from sync.stick.stickword import Signed, diverging, entries_of, expected_of, said_in

IN_FLIGHT_MAX = 6
"""Sections that are verified while an earlier one is stored."""


class _Read(NamedTuple):
    """A section on its way in, with what becomes of its records on another core."""

    section: Section
    prepared: Future[Prepared | BanjianError] | None


class PartReader:
    """Takes in one part, section by section; every method runs on the thread that owns the ledger.

    Args:
        exchange: the ledger.
        raw: bytes of the part, whole or torn.
        now_ms: this station's clock.
        cores: where sections are verified, while those before are stored.
        attachments: where chunks of attachments are put; None leaves them on the stick.

    Raises:
        AuthorityError: as ``open_own_part``; ``bundle.sender`` when it is said to come from a station that
            has nothing to send here.
        DataError: ``bundle.other_ledger``; as ``open_part`` where not even the manifest can be read.
    """

    def __init__(
        self,
        exchange: Exchange,
        raw: bytes,
        *,
        now_ms: int,
        cores: Executor,
        attachments: TakingStore | None = None,
    ) -> None:
        self._attachments = attachments
        opened = open_own_part(exchange, raw)
        self._exchange = exchange
        self._now_ms = now_ms
        self._cores = cores
        self._opened: OpenedPart = opened
        self._manifest = opened.manifest
        self._mine = exchange.held.scope(exchange.station)
        self._receipts: list[ReceiptLine] = []
        alone = bool(opened.listed) and all(kind == SECTION_ATTACHMENT for kind, _ in opened.listed)
        self.report = PartReport(
            header=opened.header, manifest=opened.manifest, listed=opened.section_count, is_attachments=alone
        )
        self._stated: dict[LogId, int] | None = None
        self._said: list[Contact] = []
        self._signed = Signed()
        self._check_sender()

    def run(self) -> Iterator[int]:
        """Take in everything; yields the number of sections read so far, after each of them.

        Raises:
            StoreError: the store fails; what was taken before is stored.
        """
        flying: deque[_Read] = deque()
        registry_size, before = self._exchange.registry_size, entries_of(self._exchange, self._mine)
        confirmed_ms = self._exchange.carried.confirmed_at_ms(self._manifest.sender)
        try:
            for outcome in self._opened.outcomes:
                if isinstance(outcome, DataError):
                    self.report.torn = self.report.torn or outcome.code == "bundle.truncated"
                    self.report.not_taken.append(NotTaken(error=outcome))
                    continue
                flying.append(self._begin(outcome))
                # What follows a package from above may need the keys that are in it.
                alone = outcome.kind == SECTION_PACKAGE and self._manifest.kind == "down"
                yield from self._drain(flying, 0 if alone else IN_FLIGHT_MAX)
            yield from self._drain(flying, 0)
            if self._is_beside and not self._is_above():
                self.report.not_taken.append(NotTaken(error=self._unrelated()))
            if self._exchange.registry_size > registry_size:
                # The key that signed them may have come behind them.
                self.report.receipts += self._exchange.receiving.take_receipts(self._receipts)
        finally:
            for one in flying:
                if one.prepared is not None:
                    one.prepared.cancel()
        at_ms = self._exchange.carried.confirmed_at_ms(self._manifest.sender)
        if at_ms > confirmed_ms:
            self._signed.moment(self._manifest.sender, at_ms)
        self._settle(before)
        for log_id in self._exchange.held.continued_elsewhere():
            self._seal(log_id, "log.upstream_other")

    def _check_sender(self) -> None:
        manifest, exchange = self._manifest, self._exchange
        if manifest.ledger_id != exchange.held.ledger_id:
            raise DataError("bundle.other_ledger", expected=exchange.held.ledger_id, found=manifest.ledger_id)
        below = manifest.sender in self._mine and manifest.sender != exchange.station
        above = self._is_above()
        if not exchange.carried.knows(exchange.station):
            # Before the first registry nobody can say who stands above.
            above = not below and manifest.sender != exchange.station
        # The registry in a part from elsewhere may tell that this station was put under its sender.
        self._is_beside = manifest.kind == "down" and not above and is_elsewhere(exchange, manifest.sender)
        ways = {"up": below, "down": above or self._is_beside, "acknowledgement": below or above}
        if not ways[manifest.kind]:
            raise self._unrelated()

    def _is_above(self) -> bool:
        return self._manifest.sender in self._exchange.held.line()[1:]

    def _unrelated(self) -> AuthorityError:
        return AuthorityError("bundle.sender", station=self._manifest.sender)

    def _begin(self, section: Section) -> _Read:
        """Have the records of a section verified on whichever core is free."""
        if section.kind not in RECORDS:
            return _Read(section, None)
        ledger_id, finder = self._exchange.held.ledger_id, self._exchange.public_key
        return _Read(section, self._cores.submit(prepared, section, ledger_id=ledger_id, public_key=finder))

    def _drain(self, flying: deque[_Read], left: int) -> Iterator[int]:
        """Take sections in their order until no more than some are under way."""
        while len(flying) > left:
            one = flying.popleft()
            self.report.read += 1
            self._take(one)
            yield self.report.read

    def _takes_beside(self, section: Section) -> bool:
        """Whether a section counts: registry and catalogue from anybody, the rest from a station above."""
        self._is_beside = not self._is_above()
        return not self._is_beside or section.kind == SECTION_PACKAGE

    def _take(self, read: _Read) -> None:
        section = read.section
        if self._is_beside and not self._takes_beside(section):
            return
        try:
            if read.prepared is not None:
                self._take_records(read.prepared.result())
                return
            if section.kind in (SECTION_ATTACHMENT, SECTION_ATTACHED):
                self._take_attachment(section)
                return
            payload = plain(section)
            if section.kind == SECTION_HELLO:
                self._take_hello(decode_hello(payload))
            elif section.kind == SECTION_CHECKPOINT:
                self._take_note(payload)
            elif section.kind == SECTION_COUNTY:
                self._take_county(payload)
            elif section.kind == SECTION_FEED:
                self._take_feed(payload)
        except (DataError, AuthorityError, GapError, ForkError, InputError) as error:
            self.report.not_taken.append(NotTaken(error=error))

    def _take_attachment(self, section: Section) -> None:
        content = take_section(self._exchange, section, self._attachments, self._manifest)
        if content:
            self.report.attachments[content] = self.report.attachments.get(content, 0) + 1

    # --- what is said ------------------------------------------------------------------------------------

    def _take_hello(self, hello: Hello) -> None:
        exchange, sender = self._exchange, self._manifest.sender
        if (hello.ledger_id, hello.station) != (self._manifest.ledger_id, sender):
            raise EncodingError("bundle.field", field="hello")
        below = exchange.held.scope(sender) - {sender, exchange.station}
        self._said = said_in(hello, below if sender in self._mine else frozenset())
        stated = self._stated = {state.log_id: state.size for state in hello.logs}
        lacks = {
            log_id: stated.get(log_id, 0)
            for log_id, size in expected_of(exchange, sender).items()
            if stated.get(log_id, 0) < size
        }
        is_audience = sender in exchange.feeds.below.values()
        exchange.carried.take_told(
            sender,
            lacks=lacks,
            county=hello.county,
            proofs_from=hello.proofs_from,
            feed=hello.feed if is_audience else None,
            histories=diverging(exchange, hello),
        )

    def _settle(self, before: Mapping[StationId, int]) -> None:
        """What has come no longer waits, whoever brought it; who signed something new was heard."""
        exchange, sender = self._exchange, self._manifest.sender
        after = entries_of(exchange, self._mine)
        peers, new = exchange.peers, dict[StationId, int]()
        if sender in self._mine:
            new = {
                station: sum(after.get(one, 0) - before.get(one, 0) for one in exchange.held.scope(station))
                for station in exchange.held.scope(sender)
            }
            peers.settle(new)
        heard = self._signed.contacts(self._said, peers.by_stick(), new=new)
        peers.take(heard, now_ms=self._now_ms)
        if sender in self._mine and self._stated is not None:
            missing = sum(max(0, size - exchange.held.size(log_id)) for log_id, size in self._stated.items())
            peers.lower(sender, missing)

    def _take_note(self, raw: bytes) -> None:
        exchange = self._exchange
        note = exchange.carried.read_note(raw)
        if note.state in ("ahead", "other") and exchange.held.is_open_own(note.log_id):
            self._seal(note.log_id, "log.upstream_ahead" if note.state == "ahead" else "log.upstream_other")
        if note.state == "same":
            self._receipts += note.receipts
            self.report.receipts += exchange.receiving.take_receipts(note.receipts)

    def _take_county(self, raw: bytes) -> None:
        code = self._exchange.county.take(decode_county(raw), now_ms=self._now_ms)
        if code:
            raise DataError(code)

    def _seal(self, log_id: LogId, code: str) -> None:
        self._exchange.give_up(log_id, code)
        self.report.sealed.append((log_id, code))

    # --- records -----------------------------------------------------------------------------------------

    def _take_records(self, found: Prepared | BanjianError) -> None:
        if isinstance(found, BanjianError):
            raise found
        if isinstance(found, PreparedPackage):
            self._take_package(found)
        elif isinstance(found, PreparedExcerpt):
            self._take_excerpt(found)

    def _take_package(self, found: PreparedPackage) -> None:
        exchange, content = self._exchange, found.content
        try:
            genesis = exchange.held.genesis(content.log_id) or self._opened_genesis(found)
            if genesis.kind in COUNTY_KINDS:
                check_bodies(found)
            if genesis.kind != "registry":
                check_registry(found.records, held=exchange.carried.registry_size)
            self._place(found)
        except (DataError, GapError, ForkError) as error:
            self.report.not_taken.append(
                NotTaken(error=error, log_id=content.log_id, first_seq=content.first_seq)
            )

    def _place(self, found: PreparedPackage) -> None:
        """Store what continues a log, and what contradicts it beside it; nothing of what is here already."""
        exchange, content = self._exchange, found.content
        size = exchange.held.size(content.log_id)
        note = exchange.carried.read_note(content.checkpoint) if size else None
        if note is not None and note.state == "same":
            lines = [ReceiptLine(note.log_id, note.size, line) for line in content.receipts]
            self.report.receipts += exchange.receiving.take_receipts(lines)
            exchange.receiving.fill_bodies(content, found.records, now_ms=self._now_ms)
            return
        if exchange.held.is_open_own(content.log_id):
            self._take_note(content.checkpoint)
        if found.diverges or (note is not None and note.state == "other"):
            self._take_branch(found)
            return
        try:
            self._store(found if content.first_seq > size else behind(found, size))
        except DataError as error:
            if error.code not in ("package.gap", "package.root"):
                raise
            self._store_beside(found, error)

    def _store(self, found: PreparedPackage) -> None:
        taken = self._exchange.receiving.take_package(
            found.content, found.records, allowed=self._allowed, now_ms=self._now_ms
        )
        self._note_new(found, taken.new)

    def _store_beside(self, found: PreparedPackage, refused: DataError) -> None:
        """Store what does not continue the log as a divergent history, if it belongs to one."""
        if self._exchange.held.genesis(found.log_id) is None:
            raise refused
        try:
            self._take_branch(found)
        except DataError as error:
            raise refused if error.code == "sync.branch_gap" else error from refused

    def _take_branch(self, found: PreparedPackage) -> None:
        if self._manifest.kind != "down":
            self._exchange.room.check_branch(found.content, found.records)
        new = self._exchange.receiving.take_branch(
            found.content, found.records, allowed=self._allowed, now_ms=self._now_ms
        )
        self._note_new(found, new)

    def _note_new(self, found: PreparedPackage, new: int) -> None:
        """Count the records at a package's end that were new; their log's key signed when they were made."""
        self.report.new += new
        genesis = self._exchange.held.genesis(found.log_id)
        if new and genesis is not None:
            self._signed.entries(genesis.station, found.records[-new:])

    def _take_excerpt(self, found: PreparedExcerpt) -> None:
        exchange = self._exchange
        if self._manifest.kind != "down":
            raise DataError("sync.section")
        check_registry(found.records, held=exchange.carried.registry_size)
        if exchange.held.genesis(found.log_id) is None:
            self._check_opened(found.checked.genesis, found.records[0])
        self.report.new += exchange.receiving.take_excerpt(found.checked, found.records, now_ms=self._now_ms)

    def _take_feed(self, payload: bytes) -> None:
        exchange, sender = self._exchange, self._manifest.sender
        if self._manifest.kind != "down" or sender not in exchange.held.line()[1:2]:
            raise DataError("sync.section")
        move_on(exchange, sender, decode_feed(payload))

    # --- whether it may be taken -------------------------------------------------------------------------

    def _opened_genesis(self, found: PreparedPackage) -> LogGenesis:
        content = found.content
        if content.first_seq != 1:
            raise DataError("package.gap", log=content.log_id, size=0, first=content.first_seq)
        genesis = opening_genesis(content.log_id, content.frames[0], content.facts[0])
        self._check_opened(genesis, found.records[0])
        if self._manifest.kind != "down":
            self._exchange.room.check_log(genesis, found.records[0])
        return genesis

    def _check_opened(self, genesis: LogGenesis, opening: VerifiedRecord) -> None:
        """Refuse a log that nobody in the registry opened: anybody could have made it."""
        fault = self._exchange.carried.opening_fault(genesis, opening)
        if fault:
            raise DataError(fault, log=genesis.log_id(), station=genesis.station)

    def _allowed(self, genesis: LogGenesis) -> bool:
        if genesis.kind in COUNTY_KINDS:
            return True
        if self._is_beside:
            return False
        return genesis.kind == "station" and genesis.station in self._mine
