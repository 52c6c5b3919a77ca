"""Opens a workbook of Excel within limits, and says of every other kind of file what it is and what helps.

The parts that matter are unpacked here, counted while they are, and handed to the reading library as plain
stored parts: whatever a file claims of its sizes, the library never unpacks more than was counted.
"""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger.errors import InputError
from stations.sheetin.clean import Raw, Unclear, is_empty
from stations.sheetin.faults import Place, column_letters
from stations.sheetin.marks import Marks, local, parse, read_marks
from stations.unreadable import unreadable

FILE_BYTES_MAX: Final = 20 * 1024 * 1024
PARTS_BYTES_MAX: Final = 96 * 1024 * 1024
"""Unpacked size of everything that is read; about a million filled cells."""
PARTS_MAX: Final = 4096
ROWS_MAX: Final = 20_000
COLUMNS_MAX: Final = 200
SHEETS_MAX: Final = 64
_NEEDLESS = ("xl/media/", "xl/drawings/", "xl/embeddings/", "xl/charts/", "xl/printersettings/", "docprops/")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """One sheet laid out: rows of cells from A1, merged areas as (top, left, bottom, right), all from 0."""

    name: str
    visible: bool
    rows: Sequence[Sequence[Raw]]
    merged: tuple[tuple[int, int, int, int], ...]
    marks: Marks

    def cell(self, row: int, column: int) -> Raw:
        """Return what stands in a cell itself; "" outside."""
        if 0 <= row < len(self.rows) and 0 <= column < len(self.rows[row]):
            return self.rows[row][column]
        return ""

    def place(self, row: int, column: int, heading: str = "") -> Place:
        """Return the place of a cell, for messages."""
        return Place(sheet=self.name, row=row + 1, column=column + 1, heading=heading)


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The sheets of a file; ``oversized`` names those that are too large to lay out, with their last cell."""

    path: Path
    grids: tuple[Grid, ...]
    oversized: Mapping[str, str]


def open_book(path: Path) -> Book:
    """Read a workbook.

    Raises:
        ConfigError: ``cli.file_none`` when the file is not there, ``cli.file`` when it cannot be read.
        InputError: ``sheet.old_format``, ``sheet.encrypted``, ``sheet.text_file``, ``sheet.other_format``,
            ``sheet.damaged``, ``sheet.empty_file``, ``sheet.too_large``: with what helps.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise InputError("sheet.too_large", path=str(path), limit=FILE_BYTES_MAX // 1024 // 1024)
        raw = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    return read_book(raw, path)


def read_book(raw: bytes, path: Path) -> Book:
    """Read a workbook from its bytes; ``path`` names it in messages.

    Raises:
        InputError: as ``open_book``.
    """
    if len(raw) > FILE_BYTES_MAX:
        raise InputError("sheet.too_large", path=str(path), limit=FILE_BYTES_MAX // 1024 // 1024)
    kind = _other_kind(raw)
    if kind:
        raise InputError(kind, path=str(path))
    try:
        parts = _unpack(raw)
        if "xl/workbook.xml" not in parts:
            raise InputError(
                "sheet.other_format" if "[content_types].xml" not in parts else "sheet.damaged",
                path=str(path),
            )
        return _lay_out(path, parts)
    except Unclear as unclear:
        raise InputError(unclear.code, path=str(path), **unclear.params) from unclear
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, RuntimeError) as error:
        # RuntimeError is how zipfile says that a part needs a password, or is packed in an unknown way; the
        # other ways of packing that it knows have errors of their own for bytes that were changed.
        raise InputError("sheet.damaged", path=str(path)) from error


def _other_kind(raw: bytes) -> str:
    """Return the code for a file that is no workbook of today's Excel, "" for one that may be."""
    if not raw:
        return "sheet.empty_file"
    if raw.startswith(_OLE):
        encrypted = "EncryptedPackage".encode("utf-16-le") in raw
        return "sheet.encrypted" if encrypted else "sheet.old_format"
    if raw.startswith(b"PK\x03\x04"):
        return "sheet.other_format" if raw[30:38] == b"mimetype" else ""
    return "sheet.other_format" if b"\x00" in raw[:4096] and not _utf16(raw) else "sheet.text_file"


def _utf16(raw: bytes) -> bool:
    return raw.startswith((b"\xff\xfe", b"\xfe\xff"))


def _unpack(raw: bytes) -> dict[str, bytes]:
    parts: dict[str, bytes] = {}
    left = PARTS_BYTES_MAX
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        listed = archive.infolist()
        if len(listed) > PARTS_MAX:
            raise Unclear("sheet.damaged")
        for info in listed:
            name = info.filename.replace("\\", "/").lstrip("/")
            if info.is_dir() or name.lower().startswith(_NEEDLESS):
                continue
            with archive.open(info) as part:
                data = part.read(left + 1)
            left -= len(data)
            if left < 0:
                raise Unclear("sheet.too_large", limit=PARTS_BYTES_MAX // 1024 // 1024)
            parts[_known_name(name)] = data
    return parts


def _known_name(name: str) -> str:
    """Return the usual spelling of the parts that are looked for; some programs write other capitals."""
    lowered = name.lower()
    return lowered if lowered.startswith(("xl/", "[content")) else name


def _lay_out(path: Path, parts: Mapping[str, bytes]) -> Book:
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    wanted = _sheet_parts(parts)
    grids: list[Grid] = []
    oversized: dict[str, str] = {}
    try:
        with CalamineWorkbook.from_filelike(_stored(parts)) as book:
            for about in book.sheets_metadata[:SHEETS_MAX]:
                if about.typ != SheetTypeEnum.WorkSheet:
                    continue
                marks = read_marks(parts[wanted[about.name]]) if about.name in wanted else Marks()
                if marks.rows > ROWS_MAX or marks.columns > COLUMNS_MAX:
                    oversized[about.name] = f"{column_letters(marks.columns)}{marks.rows}"
                    continue
                sheet = book.get_sheet_by_name(about.name)
                grids.append(
                    Grid(
                        name=about.name,
                        visible=about.visible == SheetVisibleEnum.Visible,
                        rows=sheet.to_python(skip_empty_area=False) if marks.rows else [],
                        merged=_merged(sheet.merged_cell_ranges or [], marks),
                        marks=marks,
                    )
                )
    except (CalamineError, OSError, ValueError) as error:
        raise Unclear("sheet.damaged") from error
    return Book(path=path, grids=tuple(grids), oversized=oversized)


def _merged(
    ranges: Sequence[tuple[tuple[int, int], tuple[int, int]]], marks: Marks
) -> tuple[tuple[int, int, int, int], ...]:
    """Return the merged areas, cut off where the sheet is empty: one may reach to the last row of Excel."""
    last_row, last_column = marks.rows - 1, marks.columns - 1
    return tuple(
        (top, left, min(bottom, last_row), min(right, max(last_column, left)))
        for (top, left), (bottom, right) in ranges[: ROWS_MAX * 4]
        if top <= last_row and left <= last_column
    )


def _stored(parts: Mapping[str, bytes]) -> io.BytesIO:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name, data in parts.items():
            archive.writestr(_written_name(name), data)
    made.seek(0)
    return made


def _written_name(name: str) -> str:
    return "[Content_Types].xml" if name == "[content_types].xml" else name


def _sheet_parts(parts: Mapping[str, bytes]) -> dict[str, str]:
    """Return the part of each sheet by its name, as the workbook and its relations say."""
    targets: dict[str, str] = {}
    ids: dict[str, str] = {}

    def relation(name: str, attributes: Mapping[str, str]) -> None:
        if local(name) == "Relationship":
            targets[attributes.get("Id", "")] = attributes.get("Target", "")

    def sheet(name: str, attributes: Mapping[str, str]) -> None:
        if local(name) == "sheet":
            linked = (value for key, value in attributes.items() if local(key) == "id" and ":" in key)
            ids[attributes.get("name", "")] = next(linked, "")

    parse(parts.get("xl/_rels/workbook.xml.rels", b"<none/>"), start=relation)
    parse(parts["xl/workbook.xml"], start=sheet)
    found = {}
    for title, number in ids.items():
        target = targets.get(number, "").replace("\\", "/")
        part = (target.lstrip("/") if target.startswith("/") else f"xl/{target}").lower()
        if part in parts:
            found[title] = part
        else:
            # Without its part its size is unknown: it must not be laid out.
            raise Unclear("sheet.damaged")
    return found


def filled(grid: Grid, row: int) -> list[int]:
    """Return the columns of a row in which something stands."""
    return [column for column, value in enumerate(grid.rows[row]) if not is_empty(value)]
