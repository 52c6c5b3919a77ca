"""What goes onto paper, by a real browser: sizes and numbers of pages, nothing over the edge, nothing cut."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from ledger.facade import Ledger
from ledger.types import Facts, Value
from tests.facade.counter import APPLICANT, FELLING, PERMIT, TOWNSHIP, Dice, FakeClock, act, found_county
from tests.sheetin.workbooks import make
from tests.web.counterdesk import Counter, Desk, keys, serving, window
from tests.web.test_looks import pdf_sizes, unpacked
from tests.web.test_roster import HEAD, id_number, imported, name_of, people, received, scan

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.layer("browser"), pytest.mark.layer("chinese_font")]
LONG = "古丽娜尔·买买提艾力·阿卜杜热西提·吐尔逊江·帕提古丽·阿依古丽·热合曼一二三四"
PX_PER_MM = 96 / 25.4
PRINTABLE_MM = 72
"""What a printer for rolls of 80 mm can reach."""


@pytest.fixture(scope="module")
def papers() -> dict[str, str]:
    """Addresses of what is printed, by name."""
    return {}


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory, papers: dict[str, str]) -> Iterator[Counter]:
    folder, clock = tmp_path_factory.mktemp("prints") / "county", FakeClock()
    found_county(folder, clock)
    keys(folder)
    with Ledger.open(folder, clock=clock, randomness=Dice("prints"), write=True) as ledger:
        name: Facts = {"applicant": {**APPLICANT["applicant"], "name": LONG}}  # type: ignore[dict-item]
        case = act(ledger, "C1", "receive", personal=name, item=PERMIT, materials=["m01", "m02"]).case_id
        papers["slip"] = f"/case/{case.hex()}/slip"

        def printed(label: str, staff_no: str, action: str, **facts: Value) -> None:
            done = act(ledger, staff_no, action, case, **facts)
            papers[label] = f"/case/{case.hex()}/print/{done.act_id.hex()}"

        every: Value = list(ledger.case(case).rules.item.materials)
        printed("correction", "C1", "request_correction", missing=every, due="2026-03-12", told_by="paper")
        act(ledger, "C1", "supply", case, materials=every)
        printed("acceptance", "C1", "accept")
        reasons: Value = [f"第{n}条：" + "平面布局图与现场核查不符，" * 12 for n in range(9)]
        where = {"review_organ": "溪山县人民政府", "court": "溪山县人民法院"}
        printed("refusal", "C1", "decide", result="refuse", reasons=reasons, **where)
        case = act(ledger, "V1", "receive", personal=APPLICANT, item=FELLING).case_id
        printed("hand_over", "V1", "hand_over", to=TOWNSHIP, manifest=["申请书原件"], method="courier")
    with serving(folder, clock=clock) as one:
        yield one


@pytest.fixture(scope="module")
def desk(counter: Counter) -> Desk:
    return counter.desk("V1")


@pytest.fixture(scope="module")
def tab(counter: Counter, chromium_browser: Browser) -> Iterator[Page]:
    """A browser in which the county's clerk has signed in."""
    context = window(chromium_browser, counter.desk("C1"))
    yield context.new_page()
    context.close()


def printed(tab: Page, path: str) -> tuple[set[tuple[int, int]], int]:
    """Return the sizes of the pages of a print, and how many there are."""
    tab.goto(path)
    pdf = tab.pdf(prefer_css_page_size=True)
    return pdf_sizes(pdf), len(re.findall(rb"/Type\s*/Page\b(?!s)", unpacked(pdf)))


@pytest.mark.parametrize("large", ["", "&large=1"])
def test_a_slip_on_a_roll_stays_within_what_a_printer_reaches(
    tab: Page, papers: dict[str, str], large: str
) -> None:
    sizes, count = printed(tab, f"{papers['slip']}?paper=80mm{large}")
    assert {wide for wide, _ in sizes} == {80} and (count == 1 or large)
    tab.emulate_media(media="print")
    over = tab.evaluate(
        """() => { const slip = document.querySelector('.slip').getBoundingClientRect();
        const parts = [...document.querySelectorAll('.slip *')];
        const right = parts.map((one) => one.getBoundingClientRect().right);
        return [slip.width, Math.max(...right) - slip.right]; }"""
    )
    tab.emulate_media(media="null")
    assert over[0] <= PRINTABLE_MM * PX_PER_MM + 0.5 and over[1] <= 0.5
    assert "校验点" not in tab.locator(".slip").inner_text(), "a head that is not known leaves no empty label"


@pytest.mark.parametrize(("left", "wide"), [(0, 72), (20, 52), (-3, 72)])
def test_a_slip_that_is_moved_is_not_shrunk(tab: Page, papers: dict[str, str], left: int, wide: int) -> None:
    tab.goto(f"{papers['slip']}?paper=80mm&left={left}")
    tab.emulate_media(media="print")
    width, right = tab.evaluate(
        "() => { const box = document.querySelector('.slip').getBoundingClientRect();"
        " return [box.width, box.right]; }"
    )
    tab.emulate_media(media="null")
    assert round(width / PX_PER_MM) == wide and right <= PRINTABLE_MM * PX_PER_MM + 0.5


def test_a_printed_list_says_who_came_and_shows_no_box(
    desk: Desk, chromium_browser: Browser, tmp_path: Path
) -> None:
    rows = people(2, 880)
    unnumbered = [3, "村民无号", "", *rows[1][3:]]
    name = name_of(imported(desk, tmp_path, [*rows, unnumbered]))
    scan(desk, name, id_number(880))
    context = window(chromium_browser, desk)
    tab = context.new_page()
    tab.goto(f"/roster/{name}")
    tab.emulate_media(media="print")
    told = tab.evaluate(
        """() => [...document.querySelectorAll('td[data-said]')].map((cell) => {
        const after = getComputedStyle(cell, '::after').content;
        const boxes = [...cell.querySelectorAll('input[type=checkbox]')];
        const seen = boxes.filter((one) => one.getClientRects().length).length;
        return [cell.innerText.trim(), after, seen]; })"""
    )
    blank = tab.locator("td .id-no")
    asked = blank.evaluate("field => getComputedStyle(field, '::placeholder').color")
    lines = blank.evaluate("field => getComputedStyle(field).borderWidth")
    context.close()
    assert told == [["已到", "none", 0], ["", '"未到"', 0], ["", '"未到"', 0]]
    assert asked == "rgba(0, 0, 0, 0)" and lines == "0px 0px 1px", "a line to write the number on"


def test_a_training_ledger_says_so_on_every_sheet(tab: Page, papers: dict[str, str]) -> None:
    sheet = "() => getComputedStyle(document.body).page"
    aside = "<aside class=training>x</aside>"
    mark = f"() => document.querySelector('.skip').insertAdjacentHTML('afterend', '{aside}')"
    for path, plain, training in (
        ("/cases", "auto", "drill"),
        (papers["refusal"], "auto", "drill"),
        (f"{papers['refusal']}?paper=own", "own", "own-drill"),
        (f"{papers['slip']}?paper=80mm", "roll", "roll-drill"),
        (f"{papers['slip']}?paper=80mm&large=1", "roll-large", "roll-large-drill"),
    ):
        tab.goto(path)
        tab.emulate_media(media="print")
        before = tab.evaluate(sheet)
        tab.evaluate(mark)
        assert (before, tab.evaluate(sheet)) == (plain, training), path
        tab.emulate_media(media="null")
    rules = tab.evaluate(
        "() => [...document.styleSheets].flatMap((one) => [...one.cssRules])"
        ".filter((rule) => rule instanceof CSSPageRule).map((rule) => rule.cssText)"
    )
    for name in ("drill", "own-drill", "roll-drill", "roll-large-drill"):
        assert any(rule.startswith(f"@page {name} ") and "演练" in rule for rule in rules), name


def test_papers_and_the_hall_fit_a_phone(tab: Page, papers: dict[str, str]) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    over = {}
    for path in ("/hall", *papers.values()):
        tab.goto(path)
        over[path] = tab.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if path == "/hall":
            assert tab.locator(".ready .number").count() > 0, "a number is what was too wide"
    tab.set_viewport_size({"width": 1366, "height": 768})
    assert {path: wide for path, wide in over.items() if wide > 0} == {}


@pytest.mark.parametrize(("name", "pages"), [("correction", 1), ("acceptance", 1), ("refusal", 3)])
def test_a_notice_has_the_pages_that_it_needs(
    tab: Page, papers: dict[str, str], name: str, pages: int
) -> None:
    sizes, count = printed(tab, papers[name])
    assert sizes == {(210, 297)} and count == pages
    # Where the office's own form begins lower, the text flows on: nothing is pushed over the edge of a page.
    _, moved = printed(tab, f"{papers[name]}?paper=own&top=60&left=10")
    assert moved in (pages, pages + 1)
    tab.emulate_media(media="print")
    box = tab.evaluate("() => { const b = document.querySelector('.document').getBoundingClientRect();"
                       " return [b.top, b.left, b.right - document.documentElement.clientWidth,"
                       " getComputedStyle(document.querySelector('.document')).position]; }")  # fmt: skip
    tab.emulate_media(media="null")
    assert round(box[0] / PX_PER_MM) == 60 and round(box[1] / PX_PER_MM) == 10 and box[2] <= 0.5
    assert box[3] == "static"


def test_pages_are_numbered_but_not_on_rolls_and_own_forms(tab: Page, papers: dict[str, str]) -> None:
    tab.goto(papers["refusal"])
    numbered = tab.evaluate(
        """() => { const found = {};
        const look = (rules) => { for (const rule of rules) {
          if (rule instanceof CSSPageRule) found[rule.selectorText] = rule.cssText;
          else if (rule.cssRules) look(rule.cssRules); } };
        for (const sheet of document.styleSheets) look(sheet.cssRules);
        return found; }"""
    )
    assert 'counter(page) " / " counter(pages)' in numbered[""]
    assert all("content: none" in numbered[name] for name in ("roll", "roll-large", "own"))


def test_who_takes_papers_over_is_addressed_by_their_list(desk: Desk, papers: dict[str, str]) -> None:
    page = desk.get(papers["hand_over"]).text
    assert re.search(r'class="to">\s*township', page) and "赵小明" in page


def test_receipts_fill_their_sheets(tab: Page, desk: Desk, counter: Counter, tmp_path: Path) -> None:
    raw = make(tmp_path / "roster.xlsx", 名单=[HEAD, *people(7)]).read_bytes()
    name = name_of(desk.post("/rosters", {"item": FELLING, "title": "林木"}, {"file": ("名单.xlsx", raw)}))
    desk.post(f"/roster/{name}/ticks", {"here": [str(n) for n in range(1, 8)]})
    received(desk, name)
    tab.context.add_cookies([
        {"name": key, "value": value, "url": f"http://127.0.0.1:{counter.port}"}
        for key, value in desk.cookies.items()
    ])  # fmt: skip
    for per, pages in ((2, 4), (4, 2), (6, 2)):
        assert printed(tab, f"/roster/{name}/receipts?per={per}") == ({(210, 297)}, pages), per


def test_charts_shrink_onto_the_paper_and_lie_over_nothing(tab: Page, tmp_path: Path) -> None:
    # The browser draws for the screen and then makes the paper narrower, without telling the page.
    tab.add_init_script("addEventListener('resize', (event) => event.stopImmediatePropagation(), true);")
    tab.set_viewport_size({"width": 1366, "height": 900})
    tab.goto("/monthly?since=2026-03-01&until=2026-03-31")
    tab.locator("#chart-items svg").wait_for()
    tab.emulate_media(media="print")
    tab.set_viewport_size({"width": 700, "height": 900})
    boxes = tab.evaluate(
        """() => [...document.querySelectorAll(".chart")].map((chart) => [chart, chart.querySelector("svg"),
            ...chart.querySelectorAll("text, path")].map((one) => one.getBoundingClientRect().toJSON()))"""
    )
    tab.emulate_media(media="null")
    assert len(boxes) == 2
    for chart, svg, *parts in boxes:
        assert svg["width"] > 300 and svg["right"] <= 700 and svg["left"] >= chart["left"]
        inside = [part for part in parts if part["width"]]
        assert inside and all(
            svg["left"] - 1 <= one["left"] and one["right"] <= svg["right"] + 1 for one in inside
        )
    (first, *_), (second, *_) = boxes
    assert second["top"] >= first["bottom"]
