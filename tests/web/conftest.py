"""Stations that serve, founded once for a run; a browser for a module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.layers import CHROMIUM_WORDS, chromium
from tests.web.offices import COUNTY, TOWNSHIP, VILLAGE, Office, found, found_hall

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Office]]:
    """County, township and village: three processes that speak mutual TLS. Who ends one starts it again."""
    offices = found(tmp_path_factory.mktemp("trio"))
    serving = [offices[station] for station in (COUNTY, TOWNSHIP, VILLAGE)]
    try:
        for office in serving:
            office.start()
        for office in serving[1:]:
            office.run("sync", "now")
        yield offices
    finally:
        for office in reversed(serving):
            office.stop()


@pytest.fixture(scope="session")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One installation in which every station and everybody works."""
    office = found_hall(tmp_path_factory.mktemp("hall"))
    office.start()
    try:
        yield office
    finally:
        office.stop()


@pytest.fixture(scope="module")
def chromium_browser() -> Iterator[Browser]:
    """A real Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=CHROMIUM_WORDS)
        yield browser
        browser.close()
