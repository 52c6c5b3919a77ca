"""The pages before anybody signs in, in a real browser: their buttons send what was typed, and once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.web.wizard import COUNTY_FORM, SECRET, first_day

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.layer("browser")


def test_a_county_is_founded_by_its_button_and_gone_on_with(
    chromium_browser: Browser, tmp_path: Path
) -> None:
    with first_day(tmp_path / "county") as wizard:
        page = chromium_browser.new_page(base_url=f"http://127.0.0.1:{wizard.port}")
        posts: list[str] = []
        page.on("request", lambda one: posts.append(one.url) if one.method == "POST" else None)
        page.goto("/county")
        for name, text in COUNTY_FORM.items():
            page.fill(f'main [name="{name}"]', text)
        page.locator('form[action="/county"] button').last.dblclick()
        page.wait_for_url("**/county/keys")
        assert len(posts) == 1
        page.close()


def test_enter_begins_a_training_ledger_and_a_forgotten_passphrase_finds_its_page(
    chromium_browser: Browser, tmp_path: Path
) -> None:
    with first_day(tmp_path / "practise") as wizard:
        page = chromium_browser.new_page(base_url=f"http://127.0.0.1:{wizard.port}")
        page.goto("/practise")
        fields = page.locator('form[action="/practise"] input:not([type=hidden])')
        for number in range(fields.count()):
            kind = fields.nth(number).get_attribute("type")
            fields.nth(number).fill(SECRET if kind == "password" else "练习")
        fields.last.press("Enter")
        page.wait_for_url(re.compile("/sign-in"))
        page.goto("/my-key")
        form = page.locator("main form[data-once]").first
        for field in form.locator("input:not([type=hidden])").all():
            is_secret = field.get_attribute("type") == "password"
            field.fill(SECRET if is_secret else "W009")
        with page.expect_request(lambda one: one.method == "POST"):
            form.locator("button").last.click()
        page.close()
