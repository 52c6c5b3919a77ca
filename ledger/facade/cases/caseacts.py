"""The acts of cases out of stored records, for one case or many at once: three statements for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from ledger.cases.shape import CaseAct
from ledger.errors import BanjianError, DataError, StoreError
from ledger.facade.logs.bodies import ASKED_MAX, Place, bodies_at, by_log, place_in
from ledger.facade.logs.histories import stored_link_fault
from ledger.formats.act import Act, act_id, read_act
from ledger.formats.body import check_facts
from ledger.formats.entry import decode_entry
from ledger.formats.frame import reread_frame, split_frame
from ledger.known.knowledge import Knowledge
from ledger.known.verified import OPAQUE, act_fault
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.store.tables import Cell, OneOf, Row
from ledger.types import ActId, CaseId, Facts, KeyId, StationId

ACTORS_MAX = 16_384
"""Acts of which it is remembered who signed them: 3 MB, and more than stand in any list that a page shows."""
_NO_BODY: Row = (None,) * 5


class StoredAct(NamedTuple):
    """An act as it is stored, with its bodies; the id and the place are those that ``acts`` names.

    ``link`` is what its entry says wrongly of its place, "" for nothing; only of an opaque one it is asked.
    """

    act_id: ActId
    place: Place
    opaque: bool
    frame: bytes
    facts: Cell
    nonce: Cell
    personal: Cell
    link: str = ""


class ActReader:
    """Reads, decodes and resolves the acts of cases.

    Args:
        knowledge: registry, catalogue and calendars as held here.
        log_stations: station of each log by the log's name; the caller adds logs as they appear.
    """

    def __init__(self, knowledge: Knowledge, log_stations: Mapping[str, StationId]) -> None:
        self._knowledge = knowledge
        self._log_stations = log_stations
        self._actors: dict[ActId, KeyId] = {}

    def stored(self, tx: ReadTx, case_ids: Sequence[CaseId]) -> dict[CaseId, list[StoredAct]]:
        """Return every act held here of each case, not yet decoded, in no particular order.

        Raises:
            StoreError: ``store.row_missing`` when the table of acts names a frame that is not there.
        """
        rows = [(row, place_in(row)) for row in _rows(tx, case_ids)]
        places = by_log(place for _, place in rows)
        frames = _frames(tx, places)
        bodies = bodies_at(tx, places)
        found: dict[CaseId, list[StoredAct]] = {}
        for (case_id, known_id, _, _, action), place in rows:
            frame = frames.get(place)
            if frame is None:
                raise StoreError("store.row_missing", log=place.log, seq=place.seq)
            if isinstance(case_id, bytes) and isinstance(known_id, bytes):
                _, _, facts, nonce, personal = bodies.get(place, _NO_BODY)
                link = stored_link_fault(tx, place, frame) if action == OPAQUE else ""
                found.setdefault(CaseId(case_id), []).append(
                    StoredAct(ActId(known_id), place, action == OPAQUE, frame, facts, nonce, personal, link)
                )
        return found

    def signers(self, tx: ReadTx, case_ids: Sequence[CaseId]) -> dict[CaseId, set[KeyId]]:
        """Return the keys that signed acts of each case; nothing is folded, and no act is decoded twice.

        An act's id stands for its bytes, so who signed it is remembered. Of an opaque act nobody knows.
        """
        found: dict[CaseId, set[KeyId]] = {}
        new: dict[Place, tuple[CaseId, ActId]] = {}
        for row in _rows(tx, case_ids):
            case_id, known_id, _, _, action = row
            if isinstance(case_id, bytes) and isinstance(known_id, bytes) and action != OPAQUE:
                actor = self._actors.get(ActId(known_id))
                if actor is None:
                    new[place_in(row)] = CaseId(case_id), ActId(known_id)
                else:
                    found.setdefault(CaseId(case_id), set()).add(actor)
        for place, frame in _frames(tx, by_log(new)).items():
            case_id, known_id = new[place]
            # What nobody can read nobody signed; nor what changed on this disk.
            with suppress(BanjianError):
                act = reread_frame(frame)[0]
                if act_id(act.raw) == known_id:
                    self._remember(known_id, act.header.actor)
                    found.setdefault(case_id, set()).add(act.header.actor)
        return found

    def _remember(self, known_id: ActId, actor: KeyId) -> None:
        if len(self._actors) >= ACTORS_MAX:
            self._actors.clear()
        self._actors[known_id] = actor

    def readable(self, stored: Iterable[StoredAct]) -> list[CaseAct]:
        """Return stored acts as the fold takes them; one that changed on this disk is left out.

        For lists alone: it must not hold up whoever sends more of the case. Nobody may act on such a state.
        """
        found: list[CaseAct] = []
        for one in stored:
            try:
                found.append(self.act(one))
            except DataError:
                continue
        return found

    def act(self, stored: StoredAct) -> CaseAct:
        """Return a stored act as the fold takes it.

        Raises:
            EncodingError: nobody can read it any more.
            DataError: ``log.rotten``: it is another one than was stored.
        """
        act, recorded_at_ms = _checked_before(stored) or _decoded(stored.frame)
        if act.act_id != stored.act_id:
            raise DataError("log.rotten", log=stored.place.log, seq=stored.place.seq)
        facts, blocked = _open_facts(act, stored.facts)
        if stored.opaque:
            blocked = stored.link or self._fault(stored) or blocked
        return self._knowledge.resolver.case_act(
            act,
            recorded_at_ms=recorded_at_ms,
            facts=facts,
            log_station=self._log_stations.get(stored.place.log, StationId("")),
            blocked=blocked,
        )

    def _fault(self, stored: StoredAct) -> str:
        """Ask again what was asked when the act came: only an unknown key may be known by now."""
        registry = self._knowledge.registry
        facts = stored.facts if isinstance(stored.facts, bytes) else b""
        return act_fault(
            stored.frame, ledger_id=registry.ledger_id, public_key=registry.public_key, facts=facts
        )


def _checked_before(stored: StoredAct) -> tuple[Act, int] | None:
    """Return an act whose form was checked when it was stored, and its time of record; else None.

    The table of acts names the id of the bytes that were checked: the same id means the same bytes.
    """
    if stored.opaque:
        return None
    try:
        act, entry = reread_frame(stored.frame)
    except BanjianError:
        return None
    if not act_id(act.raw) == act.act_id == stored.act_id:
        return None
    return act, entry.recorded_at_ms


def _decoded(frame: bytes) -> tuple[Act, int]:
    parts = split_frame(frame)
    act = read_act(parts.act_raw, parts.sig)
    return act, decode_entry(parts.entry_raw).recorded_at_ms


def _open_facts(act: Act, body: Cell) -> tuple[Facts | None, str]:
    if not isinstance(body, bytes):
        return None, ""
    try:
        return check_facts(act.header, body), ""
    except BanjianError as error:
        return None, error.code


def _frames(tx: ReadTx, places: Mapping[str, Sequence[int]]) -> dict[Place, bytes]:
    found: dict[Place, bytes] = {}
    for log, seqs in places.items():
        found.update((Place(log, seq), frame) for seq, frame in tx.frames_at(log, seqs))
        missing = [seq for seq in seqs if Place(log, seq) not in found]
        if missing:
            found.update(_sparse(tx, log, missing))
    return found


def _sparse(tx: ReadTx, log: str, seqs: Sequence[int]) -> Iterator[tuple[Place, bytes]]:
    """Yield the frames of a log that is not held whole."""
    for first in range(0, len(seqs), ASKED_MAX):
        asked: tuple[Cell, ...] = tuple(seqs[first : first + ASKED_MAX])
        for name, seq, _, frame, _ in tx.select(schema.SPARSE, {"log": log, "seq": OneOf(asked)}):
            if isinstance(seq, int) and isinstance(frame, bytes):
                yield Place(str(name), seq), frame


def _rows(tx: ReadTx, case_ids: Sequence[CaseId]) -> Iterator[Row]:
    for first in range(0, len(case_ids), ASKED_MAX):
        asked: tuple[Cell, ...] = tuple(case_ids[first : first + ASKED_MAX])
        yield from tx.select(schema.ACTS, {"case_id": OneOf(asked)})
