"""Every list of every page is sorted, filtered, printed and taken away as Excel."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from python_calamine import CalamineWorkbook

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
