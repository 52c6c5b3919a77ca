"""A clock that cannot be right is told on every page in plain words, until it is right again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from ledger.facade import Home
from stations.checkup.doctor import examine
from stations.config import StationConfig
from tests.facade.counter import PERMIT, FakeClock
from tests.web.counterdesk import Counter, Desk, serving
from tests.web.tabs import seated
from tests.web.test_actions import received

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WORDS = "这台电脑的时间不对"
HALL_WORDS = "这台电脑的时间不对，今天的件数可能不准。请工作人员校准时间。"
HOUR_MS, YEAR_MS = 3_600_000, 366 * 86_400_000


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("clock") / "county") as one:
        yield one


@pytest.fixture
def clock(counter: Counter) -> Iterator[FakeClock]:
    """The station's clock, which is right again afterwards."""
    clock = counter.clock
    assert isinstance(clock, FakeClock)
    right_ms = clock.wall_ms
    yield clock
    clock.wall_ms = right_ms + 60_000


def told_by_doctor(counter: Counter, clock: FakeClock) -> str:
    with counter.ledger() as ledger:
        checks = examine(
            Home(counter.folder), StationConfig(), ledger, now_ms=clock.wall_ms, thorough=False, key_fits=True
        )
    return next(one.code for one in checks if one.name == "clock")


@pytest.mark.parametrize(
    ("off_ms", "code", "words", "next_step"),
    [
        (-2 * HOUR_MS, "doctor.clock_back", "比最近一条记录慢", "请校准时间再办件"),
        (-50 * YEAR_MS, "doctor.clock_implausible", "电脑时钟明显不对", "可能是主板电池没电"),
        (4 * YEAR_MS, "doctor.clock_ahead", "比已有的记录晚得太多", "请校准时间再办件"),
    ],
)
def test_every_page_tells_of_a_clock_that_cannot_be_right(
    counter: Counter, clock: FakeClock, off_ms: int, code: str, words: str, next_step: str
) -> None:
    desk = counter.desk("C1")
    case = received(desk, "准点的人")
    pages = ("/", f"/case/{case}", f"/receive/{PERMIT}", "/more", "/safe", "/board", "/safe/line", "/none")
    for path in pages:
        assert WORDS not in desk.get(path).text, path
    clock.wall_ms += off_ms
    assert told_by_doctor(counter, clock) == code
    for path in pages:
        page = desk.get(path).text
        assert WORDS in page and words in page and next_step in page, path
    # Whoever is about to sign in reads it as well.
    assert WORDS in Desk(counter.port).get("/sign-in").text
    clock.wall_ms -= off_ms
    assert told_by_doctor(counter, clock) == "doctor.clock"
    assert WORDS not in desk.get("/").text


def test_an_act_under_a_wrong_clock_makes_the_right_one_no_doubtful_one(
    counter: Counter, clock: FakeClock
) -> None:
    desk, right_ms = counter.desk("C1"), clock.wall_ms
    clock.wall_ms += 4 * YEAR_MS
    received(desk, "快钟的人")
    assert WORDS in desk.get("/").text
    clock.wall_ms = right_ms + HOUR_MS
    assert WORDS not in desk.get("/").text and told_by_doctor(counter, clock) == "doctor.clock"


@pytest.mark.parametrize("off_ms", [-2 * HOUR_MS, -50 * YEAR_MS, 4 * YEAR_MS])
def test_the_hall_screen_tells_staff_and_nothing_of_people(
    counter: Counter, clock: FakeClock, off_ms: int
) -> None:
    case = received(counter.desk("C1"), "墙上没有的人")
    wall = Desk(counter.port)
    before = wall.get("/hall")
    assert (before.status, HALL_WORDS in before.text) == (200, False)
    clock.wall_ms += off_ms
    after = wall.get("/hall")
    assert after.status == 200
    # It is renewed with the screen: what the wall's script takes over lies in the page's main part.
    assert HALL_WORDS in after.text.partition("<main>")[2].partition("</main>")[0]
    for page in (before.text, after.text):
        assert "墙上没有的人" not in page and case not in page and "工C1" not in page


@pytest.mark.layer("browser")
def test_the_hall_screens_doubt_is_read_from_afar(
    counter: Counter, clock: FakeClock, chromium_browser: Browser
) -> None:
    clock.wall_ms -= 2 * HOUR_MS
    tab = chromium_browser.new_page(viewport={"width": 1366, "height": 768})
    tab.goto(f"http://127.0.0.1:{counter.port}/hall")
    told = tab.get_by_text(HALL_WORDS)
    size = told.evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
    rows = tab.locator(".hall main h2").first.evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
    assert size >= 1.2 * rows and size >= 32
    box = told.bounding_box()
    assert box and box["y"] + box["height"] <= 768
    tab.close()


@pytest.mark.layer("browser")
def test_an_open_page_hears_of_the_clock(
    counter: Counter, clock: FakeClock, chromium_browser: Browser
) -> None:
    _, tab = seated(chromium_browser, counter)
    tab.goto("/more")
    tab.locator("#safety[data-listening]").wait_for()
    clock.wall_ms -= 2 * HOUR_MS
    tab.get_by_text(WORDS).wait_for()
    clock.wall_ms += 2 * HOUR_MS
    tab.get_by_text(WORDS).wait_for(state="detached")
    tab.context.close()
