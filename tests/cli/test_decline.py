"""An act that waits is taken back or refused by command, and no list asks for a signature in vain."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace

from audit import cli as audit_cli
from ledger.cases.waiting import hindrances
from ledger.facade import CasePage, CaseRow
from stations.cli.counterday.demo import COUNTY, TOWNSHIP
from stations.texts import Say
from stations.words.effects import not_in_effect
from stations.words.naming import Names
from tests.cases.counter import OFFICER
from tests.cases.counter import accepted as accepted_story
from tests.cli.conftest import INSURANCE, ITEM, Terminal

SUSPEND = ("--ground", "appraisal", "--expected-days", "5", "--applicant-told")


def accepted(county: Terminal) -> str:
    number = county.ok(
        "receive", ITEM, "--as", "C001", "--name", "王小明", "--materials", "all", "--no-slip", "--json"
    ).json["number"]
    county.ok("accept", number, "--as", "C001")
    return str(number)


def second_officer(county: Terminal) -> None:
    county.ok(
        "staff", "add", "C002", "--name", "姓名C002", "--at", COUNTY, "--role", "supervisor",
        "--role", "officer", "--as", "R001",
    )  # fmt: skip


def received_wrongly(county: Terminal) -> str:
    number = county.ok(
        "receive", INSURANCE, "--as", "T001", "--name", "录错了", "--materials", "all", "--no-slip", "--json"
    ).json["number"]
    county.ok("void", number, "--reason", "wrong_item", "--as", "T001")
    return str(number)


def steps(county: Terminal, number: str, action: str) -> list[dict]:
    return [one for one in county.ok("show", number, "--json").json["steps"] if one["action"] == action]


def test_the_author_takes_back_a_mistake_and_signs_the_right_one(county: Terminal):
    second_officer(county)
    number = accepted(county)
    county.ok("suspend", number, "--as", "C001", "--ground", "test", *SUSPEND[2:])
    again = county.run("suspend", number, "--as", "C001", *SUSPEND)
    assert "[case.pending_exists]" in again.err and "不予复核／撤回待签" in again.err
    unsaid = county.run("decline", number, "--as", "C001").err
    assert "--reason" in unsaid and "--target" not in unsaid
    county.ok("decline", number, "--reason", "理由选错", "--as", "C001")
    assert [one["reason"] for one in steps(county, number, "suspend")] == ["case.taken_back"]
    assert steps(county, number, "suspend")[0]["said"] == "理由选错"
    shown = county.ok("show", number).out
    assert "已由提出人撤回：理由选错" in shown and "无效" not in shown
    county.ok("suspend", number, "--as", "C001", *SUSPEND)
    county.ok("countersign", number, "--as", "C002")
    assert county.ok("show", number, "--json").json["status"] == "suspended"
    told = county.ok("show", number, lang="en").out
    assert "Taken back by whoever asked for it: 理由选错" in told


def test_the_second_person_refuses(county: Terminal):
    second_officer(county)
    number = accepted(county)
    county.ok("suspend", number, "--as", "C001", *SUSPEND)
    county.ok("decline", number, "--reason", "不需要鉴定", "--as", "C002")
    assert "复核人（C002）不予复核：不需要鉴定" in county.ok("show", number).out
    late = county.run("countersign", number, "--as", "C002")
    assert (late.code, "[case.nothing_pending]" in late.err) == (1, True)
    assert county.run("decline", number, "--reason", "x", "--as", "C002").code == 1


def test_a_void_after_its_day_is_asked_of_nobody_and_can_be_taken_back(county: Terminal):
    number = received_wrongly(county)
    place = ("--station", TOWNSHIP)
    assert county.ok("worklist", *place, "--json").lines[0]["pending"]
    county.clock.set("2026-03-04 09:00")
    assert "待复核签字" not in county.ok("worklist", *place).out
    assert not any(row["pending"] for row in county.ok("worklist", *place, "--json").lines)
    assert county.ok("day-clear", *place, "--json").json["pending"] == []
    shown = county.ok("show", number).out
    assert "待复核签字" not in shown
    assert "现在不能复核签字" in shown and "可办理“不予复核／撤回待签”" in shown
    refused = county.run("countersign", number, "--as", "T002")
    assert "[case.first_fails]" in refused.err and "状态，" not in refused.err
    lines = shown.splitlines()
    (why,) = [line for line in lines if "可办理“不予复核／撤回待签”" in line]
    (row,) = [line for line in lines if "作废" in line and line != why]
    assert "现在不能复核签字" in row and len(row) < 110, "why takes a line of its own"
    may = county.ok("show", number, "--may", "--as", "T002", "--json").json["may"]
    allowed = {one["action"]: (one["allowed"], one["reason"]) for one in may}
    assert allowed["countersign"] == (False, "case.first_fails") and allowed["decline"] == (True, "")
    county.ok("decline", number, "--reason", "已过当日", "--as", "T001")
    assert [one["pending"] for one in steps(county, number, "void")] == [False]


def test_what_the_case_has_left_behind_is_told_with_the_state_it_is_in(county: Terminal):
    second_officer(county)
    number = accepted(county)
    county.ok("suspend", number, "--as", "C001", *SUSPEND)
    county.ok("decide", number, "--result", "grant", "--as", "C001")
    (waiting,) = steps(county, number, "suspend")
    assert (waiting["pending"], waiting["hindered"]) == (True, "case.state")
    refused = county.run("countersign", number, "--as", "C002").err
    assert "“已决定”" in refused and "“”" not in refused and "“…”" not in refused
    assert "“已决定”" in county.ok("show", number).out
    rows = county.ok("worklist", "--station", COUNTY, "--all", "--json").lines
    assert [row["pending"] for row in rows if row["number"] == number] == [False]


def test_a_rebuild_gives_the_same_rows(county: Terminal):
    waiting = received_wrongly(county)
    ended = received_wrongly(county)
    county.ok("decline", ended, "--reason", "点错了", "--as", "T002")
    before = until(county)
    assert len(before) == 1
    county.ok("rebuild")
    assert until(county) == before
    county.ok("countersign", waiting, "--as", "T002")
    assert until(county) == []


def until(county: Terminal) -> list[tuple[object, ...]]:
    assert county.folder is not None
    (path,) = county.folder.glob("ledger.db")
    with sqlite3.connect(path) as connection:
        return connection.execute("SELECT * FROM view_marks WHERE name LIKE 'second:%'").fetchall()


def test_the_audit_tells_what_was_declined_and_finds_no_fault(county: Terminal, capsys):
    second_officer(county)
    number = accepted(county)
    county.ok("suspend", number, "--as", "C001", *SUSPEND)
    county.ok("decline", number, "--reason", "不需要鉴定", "--as", "C002")
    folder = str(county.folder)
    assert audit_cli.main(["replay", folder, number, "--lang", "zh"]) == 0
    told = capsys.readouterr().out
    assert "复核人（C002）不予复核：不需要鉴定" in told and "不起作用" not in told
    assert audit_cli.main(["replay", folder, number, "--json"]) == 0
    acts = json.loads(capsys.readouterr().out)["acts"]
    (asked,) = (one for one in acts if one["action"] == "suspend")
    assert (asked["effective"], asked["reason"]) == (False, "case.declined")
    assert "不需要鉴定" in asked["reason_text"]
    assert audit_cli.main(["verify", folder, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [one for one in report["findings"] if one["code"] == "audit.without_effect"] == []


def test_a_type_published_before_there_was_a_decline_offers_none():
    story = accepted_story()
    asked = story.act(OFFICER, "suspend", {"ground": "test", "expected_days": 5, "applicant_told": True})
    story.act(OFFICER, "decide", {"result": "grant"})
    step = next(one for one in story.state.steps if one.act.act_id == asked.act_id)
    actions = {code: spec for code, spec in story.rules.case_type.actions.items() if code != "decline"}
    older = replace(story.rules, case_type=replace(story.rules.case_type, actions=actions))
    say = Say(language="zh")
    for rules, offered in ((story.rules, True), (older, False)):
        page = CasePage(
            row=CaseRow(*("",) * len(CaseRow._fields)), state=story.state, rules=rules, clocks=(),
            personal={}, permissions=(), hindered=hindrances(story.state, rules, story.now),
        )  # fmt: skip
        told = not_in_effect(say, page, Names(say, case_types=(rules.case_type,)), step)
        assert told.startswith("现在不能复核签字（") and "“已决定”" in told
        assert ("不予复核" in told) == offered


def test_each_role_that_may_refuse_is_named_once(county: Terminal):
    number = accepted(county)
    county.ok("suspend", number, "--as", "C001", *SUSPEND)
    refused = county.run("decline", number, "--reason", "x", "--as", "R001").err
    assert "监督、负责人" in refused and refused.count("监督") == 1, refused
