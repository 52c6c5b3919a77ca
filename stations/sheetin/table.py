"""Cuts the rows of a list out of its sheet: merged cells filled, empty rows and notes left out and told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stations.sheetin.book import Grid, filled
from stations.sheetin.clean import Raw, Unclear, digits_of, fold, fold_heading, is_empty, shown
from stations.sheetin.columns import (
    SheetList,
    apart_beginnings,
    ignored_headings,
    note_beginnings,
    total_words,
)
from stations.sheetin.faults import Faults, Place
from stations.sheetin.header import Header, filled_from

NOTE_WIDTH: Final = 3
"""A cell merged over so many columns of the list is a note or a section title, not data."""
_FULL_CODE: Final = re.compile(r"[0-9]{12}(-[0-9a-z]{2})?")
"""A code of twelve digits is the code of something, however many columns it was merged over."""
_HIDDEN_SHOWN_MAX: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """One row of data.

    Attributes:
        number: as Excel counts.
        cells: what stands in the cells, by field.
        places: where they stand.
        own: fields that are filled and do not come from a merged area.
        broken: fields in whose cell Excel itself has an error; a fault says which.
    """

    number: int
    cells: Mapping[str, Raw]
    places: Mapping[str, Place]
    own: frozenset[str]
    broken: frozenset[str]

    def place(self, field: str) -> Place:
        """Return the place of a field, or of the row when the file has no such column."""
        sheet = next(iter(self.places.values()), Place()).sheet
        return self.places.get(field, Place(sheet=sheet, row=self.number))


def cut_rows(grid: Grid, header: Header, wanted: SheetList, faults: Faults) -> list[RawRow]:
    """Return the rows of data below the headings.

    Headings that two columns claim, error cells, formulas without a result are faults; columns that are not
    known, hidden rows, notes and section titles are told, and that the sheet itself is hidden.
    """
    if not grid.visible:
        faults.tell("sheet.hidden", Place(sheet=grid.name))
    _tell_columns(grid, header, wanted, faults)
    source = filled_from(grid)
    alone = frozenset(column.field for column in wanted.columns if column.alone)
    rows = []
    hidden = []
    for row in range(header.row + 1, len(grid.rows)):
        own = frozenset(
            field
            for field, column in header.columns.items()
            if (row, column) not in source and not is_empty(grid.cell(row, column))
        )
        broken = _broken(grid, header, row, faults)
        if not broken and (not own or _is_note(grid, header, row, source, alone)):
            _tell_note(grid, row, faults)
            continue
        if row in grid.marks.hidden_rows:
            hidden.append(str(row + 1))
        rows.append(_raw_row(grid, header, row, source, own=own, broken=broken))
    if hidden:
        more = ("…",) if len(hidden) > _HIDDEN_SHOWN_MAX else ()
        faults.tell(
            "row.hidden",
            Place(sheet=grid.name),
            rows=(*hidden[:_HIDDEN_SHOWN_MAX], *more),
            count=len(hidden),
        )
    if not rows:
        faults.add("sheet.no_rows", Place(sheet=grid.name, row=header.row + 1))
    return rows


def _raw_row(
    grid: Grid,
    header: Header,
    row: int,
    source: Mapping[tuple[int, int], tuple[int, int]],
    *,
    own: frozenset[str],
    broken: frozenset[str],
) -> RawRow:
    cells = {
        field: grid.cell(*source.get((row, column), (row, column)))
        for field, column in header.columns.items()
    }
    places = {field: grid.place(row, column, header.texts[field]) for field, column in header.columns.items()}
    return RawRow(number=row + 1, cells=cells, places=places, own=own, broken=broken)


def _broken(grid: Grid, header: Header, row: int, faults: Faults) -> frozenset[str]:
    """Note and return the fields of a row where Excel shows an error or a formula was never calculated."""
    broken = set()
    for field, column in header.columns.items():
        place = grid.place(row, column, header.texts[field])
        if (row, column) in grid.marks.errors:
            faults.add("cell.error", place, grid.marks.errors[row, column])
            broken.add(field)
        elif (row, column) in grid.marks.without_result and is_empty(grid.cell(row, column)):
            faults.add("cell.no_result", place)
            broken.add(field)
    return frozenset(broken)


def _is_note(
    grid: Grid,
    header: Header,
    row: int,
    source: Mapping[tuple[int, int], tuple[int, int]],
    alone: frozenset[str],
) -> bool:
    """Tell whether a row says something about the table instead of being part of it."""
    columns = filled(grid, row)
    first, known = fold(shown(grid.cell(row, columns[0]))), header.columns.values()
    if first.rstrip("：:") in total_words() and columns[0] not in known:
        return True
    key = header.columns[header.key]
    from_above = source.get((row, key), (row, key))[0] < row
    about = grid.cell(*source.get((row, key), (row, key)))
    if _is_spread(grid, header, row, about, alone):
        return True
    if from_above and _looks_like_code(about):
        # The row goes on with what was begun above; only what calls itself a note with a colon is one.
        return first.startswith(tuple(f"{word}:" for word in (*note_beginnings(), *apart_beginnings())))
    if not _looks_like_code(about) and _begins_note(first, in_key=columns[0] == key):
        return True
    if len(columns) > 1 or _looks_like_code(grid.cell(row, columns[0])):
        return False
    if from_above and not is_empty(about) and header.key not in alone:
        return False
    return not any(header.columns.get(field) == columns[0] for field in alone)


def _is_spread(grid: Grid, header: Header, row: int, about: Raw, alone: frozenset[str]) -> bool:
    """Tell whether a text is spread over a row like a title, and no cell beside it says what that is about.

    Args:
        grid: the sheet.
        header: its headings.
        row: the row.
        about: what stands in the column that names what a row is about.
        alone: fields that make a row data by themselves.
    """
    key = header.columns[header.key]
    wide = [
        (left, right)
        for top, left, bottom, right in grid.merged
        if top <= row <= bottom
        and right > left
        and sum(left <= column <= right for column in header.columns.values())
        >= min(NOTE_WIDTH, len(header.columns))
    ]
    if any(left <= key <= right for left, right in wide):
        return not _FULL_CODE.fullmatch(fold(shown(about)))
    return bool(wide) and not (_looks_like_code(about) or (header.key in alone and not is_empty(about)))


def _begins_note(first: str, *, in_key: bool) -> bool:
    """Tell whether a folded text begins as notes and signatures below a table do."""
    if first.startswith(note_beginnings()):
        return True
    return any(
        first.startswith(word) and (in_key or not first[len(word) :][:1].isalpha())
        for word in apart_beginnings()
    )


def _tell_note(grid: Grid, row: int, faults: Faults) -> None:
    """Tell that a row was passed over, unless it is empty or merely numbered."""
    texts = [shown(grid.cell(row, column)) for column in filled(grid, row)]
    if any(not text.isdigit() for text in texts):
        faults.tell("row.note", Place(sheet=grid.name, row=row + 1), texts[0])


def _looks_like_code(value: Raw) -> bool:
    """Tell whether a cell may be a code: something with a digit in it and no Chinese character."""
    try:
        text = digits_of(value)
    except Unclear:
        return True
    return any(char.isdigit() for char in text) and text.isascii()


def _tell_columns(grid: Grid, header: Header, wanted: SheetList, faults: Faults) -> None:
    for field, (first, *more) in header.twice.items():
        heading = wanted.column(field).heading
        for further in more:
            text = shown(grid.cell(header.row, further))
            faults.add(
                "sheet.heading_twice",
                grid.place(header.row, further, text),
                text,
                column=heading,
                other=grid.place(header.row, first).cell,
            )
    for field, column in header.columns.items():
        if column in grid.marks.hidden_columns:
            faults.tell("sheet.column_hidden", grid.place(header.row, column, header.texts[field]))
    for column, text in header.strange.items():
        if fold_heading(text) in ignored_headings():
            continue
        faults.tell("sheet.column_strange", grid.place(header.row, column, text), text)
