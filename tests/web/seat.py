"""Somebody at a real browser: what hands do at the pages, by the words of forms and not by their looks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.web.counterdesk import Desk
from tests.web.offices import PASSPHRASE, PIN, Office

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page

ALLOWANCE = "990102800028"
"""高龄津贴申领: villages receive it, the township decides."""
WAIT_MS = 60_000


@dataclass
class Seat:
    """One browser window of its own cookies at the pages of one office."""

    office: Office
    page: Page
    context: BrowserContext
    problems: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        """Open a page."""
        self.page.goto(self.office.base + path)

    def sign_in(self, staff_no: str, *, pin: str = PIN) -> None:
        """Give the passphrase and choose a PIN."""
        self.go("/sign-in")
        form = self.page.locator('form[action="/sign-in"]')
        form.locator(f'input[value="{staff_no}"]').check()
        form.locator("#passphrase").fill(PASSPHRASE)
        form.locator("button").click()
        self.page.locator("#again").fill(pin)
        self.page.locator("#pin").fill(pin)
        self.page.locator('form[action="/pin"] button').first.click()
        self.page.wait_for_url("**/")

    def begin_as(self, staff_no: str, *, pin: str = PIN) -> None:
        """Be somebody who has signed in already: the pages of that are for tests that are about them."""
        desk = Desk(self.office.web_port)
        desk.sign_in(staff_no)
        assert desk.send("/pin", {"pin": pin, "again": pin}).status == 303
        base = self.office.base
        self.context.add_cookies([
            {"name": name, "value": value, "url": base} for name, value in desk.cookies.items()
        ])  # fmt: skip

    def tick_papers(self) -> None:
        """Every paper was handed in."""
        every = self.page.locator("[data-tick-all]")
        if every.count():
            every.first.click()

    def receive(self, name: str, *, item: str = ALLOWANCE) -> str:
        """Receive an application with all its papers; returns the case."""
        self.go(f"/receive/{item}")
        self.page.locator("#applicant-name").fill(name)
        self.tick_papers()
        self.submit().click()
        self.page.wait_for_url("**/slip")
        return self.page.url.rsplit("/", 2)[1]

    def submit(self) -> Locator:
        """Return the button that signs."""
        return self.page.locator("form[data-once] button:not([type=button]):not(.plain)").last

    def act(self, case: str, action: str, **fields: str) -> None:
        """Fill in the form of an action and sign it; the page of the case comes next."""
        self.go(f"/case/{case}/do/{action}")
        for name, value in fields.items():
            self.fill(f"f.{name}", value)
        self.submit().click()
        self.page.wait_for_url(f"**/case/{case}")

    def fill(self, name: str, value: str) -> None:
        """Fill in one field of a form, whatever kind of control it has."""
        control = self.page.locator(f'[name="{name}"]')
        shown = control.first
        if not shown.is_visible():
            control.first.evaluate("one => { const d = one.closest('details'); if (d) d.open = true; }")
        kind = shown.evaluate("one => one.tagName === 'INPUT' ? one.type : one.tagName")
        if kind == "SELECT":
            shown.select_option(value)
        elif kind in ("radio", "checkbox"):
            self.page.locator(f'[name="{name}"][value="{value}"]').check()
        else:
            shown.fill(value)

    def sync(self) -> None:
        """Press "sync now" on the page of what is safe."""
        self.go("/safe")
        with self.page.expect_navigation():
            self.page.locator('form[action="/safe/sync"] button').click()
        if "/job/" in self.page.url:
            # It takes a while: the page of progress leads back.
            self.page.locator('#job a[href="/safe"]').click()
            self.page.wait_for_url("**/safe")

    def text(self) -> str:
        """Return what stands on the page."""
        return self.page.locator("body").inner_text()


def take_seat(
    browser: Browser, office: Office, *, width: int = 1366, height: int = 768, language: str = "zh-CN"
) -> Seat:
    """Open a window; what its scripts complain about is noted."""
    context = browser.new_context(viewport={"width": width, "height": height}, locale=language)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    seat = Seat(office=office, page=page, context=context)
    page.on("pageerror", lambda error: seat.problems.append(str(error)))
    page.on("console", lambda line: seat.problems.append(line.text) if _is_fault(line) else None)
    return seat


def _is_fault(line: ConsoleMessage) -> bool:
    """Tell whether what stands on the console is a fault of a page: stations that are ended break lines."""
    return line.type == "error" and "net::ERR_" not in line.text
