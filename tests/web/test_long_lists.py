"""Lists that are longer than their page: Excel has every row, and the page says what it leaves out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import pytest
from python_calamine import CalamineWorkbook

from ledger.data import shipped_items
from ledger.facade import Ledger
from ledger.facade.cases.reading import FIND_MAX
from stations.sheetin.faults import FAULTS_KEPT_MAX
from stations.web.beside.listed import SHOWN_MAX as LISTED_MAX
from stations.web.beside.orders import FAULTS_SHOWN_MAX
from stations.web.beside.orders import SHOWN_MAX as ORDERS_MAX
from stations.web.beside.sheet import PAGE_CASES
from stations.web.cases.receiving import ITEMS_SHOWN_MAX
from stations.web.lists import PAGE_ROWS
from stations.web.overview.hall import READY_MAX
from stations.web.overview.lights import SHOWN_MAX as LIGHTS_MAX
from stations.web.overview.today import PART_MAX
from stations.web.rosters.lists import FAULTS_SHOWN_MAX as ROSTER_FAULTS
from tests.facade.counter import APPLICANT, PERMIT, REGISTRAR, Dice, FakeClock, act, found_county
from tests.sheetin.workbooks import make
from tests.web.counterdesk import Counter, Desk, keys, serving, window
from tests.web.furniture import ROSTER_HEAD
from tests.web.test_orders import HEAD as ORDER_HEAD
from tests.web.test_platform import HEAD as PLATFORM_HEAD

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

CASES = FIND_MAX + 5
DAY_MS = 86_400_000
_LONGER = 7
"""So many rows more than a page shows."""


class Long(NamedTuple):
    """A list: its address, how many rows it has and shows, and what each of its rows has once on the page."""

    path: str
    count: int
    shown: int
    mark: str


LISTS = (
    Long("/", CASES, PART_MAX, 'class="number">'),
    Long("/find?q=周长列", CASES, FIND_MAX, 'class="number">'),
    Long("/lights", CASES, LIGHTS_MAX, 'class="number"'),
    Long("/platform/list", LISTED_MAX + _LONGER, LISTED_MAX, 'class="match '),
    Long("/platform/differences", CASES + LISTED_MAX + _LONGER, LISTED_MAX, 'class="match '),
    Long("/orders", ORDERS_MAX + _LONGER, ORDERS_MAX, 'class="card order"'),
)


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    folder, clock = tmp_path_factory.mktemp("long") / "county", FakeClock()
    found_county(folder, clock)
    keys(folder)
    with Ledger.open(folder, clock=clock, randomness=Dice("long"), write=True) as ledger:
        for n in range(CASES):
            person = {"applicant": {**APPLICANT["applicant"], "name": f"周长列{n}"}}  # type: ignore[dict-item]
            act(ledger, "C1", "receive", personal=person, item=PERMIT)
        for row in ledger.worklist(now_ms=clock.wall_ms)[: READY_MAX + _LONGER]:
            act(
                ledger,
                "C1",
                "supply",
                row.case_id,
                materials=list(ledger.case(row.case_id).rules.item.materials),
            )
            act(ledger, "C1", "accept", row.case_id)
            act(ledger, "C1", "decide", row.case_id, result="grant")
        (one,) = (item for item in shipped_items() if item["base_code"] == PERMIT)
        more = [{**one, "base_code": f"9901880000{n:02}"} for n in range(ITEMS_SHOWN_MAX)]
        ledger.publish("publish_items", {"items": more}, REGISTRAR)
    clock.wall_ms += 40 * DAY_MS
    with serving(folder, clock=clock) as one:
        yield one


@pytest.fixture(scope="module")
def desk(counter: Counter, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A clerk who has read the platform's list and the orders, each longer than its page."""
    folder, one = tmp_path_factory.mktemp("lists"), counter.desk("C1")
    rows = [
        [f"3303900{n:04}", PERMIT, "", f"无此人{n}", "", "已受理", "", "2026-03-02"]
        for n in range(LISTED_MAX + _LONGER)
    ]
    raw = make(folder / "list.xlsx", 办件=[["清单"], PLATFORM_HEAD, *rows]).read_bytes()
    one.post("/platform/list", {}, {"file": ("导出.xlsx", raw)})
    orders = [
        [f"HL9{n:04}", f"第{n}单", "", "", "2026-03-01", "2026-03-20", "", ""]
        for n in range(ORDERS_MAX + _LONGER)
    ]
    raw = make(folder / "orders.xlsx", 工单=[ORDER_HEAD, *orders]).read_bytes()
    one.post("/orders", {}, {"file": ("工单.xlsx", raw)})
    return one


def sheets(raw: bytes) -> list[list[list[str]]]:
    """Return the rows of every sheet of a workbook, without their headings."""
    book = CalamineWorkbook.from_filelike(io.BytesIO(raw))
    return [book.get_sheet_by_index(n).to_python()[1:] for n in range(len(book.sheet_names))]  # type: ignore[misc]


@pytest.mark.parametrize("long", LISTS, ids=lambda long: long.path)
def test_excel_has_every_row_and_the_page_says_what_it_leaves_out(desk: Desk, long: Long) -> None:
    more = "&" if "?" in long.path else "?"
    page = desk.get(long.path).text
    assert page.count(long.mark) == long.shown
    told = f"共 {long.count} 条，只列出前 {long.shown} 条"
    assert told in page or f"只列最急的 {long.shown} 件，共 {long.count} 件" in page or "找到的超过" in page
    assert "all=1" in page
    rows = [tuple(row) for sheet in sheets(desk.get(f"{long.path}{more}format=xlsx").raw) for row in sheet]
    assert len(rows) == len(set(rows)) == long.count
    whole = desk.get(f"{long.path}{more}all=1").text
    assert whole.count(long.mark) == long.count and "只列" not in whole and "找到的超过" not in whole


def test_the_list_of_cases_has_pages_and_can_be_printed_whole(desk: Desk) -> None:
    pages = [desk.get(f"/cases?page={number}").text.count('class="number">') for number in (1, 2, 3)]
    assert pages == [PAGE_ROWS, PAGE_ROWS, CASES - 2 * PAGE_ROWS]
    assert "all=1" in desk.get("/cases").text
    whole = desk.get("/cases?all=1").text
    assert whole.count('class="number">') == CASES and 'class="pages' not in whole
    (rows,) = sheets(desk.get("/cases?format=xlsx").raw)
    assert len(rows) == CASES


def test_a_short_list_says_nothing_of_more(desk: Desk) -> None:
    for path in ("/find?q=周长列17", "/orders?q=HL90007"):
        page = desk.get(path).text
        assert "只列出前" not in page and "找到的超过" not in page and "all=1" not in page


def test_cases_of_others_are_not_told_as_more_that_was_found(counter: Counter) -> None:
    page = counter.desk("V1").get("/find?q=周长列").text
    assert "没有找到" in page and "找到的超过" not in page and "all=1" not in page


def test_every_item_that_was_looked_for_goes_into_the_sheet(counter: Counter, desk: Desk) -> None:
    with counter.ledger() as ledger:
        catalogue = ledger.knowledge.catalogue
        fitting = [code for code in catalogue.items(catalogue.size) if "9901" in code]
    assert len(fitting) > ITEMS_SHOWN_MAX
    (rows,) = sheets(desk.get("/catalogue?q=9901&format=xlsx").raw)
    assert sorted(row[0] for row in rows) == sorted(fitting)
    page = desk.get("/receive?q=9901").text
    assert f"符合的事项有 {len(fitting)} 个，先列出 {ITEMS_SHOWN_MAX} 个" in page


def test_faults_that_are_not_listed_are_counted(desk: Desk, tmp_path: Path) -> None:
    bad = [[f"HL8{n:04}", "", "", "", "", "", "", ""] for n in range(FAULTS_SHOWN_MAX + _LONGER)]
    raw = make(tmp_path / "orders.xlsx", 工单=[ORDER_HEAD, *bad]).read_bytes()
    page = desk.post("/orders", {}, {"file": ("工单.xlsx", raw)}).text
    assert f"{FAULTS_SHOWN_MAX + _LONGER}" in page.partition('class="problem"')[2].partition("</h2>")[0]
    assert f"先列出前 {FAULTS_SHOWN_MAX} 处" in page


def _roster_of_faults(desk: Desk, folder: Path, count: int) -> str:
    """Send a roster of people without a name; returns the page."""
    bad = [[n, "", "", "", f"东门村{n}号", ""] for n in range(1, count + 1)]
    raw = make(folder / "roster.xlsx", 名单=[ROSTER_HEAD, *bad]).read_bytes()
    return desk.post("/rosters", {"item": PERMIT, "title": "错"}, {"file": ("名单.xlsx", raw)}).text


def test_every_fault_of_a_roster_stands_on_its_page(desk: Desk, tmp_path: Path) -> None:
    page = _roster_of_faults(desk, tmp_path, ROSTER_FAULTS + _LONGER)
    first, _, more = page.partition("<details><summary>另外")
    assert first.partition('class="problem" role="alert"><ul>')[2].count("<li>") == ROSTER_FAULTS
    assert f"{_LONGER} 处" in more.partition("</summary>")[0]
    assert more.partition("</details>")[0].count("<li>") == _LONGER
    assert f"B{ROSTER_FAULTS + _LONGER + 1}" in more and "只记下了前" not in page


def test_faults_beyond_what_is_noted_are_counted(desk: Desk, tmp_path: Path) -> None:
    count = FAULTS_KEPT_MAX + _LONGER
    page = _roster_of_faults(desk, tmp_path, count)
    assert f"只记下了前 {FAULTS_KEPT_MAX} 处，共 {count} 处" in page


def test_the_platform_s_sheets_are_printed_whole(counter: Counter, desk: Desk) -> None:
    page = desk.get("/platform?page=2").text
    assert page.count('class="card sheet"') == PAGE_CASES
    assert f"共 {CASES} 件，这一页是第 {PAGE_CASES + 1} 到第 {2 * PAGE_CASES} 件" in page and "all=1" in page
    whole = desk.get("/platform?all=1").text
    assert whole.count('class="card sheet" open') == CASES and 'class="pages' not in whole
    assert 'action="/platform/enter"' not in whole and "这一页是" not in whole


def test_the_hall_s_list_is_printed_whole(counter: Counter) -> None:
    with Ledger.open(counter.folder, clock=counter.clock, randomness=Dice("hall"), write=False) as ledger:
        assert ledger.training is False
    nobody = Desk(counter.port)
    ready = READY_MAX + _LONGER
    page, whole = nobody.get("/hall").text, nobody.get("/hall?all=1").text
    assert page.count('class="number"') == READY_MAX and f"另有 {_LONGER} 件可领取" in page
    assert 'href="/hall?all=1"' in page and f'class="big">{ready}<' in page and "data-print" not in page
    assert whole.count('class="number"') == ready and "另有" not in whole and "data-print" in whole
    assert "周长列" not in page + whole, "nothing of people"


@pytest.mark.layer("browser")
def test_sheets_that_are_folded_are_printed_too(
    desk: Desk, chromium_browser: Browser, tmp_path: Path
) -> None:
    context = window(chromium_browser, desk)
    tab = context.new_page()
    tab.goto("/platform")
    count = "document.querySelectorAll('details.sheet[open]').length"
    tab.evaluate(f"() => window.addEventListener('beforeprint', () => {{ window.printed = {count}; }})")
    tab.pdf(path=str(tmp_path / "sheets.pdf"))
    assert tab.evaluate("() => window.printed") == PAGE_CASES and tab.evaluate(f"() => {count}") == 1
    context.close()


@pytest.mark.layer("browser")
def test_a_case_prints_its_details_and_headings_stay_with_their_lists(
    desk: Desk, chromium_browser: Browser, tmp_path: Path
) -> None:
    context = window(chromium_browser, desk)
    tab = context.new_page()
    tab.goto("/cases")
    tab.goto(str(tab.locator('main a[href^="/case/"]').first.get_attribute("href")))
    folded = "document.querySelectorAll('.timeline details:not([open]), details.clock:not([open])').length"
    assert tab.evaluate(f"() => {folded}") > 0
    tab.evaluate(f"() => window.addEventListener('beforeprint', () => {{ window.folded = {folded}; }})")
    tab.pdf(path=str(tmp_path / "case.pdf"))
    assert tab.evaluate("() => window.folded") == 0 and tab.evaluate(f"() => {folded}") > 0
    tab.goto("/")
    tab.emulate_media(media="print")
    for part in ("main h2", "main thead"):
        assert tab.locator(part).first.evaluate("one => getComputedStyle(one).breakAfter") == "avoid"
    context.close()
