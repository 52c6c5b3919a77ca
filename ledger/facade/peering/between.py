"""What an open ledger does with other stations' ledgers: exchange, status of the link, county checkpoints."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date

from ledger.clocks.clocks import overrun_clocks
from ledger.errors import ConfigError, RuleError
from ledger.facade.base.synctables import SYNC_FINDINGS
from ledger.facade.base.types import CaseRow
from ledger.facade.cases.monthly import MonthFigure, read_mistimed, read_months
from ledger.facade.cases.numbers import paper_of
from ledger.facade.cases.repeated import Repeated, repeated_numbers
from ledger.facade.cases.twins import Twin, find_twins
from ledger.facade.logs.bodies import ASKED_MAX
from ledger.facade.logs.comingback import stations_behind as find_behind
from ledger.facade.logs.countyseen import (
    INCONSISTENT,
    RESTORED,
    UNPROVEN,
    newest_note,
    newest_refused,
    seen_hash,
)
from ledger.facade.logs.ownlog import newest_checkpoint
from ledger.facade.opened.ledger import Ledger
from ledger.facade.opened.looked import LostByReopening, is_seen, note_changed_outside, read_lost, settle_seen
from ledger.facade.peering.attached import Attached, Named, absent
from ledger.facade.peering.board import BoardLine, read_board
from ledger.facade.peering.exchange import Exchange
from ledger.facade.peering.held import newest_receipt
from ledger.facade.peering.syncstatus import SyncStatus, read_status
from ledger.formats.checkpoint import read_checkpoint
from ledger.store.contract import ReadTx
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


def attached_of(ledger: Ledger) -> Attached:
    """Return what tells which attachments are to be carried where; only the writer may ask.

    Raises:
        ConfigError: ``ledger.read_only``.
    """
    _require_writer(ledger)
    return Attached(ledger.store, ledger.parts)


def sync_status(ledger: Ledger, station: StationId) -> SyncStatus:
    """Return what the stations above have confirmed, and what stands in the way of the rest."""
    with ledger.turn, ledger.reading() as (tx, parts):
        return read_status(ledger.store, tx, parts, station)


def absent_attachments(ledger: Ledger, station: StationId, *, held_too: bool) -> list[Named]:
    """Return the attachments that acts of a station name and that are not known to lie here.

    Those of erased cases are left out.

    Args:
        ledger: open for reading.
        station: where the acts were recorded.
        held_too: those as well that are said to lie here.
    """
    with ledger.turn, ledger.reading() as (tx, parts):
        return absent(tx, parts, station, held_too=held_too)


def has_confirmed(ledger: Ledger, station: StationId, ends: Mapping[str, int]) -> bool:
    """Tell whether a station above has confirmed logs, by id in hex, as far as these ends, by receipts."""
    with ledger.turn, ledger.reading() as (tx, _):
        receipts = {log: newest_receipt(tx, log, station) for log in ends}
    return all(one is not None and one.size >= ends[log] for log, one in receipts.items())


def stations_behind(ledger: Ledger, station: StationId) -> list[StationId]:
    """Return the stations below that have not brought what they hold since logs were given up here."""
    with ledger.turn, ledger.reading() as (tx, parts):
        return find_behind(tx, parts.holdings, parts.knowledge.registry, station)


def lost_by_reopening(ledger: Ledger) -> list[LostByReopening]:
    """Return the own logs that were opened anew too early, and what that left out."""
    with ledger.turn, ledger.reading() as (tx, parts):
        return read_lost(tx, parts)


def was_seen(ledger: Ledger, code: str, logs: Iterable[str]) -> bool:
    """Return whether somebody has said that what was found about some logs was seen."""
    with ledger.turn, ledger.reading() as (tx, _):
        return is_seen(tx, code, logs)


def note_outside(ledger: Ledger) -> None:
    """Keep, at a ledger that was opened again for that, that another program wrote into its file.

    Raises:
        ConfigError: ``ledger.read_only``.
    """
    _require_writer(ledger)
    with ledger.turn, ledger.store.write() as tx:
        note_changed_outside(tx, now_ms=ledger.clock.now_ms())


def mark_seen(ledger: Ledger) -> int:
    """Settle what was found and stays as it is, because somebody has looked into it; returns how much.

    Raises:
        ConfigError: ``ledger.read_only``.
    """
    _require_writer(ledger)
    with ledger.turn, ledger.store.write() as tx:
        return settle_seen(tx)


def station_board(ledger: Ledger, station: StationId) -> list[BoardLine]:
    """Return what is known of every station below one, and of that itself, by station id."""
    with ledger.turn, ledger.reading() as (tx, parts):
        return read_board(ledger.store, tx, parts, station, now_ms=ledger.clock.now_ms())


def in_conflict(ledger: Ledger, *, now_ms: int) -> list[CaseRow]:
    """Return the cases that wait for an adjudication, without names, the oldest first."""
    with ledger.reading() as (tx, parts):
        return parts.reader.in_conflict(tx, now_ms=now_ms)


def numbers_repeated(ledger: Ledger) -> list[Repeated]:
    """Return the printed numbers that several cases bear and that nobody has looked into yet."""
    with ledger.reading() as (tx, _):
        return repeated_numbers(tx)


def twins(ledger: Ledger, *, only: CaseId | None = None) -> list[Twin]:
    """Return the cases of one applicant and item that were received twice, or those of one case."""
    with ledger.reading() as (tx, parts):
        paper = "" if only is None else paper_of(parts.book.load(tx, only).state)
        return find_twins(tx, only=only, paper=paper)


def months(
    ledger: Ledger, *, first: date, after_last: date, now_ms: int, station: StationId | None = None
) -> Sequence[MonthFigure]:
    """Return the figures of a period by month of receipt, station and item."""
    with ledger.reading() as (tx, parts):
        calendars, book = parts.knowledge.calendars, parts.book

        def overrun_of(case_ids: Sequence[CaseId]) -> Mapping[CaseId, Collection[str]]:
            return {
                one.state.case_id: overrun_clocks(one.state, one.rules, calendars, now_ms)
                for start in range(0, len(case_ids), ASKED_MAX)
                for one in book.fold_many(tx, case_ids[start : start + ASKED_MAX])
            }

        return read_months(
            tx, overrun_of=overrun_of, first=first, after_last=after_last, now_ms=now_ms, station=station
        )


def mistimed(
    ledger: Ledger, *, first: date, after_last: date, now_ms: int, station: StationId | None = None
) -> Mapping[StationId, int]:
    """Return how many cases of each station lie outside a period because its clock cannot have been right."""
    with ledger.reading() as (tx, _):
        return read_mistimed(tx, first=first, after_last=after_last, now_ms=now_ms, station=station)


def merge(ledger: Ledger) -> bytes:
    """Name in the merge log what was stored since the last time, and sign it; returns the checkpoint.

    Raises:
        ConfigError: ``ledger.read_only``.
        StoreError: ``log.county_none`` where no merge log is written; or the store's own reasons.
    """
    _require_writer(ledger)
    with ledger.turn:
        ledger.parts.merge_log.run(ledger.clock.now_ms)
        return ledger.parts.merge_log.sign()


def county_note(ledger: Ledger) -> bytes | None:
    """Return the newest county checkpoint, signed: that of the merge log written here, or the one taken."""
    with ledger.turn, ledger.reading() as (tx, parts):
        log = parts.merge_log.log
        written = None if log is None else newest_checkpoint(tx, log.name)
        return newest_note(tx) if written is None else written


def note_to_accept(ledger: Ledger) -> bytes:
    """Return the county checkpoint that was refused last, else the one that is held.

    Raises:
        RuleError: ``county.note_none`` when there is none.
    """
    with ledger.turn, ledger.reading() as (tx, _):
        return _to_accept(tx)


def _to_accept(tx: ReadTx) -> bytes:
    found = newest_refused(tx) or newest_note(tx)
    if found is None:
        raise RuleError("county.note_none")
    return found


def accept_county_note(ledger: Ledger, note: bytes = b"") -> bytes:
    """Go on from a county checkpoint that nothing proves, because people looked into it; returns it.

    What was found about county checkpoints is settled by that; what was kept as evidence stays.

    Args:
        ledger: the open ledger, as its writer.
        note: the signed checkpoint; by default the one that was refused last, else the one held.

    Raises:
        ConfigError: ``ledger.read_only``.
        RuleError: ``county.note_own`` where the merge log is written here; ``county.note_none`` when there is
            none to accept.
        BanjianError: as ``ledger.facade.logs.countyseen.CountySeen.accept``; nothing was stored.
    """
    _require_writer(ledger)
    with ledger.turn:
        if any(log.own and log.kind == "merge" for log in ledger.logs()):
            raise RuleError("county.note_own")
        with ledger.store.write() as tx:
            held, chosen = newest_note(tx), note or _to_accept(tx)
            if held is None or read_checkpoint(chosen) != read_checkpoint(held):
                ledger.parts.county_seen.accept(tx, chosen, now_ms=ledger.clock.now_ms())
            for code in (INCONSISTENT, UNPROVEN, RESTORED):
                rows = list(tx.select(SYNC_FINDINGS, {"code": code, "settled": 0}))
                tx.upsert(SYNC_FINDINGS, [(*row[:5], 1) for row in rows])
            seen = seen_hash(tx)
        ledger.parts.writer.county_seen = seen
    return chosen


def _require_writer(ledger: Ledger) -> None:
    if not ledger.writable:
        raise ConfigError("ledger.read_only")
