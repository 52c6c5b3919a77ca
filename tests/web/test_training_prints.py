"""A training ledger on paper: every sheet that a real browser prints says 演练, whatever the sheet is of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from ledger.facade import Ledger
from ledger.types import Value
from tests.facade.counter import APPLICANT, PERMIT, Dice, FakeClock, act, found_county
from tests.web.counterdesk import Counter, keys, serving, window
from tests.web.sheets import sheets

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.layer("browser"), pytest.mark.layer("chinese_font")]
MARK = "演练"
MATERIALS = ["m01", "m02"]


@pytest.fixture(scope="module")
def papers() -> dict[str, str]:
    """Addresses of what is printed, by name."""
    return {}


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory, papers: dict[str, str]) -> Iterator[Counter]:
    folder, clock = tmp_path_factory.mktemp("drill") / "county", FakeClock()
    found_county(folder, clock, purpose="training")
    keys(folder)
    with Ledger.open(folder, clock=clock, randomness=Dice("drill"), write=True) as ledger:
        case = act(ledger, "C1", "receive", personal=APPLICANT, item=PERMIT, materials=MATERIALS).case_id
        papers["slip"] = f"/case/{case.hex()}/slip"
        every: Value = list(ledger.case(case).rules.item.materials)
        act(ledger, "C1", "supply", case, materials=every)
        act(ledger, "C1", "accept", case)
        reasons: Value = [f"第{n}条：" + "平面布局图与现场核查不符，" * 12 for n in range(9)]
        where = {"review_organ": "溪山县人民政府", "court": "溪山县人民法院"}
        done = act(ledger, "C1", "decide", case, result="refuse", reasons=reasons, **where)
        papers["refusal"] = f"/case/{case.hex()}/print/{done.act_id.hex()}"
        for n in range(90):
            person = {"applicant": {**APPLICANT["applicant"], "name": f"周列{n}"}}  # type: ignore[dict-item]
            act(ledger, "C1", "receive", personal=person, item=PERMIT)
    with serving(folder, clock=clock) as one:
        yield one


@pytest.fixture(scope="module")
def tab(counter: Counter, chromium_browser: Browser) -> Iterator[Page]:
    """A browser in which the county's clerk has signed in."""
    context = window(chromium_browser, counter.desk("C1"))
    yield context.new_page()
    context.close()


def printed_by(tab: Page) -> list[set[str]]:
    """Print the page that is open; returns the characters that are drawn on each sheet."""
    return sheets(tab.pdf(prefer_css_page_size=True))


_NO_MARGINS = """() => {
  for (const sheet of document.styleSheets) {
    for (let at = sheet.cssRules.length - 1; at >= 0; at -= 1) {
      if (sheet.cssRules[at] instanceof CSSPageRule) sheet.deleteRule(at);
    }
  }
  for (const one of document.querySelectorAll('main .mark')) one.remove();
}"""
PRINTS = (
    ("refusal", "", 3), ("refusal", "?paper=own&top=60&left=10", 3), ("slip", "?paper=80mm", 1),
    ("slip", "?paper=80mm&large=1", 1), ("slip", "?paper=a4&large=1", 1), ("/cases", "", 2),
)  # fmt: skip
"""What is printed, how, and how many sheets it takes at least."""


@pytest.mark.parametrize(("name", "how", "least"), PRINTS, ids=[f"{name}{how}" for name, how, _ in PRINTS])
def test_every_sheet_says_that_it_is_training(
    tab: Page, papers: dict[str, str], name: str, how: str, least: int
) -> None:
    tab.goto(papers.get(name, name) + how)
    printed = printed_by(tab)
    assert len(printed) >= least
    # The word of the margin stands in no text of the page.
    assert [number for number, drawn in enumerate(printed, 1) if not drawn >= set(f"{MARK}TRAINING")] == []


@pytest.mark.parametrize(("name", "how", "least"), PRINTS, ids=[f"{name}{how}" for name, how, _ in PRINTS])
def test_a_browser_without_margin_boxes_draws_it_across_every_sheet(
    tab: Page, papers: dict[str, str], name: str, how: str, least: int
) -> None:
    tab.goto(papers.get(name, name) + how)
    tab.evaluate(_NO_MARGINS)
    printed = printed_by(tab)
    assert len(printed) >= least
    assert [number for number, drawn in enumerate(printed, 1) if not drawn >= set(MARK)] == []
    tab.evaluate("() => document.querySelector('.training').remove()")
    assert any(not drawn >= set(MARK) for drawn in printed_by(tab)), "nothing else on these sheets says it"
