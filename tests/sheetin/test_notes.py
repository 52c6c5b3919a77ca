"""Which rows of a list are data, and which say something about it: no row of data is passed over."""

from __future__ import annotations

import pytest

from stations.sheetin.book import Grid
from stations.sheetin.clean import Raw
from stations.sheetin.columns import ListName, sheet_list
from stations.sheetin.faults import Faults
from stations.sheetin.header import find_header
from stations.sheetin.marks import Marks
from stations.sheetin.table import cut_rows

Area = tuple[int, int, int, int]
STATIONS = ["站点编码", "站点名称", "层级", "上级站点"]
NAMED = ["站点名称", "站点编码", "层级", "上级站点"]
STAFF = ["工号", "姓名", "所在站点", "岗位"]
MATERIALS = ["事项编码", "材料名称", "可容缺"]
BELOW = ["事项编码", "事项名称", "材料名称"]
ROSTER = ["姓名", "电话", "地址", "说明"]
CODE, ITEM = "990121001202", "990200100001"


def _data(name: ListName, heading: list[str], *rows: list[Raw], merged: tuple[Area, ...] = ()) -> list[int]:
    """Return the numbers of the rows, the first below the headings being 1, that are data."""
    grid = Grid(name="表", visible=True, rows=[list[Raw](heading), *rows], merged=merged, marks=Marks())
    header = find_header(grid, sheet_list(name))
    assert header is not None
    return [row.number - 1 for row in cut_rows(grid, header, sheet_list(name), Faults())]


@pytest.mark.parametrize(
    ("name", "heading", "rows", "merged"),
    [
        pytest.param(
            "staff", STAFF, [["V001", "赵东门", CODE, "窗口"], ["", "", "", "经办"]],
            ((1, 0, 2, 0), (1, 1, 2, 1), (1, 2, 2, 2)), id="second role of one person",
        ),
        pytest.param(
            "materials", MATERIALS,
            [[ITEM, "身份证", "否"], ["", "注册商标证书", ""], ["", "说明材料", "是"]],
            ((1, 0, 3, 0),), id="materials of one item",
        ),
        pytest.param(
            "items_with_materials", BELOW,
            [[ITEM, "甲", "身份证"], ["", "", "审核意见表"], ["", "", "注册证"]],
            (), id="materials below their item",
        ),
        pytest.param(
            "stations", STATIONS, [[CODE, "西门村便民服务站", "", ""]], ((1, 1, 1, 3),), id="wide name"
        ),
        pytest.param("stations", STATIONS, [[CODE, "", "", ""]], ((1, 0, 1, 3),), id="wide code"),
        pytest.param(
            "stations", NAMED, [["注城村便民服务站", "", "村", CODE], ["说明村便民服务站", "", "村", ""]],
            (), id="names that begin like notes",
        ),
        pytest.param("roster", ROSTER, [["张三", "外出务工", "", ""]], ((1, 1, 1, 3),), id="wide telephone"),
    ],
)  # fmt: skip
def test_rows_of_data_are_read(
    name: ListName, heading: list[str], rows: list[list[Raw]], merged: tuple[Area, ...]
) -> None:
    assert _data(name, heading, *rows, merged=merged) == list(range(1, len(rows) + 1))


@pytest.mark.parametrize(
    ("name", "heading", "row", "merged"),
    [
        ("stations", STATIONS, ["注：本表一式两份。", "", "", ""], ()),
        ("stations", STATIONS, ["注 1", "见附件", "", ""], ()),
        ("stations", STATIONS, ["说明", "以上站点", "均已挂牌", ""], ()),
        ("stations", STATIONS, ["说明如下", "", "", ""], ()),
        ("stations", STATIONS, ["审核人", "李四", "电话", "123"], ()),
        ("stations", STATIONS, ["审核：李四", "", "2026年3月1日", ""], ()),
        ("stations", STATIONS, ["填表人", "张三", "联系电话", "123"], ()),
        ("stations", NAMED, ["制表人：", "张三", "电话", "123"], ()),
        ("stations", STATIONS, ["2026-03-01", "", "", ""], ((1, 0, 1, 3),)),
        ("stations", STATIONS, ["二、河东镇", "", "", ""], ((1, 0, 1, 3),)),
        ("stations", STATIONS, ["河东镇", "共三个村", "", ""], ((1, 1, 1, 3),)),
        ("stations", STATIONS, ["", "", "溪山县政务服务中心", ""], ()),
        ("roster", ROSTER, ["注：以上人员已核对", "", "", ""], ()),
        ("roster", ROSTER, ["以上人员已核对", "", "", ""], ((1, 0, 1, 3),)),
        ("roster", ROSTER, ["备注：", "以上人员已核对", "", ""], ((1, 1, 1, 3),)),
        ("roster", ROSTER, ["合计", "120 人", "", ""], ((1, 1, 1, 3),)),
        ("items_with_materials", BELOW, ["注：材料均需原件", "", ""], ()),
    ],
)
def test_notes_are_none(name: ListName, heading: list[str], row: list[Raw], merged: tuple[Area, ...]) -> None:
    assert _data(name, heading, row, merged=merged) == []


def test_a_note_inside_the_merged_code_of_an_item_is_no_material() -> None:
    rows: list[list[Raw]] = [[ITEM, "身份证", "否"], ["", "说明：材料均需原件", ""]]
    assert _data("materials", MATERIALS, *rows, merged=((1, 0, 2, 0),)) == [1]
