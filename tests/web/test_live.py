"""Server-sent events: an open page hears of acts and of sync, and keeps no browser unlocked by listening."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import pytest
from aiohttp import ClientResponse

from ledger.facade import Home
from ledger.facade.base.clock import SystemClock
from stations.serving.ledgerthread import LedgerThread
from stations.web.access import Access
from stations.web.live import Pulse, stream
from tests.web.desk import Desk
from tests.web.offices import Office
from tests.web.seat import ALLOWANCE, take_seat

if TYPE_CHECKING:
    from playwright.sync_api import Browser

T = TypeVar("T")
WAIT_S = 15


@pytest.fixture
def hasty(hall: Office) -> Iterator[Office]:
    """The installation, locking its browsers after two seconds."""
    hall.stop()
    hall.write_settings(lock_after_s=2)
    hall.start()
    yield hall
    hall.stop()
    hall.write_settings(lock_after_s=600)
    hall.start()


async def _names(answer: ClientResponse, until: str) -> list[str]:
    """Return the events of a stream up to one of a name."""
    names: list[str] = []
    async with asyncio.timeout(WAIT_S):
        async for line in answer.content:
            if line.startswith(b"event: "):
                names.append(line[7:].decode().strip())
                if names[-1] == until:
                    return names
    return names


async def test_an_act_is_heard_at_another_desk(hall: Office):
    async with Desk(hall) as listening, Desk(hall) as acting:
        await listening.sign_in("T001")
        await acting.sign_in("V001")
        async with listening.session.get(hall.base + "/events") as stream:
            assert stream.content_type == "text/event-stream"
            assert stream.headers["Content-Security-Policy"] and stream.headers["Cache-Control"] == "no-store"
            await asyncio.sleep(1.5)
            assert (await acting.receive(ALLOWANCE, "张三", **{"f.materials": "m01"})).status == 303
            assert "safety" in await _names(stream, "acts")


async def test_nobody_listens_without_signing_in(hall: Office):
    async with Desk(hall) as desk:
        assert (await desk.get("/events")).status == 303
        listening = await desk.get("/events", headers={"Accept": "text/event-stream"})
        assert listening.status == 204, "a browser stops asking"


async def test_a_piece_of_a_page_never_shows_the_page_of_signing_in(hall: Office):
    async with Desk(hall) as desk:
        desk.word = (await desk.get("/sign-in")).word
        hx = {"HX-Request": "true", "HX-Current-URL": f"{hall.base}/find?q=x"}
        line = await desk.get("/safe/line", headers={**hx, "X-Banjian-Live": "1"})
        assert (line.status, line.text) == (204, "")
        found = await desk.get("/find?q=x", headers=hx)
        assert (found.text, found.headers["HX-Redirect"]) == ("", "/sign-in?next=/find")
        away = await desk.get("/find?q=x", headers={**hx, "HX-Current-URL": "x//evil.example"})
        assert away.headers["HX-Redirect"] == "/sign-in?next=/"
        kept = await desk.post(f"/receive/{ALLOWANCE}/draft", {"text": "x"}, headers=hx)
        assert kept.code == "web.signed_out" and "<html" not in kept.text


async def test_signing_out_and_locking_end_the_stream(hall: Office):
    for path in ("/lock", "/sign-out"):
        async with Desk(hall) as desk:
            await desk.sign_in("V001")
            async with desk.session.get(hall.base + "/events") as stream:
                await desk.post(path)
                assert (await _names(stream, "locked"))[-1:] == ["locked"]
                assert await stream.content.read() in (b"", b"data:\n\n")


async def test_listening_and_asking_by_itself_keep_no_browser_unlocked(hasty: Office):
    async with Desk(hasty) as desk:
        await desk.sign_in("V001")
        async with desk.session.get(hasty.base + "/events") as stream:
            asked = 0
            until = time.monotonic() + 1.5
            while time.monotonic() < until:
                answer = await desk.get("/safe/line", headers={"X-Banjian-Live": "1"})
                asked += answer.status == 200
                await asyncio.sleep(0.2)
            assert asked
            assert (await _names(stream, "locked"))[-1:] == ["locked"]
        assert (await desk.get("/cases")).status == 303


async def test_an_open_stream_does_not_hold_up_the_end(hall: Office):
    async with Desk(hall) as desk:
        await desk.sign_in("V001")
        async with desk.session.get(hall.base + "/events") as stream:
            await stream.content.readline()
            await asyncio.to_thread(hall.stop)
            async with asyncio.timeout(WAIT_S):
                await stream.content.read()
    hall.start()


@pytest.mark.layer("browser")
def test_an_open_list_is_made_anew_and_locked_pages_go_away(hall: Office, chromium_browser: Browser):
    township = take_seat(chromium_browser, hall)
    township.begin_as("T001")
    township.go("/")
    township.page.locator("#safety[data-listening]").wait_for()
    village = take_seat(chromium_browser, hall)
    village.begin_as("V001")
    case = village.receive("李四")
    village.act(case, "hand_over", to="990121001000-00")
    township.page.locator(f'main a[href="/case/{case}"]').wait_for()
    # Locked in another tab, the list leaves the screen.
    township.page.evaluate(
        "() => fetch('/lock', {method: 'POST', body: new URLSearchParams(new FormData("
        "document.querySelector('form[action=\"/lock\"]')))})"
    )
    township.page.wait_for_url("**/sign-in**")
    assert township.problems == []
    township.context.close()
    village.context.close()


@pytest.mark.layer("browser")
def test_the_line_of_safety_follows_events_and_without_them_asks_now_and_then(
    hall: Office, chromium_browser: Browser
):
    acting = take_seat(chromium_browser, hall)
    acting.begin_as("V001")
    listening = take_seat(chromium_browser, hall)
    listening.begin_as("T001")
    listening.go("/")
    listening.page.locator("#safety[data-listening]").wait_for()
    listening.page.wait_for_timeout(1_200)
    with listening.page.expect_request("**/safe/line", timeout=15_000) as asked:
        acting.receive("王五")
    assert asked.value.headers["x-banjian-live"] == "1", "it must not keep the browser unlocked"
    # Without events the page asks by the clock.
    deaf = take_seat(chromium_browser, hall)
    deaf.page.clock.install()
    deaf.context.route("**/events", lambda route: route.abort())
    deaf.sign_in("T001")
    deaf.page.wait_for_timeout(300)
    with deaf.page.expect_request("**/safe/line", timeout=15_000):
        deaf.page.clock.run_for(21_000)
    for seat in (acting, listening, deaf):
        seat.context.close()


LOCK = (
    "() => fetch('/lock', {method: 'POST', body: new URLSearchParams(new FormData("
    "document.querySelector('form[action=\"/lock\"]')))})"
)
SEEN = (
    "(seen) => { Object.defineProperty(document, 'hidden', {configurable: true, get: () => !seen});"
    " document.dispatchEvent(new Event('visibilitychange')); }"
)


@pytest.mark.layer("browser")
def test_a_page_with_forms_in_which_nobody_types_goes_away_as_well(hall: Office, chromium_browser: Browser):
    seat = take_seat(chromium_browser, hall)
    seat.begin_as("V001")
    case = seat.receive("李四")
    page, behind = seat.page, seat.context.new_page()
    behind.goto(f"{hall.base}/case/{case}")
    behind.evaluate(SEEN, False)
    page.goto(f"{hall.base}/case/{case}")
    assert page.locator("main form[data-once]").count()
    page.locator("#safety[data-listening]").wait_for()
    page.evaluate(LOCK)
    page.wait_for_url("**/sign-in**")
    # What lay behind heard nothing; it looks when it is seen again.
    assert behind.url.endswith(f"/case/{case}")
    behind.evaluate(SEEN, True)
    behind.wait_for_url("**/sign-in**")
    seat.context.close()


@pytest.mark.layer("browser")
def test_the_line_of_safety_says_that_the_station_is_gone(hall: Office, chromium_browser: Browser):
    seat = take_seat(chromium_browser, hall)
    seat.begin_as("V001")
    seat.go("/")
    seat.page.locator("#safety[data-listening]").wait_for()
    assert seat.page.locator("#safety-gone").count() == 0
    hall.stop()
    try:
        seat.page.locator("#safety-gone").wait_for()
    finally:
        hall.start()
    seat.context.close()


def _aside(story: Coroutine[None, None, T]) -> T:
    """Run a story on a loop of its own: the browser's may be running on this thread."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(asyncio.run, story).result()


def test_a_page_whose_person_is_gone_ends_however_much_news_comes():
    sent: list[bytes] = []
    looks = iter((False, True))

    async def story() -> None:
        queue: asyncio.Queue[str] = asyncio.Queue()

        async def write(data: bytes) -> None:
            sent.append(data)
            await asyncio.sleep(0.01)
            queue.put_nowait("acts")

        async def is_over() -> bool:
            return next(looks)

        async with asyncio.timeout(WAIT_S):
            await stream(queue, write, is_over)

    _aside(story())
    assert sent[-1] == b"event: locked\ndata:\n\n" and sent.count(b"event: acts\ndata:\n\n") > 2


def test_the_end_of_the_site_reaches_who_is_far_behind(hall: Office):
    async def story() -> list[str]:
        access = Access(
            LedgerThread(), Home(hall.folder), clock=SystemClock(), randomness=os.urandom, station=None
        )
        pulse = Pulse(access)
        behind = pulse.listen()
        while not behind.full():
            behind.put_nowait("acts")
        await pulse.stop()
        await access.close()
        return [behind.get_nowait() for _ in range(behind.qsize())]

    *before, last = _aside(story())
    assert last == "" and set(before) == {"acts"}
