"""Which logs the act that ends a key lists: those that are held, or those in which the key appears.

A county of many stations holds more logs than one act can name. A log in which neither the key signed, nor
anybody under a grant for it, need not be named: what comes of it there later lies behind size 0, as it is to.
"""

from __future__ import annotations

from ledger.facade.logs.histories import branch_names
from ledger.facade.logs.opening import BRANCH_MARK, Holdings
from ledger.registry.schema import LOG_SIZES_MAX
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.types import KeyId, LogId


def log_sizes(tx: ReadTx, holdings: Holdings, key: KeyId) -> list[tuple[LogId, int]]:
    """Return id and size of each log that is held, as far as an act can list them.

    Where there are too many, those in which the key appears are looked for, record by record, for no table is
    kept by key.

    Args:
        tx: the store.
        holdings: the logs held here.
        key: id of the key that is about to end.

    Source: docs/protocol.md, "Registry".
    """
    held = [(name, log.genesis, tx.size(name)) for name, log in holdings.logs.items()]
    found = [(name, genesis, size) for name, genesis, size in held if size]
    if len(found) > LOG_SIZES_MAX:
        histories: dict[str, list[str]] = {}
        for branch in branch_names(tx):
            histories.setdefault(branch.partition(BRANCH_MARK)[0], []).append(branch)
        found = [
            one
            for one in found
            if any(_appears(tx, name, key) for name in (one[0], *histories.get(one[0], ())))
        ]
    return [(genesis.log_id(), size) for _, genesis, size in found]


def _appears(tx: ReadTx, name: str, key: KeyId) -> bool:
    """Whether records of a log, or of a divergent history, name a key: as author, or in a grant.

    One that names it for another reason lists a log more than needed, which changes nothing.
    """
    sought = bytes(key)
    if any(sought in frame for _, frame in tx.frames(name, 1, tx.size(name))):
        return True
    facts = (row[2] for row in tx.select(schema.BODIES, {"log": name}))
    return any(isinstance(raw, bytes) and sought in raw for raw in facts)
