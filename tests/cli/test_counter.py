"""Work at the counter through the commands: what is written, what is refused, what is shown."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from ledger.facade import Home
from stations.cli.counterday.demo import COUNTY, TOWNSHIP, VILLAGE, DemoClock
from stations.kept.rosters import FOLDER, Roster, RosterRow, keep_roster, load_roster
from stations.kept.sealed import SealedFolder
from stations.web.drafts import Draft, Drafts
from stations.web.unsigned import KeptForms, Unsigned
from tests.cli.conftest import INSURANCE, ITEM, Terminal

ID_NO = "990121195803121017"


def _received(terminal: Terminal, *more: str) -> str:
    words = (
        "receive",
        ITEM,
        "--as",
        "V001",
        "--name",
        "吴老根",
        "--materials",
        "all",
        "--no-slip",
        "--json",
        *more,
    )
    return str(terminal.ok(*words).json["number"])


def test_a_case_goes_from_the_village_to_the_county(county: Terminal):
    number = _received(county)
    county.ok("hand-over", number, "--to", TOWNSHIP, "--as", "V001")
    county.ok("take-over", number, "--as", "T001")
    accepted = county.ok("accept", number, "--as", "T001", "--json")
    assert accepted.json["status"] == "accepted" and accepted.json["custodian"] == TOWNSHIP
    shown = county.ok("show", number, "--json").json
    assert [step["action"] for step in shown["steps"]] == ["receive", "hand_over", "take_over", "accept"]
    assert all(step["effective"] for step in shown["steps"])
    assert {clock["clock"] for clock in shown["clocks"]} >= {
        "acceptance",
        "statutory",
        "promised",
        "forwarding",
    }


def test_what_is_not_allowed_is_refused_before_signing_with_the_next_step(county: Terminal):
    number = _received(county)
    before = county.ok("station", "list").out
    refused = county.run("accept", number, "--as", "T001")
    assert refused.code == 1 and "[case." in refused.err and "→" in refused.err and refused.out == ""
    assert county.ok("station", "list").out == before


def test_the_case_may_be_named_loosely(county: Terminal):
    number = _received(county)
    spaced = " ".join(number.replace("-", "－").lower())
    assert county.ok("show", spaced, "--json").json["number"] == number
    assert county.run("show", "990121001201-00-991231-ZZZZ-0001-0").code == 1


def test_find_by_name_initials_tail_and_item(county: Terminal):
    number = _received(county, "--id-no", ID_NO, "--phone", "13800000001")
    for text in ("吴老根", "老根", "wlg", "1017", number, number[:24], ITEM):
        found = county.ok("find", text, "--json").lines
        assert [row["number"] for row in found] == [number], text
    nothing = county.run("find", "没有这个人")
    assert nothing.code == 1 and nothing.err


def test_a_wrong_id_number_is_refused_and_nothing_is_written(county: Terminal):
    refused = county.run("receive", ITEM, "--as", "V001", "--name", "吴老根", "--id-no", "990121195803121018")
    assert refused.code == 1 and "[identity.check_digit]" in refused.err
    assert county.ok("worklist", "--json").out == ""


def test_an_item_may_be_named_in_part_and_doubt_is_not_guessed(county: Terminal):
    several = county.run("receive", "食品经营", "--as", "C001", "--name", "某店")
    assert several.code == 1 and "[receive.item_several]" in several.err and "990100100001" in several.err
    unknown = county.run("receive", "飞行许可", "--as", "C001", "--name", "某店")
    assert unknown.code == 1 and "[receive.item_unknown]" in unknown.err


def test_materials_by_name_by_code_and_all(county: Terminal):
    first = _received(county)
    facts = ("receive", ITEM, "--as", "V001", "--name", "甲", "--materials", "申请表,m02", "--out")
    assert county.folder is not None
    slip = county.folder.parent / "slip.txt"
    county.ok(*facts, str(slip))
    text = slip.read_text(encoding="utf-8")
    assert "申请表" in text and "林权证明" in text and text.index("尚缺材料") < text.index("伐区调查")
    assert "代收代办" in text and "评价码" in text and first not in text
    again = county.run(*facts, str(slip))
    assert again.code == 2 and "[cli.file_exists]" in again.err


def test_the_slip_keeps_its_width(county: Terminal):
    assert county.folder is not None
    (county.folder / "banjian.toml").write_text("slip_width = 32\n", encoding="utf-8")
    slip = county.folder.parent / "slip.txt"
    county.ok(
        "receive", ITEM, "--as", "V001", "--name", "阿卜杜热西提·阿卜杜热合曼·买买提" * 2,
        "--materials", "all",
        "--out", str(slip),
    )  # fmt: skip
    widths = [sum(2 if ord(c) > 0x2E7F else 1 for c in line) for line in slip.read_text("utf-8").splitlines()]
    assert max(widths) <= 32


def test_two_people_for_what_needs_two(county: Terminal):
    number = _received(county)
    county.ok("hand-over", number, "--to", TOWNSHIP, "--as", "V001")
    county.ok("take-over", number, "--as", "T001")
    wrong = county.ok(
        "receive", INSURANCE, "--as", "T001", "--name", "录错了", "--materials", "all", "--no-slip", "--json"
    ).json["number"]
    void = county.ok("void", wrong, "--reason", "wrong_item", "--as", "T001", "--json")
    assert void.json["pending"] and not void.json["effective"]
    same = county.run("countersign", wrong, "--as", "T001")
    assert same.code == 1 and "[case.same_person]" in same.err
    done = county.ok("countersign", wrong, "--as", "T002", "--json")
    assert done.json["status"] == "void"
    assert county.run("countersign", number, "--as", "T002").code == 1


def test_a_choice_may_be_named_in_chinese(county: Terminal):
    number = _received(county)
    county.ok("withdraw", number, "--proof", "签字", "--as", "V001")
    assert county.ok("show", number, "--json").json["status"] == "withdrawn"


def test_late_entry_from_paper_keeps_both_times(county: Terminal):
    number = _received(
        county, "--at", "2026-03-02 16:40", "--late-entry-paper", "DM-0007", "--late-entry-reason", "power"
    )
    step = county.ok("show", number, "--json").json["steps"][0]
    assert step["occurred_at_ms"] < step["recorded_at_ms"]
    assert "补录" in county.ok("show", number).out


def test_amend_keeps_the_original(county: Terminal):
    number = _received(county)
    county.ok("hand-over", number, "--to", TOWNSHIP, "--as", "V001", "--waybill", "SF1")
    county.ok("take-over", number, "--as", "T001")
    act = county.ok("show", number, "--json").json["steps"][1]["act_id"]
    amended = (
        "amend",
        number,
        "--target",
        act[:8],
        "--changes",
        "waybill=SF2",
        "--reason",
        "单号抄错",
        "--as",
        "T001",
    )
    county.ok(*amended)
    shown = county.ok("show", number, "--json").json["steps"]
    assert [step["action"] for step in shown][-1] == "amend" and shown[1]["act_id"] == act
    ambiguous = county.run("amend", number, "--target", act[:3], "--reason", "x", "--as", "T001")
    assert ambiguous.code == 2 and "[cli.act]" in ambiguous.err


def test_the_rating_needs_the_token_of_the_slip(county: Terminal):
    received = county.ok(
        "receive", ITEM, "--as", "V001", "--name", "吴老根", "--materials", "all", "--json"
    ).json
    false = county.run(
        "rate", received["number"], "--level", "satisfied", "--token", "AAAAAAAA", "--as", "V001"
    )
    assert false.code == 1
    token = received["token"].lower()
    county.ok(
        "rate", received["number"], "--level", "满意", "--token", f"{token[:4]} {token[4:]}", "--as", "V001"
    )


def test_day_clear_and_worklist_show_lights_as_word_and_shape(county: Terminal):
    number = _received(county)
    shown = county.ok("worklist", "--station", VILLAGE).out
    assert "● 绿灯" in shown and "\x1b[" not in shown
    county.clock.set("2026-03-10 09:00")
    assert "■ 红灯" in county.ok("worklist").out
    clear = county.ok("day-clear", "--station", VILLAGE, "--json").json
    assert [row["number"] for row in clear["overdue"]] == [number] and clear["received"] == []
    assert number in county.ok("day-clear", "--station", VILLAGE, "--day", "2026-03-03").out


def test_show_says_what_may_be_done_and_why_not(county: Terminal):
    number = _received(county)
    may = {
        row["action"]: row for row in county.ok("show", number, "--may", "--as", "V001", "--json").json["may"]
    }
    assert may["hand_over"]["allowed"] and not may["decide"]["allowed"] and may["decide"]["reason"]
    text = county.ok("show", number, "--may", "--why", "--as", "T001").out
    assert "东门村便民服务站(" in text and "期限 2 个工作日" in text


def test_export_keeps_long_numbers_and_formulas_as_text(county: Terminal, tmp_path: Path):
    county.ok("receive", ITEM, "--as", "V001", "--name", "=HYPERLINK(1)", "--materials", "all", "--no-slip")
    number = _received(county)
    sheet = tmp_path / "cases.xlsx"
    assert county.ok("export", "all", "--out", str(sheet), "--json").json["rows"] == 2
    rows = CalamineWorkbook.from_path(str(sheet)).get_sheet_by_index(0).to_python()
    cells = {cell for row in rows for cell in row}
    assert {"=HYPERLINK(1)", number} <= cells and all(isinstance(cell, str) for cell in cells)
    assert county.run("export", "all", "--out", str(sheet)).code == 2


def test_names_are_nowhere_in_clear(county: Terminal):
    number = _received(county, "--id-no", ID_NO, "--phone", "13800000001", "--text", "住在村东头")
    county.ok("show", number)
    assert county.folder is not None
    for path in county.folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for word in ("吴老根", ID_NO, "13800000001", "村东头"):
                assert word.encode() not in data, path


def test_erase_needs_role_and_consent_and_leaves_the_signed_history(county: Terminal):
    number = _received(county)
    assert county.run("erase", number, "--ground", "本人要求", "--as", "T001", "--yes").code == 1
    asked = county.run("erase", number, "--ground", "本人要求", "--as", "R001")
    assert asked.code == 2 and "[erase.confirm]" in asked.err
    assert (
        county.ok("erase", number, "--ground", "本人要求", "--as", "R001", "--yes", "--json").json["erased"]
        == 1
    )
    assert "吴老根" not in county.ok("show", number).out
    assert county.run("find", "吴老根").code == 1
    assert county.ok("show", number, "--json").json["steps"][0]["effective"]


def test_erase_takes_along_what_was_being_typed_about_the_case_on_the_pages(county: Terminal):
    number, other = _received(county), _received(county)
    assert county.folder is not None
    home, ids = (
        Home(county.folder),
        [county.ok("show", one, "--json").json["case_id"] for one in (number, other)],
    )
    drafts, kept = Drafts(home, os.urandom), KeptForms(home, os.urandom)
    for place, case in enumerate(ids):
        path = f"/case/{case}/do/note"
        form = {"text": ("住在村东头",)}
        drafts.keep(
            Draft(word=f"{place:016x}", staff_no="V001", station=VILLAGE, page=path, at_ms=1, form=form)
        )
        one = Unsigned(
            staff_no="V001", station=VILLAGE, action=path, page=path, fields=form, files=(), at_ms=1
        )
        kept.keep(kept.new_name(), one)
    lists = SealedFolder(home, FOLDER, os.urandom)
    rows = [
        RosterRow(no=place + 1, name="列表人", phone="1", case=case, number="N", token="T")
        for place, case in enumerate(ids)
    ]
    keep_roster(
        lists,
        Roster(name="a1", station=VILLAGE, item="x", title="名单", by="赵", made_at_ms=1, rows=rows),
    )
    county.ok("erase", number, "--ground", "本人要求", "--as", "R001", "--yes")
    (draft,), (form_left,) = (
        drafts.of("V001", VILLAGE),
        KeptForms(home, os.urandom).take_up("V001", 1).values(),
    )
    assert draft.page == form_left.action == f"/case/{ids[1]}/do/note"
    blank, left = load_roster(lists, "a1").rows
    assert (blank.name, blank.phone, blank.token, blank.erased) == ("", "", "", True) and left == rows[1]


def test_an_action_that_the_county_publishes_is_a_command_at_once(county: Terminal, tmp_path: Path):
    data = json.loads((Path(__file__).parents[2] / "ledger/data/casetypes.json").read_text(encoding="utf-8"))
    kind = next(item for item in data["case_types"] if item["code"] == "permit")
    kind["actions"]["seal_premises"] = {
        "name": {"zh": "封存场所", "en": "seal the premises"},
        "from": ["received"], "to": "=", "by": ["window"], "where": "any",
        "facts": {
            "seal_no": {"type": "text", "required": True, "max": 20}, "doors": {"type": "int", "max": 99},
        },
    }  # fmt: skip
    file = tmp_path / "types.json"
    file.write_text(json.dumps({"case_types": [kind]}, ensure_ascii=False), encoding="utf-8")
    assert county.run("seal-premises", "x", "--as", "V001").code == 2
    county.ok("catalogue", "publish", str(file), "--as", "R001")
    assert "封存场所" in county.ok("-h").out and "--seal-no" in county.ok("seal-premises", "-h").out
    number = _received(county)
    county.ok("seal-premises", number, "--seal-no", "F-1", "--doors", "２", "--as", "V001")
    assert "封存场所" in county.ok("show", number).out
    missing = county.run("seal-premises", number, "--as", "V001")
    assert missing.code == 1 and "[case.facts_missing]" in missing.err


def test_the_database_refuses_what_the_commands_never_do(county: Terminal):
    _received(county)
    assert county.folder is not None
    with sqlite3.connect(county.folder / "ledger.db") as connection:
        try:
            connection.execute("DELETE FROM stored_events")
        except sqlite3.DatabaseError as error:
            assert "append" in str(error) or "not" in str(error)
        else:
            raise AssertionError("a frame could be deleted")
    assert county.ok("worklist", "--station", COUNTY, "--json").out == ""


def test_refusals_name_options_kinds_and_what_is_expected(county: Terminal):
    """What is missing or wrong is said in the words of the command line."""
    number = _received(county)
    shape = county.run("receive", ITEM, "--as", "V001", "--name", "吴", "--id-no", "12")
    assert "[identity.shape]" in shape.err and "居民身份证" in shape.err and "resident" not in shape.err
    told = county.run("refuse-acceptance", number, "--ground", "not_our_power", "--as", "T001")
    assert "[case.facts_missing]" in told.err and "--court（行政诉讼法院）" in told.err, told.err
    scope = county.run("staff", "grant", "V001", "--role", "window", "--scope", "村里", "--as", "R001")
    assert "[registry.field_value]" in scope.err and "应为：一个站点编号" in scope.err, scope.err
    assert "范围" in scope.err


def test_names_of_lawful_grounds_are_understood(county: Terminal):
    """The help lists them; a name is as good as its code, and what is no ground is told why."""
    page = county.ok("suspend", "-h").out
    assert "hearing 听证" in page and "expert_review 专家评审" in page
    number = _received(county)
    county.ok("hand-over", number, "--to", TOWNSHIP, "--as", "V001")
    county.ok("take-over", number, "--as", "T001")
    county.ok("accept", number, "--as", "T001")
    rest = ("--expected-days", "5", "--applicant-told", "--as", "T001")
    refused = county.run("suspend", number, "--ground", "现场核查", *rest)
    assert refused.code == 1 and "[case.unlawful_ground]" in refused.err and "appraisal 鉴定" in refused.err
    untold = county.run("suspend", number, "--ground", "鉴定", "--expected-days", "5", "--as", "T001")
    assert "[case.facts_missing]" in untold.err and "--applicant-told（已书面告知申请人）" in untold.err
    county.ok("suspend", number, "--ground", "鉴定", *rest)


def test_rare_options_come_last_in_the_help(county: Terminal):
    """Own options, then those of most commands, then late entry, paper and stand-in."""
    page = county.ok("accept", "-h").out
    late = page.index("--late-entry-paper")
    assert page.index("选项（*") < page.index("通用选项") < page.index("少用选项") < late
    assert page.index("--lang") < page.index("少用选项") < page.index("--at ")


def test_a_second_list_of_corrections_is_not_told_as_success(county: Terminal):
    number = _received(county)
    county.ok("hand-over", number, "--to", TOWNSHIP, "--as", "V001")
    county.ok("take-over", number, "--as", "T001")
    words = ("request-correction", number, "--missing", "m01", "--due", "2026-12-31", "--as", "T001")
    assert county.ok(*words).out.startswith("✓")
    again = county.run(*words)
    assert again.code == 1 and "✗" in again.out and "[case.second_correction]" in again.out
    assert "✓" not in again.out
    told = county.run(*words, "--json")
    assert told.code == 1 and told.json["effective"] is False


PROOFS = "990104200042"
"""The item of the proofs that a village may issue."""


def test_papers_go_back_at_once_without_naming_the_item_of_the_case_again(county: Terminal):
    number = _received(county)
    why = ("--reason", "materials_missing", "--missing", "申请表", "--as", "V001")
    assert county.ok("advise-and-return", number, *why, "--json").json["status"] == "returned"
    other = county.run("advise-and-return", _received(county), "--item", INSURANCE, *why)
    assert other.code == 1 and "[case." in other.err


def test_what_may_be_chosen_is_told_by_its_name(county: Terminal):
    number = _received(county)
    refused = county.run("withdraw", number, "--proof", "口头", "--as", "V001")
    assert refused.code == 2 and "signature 签字" in refused.err
    refused = county.run("decide", number, "--result", "同意", "--as", "T001")
    assert refused.code == 2 and "grant 准予" in refused.err


def test_the_proofs_of_a_village_are_listed_where_the_clerk_looks(county: Terminal):
    refused = county.run("receive", PROOFS, "--name", "甲", "--as", "V001", "--no-slip")
    assert "[case.proof_unknown]" in refused.err and "None" not in refused.err
    assert "banjian catalogue show" in refused.err
    shown = county.ok("catalogue", "show", PROOFS)
    kinds = county.ok("catalogue", "show", PROOFS, "--json").json["proofs"]
    never = next(one for one in kinds if not one["allowed"])
    assert never["zh"] in shown.out and never["go_to"] in shown.out
    assert "catalogue show" in county.ok("receive", "-h").out


def test_a_missing_step_is_told_by_its_name(county: Terminal):
    number = _received(county)
    county.ok("hand-over", number, "--to", COUNTY, "--as", "V001")
    county.ok("take-over", number, "--as", "C001")
    county.ok("accept", number, "--as", "C001")
    decided = county.ok("decide", number, "--result", "grant", "--as", "C001")
    told = decided.out + county.ok("show", number).out
    assert "二人现场核查" in told and "site_check2" not in told


@pytest.mark.parametrize("moment", ["2000-01-03 09:00", "2099-01-05 09:00"])
def test_a_clock_that_cannot_be_right_is_told_with_what_it_recorded(county: Terminal, moment: str) -> None:
    # Given a computer whose battery is empty, when it receives and accepts, then each is kept, and each time
    # the day is told under which it is recorded; a clock of these days is not spoken of.
    told = county.ok("receive", ITEM, "--name", "张三", "--as", "C001", "--no-slip").err
    assert "时钟" not in told
    county.clock = DemoClock()
    county.clock.set(moment)
    words = ("receive", ITEM, "--name", "李四", "--as", "C001", "--no-slip")
    received = county.ok(*words)
    assert f"电脑时钟显示 {moment[:10]}" in received.err and "请先校准时间" in received.err
    number = county.ok(*words, "--json").json["number"]
    accepted = county.ok("accept", number, "--as", "C001", lang="en")
    assert f"The computer says {moment[:10]}" in accepted.err


def test_whose_roles_have_ended_is_told_so_of_the_own_station(county: Terminal) -> None:
    # Given a case on its way to the township, when all roles of its clerk have ended, then the refusal names
    # the township, though the county is the station that this machine is set to.
    number = _received(county)
    county.ok("hand-over", number, "--to", TOWNSHIP, "--as", "V001")
    (clerk,) = [row for row in county.ok("staff", "list", "--json").lines if row.get("staff_no") == "T001"]
    for role, scope in clerk["grants"]:
        county.ok("staff", "end", "T001", "--role", role, "--scope", scope, "--as", "R001")
    refused = county.run("take-over", number, "--as", "T001")
    assert refused.code == 1 and "[authority.no_role]" in refused.err
    assert TOWNSHIP in refused.err and COUNTY not in refused.err
