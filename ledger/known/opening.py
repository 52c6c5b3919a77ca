"""The opening of a log: entry 1 is an ``open_log`` act whose facts hold the log's genesis.

Beside it stands which acts a log of each kind may hold.

Source: docs/protocol.md, "Entry" and "Log genesis".
"""

from __future__ import annotations

from ledger.errors import DataError
from ledger.formats.body import check_facts
from ledger.formats.frame import decode_frame
from ledger.formats.genesis import OPEN_LOG, LogGenesis, decode_log_genesis, log_id
from ledger.known.knowledge import CATALOGUE_ACTIONS
from ledger.registry.authority import REGISTRY_ACTIONS
from ledger.types import LogId


def opening_genesis(wanted: LogId, frame: bytes, facts: bytes) -> LogGenesis:
    """Return the genesis of a log from its first frame and the facts of its first act.

    Whether the author was allowed to open it, the registry says.

    Raises:
        EncodingError: ``encoding.*``, ``frame.*``, ``act.*``, ``entry.*`` or ``genesis.*``.
        DataError: ``log.opening`` for another act or another position; ``log.genesis`` for a genesis of
            another log; ``act.facts_hash``.
    """
    opened = decode_frame(frame)
    if opened.act.header.action != OPEN_LOG or opened.entry.seq != 1:
        raise DataError("log.opening", log=wanted)
    raw = check_facts(opened.act.header, facts).get("genesis")
    if not isinstance(raw, bytes) or log_id(raw) != wanted:
        raise DataError("log.genesis", log=wanted)
    genesis = decode_log_genesis(raw)
    if opened.entry.log_id != wanted or opened.entry.previous != genesis.genesis_hash():
        raise DataError("log.opening", log=wanted)
    return genesis


def is_misplaced(action: str, kind: str, seq: int) -> bool:
    """Return whether an act can count for nothing where it stands, whoever signed it.

    What the registry log holds is judged by the registry itself.

    Args:
        action: of the act.
        kind: of the log.
        seq: position in it.
    """
    if action == OPEN_LOG:
        return seq > 1
    if kind == "station":
        return action in REGISTRY_ACTIONS or action in CATALOGUE_ACTIONS
    if kind == "catalogue":
        return action not in CATALOGUE_ACTIONS
    return kind == "merge"
