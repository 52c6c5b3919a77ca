"""The heading row is found where people put it, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError
from stations.sheetin.book import Grid, open_book
from stations.sheetin.clean import Raw, fold_heading
from stations.sheetin.columns import ListName, headings, sheet_list
from stations.sheetin.header import HEADER_ROWS_MAX, find_header, find_sheet, further_sheet
from stations.sheetin.marks import Marks
from tests.sheetin.workbooks import Page, make

LISTS: tuple[ListName, ...] = ("items", "materials", "proofs", "stations", "staff")
STATIONS = sheet_list("stations")
ROW = ["990121001202", "西门村便民服务站", "村"]


def _grid(*rows: list[Raw], merged: tuple[tuple[int, int, int, int], ...] = ()) -> Grid:
    return Grid(name="表", visible=True, rows=rows, merged=merged, marks=Marks())


@pytest.mark.parametrize("above", range(HEADER_ROWS_MAX + 1))
def test_the_first_ten_rows_are_searched(above: int) -> None:
    titles: list[list[Raw]] = [["溪山县站点名单"] for _ in range(above)]
    header = find_header(_grid(*titles, ["编码", "名称", "层级"], ROW), STATIONS)
    if above < HEADER_ROWS_MAX:
        assert header is not None and header.row == above
        assert header.columns == {"division": 0, "name": 1, "level": 2}
    else:
        assert header is None


@pytest.mark.parametrize("name", LISTS)
def test_each_synonym_finds_its_column(name: ListName) -> None:
    wanted = sheet_list(name)
    key = next(column for column in wanted.columns if column.key)
    for column in wanted.columns:
        if column.key:
            continue
        for heading in (column.heading.zh, column.heading.en, *column.names):
            for written in (heading, f" {heading}* ", f"{heading}：", f"{heading}（必填）", heading.upper()):
                header = find_header(_grid([key.heading.zh, written]), wanted)
                assert header is not None and column.field in header.columns, (column.field, written)


@pytest.mark.parametrize("name", LISTS)
def test_no_synonym_means_two_columns_of_one_list(name: ListName) -> None:
    seen: dict[str, str] = {}
    for column in sheet_list(name).columns:
        for heading in (column.heading.zh, column.heading.en, *column.names):
            folded = fold_heading(heading)
            assert seen.setdefault(folded, column.field) == column.field, heading
            assert headings(name)[folded] == column


def test_headings_over_two_rows_with_merged_cells() -> None:
    grid = _grid(
        ["编码", "名称", "层级", "上级站点", ""],
        ["", "", "", "编码", "电话"],
        ROW,
        merged=((0, 0, 1, 0), (0, 1, 1, 1), (0, 2, 1, 2), (0, 3, 0, 4)),
    )
    header = find_header(grid, STATIONS)
    assert header is not None and header.row == 1
    assert header.columns == {"division": 0, "name": 1, "level": 2, "upstream": 3}


def test_a_column_that_stands_twice_is_told() -> None:
    header = find_header(_grid(["编码", "名称", "站点名称"]), STATIONS)
    assert header is not None and header.twice == {"name": (1, 2)}


@given(
    order=st.permutations([column.field for column in STATIONS.columns]),
    strange=st.lists(st.sampled_from(["序号", "电话", "传真", "地址", ""]), max_size=4),
    above=st.integers(0, HEADER_ROWS_MAX - 1),
    pick=st.data(),
)
def test_any_order_any_synonym_any_strangers_between(
    order: list[str], strange: list[str], above: int, pick: st.DataObject
) -> None:
    cells: list[Raw] = []
    for field in order:
        column = STATIONS.column(field)
        cells.append(pick.draw(st.sampled_from([column.heading.zh, column.heading.en, *column.names])))
    for text in strange:
        cells.insert(pick.draw(st.integers(0, len(cells))), text)
    rows: list[list[Raw]] = [["某某县统计表"]] * above
    header = find_header(_grid(*rows, cells, ROW), STATIONS)
    assert header is not None and header.row == above and not header.twice
    assert {field: header.columns[field] for field in order} == header.columns
    for field, place in header.columns.items():
        assert headings("stations")[fold_heading(str(cells[place]))].field == field


@given(
    st.lists(
        st.lists(
            st.text(max_size=8)
            | st.floats(allow_nan=False)
            | st.booleans()
            | st.sampled_from(["编码", "名称", "工号", "事项"]),
            max_size=6,
        ),
        max_size=14,
    )
)
def test_whatever_stands_there_the_search_answers(rows: list[list[Raw]]) -> None:
    for name in LISTS:
        header = find_header(_grid(*rows), sheet_list(name))
        if header is not None:
            assert header.row < HEADER_ROWS_MAX and header.key in header.columns
            assert all(0 <= column < len(rows[header.row]) for column in header.columns.values())


def test_the_sheet_that_fits_is_found(tmp_path: Path) -> None:
    book = open_book(
        make(
            tmp_path / "a.xlsx",
            封面=[["说明"]],
            旧表=Page(rows=[["编码", "名称", "层级"], ROW], hidden=True),
            名单=[["编码", "名称", "层级"], ROW],
            人员=[["工号", "姓名", "站点", "岗位"], ["V001", "赵", "x", "窗口"]],
        )
    )
    assert find_sheet(book, STATIONS)[0].name == "名单"
    assert find_sheet(book, sheet_list("staff"))[0].name == "人员"
    assert find_sheet(book, STATIONS, named="旧 表")[0].name == "旧表"
    assert further_sheet(book, sheet_list("materials"), beside=book.grids[0]) is None


def test_of_two_that_fit_the_one_with_the_lists_name_is_taken_else_a_person_says_which(
    tmp_path: Path,
) -> None:
    two = [["编码", "名称", "层级"], ROW]
    assert (
        find_sheet(open_book(make(tmp_path / "a.xlsx", Sheet1=two, 站点名单=two)), STATIONS)[0].name
        == "站点名单"
    )
    with pytest.raises(InputError) as caught:
        find_sheet(open_book(make(tmp_path / "b.xlsx", 一=two, 二=two)), STATIONS)
    assert caught.value.code == "sheet.several" and caught.value.params["choices"] == ("一", "二")


@pytest.mark.parametrize(
    ("rows", "named", "code"),
    [
        ([["甲", "乙"], [1, 2]], "", "sheet.no_header"),
        ([["编码", "层级"], ROW], "", "sheet.column_missing"),
        ([["编码", "名称"], ROW], "别的", "sheet.unknown"),
        ([], "", "sheet.no_header"),
    ],
)
def test_what_is_not_found_is_said(tmp_path: Path, rows: list, named: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        find_sheet(open_book(make(tmp_path / "a.xlsx", 表=rows)), STATIONS, named=named)
    assert caught.value.code == code
