"""A station's ledger: what the command line, the server and the bench talk to.

Reads may go on in any number of processes beside the one writer. The write path is command → decide → sign →
append → project, one transaction for each act.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Self

from ledger.cases.shape import CaseState
from ledger.errors import StoreError
from ledger.facade.base.clock import Clock, Randomness, SystemClock
from ledger.facade.base.home import Home
from ledger.facade.base.ondemand import OnDemand
from ledger.facade.base.turns import as_writer, in_turn
from ledger.facade.base.types import (
    CasePage,
    CaseRow,
    Command,
    DayClear,
    Figure,
    LogInfo,
    Noted,
    Performed,
    SignedAct,
)
from ledger.facade.base.vault import Vault
from ledger.facade.cases.figures import read_figures
from ledger.facade.cases.reading import FIND_MAX, Among
from ledger.facade.cases.views import CaseView
from ledger.facade.opened.current import Current
from ledger.facade.opened.database import open_database
from ledger.facade.opened.page import case_page
from ledger.facade.opened.parts import Parts, list_logs, load_parts
from ledger.facade.opened.performing import perform
from ledger.facade.opened.remaking import follow_program, remake
from ledger.facade.opened.restoring import settle
from ledger.facade.opened.soundness import require_rules_to_write
from ledger.facade.transfer.rejudging import finish_judging
from ledger.formats.genesis import LedgerGenesis, LogKind
from ledger.formats.keys import Signer
from ledger.known.knowledge import Knowledge
from ledger.rules.catalogue import Rules
from ledger.store.contract import ReadTx, Store
from ledger.store.sqlite_recorder import Connect, connect_file
from ledger.types import CaseId, Facts, KeyId, LedgerId, LogId, StationId, Watch


class Ledger:
    """An open ledger; a context manager. ``Ledger.open`` opens one: the constructor takes parts that fit.

    ``rolled_back`` holds the codes why logs were given up just now because the database is older than it was.
    """

    def __init__(
        self,
        *,
        home: Home,
        store: Store,
        view: CaseView,
        vault: Vault,
        clock: Clock,
        randomness: Randomness,
        writable: bool,
        station: StationId | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.home = home
        self.store = store
        self.clock = clock
        self.writable = writable
        self.turn = RLock()
        self._randomness = randomness
        self.vault = vault
        self.view = view
        self.main_station = station
        self._current = Current(store, self._load, writable=writable, sentinels=home.sentinels)
        self.rolled_back: tuple[str, ...] = ()
        if writable:
            self.rolled_back = settle(store, home, self.parts, vault=vault, view=view)
            follow_program(self.store, self.parts, view=view, watch=watch)
            finish_judging(self.store, self.view, book=self.parts.book, fold=self.parts.fold)

    @classmethod
    def open(
        cls,
        home: Home | Path,
        *,
        clock: Clock | None = None,
        randomness: Randomness = os.urandom,
        connect: Connect = connect_file,
        write: bool,
        station: StationId | None = None,
        watch: Watch | None = None,
    ) -> Ledger:
        """Open the ledger of an installation folder.

        Args:
            home: the folder.
            clock: wall and monotonic time; the machine's by default.
            randomness: source of salts, nonces and keys.
            connect: opens the database file; tests put a failing disk here.
            write: as the one writer; else read-only, beside a writer.
            station: the main station of this installation, for what it exchanges with others.
            watch: told how many cases are done where lists of another version of this program are made anew.

        Raises:
            ConfigError: ``home.missing``.
            StoreError: ``store.locked`` when another process writes; ``store.*`` or ``home.storage_key``.
        """
        place = home if isinstance(home, Home) else Home(home)
        place.require()
        vault = Vault(place.storage_key(), randomness)
        view = CaseView()
        store = open_database(place, view, write=write, connect=connect)
        try:
            return cls(
                home=place, store=store, view=view, vault=vault, clock=clock or SystemClock(),
                randomness=randomness, writable=write, station=station, watch=watch,
            )  # fmt: skip
        except BaseException:
            store.close()
            raise

    def __enter__(self) -> Self:
        """Return the open ledger."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the store and give the writer's lock back."""
        self.store.close()

    def reading(self) -> AbstractContextManager[tuple[ReadTx, Parts]]:
        """Open a consistent view of the store, with the parts of the ledger as that view holds them."""
        return self._current.reading()

    def refresh(self) -> None:
        """Take in what another process added to registry and catalogue, and the logs that it opened.

        Reads do so by themselves; whoever asks ``knowledge`` alone calls this first.
        """
        with self.reading():
            pass

    @property
    def parts(self) -> Parts:
        """What the ledger works with, as of the last look at the store."""
        return self._current.parts

    @property
    def knowledge(self) -> Knowledge:
        """Registry, catalogue and calendars, as of the last look at the store."""
        return self.parts.knowledge

    @property
    def genesis(self) -> LedgerGenesis:
        """What the ledger is."""
        return self.parts.genesis

    @property
    def ledger_id(self) -> LedgerId:
        """The id of the ledger, 32 bytes: the one thing to pin."""
        return self.knowledge.registry.ledger_id

    @property
    def training(self) -> bool:
        """Whether this is a training ledger (演练): every print and screen says so, and it never syncs."""
        return self.genesis.purpose == "training"

    def staff_name(self, key_id: KeyId, staff_no: str = "") -> str:
        """Return the name behind a key (or, if it has none, a number), else the key in hexadecimal digits."""
        return self.knowledge.registry.called(key_id, staff_no) or key_id.hex()

    def logs(self) -> list[LogInfo]:
        """Return every log held here, own ones with the doubt that stops them."""
        with self.reading() as (tx, parts):
            return list_logs(tx, parts.holdings, parts.own)

    @as_writer
    def perform(self, command: Command, signer: Signer, *, noted: Noted | None = None) -> Performed:
        """Check, sign, tell ``noted`` and store one action; when this returns, it survives a power cut.

        Raises:
            AuthorityError: the signer may not act there (``authority.*``).
            RuleError: the case type, the state or the law forbids it (``case.*``).
            InputError: the facts are not of the action's form (``case.facts_*``).
            StoreError: nothing was written (``store.*``, ``log.*``).
        """
        return perform(self.store, self.parts, command, signer, noted)

    @in_turn
    def prepare(self, command: Command, signer: Signer) -> SignedAct:
        """Check and sign one action without writing it: for another process that holds the lock.

        Raises:
            BanjianError: as ``perform``; ``log.none`` when the station has no log here yet.
        """
        self.refresh()
        log = self.parts.required_log(command.station)
        with OnDemand(self.store) as reading:
            return self.parts.desk.sign(reading, command, signer, log).signed

    @as_writer
    def submit(self, signed: SignedAct, station: StationId) -> Performed:
        """Store an act that another process of this machine prepared, after checking everything in it.

        Raises:
            RuleError: ``case.moved_on``, ``act.outdated``, ``number.taken``, ``platform.number_*`` when case,
                registry, catalogue or numbers have gone on meanwhile; prepare it again.
            BanjianError: the act does not hold; nothing was written.
        """
        require_rules_to_write(self.store, self.parts)
        return self.parts.writer.append_foreign(self.parts.required_log(station), signed)

    @as_writer
    def register(
        self, action: str, facts: Facts, signer: Signer, *, personal: Facts | None = None
    ) -> Performed:
        """Sign and store one act of the registry log.

        Raises:
            AuthorityError: the signer may not do that (``registry.*``, ``authority.*``); nothing was written.
            StoreError: ``log.county_none`` where no registry is written; as ``require_rules_to_write``.
        """
        require_rules_to_write(self.store, self.parts)
        return self.parts.county.register(action, facts, signer, personal=personal)

    @as_writer
    def publish(self, action: str, facts: Facts, signer: Signer) -> Performed:
        """Sign and store one act of the catalogue log; lights follow at once.

        Raises:
            AuthorityError: the signer is no registrar.
            DataError: ``catalogue.*`` or ``calendar.*`` for data that would have no effect.
            StoreError: as ``require_rules_to_write``.
        """
        require_rules_to_write(self.store, self.parts)
        return self.parts.county.publish(action, facts, signer)

    @as_writer
    def open_county_log(
        self, kind: LogKind, station: StationId, signer: Signer, *, newest: bytes = b""
    ) -> LogId:
        """Open a log of the county on this installation: registry, catalogue or merge log.

        One that was given up here is named as the parent; the county goes on in the new one.

        Args:
            kind: which log.
            station: the county's station.
            signer: a registrar of the station; for the registry, a root key.
            newest: the newest checkpoint of the log given up that any station holds, if known.

        Raises:
            DataError: the checkpoint is none of that log, or contradicts it.
            AuthorityError: the signer is no registrar of the station; for the registry, no root key.
            StoreError: ``log.open`` when such a log is written here and sound.
        """
        return self.parts.county.open_log(kind, station, signer, newest=newest).log_id

    @as_writer
    def enrol_service_key(self, station: StationId, purpose: str, registrar: Signer) -> Performed:
        """Make a service key of a station on this machine and enrol it; the key stays in ``secrets/``."""
        return self.parts.county.enrol_service_key(station, purpose, registrar)

    @as_writer
    def open_station_log(self, station: StationId, signer: Signer) -> LogId:
        """Open the log of a station on this installation; its first entry is signed by the person.

        A log of the same station that was sealed here is named as the parent of the new one.

        Raises:
            StoreError: ``log.open`` when the station has a log here that is sound.
            RuleError: ``log.not_below``: nobody would pass on what is recorded here for it.
            AuthorityError: the signer has no role at the station.
        """
        return self.parts.county.open_log("station", station, signer).log_id

    @as_writer
    def checkpoint(self, log_id: LogId) -> str:
        """Sign, store and write outside the database the head of an own log; returns the note.

        Raises:
            StoreError: ``log.none``, ``log.closed`` or the store's own reasons.
        """
        log = self.parts.own.get(log_id.hex())
        if log is None:
            raise StoreError("log.none", station=log_id.hex())
        return self.parts.writer.checkpoint(log).decode("utf-8")

    @as_writer
    def erase(self, command: Command, signer: Signer) -> int:
        """Record the erasure of a case's personal data, delete key, tokens, bodies; returns how many bodies.

        Signatures, proofs and clocks stay as they are. What was deleted is overwritten on the disk behind the
        act: ``store.busy`` says that a reader still looks at it; erase again.

        Raises:
            BanjianError: as ``perform``; nothing was deleted.
        """
        return self.parts.county.erase(self.perform(command, signer).case_id)

    @as_writer
    def rebuild(self) -> int:
        """Make every row that people look at anew from the frames; returns how many cases there are."""
        clock = self.clock
        return remake(self.store, self.parts, view=self.view, vault=self.vault, now_ms=clock.now_ms)

    def resolve(self, ref: str) -> CaseId:
        """Return the case that a number, or the beginning of an id in hexadecimal digits, means."""
        with self.reading() as (tx, parts):
            return parts.reader.resolve(tx, ref)

    @in_turn
    def state(self, case_id: CaseId) -> tuple[CaseState, Rules]:
        """Return state and rules of a case.

        Raises:
            RuleError: ``case.unknown``.
        """
        with self.reading() as (tx, parts):
            held = parts.book.load(tx, case_id)
        return held.state, held.rules

    @in_turn
    def case(
        self, case_id: CaseId, *, actor_key: KeyId | None = None,
        station: StationId | None = None, now_ms: int | None = None,
    ) -> CasePage:  # fmt: skip
        """Return everything that the page of a case shows.

        Args:
            case_id: the case.
            actor_key: whose permissions to list; None for none.
            station: the station that this person acts for.
            now_ms: the moment for lights; now by default.

        Raises:
            RuleError: ``case.unknown``.
        """
        moment = self.clock.now_ms() if now_ms is None else now_ms
        with self.reading() as (tx, parts):
            return case_page(tx, parts, case_id, actor_key=actor_key, station=station, now_ms=moment)

    def worklist(
        self, *, station: StationId | None = None, now_ms: int | None = None,
        include_closed: bool = False, limit: int | None = None, names: bool = True,
    ) -> list[CaseRow]:  # fmt: skip
        """Return the cases that a station holds or was offered, the most urgent first."""
        moment = self.clock.now_ms() if now_ms is None else now_ms
        with self.reading() as (tx, parts):
            return parts.reader.worklist(
                tx, station=station, now_ms=moment, include_closed=include_closed, limit=limit, names=names
            )

    def day_clear(
        self, station: StationId, day: date, *, now_ms: int | None = None, names: bool = True
    ) -> DayClear:
        """Return the day-clear list (日清) of a station and day."""
        moment = self.clock.now_ms() if now_ms is None else now_ms
        with self.reading() as (tx, parts):
            return parts.reader.day_clear(tx, station=station, day=day, now_ms=moment, names=names)

    def find(
        self, text: str, *, station: StationId | None = None, now_ms: int | None = None,
        limit: int | None = FIND_MAX, among: Among | None = None,
    ) -> list[CaseRow]:  # fmt: skip
        """Return cases by number, name, initials, ID number or tail, phone tail, item; so many at most.

        Cases that no station of ``station`` or ``among`` holds, was offered or received do not count.
        """
        moment = self.clock.now_ms() if now_ms is None else now_ms
        with self.reading() as (tx, parts):
            return parts.reader.find(tx, text, station=station, now_ms=moment, limit=limit, among=among)

    @in_turn
    def figures(self, first: date, last: date, *, station: StationId | None = None) -> list[Figure]:
        """Return how many acts a period saw, by day, station and action; both days included."""
        return read_figures(self.store, first=first, last=last, station=station, writable=self.writable)

    def _load(self, tx: ReadTx, sentinels: Mapping[LogId, str]) -> Parts:
        return load_parts(
            tx, self.store, self.home, vault=self.vault, view=self.view, clock=self.clock,
            sentinels=sentinels, randomness=self._randomness, writable=self.writable,
            station=self.main_station,
        )  # fmt: skip
