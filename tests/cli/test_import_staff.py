"""The list of staff from Excel: own key requests, roles granted and ended, who is missing named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ledger.facade import Ledger
from ledger.store import schema
from stations.cli.counterday.demo import COUNTY, TOWNSHIP, VILLAGE
from tests.cli.conftest import Terminal
from tests.sheetin.workbooks import Page, make

HEAD = ["工号", "姓名", "站点", "岗位"]


def _import(terminal: Terminal, path: Path, *more: str, lang: str = "zh") -> object:
    return terminal.run("registry", "import", "staff", str(path), "--as", "R001", *more, lang=lang)


def _people(terminal: Terminal) -> dict[str, dict]:
    return {
        row["staff_no"]: row for row in terminal.ok("staff", "list", "--json").lines if row["kind"] == "staff"
    }


def _personal(terminal: Terminal) -> list[dict]:
    """The personal bodies of the registry as they go to every station."""
    assert terminal.folder is not None
    with Ledger.open(terminal.folder, write=False) as ledger, ledger.reading() as (tx, parts):
        log = next(log for log in ledger.logs() if log.kind == "registry").log_id.hex()
        acts = [row for row in tx.select(schema.ACTS, {}) if row[2] == log]
        return [personal for row in acts if (personal := parts.reader.personal(tx, row[0], row[1]))]


def _errors(result: object) -> set[tuple[str, str]]:
    assert result.code == 1, result.err
    return {(error["cell"], error["code"]) for error in result.json["errors"]}


def _request(terminal: Terminal, folder: Path, no: str, *, name: str = "") -> str:
    """Make a key on another machine and its request; returns the key's number."""
    folder.mkdir(exist_ok=True)
    ledger_id = terminal.ok("registry", "show", "--json").json["ledger_id"]
    out = folder / f"{name or no}.key"
    made = Terminal(clock=terminal.clock).ok(
        "key", "new", "--no", no, "--out", str(out), "--ledger-id", ledger_id, "--json"
    )
    return str(made.json["key_id"])


def test_enrolment_with_requests_roles_and_who_is_missing(county: Terminal, tmp_path: Path) -> None:
    path = make(tmp_path / "staff.xlsx", 花名册=Page(
        rows=[
            ["溪山县窗口人员花名册"],
            ["序号", "人员编号", "姓名", "所在单位", "岗位职责", "范围", "手机号"],
            [1, "W００2", "张\u3000三", "东门村便民服务站", "窗口、档案", "", 13800000001.0],
            [2, "W003", "李四", 990121001000, "审批", "含下级", ""],
            [3, "", "", "", "窗口", "本站", ""],
            [4, 10023.0, "王五", COUNTY, "监督/制证", "", ""],
            [5, "V001", "姓名V001", VILLAGE, "窗口", "", ""],
            [6, "T001", "姓名T001", "城关镇便民服务中心", "窗口，档案", "", ""],
            ["填表人：", "", "甲"],
        ],
        merged=["B4:B5", "C4:C5", "D4:D5"],
    ))  # fmt: skip
    folder = tmp_path / "requests"
    key = _request(county, folder, "W002")
    _request(county, folder, "W003")
    look = _import(county, path, "--requests", str(folder), "--dry-run")
    assert look.code == 0 and key in look.out and "W002  张三" in look.out, look.err
    before = _people(county)
    done = _import(county, path, "--requests", str(folder), "--json")
    assert done.code == 0, done.err
    assert [entry["key"] for entry in done.json["new"]] == ["W002", "W003"]
    assert [entry["key"] for entry in done.json["waiting"]] == ["10023"]
    assert [entry["key"] for entry in done.json["changed"]] == ["T001"]
    assert done.json["unchanged"] == ["V001"] and done.json["absent"] == ["C001", "T002"]
    assert "banjian key new" in done.err and "1 人" in done.err
    held = _people(county)
    assert held["W002"]["name"] == "张三" and held["W002"]["key_id"] == key
    assert sorted(map(tuple, held["W002"]["grants"])) == [("archivist", VILLAGE), ("window", VILLAGE)]
    assert sorted(map(tuple, held["W003"]["grants"])) == [("officer", f"{TOWNSHIP}/*"), ("window", TOWNSHIP)]
    assert sorted(map(tuple, held["T001"]["grants"])) == [("archivist", TOWNSHIP), ("window", TOWNSHIP)]
    assert held["C001"] == before["C001"] and "10023" not in held
    assert {"G2", "sheet.column_strange"} <= {*done.json["notices"][0].values()}
    # Every station gets the registry: names stand in it, for pages show them, and nothing else of a person.
    told = _personal(county)
    assert len(told) > 6 and {name for personal in told for name in personal} == {"name"}
    again = _import(county, path, "--requests", str(folder), "--json").json
    assert again["signed"] == 0 and [entry["key"] for entry in again["waiting"]] == ["10023"]
    _request(county, folder, "10023")
    assert _import(county, path, "--requests", str(folder), "--json").json["signed"] == 3


def test_the_persons_own_key_works_at_the_counter(county: Terminal, tmp_path: Path) -> None:
    folder = tmp_path / "requests"
    _request(county, folder, "W002")
    path = make(tmp_path / "a.xlsx", 人员=[HEAD, ["W002", "张三", VILLAGE, "窗口"]])
    assert _import(county, path, "--requests", str(folder)).code == 0
    county.ok(
        "receive", "城乡居民医保", "--name", "甲", "--materials", "all", "--key", str(folder / "W002.key"),
        "--station", VILLAGE,
    )  # fmt: skip


def test_every_fault_at_its_cell_and_nothing_written(county: Terminal, tmp_path: Path) -> None:
    path = make(tmp_path / "a.xlsx", 人员=[
        [*HEAD, "范围"],
        ["V001", "钱东门", VILLAGE, "窗口"],
        ["T001", "姓名T001", "西门村", "窗口"],
        ["T002", "姓名T002", TOWNSHIP, "领导们"],
        ["W 00?2", "张三", VILLAGE, "窗口"],
        ["W003", "", VILLAGE, "窗口"],
        ["W004", "李四", VILLAGE, "窗口"],
        ["W004", "李五", VILLAGE, "档案"],
        ["W005", "王五", VILLAGE, "窗口"],
        ["W005", "王五", VILLAGE, "窗口，档案"],
        ["W006", "赵六", VILLAGE, "窗口", "没有镇"],
        ["W007", "孙七", "", "窗口"],
        ["C001", "姓名C001", COUNTY, "窗口"],
    ])  # fmt: skip
    before = county.ok("registry", "show", "--json").json["registry_size"]
    assert _errors(_import(county, path, "--json")) == {
        ("B2", "row.name_held"),
        ("C3", "row.place_unknown"),
        ("D4", "cell.choice"),
        ("A5", "cell.staff_no"),
        ("B6", "cell.missing"),
        ("B8", "row.other_person"),
        ("D10", "row.role_twice"),
        ("E11", "row.place_unknown"),
        ("C12", "cell.missing"),
    }
    assert county.ok("registry", "show", "--json").json["registry_size"] == before


def test_a_person_over_merged_rows_keeps_every_role(county: Terminal, tmp_path: Path) -> None:
    """A further row of the person holds nothing but one more role: it is no note."""
    before = _people(county)["T001"]["grants"]
    assert before == [["officer", TOWNSHIP], ["window", TOWNSHIP]]
    path = make(tmp_path / "a.xlsx", 人员=Page(
        rows=[HEAD, ["T001", "姓名T001", TOWNSHIP, "窗口"], ["", "", "", "经办"], ["", "", "", "档案"]],
        merged=["A2:A4", "B2:B4", "C2:C4"],
    ))  # fmt: skip
    done = _import(county, path, "--json")
    assert done.code == 0 and done.json["signed"] == 1 and done.json["notices"] == [], done.err
    assert _people(county)["T001"]["grants"] == [["archivist", TOWNSHIP], *before]


def test_requests_that_cannot_be_used(county: Terminal, tmp_path: Path) -> None:
    folder = tmp_path / "requests"
    path = make(
        tmp_path / "a.xlsx",
        人员=[HEAD, ["W002", "张三", VILLAGE, "窗口"], ["V001", "姓名V001", VILLAGE, "窗口"]],
    )
    _request(county, folder, "W009")
    _request(county, folder, "V001")
    good = (folder / "W009.request").read_text(encoding="utf-8")
    (folder / "broken.request").write_text(good[:80], encoding="utf-8")
    (folder / "noise.request").write_bytes(b"\xff\xfe\x00" * 50)
    (folder / "huge.request").write_text(good + "#" * 20_000, encoding="utf-8")
    (folder / "forged.request").write_text(
        good.replace("W009", "W002")[:-10] + "0" * 8 + '"\n', encoding="utf-8"
    )
    (folder / "readme.txt").write_text("x", encoding="utf-8")
    (folder / "nested.request").write_text("x\nstaff_no = " + "[" * 4_000, encoding="utf-8")
    unusable = ["broken", "forged", "huge", "nested", "noise"]
    if os.name != "nt":
        # Read like a file, the one would never end, and the other not even begin.
        (folder / "device.request").symlink_to("/dev/zero")
        os.mkfifo(folder / "pipe.request")
        unusable += ["device", "pipe"]
    done = _import(county, path, "--requests", str(folder), "--json")
    assert done.code == 0 and done.json["signed"] == 0, done.err
    told = [(notice["code"], notice["value"]) for notice in done.json["notices"]]
    assert sorted(told) == [
        ("request.enrolled", "V001.request"),
        ("request.stranger", "W009.request"),
        *(("request.unusable", f"{name}.request") for name in sorted(unusable)),
    ]
    shown = _import(county, path, "--requests", str(folder), lang="en")
    assert "Have the person make it again" in shown.err and "code" not in shown.err
    _request(county, folder, "W002")
    _request(county, folder, "W002", name="W002-second")
    two = _import(county, path, "--requests", str(folder), "--json")
    assert _errors(two) == {("", "request.two")}
    missing = _import(county, path, "--requests", str(tmp_path / "none"))
    assert missing.code == 2 and "[cli.folder]" in missing.err


def test_a_retired_key_is_not_taken_again(county: Terminal, tmp_path: Path) -> None:
    folder = tmp_path / "requests"
    _request(county, folder, "W002")
    path = make(tmp_path / "a.xlsx", 人员=[HEAD, ["W002", "张三", VILLAGE, "窗口"]])
    assert _import(county, path, "--requests", str(folder)).code == 0
    county.ok("staff", "retire", "W002", "--reason", "retired", "--as", "R001")
    errors = _errors(_import(county, path, "--requests", str(folder), "--json"))
    assert {cell for cell, _ in errors} == {"A2"} and all(code.startswith("registry.") for _, code in errors)
    (folder / "W002.key").unlink()
    (folder / "W002.request").unlink()
    _request(county, folder, "W002")
    assert _import(county, path, "--requests", str(folder), "--json").json["signed"] == 2


def test_all_roles_end_and_stand_ins_stay(county: Terminal, tmp_path: Path) -> None:
    county.ok(
        "staff",
        "grant",
        "T002",
        "--role",
        "officer",
        "--scope",
        TOWNSHIP,
        "--stand-in-for",
        "T001",
        "--as",
        "R001",
    )
    path = make(tmp_path / "a.xlsx", 人员=[HEAD, ["T002", "姓名T002", TOWNSHIP, "无"]])
    assert _import(county, path, "--json").json["signed"] == 1
    assert _people(county)["T002"]["grants"] == [["officer", TOWNSHIP]]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_filled_template_gives_no_difference(county: Terminal, tmp_path: Path, lang: str) -> None:
    county.ok("staff", "grant", "T001", "--role", "supervisor", "--scope", f"{TOWNSHIP}/*", "--as", "R001")
    county.ok("staff", "grant", "T001", "--role", "supervisor", "--scope", VILLAGE, "--as", "R001")
    county.ok("staff", "end", "T002", "--role", "window", "--scope", TOWNSHIP, "--as", "R001")
    filled = tmp_path / "filled.xlsx"
    county.ok("registry", "import", "staff", "--template", str(filled), "--filled", lang=lang)
    found = _import(county, filled, "--json").json
    assert (found["signed"], found["unchanged"], found["absent"]) == (0, ["C001", "T001", "T002", "V001"], [])


def test_numbers_that_differ_in_case_or_leading_zeros_alone_are_told(
    county: Terminal, tmp_path: Path
) -> None:
    """Excel takes zeros away; whoever looks like two people may be one. Nobody is refused for it."""
    path = make(tmp_path / "a.xlsx", 人员=[
        HEAD,
        ["V001", _people(county)["V001"]["name"], VILLAGE, "窗口"],
        ["v001", "孙七", VILLAGE, "窗口"],
        [7, "李四", VILLAGE, "窗口"],
        ["007", "李四", VILLAGE, "窗口"],
        ["70", "王五", VILLAGE, "窗口"],
    ])  # fmt: skip
    done = _import(county, path, "--dry-run", "--json")
    assert done.code == 0, done.err
    told = {(one["cell"], one["code"], one["value"]) for one in done.json["notices"]}
    assert told == {("A3", "row.number_alike", "v001"), ("A5", "row.number_alike", "007")}
