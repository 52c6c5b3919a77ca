"""The list of items from Excel: one publication, findings at their cells, what is left out stays."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from ledger.data import items as parsed_items
from ledger.data import shipped_case_types, shipped_items
from ledger.known.knowledge import PUBLISH_CASE_TYPES, PUBLISH_ITEMS
from ledger.rules.catalogue import Catalogue, read_publication
from stations.imports.fill import item_pages
from stations.imports.itembook import read_item_book
from stations.imports.itemlist import plan_items
from stations.sheetin.book import open_book
from stations.sheetin.faults import Faults
from stations.sheetin.template import write_template
from tests.cli.conftest import Terminal
from tests.sheetin.workbooks import Page, make

NEW = "990109900099"
FOOD = "990100100001"
PROOFS = "990104200042"
HEAD = ["事项编码", "事项名称", "事项性质", "收件层级", "决定层级", "办件类型", "法定时限", "承诺时限"]
ROW = [NEW, "电动自行车登记", "公共服务", "县、乡镇、村", "县", "承诺件", "", 3]


def _import(terminal: Terminal, path: Path, *more: str, lang: str = "zh") -> object:
    return terminal.run("catalogue", "import", str(path), "--as", "R001", *more, lang=lang)


def _version(terminal: Terminal) -> int:
    return int(terminal.ok("registry", "show", "--json").json["catalogue_size"])


def _item(terminal: Terminal, code: str) -> dict:
    return terminal.ok("catalogue", "show", code, "--json").json


def _errors(result: object) -> set[tuple[str, str, str]]:
    assert result.code == 1, result.err
    return {(error["sheet"], error["cell"], error["code"]) for error in result.json["errors"]}


def test_new_items_with_materials_on_a_second_sheet_in_one_publication(
    county: Terminal, tmp_path: Path
) -> None:
    path = make(
        tmp_path / "items.xlsx",
        目录=[
            ["溪山县事项目录（2026）"],
            HEAD,
            ROW,
            [FOOD, "食品经营许可(新办)", "", "", "", "", "", "３个工作日"],
        ],
        材料清单=[
            ["事项编码", "事项名称", "材料名称", "来源", "是否可容缺"],
            [NEW, "电动自行车登记", "申请书", "", ""],
            [float(NEW), "", "购车发票", "申请人自备", "是"],
        ],
    )
    # An empty cell of what an item must have is no way to keep what is held: the column is left out instead.
    assert _errors(_import(county, path, "--json")) == {
        ("目录", f"{column}4", "cell.missing_new") for column in "CDEF"
    }
    path = make(tmp_path / "a.xlsx", 目录=[HEAD, ROW], 材料清单=[
        ["事项编码", "事项名称", "材料名称", "来源", "是否可容缺"],
        [NEW, "电动自行车登记", "申请书", "", ""],
        [float(NEW), "", "购车发票", "申请人自备", "是"],
    ])  # fmt: skip
    before = _version(county)
    done = _import(county, path, "--json").json
    assert done["signed"] == 1 and _version(county) == before + 1 and len(done["absent"]) == 48
    found = _item(county, NEW)
    assert found["zh"] == found["en"] == "电动自行车登记" and found["promised_days"] == 3
    assert found["accept_levels"] == ["county", "township"] and found["legal_days"] is None
    assert found["receipt_capacity"] == {
        "county": "receiving_point", "township": "receiving_point", "village": "applicant_agent",
    }  # fmt: skip
    assert [(paper["code"], paper["zh"], paper["deferrable"]) for paper in found["materials"]] == [
        ("m01", "申请书", False),
        ("m02", "购车发票", True),
    ]
    assert _import(county, path, "--json").json["signed"] == 0 and _version(county) == before + 1
    county.ok("receive", NEW, "--name", "甲", "--materials", "all", "--as", "V001")


def test_materials_in_rows_below_the_item(county: Terminal, tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", 事项=Page(
        rows=[
            [*HEAD, "材料名称", "可容缺"],
            [*ROW, "申请书", ""],
            ["", "", "", "", "", "", "", "", "发票"],
            ["", "", "", "", "", "", "", "", "合格证", "是"],
            ["990109900100", *ROW[1:], "身份证", ""],
            ["", "", "", "", "", "", "", "", "照片", ""],
            ["990109900101", *ROW[1:], "无", ""],
            ["注：材料一律收复印件"],
        ],
        merged=["A5:A6", "B5:B6", "C5:C6", "D5:D6", "E5:E6", "F5:F6"],
    ))  # fmt: skip
    done = _import(county, path, "--json")
    assert done.code == 0 and [entry["key"] for entry in done.json["new"]] == [
        NEW,
        "990109900100",
        "990109900101",
    ]
    assert [paper["zh"] for paper in _item(county, NEW)["materials"]] == ["申请书", "发票", "合格证"]
    assert [paper["zh"] for paper in _item(county, "990109900100")["materials"]] == ["身份证", "照片"]
    assert _item(county, "990109900101")["materials"] == []


def test_two_items_under_one_code_are_told_at_their_cells(county: Terminal, tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", 事项=[
        [*HEAD, "材料名称"],
        [*ROW, "申请书"],
        [*ROW, "发票"],
        [NEW, "", *ROW[2:7], "", "合格证"],
        [NEW, "三轮车登记", *ROW[2:7], 5, "身份证"],
        ["", "", "", "", "县", "", "", "", "照片"],
        ["", "", "", "", "乡镇", "", "", "", "户口簿"],
    ])  # fmt: skip
    before = _version(county)
    assert _errors(_import(county, path, "--json")) == {
        ("事项", cell, "row.item_differs") for cell in ("B5", "H5", "E7")
    }
    assert _version(county) == before


def test_columns_that_the_file_leaves_out_stay_as_they_are(county: Terminal, tmp_path: Path) -> None:
    before = _item(county, FOOD)
    path = make(tmp_path / "a.xlsx", 事项=[["编码", "名称", "承诺时限"], [FOOD, "食品经营许可(新办)", 4]])
    shown = _import(county, path, "--dry-run")
    assert "承诺时限：5 → 4" in shown.out and "修改 1" in shown.out
    found = _import(county, path, "--json").json
    assert found["changed"][0]["changes"] == [{"field": "承诺时限", "old": "5", "new": "4"}]
    assert _item(county, FOOD) == {**before, "promised_days": 4}


def test_a_material_that_changes_goes_and_comes(county: Terminal, tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.xlsx",
        事项=[["编码", "名称"], [FOOD, "食品经营许可(新办)"]],
        材料=[
            ["事项编码", "材料名称", "可容缺"],
            [FOOD, "申请书", "否"],
            [FOOD, "场所平面布局图", "否"],
            [FOOD, "租赁证明", "否"],
            [FOOD, "健康承诺书", "否"],
        ],
    )
    look = _import(county, path, "--dry-run", lang="en")
    assert "Materials m03: " in look.out and "Materials m07: (empty) → " in look.out
    changes = _import(county, path, "--json").json["changed"][0]["changes"]
    assert [change["field"] for change in changes] == [
        "材料 m02",
        "材料 m03",
        "材料 m04",
        "材料 m05",
        "材料 m07",
    ]
    papers = {paper["code"]: paper for paper in _item(county, FOOD)["materials"]}
    assert list(papers) == ["m01", "m04", "m06", "m07"]
    assert papers["m04"]["en"] == "floor plan" and not papers["m04"]["deferrable"]


def test_the_linter_speaks_of_cells(county: Terminal, tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.xlsx",
        事项=[
            [*HEAD, "受理层级", "机关收件点层级", "审批告知承诺", "证明告知承诺"],
            [NEW, "甲", "许可", "县、村", "县", "承诺件", "", 3, "县、村", "村", "", "是"],
            ["990109900100", "乙", "许可", "县", "自助终端", "承诺件", 5, 9, "县", "", "是", ""],
            ["990109900101", "丙", "公共服务", "县", "县", "即办件", "", "", "", "", "是", ""],
            ["990109900102", "丁", "公共服务", "县", "县", "没有的", "", "", "", "", "", ""],
        ],
        材料=[["事项编码", "材料名称", "来源", "可容缺", "可承诺"], [NEW, "执照", "电子证照", "是", ""]],
    )
    before = _version(county)
    result = _import(county, path, "--json")
    assert _errors(result) == {
        ("事项", "G2", "lint.permit_days"),
        ("事项", "I2", "lint.village_accepts"),
        ("事项", "J2", "lint.capacity_village"),
        ("事项", "L2", "lint.promise_materials"),
        ("材料", "B2", "lint.deferrable_source"),
        ("事项", "E3", "lint.decides_outside"),
        ("事项", "H3", "lint.promise_longer"),
        ("事项", "3", "lint.post_check_days"),
        ("事项", "4", "lint.post_check_days"),
        ("事项", "F4", "lint.type_lacks"),
        ("事项", "F5", "cell.choice"),
    }
    village = next(error for error in result.json["errors"] if error["code"] == "lint.village_accepts")
    assert "「村」" in village["what"] and "受理层级" in village["next"]
    assert _version(county) == before


def test_codes_and_rows_that_cannot_be_taken(county: Terminal, tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.xlsx",
        事项=[
            HEAD,
            [131128000, *ROW[1:]],
            ROW,
            ROW,
            ["990109900100", "", *ROW[2:]],
            ["990109900101", "缺的", "", "", "", "", "", ""],
            ["990109900102", "天数", "公共服务", "县", "县", "承诺件", "二十", 1.5],
        ],
        材料=[["事项编码", "材料名称"], ["990109999999", "甲"], [NEW, "乙"], [NEW, "乙"], ["", "丙"]],
        村级证明=[["事项编码", "证明代码", "证明名称", "可开具"], [PROOFS, "x", "某证明", "也许"]],
    )
    assert _errors(_import(county, path, "--json")) == {
        ("事项", "A2", "cell.code_zeros"),
        ("事项", "A4", "cell.duplicate"),
        ("事项", "B5", "cell.missing"),
        *(("事项", f"{column}6", "cell.missing_new") for column in "CDEF"),
        ("事项", "G7", "cell.days"),
        ("事项", "H7", "cell.days"),
        ("材料", "A2", "row.item_unknown"),
        ("材料", "B4", "cell.duplicate"),
        ("材料", "A5", "cell.missing"),
        ("村级证明", "D2", "cell.choice"),
    }


def test_items_that_are_not_in_the_file_go_only_if_that_is_said(county: Terminal, tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", 事项=[HEAD, ROW])
    assert _import(county, path, "--json").json["signed"] == 1
    assert len(county.ok("catalogue", "list", "--json").lines) == 49
    look = _import(county, path, "--replace", "--dry-run")
    assert "撤销 48" in look.out and f"- {FOOD}" in look.out
    assert _import(county, path, "--replace", "--json").json["signed"] == 1
    assert [row["code"] for row in county.ok("catalogue", "list", "--json").lines] == [NEW]


def test_only_a_registrar_publishes(county: Terminal, tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", 事项=[HEAD, ROW])
    before = _version(county)
    refused = county.run("catalogue", "import", str(path), "--as", "V001")
    assert refused.code == 1 and _version(county) == before


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_48_items_go_out_and_come_in_without_difference(
    county: Terminal, tmp_path: Path, lang: str
) -> None:
    filled = tmp_path / "items.xlsx"
    county.ok("catalogue", "import", "--template", str(filled), "--filled", lang=lang)
    for reader in ("zh", "en"):
        found = _import(county, filled, "--replace", "--json", lang=reader).json
        assert (found["signed"], len(found["unchanged"]), found["notices"]) == (0, 48, []), reader


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_48_items_come_whole_into_an_empty_catalogue(tmp_path: Path, lang: str) -> None:
    full, empty = Catalogue(), Catalogue()
    for catalogue in (full, empty):
        catalogue.apply(PUBLISH_CASE_TYPES, {"case_types": shipped_case_types()}, position=1)
    full.apply(PUBLISH_ITEMS, {"items": shipped_items()}, position=2)
    path = tmp_path / "items.xlsx"
    write_template(path, item_pages(full, lang), language=lang)
    faults = Faults()
    plan = plan_items(read_item_book(open_book(path), faults), empty, faults, replace=False)
    assert faults.found == []
    assert plan.facts["items"] == shipped_items(), "field by field as the files that ship"
    assert read_publication(PUBLISH_ITEMS, plan.facts).items == parsed_items()


def test_the_empty_template_has_headings_explanations_and_words_to_choose(
    county: Terminal, tmp_path: Path
) -> None:
    path = tmp_path / "items.xlsx"
    county.ok("catalogue", "import", "--template", str(path))
    grids = {grid.name: grid for grid in open_book(path).grids}
    assert list(grids) == ["事项", "材料", "填写说明"]
    assert grids["事项"].rows[0][:2] == ["事项编码*", "事项名称*"] and len(grids["事项"].rows) == 1
    explained = {(row[0], row[1]): row for row in grids["填写说明"].rows[3:]}
    assert explained["材料", "材料来源"][4] == "申请人提交、电子证照、部门共享"
    assert explained["事项", "事项编码"][5] == FOOD


def test_texts_that_look_like_formulas_stay_texts(county: Terminal, tmp_path: Path) -> None:
    evil = '=HYPERLINK("http://x","点")'
    path = make(tmp_path / "a.xlsx", 事项=[HEAD, [NEW, evil, *ROW[2:]]])
    assert _import(county, path, "--json").json["signed"] == 1
    filled = tmp_path / "filled.xlsx"
    county.ok("catalogue", "import", "--template", str(filled), "--filled")
    grid = next(grid for grid in open_book(filled).grids if grid.name == "事项")
    assert evil in [row[1] for row in grid.rows] and not grid.marks.without_result
    with zipfile.ZipFile(filled) as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")


def test_more_than_one_publication_can_hold_is_said_before_anything_is_signed(
    county: Terminal, tmp_path: Path
) -> None:
    long = "长" * 200
    rows = [[f"9901{n:08d}", long, *ROW[2:], long] for n in range(2500)]
    path = make(tmp_path / "a.xlsx", 事项=[[*HEAD, "地方依据"], *rows])
    before = _version(county)
    assert _errors(_import(county, path, "--dry-run", "--json")) == {("", "", "sheet.publication")}
    assert _errors(_import(county, path, "--json")) == {("", "", "sheet.publication")}
    assert _version(county) == before
