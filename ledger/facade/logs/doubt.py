"""Restored, rolled back or cloned: any doubt means a new log, never a second history in the old one.

Doubt is one of: the log's key is not here, or what lies in its place is another; the machine is another one;
a backup marked this folder as a copy; the sentinel kept outside the database knows a longer or another
history than the database. The logs of one database went back together: where one of them is behind its
sentinel, none of them is continued, for the others may have been longer too, and their sentinels are only as
new as their last checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ledger.errors import BanjianError
from ledger.facade.base.home import Home
from ledger.facade.logs.lostends import DOWNSTREAM_AHEAD, DOWNSTREAM_OTHER, UPSTREAM_OTHER
from ledger.facade.logs.ownlog import OwnLog, stored_nodes
from ledger.formats.checkpoint import log_origin, open_checkpoint
from ledger.formats.genesis import LogGenesis, LogReason
from ledger.formats.keys import Ed25519Signer, Signer
from ledger.formats.merkle import root_at
from ledger.store.contract import ReadTx
from ledger.types import LogId

KEY_OTHER: Final = "log.key_other"
"""State of a log whose key file holds another key than its genesis names: nothing is signed with that."""
LOST_DISK: Final = "log.restored"
"""State of a log that this machine wrote and of which nothing but what others brought back is here."""
REASONS: dict[str, LogReason] = {
    "log.key_missing": "lost",
    KEY_OTHER: "lost",
    "log.machine_changed": "cloned",
    LOST_DISK: "restored",
    "log.sentinel_missing": "restored",
    "log.sentinel_ahead": "restored",
    "log.sentinel_other": "restored",
    "log.file_older": "restored",
    "log.upstream_ahead": "restored",
    UPSTREAM_OTHER: "cloned",
    DOWNSTREAM_AHEAD: "restored",
    DOWNSTREAM_OTHER: "restored",
}
"""Why a log was given up, and the reason that its successor's genesis states."""


ROLLED_BACK = frozenset(("log.sentinel_ahead", "log.sentinel_other", "log.file_older"))
"""Doubts that tell of a database that is older than what was confirmed here: acts may be missing."""


def log_signer(genesis: LogGenesis, home: Home) -> Signer | None:
    """Return the key that the genesis of an own log names; None where it is missing or another lies there."""
    seed = home.log_seed(genesis.log_id())
    signer = None if seed is None else Ed25519Signer.from_seed(seed)
    return signer if signer is not None and signer.public_key == genesis.log_public_key else None


def find_doubts(logs: Iterable[OwnLog], home: Home, tx: ReadTx, *, sentinels: Mapping[LogId, str]) -> None:
    """Note at each own log of a database why it must not be continued.

    Args:
        logs: the own logs as a view holds them.
        home: the installation.
        tx: the view.
        sentinels: those that were there before the view was opened. A writer beside it goes on, and writes
            them behind what it has committed: later ones know more than the view, which proves nothing.
    """
    found = list(logs)
    for log in found:
        log.doubt = find_doubt(log, home, tx, note=sentinels.get(log.log_id))
    if any(log.doubt in ROLLED_BACK for log in found):
        for log in found:
            log.doubt = log.doubt or "log.file_older"


def find_doubt(log: OwnLog, home: Home, tx: ReadTx, *, note: str | None) -> str:
    """Return "" or the code why this installation must not continue an own log; ``note`` is its sentinel."""
    if home.restored:
        # Before the key, which no backup holds: others must hear that entries may be lost with it.
        return "log.restored"
    if log.signer is None:
        return "log.key_missing" if home.log_seed(log.log_id) is None else KEY_OTHER
    if not home.same_machine():
        return "log.machine_changed"
    if note is None:
        # A log that was opened since has its first one by now: it is written before the note is stored.
        is_missing = log.checkpoint_size and home.sentinel(log.log_id) is None
        return "log.sentinel_missing" if is_missing else ""
    try:
        kept = open_checkpoint(note.encode("utf-8"), log_origin(log.log_id), log.genesis.log_public_key)
    except BanjianError:
        return "log.sentinel_other"
    if kept.size > log.size:
        return "log.sentinel_ahead"
    root = root_at(kept.size, stored_nodes(tx, log.name, log.kind))
    return "" if root == kept.root else "log.sentinel_other"
