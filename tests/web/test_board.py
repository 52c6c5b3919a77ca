"""The board of stations: who was not heard for a while is not called well."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ledger.facade.base.peers import BY_STICK
from ledger.facade.peering.board import BoardLine
from ledger.lawtime import DAY_MS, HOUR_MS, MINUTE_MS
from ledger.types import StationId
from stations.texts import Say
from stations.web.overview.county import quiet_after_ms, station_line
from stations.words.moments import span
from tests.web.desk import Desk
from tests.web.offices import COUNTY, OTHER_VILLAGE, TOWNSHIP, VILLAGE, Office, found

if TYPE_CHECKING:
    from pathlib import Path

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
        (0, "ok"), (2 * MINUTE_MS, "ok"), (150_000 - 1, "ok"), (150_000, "quiet"), (23 * HOUR_MS, "quiet"),
        (DAY_MS, "look"), (3 * DAY_MS, "bad"),
    ],
)  # fmt: skip
def test_a_station_without_a_word_is_quiet_then_silent(ago_ms: int, grade: str):
    line = station_line(_line(ago_ms), own=False, now_ms=NOW_MS, quiet_ms=quiet_after_ms(60, relayed=False))
    assert (line.grade, line.ago_ms, line.silent_days) == (grade, ago_ms, ago_ms // DAY_MS)
    assert line.quiet == (grade != "ok")


def test_what_waits_is_told_before_the_quiet_and_a_stick_is_never_quiet():
    quiet_ms = quiet_after_ms(60, relayed=False)
    waits = station_line(_line(HOUR_MS, waiting=3), own=False, now_ms=NOW_MS, quiet_ms=quiet_ms)
    stick = station_line(_line(HOUR_MS, via=BY_STICK), own=False, now_ms=NOW_MS, quiet_ms=quiet_ms)
    photos = replace(_line(0), attachments=2)
    assert station_line(photos, own=False, now_ms=NOW_MS, quiet_ms=quiet_ms).grade == "look"
    own = station_line(_line(HOUR_MS), own=True, now_ms=NOW_MS, quiet_ms=quiet_ms)
    for days, grade in ((9, "ok"), (10, "look"), (19, "look"), (20, "bad")):
        late = station_line(_line(days * DAY_MS, via=BY_STICK), own=False, now_ms=NOW_MS, quiet_ms=quiet_ms)
        assert (late.grade, late.silent_days, late.silent) == (grade, days, grade != "ok")
    assert (waits.grade, stick.grade, own.grade, own.ago_ms) == ("look", "ok", "ok", -1)
    assert (waits.quiet, stick.quiet, own.quiet) == (True, False, False)


@pytest.mark.parametrize("interval_s", [1, 60, 120, 3600, 86_400])
def test_two_words_that_did_not_come_are_told_whatever_the_interval(interval_s: int):
    here_ms = quiet_after_ms(interval_s, relayed=False)
    between_ms = quiet_after_ms(interval_s, relayed=True)
    # After the second that was due; one more where a station between tells it.
    assert 2 * interval_s * 1000 < here_ms <= 2 * interval_s * 1000 + 30_000
    assert here_ms + interval_s * 1000 < between_ms <= here_ms + interval_s * 1000 + 15_000


async def test_the_board_says_since_when_a_station_that_died_is_quiet(tmp_path: Path):
    offices = found(tmp_path, settings={"sync_interval_s": 1})
    county, township = offices[COUNTY], offices[TOWNSHIP]
    try:
        for office in (county, township):
            office.start()
        township.run("sync", "now")
        async with Desk(county) as desk:
            await desk.sign_in("C001")
            fresh = await _graded(desk, "ok")
            assert "起没有消息" not in fresh, fresh
            township.kill()
            later = await _graded(desk, "quiet")
            heard = re.search(r"<td>(\d[^<]+)<br><small>", later)
            assert heard is not None and f"自 {heard[1]} 起没有消息" in later, later
    finally:
        for office in (township, county):
            office.stop()


async def _graded(desk: Desk, grade: str) -> str:
    """Return the township's line of the board once it has a grade."""
    for _ in range(600):
        page = (await desk.get("/board")).text
        row = next(row for row in page.split("<tr ") if f"<small>{TOWNSHIP}</small>" in row)
        if f"grade-{grade}" in row:
            return row
        await asyncio.sleep(0.2)
    raise AssertionError(f"never {grade}: {row}")


async def test_the_page_says_how_long_ago_a_station_was_heard(trio: dict[str, Office]):
    async with Desk(trio[COUNTY]) as desk:
        await desk.sign_in("C001")
        page = await desk.get("/board")
    row = page.text.partition(TOWNSHIP)[2].partition("</tr>")[0]
    assert re.search(r"<small>(刚刚|\d+ (分钟|小时)前)</small>", row), row
    assert "「安静」" in page.text and 'data-again="60"' in page.text


async def test_the_board_shows_no_station_that_is_not_open_to_the_person(hall: Office):
    async with Desk(hall) as clerk, Desk(hall) as head:
        await clerk.sign_in("V001")
        await head.sign_in("C001")
        for path in ("/board", "/api/v1/board"):
            hers, all_of_them = (await clerk.get(path)).text, (await head.get(path)).text
            assert VILLAGE in hers and not any(one in hers for one in (COUNTY, TOWNSHIP, OTHER_VILLAGE))
            assert all(one in all_of_them for one in (COUNTY, TOWNSHIP, VILLAGE, OTHER_VILLAGE))


def test_how_far_a_clock_is_off_is_told_in_a_unit_that_says_it():
    words = [
        span(Say(language="zh"), off_ms) for off_ms in (40 * MINUTE_MS, -HOUR_MS, 25 * HOUR_MS, 3 * DAY_MS)
    ]
    assert words == ["40 分钟", "1 小时", "1 天", "3 天"]
