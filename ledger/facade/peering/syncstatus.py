"""What is safe where: which entries the stations above have confirmed, since when the others wait, and why.

The answer comes from receipts alone: 乡镇已收 and 县里已收 are said only with that level's cosignature.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from ledger.errors import BanjianError, Param
from ledger.facade.base.peers import LinkState, Peers
from ledger.facade.base.synctables import SYNC_FINDINGS
from ledger.facade.cases.attachednames import to_give_count
from ledger.facade.cases.awaited import told_detail
from ledger.facade.cases.stranded import OFFERED_TO_CLOSED, stranded_cases
from ledger.facade.logs.bodies import Place
from ledger.facade.logs.lostends import DOWNSTREAM_AHEAD, DOWNSTREAM_OTHER
from ledger.facade.logs.placing import frame_at
from ledger.facade.opened.parts import Parts
from ledger.facade.peering.held import Held, newest_receipt, recorded_at
from ledger.facade.peering.receiptkey import receipt_key_fault
from ledger.facade.transfer.withouteffect import is_without_effect
from ledger.formats.checkpoint import read_cosignature_time_s
from ledger.formats.frame import act_in
from ledger.store.contract import ReadTx, Store
from ledger.store.tables import Cell, Row
from ledger.types import LogId, StationId

KEPT_BESIDE: Final = "sync.kept_beside"
"""An own log of a station that is not below the main one: nobody sends it."""
SHOWN_OF_A_KIND_MAX: Final = 8
"""Findings of one code in one log that are told one by one; of the others their number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelStatus:
    """What one station above has confirmed of this installation's logs.

    Attributes:
        level: ``township`` or ``county``.
        confirmed: entries below its newest receipts.
        waiting: entries that it has not confirmed, and single records that it has not taken.
        attachments: photos and scans that lie here and that the nearest of them has not said to have; of
            those beyond it nothing more is known here, for it carries them on.
        oldest_ms: recorded time of the oldest of them; 0 for none.
        receipt_at_ms: time of its newest receipt, by its own clock; 0 for none.
    """

    station: StationId
    name: str
    level: str
    confirmed: int
    waiting: int
    oldest_ms: int
    receipt_at_ms: int
    attachments: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncFinding:
    """Something that was found while records were taken in, and that nobody has settled.

    Attributes:
        params: values of its text, as far as what it is about is held here.
        station: station of the log; "" where it is about no log.
        staff_no: who signed the act that it is about; "" where nobody did or the key is not known.
        more: how many more of the same code there are in the same log; they are not listed.
    """

    code: str
    log: str
    seq: int
    found_at_ms: int
    detail: str
    params: Mapping[str, Param]
    station: StationId = StationId("")
    staff_no: str = ""
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncStatus:
    """Everything that ``banjian sync status`` tells.

    Attributes:
        entries: entries of own logs and of those below, stored here; divergent histories among them, and own
            logs of stations that are not below.
        levels: the stations above, nearest first.
        link: last try, last success, the failure that stands.
        given_up: own logs that are not continued, with the reason.
        feed_number: records of the stations above that were taken.
        findings: what was found and not settled.
        receipt_key: at a station that others send to, why it can give no receipts; "" where it can.
    """

    station: StationId
    entries: int
    levels: tuple[LevelStatus, ...]
    link: LinkState
    given_up: tuple[tuple[str, str], ...]
    feed_number: int
    findings: tuple[SyncFinding, ...]
    receipt_key: str = ""


def read_status(store: Store, tx: ReadTx, parts: Parts, station: StationId) -> SyncStatus:
    """Return what is known of the link upward; needs no lock."""
    held = Held(store, parts, station, writing=False)
    line = held.line()
    scope = held.scope(station)
    beyond = parts.beyond(scope)
    entries = sum(state.size for state in held.states(scope | beyond, county=False))
    entries += sum(branch.size - branch.first_seq + 1 for branch in held.branches(scope | beyond))
    attachments = to_give_count(tx)
    return SyncStatus(
        station=station,
        entries=entries,
        levels=tuple(_level(held, parts, above, entries, attachments) for above in line[1:]),
        link=Peers(store).link(),
        given_up=tuple(
            (log.name, log.state) for log in parts.holdings.logs.values() if log.own and log.state
        ),
        feed_number=held.feed_held(line[1]).number if len(line) > 1 else 0,
        findings=(
            *(one for one in _findings(tx, parts) if not _is_settled(one, held)),
            *_stranded(tx, parts, scope),
            *_beyond(tx, held, station, beyond),
        ),
        receipt_key=receipt_key_fault(parts.home, parts.knowledge.registry, station),
    )


def _level(held: Held, parts: Parts, above: StationId, entries: int, attachments: int) -> LevelStatus:
    known = parts.knowledge.registry.station(above)
    waiting, oldest_ms = held.waiting(above)
    times = [read_cosignature_time_s(one.line) for one in held.receipts_by(above)]
    return LevelStatus(
        station=above,
        name="" if known is None else known.name,
        level="" if known is None else known.level,
        confirmed=entries - held.unconfirmed(above)[0],
        waiting=waiting,
        oldest_ms=oldest_ms,
        receipt_at_ms=max(times, default=0) * 1000,
        attachments=attachments,
    )


def _stranded(tx: ReadTx, parts: Parts, scope: frozenset[StationId]) -> Iterator[SyncFinding]:
    """Yield what nobody wrote down: cases of these stations that were offered to one that is closed."""
    for one in stranded_cases(tx, parts.knowledge.registry, scope):
        params: dict[str, Param] = {
            "number": one.number,
            "station": one.custodian,
            "to": one.offered_to,
            "count": one.count,
        }
        yield SyncFinding(
            code=OFFERED_TO_CLOSED, log="", seq=0, found_at_ms=one.last_at_ms, detail=one.number,
            params=params, station=one.custodian,
        )  # fmt: skip


def _beyond(
    tx: ReadTx, held: Held, station: StationId, beyond: frozenset[StationId]
) -> Iterator[SyncFinding]:
    """Yield what nobody wrote down: own logs of stations that are not below this one; nobody sends them.

    What was sent before the station was moved is not told.
    """
    for one in sorted(beyond):
        for state in held.states(frozenset((one,)), county=False):
            name = state.log_id.hex()
            receipts = (newest_receipt(tx, name, above) for above in held.line()[1:])
            sent = max((receipt.size for receipt in receipts if receipt), default=0)
            if held.is_open_own(state.log_id) and sent < state.size:
                params: dict[str, Param] = {"station": one, "main": station, "count": state.size - sent}
                yield SyncFinding(
                    code=KEPT_BESIDE, log=name, seq=0, found_at_ms=recorded_at(tx, name, sent + 1),
                    detail=one, params=params, station=one,
                )  # fmt: skip


def _is_settled(finding: SyncFinding, held: Held) -> bool:
    """Whether a finding about an own log needs nobody any more: another log goes on from it."""
    if finding.code not in (DOWNSTREAM_AHEAD, DOWNSTREAM_OTHER):
        return False
    try:
        return held.is_continued(LogId(bytes.fromhex(finding.log)))
    except ValueError:
        # A name that somebody changed on this disk is no log's.
        return False


def _findings(tx: ReadTx, parts: Parts) -> list[SyncFinding]:
    """Return what is not settled, the oldest first; of many of one kind in one log the first ones.

    One bad station can fill the table as fast as it can sign; the page that shows it must still come at once.
    """
    rows = tx.select(SYNC_FINDINGS, {"settled": 0}, order_by=("found_at_ms", "log", "seq"))
    kinds: dict[tuple[str, str], list[Row]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        kind = str(row[0]), str(row[1])
        counts[kind] += 1
        if counts[kind] <= SHOWN_OF_A_KIND_MAX:
            kinds.setdefault(kind, []).append(row)
    shown = [
        (row, counts[kind] - len(some) if row is some[-1] else 0)
        for kind, some in kinds.items()
        for row in some
    ]
    shown.sort(key=lambda pair: _int(pair[0][3]))
    return [_finding(tx, parts, row, more) for row, more in shown]


def _finding(tx: ReadTx, parts: Parts, row: Row, more: int) -> SyncFinding:
    code, log, seq, detail = str(row[0]), str(row[1]), _int(row[2]), str(row[4])
    station = parts.holdings.stations.get(log)
    params: dict[str, Param] = {"log": log[:8], "seq": seq, "number": detail}
    if station:
        params["station"] = station
    frame = frame_at(tx, Place(log, seq)) if station and seq else None
    staff_no = ""
    with suppress(BanjianError):
        if frame is not None:
            header = act_in(frame).header
            registry = parts.knowledge.registry
            holder = registry.holder(header.actor)
            staff_no = "" if holder is None else holder[1]
            detail = told_detail(detail, header.action)
            params |= {"key": header.actor.hex(), "action": header.action, "number": detail}
            if is_without_effect(code, detail):
                params |= {"station": header.station, "staff_no": staff_no or "—"}
            if code.startswith("authority."):
                params |= {"size": header.registry_size, "cited": header.registry_size}
                params |= {"held": registry.size} if registry.size < header.registry_size else {}
    return SyncFinding(
        code=code, log=log, seq=seq, found_at_ms=_int(row[3]), detail=detail, params=params,
        station=station, staff_no=staff_no, more=more,
    )  # fmt: skip


def _int(cell: Cell) -> int:
    return cell if isinstance(cell, int) else 0
