"""Input methods, scan guns and fast hands: nothing half typed is sent, nothing wrong is opened."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from tests.facade.counter import FELLING, PERMIT
from tests.sheetin.workbooks import make
from tests.web.counterdesk import Counter, serving, window
from tests.web.test_platform import receive as receive_at

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.layer("browser")
ID_NO = "11010519491231002X"


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("typing") / "county") as one:
        yield one


@pytest.fixture(scope="module")
def case(counter: Counter) -> str:
    return receive_at(counter.desk("C1"), "程打字")


@pytest.fixture(scope="module")
def tab(counter: Counter, chromium_browser: Browser) -> Iterator[Page]:
    """A browser in which the county's clerk has signed in."""
    context = window(chromium_browser, counter.desk("C1"))
    yield context.new_page()
    context.close()


def _compose(tab: Page, *texts: str) -> None:
    """Let an input method show texts one after the other, none of them chosen yet."""
    client = tab.context.new_cdp_session(tab)
    for text in texts:
        client.send(
            "Input.imeSetComposition", {"text": text, "selectionStart": len(text), "selectionEnd": len(text)}
        )
    for kind in ("rawKeyDown", "keyUp"):
        # An input method takes Enter for itself: browsers tell pages of it as key 229.
        client.send(
            "Input.dispatchKeyEvent",
            {"type": kind, "key": "Process", "code": "Enter", "windowsVirtualKeyCode": 229},
        )


def _choose(tab: Page, text: str) -> None:
    tab.context.new_cdp_session(tab).send("Input.insertText", {"text": text})


@pytest.mark.parametrize(
    ("path", "field", "chosen", "asked"),
    [("/receive", "#item-q", "食品", "/receive?q="), ("/find", "#q", "程打字", "/find?q=")],
)
def test_what_is_half_composed_is_not_searched_for(
    tab: Page, case: str, path: str, field: str, chosen: str, asked: str
) -> None:
    tab.goto(path)
    sent: list[str] = []
    tab.on("request", lambda request: sent.append(request.url))
    tab.locator(field).focus()
    _compose(tab, "s", "sh", "shi", "shi'p")
    tab.wait_for_timeout(600)
    assert not [url for url in sent if asked in url], sent
    with tab.expect_response(f"**{asked}*") as answer:
        _choose(tab, chosen)
    assert answer.value.ok and tab.url.endswith(path)
    assert tab.locator(field).input_value() == chosen


def test_enter_opens_only_what_was_typed_however_fast(tab: Page) -> None:
    tab.goto("/receive")
    offered = tab.locator("#items a")
    wanted = str(offered.last.get_attribute("href"))
    assert offered.first.get_attribute("href") != wanted
    # Faster than the list can follow, as a gun scans from a card; as fast as somebody types; a list late.
    for delay_ms, late_ms in ((0, 0), (60, 0), (60, 150), (120, 50)):
        tab.goto("/receive")
        tab.locator("#item-q").focus()
        tab.keyboard.type(wanted.rpartition("/")[2], delay=delay_ms)
        tab.wait_for_timeout(late_ms)
        tab.keyboard.press("Enter")
        tab.wait_for_url(f"**{wanted}", timeout=5000)
    tab.goto("/receive")
    tab.locator("#item-q").focus()
    tab.keyboard.type("没有这个事项")
    with tab.expect_navigation():
        tab.keyboard.press("Enter")
    assert tab.url.partition("?")[0].endswith("/receive"), "nothing is opened where nothing was found"
    assert tab.locator("#item-q").input_value() == "没有这个事项"


def test_enter_needs_no_script_and_keeps_the_pad(counter: Counter) -> None:
    desk = counter.desk("C1")

    def answered(query: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", counter.port, timeout=60)
        cookie = "; ".join(f"{name}={value}" for name, value in desk.cookies.items())
        connection.request("GET", f"/receive?{query}", headers={"Cookie": cookie})
        answer = connection.getresponse()
        connection.close()
        return answer.status, answer.headers.get("Location", "")

    assert answered(f"first=1&q={PERMIT}") == (303, f"/receive/{PERMIT}")
    assert answered(f"first=1&q={PERMIT}&pad=a%26b") == (303, f"/receive/{PERMIT}?pad=a%26b")
    assert answered(f"q={PERMIT}") == (200, "")
    for nothing in ("", "%20", "no-such-thing"):
        assert answered(f"first=1&q={nothing}") == (200, ""), nothing


def test_a_gun_fired_into_the_name_fills_the_number(tab: Page) -> None:
    tab.goto(f"/receive/{PERMIT}")
    name, number = tab.locator("#applicant-name"), tab.locator("#applicant-id")
    name.focus()
    with tab.expect_response("**/person"):
        tab.keyboard.type(ID_NO.lower())
        tab.keyboard.press("Enter")
    assert (name.input_value(), number.input_value()) == ("", ID_NO)
    tab.wait_for_function("() => document.activeElement.id === 'applicant-name'")
    tab.keyboard.insert_text("程打字")
    tab.keyboard.press("Enter")
    assert name.input_value() == "程打字"


def test_a_gun_fired_into_the_name_is_no_name_however_it_is_sent(tab: Page, counter: Counter) -> None:
    tab.goto(f"/receive/{PERMIT}")
    tab.locator("#applicant-name").focus()
    tab.keyboard.type(ID_NO)
    tab.keyboard.press("Control+Enter")
    tab.wait_for_function(f"() => document.getElementById('applicant-id').value === '{ID_NO}'")
    assert tab.url.partition("?")[0].endswith(f"/receive/{PERMIT}"), "a name is wanted still"
    refused = counter.desk("C1").post(f"/receive/{PERMIT}", {"once": "gun", "applicant.name": ID_NO})
    assert (refused.status, refused.code) == (422, "identity.no_name")
    wrong = {"applicant.name": "电话人", "applicant.phone": "没有"}
    assert counter.desk("C1").post(f"/receive/{PERMIT}", wrong).code == "identity.phone"
    with counter.ledger() as ledger:
        assert ledger.find(ID_NO) == [] and ledger.find("电话人") == []


@pytest.mark.parametrize("field", ["phone", "address"])
def test_a_gun_fired_into_phone_or_address_fills_the_number(tab: Page, counter: Counter, field: str) -> None:
    tab.goto(f"/receive/{PERMIT}")
    wrong, number = tab.locator(f"#applicant-{field}"), tab.locator("#applicant-id")
    fold = wrong.locator("xpath=ancestor::details")
    if fold.count():
        fold.locator("summary").click()
    wrong.focus()
    with tab.expect_response("**/person"):
        tab.keyboard.type(ID_NO.lower())
        tab.keyboard.press("Enter")
    assert (wrong.input_value(), number.input_value()) == ("", ID_NO)
    tab.wait_for_function(f"() => document.activeElement.id === 'applicant-{field}'")
    # Sent before the page could put it in order, or by a page without script.
    sent = {"once": f"gun {field}", "applicant.name": f"枪打{field}", f"applicant.{field}": ID_NO}
    desk = counter.desk("C1")
    case = desk.send(f"/receive/{PERMIT}", sent).headers["Location"].removesuffix("/slip")
    page = desk.get(f"{case}/do/amend").text
    target = re.findall(r"target=([0-9a-f]{64})", page)[0]
    amended = {"f.target": target, "f.reason": "写错", f"p.applicant.{field}": ID_NO}
    refused = desk.send(f"{case}/do/amend", {**amended, "p.applicant.id_no": "110105199003070551"})
    assert refused.code == "identity.misplaced"
    with counter.ledger() as ledger:
        found = [ledger.case(row.case_id).personal for row in ledger.find(f"枪打{field}")]
        said = [one["applicant"] for people in found for one in people.values() if one]
    assert said == [{"name": f"枪打{field}", "id_no": ID_NO, "id_kind": "resident"}]


@pytest.mark.parametrize(
    ("field", "typed", "fired", "left"),
    [
        ("name", "后面打枪", ID_NO, "后面打枪"),
        # Of another form after NFKC: a name is kept code point by code point.
        ("name", "\ufa1b\uff0e\uff21字枪", ID_NO, "\ufa1b\uff0e\uff21字枪"),
        ("name", "宽枪", "".join(chr(ord(one) + 0xFEE0) for one in ID_NO), "宽枪"),
        ("phone", "13900001234", ID_NO, "13900001234"),
        ("phone", "13900001234、87654321 ", ID_NO, "13900001234、87654321"),
        ("phone", ID_NO, ID_NO, ""),
        ("address", "东门村3号", ID_NO.lower(), "东门村3号"),
    ],
)
def test_a_gun_fired_behind_what_was_typed_fills_the_number(
    tab: Page, counter: Counter, field: str, typed: str, fired: str, left: str
) -> None:
    tab.goto(f"/receive/{PERMIT}")
    wrong = tab.locator(f"#applicant-{field}")
    fold = wrong.locator("xpath=ancestor::details")
    if fold.count():
        fold.locator("summary").click()
    wrong.focus()
    tab.keyboard.type(typed + fired)
    tab.keyboard.press("Enter")
    tab.wait_for_function(f"() => document.getElementById('applicant-id').value === '{ID_NO}'")
    assert wrong.input_value() == left
    # Sent before the page could put it in order, or by a page without script.
    name = f"枪后{field}{len(typed)}"
    fields = {"applicant.name": name, f"applicant.{field}": typed + fired}
    desk = counter.desk("C1")
    desk.send(f"/receive/{PERMIT}", {"once": f"behind {name}", **fields})
    with counter.ledger() as ledger:
        found = [ledger.case(row.case_id).personal for row in ledger.find(left if field == "name" else name)]
    said = {"name": name, "id_no": ID_NO, "id_kind": "resident"} | {field: left}
    expected = {one: text for one, text in said.items() if text}
    assert expected in [one["applicant"] for people in found for one in people.values() if one]


def test_a_phone_that_ends_in_digits_of_no_number_stays(tab: Page) -> None:
    tab.goto(f"/receive/{PERMIT}")
    wrong = tab.locator("#applicant-name")
    wrong.focus()
    tab.keyboard.type("某公司110105194912310021")
    tab.keyboard.press("Enter")
    assert (
        wrong.input_value() == "某公司110105194912310021" and not tab.locator("#applicant-id").input_value()
    )


def test_a_gun_fired_into_the_form_of_an_action_signs_nothing(tab: Page, counter: Counter, case: str) -> None:
    tab.goto(f"/case/{case}/do/accept")
    fields = tab.locator("form[data-once] input:not([type=hidden]):not([type=file])")
    visible = [at for at in range(fields.count()) if fields.nth(at).is_visible()]
    assert visible
    for at in visible:
        fields.nth(at).focus()
        if fields.nth(at).get_attribute("type") in (None, "text"):
            tab.keyboard.type(ID_NO)
        tab.keyboard.press("Enter")
        assert tab.url.endswith("/do/accept"), fields.nth(at).get_attribute("name")
    with counter.ledger() as ledger:
        assert [row.status for row in ledger.find("程打字")] == ["received"]
    tab.keyboard.press("Control+Enter")
    tab.wait_for_url(f"**/case/{case}")


def test_the_number_of_who_has_none_in_the_list_is_scanned_next(
    tab: Page, counter: Counter, tmp_path: Path
) -> None:
    rows = [["小宝", "", "13900000001"], ["王秀英", ID_NO, ""]]
    raw = make(tmp_path / "list.xlsx", 名单=[["姓名", "身份证号", "电话"], *rows]).read_bytes()
    village = counter.desk("V1")
    made = village.send("/rosters", {"item": FELLING, "title": "新生儿"}, {"file": ("名单.xlsx", raw)})
    context = window(tab.context.browser, village)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(made.headers["Location"])
    page.locator("#scan").fill("小宝")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.dataset.fill === '1'")
    assert "还没有证件号" in page.locator("#scan-told").inner_text()
    page.keyboard.type("110101199003070011")
    page.keyboard.press("Enter")
    page.locator("#row-1 td.number").get_by_text("110101199003070011").wait_for()
    assert page.evaluate("() => document.activeElement.id") == "scan", "the next one is scanned at once"
    page.keyboard.type(ID_NO)
    page.keyboard.press("Enter")
    page.locator("#row-2.came").wait_for()
    assert page.evaluate("() => document.activeElement.id") == "scan"
    assert "已到 2" in page.locator("#roster-counts").inner_text()
    page.set_viewport_size({"width": 1366, "height": 768})
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    context.close()


def test_a_list_that_is_open_at_two_windows_keeps_the_ticks_of_both(
    tab: Page, counter: Counter, tmp_path: Path
) -> None:
    rows = [[f"老人{sign}", "", f"1390000000{at}"] for at, sign in enumerate("甲乙丙丁")]
    raw = make(tmp_path / "list.xlsx", 名单=[["姓名", "身份证号", "电话"], *rows]).read_bytes()
    village, beside = counter.desk("V1"), counter.desk("V2")
    made = village.send("/rosters", {"item": FELLING, "title": "高龄"}, {"file": ("名单.xlsx", raw)})
    where = made.headers["Location"]
    context = window(tab.context.browser, village)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(where)
    for row in ("1", "2"):
        beside.post(f"{where}/tick", {"row": row, "on": "1"})
    beside.post(f"{where}/tick", {"row": "3", "number": ID_NO})
    # The page shows none of these; a box of it is ticked, taken back and ticked again.
    box = page.locator("#row-4 input[data-tick]")
    for state in (True, False, True):
        box.set_checked(state)
        page.locator("#row-4.came" if state else "#row-4:not(.came)").wait_for()
    page.locator(".table-filter input").fill("未到")
    assert page.locator("tbody tr:visible").count() == 3, "as far as the page knows"
    page.locator(".table-filter input").fill("")
    page.locator("button[name=go]").click()
    page.wait_for_url(f"**{where}/sign")
    assert "给 4 人收件" in page.locator("h1").inner_text()
    page.goto(where)
    assert ID_NO in page.locator("#row-3").inner_text()
    page.locator(".table-filter input").fill("未到")
    assert page.locator("tbody tr:visible").count() == 0
    context.close()


@pytest.mark.parametrize("restored", [False, True])
def test_what_the_browser_refuses_in_a_folded_part_is_shown(tab: Page, restored: bool) -> None:
    """Signing did nothing, silently: the field that kept the form from being sent lay in a folded part."""
    tab.goto(f"/receive/{PERMIT}?new=1")
    pages, fold = tab.locator('[name="f.paper.page_count"]'), tab.locator("details", has_text="少用").last
    tab.fill('[name="applicant.name"]', "三页纸")
    fold.locator("summary").click()
    with tab.expect_response(
        lambda one: "/draft" in one.url and "三页" in unquote(one.request.post_data or "")
    ):
        pages.fill("三页")
        pages.press("Tab")
    if restored:
        tab.wait_for_function("() => window.location.search.includes('draft=')")
        tab.reload()
    if fold.get_attribute("open") is not None:
        fold.locator("summary").click()
    assert not pages.is_visible() and pages.input_value() == "三页"
    tab.locator(".actions button").first.click()
    assert fold.get_attribute("open") is not None and pages.is_visible()
    assert pages.evaluate("field => field === document.activeElement && Boolean(field.title)")
    assert tab.url.partition("?")[0].endswith(f"/receive/{PERMIT}")
