"""Several tabs of one person: each comes back to its own form; a refused draft is known for refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.facade.counter import PERMIT
from tests.web.counterdesk import Counter, Desk, serving
from tests.web.tabs import lock, opened, seated, sign_in, typed_unkept, unlock
from tests.web.test_actions import received
from tests.web.test_roster import id_number, imported, name_of, people

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route
    from playwright.sync_api import Page as Tab

KEPT, FAILED = "草稿已存本机", "还没存成草稿"


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("tabs") / "county") as one:
        yield one


def show(tab: Tab) -> None:
    """Bring a tab to the front and tell it that it is seen; it may hear by itself, and leave meanwhile."""
    from playwright.sync_api import Error

    tab.bring_to_front()
    with suppress(Error):
        tab.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")


@pytest.mark.layer("browser")
def test_each_tab_comes_back_to_its_own_form_and_a_fresh_one_is_offered_both(
    counter: Counter, chromium_browser: Browser
) -> None:
    desk, first = seated(chromium_browser, counter)
    path = f"/case/{received(desk, '两页的人')}/do/note"
    second = first.context.new_page()
    # A tab that is out of sight does not listen: it hears of the lock when it is seen.
    typed_unkept(first, path, "左页写的")
    typed_unkept(second, path, "右页写的")
    lock(counter)
    for tab in (second, first):
        show(tab)
        tab.wait_for_url("**/sign-in?**")
    unlock(first)
    assert first.locator("#text").input_value() == "左页写的"
    unlock(second)
    assert f"{path}?draft=" in second.url
    assert second.locator("#text").input_value() == "右页写的"
    fresh = first.context.new_page()
    fresh.goto(path)
    assert fresh.locator("#text").input_value() == ""
    offered = fresh.locator("section.drafts a")
    assert sorted(offered.all_inner_texts()) == ["右页写的", "左页写的"]
    fresh.locator("section.drafts a", has_text="左页写的").click()
    assert fresh.locator("#text").input_value() == "左页写的"
    first.context.close()


def test_without_script_signing_in_leads_to_the_form_that_was_sent(counter: Counter) -> None:
    desk, path = Desk(counter.port), f"/receive/{PERMIT}"
    desk.sign_in("C1")
    words = [desk.get(path).field("draft") for _ in range(2)]
    for word, name in zip(words, ("甲页人", "乙页人"), strict=True):
        desk.word = desk.get(path).field("form")
        desk.send("/lock")
        headers = {"Referer": f"http://127.0.0.1:{desk.port}{path}"}
        answer = desk.send(path, {"draft": word, "applicant.name": name}, headers=headers)
        where = answer.headers["Location"]
        assert where == f"/sign-in?next=%2Freceive%2F{PERMIT}%3Fdraft%3D{word}".replace("%2F", "/"), where
        desk.sign_in("C1")
        assert f'value="{name}"' in desk.get(f"{path}?draft={word}").text
    fresh = desk.get(path)
    assert all(f'href="{path}?draft={word}"' in fresh.text for word in words)
    assert 'value="甲页人"' not in fresh.text and 'value="乙页人"' not in fresh.text


@pytest.mark.layer("browser")
def test_a_draft_that_is_refused_is_told_and_tried_again(tmp_path: Path, chromium_browser: Browser) -> None:
    folder = tmp_path / "county"
    with serving(folder) as counter:
        desk, tab = seated(chromium_browser, counter)
        case, clock, port = received(desk, "被拒的稿"), counter.clock, counter.port
        # A page that hears nothing: neither of the restart nor of who signs in.
        tab.route("**/events", lambda route: route.abort())
        tab.route("**/safe/line", lambda route: route.abort())
        tab.route("**/form", lambda route: route.abort())
        path = f"/case/{case}/do/note"
        tab.goto(path)
        tab.locator("#text").press_sequentially("断电前")
        tab.get_by_text(KEPT).wait_for()
    with serving(folder, clock=clock, port=port) as counter:
        beside = tab.context.new_page()
        # The station that was started anew knows no word of before; it knows that of who signs in once more.
        for typed, code in (("，断电后", "web.form"), ("，又登录", "web.signed_in_anew")):
            sign_in(beside)
            # Only the answer is looked at: its status is good, since it is shown in its place.
            with tab.expect_response("**/draft") as answered:
                tab.locator("#text").press_sequentially(typed)
            assert answered.value.status == 200
            assert answered.value.headers["x-banjian-refused"] == code
            tab.get_by_text(FAILED).wait_for()
            assert KEPT not in tab.locator("#draft").inner_text()
            tab.unroute("**/form")
            tab.get_by_text(KEPT).wait_for(timeout=30_000)
            tab.route("**/form", lambda route: route.abort())
        beside.goto(f"/case/{case}")
        assert "断电前，断电后，又登录" in beside.content()
        tab.context.close()


@pytest.mark.layer("browser")
def test_what_was_scanned_while_the_station_was_gone_is_ticked_afterwards(
    tmp_path: Path, chromium_browser: Browser
) -> None:
    folder = tmp_path / "county"
    with serving(folder) as counter:
        desk, tab = seated(chromium_browser, counter)
        name, clock, port = name_of(imported(desk, tmp_path, people(4))), counter.clock, counter.port
        opened(tab, f"/roster/{name}")
        _scan(tab, id_number(0))
        tab.get_by_text("✓").first.wait_for()
    _scan(tab, id_number(1))
    _scan(tab, id_number(2))
    tab.locator("#scan-told", has_text="还没勾上的： 2").wait_for()
    with serving(folder, clock=clock, port=port) as counter:
        # Its author signs in in another tab; the page goes on by itself.
        sign_in(tab.context.new_page())
        tab.locator("#roster-counts", has_text="已到 3").wait_for(timeout=60_000)
        # A lock keeps what the station has not taken, and its author finds it ticked after the PIN.
        headers: list[str] = []

        def refuse(route: Route) -> None:
            headers.append(route.request.headers.get("x-banjian-live", ""))
            route.abort()

        tab.route(f"**/roster/{name}/tick", refuse)
        _scan(tab, id_number(3))
        tab.locator("#scan-told", has_text="还没勾上的： 1").wait_for()
        # What is tried again by itself keeps no browser unlocked.
        for _ in range(150):
            if len(headers) > 1:
                break
            tab.wait_for_timeout(100)
        assert headers[:2] == ["", "1"]
        tab.locator("#safety[data-listening]").wait_for()
        lock(counter)
        tab.wait_for_url("**/sign-in?**")
        tab.unroute(f"**/roster/{name}/tick")
        sign_in(tab)
        tab.goto(f"/roster/{name}")
        tab.locator("#roster-counts", has_text="已到 4").wait_for()
        tab.context.close()


def _scan(tab: Tab, number: str) -> None:
    tab.locator("#scan").fill(number)
    tab.keyboard.press("Enter")
