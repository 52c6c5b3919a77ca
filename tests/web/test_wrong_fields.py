"""A refused field about a person is marked, described by what is wrong, and where the page goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.facade.counter import PERMIT
from tests.web.counterdesk import Counter, Desk, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HERE = f"/receive/{PERMIT}"
GOOD = {"applicant.name": "张三"}


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("wrong") / "county") as one:
        yield one


@pytest.fixture(scope="module")
def desk(counter: Counter) -> Desk:
    return counter.desk("C1")


ID_NO = "11010519491231002X"
NUMBERED = {"applicant.id_no": "110105199003070551", "applicant.id_kind": "resident"}


def marked(text: str) -> list[str]:
    """Return the names of the fields that are marked as wrong and described."""
    tags = re.findall(r"<(?:input|select|textarea)\b[^>]*>", text)
    wrong = [tag for tag in tags if 'aria-invalid="true"' in tag]
    assert all('aria-describedby="what-is-wrong"' in tag for tag in wrong), wrong
    assert not wrong or text.count('id="what-is-wrong"') == 1
    return [name for tag in wrong for name in re.findall(r' name="([^"]+)"', tag)]


@pytest.mark.parametrize(
    ("fields", "code", "name"),
    [
        ({"applicant.phone": "没有"}, "identity.phone", "applicant.phone"),
        ({"applicant.id_no": "110105194912310021"}, "identity.check_digit", "applicant.id_no"),
        ({"applicant.name": "123"}, "identity.no_letters", "applicant.name"),
        ({"applicant.address": "东门\u200b村"}, "identity.hidden", "applicant.address"),
        ({"applicant.address": "东" * 201}, "identity.too_long", "applicant.address"),
        ({"agent.name": "李四", "agent.relation": "子" * 41}, "identity.too_long", "agent.relation"),
        ({"agent.name": "李四", "agent.phone": "-"}, "identity.phone", "agent.phone"),
        ({"agent.phone": "13900001111"}, "identity.agent_no_name", "agent.name"),
        ({**NUMBERED, "applicant.phone": ID_NO}, "identity.misplaced", "applicant.phone"),
        ({**NUMBERED, "applicant.address": f" {ID_NO} "}, "identity.misplaced", "applicant.address"),
        ({**NUMBERED, "applicant.name": f"张三{ID_NO}"}, "identity.misplaced", "applicant.name"),
        ({**NUMBERED, "applicant.phone": f"13900001234{ID_NO}"}, "identity.misplaced", "applicant.phone"),
        ({**NUMBERED, "applicant.address": f"东门村{ID_NO}"}, "identity.misplaced", "applicant.address"),
        ({"applicant.phone": "1390000123413900001234"}, "identity.too_long", "applicant.phone"),
        ({"agent.name": "李四"}, "identity.agent_unsaid", "agent.relation"),
        ({"text": "看\u202e不见"}, "identity.hidden", "text"),
    ],
)
def test_a_refused_field_of_a_person_is_marked(
    desk: Desk, fields: dict[str, str], code: str, name: str
) -> None:
    page = desk.send(HERE, {**GOOD, **fields})
    assert page.code == code and marked(page.text) == [name]
    assert marked(desk.get(HERE).text) == []
    if name.startswith("applicant"):
        back = desk.send(f"{HERE}/return", {**GOOD, "f.reason": "other", **fields})
        assert marked(back.text) == ([] if name == "applicant.address" else [name])


def test_a_correction_marks_it_as_well(counter: Counter, desk: Desk) -> None:
    form = desk.get(HERE)
    slip = desk.send(HERE, {**GOOD, "once": form.field("once")}).headers["Location"]
    case = slip.removesuffix("/slip")
    target = re.findall(r"target=([0-9a-f]{64})", desk.get(f"{case}/do/amend").text)[0]
    fields = {"f.target": target, "f.reason": "写错", "p.applicant.name": "张三", "p.applicant.phone": "无"}
    page = desk.send(f"{case}/do/amend", fields)
    assert page.code == "identity.phone" and marked(page.text) == ["p.applicant.phone"]
    long = {**fields, "p.applicant.phone": "", "p.applicant.address": "东" * 201}
    page = desk.send(f"{case}/do/amend", long)
    assert page.code == "identity.too_long" and marked(page.text) == ["p.applicant.address"]
    assert "最多 200 个" in page.text and "地址" in page.text


def test_the_step_of_a_wrong_field_is_shown(counter: Counter) -> None:
    desk = counter.desk("C2")
    desk.send("/receive-way", {"way": "steps", "next": HERE})
    wrong = {**GOOD, "agent.name": "李四", "agent.relation": "子", "agent.phone": "-"}
    page = desk.send(HERE, wrong)
    assert marked(page.text) == ["agent.phone"]


@pytest.mark.layer("browser")
def test_the_page_goes_to_the_wrong_field(counter: Counter, chromium_browser: Browser) -> None:
    desk, base = counter.desk("C4"), f"http://127.0.0.1:{counter.port}"
    context = chromium_browser.new_context(locale="zh-CN", base_url=base)
    context.add_cookies([{"name": name, "value": value, "url": base} for name, value in desk.cookies.items()])
    tab = context.new_page()
    tab.set_default_timeout(10_000)
    for name, value in (("applicant-phone", "没有"), ("agent-phone", "-")):
        tab.goto(HERE)
        tab.fill("#applicant-name", "张三")
        if name.startswith("agent"):
            tab.get_by_text("有代理人", exact=True).click()
            tab.fill("#agent-name", "李四")
        tab.fill(f"#{name}", value)
        tab.get_by_role("button", name="签名收件").click()
        tab.locator("#what-is-wrong").wait_for()
        assert tab.evaluate("document.activeElement.id") == name
    context.close()
