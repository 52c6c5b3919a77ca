"""Every page in a real browser: for people who cannot see it well, on a phone, enlarged, and on paper."""

from __future__ import annotations

import asyncio
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.web.desk import Desk
from tests.web.firstpages import first_pages, first_seat, invite_by_stick
from tests.web.furniture import furnish
from tests.web.offices import COUNTY, VILLAGE, Office
from tests.web.routes import filled, routes
from tests.web.seat import ALLOWANCE, Seat, take_seat

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.layer("browser")
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
PAGES = [path for method, path in routes() if method == "GET"]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
UNSEEN = ("/training", "/pads/enter", "/new-keys/{no}/file", "/first-day/job/{job}", "/join-again/request")
"""Refused here: no training ledger; no number or key was given; somebody can sign in; nobody joins again."""
LONG_NAME = "M" * 80
SIZES = ((390, 844), (683, 384), (1366, 768))
"""A phone; the common screen at 200 % zoom, half as wide in CSS pixels; and that screen, which comes last."""
PT_PER_MM = 72 / 25.4
OVER = "() => document.scrollingElement.scrollWidth - window.innerWidth"
COVERED = """() => {
  const isShown = (one) => one.checkVisibility({visibilityProperty: true}) && one.type !== 'hidden';
  const all = document.querySelectorAll('a[href]:not(.skip), button, input, select, textarea, summary');
  const seen = [...all].filter(isShown);
  const isHit = (one, x, y) => {
    const hit = document.elementFromPoint(x, y);
    const labels = [...(one.labels || [])];
    return hit && (one.contains(hit) || hit.contains(one) || labels.some((label) => label.contains(hit)));
  };
  const found = [];
  for (const one of seen.reverse()) {
    one.focus();
    if (document.activeElement !== one) continue;
    const box = one.getClientRects()[0];
    if (!box || box.width < 1) continue;
    const [x, y] = [box.left + Math.min(box.width / 2, 20), box.top + Math.min(box.height / 2, 6)];
    const isThin = ['checkbox', 'radio'].includes(one.type) && box.width < 16;
    if (isThin || (y >= 0 && y < innerHeight && !isHit(one, x, y))) found.push(one.outerHTML.slice(0, 120));
  }
  return found;
}"""
"""What has the focus and lies under something else, from the last control on; ticks too thin to hit."""


@pytest.fixture(scope="module")
def seat(hall: Office, chromium_browser: Browser) -> Iterator[Seat]:
    """Somebody of the township, with one case under way."""
    seat = take_seat(chromium_browser, hall)
    seat.begin_as("T001")
    yield seat
    seat.context.close()


@pytest.fixture(scope="module")
def registrar(hall: Office, chromium_browser: Browser) -> Iterator[Seat]:
    """Who sees the pages that are for registrars."""
    seat = take_seat(chromium_browser, hall)
    seat.begin_as("R001")
    yield seat
    seat.context.close()


@pytest.fixture(scope="module")
def head(hall: Office, chromium_browser: Browser) -> Iterator[Seat]:
    """Who sees the pages that are for heads."""
    seat = take_seat(chromium_browser, hall)
    seat.begin_as("T003")
    yield seat
    seat.context.close()


@pytest.fixture(scope="module")
def case(seat: Seat) -> str:
    """A case with a few acts."""
    seat.receive(LONG_NAME)
    case = seat.receive("欧阳小莲")
    seat.act(case, "accept")
    return case


@pytest.fixture(scope="module")
def samples(seat: Seat, case: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What stands in braces of addresses: everything that lies on the desk."""
    folder = tmp_path_factory.mktemp("desk")

    async def lay() -> dict[str, str]:
        async with Desk(seat.office) as desk:
            await desk.sign_in("T001")
            person = ("司马金", "11010519491231002X", "13900002222", "城关镇一组")
            return await furnish(desk, folder, case, person, above=COUNTY, order="HL990122", pads=1)

    with ThreadPoolExecutor(1) as aside:
        # The browser's own loop runs in this thread.
        laid = aside.submit(asyncio.run, lay()).result()
    fixed = {"item": ALLOWANCE, "action": "decide", "no": "V003", "station": VILLAGE, "kind": "items"}
    return {"case": case, "code": ALLOWANCE, **fixed, **laid}


def _open(seats: Sequence[Seat], path: str, samples: Mapping[str, str]) -> Seat | None:
    """Open a page as the first who may see it; None for what is no page: a file, a stream, JSON."""
    where = filled(path, samples)
    if not where or where.startswith(("/api/", "/events")):
        return None
    for seat in seats:
        answer = seat.context.request.get(seat.office.base + where, max_redirects=0)
        if answer.status != 403:
            break
    if "text/html" not in answer.headers.get("content-type", "") or "<!doctype" not in answer.text():
        return None
    assert answer.status == 200 or path in UNSEEN, (path, answer.status)
    seat.go(where + ("?q=oyxl" if path == "/find" else ""))
    return seat


def _violations(seat: Seat) -> list[str]:
    """Return what axe finds, one line each."""
    seat.page.evaluate(AXE)
    found = seat.page.evaluate(
        "async (tags) => (await axe.run(document, {runOnly: tags})).violations.map((one) => ({"
        " id: one.id, help: one.help, at: one.nodes.map((node) => node.html.slice(0, 160)).slice(0, 4)}))",
        TAGS,
    )
    return [json.dumps(one, ensure_ascii=False) for one in found]


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_and_no_page_is_wider_than_the_screen(
    seat: Seat, registrar: Seat, head: Seat, samples: Mapping[str, str], path: str
):
    # A page is brought once for all that is looked at: most of the time goes into bringing it.
    opened = _open((seat, registrar, head), path, samples)
    if opened is None:
        return
    assert _violations(opened) == []
    for width, height in SIZES:
        opened.page.set_viewport_size({"width": width, "height": height})
        if opened.page.evaluate("() => !!window.echarts"):
            # What a script draws to measure is drawn as that screen would have it.
            opened.page.reload()
        over = opened.page.evaluate(OVER)
        assert over <= 0, (width, over)
        # The bar at the top stays in place on wide screens alone.
        if width > 768:
            assert opened.page.evaluate(COVERED) == [], width


def test_axe_finds_nothing_on_pages_of_errors_and_before_signing_in(hall: Office, chromium_browser: Browser):
    other = take_seat(chromium_browser, hall)
    other.go("/sign-in")
    assert _violations(other) == []
    other.go("/no/such/page")
    assert _violations(other) == []
    other.context.close()


def test_the_first_day_is_for_everybody(hall: Office, chromium_browser: Browser, tmp_path: Path):
    faults, widths = {}, {}
    with first_seat(chromium_browser, tmp_path / "new") as seat:
        for name, _, _ in first_pages(seat, invite_by_stick(hall)):
            if found := _violations(seat):
                faults[name] = found
            for width in (390, 683, 1366):
                seat.page.set_viewport_size({"width": width, "height": 768})
                if (over := seat.page.evaluate(OVER)) > 0:
                    widths[name, width] = over
            if covered := seat.page.evaluate(COVERED):
                faults[name, "covered"] = covered
        assert seat.problems == []
    assert faults == {} and widths == {}


def test_axe_sees(seat: Seat):
    seat.go("/more")
    seat.page.evaluate("() => document.body.append(document.createElement('input'))")
    assert any('"label"' in one for one in _violations(seat))


def pdf_sizes(pdf: bytes) -> set[tuple[int, int]]:
    """Return width and height of the pages, in whole millimetres."""
    boxes = re.findall(rb"/MediaBox\s*\[\s*0\s+0\s+([\d.]+)\s+([\d.]+)\s*\]", unpacked(pdf))
    return {(round(float(wide) / PT_PER_MM), round(float(high) / PT_PER_MM)) for wide, high in boxes}


def pdf_faces(pdf: bytes) -> set[str]:
    """Return the names of the embedded faces, without the prefix of their subset."""
    names = re.findall(rb"/FontName\s*/(?:[A-Z]{6}\+)?([\w-]+)", unpacked(pdf))
    return {name.decode("ascii") for name in names}


def unpacked(pdf: bytes) -> bytes:
    """Return a PDF with its compressed object streams beside it."""
    parts = [pdf]
    for packed in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            parts.append(zlib.decompress(packed))
        except zlib.error:
            continue
    return b"\n".join(parts)


@pytest.mark.layer("chinese_font")
@pytest.mark.parametrize(
    ("paper", "width_mm"), [("80mm", 80), ("a4", 210), ("80mm&large=1", 80), ("a4&large=1", 210)]
)
def test_the_slip_on_paper(seat: Seat, case: str, paper: str, width_mm: int):
    seat.go(f"/case/{case}/slip?paper={paper}")
    pdf = seat.page.pdf(prefer_css_page_size=True)
    assert {wide for wide, _ in pdf_sizes(pdf)} == {width_mm}
    faces = pdf_faces(pdf)
    assert faces and all(face.startswith(("NotoSansCJKsc", "NotoSansMono", "DejaVu")) for face in faces), (
        faces
    )
    assert any(face.startswith("NotoSansCJKsc") for face in faces)
    if "large" in paper:
        size = seat.page.locator(".slip dd").first.evaluate(
            "one => parseFloat(getComputedStyle(one).fontSize)"
        )
        assert size >= 16 * 96 / 72 - 0.1
    # Nothing of the page around it is printed, and nothing is cut off at the right.
    seat.page.emulate_media(media="print")
    assert not seat.page.locator("header.top").is_visible()
    seat.page.emulate_media(media="null")
