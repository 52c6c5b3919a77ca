"""The station board: what is known of every station below, and how complete the picture is.

"Complete up to" is the moment up to which nothing of a station can be missing here, by its own clock: when it
was heard with nothing waiting, that moment; else the time of the oldest entry that it could not send.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.facade.held import Held
from ledger.facade.parts import Parts
from ledger.facade.peers import Contact, Peers
from ledger.facade.synctables import FORK, SYNC_FINDINGS
from ledger.store import schema
from ledger.store.contract import ReadTx, Store
from ledger.types import StationId

CLOCK_OFF_MS_MAX = 30 * 60_000
"""Difference between two clocks that is worth showing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardLine:
    """One station on the board; times in milliseconds, 0 for never.

    Attributes:
        entries: entries of its logs that are held here.
        logs: how many logs it has had: more than one after a restore or a replaced machine.
        complete_at_ms: nothing before this moment is missing here, by the station's clock.
        heard_at_ms: when it was heard last.
        via: the station through which it was heard; its own id when it was heard here.
        waiting: entries that it could not send when it was heard.
        oldest_ms: recorded time of the oldest of them.
        clock_off_ms: its clock minus that of who heard it; 0 below half an hour.
        forked: whether two histories of one of its logs are held.
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

    def silent_ms(self, now_ms: int) -> int:
        """Return for how long the station has not been heard; -1 if it never was."""
        return now_ms - self.heard_at_ms if self.heard_at_ms else -1


def read_board(store: Store, tx: ReadTx, parts: Parts, station: StationId) -> list[BoardLine]:
    """Return a line for each station below an installation's main station, and for that itself, by id."""
    held = Held(store, parts, station, writing=False)
    contacts = {one.station: one for one in Peers(store).all()}
    forked = {str(row[1]).partition("~")[0] for row in tx.select(SYNC_FINDINGS, {"code": FORK})}
    sizes: dict[StationId, list[tuple[int, int, bool]]] = {}
    for log in parts.holdings.logs.values():
        row = tx.get(schema.HEADS, (log.name,))
        if log.genesis.kind == "station" and row is not None:
            size, recorded_at_ms = _int(row[1]), _int(row[3])
            sizes.setdefault(log.genesis.station, []).append((size, recorded_at_ms, log.name in forked))
    lines: list[BoardLine] = []
    for one in sorted(held.scope(station)):
        known = parts.knowledge.registry.station(one)
        logs = sizes.get(one, [])
        last_entry_ms = max((recorded_at_ms for _, recorded_at_ms, _ in logs), default=0)
        contact = contacts.get(one)
        lines.append(
            BoardLine(
                station=one,
                name="" if known is None else known.name,
                level="" if known is None else known.level,
                upstream="" if known is None else known.upstream,
                is_open=known is not None and known.is_open,
                entries=sum(size for size, _, _ in logs),
                logs=len(logs),
                complete_at_ms=_complete(contact, last_entry_ms),
                last_entry_ms=last_entry_ms,
                heard_at_ms=0 if contact is None else contact.heard_at_ms,
                via="" if contact is None else contact.via or one,
                waiting=0 if contact is None else contact.waiting,
                oldest_ms=0 if contact is None else contact.oldest_ms,
                clock_off_ms=_clock_off(contact),
                version="" if contact is None else contact.version,
                forked=any(fork for _, _, fork in logs),
            )
        )
    return lines


def _complete(contact: Contact | None, last_entry_ms: int) -> int:
    if contact is None:
        return last_entry_ms
    if contact.waiting and contact.oldest_ms > last_entry_ms:
        return contact.oldest_ms
    return max(last_entry_ms, contact.said_at_ms)


def _clock_off(contact: Contact | None) -> int:
    if contact is None:
        return 0
    off = contact.said_at_ms - contact.heard_at_ms
    return off if abs(off) > CLOCK_OFF_MS_MAX else 0


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0
