"""Lists of cases as table rows, as objects for programs, and as columns of an Excel sheet: one definition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ledger.casenumber import short_ids
from ledger.facade import CaseRow, Ledger
from ledger.registry import Registry
from stations.cli.call import Call
from stations.cli.casenames import station_name
from stations.cli.tables import Cell, light_cell
from stations.cli.types import show_moment
from stations.texts import Say

HEADINGS = ("light", "number", "item", "applicant", "status", "custodian", "due_on", "opened", "flags")


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


def row_cells(say: Say, ledger: Ledger, row: CaseRow) -> list[Cell]:
    """Return one case as the cells of a table."""
    registry = ledger.knowledge.registry
    return [
        light_cell(row.light, say.name(f"light.{row.light}")),
        row.number,
        row.item_name,
        row.applicant or "—",
        status_name(say, ledger, row),
        custodian_words(say, registry, row),
        row.due_on.isoformat() if row.due_on is not None else "—",
        show_moment(row.opened_at_ms),
        say("list.and").join(flag_words(say, row)),
    ]


def row_texts(say: Say, ledger: Ledger, row: CaseRow) -> list[str]:
    """Return one case as plain texts, for a sheet."""
    return [cell if isinstance(cell, str) else cell.text for cell in row_cells(say, ledger, row)]


def row_object(row: CaseRow) -> dict[str, object]:
    """Return one case for programs."""
    return {
        "case_id": row.case_id.hex(),
        "number": row.number,
        "item_code": row.item_code,
        "item_name": row.item_name,
        "status": row.status,
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


def status_name(say: Say, ledger: Ledger, row: CaseRow) -> str:
    """Return the name of a case's state, from whichever case type of the catalogue knows it."""
    catalogue = ledger.knowledge.catalogue
    for case_type in catalogue.case_types(catalogue.size).values():
        name = case_type.states.get(row.status)
        if name is not None:
            return say.pick(name)
    return say.name(f"state.{row.status}")


def custodian_words(say: Say, registry: Registry, row: CaseRow) -> str:
    """Return who holds a case and to whom it is offered."""
    held = station_name(registry, row.custodian)
    if row.offered_to:
        return say("row.offered", held=held, to=station_name(registry, row.offered_to))
    return held


def flag_words(say: Say, row: CaseRow) -> list[str]:
    """Return what needs a second look."""
    flags: Iterable[tuple[bool, str]] = ((row.conflict, "flag.conflict"), (row.pending, "flag.pending"))
    return [say(key) for set_, key in flags if set_]
