"""The second look at a case: every row beside its frame, nothing taken for granted, folded from the bytes.

Source: docs/protocol.md, "Reading a ledger file".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator

from audit.checking.acts import OPAQUE
from audit.checking.caserange import BatchKey, CaseLine, line_of
from audit.checking.cases import CaseFolder
from audit.reading.findings import Finding, error
from audit.reading.source import ActRow, CaseRecord, Source
from audit.reading.subtree import BATCH_LEVEL
from ledger.errors import BanjianError, EncodingError
from ledger.formats.act import CASE_ID_BYTES, act_id, decode_act
from ledger.formats.frame import split_frame


class CaseRechecker:
    """Checks single cases.

    Args:
        source: the file.
        folder: folds them, knowing what is blocked; None to leave that out.
        logs: names of the logs and branches that are checked.

    Attributes:
        placed: rows that name the right place in these logs, by batch.
        misfiled: acts whose row names another case.
    """

    def __init__(self, source: Source, folder: CaseFolder | None, *, logs: Collection[str]) -> None:
        self.placed: Counter[BatchKey] = Counter()
        self.misfiled: set[bytes] = set()
        self._source = source
        self._folder = folder
        self._logs = logs

    def check(self, case_id: bytes, *, counted: bool) -> CaseLine | None:
        """Return what a case gives, None when the file has no row of it.

        Args:
            case_id: the case.
            counted: the first look has counted its rows among those that name the right place.
        """
        rows = list(self._source.rows_of_case(case_id))
        if not rows:
            return None
        if counted:
            for row in rows:
                if isinstance(row.log, str) and isinstance(row.seq, int):
                    self.placed[row.log, (row.seq - 1) >> BATCH_LEVEL] -= 1
        found: list[Finding] = []
        records = list(self._records(rows, found.append))
        view = None if self._folder is None else self._folder.fold(case_id, records)
        return line_of(case_id, len(rows), view, found)

    def _records(self, rows: list[ActRow], report: Callable[[Finding], None]) -> Iterator[CaseRecord]:
        for row in rows:
            record = self._record(row, report)
            if record is not None:
                yield record

    def _record(self, row: ActRow, report: Callable[[Finding], None]) -> CaseRecord | None:
        """Return the act that a row leads to, when it is one of this case."""
        case_id, known, log, seq, action, topic, frame, facts = row
        act = known if isinstance(known, bytes) else b""
        name, at = (log, seq) if isinstance(log, str) and isinstance(seq, int) else ("", 0)
        in_log = topic is not None
        try:
            raw = split_frame(frame if isinstance(frame, bytes) else b"").act_raw
            if not isinstance(case_id, bytes) or act_id(raw) != act:
                raise EncodingError("acts.orphan")
        except BanjianError:
            report(error("acts.orphan", log=name, seq=at, act=act))
            return None
        try:
            header = decode_act(raw)
        except BanjianError:
            # Its log says so; whether there is a row of it makes no difference.
            return None
        if (header.case_id or act[:CASE_ID_BYTES]) != case_id:
            report(error("acts.row", log=name, seq=at, act=act, field="case_id"))
            self.misfiled.add(act)
            return None
        # Taken in as one that never counts, it may have been recognised since; the frame keeps its topic.
        if action not in ((topic,) if in_log and topic != OPAQUE else (header.action, OPAQUE)):
            report(error("acts.row", log=name, seq=at, act=act, field="action"))
        if in_log and name in self._logs:
            self.placed[name, (at - 1) >> BATCH_LEVEL] += 1
        return CaseRecord(
            case_id, name, at, str(action), frame if isinstance(frame, bytes) else b"",
            facts if isinstance(facts, bytes) else None, not in_log,
        )  # fmt: skip
