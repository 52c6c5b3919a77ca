"""Lists of cases as table rows, as objects for programs, and as columns of an Excel sheet: one definition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ledger.cases.number import short_ids
from ledger.facade import CaseRow, Ledger
from stations.cli.call import Call
from stations.words.rows import HEADINGS, row_cells


def print_rows(call: Call, ledger: Ledger, rows: Sequence[CaseRow]) -> None:
    """Print cases as a table, or one object for each."""
    for row in rows:
        call.emit(row_object(row))
    cells = [row_cells(call.say, ledger, row) for row in rows]
    for line, number in zip(cells, told_numbers(rows), strict=True):
        line[1] = number
    call.table([call.say(f"head.{name}") for name in HEADINGS], cells)


def told_numbers(rows: Sequence[CaseRow]) -> list[str]:
    """Return the numbers of cases; where several have the same, each with the beginning of its id."""
    counts = Counter(row.number for row in rows)
    short = short_ids(row.case_id for row in rows if counts[row.number] > 1)
    return [f"{row.number} ({short[row.case_id]})" if row.case_id in short else row.number for row in rows]


def row_object(row: CaseRow) -> dict[str, object]:
    """Return one case for programs."""
    return {
        "case_id": row.case_id.hex(),
        "number": row.number,
        "item_code": row.item_code,
        "item_name": row.item_name,
        "status": row.status,
        "result": row.result,
        "custodian": row.custodian,
        "offered_to": row.offered_to,
        "received_station": row.received_station,
        "applicant": row.applicant,
        "opened_at_ms": row.opened_at_ms,
        "light": row.light,
        "due_on": row.due_on.isoformat() if row.due_on is not None else None,
        "conflict": row.conflict,
        "pending": row.pending,
        "open": row.open,
    }
