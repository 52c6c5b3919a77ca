"""Receiving step by step: a part at a time, without script too, remembered for the person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import TYPE_CHECKING

import pytest

from tests.facade.counter import FELLING
from tests.web.counterdesk import Counter, Desk, Page, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HERE = f"/receive/{FELLING}"
ID_NO = "11010519491231002X"
_INPUT = re.compile(r"<input[^>]*>")
_FORM = re.compile(r'<form method="post" action="([^"]*)" class="steps.*?</form>', re.DOTALL)


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("steps") / "county") as one:
        yield one


@pytest.fixture
def desk(counter: Counter) -> Iterator[Desk]:
    """A village clerk's browser; nothing is left of what was typed or chosen in it."""
    one = counter.desk("V1")
    yield one
    for folder in ("drafts", "ways", "unsigned"):
        for path in (counter.folder / folder).glob("*"):
            path.unlink()


def steps(desk: Desk) -> None:
    """Choose to go step by step."""
    answer = desk.send("/receive-way", {"way": "steps", "next": HERE})
    assert (answer.status, answer.headers["Location"]) == (303, HERE)


def form_of(page: Page) -> tuple[str, dict[str, list[str]]]:
    """Return where the form of a page goes and what a browser without script sends of it."""
    found = _FORM.search(page.text)
    assert found, page.text[:500]
    fields: dict[str, list[str]] = {}
    for tag in _INPUT.findall(found.group(0)):
        given = {name: unescape(text) for name, text in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        if given.get("type") in ("file", "checkbox", "radio") and " checked" not in tag:
            continue
        if given["name"] != "form":
            fields.setdefault(given["name"], []).append(given.get("value", ""))
    for name, text in re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>([^<]*)', found.group(0)):
        fields[name] = [unescape(text)]
    return unescape(found.group(1)), fields


def send(desk: Desk, page: Page, **more: str | list[str]) -> Page:
    """Press the form's button with more typed into it."""
    action, fields = form_of(page)
    return desk.post(action, {**fields, **{name.replace("__", "."): text for name, text in more.items()}})


def shown(page: Page) -> list[str]:
    """Return the sections that the page shows."""
    return re.findall(r"<section data-step[^>]*><h2[^>]*>([^<]*)", page.text)


def test_one_page_until_somebody_chooses_steps_and_each_person_for_herself(
    counter: Counter, desk: Desk
) -> None:
    assert len(shown(desk.get(HERE))) == 3
    steps(desk)
    assert shown(desk.get(HERE)) == ["一、申请人"]
    assert shown(counter.desk("V1").get(HERE)) == ["一、申请人"], "remembered in every browser"
    assert len(shown(counter.desk("C1").get(HERE))) == 3, "and for nobody else"
    assert desk.post("/receive-way", {"way": "sideways"}).code == "web.choice"
    desk.post("/receive-way", {"way": "page", "next": HERE})
    assert len(shown(desk.get(HERE))) == 3


def test_a_receipt_step_by_step_without_script(counter: Counter, desk: Desk) -> None:
    steps(desk)
    page = desk.get(HERE)
    assert "签名收件" not in page.text, "nothing is signed before all of it was read once more"
    page = send(desk, page, applicant__name="步步来", applicant__id_no=ID_NO)
    assert shown(page) == ["二、材料"]
    page = send(desk, page, f__materials=["m01"])
    assert shown(page) == ["三、其他"]
    action, fields = form_of(page)
    answer = desk.send(
        action, {**fields, "text": "要看的一句话"}, {"files": ("照片.jpg", b"\xff\xd8\xff\xe0 seen")}
    )
    page = desk.get(answer.headers["Location"])
    assert shown(page) == ["四、核对签名"]
    told = page.text.partition('<dl class="review">')[2].partition("</dl>")[0]
    for text in ("步步来", ID_NO, "申请表", "要看的一句话", "照片.jpg", "还没交的材料", "伐区调查"):
        assert text in told, text
    assert "林权证明" not in told, "the office looks it up itself"
    with counter.ledger() as ledger:
        assert ledger.find("步步来") == []
    page = send(desk, page)
    assert 'class="moved slip' in page.text, page.code
    with counter.ledger() as ledger:
        (row,) = ledger.find(ID_NO)
        state, _ = ledger.state(row.case_id)
    assert row.applicant == "步步来"
    opened = state.steps[0].act
    assert opened.facts["materials"] == ["m01"] and len(opened.attachments) == 1
    assert desk.get(HERE).text.count("步步来") == 0, "the draft ended with the act"
    twice = send(desk, desk.get(HERE), applicant__name="步步来", applicant__id_no=ID_NO)
    assert shown(twice) == ["二、材料"] and row.number in twice.text, (
        "the same matter is told before the papers"
    )


def test_going_back_and_to_the_other_way_keeps_what_was_typed(desk: Desk) -> None:
    steps(desk)
    page = send(desk, send(desk, desk.get(HERE), applicant__name="回头人"), f__materials=["m01"])
    back = re.search(r'formaction="([^"]*to=[^"]*)"', page.text)
    whole = re.search(r'formaction="([^"]*way=page[^"]*)"', page.text)
    assert back and whole
    _, fields = form_of(page)
    before = desk.post(unescape(back.group(1)), {**fields, "text": "已写"})
    assert shown(before) == ["二、材料"] and re.search(r'value="m01"[^>]* checked', before.text)
    first = desk.post(f"{HERE}/draft/step?to=applicant", form_of(before)[1])
    assert 'value="回头人"' in first.text and shown(first) == ["一、申请人"]
    page = desk.post(unescape(whole.group(1)), form_of(first)[1])
    assert len(shown(page)) == 3
    assert 'value="回头人"' in page.text and "已写</textarea>" in page.text
    assert re.search(r'value="m01"[^>]* checked', page.text)


def test_what_is_wrong_is_shown_at_its_step(counter: Counter, desk: Desk) -> None:
    steps(desk)
    page = send(desk, desk.get(HERE), applicant__name="写错人", applicant__id_no="110105194912310021")
    assert shown(page) == ["二、材料"] and "problem-line" in page.text, "said at once, also without script"
    page = send(desk, send(desk, page, f__materials=["m01"]), text="留着")
    refused = send(desk, page)
    assert refused.status == 422 and refused.code.startswith("identity.")
    assert shown(refused) == ["一、申请人"]
    mended = send(desk, refused, applicant__id_no="")
    assert shown(mended) == ["二、材料"] and re.search(r'value="m01"[^>]* checked', mended.text)
    page = send(desk, send(desk, mended))
    assert "留着" in page.text
    assert 'class="moved slip' in send(desk, page).text
    with counter.ledger() as ledger:
        assert len(ledger.find("写错人")) == 1


def test_a_pad_is_entered_step_by_step_under_its_number(counter: Counter, desk: Desk) -> None:
    steps(desk)
    sheet = desk.post("/pads", {"count": "10"})
    number = re.findall(r"<strong>([0-9A-Z-]{30,})</strong>", sheet.text)[0]
    page = desk.get(f"{HERE}?pad={number}")
    assert shown(page)[-1] == "一、申请人" and 'name="at"' in page.text
    reason = {"f__late_entry__reason": "power"}
    page = send(desk, page, applicant__name="停电步", at="2026-03-01T10:00", **reason)
    assert shown(page) == ["二、材料"]
    page = send(desk, send(desk, page))
    told = page.text.partition('<dl class="review">')[2].partition("</dl>")[0]
    assert "2026-03-01 10:00" in told and "停电" in told
    assert number in send(desk, page).text
    with counter.ledger() as ledger:
        (row,) = ledger.find("停电步")
    assert row.number == number


def test_a_step_that_came_too_late_goes_on_where_it_was(counter: Counter, desk: Desk) -> None:
    steps(desk)
    page = desk.get(HERE)
    action, fields = form_of(page)
    desk.send("/lock")
    late = desk.send(
        action,
        {**fields, "applicant.name": "锁住人"},
        headers={"Referer": f"http://127.0.0.1:{counter.port}{HERE}"},
    )
    assert late.status == 303 and late.headers["Location"].startswith("/sign-in")
    desk.sign_in("V1")
    page = desk.get(f"{HERE}?draft={fields['draft'][0]}")
    assert 'value="锁住人"' in page.text and shown(page) == ["一、申请人"]
    page = send(desk, page)
    assert shown(page) == ["二、材料"] and "data-unsigned=" not in page.text
    assert 'name="applicant.name" value="锁住人"' in page.text


def test_after_a_lock_the_step_is_the_one_at_which_it_was(desk: Desk) -> None:
    steps(desk)
    page = send(desk, send(desk, desk.get(HERE), applicant__name="第三步的人"), f__materials=["m01"])
    where = f"{HERE}?draft={page.field('draft')}&step=more"
    desk.send("/lock")
    assert f'name="next" value="{where.replace("&", "&amp;")}"' in desk.get(where).text
    desk.sign_in("V1")
    page = desk.get(where)
    assert shown(page) == ["三、其他"]
    assert 'name="applicant.name" value="第三步的人"' in page.text


def test_a_step_that_is_refused_loses_nothing_that_was_typed(counter: Counter, desk: Desk) -> None:
    steps(desk)
    page = send(desk, desk.get(HERE), applicant__name="留得住的人", applicant__id_no=ID_NO)
    page = send(desk, page, f__materials=["m01"])
    action, fields = form_of(page)
    refused = desk.send(action, {**fields, "text": "写了很久"}, {"files": ("空的.jpg", b"")})
    assert (refused.status, refused.code) == (422, "attach.empty")
    assert shown(refused) == ["三、其他"] and "写了很久</textarea>" in refused.text
    _, again = form_of(refused)
    assert (again["applicant.name"], again["f.materials"]) == (["留得住的人"], ["m01"])
    assert "写了很久" in desk.get(f"{HERE}?draft={page.field('draft')}&step=more").text, (
        "kept before its file"
    )
    # Whoever loads the refused page anew, or signs in there, comes to the form.
    anew = desk.get(action)
    assert shown(anew) == ["三、其他"] and "写了很久</textarea>" in anew.text
    # What no draft can hold stays on the page, at the step where it was typed.
    large = desk.send(action, {**fields, "text": "长" * 30_000})
    assert (large.status, large.code) == (422, "web.draft_large")
    assert shown(large) == ["三、其他"] and "长" * 30_000 in large.text
    page = send(desk, send(desk, refused))
    assert 'class="moved slip' in page.text, page.code
    with counter.ledger() as ledger:
        assert len(ledger.find("留得住的人")) == 1


def test_a_step_of_a_form_that_is_signed_already_goes_on_as_another_draft(desk: Desk) -> None:
    steps(desk)
    page = send(desk, desk.get(HERE), applicant__name="签过的人")
    word = page.field("draft")
    assert 'class="moved slip' in send(desk, send(desk, send(desk, page))).text
    # The page of the second step was still open somewhere.
    again = send(desk, page, f__materials=["m01"])
    assert shown(again) == ["三、其他"] and "另一份草稿" in again.text
    _, fields = form_of(again)
    assert (fields["applicant.name"], fields["f.materials"]) == (["签过的人"], ["m01"])
    assert fields["draft"] != [word]


def test_a_full_disk_leaves_a_step_as_it_is(counter: Counter, desk: Desk) -> None:
    steps(desk)
    page = send(desk, desk.get(HERE), applicant__name="满盘的人")
    drafts = counter.folder / "drafts"
    aside = drafts.rename(drafts.with_name("drafts-aside"))
    drafts.write_bytes(b"no folder")
    refused = send(desk, page, f__materials=["m01"])
    drafts.unlink()
    aside.rename(drafts)
    assert refused.code.startswith("store.") and shown(refused) == ["二、材料"]
    _, fields = form_of(refused)
    assert (fields["applicant.name"], fields["f.materials"]) == (["满盘的人"], ["m01"])
    assert shown(send(desk, refused)) == ["三、其他"]


def test_two_forms_that_came_too_late_stay_two_people_s(counter: Counter, desk: Desk) -> None:
    steps(desk)
    forms = [form_of(desk.get(HERE)) for _ in range(2)]
    desk.send("/lock")
    for (action, fields), name in zip(forms, ("前面的人", "后面的人"), strict=True):
        late = {**fields, "applicant.name": name}
        desk.send(action, late, headers={"Referer": f"http://127.0.0.1:{counter.port}{HERE}"})
    desk.sign_in("V1")
    words = ["".join(fields["draft"]) for _, fields in forms]
    page = desk.get(f"{HERE}?draft={words[0]}")
    assert 'value="前面的人"' in page.text and f'href="{HERE}?draft={words[1]}"' in page.text
    page = send(desk, page)
    assert shown(page) == ["二、材料"]
    _, fields = form_of(page)
    assert (fields["draft"], fields["applicant.name"]) == ([words[0]], ["前面的人"])
    assert "后面的人" not in page.text
    # The draft is gone on with from its list too, while the other form waits; that one loses nothing.
    assert 'value="前面的人"' in desk.get(f"{HERE}?draft={words[0]}").text
    other = desk.get(f"{HERE}?draft={words[1]}")
    assert 'value="后面的人"' in other.text and other.field("draft") == words[1]


@pytest.mark.layer("browser")
def test_steps_with_the_keyboard_alone(counter: Counter, desk: Desk, chromium_browser: Browser) -> None:
    steps(desk)
    base = f"http://127.0.0.1:{counter.port}"
    context = chromium_browser.new_context(
        locale="zh-CN", base_url=base, viewport={"width": 390, "height": 844}
    )
    context.add_cookies([{"name": n, "value": v, "url": base} for n, v in desk.cookies.items()])
    tab = context.new_page()
    tab.goto(HERE)
    tab.keyboard.press("Control+Enter")
    assert tab.locator("#applicant-name:invalid").count(), "a step without its name is not left"
    tab.keyboard.insert_text("键盘人")
    tab.keyboard.press("Control+Enter")
    tab.wait_for_url("**step=materials*")
    tab.locator('[name="f.materials"]').first.check()
    tab.go_back()
    assert tab.locator("#applicant-name").input_value() == "键盘人"
    tab.locator(".actions button").first.click()
    tab.wait_for_url("**step=materials*")
    tab.locator('[name="f.materials"]').first.check()
    for step in ("more", "sign"):
        tab.locator(".actions button").first.click()
        tab.wait_for_url(f"**step={step}*")
        assert tab.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), step
    tab.locator(".actions button").first.click()
    tab.wait_for_url("**/slip")
    context.close()
    with counter.ledger() as ledger:
        assert [row.applicant for row in ledger.find("键盘人")] == ["键盘人"]
