"""Lines of lists of cases as pages show them: light in colour, word and shape, and every code by its name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from ledger.facade import CaseRow, Ledger
from stations.web.visit import Visit
from stations.words.casenames import station_name, value_name
from stations.words.rows import custodian_words, flag_words, item_words, status_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One case in a list."""

    case: str
    number: str
    item: str
    applicant: str
    light: str
    status: str
    result: str
    held: str
    received_at: str
    due_on: date | None
    opened_at_ms: int
    last_at_ms: int
    flags: Sequence[str]


def lines_of(visit: Visit, ledger: Ledger, rows: Iterable[CaseRow]) -> list[Line]:
    """Return rows as lines of a page."""
    say, registry = visit.say, ledger.knowledge.registry
    return [
        Line(
            case=row.case_id.hex(),
            number=row.number,
            item=item_words(say, ledger, row),
            applicant=row.applicant,
            light=row.light,
            status=status_name(say, ledger, row),
            result=value_name(say, row.result) if row.result else "",
            held=custodian_words(say, registry, row),
            received_at=station_name(registry, row.received_station),
            due_on=row.due_on,
            opened_at_ms=row.opened_at_ms,
            last_at_ms=row.last_at_ms,
            flags=flag_words(say, row),
        )
        for row in rows
    ]
