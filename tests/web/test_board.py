"""The board of stations: who was not heard for a while is not called well."""

from __future__ import annotations

import re

import pytest

from ledger.facade.board import BoardLine
from ledger.facade.peers import BY_STICK
from ledger.types import StationId
from stations.web.overview.county import DAY_MS, HOUR_MS, MINUTE_MS, quiet_after_ms, station_line
from tests.web.desk import Desk
from tests.web.offices import COUNTY, TOWNSHIP, Office

NOW_MS = 1_800_000_000_000


def _line(ago_ms: int, *, via: str = TOWNSHIP, waiting: int = 0) -> BoardLine:
    heard_at_ms = NOW_MS - ago_ms
    return BoardLine(
        station=StationId(TOWNSHIP), name="城关镇", level="township", upstream=COUNTY, is_open=True,
        entries=1, logs=1, complete_at_ms=heard_at_ms, last_entry_ms=heard_at_ms, heard_at_ms=heard_at_ms,
        via=via, waiting=waiting, oldest_ms=0, clock_off_ms=0, version="", forked=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ago_ms", "grade"),
    [
        (0, "ok"), (9 * MINUTE_MS, "ok"), (10 * MINUTE_MS, "quiet"), (23 * HOUR_MS, "quiet"),
        (DAY_MS, "look"), (3 * DAY_MS, "bad"),
    ],
)  # fmt: skip
def test_a_station_without_a_word_is_quiet_then_silent(ago_ms: int, grade: str):
    found = station_line(_line(ago_ms), own=False, now_ms=NOW_MS, quiet_ms=quiet_after_ms(60))
    assert (found.grade, found.ago_ms, found.silent_days) == (grade, ago_ms, ago_ms // DAY_MS)


def test_what_waits_is_told_before_the_quiet_and_a_stick_is_never_quiet():
    quiet_ms = quiet_after_ms(60)
    waits = station_line(_line(HOUR_MS, waiting=3), own=False, now_ms=NOW_MS, quiet_ms=quiet_ms)
    stick = station_line(_line(HOUR_MS, via=BY_STICK), own=False, now_ms=NOW_MS, quiet_ms=quiet_ms)
    own = station_line(_line(HOUR_MS), own=True, now_ms=NOW_MS, quiet_ms=quiet_ms)
    assert (waits.grade, stick.grade, own.grade, own.ago_ms) == ("look", "ok", "ok", -1)


@pytest.mark.parametrize(("interval_s", "minutes"), [(1, 10), (60, 10), (120, 20), (3600, 60), (86_400, 60)])
def test_the_usual_interval_says_what_a_while_is(interval_s: int, minutes: int):
    assert quiet_after_ms(interval_s) == minutes * MINUTE_MS


async def test_the_page_says_how_long_ago_a_station_was_heard(trio: dict[str, Office]):
    async with Desk(trio[COUNTY]) as desk:
        await desk.sign_in("C001")
        page = await desk.get("/board")
    row = page.text.partition(TOWNSHIP)[2].partition("</tr>")[0]
    assert re.search(r"<small>(刚刚|\d+ (分钟|小时)前)</small>", row), row
    assert "「安静」" in page.text
