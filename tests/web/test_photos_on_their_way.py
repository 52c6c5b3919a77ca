"""The line on every page says nothing is safe above while photos lie on this machine alone."""

from __future__ import annotations

import asyncio
import json
import os
import re
from typing import TYPE_CHECKING

from ledger.facade import Home, Ledger
from ledger.facade.base.clock import SystemClock
from ledger.facade.peering.between import attached_of
from ledger.types import StationId
from tests.web.desk import Desk
from tests.web.offices import COUNTY, TOWNSHIP, VILLAGE, Office, found
from tests.web.seat import ALLOWANCE

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_photo_on_this_machine_alone_is_told_on_every_page(tmp_path: Path):
    offices = found(tmp_path)
    county, township, village = (offices[station] for station in (COUNTY, TOWNSHIP, VILLAGE))
    try:
        for office in (county, township, village):
            office.start()
        for office in (township, village):
            office.run("sync", "now")
        async with Desk(village) as desk:
            await desk.sign_in("V001")
            photo = await _uploaded(desk)
            await desk.receive(ALLOWANCE, "照片在哪", attach=[photo])
        for office in (village, township, village):
            office.run("sync", "now")
        await _until_given(village, photo)
        safe = await _told(village)
        assert "县已全收" in safe and "✓ 记录全部收到，有回执。" in safe and "附件还差" not in safe
        assert "附件由乡镇接着往上传" in safe
        village.stop()
        township.stop()
        # As when the station above was put back and wants it again.
        with _opened(village) as ledger:
            attached_of(ledger).mark([bytes.fromhex(photo)], given=False)
        village.start()
        safe = await _told(village)
        assert "乡镇附件还差 1 个" in safe and "附件（照片、扫描件）还差 1 个" in safe
        assert "乡镇已全收" not in safe and "县已全收" not in safe and "safety-all" not in safe
        assert "附件还差 1 个" in village.run("sync", "status")
        level = json.loads(village.run("sync", "status", "--json"))["levels"][0]
        assert (level["waiting"], level["attachments"]) == (0, 1)
    finally:
        for office in (village, township, county):
            office.stop()


def _opened(office: Office, *, write: bool = True) -> Ledger:
    station = StationId(office.place.station)
    clock = SystemClock()
    return Ledger.open(Home(office.folder), clock=clock, randomness=os.urandom, write=write, station=station)


async def _uploaded(desk: Desk) -> str:
    raw = os.urandom(5_000)
    begun = json.loads((await desk.post("/attach", {"file": "林地.jpg", "size": str(len(raw))})).text)
    await desk.put(f"/attach/{begun['upload']}/0", raw)
    return str(json.loads((await desk.post(f"/attach/{begun['upload']}", {})).text)["hash"])


async def _until_given(village: Office, photo: str) -> None:
    for _ in range(200):
        level = json.loads(village.run("sync", "status", "--json"))["levels"][0]
        if not level["attachments"]:
            return
        await asyncio.sleep(0.2)
    raise AssertionError(photo)


async def _told(village: Office) -> str:
    async with Desk(village) as desk:
        await desk.sign_in("V001")
        page = (await desk.get("/safe")).text
    return re.sub(r"\s+", " ", page)
