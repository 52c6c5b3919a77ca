"""What a clerk types: Chinese commas, dashes of an input method, names instead of codes, spaces in names."""

from __future__ import annotations

import json
from datetime import date, time
from pathlib import Path

import pytest

from audit import cli as audit
from audit.telling.words import parse_moment as parse_audit_moment
from ledger.errors import ConfigError
from ledger.typedtime import TypedMoment, read_moment
from stations.cli.counterday.demo import COUNTY, TOWNSHIP, VILLAGE
from stations.cli.types import parse_moment
from tests.cli.conftest import ITEM, Terminal
from tests.cli.test_outcome import _act, _taken_over


def wide(text: str) -> str:
    """Return a text as an input method for Chinese writes it."""
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


def _receive(county: Terminal, *words: str):
    return county.run("receive", ITEM, "--name", "吴老根", "--as", "V001", "--no-slip", "--json", *words)


def _materials(county: Terminal, number: str) -> list[str]:
    return county.ok("show", number, "--json").json["steps"][0]["facts"]["materials"]


@pytest.mark.parametrize("typed", ["申请表,m02", "申请表，m02", "申请表、 m02", "申请表,、m02"])
def test_a_list_is_parted_by_chinese_commas_too(county: Terminal, typed: str) -> None:
    number = _receive(county, "--materials", typed).json["number"]
    assert _materials(county, number) == ["m01", "m02"]


@pytest.mark.parametrize("typed", ["全部", "所有", "ALL"])
def test_all_papers_in_chinese(county: Terminal, typed: str) -> None:
    assert len(_materials(county, _receive(county, "--materials", typed).json["number"])) > 2


def test_a_reason_with_commas_is_one_reason(county: Terminal) -> None:
    number = _taken_over(county)
    remedies = ("--review-organ", "溪山县政府", "--review-days", "60", "--court", "溪山法院")
    reason = "依据第三条,不需要许可，也、不收费"
    words = ("--ground", "no_permit_needed", "--reasons", reason, *remedies, "--lawsuit-months", "6")
    county.ok("refuse-acceptance", number, *words, "--as", "T001")
    (ruling,) = county.ok("show", number, "--json").json["decisions"]
    assert ruling["reasons"] == [reason]
    told = county.ok("refuse-acceptance", "--help").out
    assert "一条写一次" in told and "顿号" in county.ok("receive", "--help").out


@pytest.mark.parametrize(
    "option", ["－－name", "—name", "——name", "\u2013name", "\u2212\u2212name", wide("--name")]
)
def test_dashes_of_an_input_method_begin_an_option(county: Terminal, option: str) -> None:
    words = ("--as", "V001", "--materials", "all", "--no-slip", "--json")
    number = county.ok("receive", ITEM, option, "吴老根", *words).json["number"]
    assert county.ok("show", number, "--json").json["applicant"] == "吴老根"


def test_a_dash_in_what_an_option_says_stays(county: Terminal) -> None:
    number = _taken_over(county)
    for text in ("—name", "——补正", "－－name"):
        county.ok("note", number, "--text", text, "--as", "T001")
        assert text in county.ok("show", number).out


def test_an_option_with_full_width_equals_and_one_before_the_command(county: Terminal) -> None:
    result = Terminal().run("－－lang", "en", "calendar", "due", "2026-02-13", "5")
    assert result.code == 0
    assert county.run("worklist", f"－－station\uff1d{TOWNSHIP}").code == 0


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_name_with_a_space_is_told_with_its_quotes(county: Terminal, lang: str) -> None:
    words = ("receive", ITEM, "--name", "欧阳", "小莲", "--materials", "all", "--as", "V001")
    refused = county.run(*words, lang=lang)
    assert refused.code == 2 and "[cli.extra]" in refused.err
    assert '"欧阳 小莲"' in refused.err and "Got" not in refused.err
    assert "banjian receive -h" in refused.err
    assert county.ok("worklist", "--json").lines == []


def test_an_option_without_its_word_is_told_in_the_language(county: Terminal) -> None:
    lacking = county.run("worklist", "--station")
    assert lacking.code == 2 and "[cli.option_value]" in lacking.err and "--station" in lacking.err
    flag = county.run("worklist", "--all=yes")
    assert flag.code == 2 and "[cli.option_flag]" in flag.err and "--all" in flag.err


@pytest.mark.parametrize(
    ("level", "code"),
    [("乡镇", "township"), ("村级", "village"), ("Township", "township"), ("县。", "county")],
)
def test_a_level_by_its_name(county: Terminal, level: str, code: str) -> None:
    words = ("--name", "河西镇便民服务中心", "--upstream", "990121000000-00", "--as", "R001")
    result = county.run("station", "add", "990121002000-00", "--level", level, *words)
    if code == "county":
        assert "[cli.choice]" not in result.err
        return
    assert result.code == 0, result.err
    rows = {row["station"]: row["level"] for row in county.ok("station", "list", "--json").lines}
    assert rows["990121002000-00"] == code


def test_roles_units_and_lists_by_their_names(county: Terminal, tmp_path: Path) -> None:
    county.ok(
        "staff", "add", "T009", "--name", "钱", "--at", TOWNSHIP, "--role", "窗口人员、经办", "--as", "R001"
    )
    (clerk,) = [one for one in county.ok("staff", "list", "--json").lines if one["staff_no"] == "T009"]
    assert {role for role, _ in clerk["grants"]} == {"window", "officer"}
    due = ("calendar", "due", "2026-02-13", "5", "--json", "--unit")
    assert county.ok(*due, "工作日").json == county.ok(*due, "working_days").json
    assert county.ok(*due, "自然日").json == county.ok(*due, "calendar-days").json
    county.ok("export", "全部", "--out", str(tmp_path / "all.xlsx"))


def test_a_wrong_choice_is_told_with_codes_and_names(county: Terminal) -> None:
    words = ("station", "add", "990121002000-00", "--name", "甲", "--as", "R001", "--level", "州")
    refused = county.run(*words)
    assert "[cli.choice]" in refused.err and "township 乡镇" in refused.err and "village 村" in refused.err
    told = county.run(*words, lang="en").err
    assert "township township" not in told and "agent agent point" in told
    assert "all 全部办件" in county.run("export", "甚么", "--out", "x.xlsx").err


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("2026年11月26日 08:30", TypedMoment(date(2026, 11, 26), time(8, 30))),
        ("2026年11月26日8:30", TypedMoment(date(2026, 11, 26), time(8, 30))),
        ("2026/11/26 8:30", TypedMoment(date(2026, 11, 26), time(8, 30))),
        ("２０２６．１１．２６　８：３０", TypedMoment(date(2026, 11, 26), time(8, 30))),
        ("2026-11-26T08:30:05", TypedMoment(date(2026, 11, 26), time(8, 30, 5))),
        ("20261126 8点", TypedMoment(date(2026, 11, 26), time(8))),
        ("下午3点20分", TypedMoment(None, time(15, 20))),
        ("上午12点", TypedMoment(None, time(0))),
        ("2026年11月26日", TypedMoment(date(2026, 11, 26), None)),
        ("2026-02-30 8:30", None), ("25:00", None), ("下午15点", None), ("8:3", None), ("9②:00", None),
        ("", None),
    ],
)  # fmt: skip
def test_moments_are_read_as_days_are(typed: str, expected: TypedMoment | None) -> None:
    assert read_moment(typed) == expected


def test_commands_and_audit_read_the_same_moments() -> None:
    for typed in ("2026年11月26日 08:30", "2026/11/26 8:30", "2026-11-26 08:30", "2026-11-26T08:30"):
        assert parse_moment(typed, "--at") == parse_audit_moment(typed, option="--as-of") == 1795653000000
    end = parse_audit_moment("2026年11月26日", option="--as-of")
    assert end == parse_audit_moment("2026-11-27", option="--as-of") - 86_400_000
    assert end == parse_moment("2026-11-26 23:59:59", "--at") + 999
    for typed in ("08:30", "昨天"):
        with pytest.raises(ConfigError):
            parse_audit_moment(typed, option="--as-of")


def test_a_moment_of_the_day_is_taken_by_a_command_and_by_replay(
    county: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    number = _receive(county, "--materials", "all", "--at", "2026年3月3日 8:40").json["number"]
    shown = county.ok("show", number, "--json").json["steps"][0]
    assert shown["occurred_at_ms"] == parse_moment("2026-03-03 08:40", "--at")
    assert audit.main(["replay", str(county.folder), number, "--as-of", "2026年3月3日", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["number"] == number


@pytest.mark.parametrize(
    "typed",
    ["城关镇便民服务中心", "城关镇", "990121001000", wide(TOWNSHIP), "990121001000—00", f" {TOWNSHIP} "],
)  # fmt: skip
def test_a_station_by_name_or_in_other_characters(county: Terminal, typed: str) -> None:
    number = _receive(county, "--materials", "all").json["number"]
    county.ok("hand-over", number, "--to", typed, "--as", "V001")
    assert county.ok("show", number, "--json").json["offered_to"] == TOWNSHIP
    assert [row["number"] for row in county.ok("worklist", "--station", typed, "--json").lines] == [number]


def test_a_station_that_several_may_be_is_asked_for_and_one_that_none_is_told_where_to_look(
    county: Terminal,
) -> None:
    number = _receive(county, "--materials", "all").json["number"]
    several = county.run("hand-over", number, "--to", "便民服务", "--as", "V001")
    assert several.code == 2 and "[cli.several_meant]" in several.err
    assert f"城关镇便民服务中心({TOWNSHIP})" in several.err and VILLAGE in several.err
    for typed in ("天上", "990121888888", "990121888888-00"):
        none = county.run("hand-over", number, "--to", typed, "--as", "V001")
        assert none.code == 1 and "[registry.station_unknown]" in none.err
        assert "banjian station list" in none.err
    assert county.ok("show", number, "--json").json["offered_to"] == ""


@pytest.mark.parametrize("typed", ["v001", wide("V001"), wide("v001"), "姓名V001"])
def test_a_member_of_staff_by_name_or_in_other_characters(county: Terminal, typed: str) -> None:
    words = ("--name", "吴老根", "--materials", "all", "--no-slip", "--json")
    number = county.ok("receive", ITEM, *words, "--as", typed).json["number"]
    assert county.ok("show", number, "--json").json["steps"][0]["staff_no"] == "V001"


def test_who_is_enrolled_keeps_the_number_as_it_is_written_on_the_keyboard(county: Terminal) -> None:
    words = ("--name", "孙", "--at", "城关镇", "--role", "window", "--as", "r001")
    county.ok("staff", "add", wide("T015"), *words)
    county.ok("staff", "grant", "t015", "--role", "经办", "--scope", "城关镇", "--as", "R001")
    (clerk,) = [one for one in county.ok("staff", "list", "--json").lines if one["staff_no"] == "T015"]
    assert {tuple(one) for one in clerk["grants"]} == {("window", TOWNSHIP), ("officer", TOWNSHIP)}


def test_a_passphrase_file_that_is_not_there_is_told_as_such(county: Terminal, tmp_path: Path) -> None:
    county.signers.clear()
    for path, code in ((tmp_path / "none.txt", "cli.file_none"), (tmp_path, "cli.file")):
        county.env["BANJIAN_PASSPHRASE_FILE"] = str(path)
        refused = _receive(county, "--materials", "all")
        assert refused.code == 2 and f"[{code}]" in refused.err, refused.err
    (tmp_path / "two.txt").write_text("one\ntwo\n", encoding="utf-8")
    county.env["BANJIAN_PASSPHRASE_FILE"] = str(tmp_path / "two.txt")
    assert "[key.passphrase_file]" in _receive(county, "--materials", "all").err


def test_a_calendar_of_the_ledger_in_the_current_folder_counts(
    county: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calendar = {
        "region": "990121", "year": 2026, "version": 1, "days_off": ["2026-03-04", "2026-03-05"],
        "make_up": [], "source": "溪山县人民政府关于抗洪期间调整工作日的通知",
    }  # fmt: skip
    (tmp_path / "flood.json").write_text(json.dumps(calendar), encoding="utf-8")
    county.ok("calendar", "publish", str(tmp_path / "flood.json"), "--as", "R001")
    due = ("calendar", "due", "2026-03-03", "2", "--json")
    assert Terminal().ok(*due).json["due"] == "2026-03-05"
    assert county.folder is not None
    monkeypatch.chdir(county.folder)
    assert Terminal().ok(*due).json["due"] == "2026-03-09"
    assert "抗洪" in Terminal().ok("calendar", "show", "2026").out


def test_an_act_is_still_found_by_its_digits(county: Terminal) -> None:
    number = _taken_over(county, to=COUNTY, by="C001")
    act = _act(county, number, "hand_over")
    words = ("--target", act[:8].upper(), "--changes", "waybill=SF2", "--reason", "抄错")
    county.ok("amend", number, *words, "--as", "C001")
    assert "SF2" in county.ok("show", number).out
