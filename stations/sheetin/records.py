"""The rows of a list as typed records; each cell that cannot be taken is a fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stations.sheetin.book import Grid
from stations.sheetin.clean import Unclear, shown
from stations.sheetin.columns import Column, SheetList
from stations.sheetin.faults import Faults, Place
from stations.sheetin.header import Header
from stations.sheetin.table import RawRow, cut_rows
from stations.sheetin.values import Choice, Value, behind_day, read_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One row of a list.

    Attributes:
        row: the row as it was cut.
        values: what its filled cells mean, by field.
        given: fields of the columns that the file has, filled or not.
        broken: fields whose cell could not be taken; a fault says why.
    """

    row: RawRow
    values: Mapping[str, Value]
    given: frozenset[str]
    broken: frozenset[str]

    def text(self, field: str) -> str:
        """Return a text, "" when its cell is empty or could not be taken."""
        value = self.values.get(field)
        return value if isinstance(value, str) else ""

    def texts(self, field: str) -> tuple[str, ...]:
        """Return a list of texts, empty when its cell is empty or could not be taken."""
        value = self.values.get(field)
        return value if isinstance(value, tuple) else ()

    def place(self, field: str = "") -> Place:
        """Return the place of a field; of the row when the file has no such column."""
        return self.row.place(field)

    def shown(self, field: str) -> str:
        """Return what stands in the cell of a field, for messages."""
        return shown(self.row.cells.get(field, ""))


def read_records(
    grid: Grid, header: Header, wanted: SheetList, faults: Faults, *, without: frozenset[str] = frozenset()
) -> list[Record]:
    """Return the rows of a list as records; a cell that cannot be taken becomes a fault.

    Args:
        grid: the sheet.
        header: its headings.
        wanted: the list.
        faults: takes what is wrong.
        without: fields that may be empty in this file although the list demands them.
    """
    return [_record(row, wanted, faults, without=without) for row in cut_rows(grid, header, wanted, faults)]


def require(record: Record, fields: Sequence[str], wanted: SheetList, faults: Faults) -> bool:
    """Note what a row of something new lacks; returns whether everything is there."""
    complete = True
    for field in fields:
        if field not in record.values and field not in record.broken:
            faults.add("cell.missing_new", record.place(field), column=wanted.column(field).heading)
            complete = False
    return complete and not record.broken


def _record(row: RawRow, wanted: SheetList, faults: Faults, *, without: frozenset[str]) -> Record:
    values: dict[str, Value] = {}
    broken = set(row.broken)
    for field, raw in row.cells.items():
        if field in broken:
            continue
        column = wanted.column(field)
        try:
            value = read_value(column, raw)
        except Unclear as unclear:
            broken.add(field)
            _note(faults, unclear, column, row, shown(raw))
            continue
        if value is not None:
            values[field] = value
            if behind := behind_day(column, raw):
                faults.tell("cell.behind_day", row.places[field], shown(raw), behind=behind, read=str(value))
        elif column.need == "file" and field not in without:
            broken.add(field)
            faults.add("cell.missing", row.places[field], column=column.heading)
    return Record(row=row, values=values, given=frozenset(row.cells), broken=frozenset(broken))


def _note(faults: Faults, unclear: Unclear, column: Column, row: RawRow, value: str) -> None:
    if isinstance(unclear, Choice):
        faults.add(
            unclear.code, row.places[column.field], str(unclear.params["word"]), choices=unclear.choices
        )
    else:
        faults.add(unclear.code, row.places[column.field], value, **unclear.params)
