"""Windows of somebody at a station in this process: opened, locked, unlocked, typed into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.web.counterdesk import PASSPHRASE, Counter, Desk, window

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

PIN = "1357"
LATER_MS = 3_600_000


def seated(browser: Browser, counter: Counter) -> tuple[Desk, Tab]:
    """Sign in with a PIN; returns the same browser without and with a window."""
    desk = counter.desk("C1")
    assert desk.send("/pin", {"pin": PIN, "again": PIN}).status == 303
    return desk, window(browser, desk).new_page()


def lock(counter: Counter) -> None:
    """Nobody touches a key for long."""
    counter.clock.ticks_ms += LATER_MS  # type: ignore[attr-defined]


def unlock(tab: Tab) -> None:
    """Come back by PIN."""
    tab.locator('form[action="/switch"] input[value="C1"]').check()
    tab.locator("#pin").fill(PIN)
    tab.locator('form[action="/switch"] button').click()
    tab.wait_for_load_state()


def sign_in(tab: Tab, staff_no: str = "C1") -> None:
    """Come back by passphrase, without a PIN."""
    tab.goto("/sign-in")
    tab.locator(f'form[action="/sign-in"] input[value="{staff_no}"]').check()
    tab.locator("#passphrase").fill(PASSPHRASE)
    tab.locator('form[action="/sign-in"] button').click()
    tab.locator('form[action="/pin"] button[name="without"]').click()
    tab.wait_for_load_state()


def opened(tab: Tab, path: str) -> None:
    """Open a page and wait until it hears what happens at the station."""
    tab.goto(path)
    tab.locator("#safety[data-listening]").wait_for()


def typed_unkept(tab: Tab, path: str, words: str) -> None:
    """Open a form in which nothing is kept as a draft, and type."""
    tab.route("**/draft", lambda route: route.abort())
    opened(tab, path)
    tab.locator("#text").fill(words)
