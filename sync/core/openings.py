"""Whether a log that comes in a session and was never heard of was opened by somebody who may open it.

A genesis says whose log it is and which one it continues; anybody can write that. So a log begins here only
with an act of a key that the registry lets open it, whichever way it comes.

Source: docs/protocol.md, "Sync".
"""

from __future__ import annotations

from typing import Final

from ledger.errors import BanjianError, DataError
from ledger.facade.logs.countyfold import COUNTY_KINDS
from ledger.facade.peering.exchange import Exchange
from ledger.formats.chain import may_continue
from ledger.formats.genesis import LogGenesis
from ledger.known.opening import opening_genesis
from ledger.types import LogId, StationId
from sync.core.ingest import Prepared, PreparedPackage

LOG_OPENING: Final = "sync.log_opening"
REGISTRY_BEHIND: Final = "sync.registry_behind"
"""The registry here is shorter than the one that the opening cites: it can be taken once that has come."""

BESIDE_FEED: Final = frozenset((LOG_OPENING, REGISTRY_BEHIND))
"""Refusals of whole logs: what a feed carries can be taken without them, and counts once they have come."""


def begins_station_log(prepared: Prepared) -> bool:
    """Whether a section begins the log of a station, by the genesis in its first entry."""
    if not isinstance(prepared, PreparedPackage) or prepared.content.first_seq != 1:
        return False
    content = prepared.content
    try:
        return opening_genesis(content.log_id, content.frames[0], content.facts[0]).kind == "station"
    except BanjianError:
        return False


def check_opened(exchange: Exchange, prepared: Prepared) -> LogGenesis | None:
    """Refuse a package with the beginning of a log that nobody in the registry opened.

    Positions in the registry count its entries over all its logs: a forged one would move them.

    Returns:
        The genesis of a log that begins here with this package; None for any other section.

    Raises:
        DataError: ``sync.log_opening``; ``sync.registry_behind`` where that may change; as
            ``opening_genesis``.
    """
    if not isinstance(prepared, PreparedPackage) or exchange.held.genesis(prepared.log_id) is not None:
        return None
    content = prepared.content
    if content.first_seq != 1:
        return None
    genesis = opening_genesis(content.log_id, content.frames[0], content.facts[0])
    if genesis.ledger_id != exchange.held.ledger_id:
        raise DataError("log.other_ledger", log=content.log_id)
    fault = exchange.carried.opening_fault(genesis, prepared.records[0])
    if fault:
        code = REGISTRY_BEHIND if fault == "bundle.registry_behind" else LOG_OPENING
        raise DataError(code, log=content.log_id)
    return genesis


def may_come(exchange: Exchange, genesis: LogGenesis, scope: frozenset[StationId]) -> bool:
    """Whether a station below may bring a log: one of its subtree, or one of the county that was lost here.

    A township that came back from an older disk may get the end of registry and catalogue from below, and the
    logs that were opened anew since: so the county can get them too.

    Args:
        exchange: the ledger.
        genesis: of the log; where nothing of it is held, its opening was checked.
        scope: the station and those below it.
    """
    if genesis.kind == "station":
        return genesis.station in scope
    held, log_id = exchange.held, genesis.log_id()
    elsewhere = held.genesis(log_id) is not None and not held.is_own(log_id)
    lost = (elsewhere and not held.is_continued(log_id)) or held.is_given_up(log_id)
    since = held.is_lost(genesis) or _is_next(exchange, genesis)
    return genesis.kind in COUNTY_KINDS and (lost or held.is_ended(log_id) or since)


def _is_next(exchange: Exchange, genesis: LogGenesis) -> bool:
    """Whether a log that is not held goes on from the end of one that is held and written elsewhere.

    A root key opened the registry; where that came, or its end, this disk is an older one (``put_back``), and
    the catalogue that a registrar opened under it may come too.
    """
    held, parent = exchange.held, LogId(genesis.parent_log)
    before = held.genesis(parent)
    if before is None or held.genesis(genesis.log_id()) is not None or held.is_own(parent):
        return False
    follows = may_continue(genesis, before) and not held.is_continued(parent)
    return follows and (genesis.kind == "registry" or exchange.is_put_back)
