"""What a process needs at hand to check parts of a ledger, and how it checks them.

The process that audits has one such desk, and so has each of its helpers: they are told where the file is and
how far it is looked at, open it themselves and fold the county's logs themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from audit.checking.acts import LogContext
from audit.checking.caserange import CaseTask, RangeChecker, RangeResult
from audit.checking.stretch import LogTask, StretchResult, check_stretch
from audit.reading.abovetimes import AboveTimes
from audit.reading.judge import Judge
from audit.reading.openings import Opening, case_stations, county_logs
from audit.reading.personal import PersonalReader
from audit.reading.source import Source
from ledger.formats.genesis import LedgerGenesis
from ledger.types import LedgerId

Task: TypeAlias = LogTask | CaseTask
Result: TypeAlias = StretchResult | RangeResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What is to be checked.

    Attributes:
        path: the database as it can be opened.
        ledger_id: id that the acts must name.
        openings: the logs, with the sizes at which the audit began.
        storage_key: opens personal bodies; None without it.
        fold: fold cases as well.
    """

    path: Path
    ledger_id: LedgerId
    genesis: LedgerGenesis
    openings: tuple[Opening, ...]
    storage_key: bytes | None = None
    fold: bool = True


class Desk:
    """Checks parts of one file.

    Args:
        brief: what is to be checked.
        source: the open file.
        judge: registry and catalogue, folded.
    """

    def __init__(self, brief: Brief, source: Source, judge: Judge) -> None:
        self._brief = brief
        self._source = source
        self._judge = judge
        self._personal = None if brief.storage_key is None else PersonalReader(brief.storage_key)
        self._openings = {opening.name: opening for opening in brief.openings}
        self._contexts: dict[str, LogContext] = {}
        self._ranges = RangeChecker(
            source,
            sizes={opening.name: opening.size for opening in brief.openings},
            county=county_logs(brief.openings),
            stations=case_stations(brief.openings),
            knowledge=judge.knowledge,
            fold=brief.fold,
        )

    @property
    def brief(self) -> Brief:
        """What is to be checked."""
        return self._brief

    def run(self, task: Task) -> Result:
        """Check one part."""
        if isinstance(task, CaseTask):
            return self._ranges.check(task)
        return check_stretch(self._source, self._context(task.log), task)

    def _context(self, log: str) -> LogContext:
        known = self._contexts.get(log)
        if known is None:
            opening = self._openings[log]
            self._contexts[log] = known = LogContext(
                name=log,
                log_id=opening.log_id,
                ledger_id=self._brief.ledger_id,
                genesis=opening.genesis,
                genesis_hash=opening.genesis_hash,
                judge=self._judge,
                source=self._source,
                personal=self._personal,
                written_here=opening.written_here,
                continued_here=opening.own,
                above=AboveTimes(
                    self._source,
                    log=log,
                    station=opening.genesis.station,
                    registry=self._judge.knowledge.registry,
                ),
            )
        return known
