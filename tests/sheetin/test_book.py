"""Files that are no workbooks, broken ones, and ones that claim too much: refused, each with what helps."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import pytest

from ledger.errors import ConfigError, InputError
from ledger.texts import catalogue
from stations.sheetin.book import PARTS_BYTES_MAX, ROWS_MAX, open_book
from stations.sheetin.columns import sheet_list
from stations.sheetin.header import find_sheet
from tests.sheetin.workbooks import Formula, Page, edit, make, rewrite

ROWS = [["编码", "名称", "层级"], ["990121001202", "西门村便民服务站", "村"]]
SHEET = "xl/worksheets/sheet1.xml"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def _code(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        open_book(path)
    return caught.value.code


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "sheet.empty_file"),
        ("编码,名称\n990121,甲\n".encode(), "sheet.text_file"),
        ("编码\t名称\n".encode("gbk"), "sheet.text_file"),
        ("编码,名称\n".encode("utf-16"), "sheet.text_file"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "sheet.text_file"),
        (OLE + b"\x00" * 600 + "Workbook".encode("utf-16-le"), "sheet.old_format"),
        (OLE + b"\x00" * 600 + "EncryptedPackage".encode("utf-16-le"), "sheet.encrypted"),
        (b"%PDF-1.7\n\x00\x01", "sheet.other_format"),
        (b"PK\x03\x04" + b"\x00" * 200, "sheet.damaged"),
    ],
)
def test_other_files_are_told_apart(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "items.xlsx"
    path.write_bytes(content)
    assert _code(path) == code


def test_other_packages_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<document/>")
    assert _code(path) == "sheet.other_format"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", "<x/>")
    assert _code(path) == "sheet.other_format"


def test_a_file_that_is_not_there_and_a_folder(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "none.xlsx", "cli.file_none"), (tmp_path, "cli.file")):
        with pytest.raises(ConfigError) as caught:
            open_book(path)
        assert caught.value.code == code
    for language in ("zh", "en"):
        for code in ("cli.file_none", "cli.file"):
            assert "UTF-8" not in catalogue(language)[code]["next"]


def test_a_stray_cell_in_the_last_corner_is_refused_before_it_is_laid_out(tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", 表=ROWS)
    edit(path, SHEET, lambda xml: xml.replace(
        b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'))  # fmt: skip
    book = open_book(path)
    assert book.oversized == {"表": "XFD1048576"} and book.grids == ()
    with pytest.raises(InputError) as caught:
        find_sheet(book, sheet_list("stations"))
    assert caught.value.code == "sheet.too_many_cells" and caught.value.params["cell"] == "XFD1048576"


def test_cells_that_are_only_coloured_do_not_count(tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", 表=ROWS)
    edit(path, SHEET, lambda xml: xml.replace(
        b"</sheetData>", b'<row r="1048576"><c r="XFD1048576" s="1"/></row></sheetData>'))  # fmt: skip
    assert [len(grid.rows) for grid in open_book(path).grids] == [2]


def test_as_many_rows_as_are_allowed(tmp_path: Path) -> None:
    rows = [[990121001000 + index, "村", "村"] for index in range(ROWS_MAX)]
    assert len(open_book(make(tmp_path / "a.xlsx", 表=rows)).grids[0].rows) == ROWS_MAX
    assert open_book(make(tmp_path / "b.xlsx", 表=[*rows, [1]])).oversized == {"表": f"C{ROWS_MAX + 1}"}


def test_a_bomb_is_counted_while_it_is_unpacked(tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", 表=ROWS)
    edit(path, SHEET, lambda xml: xml.replace(b"<sheetData>", b" " * (PARTS_BYTES_MAX + 1) + b"<sheetData>"))
    assert path.stat().st_size < 1024 * 1024
    assert _code(path) == "sheet.too_large"


def test_a_bomb_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", 表=ROWS)
    edit(path, SHEET, lambda xml: xml.replace(b"<sheetData>", b" " * (PARTS_BYTES_MAX + 1) + b"<sheetData>"))
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(SHEET)
    raw = bytearray(path.read_bytes())
    real = info.file_size.to_bytes(4, "little")
    at = raw.find(real)
    while at >= 0:
        raw[at : at + 4] = (500).to_bytes(4, "little")
        at = raw.find(real)
    path.write_bytes(bytes(raw))
    assert _code(path) == "sheet.damaged"


@pytest.mark.parametrize("packed", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_bytes_changed_in_a_packed_part_are_damage_however_it_is_packed(tmp_path: Path, packed: int) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w", packed) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>" * 1000)
    raw = bytearray(path.read_bytes())
    for at in range(60, 140):
        raw[at] ^= 0x5A
    path.write_bytes(bytes(raw))
    assert _code(path) == "sheet.damaged"


def test_a_document_type_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", 表=ROWS)
    edit(path, SHEET, lambda xml: xml.replace(
        b"?>", b'?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>', 1))  # fmt: skip
    assert _code(path) == "sheet.damaged"


def test_a_huge_merged_area_is_cut_to_what_is_filled(tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", 表=Page(rows=ROWS, merged=["A2:A3"]))
    edit(path, SHEET, lambda xml: xml.replace(b'ref="A2:A3"', b'ref="A2:XFD1048576"'))
    assert open_book(path).grids[0].merged == ((1, 0, 1, 2),)


def test_hidden_rows_errors_and_formulas_without_result_are_seen(tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", 表=Page(
        rows=[*ROWS, [Formula("=1/0", "#DIV/0!"), Formula('="甲"', "甲"), Formula("=A9", 7)]],
        hidden_rows=[1],
    ))  # fmt: skip
    edit(path, SHEET, lambda xml: xml.replace(b"<v>7</v>", b""))
    grid = open_book(path).grids[0]
    assert grid.marks.hidden_rows == {1}
    assert grid.marks.errors == {(2, 0): "#DIV/0!"}
    assert grid.marks.without_result == {(2, 2)}
    assert grid.cell(2, 1) == "甲"


def test_cells_without_addresses_and_prefixed_names(tmp_path: Path) -> None:
    """Some programs leave addresses out, or write every element with a prefix."""
    path = make(tmp_path / "a.xlsx", 表=ROWS)
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><x:worksheet xmlns:x="http://schemas.openxmlformats.org/'
        'spreadsheetml/2006/main"><x:sheetData><x:row><x:c t="inlineStr"><x:is><x:t>编码</x:t></x:is></x:c>'
        '<x:c t="inlineStr"><x:is><x:t>名称</x:t></x:is></x:c></x:row></x:sheetData></x:worksheet>'
    )
    edit(path, SHEET, lambda _: xml.encode())
    grid = open_book(path).grids[0]
    assert (grid.marks.rows, grid.marks.columns) == (1, 2)
    assert list(grid.rows[0]) == ["编码", "名称"]


def test_parts_in_other_capitals_and_with_backslashes(tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", 表=ROWS)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    rewrite(
        path,
        {name.replace("/", "\\").replace("worksheets", "Worksheets"): data for name, data in parts.items()},
    )
    assert [list(row) for row in open_book(path).grids[0].rows] == ROWS


def test_every_kind_of_damage_is_an_error_of_the_product(tmp_path: Path) -> None:
    """Bytes flipped and files cut, also behind the packing: a clear refusal, or a file that still reads."""
    whole = make(tmp_path / "a.xlsx", 表=Page(rows=ROWS, merged=["B2:B3"])).read_bytes()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    dice = random.Random(3)
    path = tmp_path / "b.xlsx"
    refused = 0
    for turn in range(400):
        if turn % 2:
            name = dice.choice(sorted(parts))
            data = bytearray(parts[name])
            for _ in range(dice.randint(1, 8)):
                data[dice.randrange(len(data))] = dice.randrange(256)
            rewrite(path, {**parts, name: bytes(data[: dice.randint(1, len(data))] if turn % 3 else data)})
        else:
            raw = bytearray(whole)
            raw[dice.randrange(len(raw))] = dice.randrange(256)
            path.write_bytes(bytes(raw[: dice.randint(1, len(raw))] if turn % 3 else raw))
        try:
            open_book(path)
        except InputError as error:
            assert error.code.startswith("sheet."), error
            refused += 1
    assert refused > 100
