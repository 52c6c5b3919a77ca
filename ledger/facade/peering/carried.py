"""What an installation needs beside sessions to exchange by stick, where nobody can ask and nobody vouches.

A bundle names its sender, but anybody could have written it. So everything here rests on signatures: receipts
and checkpoints count because their keys signed them, a log that was never heard of counts only when a key of
the registry opened it. What merely was said is kept as a guess where to begin, and harms nobody if it lies.

Source: docs/protocol.md, "Bundle".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from ledger.errors import BanjianError, DataError
from ledger.facade.base.synctables import COUNTY_BELOW, TOLD
from ledger.facade.logs.heldstates import LogState, ReceiptLine
from ledger.facade.logs.opening import BRANCH_MARK
from ledger.facade.opened.parts import Parts
from ledger.facade.peering.held import Held, newest_receipt
from ledger.facade.peering.machinekeys import BUNDLE, opening_seed, seed_in_use
from ledger.facade.transfer.feeds import START, FeedPlace, kept_place
from ledger.formats.act import verify_act
from ledger.formats.bundle import bundle_public_key
from ledger.formats.checkpoint import (
    LOG_ID_BYTES,
    LOG_ORIGIN_PREFIX,
    RECEIPT_NAME_PREFIX,
    Checkpoint,
    add_cosignature,
    log_of_origin,
    open_checkpoint,
    open_cosignature,
    read_checkpoint,
    read_cosignature_time_s,
    receipt_name,
)
from ledger.formats.genesis import LogGenesis
from ledger.formats.keys import ED25519, key_id
from ledger.formats.note import parse_note
from ledger.known.verified import VerifiedRecord
from ledger.registry.authority import Refusal, check_log_opening
from ledger.store import schema
from ledger.store.contract import ReadTx, Store
from ledger.store.tables import Cell, OneOf, Where
from ledger.types import ActId, CaseId, KeyId, LogId, StationId

FEED = ""
"""Stands for the feed among the logs of what was told."""
COUNTY_MARK = "@"
"""Before the name of the merge log of which a county checkpoint was told."""
PARTS_MARK = "#"
"""Before the name of a station of whose bundles parts were taken, in the place of logs that it told of."""
PART_NUMBER_BYTES = 2
PARTS_KEPT_MAX = 16
"""Bundles of one station of which is known which parts came: anybody may write one in its name."""
GIVEN, BELOW = "given", "below"
"""Ways of knowing from which county checkpoint a proof may be needed."""
NoteState = Literal["unknown", "same", "ahead", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadNote:
    """A checkpoint that came with cosignatures, beside what is held here.

    Attributes:
        state: ``unknown`` when the log is not here; ``same`` when what is held leads to it; ``ahead`` when
            its log is longer than what is held; ``other`` when it is of another history.
        receipts: the cosignatures on it, unchecked.
    """

    log_id: LogId
    size: int
    state: NoteState
    receipts: tuple[ReceiptLine, ...]


class Carried:
    """Answers for sticks.

    Args:
        store: the open store.
        parts: the working parts of the ledger.
        held: what is here of every log.
    """

    def __init__(self, store: Store, parts: Parts, held: Held) -> None:
        self._store = store
        self._parts = parts
        self._held = held

    @property
    def registry_size(self) -> int:
        """Entries of the registry that are held."""
        return self._parts.knowledge.registry.size

    def knows(self, station: StationId) -> bool:
        """Whether a station is enrolled in the registry as it is held here."""
        return self._parts.knowledge.registry.station(station) is not None

    def seed(self) -> bytes | None:
        """Return the key to which is sealed for this station; None when none is on this machine."""
        return seed_in_use(self._parts.home, self._parts.knowledge.registry, self._held.station, BUNDLE)

    def opening_seed(self, receiver_key: KeyId) -> bytes | None:
        """Return the key that opens what is sealed to a key of this station, be it an older one.

        One that is not on this machine is answered with the newest; None when none at all is.
        """
        return opening_seed(self._parts.home, self._held.station, receiver_key)

    def key_of(self, station: StationId) -> bytes | None:
        """Return the key to seal to a station with: the newest in force; None when none is enrolled."""
        if station == self._held.station and (seed := self.seed()) is not None:
            return bundle_public_key(seed)
        keys = self._parts.knowledge.registry.service_keys(station, "bundle")
        return keys[-1].public_key if keys else None

    def confirmed(self, station: StationId) -> dict[LogId, int]:
        """Return how far a station has confirmed each log that is held here, registry and catalogue too."""
        found: dict[LogId, int] = {}
        with self._store.read() as tx:
            for held in self._parts.holdings.logs.values():
                newest = newest_receipt(tx, held.name, station)
                if newest is not None:
                    found[newest.log_id] = newest.size
        return found

    def confirmed_at_ms(self, station: StationId) -> int:
        """Return the time of the newest receipt of a station on any log that is held here; 0 for none."""
        with self._store.read() as tx:
            found = [newest_receipt(tx, held.name, station) for held in self._parts.holdings.logs.values()]
        return max((read_cosignature_time_s(one.line) * 1000 for one in found if one is not None), default=0)

    def confirms(self, station: StationId, point: Checkpoint, line: str) -> bool:
        """Whether a cosignature of a station holds, under any receipt key that it ever had."""
        for key in self._parts.knowledge.registry.all_service_keys(station, "receipt"):
            with suppress(BanjianError):
                open_cosignature(line, point, name=receipt_name(station), public_key=key)
                return True
        return False

    def notes(self, log_ids: Iterable[LogId]) -> list[bytes]:
        """Return the newest checkpoint of each log, and those under the newest receipts of this line.

        Each is a signed note; the receipts of this station and of those above stand under it.
        """
        found: list[bytes] = []
        with self._store.read() as tx:
            for log_id in log_ids:
                found += self._notes_of(tx, log_id)
        return found

    def read_note(self, raw: bytes) -> ReadNote:
        """Compare a checkpoint with what is held here.

        Raises:
            EncodingError: ``note.*``, ``checkpoint.malformed``.
            DataError: ``checkpoint.origin`` for one of no log of ours; ``note.unsigned``, ``note.signature``.
        """
        point = read_checkpoint(raw)
        name = point.origin.removeprefix(LOG_ORIGIN_PREFIX)
        known = self._parts.holdings.logs.get(name)
        lines = [one.line() for one in parse_note(raw).signatures if one.name.startswith(RECEIPT_NAME_PREFIX)]
        log_id = log_of_origin(point.origin)
        if known is None:
            return ReadNote(log_id=log_id, size=point.size, state="unknown", receipts=())
        open_checkpoint(raw, point.origin, known.genesis.log_public_key)
        return ReadNote(
            log_id=log_id,
            size=point.size,
            state=self._compare(LogState(log_id, point.size, point.root)),
            receipts=tuple(ReceiptLine(log_id, point.size, line) for line in lines),
        )

    def opening_fault(self, genesis: LogGenesis, first: VerifiedRecord) -> str:
        """Return why a log that is not here yet is not to be taken; "" for no reason.

        Args:
            genesis: of the log.
            first: its first record, verified by itself.

        Returns:
            ``bundle.registry_behind`` where a longer registry may know who opened it; else
            ``bundle.opening``.
        """
        if first.act is None or first.act.header.ledger_id != genesis.ledger_id:
            return "bundle.opening"
        act, opening = first.act, first.act.header
        registry = self._parts.knowledge.registry
        founding = genesis.kind == "registry" and registry.size == 0
        # Found anew here: the registry may have grown since the record was verified beside this thread.
        public_key = self._root(opening.actor) if founding else registry.public_key(opening.actor)
        if public_key is None:
            waits = not founding and opening.registry_size > registry.size
            return "bundle.registry_behind" if waits else "bundle.opening"
        try:
            verify_act(act.raw, act.sig, public_key)
        except DataError:
            return "bundle.opening"
        if founding:
            return ""
        allowed = check_log_opening(
            registry, genesis.kind, actor_key_id=opening.actor, station=genesis.station,
            registry_size=opening.registry_size,
        )  # fmt: skip
        if not isinstance(allowed, Refusal):
            return ""
        return "bundle.registry_behind" if allowed.awaiting else "bundle.opening"

    def _root(self, wanted: KeyId) -> bytes | None:
        """Return a root key of the ledger's genesis; keys that a package tells of do not count."""
        roots = self._parts.genesis.root_public_keys
        return next((root for root in roots if key_id(ED25519, root) == wanted), None)

    def holds(self, items: Sequence[tuple[CaseId, ActId]]) -> bool:
        """Whether all of some acts are here."""
        cases = tuple(dict.fromkeys(case_id for case_id, _ in items))
        with self._store.read() as tx:
            rows = tx.select(schema.ACTS, {"case_id": OneOf(cases)}) if cases else ()
            held = {row[1] for row in rows}
        return all(act_id in held for _, act_id in items)

    def lacks(self, station: StationId) -> dict[LogId, int]:
        """Return of which logs a station said that it holds less than it confirmed, and how much."""
        with self._store.read() as tx:
            rows = list(tx.select(TOLD, {"station": station}))
        named = (_place(row[1], row[2]) for row in rows if not str(row[1]).startswith(COUNTY_MARK))
        return dict(place for place in named if place is not None)

    def histories_told(self, station: StationId) -> list[LogState]:
        """Return sizes and roots of logs that diverge, as a station said that it holds them."""
        with self._store.read() as tx:
            rows = list(tx.select(TOLD, {"station": station}))
        return [one for row in rows if (one := _history(row[1], row[2], row[3])) is not None]

    def county_told(self, station: StationId) -> tuple[LogId, int] | None:
        """Return which county checkpoint a station said that it holds."""
        with self._store.read() as tx:
            rows = list(tx.select(TOLD, {"station": station}))
        marked = (_marked(row[1], row[2]) for row in rows)
        return next((place for place in marked if place is not None), None)

    def county_below(self) -> list[tuple[LogId, int]]:
        """Return from which county checkpoints stations below may need a proof, as far as sticks tell."""
        below = tuple(sorted(self._held.scope(self._held.station) - {self._held.station}))
        if not below:
            return []
        where: Where = {"station": OneOf(below)}
        with self._store.read() as tx:
            told = [_marked(row[1], row[2]) for row in tx.select(TOLD, where)]
            known = [_place(row[2], row[3]) for row in tx.select(COUNTY_BELOW, where)]
        return [place for place in told + known if place is not None]

    def county_given(self, station: StationId, place: tuple[LogId, int]) -> None:
        """Remember which county checkpoint was written for a station below: it may hold it next time."""
        self._keep_below(station, GIVEN, [place])

    def feed_told(self, station: StationId) -> FeedPlace:
        """Return how far a subordinate said that it has taken its feed."""
        with self._store.read() as tx:
            row = tx.get(TOLD, (station, FEED))
        return FeedPlace(number=0, chain=START) if row is None else kept_place(row[2], row[3])

    def take_feed_told(self, station: StationId, place: FeedPlace) -> None:
        """Remember how far a subordinate said in a session that it has taken its feed."""
        if self.feed_told(station) != place:
            with self._store.write() as tx:
                tx.upsert(TOLD, [(station, FEED, place.number, place.chain)])

    def take_told(
        self,
        station: StationId,
        *,
        lacks: Mapping[LogId, int],
        county: tuple[LogId, int] | None,
        proofs_from: Sequence[int] = (),
        feed: FeedPlace | None,
        histories: Iterable[LogState] = (),
    ) -> None:
        """Remember what a station said last, instead of all that it said before.

        Args:
            station: who said it.
            lacks: sizes of the logs of which it holds less than it once confirmed.
            county: merge log and size of the county checkpoint that it holds.
            proofs_from: sizes of those that stations below it hold.
            feed: how far it has taken the feed that it is given here; None when it is given none.
            histories: sizes and roots that it holds of logs that diverge, whichever history they are of.
        """
        points = {
            (f"{one.log_id.hex()}{BRANCH_MARK}{one.root.hex()}", one.size, one.root) for one in histories
        }
        with self._store.write() as tx:
            before = tx.get(TOLD, (station, FEED))
            tx.delete(TOLD, {"station": station})
            tx.insert(TOLD, [(station, log_id.hex(), size, b"") for log_id, size in lacks.items()])
            tx.insert(TOLD, [(station, *point) for point in sorted(points)])
            if county is not None:
                tx.insert(TOLD, [(station, COUNTY_MARK + county[0].hex(), county[1], b"")])
            if feed is not None:
                tx.insert(TOLD, [(station, FEED, feed.number, feed.chain)])
            elif before is not None:
                tx.insert(TOLD, [before])
        if county is not None:
            self._keep_below(station, BELOW, [(county[0], size) for size in proofs_from])

    def parts_taken(self, station: StationId, bundle_id: bytes) -> set[int]:
        """Return which parts of a bundle of a station were taken whole here, on whichever day."""
        with self._store.read() as tx:
            row = tx.get(TOLD, (PARTS_MARK + station, bundle_id.hex()))
        return set() if row is None or not isinstance(row[3], bytes) else set(_numbers(row[3]))

    def take_parts(self, station: StationId, bundle_id: bytes, numbers: Collection[int]) -> None:
        """Remember that parts of a bundle were taken whole; of many bundles of one station the last ones."""
        known = self.parts_taken(station, bundle_id)
        if known.issuperset(numbers):
            return
        name = PARTS_MARK + station
        taken = b"".join(one.to_bytes(PART_NUMBER_BYTES, "big") for one in sorted(known.union(numbers)))
        with self._store.write() as tx:
            if len(list(tx.select(TOLD, {"station": name}))) >= PARTS_KEPT_MAX:
                tx.delete(TOLD, {"station": name})
            tx.upsert(TOLD, [(name, bundle_id.hex(), 0, taken)])

    def _keep_below(self, station: StationId, way: str, places: Iterable[tuple[LogId, int]]) -> None:
        rows = {(station, way, log_id.hex(), size) for log_id, size in places}
        with self._store.write() as tx:
            tx.delete(COUNTY_BELOW, {"station": station, "way": way})
            tx.insert(COUNTY_BELOW, sorted(rows))

    def _notes_of(self, tx: ReadTx, log_id: LogId) -> list[bytes]:
        name = log_id.hex()
        lines: dict[int, list[str]] = {}
        for cosigner in self._held.line():
            newest = newest_receipt(tx, log_id.hex(), cosigner)
            if newest is not None:
                lines.setdefault(newest.size, []).append(newest.line)
        rows = tx.select(schema.CHECKPOINTS, {"log": name}, order_by=("size",), descending=True, limit=1)
        for row in rows:
            if isinstance(row[1], int):
                lines.setdefault(row[1], [])
        found: list[bytes] = []
        for size in sorted(lines):
            held = tx.get(schema.CHECKPOINTS, (name, size))
            if held is None or not isinstance(held[2], bytes):
                continue
            note = held[2]
            for line in lines[size]:
                note = add_cosignature(note, line)
            found.append(note)
        return found

    def _compare(self, state: LogState) -> NoteState:
        if state.size > self._held.size(state.log_id):
            return "ahead"
        roots = dict(self._held.roots(state.log_id, [state.size]))
        return "same" if roots.get(state.size) == state.root else "other"


def _numbers(raw: bytes) -> Iterator[int]:
    for start in range(0, len(raw), PART_NUMBER_BYTES):
        yield int.from_bytes(raw[start : start + PART_NUMBER_BYTES], "big")


def _marked(name: Cell, size: Cell) -> tuple[LogId, int] | None:
    """Return the county checkpoint that a row of what was told names; None for one that tells of others."""
    text = str(name)
    return _place(text.removeprefix(COUNTY_MARK), size) if text.startswith(COUNTY_MARK) else None


def _history(name: Cell, size: Cell, root: Cell) -> LogState | None:
    """Return the state of a log that a row of what was told names; None for one that tells of others."""
    log, mark, _ = str(name).partition(BRANCH_MARK)
    place = _place(log, size) if mark else None
    return None if place is None or not isinstance(root, bytes) else LogState(*place, root)


def _place(name: Cell, size: Cell) -> tuple[LogId, int] | None:
    """Return log and size of a row; None for one that names no log: it was a guess, and is told anew."""
    try:
        log_id = bytes.fromhex(str(name))
    except ValueError:
        return None
    if len(log_id) != LOG_ID_BYTES or not isinstance(size, int) or size < 0:
        return None
    return LogId(log_id), size
