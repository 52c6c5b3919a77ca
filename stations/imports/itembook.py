"""The rows of a workbook of items: items, materials, village proofs, each from the sheet that has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stations.sheetin.book import Book, Grid
from stations.sheetin.columns import SheetList, sheet_list
from stations.sheetin.faults import Faults
from stations.sheetin.header import Header, find_header, find_sheet, fits, further_sheet, tell_unread
from stations.sheetin.records import Record, read_records

_MAY_BE_EMPTY = frozenset(("base_code", "name"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemBook:
    """What a workbook says. Rows of ``materials`` that stood below their item carry its code as ``item``.

    ``codes`` are all codes in the column of items, also those of rows with faults.
    """

    items: Sequence[Record]
    materials: Sequence[Record]
    proofs: Sequence[Record]
    codes: frozenset[str]
    sheets: tuple[str, ...]


def read_item_book(book: Book, faults: Faults, *, named: str = "") -> ItemBook:
    """Return the rows of a workbook of items.

    Raises:
        InputError: ``sheet.*`` when no sheet, or more than one, can be the list of items.
    """
    materials_list, proofs_list = sheet_list("materials"), sheet_list("proofs")
    grid, header = find_sheet(_without_parts(book) if not named else book, sheet_list("items"), named=named)
    further = {one.name: further_sheet(book, one, beside=grid) for one in (materials_list, proofs_list)}
    sheets = (grid.name, *(one[0].name for one in further.values() if one is not None))
    if not named:
        tell_unread(book, [sheet_list("items"), materials_list, proofs_list], faults, read=sheets)
    combined = find_header(grid, sheet_list("items_with_materials"))
    below: list[Record] = []
    if combined is not None and combined.row == header.row and "material" in combined.columns:
        rows = read_records(grid, combined, sheet_list("items_with_materials"), faults, without=_MAY_BE_EMPTY)
        items, below = _divide(rows, faults)
    else:
        items = read_records(grid, header, sheet_list("items"), faults)
    materials = _rows(further["materials"], materials_list, faults)
    proofs = _rows(further["proofs"], proofs_list, faults)
    return ItemBook(
        items=items,
        materials=[*below, *materials],
        proofs=proofs,
        codes=frozenset(record.text("base_code") for record in items) - {""},
        sheets=sheets,
    )


def _rows(found: tuple[Grid, Header] | None, wanted: SheetList, faults: Faults) -> list[Record]:
    return [] if found is None else read_records(*found, wanted, faults)


def _without_parts(book: Book) -> Book:
    """Return the book without sheets of materials, which often repeat the names of the items.

    Where every sheet of items has materials as well, they stand in the rows of the items: all are kept.
    """
    plain = tuple(grid for grid in book.grids if not fits(grid, sheet_list("materials")))
    if any(fits(grid, sheet_list("items")) for grid in plain):
        return replace(book, grids=plain)
    return book


def _divide(rows: Sequence[Record], faults: Faults) -> tuple[list[Record], list[Record]]:
    """Return rows of items, and rows of materials with the code of the item above them."""
    wanted = sheet_list("items")
    items: list[Record] = []
    materials: list[Record] = []
    code = ""
    item: Record | None = None
    for record in rows:
        own = record.text("base_code") if "base_code" in record.row.own else ""
        repeated = own and own == code and record.text("material")
        if own and not repeated:
            code = own
            if "name" not in record.values and "name" not in record.broken:
                faults.add("cell.missing", record.place("name"), column=wanted.column("name").heading)
            items.append(record)
            item = record
        elif "base_code" in record.broken:
            code, item = "", None
        elif not own and not record.text("material"):
            faults.add("cell.missing", record.place("base_code"), column=wanted.column("base_code").heading)
        if item is not None and item is not record:
            _same_item(record, item, wanted, faults)
        if record.text("material") and code:
            materials.append(replace(record, values={**record.values, "item": code}))
    return items, materials


def _same_item(record: Record, item: Record, wanted: SheetList, faults: Faults) -> None:
    """Note what a row of a further material says of its item otherwise than the item's own row.

    It would be another item under the same code, or a change that nobody would read.
    """
    for column in wanted.columns:
        field = column.field
        if field not in record.row.own or field not in record.values or field in item.broken:
            continue
        if record.values[field] != item.values.get(field):
            other = item.place(field).cell
            faults.add("row.item_differs", record.place(field), record.shown(field), other=other)
