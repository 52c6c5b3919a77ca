"""The timeline says when each act reached this station, the township and the county, by their receipts."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import TYPE_CHECKING

from tests.web.desk import Desk
from tests.web.offices import COUNTY, TOWNSHIP, VILLAGE, Office
from tests.web.seat import ALLOWANCE

if TYPE_CHECKING:
    from collections.abc import Mapping

MINUTE_MS = 60_000


async def _reached(office: Office, staff_no: str, case: str) -> tuple[str, list[dict[str, object]]]:
    """Return what a page and a program are told of when the receipt reached whom."""
    async with Desk(office) as desk:
        await desk.sign_in(staff_no)
        page = (await desk.get(f"/case/{case}")).text
        steps = json.loads((await desk.get(f"/api/v1/case/{case}")).text)["steps"]
    line = re.search(r'class="reached">([^<]*)<', page.partition('class="timeline"')[2])
    return line[1] if line else "", steps[0]["reached"]


async def test_the_timeline_says_when_an_act_reached_whom(trio: Mapping[str, Office]) -> None:
    village, township, county = (trio[station] for station in (VILLAGE, TOWNSHIP, COUNTY))
    before_ms = time.time_ns() // 1_000_000 - 1_000
    async with Desk(village) as desk:
        await desk.sign_in("V001")
        case = (await desk.receive(ALLOWANCE, "何时到")).where.split("/")[2]
    for office in (village, township, village):
        await asyncio.to_thread(office.run, "sync", "now")
    told = {
        VILLAGE: await _reached(village, "V001", case),
        TOWNSHIP: await _reached(township, "T003", case),
        COUNTY: await _reached(county, "C001", case),
    }
    levels = {place: [one["level"] for one in found] for place, (_, found) in told.items()}
    assert levels == {VILLAGE: ["township", "county"], TOWNSHIP: ["here", "county"], COUNTY: ["here"]}
    times = {(place, one["level"]): one["at_ms"] for place, (_, found) in told.items() for one in found}
    assert times[VILLAGE, "township"] == times[TOWNSHIP, "here"]
    assert times[VILLAGE, "county"] == times[TOWNSHIP, "county"] == times[COUNTY, "here"]
    assert all(before_ms <= int(str(at_ms)) <= before_ms + 5 * MINUTE_MS for at_ms in times.values())
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d"
    for place, words in (
        (VILLAGE, rf"乡镇收到 {moment} · 县收到 {moment}"),
        (TOWNSHIP, rf"本站收到 {moment} · 县收到 {moment}"),
        (COUNTY, rf"本站收到 {moment}"),
    ):
        assert re.fullmatch(words, told[place][0]), told[place][0]


async def test_nothing_is_said_of_an_act_that_nobody_has_confirmed(trio: Mapping[str, Office]) -> None:
    township = trio[TOWNSHIP]
    async with Desk(township) as desk:
        await desk.sign_in("T001")
        trio[COUNTY].kill()
        try:
            case = (await desk.receive(ALLOWANCE, "还没到")).where.split("/")[2]
            assert await _reached(township, "T003", case) == ("", [])
        finally:
            trio[COUNTY].start()
