"""One counter in a real browser: scan guns, input methods, a power cut, two tabs, the keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.web.offices import VILLAGE, Office
from tests.web.seat import ALLOWANCE, Seat, take_seat

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.layer("browser")
ID_NO = "11010519491231002X"


@pytest.fixture
def village(trio: dict[str, Office]) -> Office:
    """The village, with the two levels above it."""
    return trio[VILLAGE]


@pytest.fixture
def seat(village: Office, chromium_browser: Browser) -> Iterator[Seat]:
    """The clerk's window, signed in."""
    seat = take_seat(chromium_browser, village)
    seat.begin_as("V001")
    yield seat
    seat.context.close()
    assert seat.problems == []


def _acts(office: Office, case: str) -> int:
    """Return how many acts a case has, by the command line."""
    return office.run("show", case, "--json").count('"action"')


def _focus(seat: Seat) -> str:
    return str(seat.page.evaluate("() => document.activeElement.name || document.activeElement.id"))


def test_a_scan_gun_fills_the_number_and_goes_on(seat: Seat):
    seat.go(f"/receive/{ALLOWANCE}")
    seat.page.locator("#applicant-id").focus()
    # A gun types as fast as keys can come, in full width where the input method is on, and ends with Enter.
    with seat.page.expect_response("**/person") as checked:
        seat.page.keyboard.insert_text("１１０１０５１９４９１２３１００２Ｘ")
        seat.page.keyboard.press("Enter")
    assert checked.value.ok
    assert seat.page.locator("#applicant-id").input_value() == ID_NO
    assert _focus(seat) not in ("applicant.id_no", "")
    assert seat.page.url.endswith(f"/receive/{ALLOWANCE}"), "Enter of a gun must not send the form"
    seat.page.locator("#person-check .good").wait_for()
    # A second scan into the same field replaces nothing by itself: what is wrong is told at once.
    seat.page.locator("#applicant-id").fill("")
    seat.page.locator("#applicant-id").press_sequentially("110105194912310021", delay=2)
    seat.page.keyboard.press("Enter")
    seat.page.locator("#person-check [role=alert]").wait_for()


def test_enter_while_a_word_is_composed_belongs_to_the_input_method(seat: Seat):
    seat.go(f"/receive/{ALLOWANCE}")
    name = seat.page.locator("#applicant-name")
    name.focus()
    composing = """one => one.dispatchEvent(
        new KeyboardEvent('keydown', {key: 'Enter', bubbles: true, cancelable: true, %s}))"""
    for words in ("isComposing: true", "keyCode: 229"):
        assert name.evaluate(composing % words), "the event must reach the input method"
        assert _focus(seat) == "applicant.name"
    client = seat.context.new_cdp_session(seat.page)
    client.send("Input.imeSetComposition", {"text": "ouyang", "selectionStart": 6, "selectionEnd": 6})
    assert _focus(seat) == "applicant.name"
    client.send("Input.insertText", {"text": "欧阳小莲"})
    assert name.input_value() == "欧阳小莲"
    seat.page.keyboard.press("Enter")
    assert _focus(seat) != "applicant.name"


def test_what_was_typed_survives_a_power_cut(village: Office, seat: Seat):
    seat.go(f"/receive/{ALLOWANCE}")
    with seat.page.expect_response(
        lambda answer: answer.url.endswith("/draft") and quote("三组") in (answer.request.post_data or "")
    ):
        seat.page.locator("#applicant-name").press_sequentially("买买提·艾力", delay=5)
        seat.page.locator("#applicant-address").fill("东门村三组")
        seat.page.keyboard.press("Tab")
    seat.page.wait_for_load_state("networkidle")
    village.kill()
    village.start()
    seat.sign_in("V001")
    # What was not finished is named where one begins; an empty form is for the next person.
    seat.go("/receive")
    seat.page.locator(".drafts").get_by_text("买买提·艾力").click()
    seat.page.wait_for_url(f"**/receive/{ALLOWANCE}?draft=*")
    assert seat.page.locator("#applicant-name").input_value() == "买买提·艾力"
    assert seat.page.locator("#applicant-address").input_value() == "东门村三组"
    # Nobody else sees it, and thrown away it is gone.
    other = take_seat(seat.context.browser, village)  # type: ignore[arg-type]
    other.sign_in("V003")
    other.go(f"/receive/{ALLOWANCE}")
    assert other.page.locator(".drafts").count() == 0
    other.context.close()
    seat.page.locator('.told form[action$="/draft/drop"] button').click()
    seat.page.wait_for_load_state()
    assert seat.page.locator("#applicant-name").input_value() == ""


def test_a_form_that_cannot_be_sent_stays_on_its_page(village: Office, seat: Seat):
    case = seat.receive("断网人")
    before = _acts(village, case)
    seat.go(f"/case/{case}/do/note")
    seat.page.locator("#text").fill("写了很久")
    told = seat.page.locator("[data-unsent]")
    # The station is down: the browser's own page of errors would take away what was typed.
    village.kill()
    seat.submit().click()
    told.get_by_text("站点没有应答").wait_for()
    seat.page.get_by_text("还没存成草稿").wait_for()
    # Whatever else the page asked for in that moment got no answer either.
    seat.problems[:] = [one for one in seat.problems if not one.startswith("htmx:")]
    # It is back, and knows nobody: whoever signs in beside goes on here, and signs once.
    village.start()
    seat.submit().click()
    told.get_by_text("站点重启过").wait_for()
    with seat.context.expect_page() as opened:
        told.locator("a").click()
    beside, opener = opened.value, seat.page
    seat.page = beside
    seat.sign_in("V003")
    seat.page = opener
    seat.submit().click()
    told.get_by_text("不是打开这一页的人").wait_for()
    seat.page = beside
    seat.sign_in("V001")
    seat.page = opener
    assert seat.page.locator("#text").input_value() == "写了很久"
    seat.submit().click()
    seat.page.wait_for_url(f"**/case/{case}")
    assert _acts(village, case) == before + 1
    # A draft that was sent after the restart was refused; the browser notes that on its console.
    seat.problems[:] = [one for one in seat.problems if "403" not in one]


def test_two_tabs_on_one_case_sign_once(village: Office, seat: Seat):
    case = seat.receive("张三")
    first, second = seat.page, seat.context.new_page()
    first.goto(f"{village.base}/case/{case}/do/note")
    second.goto(f"{village.base}/case/{case}/do/note")
    seat.page = first
    seat.page.locator("#text").fill("第一次")
    seat.submit().click()
    first.wait_for_url(f"**/case/{case}")
    before = _acts(village, case)
    second.locator("#text").fill("第二次")
    second.locator("form[data-once] button").last.click()
    second.locator(".problem").wait_for()
    assert "web.moved_on" in second.locator(".problem .code").inner_text()
    assert second.locator("#text").input_value() == "第二次", "what was typed is not lost"
    assert _acts(village, case) == before
    # What the other tab did stands there; whoever has seen that signs the same form.
    assert "备注" in second.locator("section", has=second.locator("#news")).inner_text()
    second.locator("form[data-once] button").last.click()
    second.wait_for_url(f"**/case/{case}")
    assert _acts(village, case) == before + 1
    seat.problems.clear()  # the browser notes the answer 409 on its console


def test_a_double_click_and_a_second_sending_sign_once(village: Office, seat: Seat):
    case = seat.receive("李四")
    before = _acts(village, case)
    seat.go(f"/case/{case}/do/note")
    seat.page.locator("#text").fill("只记一次")
    seat.page.evaluate(
        "() => { const f = document.querySelector('form[data-once]'); f.requestSubmit(); f.requestSubmit(); }"
    )
    seat.page.wait_for_url(f"**/case/{case}")
    assert _acts(village, case) == before + 1


def test_a_receipt_sent_twice_at_the_same_moment_is_received_once(village: Office, seat: Seat):
    seat.go(f"/receive/{ALLOWANCE}")
    seat.page.locator("#applicant-name").fill("周六")
    seat.tick_papers()
    answers = seat.page.evaluate(
        """async () => {
          const form = document.querySelector('form[data-once]');
          const body = () => new URLSearchParams(new FormData(form));
          const send = () => fetch(form.action, {method: 'POST', body: body()});
          const all = [...await Promise.all([send(), send(), send()]), await send()];
          return all.map((one) => one.url);
        }"""
    )
    assert len(set(answers)) == 1 and answers[0].endswith("/slip")
    assert len(village.run("find", "周六", "--json").splitlines()) == 1


def test_a_receipt_by_keyboard_alone(village: Office, seat: Seat):
    page, keys = seat.page, seat.page.keyboard
    page.goto(f"{village.base}/receive")
    assert _focus(seat) == "q"
    with page.expect_response("**/receive?q=gljt*"):
        keys.type("gljt")
    page.locator("#items a").first.wait_for()
    keys.press("Enter")
    page.wait_for_url(f"**/receive/{ALLOWANCE}")
    assert _focus(seat) == "applicant.name", "the first field waits for the name"
    keys.type("王五")
    for _ in range(40):
        if _focus(seat) == "applicant.id_no":
            break
        keys.press("Enter")
    keys.type(ID_NO)
    keys.press("Enter")
    for _ in range(40):
        if page.evaluate("() => document.activeElement.hasAttribute('data-tick-all')"):
            break
        keys.press("Tab")
    keys.press("Space")
    keys.press("Control+Enter")
    page.wait_for_url("**/slip")
    assert "王五" in page.locator(".slip").inner_text()


def test_language_is_switched_and_kept(seat: Seat):
    seat.go("/cases")
    assert seat.page.locator("html").get_attribute("lang") == "zh-CN"
    seat.page.locator('form[action="/language"] button').click()
    seat.page.wait_for_load_state()
    assert seat.page.url.endswith("/cases")
    seat.go("/")
    assert seat.page.locator("html").get_attribute("lang") == "en"
    seat.page.locator('form[action="/language"] button').click()
    seat.page.wait_for_load_state()
    assert seat.page.locator("html").get_attribute("lang") == "zh-CN"


def test_too_many_wrong_passphrases_and_pins(village: Office, chromium_browser: Browser):
    seat = take_seat(chromium_browser, village)
    seat.sign_in("V003")
    seat.page.locator("details.dropdown summary").click()
    seat.page.locator('form[action="/lock"] button').click()
    seat.page.wait_for_url("**/sign-in**")
    for left in (4, 3, 2, 1, 0):
        form = seat.page.locator('form[action="/switch"]')
        form.locator('input[value="V003"]').check()
        form.locator("#pin").fill("0000")
        form.locator("button").click()
        seat.page.locator(".problem").wait_for()
        code = seat.page.locator(".problem .code code").inner_text()
        assert code == ("web.pin_wrong" if left else "web.pin_spent")
    assert seat.page.locator('form[action="/switch"]').count() == 0, "the PIN opens nothing any more"
    for attempt in range(6):
        form = seat.page.locator('form[action="/sign-in"]')
        form.locator('input[value="V003"]').check()
        form.locator("#passphrase").fill(f"falsch {attempt}")
        form.locator("button").click()
        seat.page.locator(".problem").wait_for()
        code = seat.page.locator(".problem .code code").inner_text()
        assert code == ("key.passphrase" if attempt < 5 else "web.too_often")
    seat.context.close()


def test_a_browser_left_alone_is_locked(village: Office, chromium_browser: Browser):
    village.stop()
    village.write_settings(lock_after_s=2)
    village.start()
    seat = take_seat(chromium_browser, village)
    seat.sign_in("V001")
    # The page goes away by itself; only then is it gone to by hand, for two ways at once break each other.
    seat.page.wait_for_url("**/sign-in**")
    seat.go("/cases")
    assert "/sign-in" in seat.page.url
    form = seat.page.locator('form[action="/switch"]')
    form.locator('input[value="V001"]').check()
    form.locator("#pin").fill("2580")
    form.locator("button").click()
    seat.page.wait_for_url("**/cases")
    seat.context.close()
    village.stop()
    village.write_settings(lock_after_s=600)
    village.start()
