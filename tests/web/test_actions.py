"""Forms of actions: amending by the act's own fields, grounds by name, the station above, ratings."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from ledger.facade import CasePage, people_now
from ledger.types import ActId, CaseId, Facts
from tests.facade.counter import FELLING, PERMIT, TOWNSHIP
from tests.web.counterdesk import Counter, Desk, serving


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("actions") / "county") as one:
        yield one


@pytest.fixture(scope="module")
def desk(counter: Counter) -> Desk:
    return counter.desk("C1")


def received(desk: Desk, name: str, item: str = PERMIT, **fields: str) -> str:
    form = desk.get(f"/receive/{item}")
    answer = desk.send(f"/receive/{item}", {"once": form.field("once"), "applicant.name": name, **fields})
    assert answer.status == 303, answer.text
    return answer.headers["Location"].split("/")[2]


def page_of(counter: Counter, case: str) -> CasePage:
    with counter.ledger() as ledger:
        return ledger.case(CaseId(bytes.fromhex(case)))


def test_amending_shows_the_act_s_own_fields_and_signs_what_differs(counter: Counter, desk: Desk) -> None:
    case = received(
        desk, "李小名", **{"applicant.id_no": "11010519491231002X", "applicant.phone": "13800001234"}
    )  # fmt: skip
    desk.post(f"/case/{case}/do/link_external", {"f.external_no": "33038226001", "f.platform": "省平台"})
    link = page_of(counter, case).state.steps[-1].act.act_id.hex()
    choose = desk.get(f"/case/{case}/do/amend")
    assert f"?target={link}" in choose.text and "f.changes" not in choose.text
    form = desk.get(f"/case/{case}/do/amend?target={link}")
    assert 'name="f.changes.external_no"' in form.text and 'value="33038226001"' in form.text
    fields = {"f.target": link, "f.changes.platform": "省平台", "f.reason": "抄错一位"}
    desk.post(f"/case/{case}/do/amend", {**fields, "f.changes.external_no": "33038226009"})
    step = page_of(counter, case).state.steps[-1]
    assert step.act.facts["changes"] == {"external_no": "33038226009"}
    assert page_of(counter, case).state.external_no == "33038226009"
    again = desk.post(f"/case/{case}/do/amend", {**fields, "f.changes.external_no": "33038226009"})
    assert (again.status, again.code) == (422, "amend.nothing")


def test_a_name_written_wrongly_is_amended_and_printed_right(counter: Counter, desk: Desk) -> None:
    case = received(desk, "王秀音", **{"applicant.id_no": "11010519491231002X"})
    opened = page_of(counter, case).state.steps[0].act.act_id.hex()
    form = desk.get(f"/case/{case}/do/amend?target={opened}")
    assert 'name="p.applicant.name"' in form.text and 'value="王秀音"' in form.text
    fields = {"f.target": opened, "p.applicant.id_no": "11010519491231002X", "f.reason": "同音字"}
    wrong = desk.post(f"/case/{case}/do/amend", {**fields, "p.applicant.id_no": "110105194912310021"})
    assert wrong.code == "identity.check_digit" and 'value="110105194912310021"' in wrong.text
    desk.post(f"/case/{case}/do/amend", {**fields, "p.applicant.name": "王秀英"})
    page = page_of(counter, case)
    step = page.state.steps[-1]
    assert step.act.facts["personal_fields"] == ["applicant.name"] and "changes" not in step.act.facts
    assert page.personal[step.act.act_id] == {"applicant": {"name": "王秀英", "id_no": "11010519491231002X"}}
    desk.post(f"/case/{case}/do/accept")
    shown = desk.get(f"/case/{case}")
    printed = re.search(rf'href="(/case/{case}/print/[0-9a-f]+)">受理通知书', shown.text)
    assert printed and "王秀英：" in desk.get(printed.group(1)).text


def test_a_corrected_person_is_shown_everywhere_by_the_new_name(counter: Counter, desk: Desk) -> None:
    case = received(desk, "张三", **{"applicant.id_no": "11010519491231002X"})
    opened = page_of(counter, case).state.steps[0].act.act_id.hex()
    fields = {"f.target": opened, "f.reason": "证件看错", "p.applicant.name": "张三丰"}
    desk.post(
        f"/case/{case}/do/amend",
        {**fields, "p.applicant.id_no": "11010519491231088X", "p.applicant.phone": "13800005555"},
    )
    page = page_of(counter, case)
    number = page.state.number
    assert page.row.applicant == "张三丰"
    for path in (
        f"/cases?q={number}",
        "/cases",
        f"/find?q={number}",
        "/find?q=11010519491231088X",
        f"/case/{case}/slip",
    ):
        shown = desk.get(path).text
        assert "张三丰" in shown and "张三<" not in shown, path
    head = desk.get(f"/case/{case}").text.partition("<dl")[2].partition("</dl>")[0]
    assert "张三丰" in head
    sheet = desk.get("/platform").text
    assert all(f'data-copy="{text}"' in sheet for text in ("张三丰", "11010519491231088X", "13800005555"))
    assert 'data-copy="张三"' not in sheet
    told = desk.get(f"/api/v1/case/{case}").raw.decode()
    assert "张三丰" in told


def test_an_amendment_without_effect_renames_nobody(counter: Counter, desk: Desk) -> None:
    case = received(desk, "赵一")
    page = page_of(counter, case)
    step = page.state.steps[0]
    amend = step._replace(effective=False, act=step.act._replace(act_id=ActId(b"a" * 32), action="amend"))
    renamed: Facts = {"applicant": {"name": "赵二"}}
    bodies = {**page.personal, ActId(b"a" * 32): renamed}
    assert people_now((step, amend), bodies.get)["applicant"]["name"] == "赵一"
    stands = amend._replace(effective=True)
    assert people_now((step, stands), bodies.get)["applicant"]["name"] == "赵二"
    # what amends another act says nothing of that one's people, and yet who the applicant is
    assert people_now((step, stands), bodies.get, of=step)["applicant"]["name"] == "赵一"


def test_an_agent_whose_name_is_taken_away_is_gone_with_everything_said_of_them(
    counter: Counter, desk: Desk
) -> None:
    # Given a case with an agent, of whom an amendment from a terminal leaves only the name empty,
    case = received(
        desk, "赵三", **{"agent.name": "赵四", "agent.relation": "儿子", "agent.phone": "13800001234"}
    )
    page = page_of(counter, case)
    step = page.state.steps[0]
    first, second = (
        step._replace(act=step.act._replace(act_id=ActId(mark * 32), action="amend")) for mark in (b"a", b"b")
    )
    for empty in ("", " "):
        bodies: dict[ActId, Facts] = {**page.personal, first.act.act_id: {"agent": {"name": empty}}}
        # then nobody stands in their place, and who comes for the applicant next inherits nothing.
        assert people_now((step, first), bodies.get) == {"applicant": {"name": "赵三"}}
        bodies[second.act.act_id] = {"agent": {"name": "赵五"}}
        assert people_now((step, first, second), bodies.get)["agent"] == {"name": "赵五"}
    # What is corrected of somebody whose name is not held here stays.
    assert people_now((step, first), {first.act.act_id: {"agent": {"phone": "1"}}}.get) == {
        "agent": {"phone": "1"}
    }


def test_grounds_of_suspension_are_chosen_by_name(desk: Desk) -> None:
    case = received(desk, "听证人")
    desk.post(f"/case/{case}/do/accept")
    form = desk.get(f"/case/{case}/do/suspend")
    options = re.search(r'<select id="f-ground".*?</select>', form.text, re.DOTALL)
    assert options and '<option value="hearing">' in options.group() and "听证" in options.group()
    assert options.group().count("<option") == 9


def test_handing_over_has_the_station_above_chosen(counter: Counter) -> None:
    village = counter.desk("V1")
    case = received(village, "移交人", FELLING)
    form = village.get(f"/case/{case}/do/hand_over")
    assert re.search(rf'value="{TOWNSHIP}"[^>]*(selected|checked)', form.text)


def test_the_applicant_rates_with_the_code_of_the_slip_on_the_page_of_the_case(
    counter: Counter, desk: Desk
) -> None:
    case = received(desk, "评价人")
    slip = desk.get(f"/case/{case}/slip").text
    token = re.search(r"评价码：([A-Z0-9]{4} [A-Z0-9]{4})", slip)
    assert token and "评价码" in desk.get(f"/case/{case}").text
    wrong = desk.post(f"/case/{case}/do/rate", {"f.level": "satisfied", "f.token": "AAAA AAAA"})
    assert wrong.status == 409
    rated = {"f.level": "very_satisfied", "f.token": token.group(1).lower(), "f.channel": "counter"}
    desk.post(f"/case/{case}/do/rate", rated)
    step = page_of(counter, case).state.steps[-1]
    assert (step.action, step.effective, step.act.facts["level"]) == ("rate", True, "very_satisfied")


def test_the_agent_s_authority_stands_with_the_agent(desk: Desk) -> None:
    form = desk.get(f"/receive/{PERMIT}").text
    agent = form.partition('id="agent-relation"')[2].partition("</details>")[0]
    assert 'name="f.agent_authority"' in agent and form.count('id="f-agent_authority"') == 1


def test_a_second_list_of_corrections_is_not_told_as_done(desk: Desk) -> None:
    case = received(desk, "补正人")
    fields = {"f.missing": "m01", "f.due": "2027-12-31"}
    first = desk.post(f"/case/{case}/do/request_correction", fields)
    assert "✓ 「一次性告知补正」" in first.text
    told = desk.post(f"/case/{case}/do/request_correction", fields).text
    assert "✗ 「一次性告知补正」" in told and "不起作用：已经一次性告知过补正" in told
    assert "✓ 「一次性告知补正」" not in told


def test_where_nothing_is_parallel_nothing_is_joined(counter: Counter, desk: Desk) -> None:
    case = received(desk, "一条线")
    page = desk.get(f"/case/{case}").text
    assert f"/case/{case}/do/merge" not in page and "这一件没有并行的记录" in page
    forced = desk.post(f"/case/{case}/do/merge")
    assert (forced.status, forced.code) == (409, "case.nothing_to_join")
    empty = desk.post(f"/case/{case}/do/note")
    assert (empty.status, empty.code) == (409, "case.nothing_said")
    assert [step.action for step in page_of(counter, case).state.steps] == ["receive"]


def test_actions_of_like_names_say_what_they_do(desk: Desk) -> None:
    case = received(desk, "想撤回")
    page = desk.get(f"/case/{case}").text
    assert "<strong>撤回</strong> — 确认撤回，办件到此结束。" in page
    assert "<strong>申请撤回</strong> — 申请人想撤回，先记下来" in page
    assert "确认撤回，办件到此结束。" in desk.get(f"/case/{case}/do/withdraw").text


@pytest.mark.parametrize(
    ("action", "fields", "code", "named", "open_"),
    [
        ("supply", {}, "case.facts_missing", "缺少必填项“材料”", False),
        ("note", {"f.late_entry.paper_no": "A12"}, "case.facts_missing", "缺少必填项“补录：原因”", True),
        ("note", {"f.late_entry.reason": "停电"}, "case.facts_missing", "缺少必填项“补录：纸质凭证", True),
        ("note", {"f.paper.page_count": "三页"}, "web.number", "页数 应为整数", True),
        ("note", {"f.paper.page_count": "10001"}, "web.number_range", "“页数”应在 0 到 10000 之间", True),
        ("suspend", {"f.expected_days": "0"}, "web.number_range", "应在 1 到 366 之间，写的是「0」", False),
        ("suspend", {"f.expected_days": "99999"}, "web.number_range", "应在 1 到 366 之间", False),
        ("note", {"f.paper.seal_kind": "圆的"}, "case.facts_value", "的“印章种类”填写不正确", True),
        ("note", {"at": "前天"}, "web.date", "实际办理时间 不是日期或时间", True),
        ("link_external", {"f.external_no": "1", "f.entered_on": "前天"}, "web.date", "录入日期 不是", False),
        ("hand_over", {"f.to": "某站"}, "case.facts_value", "的“移交到哪个站点”填写不正确", False),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_as_on_the_form_and_seen_at_once(
    desk: Desk, action: str, fields: dict[str, str], code: str, named: str, open_: bool
) -> None:
    case = received(desk, f"填错 {action}")
    # A browser sends empty fields as well.
    empty = {"at": "", "f.late_entry.reason": "", "f.paper.form_no": "", "f.own_hand": ""}
    answer = desk.post(f"/case/{case}/do/{action}", {**empty, "text": "有话说", **fields})
    assert (answer.code, answer.status) == (code, 422)
    problem = answer.text.partition('role="alert"')[2].partition('class="code"')[0]
    assert named in problem and not re.search("--|[a-z_]{4,}[.)_]", problem.partition("<strong>")[2])
    fold = answer.text.partition("<summary>少用")[0].rpartition("<details")[2]
    assert fold == (" open>" if open_ else ">")
    marked = re.search(r'aria-invalid="true"|class="(ticks|radios) wrong"', answer.text)
    assert bool(marked) == ("at" not in fields)
    assert "有话说" in answer.text


def test_a_refused_receipt_shows_the_folded_field(desk: Desk) -> None:
    answer = desk.post(f"/receive/{PERMIT}", {"applicant.name": "三页纸", "f.paper.page_count": "三页"})
    assert answer.code == "web.number" and "页数 应为整数" in answer.text
    fold = answer.text.partition("<summary>少用")[0].rpartition("<details")[2]
    assert fold == " open>" and 'name="f.paper.page_count" aria-invalid="true"' in answer.text
    assert " open><summary>少用" not in desk.get(f"/receive/{PERMIT}?new=1").text


def test_what_is_advised_for_papers_that_were_not_ticked_can_be_done(counter: Counter, desk: Desk) -> None:
    case = received(desk, "漏勾人")
    notice = desk.get(f"/case/{case}/do/accept").text.partition("登记里还缺")[2].partition("</p>")[0]
    assert "补交材料" in notice and "更正" not in notice
    receipt = page_of(counter, case).state.steps[0].act.act_id.hex()
    assert "materials" not in desk.get(f"/case/{case}/do/amend?target={receipt}").text
    form = desk.get(f"/case/{case}/do/supply").text
    papers = list(dict.fromkeys(re.findall(r'name="f.materials" value="([^"]+)"', form)))
    assert papers and desk.post(f"/case/{case}/do/supply", {"f.materials": papers}).code == ""
    assert "登记里还缺" not in desk.get(f"/case/{case}/do/accept").text
