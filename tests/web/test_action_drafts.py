"""What is typed into the form of an action: kept meanwhile, found again, signed after others acted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ledger.types import CaseId
from tests.facade.counter import PERMIT
from tests.web.counterdesk import Counter, Desk, Page, serving, window
from tests.web.test_actions import page_of, received

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

LONG = "这是一段很长的情况说明，写了十分钟，写到一半停电了。"


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("action-drafts") / "county") as one:
        yield one


@pytest.fixture(scope="module")
def desk(counter: Counter) -> Desk:
    return counter.desk("C1")


def typed(desk: Desk, path: str, **fields: str) -> str:
    """Open a form, type, and leave it at that; returns the draft's word."""
    page = desk.get(path)
    plain = path.partition("?")[0]
    sent = {"draft": page.field("draft"), "heads": page.field("heads"), **fields}
    kept = desk.send(f"{plain}/draft", sent)
    assert kept.status == 200 and "草稿已存本机" in kept.text, kept.text
    return page.field("draft")


def test_a_restart_loses_nothing_that_was_typed_into_an_action(tmp_path: Path) -> None:
    folder = tmp_path / "county"
    with serving(folder) as counter:
        desk = counter.desk("C1")
        case = received(desk, "张写字")
        word = typed(desk, f"/case/{case}/do/note", text=LONG)
        kept = [one.read_bytes() for one in (folder / "drafts").iterdir()]
        assert len(kept) == 1 and LONG.encode() not in kept[0]
        clock = counter.clock
    with serving(folder, clock=clock) as counter:
        desk, other = counter.desk("C1"), counter.desk("C4")
        link = f'href="/case/{case}/do/note?draft={word}"'
        # Found from the case and from the form; nobody else sees it, the list of receipts does not offer it.
        assert link in desk.get(f"/case/{case}").text and link in desk.get(f"/case/{case}/do/note").text
        assert LONG[:9] not in desk.get("/receive").text
        assert LONG[:9] not in other.get(f"/case/{case}").text + other.get(f"/case/{case}/do/note").text
        form = desk.get(f"/case/{case}/do/note?draft={word}")
        assert f">{LONG}</textarea>" in form.text and form.field("draft") == word
        signed = {"draft": word, "once": form.field("once"), "heads": form.field("heads"), "text": LONG}
        assert desk.send(f"/case/{case}/do/note", signed).status == 303
        assert LONG in desk.get(f"/case/{case}").text
        assert link not in desk.get(f"/case/{case}").text + desk.get(f"/case/{case}/do/note").text
        assert not list((folder / "drafts").iterdir())


def test_signing_in_leads_back_to_the_draft(counter: Counter, desk: Desk) -> None:
    case = received(desk, "李锁屏")
    word = typed(desk, f"/case/{case}/do/note", text=LONG)
    path = f"/case/{case}/do/note?draft={word}"
    stranger = Desk(counter.port)
    assert f'name="next" value="{path}"' in stranger.get(path).text
    # What was searched for does not come along: the page for signing in stands there for everybody.
    asked = stranger.get("/find?q=110105194912310021")
    assert 'name="next" value="/find"' in asked.text and "110105" not in asked.text


def test_each_act_to_amend_has_drafts_of_its_own(desk: Desk, counter: Counter) -> None:
    case = received(desk, "王更正")
    desk.post(f"/case/{case}/do/note", {"text": "先记一笔"})
    first, second = (step.act.act_id.hex() for step in page_of(counter, case).state.steps[:2])
    path = f"/case/{case}/do/amend?target={first}"
    fields = {"f.target": first, "f.reason": "抄错了一位"}
    word = typed(desk, path, **fields)
    again = f"{path}&amp;draft={word}"
    assert f'href="{again}"' in desk.get(path).text
    assert word not in desk.get(f"/case/{case}/do/amend?target={second}").text
    assert "抄错了一位" in desk.get(f"{path}&draft={word}").text
    desk.post(f"/case/{case}/do/amend/draft/drop", {"dropped": word, "f.target": first})
    assert word not in desk.get(path).text


def test_erasing_a_person_s_data_takes_drafts_about_the_case_along(counter: Counter, desk: Desk) -> None:
    case, kept = received(desk, "钱删除"), received(desk, "孙留下")
    for one in (case, kept):
        typed(desk, f"/case/{one}/do/note", text=f"电话 {one[:6]}")
    before = len(list((counter.folder / "drafts").iterdir()))
    with counter.ledger() as ledger:
        by = ledger.state(CaseId(bytes.fromhex(case)))[1].case_type.actions["erase"].by
    erasing = counter.desk("C3" if "head" in by else "C2")
    assert not erasing.post(f"/case/{case}/do/erase", {"f.ground": "applicant_request"}).code
    assert len(list((counter.folder / "drafts").iterdir())) == before - 1
    assert "/do/note?draft=" not in desk.get(f"/case/{case}").text
    assert kept[:6] in desk.get(f"/case/{kept}").text


def test_what_is_too_large_for_a_draft_is_not_told_as_kept(desk: Desk) -> None:
    case = received(desk, "周长文")
    path = f"/case/{case}/do/note"
    word = typed(desk, path, text="先写的")
    refused = desk.send(f"{path}/draft", {"draft": word, "text": "长" * 30_000})
    assert refused.status == 422 and "草稿已存本机" not in refused.text
    # In the open page the words stand where "kept" stood, and nothing is tried again by itself.
    part = desk.send(f"{path}/draft", {"draft": word, "text": "长" * 30_000}, headers={"HX-Request": "true"})
    assert part.status == 200 and "超过 64 KB" in part.text and "草稿已存本机" not in part.text
    assert ">先写的</textarea>" in desk.get(f"{path}?draft={word}").text


def sent(desk: Desk, case: str, page: Page, text: str) -> Page:
    """Sign what a page of a form holds, with other words."""
    fields = {name: page.field(name) for name in ("once", "heads", "draft")}
    return desk.send(f"/case/{case}/do/note", {**fields, "text": text})


def test_after_others_acted_the_same_form_is_signed_once_that_was_seen(counter: Counter, desk: Desk) -> None:
    case = received(desk, "两页人")
    left, right = desk.get(f"/case/{case}/do/note"), desk.get(f"/case/{case}/do/note")
    assert sent(desk, case, left, "甲先写的").status == 303
    late = sent(desk, case, right, "乙后写的")
    assert (late.status, late.code) == (409, "web.moved_on")
    assert ">乙后写的</textarea>" in late.text
    # What happened meanwhile stands there, and nothing that the form was opened with.
    news = late.text.partition('id="news"')[2].partition("</section>")[0]
    assert news.count("<li>") == 1 and "备注" in news and "收件" not in news
    assert sent(desk, case, late, "乙后写的").status == 303
    assert "甲先写的" in desk.get(f"/case/{case}").text and "乙后写的" in desk.get(f"/case/{case}").text


def _open(browser: Browser, desk: Desk, path: str) -> Tab:
    tab = window(browser, desk).new_page()
    tab.goto(path)
    return tab


@pytest.mark.layer("browser")
def test_text_that_comes_without_a_key_is_kept_and_a_failure_is_told(
    counter: Counter, desk: Desk, chromium_browser: Browser
) -> None:
    case = received(desk, "手写人")
    tab = _open(chromium_browser, desk, f"/case/{case}/do/note")
    # Handwriting and words picked with the mouse fire no key, and the field is not left.
    tab.locator("#text").focus()
    with tab.expect_response("**/draft") as kept:
        tab.keyboard.insert_text("手写的字")
    assert kept.value.status == 200
    tab.get_by_text("草稿已存本机").wait_for()
    assert "手写的字" in desk.get(f"/case/{case}").text
    # The line that says "kept" goes as soon as something was not.
    tab.route("**/draft", lambda route: route.abort())
    tab.keyboard.insert_text("，后来写的")
    tab.get_by_text("还没存成草稿").wait_for()
    assert "草稿已存本机" not in tab.locator("#draft").inner_text()
    tab.unroute("**/draft")
    tab.get_by_text("草稿已存本机").wait_for(timeout=30_000)
    assert "手写的字，后来写的" in desk.get(f"/case/{case}").text
    # What was typed last goes along when the page is left at once.
    tab.keyboard.insert_text("。完")
    tab.goto("/cases")
    tab.wait_for_timeout(500)
    assert "手写的字，后来写的。完" in desk.get(f"/case/{case}").text
    tab.context.close()


@pytest.mark.layer("browser")
def test_a_receipt_s_draft_listens_to_what_comes_without_a_key(
    counter: Counter, desk: Desk, chromium_browser: Browser
) -> None:
    tab = _open(chromium_browser, desk, f"/receive/{PERMIT}")
    tab.locator("#applicant-name").focus()
    with tab.expect_response("**/draft"):
        tab.keyboard.insert_text("点选的人")
    assert "点选的人" in desk.get("/receive").text
    tab.context.close()
