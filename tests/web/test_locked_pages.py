"""A locked browser shows nothing of anybody, whatever was being typed; what was typed is there afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.facade.counter import PERMIT
from tests.web.counterdesk import Counter, Desk, serving
from tests.web.tabs import lock, opened, seated, sign_in, typed_unkept, unlock
from tests.web.test_actions import page_of, received

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route
    from playwright.sync_api import Page as Tab

NUMBER, PHONE = "11010519491231002X", "13800001234"


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("locked") / "county") as one:
        yield one


def case_of(desk: Desk, name: str) -> str:
    return received(desk, name, **{"applicant.id_no": NUMBER, "applicant.phone": PHONE})


def seen(tab: Tab) -> str:
    """Return what can be read on the screen, values of fields with it, and the title."""
    values = tab.locator("input:visible, textarea:visible").evaluate_all(
        "(all) => all.map((one) => one.value)"
    )
    return " ".join([tab.locator("body").inner_text(), tab.title(), *values])


@pytest.mark.layer("browser")
def test_a_case_page_in_which_somebody_types_goes_away(counter: Counter, chromium_browser: Browser) -> None:
    desk, tab = seated(chromium_browser, counter)
    case = case_of(desk, "锁屏时的人")
    opened(tab, f"/case/{case}")
    tab.evaluate("() => document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
    assert NUMBER in seen(tab) and PHONE in seen(tab)
    tab.locator("#external-no").fill("33038226777")
    lock(counter)
    tab.wait_for_url("**/sign-in?**")
    assert not any(text in seen(tab) for text in (NUMBER, PHONE, "锁屏时的人", "33038226777"))
    unlock(tab)
    assert f"/case/{case}?draft=" in tab.url
    assert tab.locator("#external-no").input_value() == "33038226777"
    tab.context.close()


@pytest.mark.layer("browser")
@pytest.mark.parametrize(
    "path", ["/case/{case}/do/note", "/case/{case}/do/amend?target={act}", f"/receive/{PERMIT}"]
)
def test_what_was_typed_is_there_after_the_pin(
    counter: Counter, chromium_browser: Browser, path: str
) -> None:
    desk, tab = seated(chromium_browser, counter)
    case = case_of(desk, "写到一半的人")
    act = page_of(counter, case).state.steps[0].act.act_id.hex()
    opened(tab, path.format(case=case, act=act))
    # The draft fails, so that the lock alone has to keep it.
    tab.route("**/draft", lambda route: route.abort())
    tab.locator("#text").fill("第一段\n第二段")
    lock(counter)
    tab.wait_for_url("**/sign-in?**")
    assert "第一段" not in seen(tab) and "写到一半的人" not in seen(tab)
    assert "替您留着" in tab.locator(".told").inner_text()
    unlock(tab)
    assert tab.locator("#text").input_value() == "第一段\n第二段"
    tab.unroute("**/draft")
    tab.context.close()


@pytest.mark.layer("browser")
def test_a_refused_form_is_not_lost_by_the_lock(counter: Counter, chromium_browser: Browser) -> None:
    _, tab = seated(chromium_browser, counter)
    tab.goto(f"/receive/{PERMIT}")
    tab.route("**/draft", lambda route: route.abort())
    tab.locator("#applicant-name").fill("填错的人")
    tab.locator("#applicant-id").fill("12345")
    tab.locator("#text").focus()
    tab.keyboard.press("Control+Enter")
    tab.locator("main > .problem").wait_for()
    tab.locator("#safety[data-listening]").wait_for()
    lock(counter)
    tab.wait_for_url("**/sign-in?**")
    unlock(tab)
    assert tab.locator("#applicant-name").input_value() == "填错的人"
    assert tab.locator("#applicant-id").input_value() == "12345"
    tab.context.close()


@pytest.mark.layer("browser")
def test_a_page_that_cannot_be_kept_is_covered_until_its_author_is_back(
    counter: Counter, chromium_browser: Browser
) -> None:
    desk, tab = seated(chromium_browser, counter)
    case = case_of(desk, "遮住的人")
    opened(tab, f"/case/{case}/do/note")
    tab.route("**/unsigned/keep", lambda route: route.abort())
    tab.locator("#text").fill("还没存下的话")
    lock(counter)
    tab.locator("#cover").get_by_text("内容已遮住").wait_for()
    assert "还没存下的话" not in seen(tab) and "遮住的人" not in seen(tab)
    beside = tab.context.new_page()
    beside.goto("/sign-in")
    unlock(beside)
    tab.locator("#text").wait_for()
    assert tab.locator("#text").input_value() == "还没存下的话" and not tab.locator("#cover").count()
    tab.locator("form[data-once] button:not(.plain):not([type=button])").last.click()
    tab.wait_for_url(f"**/case/{case}")
    assert "还没存下的话" in tab.content()
    tab.context.close()


@pytest.mark.layer("browser")
def test_after_a_restart_the_open_page_is_covered_and_goes_on(
    tmp_path: Path, chromium_browser: Browser
) -> None:
    folder = tmp_path / "county"
    with serving(folder) as counter:
        desk, tab = seated(chromium_browser, counter)
        case, clock, port = case_of(desk, "重启的人"), counter.clock, counter.port
        typed_unkept(tab, f"/case/{case}/do/note", "断电前写的")
    with serving(folder, clock=clock, port=port) as counter:
        tab.locator("#cover").get_by_text("内容已遮住").wait_for(timeout=60_000)
        assert "断电前写的" not in seen(tab)
        tab.unroute("**/draft")
        sign_in(tab.context.new_page())
        tab.locator("#text").wait_for()
        assert tab.locator("#text").input_value() == "断电前写的"
        tab.locator("form[data-once] button:not(.plain):not([type=button])").last.click()
        tab.wait_for_url(f"**/case/{case}")
        assert "断电前写的" in tab.content()
        tab.context.close()


@pytest.mark.layer("browser")
@pytest.mark.parametrize("next_one", ["C1", "C2"])
def test_after_a_restart_an_open_page_goes_on_for_its_person_and_away_for_another(
    tmp_path: Path, chromium_browser: Browser, next_one: str
) -> None:
    folder = tmp_path / "county"
    with serving(folder) as counter:
        desk, tab = seated(chromium_browser, counter)
        case, clock, port = case_of(desk, "没动过的人"), counter.clock, counter.port
        opened(tab, f"/case/{case}")
        word = tab.locator('form[action="/lock"] input[name="form"]')
        before = word.input_value()
        # The page hears that the station is back only after somebody has signed in in another tab.
        for path in ("**/events", "**/safe/line"):
            tab.route(path, lambda route: route.abort())
        tab.evaluate("() => { window.isStillOpen = true; }")
    with serving(folder, clock=clock, port=port):
        sign_in(tab.context.new_page(), next_one)
        tab.unroute("**/events")
        tab.unroute("**/safe/line")
        if next_one != "C1":
            tab.locator(f'#sending[data-who^="{next_one} "]').wait_for(state="attached", timeout=60_000)
        else:
            tab.wait_for_function(
                "(old) => document.querySelector('form[action=\"/lock\"] input[name=form]').value !== old",
                arg=before,
                timeout=60_000,
            )
            # Nothing was loaded anew, and a plain form is taken.
            assert tab.evaluate("() => window.isStillOpen")
            tab.evaluate("() => { document.querySelector('.who details').open = true; }")
            tab.locator('form[action="/lock"] button').click()
            tab.wait_for_url("**/sign-in?**")
        tab.context.close()


@pytest.mark.layer("browser")
def test_who_locks_by_the_menu_while_typing_finds_it_again(
    counter: Counter, chromium_browser: Browser
) -> None:
    desk, tab = seated(chromium_browser, counter)
    case = case_of(desk, "菜单锁定的人")
    tab.goto(f"/case/{case}/do/note")
    tab.locator("#text").focus()
    tab.keyboard.insert_text("刚写就锁")
    tab.evaluate("() => { document.querySelector('.who details').open = true; }")
    tab.locator('form[action="/lock"] button').click()
    tab.wait_for_url("**/sign-in?**")
    assert "刚写就锁" not in seen(tab)
    unlock(tab)
    assert f"/case/{case}/do/note?draft=" in tab.url
    assert tab.locator("#text").input_value() == "刚写就锁"
    tab.context.close()


@pytest.mark.layer("browser")
def test_a_draft_that_cannot_be_kept_keeps_no_browser_unlocked(
    counter: Counter, chromium_browser: Browser
) -> None:
    desk, tab = seated(chromium_browser, counter)
    case = case_of(desk, "磁盘满的人")
    opened(tab, f"/case/{case}/do/note")
    headers: list[str] = []

    def refuse(route: Route) -> None:
        headers.append(route.request.headers.get("x-banjian-live", ""))
        route.fulfill(status=500, body="")

    tab.route("**/draft", refuse)
    tab.locator("#text").fill("盘满了也要锁")
    tab.get_by_text("还没存成草稿").wait_for()
    for _ in range(150):
        if len(headers) > 1:
            break
        tab.wait_for_timeout(100)
    assert headers[0] == "" and headers[1] == "1"
    tab.context.close()
