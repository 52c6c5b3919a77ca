"""The list of stations from Excel: odd files, faults at their cells, nothing half written, kills survived."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from ledger.facade import Ledger
from ledger.types import StationId
from stations.cli.counterday.demo import COUNTY, TOWNSHIP, VILLAGE
from tests.cli.conftest import PASSPHRASE, Terminal
from tests.sheetin.workbooks import Formula, Page, make

HEAD = ["站点编码", "站点名称", "层级"]


def _import(terminal: Terminal, path: Path, *more: str, lang: str = "zh") -> object:
    return terminal.run("registry", "import", "stations", str(path), "--as", "R001", *more, lang=lang)


def _size(terminal: Terminal) -> int:
    return int(terminal.ok("registry", "show", "--json").json["registry_size"])


def _stations(terminal: Terminal) -> dict[str, dict]:
    return {row["station"]: row for row in terminal.ok("station", "list", "--json").lines}


def _errors(result: object) -> set[tuple[str, str]]:
    assert result.code == 1, result.err
    assert result.json["ok"] is False and result.json["signed"] == 0
    return {(error["cell"], error["code"]) for error in result.json["errors"]}


def test_a_list_on_a_hidden_sheet_is_told_and_named(county: Terminal, tmp_path: Path) -> None:
    rows = [HEAD, ["990121001202", "西门村便民服务站", "村"]]
    path = make(tmp_path / "stations.xlsx", 封面=[["溪山县"]], 旧名单=Page(rows=rows, hidden=True))
    look = _import(county, path, "--dry-run")
    assert look.code == 0, look.err
    assert "「旧名单」第 2 行" in look.out and "隐藏" in look.err
    found = _import(county, path, "--dry-run", "--json").json
    assert [(one["sheet"], one["code"]) for one in found["notices"]] == [("旧名单", "sheet.hidden")]
    shown = make(tmp_path / "seen.xlsx", 名单=Page(rows=rows))
    assert _import(county, shown, "--dry-run", "--json").json["notices"] == []
    nowhere = _import(county, tmp_path / "none.xlsx")
    assert nowhere.code == 2 and "[cli.file_none]" in nowhere.err and "UTF-8" not in nowhere.err


def test_sheets_that_fit_and_are_not_read_are_told(county: Terminal, tmp_path: Path) -> None:
    def rows(number: int) -> list[list[object]]:
        return [HEAD, [f"990121001{number}", "西门村便民服务站", "村"]]

    path = make(
        tmp_path / "stations.xlsx",
        站点=rows(202), 站点2=rows(203), 去年=Page(rows=rows(204), hidden=True), 空表=[HEAD],
        电话=[["甲", "乙"], [1, 2]],
        太大=Page(rows=[["x"]] * 20_002),
    )  # fmt: skip
    told = [("站点2", "sheet.not_read"), ("去年", "sheet.not_read"), ("太大", "sheet.too_many_cells")]
    found = _import(county, path, "--dry-run", "--json").json
    assert [(one["sheet"], one["code"]) for one in found["notices"]] == told
    look = _import(county, path, "--dry-run")
    assert look.code == 0 and "站点2" in look.err and "没有读" in look.err and "--sheet" in look.err
    named = _import(county, path, "--dry-run", "--json", "--sheet", "站点2").json
    assert named["notices"] == []


def test_a_list_as_offices_keep_it(county: Terminal, tmp_path: Path) -> None:
    path = make(tmp_path / "stations.xlsx", 封面=[["溪山县"]], 站点名单=Page(
        rows=[
            ["溪山县便民服务站点名单"],
            ["", "", "", "填报日期：", date(2026, 3, 1)],
            [],
            ["序号", "１２位区划代码 *", "站点名称", "站点类型", "所属乡镇", "备注"],
            [1, 990121001202.0, "西门村\u00a0便民服务站\u200b ", "村", "城关镇便民服务中心"],
            [2, "９９０１２１００１２０３", "南门村便民服务站", "社区", ""],
            [],
            [3, "9.90121001204E+11", "北门村便民服务站", "村级", 990121001000],
            [4, "990121002000.0", "河东镇便民服务中心", "乡（镇）", "", "新设"],
            [5, Formula('="99012100220"&"1"', "990121002201"), "河东村便民服务站", "村", ""],
            [6, "990121002201-0A", "河东村自助终端", "自助终端", ""],
            [7, "", "", "", ""],
            ["注：本表一式两份。"],
            ["制表人：", "张三", "", "电话", "123"],
        ],
        merged=["A1:F1", "A13:F13"],
        hidden_rows=[5],
        hidden_columns=[3],
    ))  # fmt: skip
    before = _size(county)
    look = _import(county, path, "--dry-run", "--json").json
    assert (look["signed"], look["dry_run"], _size(county)) == (0, True, before)
    told = {(notice["cell"], notice["code"]) for notice in look["notices"]}
    assert told == {("D4", "sheet.column_hidden"), ("", "row.hidden"), ("13", "row.note"), ("14", "row.note")}
    done = _import(county, path, "--json").json
    assert done["signed"] == 6 and _size(county) == before + 6
    held = _stations(county)
    assert held["990121001202-00"]["name"] == "西门村 便民服务站"
    for station, level, upstream in (
        ("990121001203-00", "village", TOWNSHIP),
        ("990121001204-00", "village", TOWNSHIP),
        ("990121002000-00", "township", COUNTY),
        ("990121002201-00", "village", "990121002000-00"),
        ("990121002201-0A", "kiosk", "990121002201-00"),
    ):
        assert (held[station]["level"], held[station]["upstream"]) == (level, upstream)
    again = _import(county, path, "--json").json
    assert again["signed"] == 0 and len(again["unchanged"]) == 6 and _size(county) == before + 6


def test_every_fault_at_its_cell_and_nothing_written(county: Terminal, tmp_path: Path) -> None:
    path = make(tmp_path / "bad.xlsx", 站点名单=[
        [*HEAD, "上级"],
        [99012100120, "甲", "村"],
        ["990121001205", "", "村"],
        ["990121001206", "丙", "行政村组"],
        ["990121001206", "丙二", "村"],
        [date(2026, 1, 2), "丁", "村"],
        ["9.9012E+11", "戊", "村"],
        ["110121001206", "己", "村"],
        ["990121001207", "庚", "村", "没有镇"],
        ["990121009207", "辛", "村"],
        [TOWNSHIP, "城关镇新名", "乡镇"],
        [Formula("=1/0", "#N/A"), "壬", "村"],
        [9901210012071234567, "癸", "村"],
        ["990121001208", "子", "村", "990121001208"],
        ["990121001209", "丑"],
        ["990121001210", "好的", "村"],
    ])  # fmt: skip
    before = _size(county)
    assert _errors(_import(county, path, "--json")) == {
        ("A2", "cell.code_zeros"),
        ("B3", "cell.missing"),
        ("C4", "cell.choice"),
        ("A5", "cell.duplicate"),
        ("A6", "cell.date"),
        ("A7", "cell.exponent"),
        ("A8", "row.other_county"),
        ("D9", "row.place_unknown"),
        ("D10", "row.upstream"),
        ("B11", "row.station_above"),
        ("A12", "cell.error"),
        ("A13", "cell.rounded"),
        ("D14", "row.circle"),
        ("C15", "cell.missing_new"),
    }
    assert _size(county) == before and "990121001210-00" not in _stations(county)


@pytest.mark.parametrize(
    ("lang", "place", "cure"),
    [
        ("zh", "「站点」C2（层级）：不认识「地市」", "可以写：县、乡镇"),
        ("en", "站点!C2 (层级): “地市”", "county, township"),
    ],
)
def test_a_fault_in_both_languages_within_eighty_columns(
    county: Terminal, tmp_path: Path, lang: str, place: str, cure: str
) -> None:
    path = make(tmp_path / "a.xlsx", 站点=[HEAD, ["990121001205", "甲", "地市"]])
    shown = _import(county, path, lang=lang)
    assert shown.code == 1 and shown.out == "" and place in shown.err and cure in shown.err
    from stations.words.cells import cell_width

    assert all(cell_width(line) <= 80 for line in shown.err.splitlines())


def test_very_many_faults_are_counted_and_the_first_shown(county: Terminal, tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", 站点=[HEAD, *(["x", "甲", "地市"] for _ in range(600))])
    shown = _import(county, path)
    assert shown.err.count("✗") == 100 and "还有 1100 处" in shown.err and "共 1200 处错误" in shown.err
    found = _import(county, path, "--json").json
    assert found["faults"] == 1200 and len(found["errors"]) == 1000


def test_merged_station_above_over_several_rows(county: Terminal, tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", 站点=Page(
        rows=[
            ["所属乡镇", *HEAD],
            ["城关镇便民服务中心", "990121001211", "甲村站", "村"],
            ["", "990121001212", "乙村站", "村"],
            ["", "990121001213", "丙村站", "村"],
            ["一、其他", "", "", ""],
        ],
        merged=["A2:A4", "A5:D5"],
    ))  # fmt: skip
    assert _import(county, path, "--json").json["signed"] == 3
    assert {_stations(county)[f"99012100121{n}-00"]["upstream"] for n in (1, 2, 3)} == {TOWNSHIP}


def test_a_village_station_is_renamed_and_a_closed_one_opened(county: Terminal, tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", 站点=[HEAD, [VILLAGE, "东门社区便民服务站", "村"]])
    shown = _import(county, path, "--dry-run")
    assert "站点名称：东门村便民服务站 → 东门社区便民服务站" in shown.out
    assert _import(county, path, "--json").json["signed"] == 2
    assert _stations(county)[VILLAGE]["name"] == "东门社区便民服务站"
    county.ok("station", "close", VILLAGE, "--as", "R001")
    assert _import(county, path, "--json").json["signed"] == 1
    assert _stations(county)[VILLAGE]["name"] == "东门社区便民服务站"
    received = county.run("receive", "城乡居民医保", "--name", "甲", "--materials", "all", "--as", "V001")
    assert received.code == 0, received.err


def test_a_row_of_totals_is_a_note_wherever_its_word_stands(county: Terminal, tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", 站点=[
        ["序号", *HEAD], [1, "990121001205", "西门村便民服务站", "村"], ["小计", 1],
        [2, "990121001206", "北门村便民服务站", "村"], ["合计：", 2, "2 个"],
    ])  # fmt: skip
    done = _import(county, path, "--json")
    assert done.code == 0 and done.json["signed"] == 2, done.err
    assert [one["code"] for one in done.json["notices"]] == ["row.note", "row.note"]


def test_who_is_no_registrar_is_told_once(county: Terminal, tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.xlsx", 站点=[HEAD, *([f"9901210012{n}", f"村{n}", "村"] for n in range(20, 60))]
    )
    refused = county.run("registry", "import", "stations", str(path), "--as", "V001")
    assert refused.code == 1 and "[registry.not_registrar]" in refused.err and refused.err.count("✗") == 1
    assert county.ok("registry", "import", "stations", str(path), "--dry-run", "--json").json["new"]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.csv", "编码,名称\n".encode(), "sheet.text_file"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "sheet.old_format"),
    ],
)
def test_other_files_are_refused_with_what_helps(
    county: Terminal, tmp_path: Path, name: str, content: bytes, code: str
) -> None:
    (tmp_path / name).write_bytes(content)
    refused = _import(county, tmp_path / name)
    assert refused.code == 1 and f"[{code}]" in refused.err and "另存为 .xlsx" in refused.err


def test_which_list_a_file_holds_its_headings_say(county: Terminal, tmp_path: Path) -> None:
    def both(file: Path, *more: str) -> object:
        return county.run("registry", "import", str(file), "--as", "R001", *more)

    places = make(tmp_path / "stations.xlsx", 表=[HEAD, ["990121001202", "西门村便民服务站", "村"]])
    look = both(places, "--dry-run", "--json")
    assert look.code == 0 and [one["key"] for one in look.json["new"]] == ["990121001202-00"], look.err
    people = make(tmp_path / "staff.xlsx", 表=[
        ["工号", "姓名", "站点编码", "单位名称", "岗位"],
        ["V001", "姓名V001", VILLAGE, "东门村", "窗口、档案"],
    ])  # fmt: skip
    assert both(people, "--json").json["signed"] == 1
    for found in (
        make(tmp_path / "none.xlsx", 表=[["甲", "乙"], [1, 2]]),
        make(tmp_path / "both.xlsx", 站点=[HEAD], 人员=[["工号", "姓名", "站点", "岗位"]]),
    ):
        refused = both(found)
        assert refused.code == 1 and "[sheet.which_list]" in refused.err and "import staff" in refused.err
    two = make(tmp_path / "two.xlsx", 站点=[HEAD, ["990121001202", "西门村便民服务站", "村"]], 人员=[
        ["工号", "姓名", "站点", "岗位"]
    ])  # fmt: skip
    assert both(two, "--sheet", "站点", "--json").json["signed"] == 1
    assert "[sheet.unknown]" in both(two, "--sheet", "没有").err
    assert "[cli.file_none]" in both(tmp_path / "stationz").err


def test_a_file_is_needed(county: Terminal) -> None:
    refused = county.run("registry", "import", "stations")
    assert refused.code == 2 and "[cli.missing]" in refused.err


def test_the_template_is_read_as_an_empty_list_and_filled_gives_no_difference(
    county: Terminal, tmp_path: Path
) -> None:
    for lang in ("zh", "en"):
        empty, filled = tmp_path / f"{lang}.xlsx", tmp_path / f"{lang}-filled.xlsx"
        county.ok("registry", "import", "stations", "--template", str(empty), lang=lang)
        assert county.run("registry", "import", "stations", "--template", str(empty)).code == 2
        assert _errors(_import(county, empty, "--json")) == {("1", "sheet.no_rows")}
        county.ok("registry", "import", "stations", "--template", str(filled), "--filled", lang=lang)
        found = _import(county, filled, "--json").json
        assert (found["signed"], len(found["unchanged"]), found["notices"]) == (0, 3, [])
    nowhere = county.run("registry", "import", "stations", "--template", str(tmp_path / "none" / "a.xlsx"))
    assert nowhere.code == 2 and "[cli.folder]" in nowhere.err


_KILLED = """
import os, signal, sys
import ledger.facade.opened.ledger as facade
from stations.cli.main import main
counted = 0
real = facade.Ledger.register
def register(self, *args, **kwargs):
    global counted
    if counted == int(os.environ["KILL_AFTER"]):
        os.kill(os.getpid(), signal.SIGKILL)
    counted += 1
    return real(self, *args, **kwargs)
facade.Ledger.register = register
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a thing of POSIX")
@pytest.mark.parametrize("after", [0, 1, 7])
def test_killed_while_writing_the_next_import_goes_on(county: Terminal, tmp_path: Path, after: int) -> None:
    rows = [[f"9901210012{n}", f"村{n}", "村"] for n in range(30, 40)]
    path = make(tmp_path / "a.xlsx", 站点=[HEAD, *rows])
    before = _size(county)
    _killed(county, path, after)
    assert _size(county) == before + after
    assert _import(county, path, "--json").json["signed"] == 10 - after
    assert _size(county) == before + 10
    assert _import(county, path, "--json").json["signed"] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a thing of POSIX")
@pytest.mark.parametrize("columns", [("编码", "名称"), ("编码", "名称", "层级", "上级", "编码来源")])
@pytest.mark.parametrize("after", [1, 3])
def test_killed_between_closing_and_enrolling_nothing_moves(
    county: Terminal, tmp_path: Path, after: int, columns: tuple[str, ...]
) -> None:
    """What the file does not say stays as it was held, whichever act the first import came to."""
    above, codes = "990121002000-00", "统计用区划代码2023"
    head = ["编码", "名称", "层级", "上级", "编码来源"]
    rows = [[f"99012100123{n}", f"村{n}", "村", above, codes] for n in range(3)]
    first = make(tmp_path / "a.xlsx", 站点=[head, [above, "河东镇", "乡镇", "", codes], *rows])
    assert _import(county, first, "--json").json["signed"] == 4
    held = _stations(county)
    named = [[row[0], f"新{row[1]}", "村", "", ""][: len(columns)] for row in rows]
    path = make(tmp_path / "b.xlsx", 站点=[list(columns), *named])
    before = _size(county)
    _killed(county, path, after)
    assert _size(county) == before + after
    done = _import(county, path, "--json")
    assert done.code == 0 and done.json["signed"] == 6 - after, done.err
    names = {f"{row[0]}-00": row[1] for row in named}
    assert _stations(county) == {
        number: {**station, "name": names.get(number, station["name"])} for number, station in held.items()
    }
    assert {_code_list(county, number) for number in names} == {codes}


def test_a_closed_station_below_one_that_closed_too_is_placed_by_its_code(
    county: Terminal, tmp_path: Path
) -> None:
    head = ["编码", "名称", "层级", "上级"]
    first = [["990121002000", "河东镇", "乡镇", ""], ["990121001233", "村", "村", "990121002000"]]
    assert _import(county, make(tmp_path / "a.xlsx", 站点=[head, *first]), "--json").json["signed"] == 2
    for number in ("990121001233-00", "990121002000-00"):
        county.ok("station", "close", number, "--as", "R001")
    again = make(tmp_path / "b.xlsx", 站点=[head[:2], ["990121001233", "村"]])
    assert _import(county, again, "--json").json["signed"] == 1
    assert _stations(county)["990121001233-00"]["upstream"] == TOWNSHIP
    # It comes back at another level, under which the station above it cannot stand: the county is above it.
    county.ok("station", "close", "990121001233-00", "--as", "R001")
    raised = make(tmp_path / "c.xlsx", 站点=[head[:3], ["990121001233", "村", "乡镇"]])
    assert _import(county, raised, "--json").json["signed"] == 1
    assert _stations(county)["990121001233-00"]["upstream"] == COUNTY


def _code_list(terminal: Terminal, station: str) -> str:
    assert terminal.folder is not None
    with Ledger.open(terminal.folder, write=False) as ledger:
        held = ledger.knowledge.registry.station(StationId(station))
    assert held is not None
    return held.code_system


def _killed(terminal: Terminal, path: Path, after: int) -> None:
    """Import a list and end the process before the act after so many; returns when it is dead."""
    word = path.with_suffix(".pass")
    word.write_text(PASSPHRASE)
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, "registry", "import", "stations", str(path), "--as", "R001"],
        env={**os.environ, "BANJIAN_DIR": str(terminal.folder), "KILL_AFTER": str(after),
             "BANJIAN_PASSPHRASE_FILE": str(word), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
