"""The acts of cases out of stored records, for one case or many at once: three statements for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ledger.act import Act, act_id, decode_act, verify_act
from ledger.body import check_facts
from ledger.caseshape import CaseAct
from ledger.entry import decode_entry
from ledger.errors import BanjianError, StoreError
from ledger.facade.bodies import ASKED_MAX, Place, bodies_at, by_log, place_in
from ledger.frame import FrameParts, split_frame
from ledger.knowledge import Knowledge
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.store.tables import Cell, OneOf, Row
from ledger.types import CaseId, Facts, StationId

OPAQUE = "opaque"
"""Topic and action of a stored frame that failed a check; it never takes effect."""


class ActReader:
    """Reads, decodes and resolves the acts of cases.

    Args:
        knowledge: registry, catalogue and calendars as held here.
        log_stations: station of each log by the log's name; the caller adds logs as they appear.
    """

    def __init__(self, knowledge: Knowledge, log_stations: Mapping[str, StationId]) -> None:
        self._knowledge = knowledge
        self._log_stations = log_stations

    def read(self, tx: ReadTx, case_ids: Iterable[CaseId]) -> dict[CaseId, list[CaseAct]]:
        """Return every act held here of each case, in no particular order.

        Raises:
            StoreError: ``store.row_missing`` when the table of acts names a frame that is not there.
        """
        rows = list(_rows(tx, list(case_ids)))
        frames = _frames(tx, rows)
        bodies = bodies_at(tx, frames)
        found: dict[CaseId, list[CaseAct]] = {}
        for row in rows:
            case_id, place = row[0], place_in(row)
            frame = frames.get(place)
            if frame is None:
                raise StoreError("store.row_missing", log=place.log, seq=place.seq)
            if isinstance(case_id, bytes):
                act = self._act(frame, bodies.get(place), place.log, opaque=row[4] == OPAQUE)
                found.setdefault(CaseId(case_id), []).append(act)
        return found

    def _act(self, frame: bytes, body: Row | None, log: str, *, opaque: bool) -> CaseAct:
        parts = split_frame(frame)
        act = Act(decode_act(parts.act_raw), parts.act_raw, parts.sig, act_id(parts.act_raw))
        facts, blocked = _open_facts(act, None if body is None else body[2])
        if opaque:
            blocked = self._fault(parts, act) or blocked
        return self._knowledge.resolver.case_act(
            act,
            recorded_at_ms=decode_entry(parts.entry_raw).recorded_at_ms,
            facts=facts,
            log_station=self._log_stations.get(log, StationId("")),
            blocked=blocked,
        )

    def _fault(self, parts: FrameParts, act: Act) -> str:
        public_key = self._knowledge.registry.public_key(act.header.actor)
        if public_key is None:
            return "authority.key_unknown"
        try:
            verify_act(parts.act_raw, parts.sig, public_key)
        except BanjianError as error:
            return error.code
        return ""


def _open_facts(act: Act, body: Cell) -> tuple[Facts | None, str]:
    if not isinstance(body, bytes):
        return None, ""
    try:
        return check_facts(act.header, body), ""
    except BanjianError as error:
        return None, error.code


def _frames(tx: ReadTx, rows: Iterable[Row]) -> dict[Place, bytes]:
    return {
        Place(log, seq): frame
        for log, seqs in by_log(map(place_in, rows)).items()
        for seq, frame in tx.frames_at(log, seqs)
    }


def _rows(tx: ReadTx, case_ids: Sequence[CaseId]) -> Iterator[Row]:
    for first in range(0, len(case_ids), ASKED_MAX):
        asked: tuple[Cell, ...] = tuple(case_ids[first : first + ASKED_MAX])
        yield from tx.select(schema.ACTS, {"case_id": OneOf(asked)})
