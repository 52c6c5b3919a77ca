"""Everything that an open ledger works with, made from the store in one read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from ledger.errors import StoreError
from ledger.facade.base.casekeys import CaseKeys
from ledger.facade.base.clock import Clock, Randomness
from ledger.facade.base.home import Home
from ledger.facade.base.types import LogInfo
from ledger.facade.base.vault import Vault
from ledger.facade.cases.casebook import CaseBook
from ledger.facade.cases.deskrules import DeskRules
from ledger.facade.cases.granting import GrantDesk
from ledger.facade.cases.linked import linker
from ledger.facade.cases.reading import Reader
from ledger.facade.cases.signing import Desk
from ledger.facade.cases.views import CaseView
from ledger.facade.cases.writing import Writer
from ledger.facade.logs.comingback import ever_given_up
from ledger.facade.logs.countyfold import CountyFold
from ledger.facade.logs.countyseen import CountySeen, seen_hash
from ledger.facade.logs.doubt import find_doubts, log_signer
from ledger.facade.logs.drafts import require_below
from ledger.facade.logs.opening import Holdings, read_holdings, read_ledger_genesis
from ledger.facade.logs.ownlog import OwnLog, newest_checkpoint
from ledger.facade.logs.succession import Succession
from ledger.facade.opened.county import CountyDesk
from ledger.facade.transfer.feeds import Feeds
from ledger.facade.transfer.mergelog import MergeLog
from ledger.formats.checkpoint import read_checkpoint
from ledger.formats.genesis import LedgerGenesis
from ledger.formats.keys import Signer
from ledger.known.knowledge import Knowledge
from ledger.store import schema
from ledger.store.contract import ReadTx, Store
from ledger.types import LogId, StationId

Mark: TypeAlias = tuple[int, ...]
"""How many logs a store holds, and the size of each log of registry and catalogue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The working parts of an open ledger; ``own`` and ``holdings`` grow when a log is opened.

    ``mark`` says how far the store had come when they were read.
    """

    mark: Mark
    county_logs: tuple[str, ...]
    genesis: LedgerGenesis
    holdings: Holdings
    succession: Succession
    fold: CountyFold
    knowledge: Knowledge
    own: dict[str, OwnLog]
    book: CaseBook
    reader: Reader
    rules: DeskRules
    desk: Desk
    writer: Writer
    county: CountyDesk
    grants: GrantDesk
    case_keys: CaseKeys
    home: Home
    feeds: Feeds
    merge_log: MergeLog
    county_seen: CountySeen
    main_station: StationId | None

    def station_log(self, station: StationId) -> OwnLog | None:
        """Return the sound log of a station that is written here."""
        for log in self.own.values():
            if log.kind == "station" and log.station == station and not log.doubt:
                return log
        return None

    def stations_here(self) -> frozenset[StationId]:
        """Return the stations that are written here and, as far as anybody here knows, nowhere else."""
        elsewhere = {log.genesis.station for log in self.holdings.logs.values() if not log.own}
        sound = {log.station for log in self.own.values() if log.kind == "station" and not log.doubt}
        return frozenset(sound - elsewhere)

    def required_log(self, station: StationId) -> OwnLog:
        """Return the sound log of a station that is written here.

        Raises:
            StoreError: ``log.none`` when there is none.
        """
        log = self.station_log(station)
        if log is None:
            raise StoreError("log.none", station=station)
        return log

    def opens_by_acting(self, station: StationId) -> bool:
        """Tell whether whoever acts next for a station opens its log: the first one, or a successor."""
        if self.station_log(station) is not None:
            return False
        return station == self.main_station or self.succession.predecessor("station", station) is not None

    def require_below(self, station: StationId) -> None:
        """Refuse a station that has no log here and whose records nobody would pass on from here.

        Raises:
            RuleError: ``log.not_below``.
        """
        if self.station_log(station) is None:
            require_below(self.knowledge.registry, self.main_station, station)

    def beyond(self, scope: frozenset[StationId]) -> frozenset[StationId]:
        """Return the stations outside a scope whose sound logs are written here all the same.

        Their records go nowhere: the main station gives on what stands below it. A ledger without a main
        station sends nothing, and has none of these.
        """
        if self.main_station is None:
            return frozenset()
        sound = {log.station for log in self.own.values() if log.kind == "station" and not log.doubt}
        return frozenset(sound - scope)

    def log_to_write(self, station: StationId, signer: Signer) -> OwnLog:
        """Return the log in which somebody acts for a station; it is opened if need be, for work never stops.

        Raises:
            RuleError: ``log.not_below`` for a station that has none here and may have none.
            StoreError: ``log.none`` where no log of the station is to be opened here.
        """
        log = self.station_log(station)
        if log is not None:
            return log
        self.require_below(station)
        if not self.opens_by_acting(station):
            raise StoreError("log.none", station=station)
        return self.county.open_log("station", station, signer)


def load_parts(
    tx: ReadTx,
    store: Store,
    home: Home,
    *,
    vault: Vault,
    view: CaseView,
    clock: Clock,
    randomness: Randomness,
    writable: bool,
    sentinels: Mapping[LogId, str],
    station: StationId | None = None,
) -> Parts:
    """Read logs, registry, catalogue and the ends of own logs from a view, and put the parts together.

    ``sentinels`` are those that were there before the view was opened.

    Raises:
        StoreError: ``ledger.no_registry``, ``ledger.other_registry``, ``ledger.genesis_damaged``;
            ``log.head`` when the end of an own log contradicts itself.
    """
    holdings = read_holdings(tx)
    holdings.put_back = ever_given_up(tx)
    genesis = read_ledger_genesis(tx, holdings, home.ledger_genesis())
    fold = CountyFold(holdings, genesis, vault)
    fold.follow(tx)
    succession = Succession(store, holdings, fold)
    knowledge = fold.knowledge
    own = _own_logs(tx, holdings, home, sentinels)
    county_logs = tuple(log.name for kind in ("registry", "catalogue") for log in holdings.of_kind(kind))
    book = CaseBook(knowledge, holdings.stations, remember=writable)
    mine = {log.station for log in own.values()} | ({station} if station else set())
    feeds = Feeds(knowledge.registry, mine, holdings.stations, book=book)
    view.bind(knowledge, book, notice=feeds.note, linker=linker(vault))
    case_keys = CaseKeys(vault)
    rules = DeskRules(knowledge=knowledge, book=book, vault=vault)
    writer = Writer(
        store=store, home=home, vault=vault, case_keys=case_keys, clock=clock, view=view, book=book,
        rules=rules, knowledge=knowledge,
    )  # fmt: skip
    writer.county_seen = seen_hash(tx)
    county = CountyDesk(
        store=store, home=home, writer=writer, case_keys=case_keys, view=view, book=book,
        fold=fold, holdings=holdings, succession=succession, own=own, clock=clock, randomness=randomness,
        main=station,
    )  # fmt: skip
    grants = GrantDesk(knowledge=knowledge, home=home, clock=clock, randomness=randomness)
    desk = Desk(
        knowledge=knowledge, book=book, rules=rules, clock=clock, randomness=randomness, grant_of=grants.held
    )
    return Parts(
        mark=read_mark(tx, county_logs), county_logs=county_logs, genesis=genesis, holdings=holdings,
        succession=succession, fold=fold, knowledge=knowledge, own=own, book=book,
        reader=Reader(knowledge, book, vault), desk=desk, grants=grants,
        rules=rules, writer=writer, case_keys=case_keys, home=home, feeds=feeds,
        merge_log=MergeLog(
            store=store, own=own, merge_logs=partial(holdings.of_kind, "merge"), writer=writer
        ),
        county_seen=CountySeen(knowledge.registry), county=county, main_station=station,
    )  # fmt: skip


def read_mark(tx: ReadTx, county_logs: Sequence[str]) -> Mark:
    """Return how far a store has come in what every reader must know: a count and a few sizes."""
    return (tx.count(schema.LOGS, {}), *(tx.size(name) for name in county_logs))


def _own_logs(
    tx: ReadTx, holdings: Holdings, home: Home, sentinels: Mapping[LogId, str]
) -> dict[str, OwnLog]:
    own: dict[str, OwnLog] = {}
    for held in holdings.logs.values():
        if held.own and not held.state:
            log = OwnLog(held.genesis, log_signer(held.genesis, home))
            log.load(tx)
            own[held.name] = log
    find_doubts(own.values(), home, tx, sentinels=sentinels)
    return own


def list_logs(tx: ReadTx, holdings: Holdings, own: Mapping[str, OwnLog]) -> list[LogInfo]:
    """Return every log that a store holds, own ones with the doubt that stops them."""
    found = []
    for log in holdings.logs.values():
        mine = own.get(log.name)
        note = newest_checkpoint(tx, log.name)
        found.append(
            LogInfo(
                log_id=log.genesis.log_id(),
                kind=log.genesis.kind,
                station=log.genesis.station,
                own=log.own,
                size=tx.size(log.name),
                recorded_at_ms=mine.recorded_at_ms if mine else 0,
                checkpoint_size=0 if note is None else read_checkpoint(note).size,
                doubt=(mine.doubt if mine else "") or log.state,
            )
        )
    return found
