"""The people of a case on pages: what is asked of an agent, what is proven, what a correction takes away."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from ledger.facade import CasePage, people_of
from ledger.types import CaseId
from tests.facade.counter import PERMIT
from tests.web.counterdesk import Counter, Desk, Page, serving

NUMBER = "11010519491231002X"


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("people") / "county") as one:
        yield one


@pytest.fixture(scope="module")
def desk(counter: Counter) -> Desk:
    return counter.desk("C1")


def send(desk: Desk, name: str, **fields: str) -> Page:
    form = desk.get(f"/receive/{PERMIT}")
    return desk.send(f"/receive/{PERMIT}", {"once": form.field("once"), "applicant.name": name, **fields})


def received(desk: Desk, name: str, **fields: str) -> str:
    answer = send(desk, name, **fields)
    assert answer.status == 303, answer.text
    return answer.headers["Location"].split("/")[2]


def page_of(counter: Counter, case: str) -> CasePage:
    with counter.ledger() as ledger:
        return ledger.case(CaseId(bytes.fromhex(case)))


def form_of(desk: Desk, case: str, counter: Counter) -> dict[str, str]:
    """Return the fields about people as the form of an amendment shows them, with its target."""
    opened = page_of(counter, case).state.steps[0].act.act_id.hex()
    text = desk.get(f"/case/{case}/do/amend?target={opened}").text
    fields = {"f.target": opened, "f.reason": "抄错"}
    for tag in re.findall(r'<input [^>]*name="p\.[^>]*>', text):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r' value="([^"]*)"', tag)
        assert name and value
        fields[name.group(1)] = value.group(1)
    for name, options in re.findall(r'<select [^>]*name="(p\.[^"]*)".*?>(.*?)</select>', text, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        fields[name] = chosen.group(1) if chosen else ""
    return fields


AGENT = {"agent.name": "赵小二", "agent.relation": "邻居", "agent.phone": "13900000000"}


def test_a_correction_takes_away_what_is_emptied(counter: Counter, desk: Desk) -> None:
    card = {"applicant.id_no": NUMBER, "applicant.id_kind": "resident"}
    case = received(desk, "钱一", **card, **{"applicant.phone": "13800001234"})
    fields = form_of(desk, case, counter)
    assert (fields["p.applicant.phone"], fields["p.applicant.id_no"]) == ("13800001234", NUMBER)
    assert desk.post(f"/case/{case}/do/amend", fields).code == "amend.nothing"
    done = desk.post(f"/case/{case}/do/amend", {**fields, "p.applicant.phone": ""})
    page = page_of(counter, case)
    assert page.state.steps[-1].act.facts["personal_fields"] == ["applicant.phone"], done.code
    assert people_of(page) == {"applicant": {"name": "钱一", "id_no": NUMBER, "id_kind": "resident"}}
    desk.post(f"/case/{case}/do/amend", {**form_of(desk, case, counter), "p.applicant.id_no": ""})
    assert people_of(page_of(counter, case)) == {"applicant": {"name": "钱一"}}
    sheet = desk.get("/platform").text
    assert 'data-copy="钱一"' in sheet
    assert f'data-copy="{NUMBER}"' not in sheet and 'data-copy="13800001234"' not in sheet
    assert "申请人姓名或名称" not in desk.get(f"/case/{case}").text.partition("更正了哪些")[2][:60]
    refused = desk.post(f"/case/{case}/do/amend", {**form_of(desk, case, counter), "p.applicant.name": ""})
    assert refused.code == "identity.name" and "申请人：" in refused.text


def test_the_timeline_names_the_corrected_fields(counter: Counter, desk: Desk) -> None:
    case = received(desk, "孙一")
    changed = {"p.applicant.name": "孙二", "p.applicant.address": "村东"}
    desk.post(f"/case/{case}/do/amend", {**form_of(desk, case, counter), **changed})
    shown = desk.get(f"/case/{case}").text
    assert "申请人姓名或名称、地址" in shown and "applicant.name" not in shown


def test_kind_relation_and_authority_are_corrected_too(counter: Counter, desk: Desk) -> None:
    case = received(
        desk, "李一", **{"applicant.id_kind": "passport", "applicant.id_no": "E12345678", **AGENT}
    )
    fields = form_of(desk, case, counter)
    assert fields["p.applicant.id_kind"] == "passport" and fields["p.agent.relation"] == "邻居"
    changed = {"p.applicant.id_kind": "other", "p.agent.relation": "女儿", "p.agent.authority": "委托书"}
    desk.post(f"/case/{case}/do/amend", {**fields, **changed})
    page = page_of(counter, case)
    people, signed = people_of(page), page.state.steps[-1].act.facts["personal_fields"]
    assert signed == ["applicant.id_kind", "agent.relation", "agent.authority"]
    assert people["applicant"]["id_kind"] == "other"
    assert (people["agent"]["relation"], people["agent"]["authority"]) == ("女儿", "委托书")


def test_an_agent_goes_as_a_whole_and_one_who_was_left_out_comes(counter: Counter, desk: Desk) -> None:
    case = received(desk, "周一", **AGENT)
    fields = form_of(desk, case, counter)
    half = desk.post(f"/case/{case}/do/amend", {**fields, "p.agent.name": ""})
    assert half.code == "identity.agent_no_name" and 'value="邻居"' in half.text
    gone = {name: "" for name in fields if name.startswith("p.agent.")}
    desk.post(f"/case/{case}/do/amend", {**fields, **gone})
    assert people_of(page_of(counter, case)) == {"applicant": {"name": "周一"}}
    added = {"p.agent.name": "周二", "p.agent.relation": "弟弟", "p.agent.id_no": NUMBER}
    desk.post(f"/case/{case}/do/amend", {**form_of(desk, case, counter), **added})
    agent = {"name": "周二", "relation": "弟弟", "id_no": NUMBER, "id_kind": "resident"}
    assert people_of(page_of(counter, case))["agent"] == agent


def test_nothing_typed_of_an_agent_is_lost(counter: Counter, desk: Desk) -> None:
    for said in (
        {"agent.relation": "儿子"},
        {"agent.phone": "13800001234"},
        {"f.agent_authority": "general"},
    ):
        refused = send(desk, "吴一", **said)
        assert (refused.status, refused.code) == (422, "identity.agent_no_name"), said
        folded = refused.text.partition("有代理人</summary>")[0].rpartition("<details")[2]
        assert folded.startswith(" open"), "what was typed is in sight"
    assert 'value="儿子"' in send(desk, "吴一", **{"agent.relation": "儿子"}).text
    assert send(desk, "吴一", **{"agent.name": "吴二"}).code == "identity.agent_unsaid"
    case = received(desk, "吴一", **{"agent.name": "吴二", "agent.relation": "儿子"})
    assert people_of(page_of(counter, case))["agent"] == {"name": "吴二", "relation": "儿子"}


def test_whose_number_is_wrong_is_said(desk: Desk) -> None:
    wrong = "110105194912310021"
    for role, word in (("applicant", "申请人：公民"), ("agent", "代理人：公民")):
        refused = send(desk, "郑一", **AGENT, **{f"{role}.id_no": wrong, f"{role}.id_kind": "resident"})
        assert refused.code == "identity.check_digit" and word in refused.text
        piece = desk.post(f"/receive/{PERMIT}/person?of={role}", {f"{role}.id_no": wrong})
        assert word in piece.text


@pytest.mark.parametrize(
    ("kind", "number", "told"),
    [
        ("resident", NUMBER, "✓ 校验位正确"),
        ("firm", "91110000600037341L", "✓ 校验位正确"),
        ("passport", "E12345678", "像“护照”"),
        ("taiwan", "12345678", "没有校验位"),
        ("other", "任意号", "核对不了"),
    ],
)
def test_only_what_was_proven_is_called_right(desk: Desk, kind: str, number: str, told: str) -> None:
    piece = desk.post(f"/receive/{PERMIT}/person", {"applicant.id_no": number, "applicant.id_kind": kind})
    assert told in piece.text and ("✓" in piece.text) == told.startswith("✓")


def test_another_kind_is_checked_anew(desk: Desk) -> None:
    text = desk.get(f"/receive/{PERMIT}").text
    for role, of, place in (("applicant", "", "person"), ("agent", "?of=agent", "agent")):
        select = re.search(rf'<select id="{role}-kind"[^>]*>', text)
        assert select and f'hx-post="/receive/{PERMIT}/person{of}"' in select.group()
        assert f'hx-target="#{place}-check"' in select.group() and 'hx-trigger="change"' in select.group()
        assert f'<div id="{place}-check"' in text


def test_a_number_that_was_corrected_is_nobody_s_same_matter(counter: Counter, desk: Desk) -> None:
    number, kind = "110105195803121013", "resident"
    case = received(desk, "冯一", **{"applicant.id_no": number, "applicant.id_kind": kind})
    asked = {"applicant.id_no": number, "applicant.id_kind": kind}
    shown = page_of(counter, case).state.number
    assert shown in desk.post(f"/receive/{PERMIT}/person", asked).text
    desk.post(f"/case/{case}/do/amend", {**form_of(desk, case, counter), "p.applicant.id_no": ""})
    assert shown not in desk.post(f"/receive/{PERMIT}/person", asked).text
    told = desk.get(f"/case/{case}").text
    assert "居民身份证，18 位" in told and "（已清空）" in told and ">resident<" not in told
    # nor does somebody apply who came for somebody else
    agent = {"agent.name": "冯二", "agent.relation": "女儿", "agent.id_no": number}
    other = page_of(counter, received(desk, "冯三", **agent)).state.number
    assert other not in desk.post(f"/receive/{PERMIT}/person", asked).text
