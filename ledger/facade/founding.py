"""The first entry of all: a new store, a new registry log, and the act of a root key that opens it."""

from __future__ import annotations

from ledger.facade.casebook import CaseBook
from ledger.facade.clock import Clock, Randomness
from ledger.facade.county import CountyDesk
from ledger.facade.database import open_database
from ledger.facade.deskrules import DeskRules
from ledger.facade.home import SEED_BYTES, Home
from ledger.facade.opening import Holdings, new_knowledge
from ledger.facade.vault import Vault
from ledger.facade.views import CaseView
from ledger.facade.writing import Writer
from ledger.genesis import LedgerGenesis
from ledger.keys import Signer
from ledger.types import StationId


def found(
    home: Home,
    genesis: LedgerGenesis,
    station: StationId,
    root: Signer,
    *,
    clock: Clock,
    randomness: Randomness,
) -> None:
    """Make an installation whose registry log holds its founding act and nothing else.

    Args:
        home: the folder; must not hold a ledger.
        genesis: what the ledger is.
        station: the county's own station.
        root: one of the three root keys.

    Raises:
        ConfigError: ``home.exists``.
        StoreError: the store's own reasons.
    """
    home.create()
    home.write_machine()
    storage_key = randomness(SEED_BYTES)
    home.write_storage_key(storage_key)
    vault = Vault(storage_key, randomness)
    view, knowledge, holdings = CaseView(), new_knowledge(genesis), Holdings()
    book = CaseBook(knowledge, holdings.stations)
    view.bind(knowledge, book)
    store = open_database(home.database_path, view, create=True)
    try:
        writer = Writer(
            store=store,
            home=home,
            vault=vault,
            clock=clock,
            view=view,
            book=book,
            rules=DeskRules(knowledge=knowledge, book=book, vault=vault),
            knowledge=knowledge,
        )
        desk = CountyDesk(
            store=store,
            home=home,
            writer=writer,
            view=view,
            book=book,
            knowledge=knowledge,
            holdings=holdings,
            own={},
            clock=clock,
            randomness=randomness,
        )
        desk.open_log("registry", station, root, ledger_genesis=genesis.pack())
    finally:
        store.close()
