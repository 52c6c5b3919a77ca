"""Every list of every page is sorted, filtered, printed and taken away as Excel."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from python_calamine import CalamineWorkbook

import stations.web
from stations.web.tablesheets import TABLE, tables_of
from tests.web.desk import Desk
from tests.web.furniture import furnish
from tests.web.matrix import CANARY, MATRIX, SAMPLES
from tests.web.offices import TOWNSHIP, Office
from tests.web.routes import filled
from tests.web.seat import ALLOWANCE, take_seat

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SOMEBODY = (
    CANARY["applicant.name"], CANARY["applicant.id_no"], CANARY["applicant.phone"],
    CANARY["applicant.address"],
)  # fmt: skip
WAYS = {
    "/find": f"/find?q={quote(CANARY['applicant.name'])}", "/leaver": "/leaver?no=V001",
    "/cases": "/cases?closed=1",
}  # fmt: skip
"""How a page is asked for so that it has its list."""
_TOOLS = re.compile(r'href="([^"]*format=xlsx[^"]*)"')


async def test_every_list_is_taken_away_and_printed(hall: Office) -> None:
    samples, lacking, seen = dict(SAMPLES), list[str](), set[str]()
    async with Desk(hall) as clerk, Desk(hall) as registrar, Desk(hall) as head:
        await clerk.sign_in("V001")
        for _ in range(2):
            answer = await clerk.receive_form(ALLOWANCE, CANARY)
            samples["case"] = answer.where.split("/")[2]
        samples |= await furnish(
            clerk, hall.folder.parent, samples["case"], SOMEBODY, above=TOWNSHIP, order="HL990199"
        )
        await registrar.sign_in("R001")
        await head.sign_in("T003")
        for line in MATRIX:
            method, path = line.split(" ")
            where = filled(path, samples)
            if method != "GET" or not where or path.startswith(("/api", "/events", "/language")):
                continue
            where = WAYS.get(where, where)
            for desk in (clerk, registrar, head):
                page = await desk.get(where)
                if page.status != 200 or f" {TABLE}" not in page.text:
                    continue
                seen.add(path)
                excel = [one.replace("&amp;", "&") for one in _TOOLS.findall(page.text)]
                if "data-print" not in page.text or not excel:
                    lacking.append(path)
                    continue
                taken = await desk.get(excel[0])
                if not taken.raw.startswith(b"PK"):
                    lacking.append(excel[0])
    assert lacking == []
    assert {
        "/", "/board", "/day-clear", "/calendars", "/keep", "/find", "/new-keys", "/platform/differences",
        "/stations", "/cases", "/people",
    } <= seen  # fmt: skip


async def test_what_is_taken_away_is_what_stands_there(hall: Office) -> None:
    async with Desk(hall) as desk:
        await desk.sign_in("T003")
        page = await desk.get("/board")
        raw = (await desk.get("/board?format=xlsx")).raw
    rows = CalamineWorkbook.from_filelike(io.BytesIO(raw)).get_sheet_by_index(0).to_python()
    (body,) = re.findall(rf"<table {TABLE}.*?</table>", page.text, re.DOTALL)
    assert len(rows) == 1 + body.count("<tr class=") and len(rows[0]) == body.count("<th ")
    assert any(TOWNSHIP in str(row[1]) for row in rows[1:])


def test_a_list_becomes_a_sheet_without_buttons_and_signs() -> None:
    lines = (
        "<title>页</title><h2>甲 <span>2</span></h2>",
        f"<table {TABLE}><thead><tr><th>号</th><th>人</th><th>签</th></tr></thead><tbody>",
        '<tr><td><a href="x">001</a></td><td><span aria-hidden="true">●</span>=1+1&amp;<br>李</td>',
        '<td><form class="no-print"><button>签</button></form></td></tr>',
        "<tr><td>002</td></tr></tbody></table>",
        "<table><tr><td>不是</td></tr></table>",
        f"<h2>乙</h2><table {TABLE}><thead><tr><th>名</th></tr></thead><tbody></tbody></table>",
    )
    text = "".join(lines)
    title, (first, second) = tables_of(text)
    assert (title, first.name, second.name) == ("页", "1 甲 2", "2 乙")
    assert (first.headings, second.headings, second.rows) == (("号", "人", "签"), ("名",), ())
    assert first.rows == (("001", "=1+1& 李", ""), ("002", "", ""))


async def test_what_names_a_table_stands_on_its_page(hall: Office) -> None:
    async with Desk(hall) as desk:
        await desk.sign_in("T003")
        for where in ("/", "/board", "/cases", "/day-clear", "/calendars", "/keep", "/stations", "/people"):
            text = (await desk.get(where)).text
            for name in re.findall(r'<table[^>]* aria-labelledby="([^"]+)"', text):
                assert text.count(f' id="{name}"') == 1, (where, name)
            rows = re.findall(r'<tr id="([^"]+)"', text)
            assert len(rows) == len(set(rows)), where
        assert len({_title((await desk.get(where)).text) for where in ("/board", "/stations")}) == 2


def _title(text: str) -> str:
    return text.partition("<title>")[2].partition("</title>")[0].strip()


@pytest.mark.layer("browser")
def test_a_filter_hides_what_does_not_hold_every_word(hall: Office, chromium_browser: Browser) -> None:
    seat = take_seat(chromium_browser, hall)
    seat.begin_as("T003")
    page = seat.page
    for where in ("/board", "/calendars", "/keep"):
        seat.go(where)
        rows = page.locator("table[data-sortable] >> nth=0").locator("tbody tr")
        field = page.get_by_label("在本页筛选").first
        whole = rows.count()
        assert whole > 1 and field.is_visible()
        word = rows.nth(1).inner_text().split()[-1]
        field.fill(word)
        shown = [row for row in rows.all() if row.is_visible()]
        assert shown and all(word in row.inner_text() for row in shown)
        field.fill(f"{word} 没有这样的行")
        assert not [row for row in rows.all() if row.is_visible()]
        field.fill("")
        assert len([row for row in rows.all() if row.is_visible()]) == whole
    seat.context.close()


def test_every_table_has_a_name() -> None:
    folder = Path(stations.web.__file__).parent / "templates"
    tables = [
        (path.name, tag)
        for path in sorted(folder.glob("*.html"))
        for tag in re.findall(r"<table\b[^>]*>", path.read_text(encoding="utf-8"))
    ]
    assert len(tables) > 20
    assert [one for one in tables if "aria-label" not in one[1]] == []


@pytest.mark.layer("browser")
def test_order_and_place_of_the_keyboard_outlive_what_arrives(
    hall: Office, chromium_browser: Browser
) -> None:
    seat, village = take_seat(chromium_browser, hall), take_seat(chromium_browser, hall)
    seat.sign_in("T001")
    village.sign_in("V001")
    first, second = seat.receive("甲键盘"), seat.receive("乙键盘")
    seat.go("/")
    page = seat.page
    page.locator("#safety[data-listening]").wait_for()
    table = page.locator("table[data-sortable]").filter(has=page.locator(f'a[href="/case/{first}"]'))
    head = table.get_by_role("button", name="申请人", exact=True)
    for order in ("ascending", "descending"):
        head.press("Space")
        assert table.locator("th[aria-sort]").get_attribute("aria-sort") == order
    names = [name for name in table.locator("td.wraps").all_inner_texts() if "键盘" in name]
    page.locator(f'main a[href="/case/{second}"]').focus()
    came = village.receive("丙来件")
    village.act(came, "hand_over", to="990121001000-00")
    page.locator(f'main a[href="/case/{came}"]').wait_for()
    page.wait_for_function("() => document.querySelector('th[aria-sort]')")
    # More news may come at any moment: the keyboard is back each time the page has settled.
    page.wait_for_function(
        "path => document.activeElement.getAttribute('href') === path", arg=f"/case/{second}"
    )
    assert table.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    assert [name for name in table.locator("td.wraps").all_inner_texts() if "键盘" in name] == names
    for one in (seat, village):
        assert one.problems == []
        one.context.close()


@pytest.mark.layer("browser")
def test_lights_are_sorted_by_how_much_they_press(hall: Office, chromium_browser: Browser) -> None:
    seat = take_seat(chromium_browser, hall)
    seat.sign_in("T003")
    seat.go("/board")
    seat.page.evaluate(
        """() => { const rows = document.querySelectorAll('main tbody tr');
        ['done', 'red', 'yellow', 'green'].forEach((name, at) => {
          const cell = rows[at] && rows[at].cells[0];
          if (cell) cell.innerHTML = `<span class="light light-${name}">${name}</span>`; }); }"""
    )
    seat.page.get_by_role("button", name="情况").click()
    shown = seat.page.locator("main tbody tr td:first-child").all_inner_texts()
    order = ["red", "yellow", "green", "done"]
    assert shown[:4] == [one for one in order if one in shown]
    seat.context.close()
