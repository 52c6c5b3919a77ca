"""The station board: what is known of every station below, and how complete the picture is.

"Complete up to" is the moment up to which nothing of a station can be missing here, by its own clock: when it
was heard in a session with nothing waiting, that moment; else the time of the oldest entry that it, or the
station between, could not send. It is never later than now, and what a stick says makes it no better: anybody
can write one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ledger.facade.base.peers import Contact, Peers, Refusal
from ledger.facade.base.synctables import FORK, SYNC_FINDINGS
from ledger.facade.cases.attachednames import not_here_count
from ledger.facade.cases.stranded import stranded_cases
from ledger.facade.logs.opening import BRANCH_MARK
from ledger.facade.logs.stretch import STRETCH_LIMIT
from ledger.facade.opened.parts import Parts
from ledger.facade.peering.held import Held
from ledger.facade.transfer.withouteffect import is_without_effect
from ledger.lawtime import DAY_MS
from ledger.store import schema
from ledger.store.contract import ReadTx, Store
from ledger.types import StationId

CLOCK_OFF_MS_MAX = 30 * 60_000
"""Difference between two clocks that is worth showing."""
REFUSED_SHOWN_MS_MAX = 7 * DAY_MS
"""For how long it is shown that something of a station was refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardLine:
    """One station on the board; times in milliseconds, 0 for never.

    Attributes:
        entries: entries of its logs that are held here, of every history of them.
        logs: how many logs it has had: more than one after a restore or a replaced machine.
        complete_at_ms: nothing before this moment is missing here, by the station's clock.
        heard_at_ms: when it was heard last.
        via: the station through which it was heard; its own id when it was heard here, ``BY_STICK`` for a
            stick, for which nobody vouches.
        waiting: entries that it could not send when it was heard; a stick alone makes them no fewer.
        oldest_ms: recorded time of the oldest of them.
        attachments: photos and scans that its acts name and that do not lie here.
        clock_off_ms: its clock minus that of who heard it; 0 below half an hour.
        forked: whether two histories of one of its logs are held.
        without_effect: acts of its logs that count for nothing, or whose number another case bears, and that
            nobody has looked into yet.
        refused: what of it was refused in sessions of the last days, the newest first.
        skipped: whether some of its records are too large to be passed on.
        stranded: open cases that were handed over to it and that nobody there takes, for it is closed.
        own: whether this installation writes for it: then nothing of it is awaited.
    """

    station: StationId
    name: str
    level: str
    upstream: str
    is_open: bool
    entries: int
    logs: int
    complete_at_ms: int
    last_entry_ms: int
    heard_at_ms: int
    via: str
    waiting: int
    oldest_ms: int
    clock_off_ms: int
    version: str
    forked: bool
    without_effect: int = 0
    refused: tuple[Refusal, ...] = ()
    skipped: bool = False
    stranded: int = 0
    attachments: int = 0
    own: bool = False

    def silent_ms(self, now_ms: int) -> int:
        """Return for how long the station has not been heard; -1 if it never was."""
        return now_ms - self.heard_at_ms if self.heard_at_ms else -1


def read_board(store: Store, tx: ReadTx, parts: Parts, station: StationId, *, now_ms: int) -> list[BoardLine]:
    """Return a line for each station below an installation's main station, and for that itself, by id."""
    held, peers = Held(store, parts, station, writing=False), Peers(store)
    newest = {one.station: one for one in peers.all(now_ms=now_ms)}
    contacts = peers.in_sessions(now_ms=now_ms)
    skipped = {
        parts.holdings.stations.get(str(row[1]))
        for row in tx.select(SYNC_FINDINGS, {"code": STRETCH_LIMIT, "settled": 0})
    }
    forked = {str(row[1]).partition(BRANCH_MARK)[0] for row in tx.select(SYNC_FINDINGS, {"code": FORK})}
    sizes = _log_ends(tx, parts, forked)
    scope = held.scope(station)
    beside: Counter[StationId] = Counter()
    for branch in held.branches(scope):
        beside[parts.holdings.stations.get(branch.log_id.hex())] += branch.size - branch.first_seq + 1
    useless, not_here = _without_effect(tx, parts), not_here_count(tx)
    stranded = _stranded(tx, parts, scope)
    here = (parts.stations_here() - peers.with_machines()) | {station}
    lines: list[BoardLine] = []
    for one in sorted(scope):
        known = parts.knowledge.registry.station(one)
        logs = sizes.get(one, [])
        last_entry_ms = max((recorded_at_ms for _, recorded_at_ms, _ in logs), default=0)
        contact = newest.get(one)
        waiting, oldest_ms = _waiting(contact, contacts.get(one))
        lines.append(
            BoardLine(
                station=one,
                name="" if known is None else known.name,
                level="" if known is None else known.level,
                upstream="" if known is None else known.upstream,
                is_open=known is not None and known.is_open,
                entries=sum(size for size, _, _ in logs) + beside[one],
                logs=len(logs),
                complete_at_ms=now_ms
                if one in here
                else min(_complete(one, contacts, last_entry_ms), now_ms),
                last_entry_ms=last_entry_ms,
                heard_at_ms=0 if contact is None else contact.heard_at_ms,
                via="" if contact is None else contact.via or one,
                waiting=waiting,
                oldest_ms=oldest_ms,
                clock_off_ms=_clock_off(contact),
                version="" if contact is None else contact.version,
                forked=any(fork for _, _, fork in logs),
                without_effect=useless[one],
                refused=tuple(
                    refusal
                    for refusal in peers.refusals(tx, one)
                    if now_ms - refusal.at_ms <= REFUSED_SHOWN_MS_MAX
                ),
                skipped=one in skipped,
                stranded=stranded[one],
                attachments=not_here[one],
                own=one in here,
            )
        )
    return lines


def _log_ends(
    tx: ReadTx, parts: Parts, forked: Collection[str]
) -> Mapping[StationId, list[tuple[int, int, bool]]]:
    """Return for each log of each station its size, when its end was recorded, and whether it forked."""
    found: dict[StationId, list[tuple[int, int, bool]]] = {}
    for log in parts.holdings.logs.values():
        row = tx.get(schema.HEADS, (log.name,))
        if log.genesis.kind == "station" and row is not None:
            end = _int(row[1]), _int(row[3]), log.name in forked
            found.setdefault(log.genesis.station, []).append(end)
    return found


def _stranded(tx: ReadTx, parts: Parts, scope: Collection[StationId]) -> Counter[StationId]:
    """Return for each closed station how many cases are handed over to it."""
    found: Counter[StationId] = Counter()
    for one in stranded_cases(tx, parts.knowledge.registry, scope):
        found[one.offered_to] += one.count
    return found


def _without_effect(tx: ReadTx, parts: Parts) -> Counter[StationId]:
    """Return for each station how much is found and not settled about acts of its logs."""
    rows = tx.select(SYNC_FINDINGS, {"settled": 0}, columns=("code", "log", "detail"))
    return Counter(
        parts.holdings.stations.get(str(row[1]))
        for row in rows
        if is_without_effect(str(row[0]), str(row[2]))
    )


def _complete(station: StationId, contacts: Mapping[StationId, Contact], last_entry_ms: int) -> int:
    contact = contacts.get(station)
    if contact is None:
        return last_entry_ms
    complete_ms = max(last_entry_ms, min(contact.said_at_ms, contact.heard_at_ms))
    between = contacts.get(contact.via)
    # What the station between could not send may be of this one.
    late = [one.oldest_ms for one in (contact, between) if one is not None and one.waiting]
    return min([complete_ms, *late])


def _waiting(newest: Contact | None, contact: Contact | None) -> tuple[int, int]:
    """Return how many entries wait and since when, as far as somebody vouches for it."""
    if newest is None:
        return 0, 0
    if contact is not None and contact.waiting > newest.waiting:
        return contact.waiting, contact.oldest_ms
    return newest.waiting, newest.oldest_ms


def _clock_off(contact: Contact | None) -> int:
    if contact is None or not contact.said_at_ms:
        return 0
    off = contact.said_at_ms - contact.heard_at_ms
    return off if abs(off) > CLOCK_OFF_MS_MAX else 0


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0
