"""Lists of cases as table rows and as columns of an Excel sheet: one definition."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.facade import CaseRow, Ledger
from ledger.registry.registry import Registry
from ledger.types import StationId
from stations.texts import Say
from stations.words.casenames import station_name, value_name
from stations.words.cells import Cell, light_cell
from stations.words.moments import show_moment

HEADINGS = (
    "light",
    "number",
    "item",
    "applicant",
    "status",
    "result",
    "custodian",
    "due_on",
    "opened",
    "flags",
)
MONTH_COUNTS = (
    "received", "decided", "ended", "open", "overdue", "late_accepted", "late_decided", "conflicts",
    "returned",
)  # fmt: skip
MONTH_HEADINGS = ("month", "place", "item", *MONTH_COUNTS)


def row_cells(say: Say, ledger: Ledger, row: CaseRow) -> list[Cell]:
    """Return one case as the cells of a table."""
    registry = ledger.knowledge.registry
    return [
        light_cell(row.light, say.name(f"light.{row.light}")),
        row.number,
        item_words(say, ledger, row),
        row.applicant or "—",
        status_name(say, ledger, row),
        value_name(say, row.result) if row.result else "",
        custodian_words(say, registry, row),
        row.due_on.isoformat() if row.due_on is not None else "—",
        show_moment(row.opened_at_ms),
        say("list.and").join(flag_words(say, row)),
    ]


def row_texts(say: Say, ledger: Ledger, row: CaseRow) -> list[str]:
    """Return one case as plain texts, for a sheet."""
    return [cell if isinstance(cell, str) else cell.text for cell in row_cells(say, ledger, row)]


def item_words(say: Say, ledger: Ledger, row: CaseRow) -> str:
    """Return the name of a case's item in the language of who looks; rows carry the Chinese one."""
    if say.language == "zh":
        return row.item_name
    catalogue = ledger.knowledge.catalogue
    item = catalogue.items(catalogue.size).get(row.item_code)
    return row.item_name if item is None else say.pick(item.name)


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
        known = registry.station(StationId(row.offered_to))
        key = "row.offered" if known is None or known.is_open else "row.offered_closed"
        return say(key, held=held, to=station_name(registry, row.offered_to))
    return held


def flag_words(say: Say, row: CaseRow) -> list[str]:
    """Return what needs a second look."""
    flags: Iterable[tuple[bool, str]] = ((row.conflict, "flag.conflict"), (row.pending, "flag.pending"))
    return [say(key) for set_, key in flags if set_]
