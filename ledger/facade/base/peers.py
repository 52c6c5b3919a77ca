"""What is known of the stations above and below: when they were heard, what they said, what went wrong.

Nothing here decides what is sent; it is for people. Times are by the clock of this station.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ledger.errors import BanjianError, Param
from ledger.facade.base.marks import kept_number, kept_text
from ledger.facade.base.synctables import PEERS, SYNC_FINDINGS, SYNC_MARKS
from ledger.limits import MOMENT_MS_MAX, WAITING_MAX
from ledger.stationid import is_station_id
from ledger.store.contract import ReadTx, Store
from ledger.store.tables import Row
from ledger.types import StationId

BY_STICK = StationId("stick")
"""Stands in ``Contact.via`` for what came on a stick, from whomever: nobody vouches for it."""
_STICK_ROW = "~stick"
"""Behind the id of a station whose word came on a stick: that never takes the place of one in a session."""
STUCK = "stuck"
"""Detail of a finding about a section that was not taken; settled when it is."""
MARK_TRIED, MARK_DONE, MARK_FAILURE = "tried_at_ms", "done_at_ms", "failure"
MARK_CLOCK = "clock_off_ms"
_MARK_REFUSED = "refused "
"""Before the id of a station of which something was refused in a session."""
FAILURE_UNREADABLE = "sync.failure_unreadable"
"""Code of a failure that was kept and that somebody changed on this disk."""
CODE_CHARS_MAX = 80
"""Characters that are shown of a code that was kept."""
REFUSALS_KEPT_MAX = 8
"""Refusals of each station that are remembered, the newest first; one for each code and log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """What a station said of itself when it was heard.

    Attributes:
        heard_at_ms: when, by the clock of who heard it.
        via: the direct subordinate through which it was told; ``BY_STICK`` for what came on a stick.
        waiting: entries that it had not been able to send by then.
        oldest_ms: recorded time of the oldest of them; 0 for none.
        said_at_ms: what its own clock said then.
        version: version of its program.
    """

    station: StationId
    heard_at_ms: int
    waiting: int
    oldest_ms: int
    said_at_ms: int
    version: str
    via: StationId = StationId("")


def plausible(contact: Contact) -> Contact:
    """Return a contact whose numbers can be shown and added up, whatever the station said of itself.

    It is cut down and not refused: it is for people alone, and one station that talks nonsense must not keep
    a township, which passes on what it heard, from being heard above.
    """
    return replace(
        contact,
        heard_at_ms=min(max(contact.heard_at_ms, 0), MOMENT_MS_MAX),
        waiting=min(max(contact.waiting, 0), WAITING_MAX),
        oldest_ms=min(max(contact.oldest_ms, 0), MOMENT_MS_MAX),
        said_at_ms=min(max(contact.said_at_ms, 0), MOMENT_MS_MAX),
        version=printable(contact.version),
    )


def relayed(contact: Contact) -> Contact:
    """Return a contact as it is passed on: one that came on a stick says so by a clock of 0."""
    return replace(contact, said_at_ms=0) if contact.via == BY_STICK else contact


def passed_on(contact: Contact, by: StationId, *, sent_at_ms: int, now_ms: int) -> Contact:
    """Return what a station below said of another one, by the clock of this station.

    How long ago that was, is right whatever the clock of the one between shows.

    Args:
        contact: as it was passed on.
        by: the direct subordinate that did.
        sent_at_ms: its clock now.
        now_ms: this station's clock now.
    """
    age_ms = max(0, sent_at_ms - contact.heard_at_ms)
    heard_at_ms = max(0, now_ms - age_ms) if contact.heard_at_ms else 0
    return replace(contact, heard_at_ms=heard_at_ms, via=by if contact.said_at_ms else BY_STICK)


def printable(text: str) -> str:
    """Return a text in which every character that is not printable ASCII is a question mark."""
    return "".join(one if " " <= one <= "~" else "?" for one in text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What of a station was refused in a session, at its latest.

    Attributes:
        code: why.
        log: id of the log in hex; "" where it is not known.
        at_ms: when, by the clock of this station.
    """

    code: str
    log: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why the last session upward failed; kept until one succeeds."""

    code: str
    params: Mapping[str, Param]
    since_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkState:
    """The link upward, 0 for what never happened.

    Attributes:
        clock_off_ms: by how much the clock of the station above was ahead of this one at the last session.
    """

    tried_at_ms: int
    done_at_ms: int
    failure: Failure | None
    clock_off_ms: int = 0


class Peers:
    """Keeps contacts and the state of the link upward.

    Args:
        store: the open store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def take(self, contacts: Iterable[Contact], *, now_ms: int) -> None:
        """Keep the newest word of each station: that in sessions, and that on sticks beside it.

        Nothing was heard after now; what is held from after now was heard under a wrong clock and gives way.

        Args:
            contacts: what was said.
            now_ms: the clock of this station.
        """
        with self._store.write() as tx:
            for said in contacts:
                one = replace(said, heard_at_ms=min(said.heard_at_ms, now_ms))
                row = tx.get(PEERS, (_key(one),))
                held_ms = 0 if row is None else _int(row[1])
                if held_ms <= one.heard_at_ms or held_ms > now_ms:
                    tx.upsert(PEERS, [_row(one)])

    def settle(self, new: Mapping[StationId, int]) -> None:
        """Entries have come in besides a session: so many fewer wait than a station said.

        Args:
            new: how many more entries of a station and of those below it are held now.
        """
        with self._store.write() as tx:
            for row in tx.select(PEERS, {}):
                one = _contact(row)
                count = new.get(one.station, 0)
                if count > 0 and one.waiting:
                    tx.upsert(PEERS, [_row(_left(one, max(0, one.waiting - count)))])

    def lower(self, station: StationId, waiting: int) -> None:
        """On a stick a station said what it holds, and less of it is missing here than it said."""
        with self._store.write() as tx:
            row = tx.get(PEERS, (station + _STICK_ROW,))
            one = None if row is None else _contact(row)
            if one is not None and waiting < one.waiting:
                tx.upsert(PEERS, [_row(_left(one, waiting))])

    def all(self, *, now_ms: int = MOMENT_MS_MAX) -> list[Contact]:
        """Return the newest word of each station that was heard, by station.

        Args:
            now_ms: what was heard after it, under a wrong clock, is left out.
        """
        newest = self.by_stick(now_ms=now_ms)
        for station, one in self.in_sessions(now_ms=now_ms).items():
            if station not in newest or newest[station].heard_at_ms <= one.heard_at_ms:
                newest[station] = one
        return [newest[station] for station in sorted(newest)]

    def in_sessions(self, *, now_ms: int = MOMENT_MS_MAX) -> dict[StationId, Contact]:
        """Return the newest word of each station that it, or one between, said in a session."""
        return {one.station: one for one in self._held(now_ms) if one.via != BY_STICK}

    def with_machines(self) -> frozenset[StationId]:
        """Return the stations that called here themselves: each has a machine of its own."""
        return frozenset(one.station for one in self.in_sessions().values() if one.via in ("", one.station))

    def by_stick(self, *, now_ms: int = MOMENT_MS_MAX) -> dict[StationId, Contact]:
        """Return the newest word of each station that came on a stick, from whomever."""
        return {one.station: one for one in self._held(now_ms) if one.via == BY_STICK}

    def _held(self, now_ms: int) -> list[Contact]:
        with self._store.read() as tx:
            found = [_contact(row) for row in tx.select(PEERS, {})]
        # A row that somebody changed is told nobody; the station is heard again.
        return [one for one in found if one.heard_at_ms <= now_ms and is_station_id(one.station)]

    def note_done(self, *, now_ms: int, upstream_ms: int) -> None:
        """A session upward has succeeded; the station above said what its own clock shows."""
        marks: list[Row] = [(MARK_TRIED, str(now_ms)), (MARK_DONE, str(now_ms)), (MARK_FAILURE, "")]
        with self._store.write() as tx:
            tx.upsert(SYNC_MARKS, [*marks, (MARK_CLOCK, str(upstream_ms - now_ms))])

    def note_failure(self, error: BanjianError, *, now_ms: int) -> None:
        """A session upward has failed; the moment since when stays that of the first failure in a row."""
        with self._store.write() as tx:
            before = _failure(tx)
            since_ms = now_ms if before is None else before.since_ms
            params = {name: _plain(value) for name, value in error.params.items()}
            text = json.dumps({"code": error.code, "params": params, "since_ms": since_ms})
            tx.upsert(SYNC_MARKS, [(MARK_TRIED, str(now_ms)), (MARK_FAILURE, text)])

    def note_stuck(self, stuck: Iterable[tuple[str, str, int]], *, now_ms: int) -> None:
        """Keep what a session could not pass on, until a later session passes it.

        Args:
            stuck: code, name of the log and first position of each section that was not taken.
            now_ms: the clock of this station.
        """
        wanted = {(code, log, seq) for code, log, seq in stuck}
        with self._store.read() as tx:
            held = {
                (str(row[0]), str(row[1]), _int(row[2])): row
                for row in tx.select(SYNC_FINDINGS, {"detail": STUCK, "settled": 0})
            }
        rows: list[Row] = [(*key, now_ms, STUCK, 0) for key in sorted(wanted - held.keys())]
        rows += [(*row[:5], 1) for key, row in held.items() if key not in wanted]
        if rows:
            with self._store.write() as tx:
                tx.upsert(SYNC_FINDINGS, rows)

    def note_refused(self, station: StationId, refused: Iterable[tuple[str, str]], *, now_ms: int) -> None:
        """Keep what a station sent and could not be taken: whoever sent it may not tell anybody.

        Args:
            station: whose certificate the session had.
            refused: code and log of each section, or of what ended the session.
            now_ms: the clock of this station.
        """
        newest = dict.fromkeys(refused, now_ms)
        if not newest:
            return
        with self._store.write() as tx:
            for before in _refusals(tx.get(SYNC_MARKS, (_MARK_REFUSED + station,))):
                newest.setdefault((before.code, before.log), before.at_ms)
            kept = [[*key, at_ms] for key, at_ms in newest.items()][:REFUSALS_KEPT_MAX]
            tx.upsert(SYNC_MARKS, [(_MARK_REFUSED + station, json.dumps(kept))])

    def refusals(self, tx: ReadTx, station: StationId) -> tuple[Refusal, ...]:
        """Return what was refused of a station, the newest first."""
        return tuple(_refusals(tx.get(SYNC_MARKS, (_MARK_REFUSED + station,))))

    def link(self) -> LinkState:
        """Return the state of the link upward."""
        with self._store.read() as tx:
            return LinkState(
                tried_at_ms=max(0, kept_number(tx, MARK_TRIED)),
                done_at_ms=max(0, kept_number(tx, MARK_DONE)),
                failure=_failure(tx),
                clock_off_ms=kept_number(tx, MARK_CLOCK),
            )


def _left(one: Contact, waiting: int) -> Contact:
    return replace(one, waiting=waiting, oldest_ms=one.oldest_ms if waiting else 0)


def ways_of(tx: ReadTx, station: StationId) -> frozenset[str]:
    """Return how a station was heard so far: in ``sessions``, by ``stick``, both or neither."""
    row, by_stick = tx.get(PEERS, (station,)), tx.get(PEERS, (station + _STICK_ROW,))
    ways = {"stick" if row[2] == BY_STICK else "sessions"} if row is not None else set()
    return frozenset(ways | ({"stick"} if by_stick is not None else set()))


def _key(one: Contact) -> str:
    return one.station + (_STICK_ROW if one.via == BY_STICK else "")


def _row(one: Contact) -> Row:
    return (
        _key(one), one.heard_at_ms, one.via, one.waiting, one.oldest_ms, one.said_at_ms, one.version,
    )  # fmt: skip


def _contact(row: Row) -> Contact:
    station, heard_at_ms, via, waiting, oldest_ms, said_at_ms, version = row
    name = str(station).removesuffix(_STICK_ROW)
    return plausible(Contact(
        station=StationId(name), heard_at_ms=_int(heard_at_ms), via=StationId(str(via or "")),
        waiting=_int(waiting), oldest_ms=_int(oldest_ms), said_at_ms=_int(said_at_ms),
        version=str(version or ""),
    ))  # fmt: skip


def _refusals(row: Row | None) -> list[Refusal]:
    """Return what a row tells; what was changed on this disk is left out, and the next refusal goes on."""
    if row is None:
        return []
    try:
        told = json.loads(str(row[1]))
    except (ValueError, RecursionError):
        return []
    found = (_refusal(one) for one in told) if isinstance(told, list) else ()
    return [one for one in found if one is not None]


def _refusal(told: object) -> Refusal | None:
    match told:
        case [str(code), str(log), int(at_ms)]:
            at_ms = min(max(int(at_ms), 0), MOMENT_MS_MAX)
            return Refusal(code=printable(code), log=printable(log), at_ms=at_ms)
        case _:
            return None


def _failure(tx: ReadTx) -> Failure | None:
    """Return the failure that stands; of one that somebody changed on this disk only that there is one."""
    text = kept_text(tx, MARK_FAILURE)
    if not text:
        return None
    try:
        held = json.loads(text)
    except (ValueError, RecursionError):
        held = None
    match held:
        case {"code": str(code), "params": dict(params), "since_ms": int(since_ms)}:
            told = {str(name): _told(value) for name, value in params.items()}
            since_ms = min(max(since_ms, 0), MOMENT_MS_MAX)
            return Failure(code=printable(code[:CODE_CHARS_MAX]), params=told, since_ms=since_ms)
        case _:
            return Failure(code=FAILURE_UNREADABLE, params={}, since_ms=max(0, kept_number(tx, MARK_TRIED)))


def _told(value: object) -> Param:
    """Return a value of a text as it is kept: lists of texts as they were, whatever else as text."""
    if isinstance(value, (str, int)):
        return value
    return tuple(map(str, value)) if isinstance(value, list) else str(value)


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0


def _plain(value: Param) -> str | int | list[str]:
    if isinstance(value, bytes):
        return value.hex()
    return list(value) if isinstance(value, tuple) else value
