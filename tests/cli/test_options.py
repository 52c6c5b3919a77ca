"""Options that say nothing, or somebody who is not there; answers that are words and not keys of texts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from ledger.errors import ConfigError, StoreError
from stations.papers.sheets import Sheet, write_workbook
from stations.sheetin.columns import sheet_list
from stations.sheetin.template import Page, write_template
from tests.cli.conftest import ITEM, Terminal


@pytest.mark.parametrize("command", ["worklist", "day-clear", "figures"])
def test_an_empty_station_is_not_all_of_them(county: Terminal, command: str) -> None:
    refused = county.run(command, "--station", "")
    assert refused.code == 2 and "[cli.option_empty]" in refused.err and "--station" in refused.err
    assert refused.out == ""


def test_a_case_is_shown_to_nobody_who_is_not_there(county: Terminal) -> None:
    words = ("receive", ITEM, "--as", "V001", "--name", "甲", "--materials", "all", "--json")
    number = county.ok(*words).json["number"]
    for option, value, code in (
        ("--as", "NOBODY", "key.no_such"),
        ("--key", "no/such.key", "key.no_such"),
        ("--station", "000000000000-00", "registry.station_unknown"),
    ):
        refused = county.run("show", number, option, value)
        assert refused.code == 1 and f"[{code}]" in refused.err and refused.out == "", option
    assert county.ok("show", number, "--as", "V001", "--json").json["number"] == number


def test_the_keys_of_the_county_are_named_in_words(county: Terminal) -> None:
    for lang, name in (("zh", "回执密钥"), ("en", "receipt")):
        told = county.ok("county", "keys", "--as", "R001", lang=lang).out
        assert "service." not in told and name in told


def test_where_nothing_waits_nobody_is_asked_to_choose(county: Terminal) -> None:
    none = county.run("registry", "countersign", "--as", "R001")
    assert none.code == 2 and "[registry.none_waiting]" in none.err and "0" not in none.err.splitlines()[0]


def test_scopes_that_must_be_named_have_no_default(county: Terminal) -> None:
    for command in ("grant", "end"):
        told = county.ok("staff", command, "--help").out
        assert "默认" not in next(line for line in told.splitlines() if "--scope" in line)
        assert "[cli." in county.run("staff", command, "V001", "--role", "window", "--as", "R001").err


def write_list(path: Path) -> None:
    rows = tuple((f"{number}", "x" * 40) for number in range(2_000))
    write_workbook(path, [Sheet(name="list", headings=("number", "text"), rows=rows)])


def write_staff(path: Path) -> None:
    rows = [[f"V{number}", *("x" * 9 for _ in sheet_list("staff").columns[1:])] for number in range(900)]
    write_template(path, [Page(sheet_list=sheet_list("staff"), rows=rows)], language="zh")


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process")
@pytest.mark.parametrize(
    ("write", "again"), [(write_list, FileExistsError), (write_staff, ConfigError)], ids=["list", "template"]
)
def test_a_full_disk_leaves_no_part_of_a_file(
    tmp_path: Path, write: Callable[[Path], None], again: type[Exception]
) -> None:
    import resource

    path = tmp_path / "list.xlsx"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, before[1]))
    try:
        with pytest.raises(StoreError) as caught:
            write(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.code == "store.disk_full" and caught.value.params == {"file": "list.xlsx"}
    assert list(tmp_path.iterdir()) == []
    write(path)
    with pytest.raises(again):
        write(path)
    assert path.stat().st_size > 4_096


@pytest.mark.parametrize("text", ["字" * 40_000, "𠮷" * 20_000, "a" * 32_768])
def test_what_a_cell_does_not_hold_is_said_in_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "long.xlsx"
    write_workbook(path, [Sheet(name="list", headings=("text",), rows=((text,), ("a" * 32_767,)))])
    rows = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
    cut, whole = str(rows[1][0]), str(rows[2][0])
    assert len(cut.encode("utf-16-le")) <= 2 * 32_767 and whole == "a" * 32_767
    kept = len(cut) - len(cut.lstrip(text[0]))
    assert cut.startswith(text[0] * kept) and f"{len(text) - kept}" in cut[kept:] and "Excel" in cut
