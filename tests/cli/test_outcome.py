"""What a case came to: granted or refused and why, and what amendments changed, wherever a case is told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from audit import cli as audit
from stations.cli.counterday.demo import COUNTY, TOWNSHIP
from tests.cli.conftest import ITEM, Terminal

REASONS = ("采伐地点在公益林内", "第三条所列情形")


CHANGE = re.compile("[^；;：:]+[：:] ?[^；;]+ → [^；;\n]+")
PEOPLE = re.compile("(?:更正了哪些个人信息栏目：|personal fields corrected: )[^；;\n]+")


def _taken_over(county: Terminal, *, to: str = TOWNSHIP, by: str = "T001") -> str:
    received = county.ok("receive", ITEM, "--as", "V001", "--name", "吴老根", "--materials", "all", "--json")
    number = str(received.json["number"])
    county.ok("hand-over", number, "--to", to, "--as", "V001", "--waybill", "SF1")
    county.ok("take-over", number, "--as", by)
    return number


def _refused(county: Terminal) -> str:
    number = _taken_over(county, to=COUNTY, by="C001")
    county.ok("accept", number, "--as", "C001")
    given = [word for reason in REASONS for word in ("--reasons", reason)]
    remedies = ("--review-organ", "溪山县人民政府", "--review-days", "60", "--court", "溪山县人民法院")
    months = ("--lawsuit-months", "6")
    county.ok("decide", number, "--result", "不予", *given, *remedies, *months, "--as", "C001")
    return number


def _act(county: Terminal, number: str, action: str) -> str:
    steps = county.ok("show", number, "--json").json["steps"]
    return next(str(step["act_id"]) for step in steps if step["action"] == action)


def _amend(county: Terminal, number: str, act: str, *changes: str, by: str = "T001") -> None:
    given = [word for change in changes for word in ("--changes", change)]
    county.ok("amend", number, "--target", act[:8], *given, "--reason", "抄错了", "--as", by)


def test_a_refusal_is_told_with_its_reasons(county: Terminal) -> None:
    number = _refused(county)
    told = county.ok("show", number).out
    assert "结果：不予" in told and f"决定：不予；理由：{REASONS[0]}；{REASONS[1]}" in told
    assert "Result: refuse" in county.ok("show", number, lang="en").out
    shown = county.ok("show", number, "--json").json
    assert shown["result"] == "refuse"
    (ruling,) = shown["decisions"]
    assert ruling["result"] == "refuse" and ruling["reasons"] == list(REASONS)
    assert (ruling["review_days"], ruling["court"]) == (60, "溪山县人民法院") and ruling["review_organ"]
    assert "行政诉讼：溪山县人民法院" in told
    _amend(county, number, _act(county, number, "decide"), "review_days=90", by="C001")
    (amended,) = county.ok("show", number, "--json").json["decisions"]
    assert amended["review_days"] == 90 and "（90 日内）" in county.ok("show", number).out
    facts = shown["steps"][-1]["facts"]
    assert facts["court"] == "溪山县人民法院" and "salt" not in facts


def test_a_grant_that_says_no_more_is_told_once(county: Terminal) -> None:
    number = _taken_over(county, to=COUNTY, by="C001")
    county.ok("accept", number, "--as", "C001")
    county.ok("decide", number, "--result", "准予", "--as", "C001")
    told = county.ok("show", number).out
    assert "结果：准予" in told and "决定：准予" not in told
    county.ok("issue", number, "--certificate-no", "溪林采2026001", "--as", "C001")
    assert "证照编号：溪林采2026001" in county.ok("show", number).out
    assert county.ok("show", number, "--json").json["certificate_no"] == "溪林采2026001"


def test_before_a_decision_nothing_is_told_of_a_result(county: Terminal) -> None:
    number = _taken_over(county)
    assert "结果：" not in county.ok("show", number).out
    shown = county.ok("show", number, "--json").json
    assert shown["result"] == "" and shown["decisions"] == [] and shown["amendments"] == []


def test_a_refused_acceptance_is_told_with_its_ground(county: Terminal) -> None:
    number = _taken_over(county)
    remedies = ("--review-organ", "溪山县人民政府", "--review-days", "60", "--court", "溪山县人民法院")
    words = ("--ground", "依法不需许可", "--reasons", "自用薪材", *remedies, "--lawsuit-months", "6")
    county.ok("refuse-acceptance", number, *words, "--as", "T001")
    county.ok("close", number, "--as", "T001")
    assert "不予受理：依法不需许可；理由：自用薪材" in county.ok("show", number).out


def test_an_amendment_is_told_with_what_stood_there_before(county: Terminal) -> None:
    number = _taken_over(county)
    act = _act(county, number, "hand_over")
    _amend(county, number, act, "waybill=SF2")
    _amend(county, number, act, "waybill=SF3")
    told = county.ok("show", number).out
    assert "SF1 → SF2" in told and "SF2 → SF3" in told and told.count("抄错了") == 2
    first, second = county.ok("show", number, "--json").json["amendments"]
    assert first["target"] == act and first["reason"] == "抄错了"
    assert first["changes"] == [{"field": "waybill", "before": "SF1", "after": "SF2"}]
    assert second["changes"] == [{"field": "waybill", "before": "SF2", "after": "SF3"}]


def test_the_audit_tells_the_same(county: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    number = _refused(county)
    act = _act(county, number, "hand_over")
    _amend(county, number, act, "waybill=SF2", by="C001")
    shown = county.ok("show", number, "--json").json
    assert audit.main(["replay", str(county.folder), number, "--json"]) == 0
    replayed = json.loads(capsys.readouterr().out)
    for name in ("result", "certificate_no", "decisions", "amendments"):
        assert replayed[name] == shown[name], name
    assert [act["facts"] for act in replayed["acts"]] == [step["facts"] for step in shown["steps"]]
    assert audit.main(["replay", str(county.folder), number, "--lang", "zh"]) == 0
    told = capsys.readouterr().out
    assert "结果：不予" in told and REASONS[0] in told and "SF1 → SF2" in told and "抄错了" in told


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_audit_calls_fields_and_values_by_their_names(
    county: Terminal, lang: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an amendment changed reads in the audit as it does at the station; nothing stands as a code."""
    number = _refused(county)
    _amend(county, number, _act(county, number, "hand_over"), "waybill=SF2", "method=courier", by="C001")
    _amend(county, number, _act(county, number, "decide"), "review_days=90", by="C001")
    received = _act(county, number, "receive")
    people = ("--name", "吴老根头", "--phone", "13800000000")
    given = ("--changes", "channel=phone", "--changes", "own_hand=fingerprint", *people)
    county.ok("amend", number, "--target", received[:8], *given, "--reason", "抄错了", "--as", "C001")
    shown = county.ok("show", number, lang=lang).out
    changed = [*CHANGE.findall(shown), *PEOPLE.findall(shown)]
    assert len(changed) == 6
    assert audit.main(["replay", str(county.folder), number, "--lang", lang]) == 0
    told = capsys.readouterr().out
    assert [line for line in changed if line not in told] == [], told
    fields = json.loads(county.ok("show", number, "--json").out)["amendments"]
    codes = {change["field"] for one in fields for change in one["changes"]}
    codes |= {name for one in fields for name in one["personal_fields"]} | {"courier", "phone", "fingerprint"}
    assert codes > {"applicant.phone", "waybill"}
    if lang == "zh":
        assert [code for code in codes if code in told] == []


def test_lists_and_their_sheets_have_a_column_for_the_result(county: Terminal, tmp_path: Path) -> None:
    refused, open_one = _refused(county), _taken_over(county)
    table = county.ok("worklist", "--all").out.splitlines()
    assert "结果" in table[1]
    lines = {row["number"]: row["result"] for row in county.ok("worklist", "--all", "--json").lines}
    assert lines == {refused: "refuse", open_one: ""}
    assert "不予" in next(line for line in table if refused in line)
    county.ok("export", "all", "--out", str(tmp_path / "cases.xlsx"))
    rows = CalamineWorkbook.from_path(tmp_path / "cases.xlsx").get_sheet_by_index(0).to_python()
    column = rows[0].index("结果")
    assert {row[1]: row[column] for row in rows[1:]} == {refused: "不予", open_one: ""}
    county.ok("rebuild")
    assert county.ok("worklist", "--all").out.splitlines()[1:] == table[1:]


def test_what_the_organ_has_taken_over_is_no_longer_told_as_not_received(county: Terminal) -> None:
    received = county.ok("receive", ITEM, "--as", "V001", "--name", "吴老根", "--materials", "all", "--json")
    number = str(received.json["number"])
    assert "代收代办（尚未由行政机关收件）" in county.ok("show", number).out
    county.ok("hand-over", number, "--to", TOWNSHIP, "--as", "V001")
    assert "尚未由行政机关收件" in county.ok("show", number).out
    county.ok("take-over", number, "--as", "T001")
    told = county.ok("show", number).out
    assert "代收代办" in told and "尚未由行政机关收件" not in told
    assert "not yet received" not in county.ok("show", number, lang="en").out
