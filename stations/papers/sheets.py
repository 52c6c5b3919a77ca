"""Lists as Excel files. Every text is written as text: long numbers keep all digits, formulas stay words."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stations.newfile import write_new

_NAME_CHARS_MAX = 31
_WIDTH_MAX = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One sheet: name, headings, rows of texts."""

    name: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def write_workbook(path: Path, sheets: Sequence[Sheet], *, title: str = "") -> None:
    """Write an Excel workbook; ``title`` stands above the headings of each sheet when it is not empty.

    Raises:
        OSError, StoreError: as ``write_new``.
    """
    import xlsxwriter

    # In memory first: the library has errors of its own for a disk that is full or cannot be written.
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        bold = book.add_format({"bold": True, "bg_color": "#E8EEF7", "border": 1})
        plain = book.add_format({"num_format": "@", "border": 1})
        for sheet in sheets:
            page = book.add_worksheet(re.sub(r"[\[\]:*?/\\']", " ", sheet.name)[:_NAME_CHARS_MAX])
            top = 0
            if title:
                page.write_string(0, 0, title)
                top = 1
            for column, heading in enumerate(sheet.headings):
                page.write_string(top, column, heading, bold)
                page.set_column(column, column, _width(sheet, column))
            for index, row in enumerate(sheet.rows):
                for column, text in enumerate(row):
                    page.write_string(top + 1 + index, column, text, plain)
            page.freeze_panes(top + 1, 0)
            if sheet.rows:
                page.autofilter(top, 0, top + len(sheet.rows), len(sheet.headings) - 1)
    write_new(path, made.getvalue())


def _width(sheet: Sheet, column: int) -> int:
    longest = max([sheet.headings[column], *(row[column] for row in sheet.rows)], key=_cells)
    return min(_cells(longest) + 3, _WIDTH_MAX)


def _cells(text: str) -> int:
    return sum(2 if ord(character) > 0x2E7F else 1 for character in text)
