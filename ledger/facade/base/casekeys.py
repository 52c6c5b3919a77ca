"""The keys of cases as they are needed while writing: read, made, and remembered once they are committed."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.facade.base.vault import CaseKey, Vault
from ledger.store import schema
from ledger.store.contract import WriteTx
from ledger.store.tables import OneOf
from ledger.types import CaseId

KEYS_MAX = 1_024


class CaseKeys:
    """Returns the key of a case inside a write transaction; makes it for the first personal body.

    Args:
        vault: wraps and unwraps.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._known: dict[CaseId, CaseKey] = {}
        self._new: dict[CaseId, CaseKey] = {}
        self._made_in: WriteTx | None = None

    def get(self, tx: WriteTx, case_id: CaseId) -> CaseKey:
        """Return the key of a case.

        Raises:
            StoreError: ``vault.storage_key`` when the storage key is not the one that wrapped it.
        """
        self._enter(tx)
        held = self._known.get(case_id) or self._new.get(case_id)
        if held is not None:
            return held
        row = tx.get(schema.CASE_KEYS, (case_id,))
        if row is not None and isinstance(row[1], bytes):
            return self._remember(case_id, self._vault.unwrap(case_id, row[1]))
        key, wrapped = self._vault.new_case_key(case_id)
        tx.insert(schema.CASE_KEYS, [(case_id, wrapped)])
        self._new[case_id] = key
        return key

    def prepare(self, tx: WriteTx, case_ids: Iterable[CaseId]) -> None:
        """Read the keys of many cases at once, and make those that are missing.

        Raises:
            StoreError: as ``get``.
        """
        self._enter(tx)
        wanted = tuple({one: None for one in case_ids if one not in self._known and one not in self._new})
        if not wanted:
            return
        missing = dict.fromkeys(wanted)
        for case_id, wrapped in tx.select(schema.CASE_KEYS, {"case_id": OneOf(wanted)}):
            if isinstance(case_id, bytes) and isinstance(wrapped, bytes):
                del missing[CaseId(case_id)]
                self._remember(CaseId(case_id), self._vault.unwrap(CaseId(case_id), wrapped))
        made = {case_id: self._vault.new_case_key(case_id) for case_id in missing}
        tx.insert(schema.CASE_KEYS, [(case_id, wrapped) for case_id, (_, wrapped) in made.items()])
        self._new.update((case_id, key) for case_id, (key, _) in made.items())

    def committed(self) -> None:
        """Keep the keys that the transaction made: it is committed."""
        for case_id, key in self._new.items():
            self._remember(case_id, key)
        self._new.clear()

    def forget(self, case_id: CaseId) -> None:
        """Drop a key: its case was erased."""
        self._known.pop(case_id, None)
        self._new.pop(case_id, None)

    def _enter(self, tx: WriteTx) -> None:
        if tx is not self._made_in:
            # A key of a lost transaction would open nothing: it counts from the commit on.
            self._new.clear()
            self._made_in = tx

    def _remember(self, case_id: CaseId, key: CaseKey) -> CaseKey:
        if len(self._known) >= KEYS_MAX:
            self._known.clear()
        self._known[case_id] = key
        return key
