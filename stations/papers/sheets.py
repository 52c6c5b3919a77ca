"""Lists as Excel files. Every text is written as text: long numbers keep all digits, formulas stay words."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.texts import Language
from stations.newfile import write_new
from stations.texts import Say

_NAME_CHARS_MAX = 31
_WIDTH_MAX = 48
_BOTH: tuple[Language, ...] = ("zh", "en")
_CELL_UNITS_MAX = 32_767
"""Most units of UTF-16 that a cell holds: Excel opens no file with more.

Source: Excel specifications and limits (Microsoft).
"""


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
                    page.write_string(top + 1 + index, column, _fitting(text), plain)
            page.freeze_panes(top + 1, 0)
            if sheet.rows:
                page.autofilter(top, 0, top + len(sheet.rows), len(sheet.headings) - 1)
    write_new(path, made.getvalue())


def _fitting(text: str) -> str:
    """Return a text as a cell holds it; of one that is too long the end says how much of it is not there."""
    raw = text.encode("utf-16-le", "surrogatepass")
    if len(raw) <= 2 * _CELL_UNITS_MAX:
        return text

    def mark(count: int) -> str:
        return "".join(Say(language=language)("sheet.cut", count=count) for language in _BOTH)

    room = _CELL_UNITS_MAX - len(mark(len(text)))
    kept = raw[: 2 * room].decode("utf-16-le", "ignore")
    return kept + mark(len(text) - len(kept))


def _width(sheet: Sheet, column: int) -> int:
    longest = max([sheet.headings[column], *(row[column] for row in sheet.rows)], key=_cells)
    return min(_cells(longest) + 3, _WIDTH_MAX)


def _cells(text: str) -> int:
    return sum(2 if ord(character) > 0x2E7F else 1 for character in text)
