"""What an open ledger does with other stations' ledgers: exchange, status of the link, county checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from ledger.errors import ConfigError
from ledger.facade.board import BoardLine, read_board
from ledger.facade.countyseen import SeenOutcome, seen_hash
from ledger.facade.exchange import Exchange
from ledger.facade.ledger import Ledger
from ledger.facade.monthly import MonthFigure, read_months
from ledger.facade.syncstatus import SyncStatus, read_status
from ledger.facade.twins import Twin, find_twins
from ledger.types import CaseId, StationId


def exchange_of(ledger: Ledger) -> Exchange:
    """Return what an installation exchanges with others; only its writer may ask.

    Raises:
        ConfigError: ``ledger.read_only``; ``ledger.training``: a training ledger never exchanges anything;
            ``ledger.no_station`` when it was opened without its main station.
    """
    if not ledger.writable:
        raise ConfigError("ledger.read_only")
    if ledger.training:
        raise ConfigError("ledger.training")
    if ledger.main_station is None:
        raise ConfigError("ledger.no_station")
    return Exchange(
        ledger.store,
        ledger.parts,
        vault=ledger.vault,
        view=ledger.view,
        station=ledger.main_station,
        clock=ledger.clock,
    )


def sync_status(ledger: Ledger, station: StationId) -> SyncStatus:
    """Return what the stations above have confirmed, and what stands in the way of the rest."""
    with ledger.turn, ledger.reading() as (tx, parts):
        return read_status(ledger.store, tx, parts, station)


def station_board(ledger: Ledger, station: StationId) -> list[BoardLine]:
    """Return what is known of every station below one, and of that itself, by station id."""
    with ledger.turn, ledger.reading() as (tx, parts):
        return read_board(ledger.store, tx, parts, station, now_ms=ledger.clock.now_ms())


def twins(ledger: Ledger, *, only: CaseId | None = None) -> list[Twin]:
    """Return the cases of one applicant and item that were received twice, or those of one case."""
    with ledger.reading() as (tx, _):
        return find_twins(tx, only=only)


def months(
    ledger: Ledger, *, first: date, after_last: date, now_ms: int, station: StationId | None = None
) -> Sequence[MonthFigure]:
    """Return the figures of a period by month of receipt, station and item."""
    with ledger.reading() as (tx, _):
        return read_months(tx, first=first, after_last=after_last, now_ms=now_ms, station=station)


def merge(ledger: Ledger) -> bytes:
    """Name in the merge log what was stored since the last time, and sign it; returns the checkpoint.

    Raises:
        ConfigError: ``ledger.read_only``.
        StoreError: ``log.none`` where no merge log is written; or the store's own reasons.
    """
    _require_writer(ledger)
    with ledger.turn:
        ledger.parts.merge_log.run(ledger.clock.now_ms)
        return ledger.parts.merge_log.sign()


def take_county_checkpoint(ledger: Ledger, note: bytes, proof: Sequence[bytes]) -> SeenOutcome:
    """Take a checkpoint of the county's merge log; entries written from now on name it.

    Raises:
        ConfigError: ``ledger.read_only``.
        BanjianError: as ``ledger.facade.countyseen.CountySeen.take``; nothing was stored.
    """
    _require_writer(ledger)
    with ledger.turn:
        with ledger.store.write() as tx:
            outcome = ledger.parts.county_seen.take(tx, note, proof, now_ms=ledger.clock.now_ms())
            seen = seen_hash(tx)
        ledger.parts.writer.county_seen = seen
    return outcome


def _require_writer(ledger: Ledger) -> None:
    if not ledger.writable:
        raise ConfigError("ledger.read_only")
