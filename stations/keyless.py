"""A ledger opened for a look where the storage key is missing or not its own: personal data stay shut."""

from __future__ import annotations

from ledger.errors import StoreError
from ledger.facade import Home, Ledger
from ledger.facade.base.clock import Clock, Randomness
from ledger.facade.base.vault import KEY_BYTES, CaseKey, Vault
from ledger.facade.cases.views import CaseView
from ledger.facade.opened.database import open_database
from ledger.types import CaseId

_KEY_CODES = frozenset(("home.storage_key", "vault.storage_key"))


class ShutVault(Vault):
    """A vault that opens nothing: every personal body reads as withheld."""

    def unwrap(self, case_id: CaseId, wrapped: bytes) -> CaseKey:
        """Return a key that fits no body."""
        return CaseKey(bytes(KEY_BYTES))


def open_to_examine(home: Home, *, clock: Clock, randomness: Randomness) -> tuple[Ledger, bool]:
    """Return the ledger opened read-only, and whether the storage key is there and fits.

    Raises:
        StoreError: ``store.*``: the database itself cannot be opened.
    """
    try:
        return Ledger.open(home, clock=clock, randomness=randomness, write=False), True
    except StoreError as error:
        if error.code not in _KEY_CODES:
            raise
    view = CaseView()
    store = open_database(home, view, write=False)
    vault = ShutVault(bytes(KEY_BYTES), randomness)
    try:
        ledger = Ledger(
            home=home, store=store, view=view, vault=vault, clock=clock, randomness=randomness, writable=False
        )
    except BaseException:
        store.close()
        raise
    return ledger, False
