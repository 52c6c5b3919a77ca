"""This station's receipts: the key that signs them, whether it can be used, and receipts that are owed.

The key lies in ``secrets/`` and in no backup: after a restore there is none until the registrar has enrolled
another. What came meanwhile was stored without a receipt; once there is a key again, the heads of everything
that is held are receipted, so that no station waits for its next act to be told that it is safe.
"""

from __future__ import annotations

from typing import Final

from ledger.facade.base.home import Home
from ledger.facade.logs.histories import branch_names
from ledger.facade.logs.ownlog import newest_checkpoint
from ledger.facade.opened.parts import Parts
from ledger.facade.peering.machinekeys import seed_in_use
from ledger.formats.checkpoint import Checkpoint, cosign, read_checkpoint, receipt_name
from ledger.formats.keys import Ed25519Signer, Signer
from ledger.registry.registry import Registry
from ledger.store import schema
from ledger.store.contract import ReadTx, Store
from ledger.store.tables import Row
from ledger.types import StationId

RECEIPT: Final = "receipt"
"""Purpose of the key in the registry."""
KEY_MISSING: Final = "receipt_key.missing"
"""A station that confirms what others send has no key on this machine."""
KEY_NOT_ENROLLED: Final = "receipt_key.not_enrolled"
"""It has one that the registry, as it is held here, does not know or has retired."""


def receipt_key_fault(home: Home, registry: Registry, station: StationId) -> str:
    """Return why nobody can believe the receipts of a station on this machine; "" where they can be.

    Nobody waits for those of a village.
    """
    known = registry.station(station)
    if known is None or known.level == "village":
        return ""
    seed = seed_in_use(home, registry, station, RECEIPT)
    if seed is None:
        return KEY_MISSING
    held = registry.authority(Ed25519Signer.from_seed(seed).key_id)
    if held is None or (held.purpose, held.station) != (RECEIPT, station):
        return KEY_NOT_ENROLLED
    return ""


class Receipts:
    """Signs receipts for what others send.

    Args:
        store: the open store, as its one writer.
        parts: the working parts of the ledger.
        station: whose receipts they are.
    """

    def __init__(self, store: Store, parts: Parts, station: StationId) -> None:
        self._store = store
        self._parts = parts
        self._station = station
        self._in_step_with = b""

    def fault(self) -> str:
        """Return why receipts of this station cannot be believed, "" where they can be."""
        return receipt_key_fault(self._parts.home, self._parts.knowledge.registry, self._station)

    def line(self, checkpoint: bytes, now_ms: int) -> str:
        """Return the receipt for a checkpoint; "" without a key.

        A key that is not enrolled yet signs too: its receipts are believed as soon as it is.
        """
        signer = self._signer()
        return "" if signer is None else self._cosigned(checkpoint, signer, now_ms)

    def sign(self, point: Checkpoint, now_ms: int) -> str:
        """Return a cosignature on three lines that are those of no log; "" without a key."""
        signer = self._signer()
        if signer is None:
            return ""
        return cosign(point, receipt_name(self._station), signer, time_s=now_ms // 1000)

    def give_owed(self, now_ms: int) -> int:
        """Receipt the heads of all logs and branches of others that have no receipt of this station.

        Looks once for each key that this process gets to see; returns how many it signed.
        """
        signer = self._signer()
        if signer is None or signer.public_key == self._in_step_with:
            return 0
        with self._store.read() as tx:
            owed = self._owed(tx)
        rows: list[Row] = []
        for name, note in owed:
            line = self._cosigned(note, signer, now_ms)
            rows.append((name, read_checkpoint(note).size, receipt_name(self._station), line.encode("utf-8")))
        if rows:
            with self._store.write() as tx:
                tx.insert_missing(schema.RECEIPTS, rows)
        self._in_step_with = signer.public_key
        return len(rows)

    def _owed(self, tx: ReadTx) -> list[tuple[str, bytes]]:
        others = [log.name for log in self._parts.holdings.logs.values() if not log.own]
        found: list[tuple[str, bytes]] = []
        for name in (*others, *branch_names(tx)):
            note = newest_checkpoint(tx, name)
            if note is None:
                continue
            key = (name, read_checkpoint(note).size, receipt_name(self._station))
            if tx.get(schema.RECEIPTS, key) is None:
                found.append((name, note))
        return found

    def _cosigned(self, checkpoint: bytes, signer: Signer, now_ms: int) -> str:
        name = receipt_name(self._station)
        return cosign(read_checkpoint(checkpoint), name, signer, time_s=now_ms // 1000)

    def _signer(self) -> Signer | None:
        registry = self._parts.knowledge.registry
        seed = seed_in_use(self._parts.home, registry, self._station, RECEIPT)
        return None if seed is None else Ed25519Signer.from_seed(seed)
