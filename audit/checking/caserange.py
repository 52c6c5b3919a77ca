"""Cases from one id up to another: their rows in the table of acts beside the frames, each case folded.

What stands in logs is checked where the logs are (``audit.checking.batch``). So frames are read here without
checking their bytes again, and everything that is not as it should be is left to a second look
(``audit.checking.recheck``), which takes nothing for granted: a row that does not fit its frame, a case with
an act that a check blocked.

Source: docs/protocol.md, "Reading a ledger file".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from audit.checking.cases import CaseFolder, CaseView, case_findings, is_erased
from audit.reading.findings import Collector, Finding
from audit.reading.judge import Place
from audit.reading.source import Cell, Source
from audit.reading.subtree import BATCH_LEVEL
from ledger.cases.shape import CaseAct
from ledger.errors import EncodingError
from ledger.formats.act import case_of
from ledger.formats.body import reread_facts
from ledger.formats.frame import reread_frame
from ledger.known.knowledge import Knowledge
from ledger.types import ActId, StationId

_MARKS = 1 << 16
"""First two bytes of a case id: ids are hashes, so equal shares of them hold about equally many cases."""

_NOT_AS_CHECKED = (EncodingError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What bytes may raise here that no check took: the second look, and nobody else, says what is wrong."""

BatchKey: TypeAlias = tuple[str, int]
"""Name of a log and number of a batch in it, from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTask:
    """Cases to be checked: from ``low`` up to ``high``, empty for the end."""

    low: bytes
    high: bytes


class CaseLine(NamedTuple):
    """What one case gives.

    Attributes:
        again: something about it wants a second look; all else is then void.
        rows: its rows in the table of acts.
        folded: it is a case, and no thread of another kind.
        number: its number, "" when it has none.
        erased: its personal data was erased by an act.
    """

    case_id: bytes
    again: bool
    rows: int
    folded: bool = False
    number: str = ""
    findings: tuple[Finding, ...] = ()
    erased: bool = False


@dataclass(slots=True, kw_only=True)
class RangeResult:
    """What a range of cases gives.

    Attributes:
        findings: what could not be read.
        placed: rows that name the right place, by batch.
        in_order: the rows come in the order of their key.
    """

    findings: Collector
    lines: list[CaseLine] = field(default_factory=list)
    placed: Counter[BatchKey] = field(default_factory=Counter)
    in_order: bool = True


def case_tasks(rows: int, *, stretch: int) -> Iterator[CaseTask]:
    """Yield ranges that cover all cases, each with about ``stretch`` of so many rows."""
    parts = min(max(1, -(-rows // stretch)), _MARKS)
    marks = [(_MARKS * part // parts).to_bytes(2, "big") for part in range(1, parts)]
    for low, high in zip([b"", *marks], [*marks, b""], strict=True):
        yield CaseTask(low=low, high=high)


@dataclass(slots=True)
class _Case:
    """One case while its rows come."""

    case_id: bytes
    rows: int = 0
    again: bool = False
    last_act: bytes = b""
    acts: list[CaseAct] = field(default_factory=list)
    places: dict[ActId, Place] = field(default_factory=dict)


class RangeChecker:
    """Checks ranges of cases.

    Args:
        source: the file.
        sizes: highest position of each log that is checked, by name; what lies beyond is not looked at here.
        county: names of the logs that hold no acts of cases.
        stations: station of each station log, by name.
        knowledge: registry, catalogue, calendars.
        fold: fold the cases as well.
    """

    def __init__(
        self,
        source: Source,
        *,
        sizes: Mapping[str, int],
        county: Collection[str],
        stations: Mapping[str, StationId],
        knowledge: Knowledge,
        fold: bool,
    ) -> None:
        self._source = source
        self._sizes = sizes
        self._stations = dict(stations) if fold else {}
        self._resolve = knowledge.resolver.case_act
        self._folder = CaseFolder(knowledge, stations=stations, county=county)

    def check(self, task: CaseTask) -> RangeResult:
        """Check the cases of a range."""
        report = self._source.report
        result = RangeResult(findings=Collector())
        self._source.report = result.findings.add
        try:
            self._walk(task, result)
        finally:
            self._source.report = report
        return result

    def _walk(self, task: CaseTask, result: RangeResult) -> None:
        case = _Case(b"")
        for row in self._source.act_rows(task.low, task.high):
            case_id = row[0]
            if case_id != case.case_id:
                if type(case_id) is not bytes or case_id < case.case_id:
                    result.in_order = False
                    continue
                self._close(case, result)
                case = _Case(case_id)
            case.rows += 1
            if not case.again:
                case.again = not self._take(case, row)
        self._close(case, result)

    def _take(self, case: _Case, row: Sequence[Cell]) -> bool:
        """Take the next row of a case; return False when it needs a second look."""
        _, act_id, log, seq, action, topic, frame, facts = row
        if not (type(act_id) is bytes and type(log) is str and type(seq) is int and type(frame) is bytes):
            return False
        if seq > self._sizes.get(log, 0) or action != topic or act_id <= case.last_act:
            # Behind the known end, in a log that is not checked, or not as the table should be.
            return False
        try:
            act, entry = reread_frame(frame)
            if act.act_id != act_id or case_of(act) != case.case_id:
                return False
            case.last_act = act_id
            case.places[act.act_id] = (log, seq)
            station = self._stations.get(log)
            if station is not None:
                if type(facts) is not bytes:
                    return False
                held = reread_facts(facts)
                made = self._resolve(
                    act, recorded_at_ms=entry.recorded_at_ms, facts=held, log_station=station
                )
                case.acts.append(made)
        except _NOT_AS_CHECKED:
            return False
        return True

    def _close(self, case: _Case, result: RangeResult) -> None:
        if not case.rows:
            return
        if case.again:
            result.lines.append(CaseLine(case.case_id, again=True, rows=case.rows))
            return
        placed = result.placed
        for log, seq in case.places.values():
            placed[log, (seq - 1) >> BATCH_LEVEL] += 1
        try:
            view = self._folder.fold_acts(case.case_id, case.acts, case.places) if case.acts else None
        except _NOT_AS_CHECKED:
            result.lines.append(CaseLine(case.case_id, again=True, rows=case.rows))
            return
        result.lines.append(line_of(case.case_id, case.rows, view))


def line_of(case_id: bytes, rows: int, view: CaseView | None, found: Sequence[Finding] = ()) -> CaseLine:
    """Return the line of a case that was folded, None for a thread of another kind."""
    if view is None:
        return CaseLine(case_id, again=False, rows=rows, findings=tuple(found))
    number = "" if view.state is None else view.state.number
    findings = (*found, *case_findings(view))
    return CaseLine(
        case_id, again=False, rows=rows, folded=True, number=number, findings=findings, erased=is_erased(view)
    )
