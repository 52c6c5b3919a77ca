"""Everything that an open ledger works with, made from the store in one read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.checkpoint import read_checkpoint
from ledger.facade.casebook import CaseBook
from ledger.facade.clock import Clock, Randomness
from ledger.facade.county import CountyDesk
from ledger.facade.doubt import find_doubt
from ledger.facade.home import Home
from ledger.facade.opening import Holdings, read_holdings, read_knowledge, read_ledger_genesis
from ledger.facade.ownlog import OwnLog, newest_checkpoint
from ledger.facade.reading import Reader
from ledger.facade.signing import Desk
from ledger.facade.types import LogInfo
from ledger.facade.vault import Vault
from ledger.facade.views import CaseView
from ledger.facade.writing import Writer
from ledger.genesis import LedgerGenesis
from ledger.keys import Ed25519Signer
from ledger.knowledge import Knowledge
from ledger.store.contract import ReadTx, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The working parts of an open ledger; ``own`` and ``holdings`` grow when a log is opened."""

    genesis: LedgerGenesis
    holdings: Holdings
    knowledge: Knowledge
    own: dict[str, OwnLog]
    book: CaseBook
    reader: Reader
    desk: Desk
    writer: Writer
    county: CountyDesk


def load_parts(
    store: Store,
    home: Home,
    *,
    vault: Vault,
    view: CaseView,
    clock: Clock,
    randomness: Randomness,
    writable: bool,
) -> Parts:
    """Read logs, registry, catalogue and the ends of own logs, and put the parts together.

    Raises:
        StoreError: ``ledger.no_registry``, ``ledger.other_registry``, ``ledger.genesis_damaged``;
            ``log.head`` when the end of an own log contradicts itself.
    """
    with store.read() as tx:
        holdings = read_holdings(tx)
        genesis = read_ledger_genesis(tx, holdings, home.ledger_genesis())
        knowledge = read_knowledge(tx, holdings, genesis, vault)
        own = _own_logs(tx, holdings, home)
    book = CaseBook(knowledge, holdings.stations, remember=writable)
    view.bind(knowledge, book)
    writer = Writer(
        store=store, home=home, vault=vault, clock=clock, view=view, book=book, knowledge=knowledge
    )
    return Parts(
        genesis=genesis,
        holdings=holdings,
        knowledge=knowledge,
        own=own,
        book=book,
        reader=Reader(knowledge, book, vault),
        desk=Desk(knowledge=knowledge, book=book, clock=clock, randomness=randomness),
        writer=writer,
        county=CountyDesk(
            store=store,
            home=home,
            writer=writer,
            knowledge=knowledge,
            holdings=holdings,
            own=own,
            clock=clock,
            randomness=randomness,
        ),
    )


def _own_logs(tx: ReadTx, holdings: Holdings, home: Home) -> dict[str, OwnLog]:
    own: dict[str, OwnLog] = {}
    for held in holdings.logs.values():
        if held.own and not held.state:
            seed = home.log_seed(held.genesis.log_id())
            log = OwnLog(held.genesis, None if seed is None else Ed25519Signer.from_seed(seed))
            log.load(tx)
            log.doubt = find_doubt(log, home, tx)
            own[held.name] = log
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
