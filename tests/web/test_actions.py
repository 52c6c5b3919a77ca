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
