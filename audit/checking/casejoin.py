"""Cases joined in the order of their ids, whoever checked them; what asks for a second look gets it here."""

from __future__ import annotations

from collections import Counter

from audit.checking.caserange import BatchKey, CaseLine, RangeResult
from audit.checking.cases import CaseFolder, CaseNumbers
from audit.checking.recheck import CaseRechecker
from audit.checking.tally import Tally
from audit.reading.findings import Collector, error
from audit.reading.source import Source


class CaseJoiner:
    """Takes ranges of cases in order.

    Args:
        source: the file.
        folder: folds cases again, knowing what is blocked; None to leave that out.
        tally: what the checks of all logs counted.
        logs: names of the logs and branches that are checked.
        collector: takes findings.

    Attributes:
        cases: cases so far.
        placed: rows that name the right place, by log and batch.
        misfiled: acts whose row names another case.
        erased: cases whose personal data an act erased.
    """

    def __init__(
        self,
        source: Source,
        folder: CaseFolder | None,
        tally: Tally,
        *,
        logs: frozenset[str],
        collector: Collector,
    ) -> None:
        self.cases = 0
        self.erased: set[bytes] = set()
        self._source = source
        self._collector = collector
        self._numbers = CaseNumbers(collector.add)
        self._rechecker = CaseRechecker(source, folder, logs=logs)
        self.placed: Counter[BatchKey] = self._rechecker.placed
        self.misfiled = self._rechecker.misfiled
        self._doubted = _doubted(source, tally)
        self._rows = 0
        self._in_order = True

    def join(self, result: RangeResult) -> None:
        """Take the next range."""
        self._collector.take(result.findings)
        self.placed.update(result.placed)
        self._in_order = self._in_order and result.in_order
        for line in result.lines:
            if line.again or line.case_id in self._doubted:
                again = self._rechecker.check(line.case_id, counted=not line.again)
                if again is not None:
                    self._take(again)
            else:
                self._take(line)

    def finish(self) -> None:
        """Compare the number of rows that came by with those of the table."""
        if self._in_order and self._rows == self._source.count_acts():
            return
        orphans = list(self._source.rows_of_others())
        for row in orphans:
            act = row.act_id if isinstance(row.act_id, bytes) else b""
            self._collector.add(error("acts.orphan", act=act))
        if not orphans:
            # Rows that a walk along the key does not meet: pages stand where they should not.
            self._collector.add(error("file.damaged", cause="store.damaged"))

    def _take(self, line: CaseLine) -> None:
        self._rows += line.rows
        self.cases += line.folded
        if line.erased:
            self.erased.add(line.case_id)
        for finding in line.findings:
            self._collector.add(finding)
        self._numbers.take(line.case_id, line.number)


def _doubted(source: Source, tally: Tally) -> set[bytes]:
    """Return the cases about whose acts a check had something to say."""
    doubted = set(tally.doubted)
    if tally.broken:
        doubted.update(
            case_id
            for case_id, log, seq in source.places()
            if isinstance(case_id, bytes) and (log, seq) in tally.broken
        )
    return doubted
