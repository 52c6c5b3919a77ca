"""Every page in a real browser: for people who cannot see it well, on a phone, enlarged, and on paper."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.web.offices import Office
from tests.web.routes import filled, routes
from tests.web.seat import ALLOWANCE, Seat, take_seat

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.layer("browser")
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
PAGES = [path for method, path in routes() if method == "GET"]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PT_PER_MM = 72 / 25.4


@pytest.fixture(scope="module")
def seat(hall: Office, chromium_browser: Browser) -> Iterator[Seat]:
    """Somebody of the township, with one case under way."""
    seat = take_seat(chromium_browser, hall)
    seat.sign_in("T001")
    yield seat
    seat.context.close()


@pytest.fixture(scope="module")
def case(seat: Seat) -> str:
    """A case with a few acts."""
    case = seat.receive("欧阳小莲")
    seat.act(case, "accept")
    return case


def _open(seat: Seat, path: str, case: str) -> bool:
    """Open a page; False for one that is no page: a file, a stream, JSON."""
    where = filled(path, {"case": case, "item": ALLOWANCE, "action": "decide"})
    if not where:
        return False
    if where.startswith(("/api/", "/events")):
        return False
    answer = seat.context.request.get(seat.office.base + where, max_redirects=0)
    if "text/html" not in answer.headers.get("content-type", "") or "<!doctype" not in answer.text():
        return False
    seat.go(where + ("?q=oyxl" if path == "/find" else ""))
    return True


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
def test_axe_finds_nothing(seat: Seat, case: str, path: str):
    if _open(seat, path, case):
        assert _violations(seat) == []


def test_axe_finds_nothing_on_pages_of_errors_and_before_signing_in(hall: Office, chromium_browser: Browser):
    other = take_seat(chromium_browser, hall)
    other.go("/sign-in")
    assert _violations(other) == []
    other.go("/no/such/page")
    assert _violations(other) == []
    other.context.close()


def test_axe_sees(seat: Seat):
    seat.go("/more")
    seat.page.evaluate("() => document.body.append(document.createElement('input'))")
    assert any('"label"' in one for one in _violations(seat))


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1366, 768), (683, 384)])
def test_no_page_is_wider_than_the_screen(seat: Seat, case: str, width: int, height: int):
    # 200 % zoom of the common screen is half its width in CSS pixels.
    seat.page.set_viewport_size({"width": width, "height": height})
    wide = {}
    for path in PAGES:
        if _open(seat, path, case):
            over = seat.page.evaluate("() => document.scrollingElement.scrollWidth - window.innerWidth")
            if over > 0:
                wide[path] = over
    seat.page.set_viewport_size({"width": 1366, "height": 768})
    assert wide == {}


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
