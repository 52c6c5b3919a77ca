"""The feeds: for each direct subordinate a list of the acts that it is to be given, in a fixed order.

The list grows behind the acts. A subordinate says how far it has come and with which hash; only if the list
here has that hash at that place does it go on from there. So neither side trusts what it remembers of the
other: after a restore on either side the hashes differ and everything is given again, which does no harm.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from ledger.cases.supplies import HAND_OVER
from ledger.errors import DataError, RuleError
from ledger.facade.base.audience import audiences
from ledger.facade.base.concern import concerned_stations
from ledger.facade.base.marks import kept_text
from ledger.facade.base.synctables import FEED, FEED_DUE, FEED_LEFT, SYNC_MARKS
from ledger.facade.base.tables import CASES, CaseCells, case_cells
from ledger.facade.cases.casebook import CaseBook
from ledger.facade.logs.bodies import ASKED_MAX, Place, place_in
from ledger.facade.transfer.newcomers import cases_of
from ledger.hashing import CTX_FEED, digest
from ledger.known.verified import OPAQUE
from ledger.registry.registry import Registry
from ledger.store import schema
from ledger.store.contract import ReadTx, Store, WriteTx
from ledger.store.tables import Cell, OneOf, Range, Row, Where
from ledger.types import ActId, CaseId, StationId

LEFT_MAX = 256
"""Places that were left out of a feed and are looked at again in one session."""
BATCH_CASES = 200
"""Cases that are brought up to date in one transaction."""
MARK_TOPOLOGY = "feed_topology"
START = bytes(32)
"""Chain value of a feed without items."""


class FeedItem(NamedTuple):
    """One act that an audience is to be given."""

    number: int
    place: Place
    case_id: CaseId
    act_id: ActId
    chain: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPlace:
    """How far somebody has come in a feed: number of items and the chain value there."""

    number: int
    chain: bytes


def kept_place(number: Cell, chain: Cell) -> FeedPlace:
    """Return the place in a feed that a row names; the start where it names none."""
    if isinstance(number, int) and number > 0 and isinstance(chain, bytes) and len(chain) == len(START):
        return FeedPlace(number=number, chain=chain)
    return FeedPlace(number=0, chain=START)


class Feeds:
    """Keeps the feeds of this installation's direct subordinates.

    Args:
        registry: the newest registry held here.
        own: the stations of this installation.
        log_stations: station of each log by name.
        book: states of cases.
    """

    def __init__(
        self,
        registry: Registry,
        own: Iterable[StationId],
        log_stations: Mapping[str, StationId],
        *,
        book: CaseBook,
    ) -> None:
        self._registry = registry
        self._book = book
        self._own = frozenset(own)
        self._log_stations = log_stations
        self._below: dict[StationId, StationId] = {}
        self._registry_version = (-1, 0)

    @property
    def below(self) -> Mapping[StationId, StationId]:
        """For each station below, the direct subordinate through which it is reached."""
        if self._registry_version != self._registry.version:
            self._below = audiences(self._registry, self._own)
            self._registry_version = self._registry.version
        return self._below

    def note(self, tx: WriteTx, case_ids: Iterable[CaseId]) -> None:
        """Remember that cases got acts; nothing is written at a station without subordinates."""
        if self.below:
            tx.insert_missing(FEED_DUE, [(case_id,) for case_id in case_ids])

    def catch_up(self, store: Store) -> int:
        """Bring all feeds up to date; returns how many items were added."""
        if not self.below:
            return 0
        added = 0
        with store.write() as tx:
            self._check_topology(tx)
            for audience in sorted(set(self.below.values())):
                self._check_end(tx, audience)
        while True:
            with store.write() as tx:
                due = [CaseId(row[0]) for row in tx.select(FEED_DUE, {}, limit=BATCH_CASES)
                       if isinstance(row[0], bytes)]  # fmt: skip
                if not due:
                    return added
                added += self._add_cases(tx, due)
                tx.delete(FEED_DUE, {"case_id": OneOf(tuple(due))})

    def look_at_all(self, tx: WriteTx) -> None:
        """Ask of every case anew who is to be given it; what a feed has already is not given twice."""
        if self.below:
            tx.insert_missing(FEED_DUE, [(case[0],) for case in tx.select(CASES, {})])

    def confirm(self, tx: ReadTx, audience: StationId, held: FeedPlace) -> FeedPlace:
        """Return where to go on for an audience: where it says, if the feed agrees, else at the start."""
        row = tx.get(FEED, (audience, held.number)) if held.number else None
        return held if row is not None and row[6] == held.chain else FeedPlace(number=0, chain=START)

    def items(self, tx: ReadTx, audience: StationId, *, after: int, limit: int) -> list[FeedItem]:
        """Return the next items of a feed, each where its act stands now."""
        where: Where = {"audience": audience, "number": Range(above=after)}
        found = [_item(row) for row in tx.select(FEED, where, order_by=("number",), limit=limit)]
        cases = tuple({item.case_id: None for item in found})
        acts = (
            row
            for first in range(0, len(cases), ASKED_MAX)
            for row in tx.select(schema.ACTS, {"case_id": OneOf(cases[first : first + ASKED_MAX])})
        )
        places = {row[1]: place_in(row) for row in acts}
        return [item._replace(place=places.get(item.act_id, item.place)) for item in found]

    def begin_anew(self, tx: WriteTx, audience: StationId) -> None:
        """Drop a feed that somebody changed on this disk; it is made again from the acts."""
        tx.delete(FEED, {"audience": audience})
        self.look_at_all(tx)

    def size(self, tx: ReadTx, audience: StationId) -> int:
        """Return how many items a feed has."""
        return _end(tx, audience)[0]

    def end(self, tx: ReadTx, audience: StationId) -> FeedPlace:
        """Return where a feed ends."""
        number, chain = _end(tx, audience)
        return FeedPlace(number=number, chain=chain)

    def leave_out(self, store: Store, audience: StationId, places: Iterable[Place]) -> None:
        """Remember what an audience was not given, though its feed has gone past it."""
        rows: list[Row] = [(audience, *place) for place in dict.fromkeys(places)]
        if rows:
            with store.write() as tx:
                tx.insert_missing(FEED_LEFT, rows)

    def left_out(self, tx: ReadTx, audience: StationId) -> list[Place]:
        """Return some places that an audience was not given."""
        return [_place(row) for row in tx.select(FEED_LEFT, {"audience": audience}, limit=LEFT_MAX)]

    def give_again(self, store: Store, audience: StationId, places: Iterable[Place]) -> None:
        """Put acts that are healed at the end of a feed; to be given an act twice does no harm."""
        with store.write() as tx:
            number, chain = _end(tx, audience)
            for place in places:
                tx.delete(FEED_LEFT, {"audience": audience, "log": place.log, "seq": place.seq})
                where: Where = {"audience": audience, "log": place.log, "seq": place.seq}
                row = next(tx.select(FEED, where, limit=1), None)
                if row is None or not isinstance(row[5], bytes):
                    continue
                number += 1
                chain = next_chain(chain, ActId(row[5]))
                tx.insert(FEED, [(audience, number, *row[2:6], chain)])

    def renew(self, store: Store, audience: StationId) -> None:
        """Order the feed of an audience that begins anew: the newest cases first, so that work can go on."""
        with store.write() as tx:
            before = {(row[4], row[5]) for row in tx.select(FEED, {"audience": audience})}
            if not before:
                # Nothing to be ordered: a station that alone acts on its cases begins anew at each session.
                return
            tx.delete(FEED, {"audience": audience})
            listed = {case_id for case_id, _ in before}
            number, chain = 0, START
            for case_id, cells in _newest_first(
                tx, [CaseId(one) for one in listed if isinstance(one, bytes)]
            ):
                acts = list(tx.select(schema.ACTS, {"case_id": case_id}))
                before -= {(row[0], row[1]) for row in acts}
                if audience in self._concerned(tx, case_id, acts, cells):
                    lacking = self._lacking(tx, audience, acts)
                    number, chain = self._extend(tx, audience, case_id, number, chain, lacking)
            if before:
                # Acts that no case has: somebody changed these rows, and which cases they were of is lost.
                self.look_at_all(tx)

    def ungiven(self, tx: ReadTx, case_ids: Sequence[CaseId]) -> set[CaseId]:
        """Return the cases of which an act is missing in a feed, and that nobody is to look at again.

        Args:
            tx: the store.
            case_ids: cases, as many as one condition takes.
        """
        if not self.below:
            return set()
        asked: Where = {"case_id": OneOf(tuple(case_ids))}
        due = {row[0] for row in tx.select(FEED_DUE, asked)}
        found: set[CaseId] = set()
        for case_id, audience, lacking in self._wanted(tx, [one for one in case_ids if one not in due]):
            given = {row[5] for row in tx.select(FEED, {"audience": audience, "case_id": case_id})}
            if any(row[1] not in given for row in lacking):
                found.add(case_id)
        return found

    def _check_topology(self, tx: WriteTx) -> None:
        """Go through all cases again when a station has got another line, through its own when one came."""
        before, now = _topology(kept_text(tx, MARK_TOPOLOGY)), dict(self.below)
        if before == now:
            return
        if before is None or any(now.get(StationId(one)) != audience for one, audience in before.items()):
            self.look_at_all(tx)
        elif newcomers := frozenset(now.keys() - before.keys()):
            self.note(tx, cases_of(tx, newcomers, self._log_stations))
        text = json.dumps(now, sort_keys=True)
        tx.upsert(SYNC_MARKS, [(MARK_TOPOLOGY, text)])

    def _check_end(self, tx: WriteTx, audience: StationId) -> None:
        """Make a feed anew that cannot be gone on with: its last item does not follow from the one before."""
        where = {"audience": audience}
        rows = list(tx.select(FEED, where, order_by=("number",), descending=True, limit=2))
        if not rows:
            return
        before = rows[1] if len(rows) > 1 else (audience, 0, "", 0, b"", b"", START)
        if not follow(FeedPlace(number=_count(before[1]), chain=_bytes(before[6])), [_item(rows[0])]):
            self.begin_anew(tx, audience)

    def _add_cases(self, tx: WriteTx, case_ids: Sequence[CaseId]) -> int:
        added = 0
        for case_id, audience, lacking in self._wanted(tx, case_ids):
            number, chain = _end(tx, audience)
            added += self._extend(tx, audience, case_id, number, chain, lacking)[0] - number
        return added

    def _wanted(
        self, tx: ReadTx, case_ids: Sequence[CaseId]
    ) -> Iterator[tuple[CaseId, StationId, Sequence[Row]]]:
        """Yield which acts of cases each audience is to be given."""
        asked = OneOf(tuple(case_ids))
        acts: dict[object, list[Row]] = {}
        for row in tx.select(schema.ACTS, {"case_id": asked}):
            acts.setdefault(row[0], []).append(row)
        cases = {cells[0]: cells for cells in case_cells(list(tx.select(CASES, {"case_id": asked})))}
        for case_id in case_ids:
            rows = acts.get(case_id, [])
            for audience in sorted(self._concerned(tx, case_id, rows, cases.get(case_id))):
                found = self._lacking(tx, audience, rows)
                if found:
                    yield case_id, audience, found

    def _concerned(
        self, tx: ReadTx, case_id: CaseId, acts: Sequence[Row], case: CaseCells | None
    ) -> set[StationId]:
        """Return the direct subordinates through which a station is reached that a case concerns.

        A case that nobody ever offered to anybody need not be folded for that. One that cannot be folded,
        since a record of it is rotten here, must not hold up everybody else's: the audit tells of it.
        """
        found = {
            self._log_stations.get(str(row[2]), StationId(""))
            for row in acts
            if row[4] != OPAQUE and isinstance(row[1], bytes) and row[1].startswith(case_id)
        }
        if case is not None:
            custodian, offered_to, received_station = case[5:8]
            found |= {custodian, StationId(offered_to), received_station}
        if any(row[4] == HAND_OVER for row in acts):
            with suppress(RuleError, DataError):
                found |= concerned_stations(self._book.load(tx, case_id).state)
        return {self.below[station] for station in found if station in self.below}

    def _lacking(self, tx: ReadTx, audience: StationId, acts: Sequence[Row]) -> list[Row]:
        """Return the sound acts of a case that stand in no log that the audience itself sends up.

        Of such a log those that came as single records alone: the audience has lost them.
        """
        sound = [row for row in acts if row[4] != OPAQUE]
        theirs = {log for log in {str(row[2]) for row in sound} if self._is_theirs(audience, log)}
        ragged = {log for log in theirs if next(tx.select(schema.SPARSE, {"log": log}, limit=1), None)}
        return [
            row
            for row in sound
            if str(row[2]) not in theirs or (str(row[2]) in ragged and tx.frame(*place_in(row)) is None)
        ]

    def _extend(
        self,
        tx: WriteTx,
        audience: StationId,
        case_id: CaseId,
        number: int,
        chain: bytes,
        acts: Sequence[Row],
    ) -> tuple[int, bytes]:
        """Add those of a case's acts that an audience was not given; returns the new end of its feed."""
        given = {row[5] for row in tx.select(FEED, {"audience": audience, "case_id": case_id})}
        new: list[Row] = []
        for row in sorted(acts, key=place_in):
            place = place_in(row)
            if row[1] in given or not isinstance(row[1], bytes):
                continue
            number += 1
            chain = next_chain(chain, ActId(row[1]))
            new.append((audience, number, place.log, place.seq, case_id, row[1], chain))
        tx.insert(FEED, new)
        return number, chain

    def _is_theirs(self, audience: StationId, log: str) -> bool:
        """Whether a log is one that the audience itself sends up."""
        return self.below.get(self._log_stations.get(log, StationId(""))) == audience


def next_chain(chain: bytes, act_id: ActId) -> bytes:
    """Return the chain value after one more act."""
    return digest(CTX_FEED, chain + act_id)


def follow(place: FeedPlace, items: Iterable[FeedItem]) -> bool:
    """Tell whether items of a feed follow one another from a place on, as they were written."""
    number, chain = place.number, place.chain
    for item in items:
        number, chain = number + 1, next_chain(chain, item.act_id)
        if (item.number, item.chain) != (number, chain):
            return False
    return True


def _newest_first(tx: ReadTx, case_ids: Sequence[CaseId]) -> list[tuple[CaseId, CaseCells | None]]:
    """Return cases with their rows: open ones before closed ones, and of each the newest first."""
    cells: dict[CaseId, CaseCells] = {}
    for first in range(0, len(case_ids), ASKED_MAX):
        asked = OneOf(tuple(case_ids[first : first + ASKED_MAX]))
        cells |= {one[0]: one for one in case_cells(list(tx.select(CASES, {"case_id": asked})))}

    def rank(case_id: CaseId) -> tuple[bool, int, CaseId]:
        row = cells.get(case_id)
        return (True, 0, case_id) if row is None else (not row[10], -_count(row[9]), case_id)

    return [(case_id, cells.get(case_id)) for case_id in sorted(case_ids, key=rank)]


def _topology(text: str) -> Mapping[str, object] | None:
    """Return through whom each station was reached; None where somebody changed that on this disk."""
    try:
        held = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return None
    return held if isinstance(held, dict) else None


def _end(tx: ReadTx, audience: StationId) -> tuple[int, bytes]:
    where = {"audience": audience}
    row = next(tx.select(FEED, where, order_by=("number",), descending=True, limit=1), None)
    if row is None or not isinstance(row[1], int) or not isinstance(row[6], bytes):
        return 0, START
    return row[1], row[6]


def _place(row: Row) -> Place:
    return Place(str(row[1]), row[2] if isinstance(row[2], int) else 0)


def _item(row: Row) -> FeedItem:
    _, number, log, seq, case_id, act, chain = row
    return FeedItem(
        _count(number),
        Place(str(log), _count(seq)),
        CaseId(_bytes(case_id)),
        ActId(_bytes(act)),
        _bytes(chain),
    )


def _count(cell: Cell) -> int:
    return cell if isinstance(cell, int) else 0


def _bytes(cell: Cell) -> bytes:
    return cell if isinstance(cell, bytes) else b""
