"""Writes a list as a workbook to fill in: headings, perhaps rows, and a sheet that explains each column.

Every text is written as text, in cells of text format: codes keep their zeros, formulas stay words.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ledger.errors import ConfigError
from ledger.texts import Language
from ledger.types import Bilingual
from stations.newfile import write_new
from stations.sheetin.columns import GUIDE, Column, SheetList, words

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format

ROWS_VALIDATED: Final = 2000
_CHOICE_CHARS_MAX: Final = 255
_GUIDE_HEADINGS = (
    Bilingual(zh="工作表", en="Sheet"),
    Bilingual(zh="列", en="Column"),
    Bilingual(zh="必填", en="Needed"),
    Bilingual(zh="怎样填写", en="What to fill in"),
    Bilingual(zh="可以写", en="Accepted words"),
    Bilingual(zh="例子", en="Example"),
)
_GUIDE_WIDTHS = (14, 22, 16, 70, 50, 24)
_NEEDS = {
    "file": Bilingual(zh="必填", en="always"),
    "new": Bilingual(zh="新增时必填", en="for new ones"),
    "": Bilingual(zh="可不填", en="may be empty"),
}
_ROW = Bilingual(
    zh="一行一项；不要改表头的名字，列的先后可以变，用不着的列可以删。带 * 的必填。",
    en="One row for each. Keep the headings; columns may be moved, or deleted if not needed. Fill in *.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One sheet of a template: its list, and rows of texts in the order of the list's columns."""

    sheet_list: SheetList
    rows: Sequence[Sequence[str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pen:
    """The formats of one workbook."""

    head: Format
    text: Format
    wrapped: Format


def write_template(path: Path, pages: Sequence[Page], *, language: Language) -> None:
    """Write a template; an existing file is never overwritten.

    Raises:
        ConfigError: ``cli.file_exists``; ``cli.folder`` when the folder is not there.
        OSError, StoreError: as ``write_new``.
    """
    if path.exists():
        raise ConfigError("cli.file_exists", path=str(path))
    if not path.absolute().parent.is_dir():
        raise ConfigError("cli.folder", path=str(path.absolute().parent))
    import xlsxwriter

    # In memory first: the library has errors of its own for a disk that is full or cannot be written.
    made = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(made, options) as book:
        pen = _Pen(
            head=book.add_format({"bold": True, "bg_color": "#E8EEF7", "border": 1, "num_format": "@"}),
            text=book.add_format({"num_format": "@"}),
            wrapped=book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"}),
        )
        for page in pages:
            _write_page(book, page, pen, language)
        _write_guide(book, pages, pen, language)
    write_new(path, made.getvalue())


def heading_of(column: Column, language: Language) -> str:
    """Return the heading of a column as templates carry it; what must be filled has a star."""
    return f"{pick(column.heading, language)}{'*' if column.need else ''}"


def pick(text: Bilingual, language: Language) -> str:
    """Return one of two texts."""
    return text.zh if language == "zh" else text.en


def accepted(column: Column, language: Language) -> tuple[str, ...]:
    """Return the words that templates offer for a column; empty where anything may be written."""
    name = column.words or {"flag": "flag", "scope": "scope"}.get(column.kind, "")
    return tuple(pick(name, language) for name in words(name).names.values()) if name else ()


def _write_page(book: Workbook, page: Page, pen: _Pen, language: Language) -> None:
    sheet = book.add_worksheet(pick(page.sheet_list.title, language))
    last = max(len(page.rows), ROWS_VALIDATED)
    for index, column in enumerate(page.sheet_list.columns):
        heading = heading_of(column, language)
        texts = [heading, *(row[index] for row in page.rows)]
        sheet.set_column(index, index, min(max(_cells(text) for text in texts) + 3, 40), pen.text)
        sheet.write_string(0, index, heading, pen.head)
        sheet.write_comment(0, index, _comment(column, language), {"x_scale": 2.5})
        choices = list(accepted(column, language))
        if column.kind in ("choice", "flag") and len(",".join(choices)) <= _CHOICE_CHARS_MAX:
            # Other spellings are understood as well: the list helps, it does not bar.
            sheet.data_validation(1, index, last, index, {
                "validate": "list", "source": choices, "ignore_blank": True, "show_error": False,
            })  # fmt: skip
        for number, row in enumerate(page.rows, start=1):
            if row[index]:
                sheet.write_string(number, index, row[index], pen.text)
    sheet.ignore_errors({"number_stored_as_text": f"A1:AZ{last + 1}"})
    sheet.freeze_panes(1, 2)


def _write_guide(book: Workbook, pages: Sequence[Page], pen: _Pen, language: Language) -> None:
    sheet = book.add_worksheet(pick(GUIDE, language))
    sheet.write_string(0, 0, pick(_ROW, language))
    for index, (heading, width) in enumerate(zip(_GUIDE_HEADINGS, _GUIDE_WIDTHS, strict=True)):
        sheet.set_column(index, index, width, pen.text)
        sheet.write_string(2, index, pick(heading, language), pen.head)
    row = 3
    for page in pages:
        for column in page.sheet_list.columns:
            cells = (
                pick(page.sheet_list.title, language),
                pick(column.heading, language),
                pick(_NEEDS[column.need], language),
                pick(column.about, language),
                _list(accepted(column, language), language),
                column.example,
            )
            for index, text in enumerate(cells):
                sheet.write_string(row, index, text, pen.wrapped)
            row += 1
    sheet.freeze_panes(3, 0)


def _comment(column: Column, language: Language) -> str:
    lines = [pick(_NEEDS[column.need], language), pick(column.about, language)]
    choices = accepted(column, language)
    if choices:
        lines.append(_list(choices, language))
    if column.example:
        lines.append(column.example)
    return "\n".join(lines)


def _list(choices: Sequence[str], language: Language) -> str:
    return ("、" if language == "zh" else ", ").join(choices)


def _cells(text: str) -> int:
    return sum(2 if ord(character) > 0x2E7F else 1 for character in text)
