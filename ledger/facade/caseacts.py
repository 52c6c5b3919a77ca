"""The acts of cases out of stored records, for one case or many at once: three statements for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ledger.act import Act, act_id, decode_act, verify_act
from ledger.body import check_facts
from ledger.caseshape import CaseAct
from ledger.entry import decode_entry
from ledger.errors import BanjianError, StoreError
from ledger.frame import FrameParts, split_frame
from ledger.knowledge import Knowledge
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.store.tables import Cell, OneOf, Row, Table
from ledger.types import CaseId, Facts, StationId

OPAQUE = "opaque"
"""Topic and action of a stored frame that failed a check; it never takes effect."""
_ASKED_MAX = 1_024
"""Values in one condition."""


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
        rows = list(_rows(tx, schema.ACTS, "case_id", list(case_ids)))
        frames = _frames(tx, rows)
        bodies = _rows(tx, schema.FACTS, "act_id", [row[0] for row in rows])
        facts = {row[0]: row[1] for row in bodies}
        found: dict[CaseId, list[CaseAct]] = {}
        for _, log, seq, case_id, action, _ in rows:
            frame = frames.get((log, seq))
            if frame is None:
                raise StoreError("store.row_missing", log=str(log), seq=seq if isinstance(seq, int) else 0)
            if isinstance(case_id, bytes):
                act = self._act(frame, facts, str(log), opaque=action == OPAQUE)
                found.setdefault(CaseId(case_id), []).append(act)
        return found

    def _act(self, frame: bytes, bodies: Mapping[Cell, Cell], log: str, *, opaque: bool) -> CaseAct:
        parts = split_frame(frame)
        act = Act(decode_act(parts.act_raw), parts.act_raw, parts.sig, act_id(parts.act_raw))
        facts, blocked = _open_facts(act, bodies.get(act.act_id))
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


def _frames(tx: ReadTx, rows: Sequence[Row]) -> dict[tuple[Cell, Cell], bytes]:
    places: dict[str, list[int]] = {}
    for row in rows:
        if isinstance(row[1], str) and isinstance(row[2], int):
            places.setdefault(row[1], []).append(row[2])
    return {(log, seq): frame for log, seqs in places.items() for seq, frame in tx.frames_at(log, seqs)}


def _rows(tx: ReadTx, table: Table, column: str, values: Sequence[Cell]) -> Iterator[Row]:
    asked = [value for value in values if isinstance(value, bytes)]
    for first in range(0, len(asked), _ASKED_MAX):
        yield from tx.select(table, {column: OneOf(tuple(asked[first : first + _ASKED_MAX]))})
