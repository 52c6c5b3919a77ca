"""A new store: with the first entry of all, which opens the registry log, or empty, to be filled by sync."""

from __future__ import annotations

from ledger.facade.base.casekeys import CaseKeys
from ledger.facade.base.clock import Clock, Randomness
from ledger.facade.base.home import SEED_BYTES, Home
from ledger.facade.base.vault import Vault
from ledger.facade.cases.casebook import CaseBook
from ledger.facade.cases.deskrules import DeskRules
from ledger.facade.cases.views import CaseView
from ledger.facade.cases.writing import Writer
from ledger.facade.logs.countyfold import CountyFold
from ledger.facade.logs.opening import Holdings
from ledger.facade.logs.succession import Succession
from ledger.facade.opened.county import CountyDesk
from ledger.facade.opened.database import open_database
from ledger.formats.genesis import LedgerGenesis
from ledger.formats.keys import Signer
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
    home.write_ledger_genesis(genesis.pack())
    vault = Vault(storage_key, randomness)
    view, holdings = CaseView(), Holdings()
    fold = CountyFold(holdings, genesis, vault)
    book = CaseBook(fold.knowledge, holdings.stations)
    view.bind(fold.knowledge, book)
    store = open_database(home, view, create=True)
    case_keys = CaseKeys(vault)
    try:
        writer = Writer(
            store=store,
            home=home,
            vault=vault,
            case_keys=case_keys,
            clock=clock,
            view=view,
            book=book,
            rules=DeskRules(knowledge=fold.knowledge, book=book, vault=vault),
            knowledge=fold.knowledge,
        )
        desk = CountyDesk(
            store=store, home=home, writer=writer, case_keys=case_keys, view=view, book=book, fold=fold,
            holdings=holdings, succession=Succession(store, holdings, fold), own={}, clock=clock,
            randomness=randomness,
        )  # fmt: skip
        desk.open_log("registry", station, root, ledger_genesis=genesis.pack())
    finally:
        store.close()


def found_empty(home: Home, genesis: LedgerGenesis, *, randomness: Randomness) -> None:
    """Make an installation that holds no entry yet and knows only which ledger it is part of.

    Its registry log comes with the first sync; one of another ledger is refused (``read_ledger_genesis``).

    Args:
        home: the folder; may hold keys already, but no ledger.
        genesis: the ledger that the station joins.
        randomness: for the storage key.

    Raises:
        ConfigError: ``home.exists``.
        StoreError: the store's own reasons.
    """
    home.create()
    home.write_machine()
    home.write_storage_key(randomness(SEED_BYTES))
    home.write_ledger_genesis(genesis.pack())
    open_database(home, CaseView(), create=True).close()
