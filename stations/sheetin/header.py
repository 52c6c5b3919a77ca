"""Finds the heading row of a list: within the first ten rows, by the names that each column is known by.

Above it may stand titles; it may take two rows, when cells are merged over both. Of several sheets the one
that fits is taken; a person names it where several do. What fits and is not read is told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.errors import InputError
from stations.sheetin.book import Book, Grid, filled
from stations.sheetin.clean import Raw, fold, heading_spellings, is_empty, shown
from stations.sheetin.columns import GUIDE, Column, SheetList, headings
from stations.sheetin.faults import Faults, Place

HEADER_ROWS_MAX: Final = 10
NOT_READ: Final = "sheet.not_read"
"""Code of the notice on a sheet that looks like the list as well."""
OVERSIZED: Final = "sheet.too_many_cells"
"""Code of the notice on a sheet into which nobody looked."""
UNREAD: Final = frozenset((NOT_READ, OVERSIZED))
_SHOWN_MAX: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A heading row that was found.

    Attributes:
        row: the last row of the headings, from 0; data begin below.
        columns: column of the sheet (from 0) of each column of the list that is there.
        texts: each heading as it stands in the file.
        strange: headings that the list does not know, by column of the sheet.
        twice: columns of the list that several headings claim, with all those columns of the sheet.
        key: the field that names what a row is about.
    """

    row: int
    key: str
    columns: Mapping[str, int]
    texts: Mapping[str, str]
    strange: Mapping[int, str]
    twice: Mapping[str, tuple[int, ...]]

    def missing(self, sheet_list: SheetList) -> list[Column]:
        """Return the columns that must be there and are not."""
        return [
            column
            for column in sheet_list.columns
            if column.need == "file" and column.field not in self.columns
        ]


def find_header(grid: Grid, sheet_list: SheetList) -> Header | None:
    """Return the row of the first ten that names most columns of the list; None when none names its key.

    A row with the columns that must be there goes before one without them; of equals the upper one is taken,
    in as many rows as its merged cells say.
    """
    best: Header | None = None
    for row in range(min(HEADER_ROWS_MAX, len(grid.rows))):
        readings = (_match(texts, last, sheet_list) for texts, last in _readings(grid, row))
        found = max(
            (header for header in readings if header is not None),
            key=lambda header: (_rank(header, sheet_list), header.row),
            default=None,
        )
        if found is not None and (best is None or _rank(found, sheet_list) > _rank(best, sheet_list)):
            best = found
    return best


def find_sheet(book: Book, sheet_list: SheetList, *, named: str = "") -> tuple[Grid, Header]:
    """Return the sheet that holds a list, and its headings.

    Args:
        book: the file.
        sheet_list: the list that is looked for.
        named: the sheet that a person has named, "" to look through all.

    Raises:
        InputError: ``sheet.unknown``, ``sheet.too_many_cells``, ``sheet.no_header``, ``sheet.column_missing``
            or ``sheet.several``.
    """
    grids = sheets_named(book, named) if named else book.grids
    found = [(grid, header) for grid in grids if (header := find_header(grid, sheet_list)) is not None]
    fitting = [(grid, header) for grid, header in found if not header.missing(sheet_list)]
    seen = [pair for pair in fitting if pair[0].visible] or fitting
    titled = [pair for pair in seen if _is_name(pair[0].name, sheet_list)]
    if len(seen) == 1 or len(titled) == 1:
        return seen[0] if len(seen) == 1 else titled[0]
    if seen:
        raise InputError("sheet.several", choices=tuple(grid.name for grid, _ in seen))
    _refuse_oversized(book, named)
    if found:
        grid, header = max(found, key=lambda pair: _rank(pair[1], sheet_list))
        missing = header.missing(sheet_list)
        raise InputError(
            "sheet.column_missing",
            sheet=grid.name,
            row=header.row + 1,
            column=tuple(f"{column.heading.zh} {column.heading.en}" for column in missing),
            names=tuple(name for column in missing for name in column.names[:4]),
            found=tuple([*header.texts.values(), *header.strange.values()][:_SHOWN_MAX]) or "—",
        )
    required = tuple(
        f"{column.heading.zh} {column.heading.en}" for column in sheet_list.columns if column.need == "file"
    )
    raise InputError("sheet.no_header", columns=required, sheets=tuple(grid.name for grid in grids) or "—")


def further_sheet(book: Book, sheet_list: SheetList, *, beside: Grid) -> tuple[Grid, Header] | None:
    """Return the sheet of a list that goes with another one, None if there is none.

    Raises:
        InputError: ``sheet.several`` when more than one fits; ``sheet.too_many_cells``.
    """
    others = tuple(grid for grid in book.grids if grid.name != beside.name)
    if not any(
        header is not None and not header.missing(sheet_list)
        for header in (find_header(grid, sheet_list) for grid in others)
    ):
        for name, cell in book.oversized.items():
            if _is_name(name, sheet_list):
                raise InputError("sheet.too_many_cells", sheet=name, cell=cell)
        return None
    return find_sheet(Book(path=book.path, grids=others, oversized={}), sheet_list)


def tell_unread(book: Book, lists: Sequence[SheetList], faults: Faults, *, read: Collection[str]) -> None:
    """Tell which sheets look like a list as well and are not read: hidden ones, those beside a titled one.

    One with nothing below its headings holds nothing that could be missed; of one that is too large to look
    into nobody knows what it holds.

    Args:
        book: the file.
        lists: what is looked for.
        faults: gets the notices; call it before rows add theirs, for only the first are shown.
        read: names of the sheets that are read.
    """
    for grid in book.grids:
        if grid.name in read or fold(grid.name) in {fold(GUIDE.zh), fold(GUIDE.en)}:
            continue
        if any(_holds(grid, one) for one in lists):
            faults.tell(NOT_READ, Place(sheet=grid.name))
    for name, cell in book.oversized.items():
        faults.tell(OVERSIZED, Place(sheet=name), cell=cell)


def filled_from(grid: Grid) -> dict[tuple[int, int], tuple[int, int]]:
    """Return for each cell of a merged area the cell that holds its value."""
    return {
        (row, column): (top, left)
        for top, left, bottom, right in grid.merged
        for row in range(top, bottom + 1)
        for column in range(left, right + 1)
        if (row, column) != (top, left)
    }


def _readings(grid: Grid, row: int) -> list[tuple[Mapping[int, tuple[Raw, ...]], int]]:
    """Return the ways in which headings may stand from a row on: in it alone, or in it and the next one.

    Two rows are taken together only where some cell is merged over both: else the second one is data.
    """
    width = len(grid.rows[row])
    single = {column: (grid.cell(row, column),) for column in range(width)}
    readings: list[tuple[Mapping[int, tuple[Raw, ...]], int]] = [(single, row)]
    if any(top == row and bottom == row + 1 for top, _, bottom, _ in grid.merged):
        above = {
            column: grid.cell(top, left)
            for top, left, bottom, right in grid.merged
            if top == row
            for column in range(left, right + 1)
        }
        double = {
            column: (
                grid.cell(row + 1, column),
                above.get(column, grid.cell(row, column)),
            )
            for column in range(width)
        }
        readings.append((double, row + 1))
    return readings


def _match(texts: Mapping[int, tuple[Raw, ...]], row: int, sheet_list: SheetList) -> Header | None:
    columns: dict[str, int] = {}
    names: dict[str, str] = {}
    strange: dict[int, str] = {}
    twice: dict[str, tuple[int, ...]] = {}
    for place, readings in texts.items():
        written = [value for value in readings if isinstance(value, str) and not is_empty(value)]
        column = next((found for text in _joined(written) if (found := _known(text, sheet_list))), None)
        if column is None:
            if written:
                strange[place] = shown(written[0])
        elif column.field in columns:
            twice[column.field] = (*twice.get(column.field, (columns[column.field],)), place)
        else:
            columns[column.field] = place
            names[column.field] = shown(written[0])
    key = next((column.field for column in sheet_list.columns if column.key), "")
    if key not in columns or len(columns) < 2:
        return None
    return Header(row=row, key=key, columns=columns, texts=names, strange=strange, twice=twice)


def _joined(written: Sequence[str]) -> Sequence[str]:
    """Return what a heading of two rows may mean: 上级站点 over 编码 is the code of the station above."""
    if len(written) != 2:
        return written
    lower, upper = written
    return upper + lower, lower + upper, lower, upper


def _known(text: str, sheet_list: SheetList) -> Column | None:
    known = headings(sheet_list.name)
    return next((known[spelling] for spelling in heading_spellings(text) if spelling in known), None)


def _rank(header: Header, sheet_list: SheetList) -> tuple[bool, int]:
    return not header.missing(sheet_list), len(header.columns)


def fits(grid: Grid, sheet_list: SheetList) -> bool:
    """Tell whether a sheet has the headings that a list must have."""
    header = find_header(grid, sheet_list)
    return header is not None and not header.missing(sheet_list)


def _holds(grid: Grid, wanted: SheetList) -> bool:
    """Whether a sheet fits a list, and something stands below its headings."""
    header = find_header(grid, wanted)
    if header is None or header.missing(wanted):
        return False
    return any(filled(grid, row) for row in range(header.row + 1, len(grid.rows)))


def sheets_named(book: Book, named: str) -> Sequence[Grid]:
    """Return the sheets that a person means by a name.

    Raises:
        InputError: ``sheet.unknown``, ``sheet.too_many_cells``.
    """
    found = [grid for grid in book.grids if fold(grid.name) == fold(named)]
    if not found:
        _refuse_oversized(book, named)
        raise InputError(
            "sheet.unknown", sheet=named[:40], choices=tuple(grid.name for grid in book.grids) or "—"
        )
    return found


def _refuse_oversized(book: Book, named: str) -> None:
    for name, cell in book.oversized.items():
        if not named or fold(name) == fold(named):
            raise InputError("sheet.too_many_cells", sheet=name, cell=cell)


def _is_name(name: str, sheet_list: SheetList) -> bool:
    names = (sheet_list.title.zh, sheet_list.title.en, *sheet_list.names)
    return fold(name) in {fold(word) for word in names}
