"""A morning at three stations in real browsers, with the line cut twice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.web.offices import COUNTY, TOWNSHIP, VILLAGE, Office
from tests.web.seat import Seat, take_seat

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.layer("browser")


def _safe(seat: Seat) -> list[bool]:
    """Return whether each level above has confirmed everything, by the page of what is safe."""
    seat.go("/safe")
    levels = seat.page.locator(".levels .level")
    return ["all" in (levels.nth(at).get_attribute("class") or "").split() for at in range(1, levels.count())]


def test_from_receipt_to_rating_over_a_line_that_breaks(trio: dict[str, Office], chromium_browser: Browser):
    village = take_seat(chromium_browser, trio[VILLAGE])
    town = take_seat(chromium_browser, trio[TOWNSHIP])
    county = take_seat(chromium_browser, trio[COUNTY])
    village.sign_in("V001")
    town.sign_in("T001")
    county.sign_in("C001")
    # Given an application that the village has received, and a slip with the rating code of that moment,
    case = village.receive("欧阳小莲")
    slip = village.page.locator(".slip").inner_text()
    token = "".join(re.search(r"([A-Z2-7]{4}) ([A-Z2-7]{4})", slip).groups())  # type: ignore[union-attr]
    # when the township cannot be reached, the village goes on and says that nobody above has it,
    town.page.goto("about:blank")  # nobody looks at the pages of a station without power
    trio[TOWNSHIP].kill()
    village.act(case, "hand_over", to=TOWNSHIP)
    village.sync()
    assert village.page.locator(".problem, .stuck").count()
    assert _safe(village) == [False, False]
    # and once it is back, sync carries everything up.
    trio[TOWNSHIP].start()
    village.sync()
    assert _safe(village)[0]
    town.sign_in("T001")
    assert case in town.page.content()
    # The county falls silent: the township decides all the same, and does not say that it is safe there.
    county.page.goto("about:blank")  # nobody looks at the pages of a station without power
    trio[COUNTY].kill()
    town.act(case, "take_over")
    town.act(case, "accept")
    town.act(case, "decide", result="grant")
    town.sync()
    assert _safe(town) == [False]
    trio[COUNTY].start()
    town.sync()
    assert _safe(town) == [True]
    # The paper goes to the village, which delivers it; the citizen rates with the code of the slip.
    town.act(case, "issue", certificate_no="高龄 2026-017")
    town.act(case, "hand_over", to=VILLAGE)
    village.sync()
    village.act(case, "take_over")
    village.act(case, "deliver", method="counter", receiver="applicant", proof="signature")
    village.act(case, "rate", level="very_satisfied", token=token)
    village.sync()
    assert _safe(village)[0]
    town.sync()
    # The county sees the whole of it, each act confirmed by its own receipt.
    county.sign_in("C001")
    county.go(f"/case/{case}")
    assert county.page.locator(".timeline .step").count() == 10
    assert county.page.locator(".timeline .step-without").count() == 0
    village.sync()
    village.go(f"/case/{case}")
    assert village.page.locator(".timeline .safe-here").count() == 0
    assert [*village.problems, *town.problems, *county.problems] == []
