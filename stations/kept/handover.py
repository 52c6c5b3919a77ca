"""The whole ledger as one file, for an auditor or a successor: consistent, beside the running station.

Every table comes from one moment, wherever the ledger lies. Personal data stay encrypted, because the keys of
the cases and the search tokens are left out, as in a backup.
"""

from __future__ import annotations

from pathlib import Path

from ledger.errors import StoreError
from ledger.facade import Ledger
from stations.kept.backup import LEFT_OUT


def export_ledger(ledger: Ledger, target: Path) -> int:
    """Write the ledger file and return how many bytes it has.

    Raises:
        StoreError: ``backup.folder`` when there is no folder to write into; ``store.disk_full`` and the like.
    """
    if not target.absolute().parent.is_dir():
        raise StoreError("backup.folder", path=str(target.parent), detail="")
    ledger.store.backup(target, without_tables=LEFT_OUT)
    return target.stat().st_size
