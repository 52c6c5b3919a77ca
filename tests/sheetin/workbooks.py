"""Workbooks for tests: real files by xlsxwriter, and the same files made odd by hand."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import xlsxwriter


@dataclass(frozen=True)
class Formula:
    """A formula and the result that the file keeps of it."""

    text: str
    result: object = 0


@dataclass(kw_only=True)
class Page:
    """One sheet: rows of values; merged areas as ``B3:B5``; rows and columns to hide."""

    rows: Sequence[Sequence[object]]
    merged: Iterable[str] = ()
    hidden_rows: Iterable[int] = ()
    hidden_columns: Iterable[int] = ()
    hidden: bool = False


def make(path: Path, **pages: Page | Sequence[Sequence[object]]) -> Path:
    """Write a workbook; texts are written as text, numbers as numbers, dates as dates."""
    with xlsxwriter.Workbook(path) as book:
        for name, page in pages.items():
            _write(book, name, page if isinstance(page, Page) else Page(rows=page))
    return path


def _write(book: xlsxwriter.Workbook, name: str, page: Page) -> None:
    sheet = book.add_worksheet(name)
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for row, cells in enumerate(page.rows):
        for column, value in enumerate(cells):
            if isinstance(value, Formula):
                sheet.write_formula(row, column, value.text, None, value.result)
            elif isinstance(value, date):
                sheet.write_datetime(row, column, value, day)
            elif isinstance(value, bool):
                sheet.write_boolean(row, column, value)
            elif isinstance(value, int | float):
                sheet.write_number(row, column, value)
            elif value:
                sheet.write_string(row, column, str(value))
    for area in page.merged:
        first, _, last = area.partition(":")
        row, column = (int(re.sub(r"\D", "", first)) - 1, ord(first[0]) - ord("A"))
        value = page.rows[row][column] if row < len(page.rows) and column < len(page.rows[row]) else ""
        sheet.merge_range(f"{first}:{last}", value)
    for row in page.hidden_rows:
        sheet.set_row(row, None, None, {"hidden": True})
    for column in page.hidden_columns:
        sheet.set_column(column, column, None, None, {"hidden": True})
    if page.hidden:
        sheet.hide()


def edit(path: Path, part: str, change: Callable[[bytes], bytes]) -> Path:
    """Change one part of a workbook by hand."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = change(parts[part])
    return rewrite(path, parts)


def rewrite(path: Path, parts: dict[str, bytes]) -> Path:
    """Write a workbook anew from its parts."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path
