"""What a clerk of two villages typed for one of them is no draft of the other."""

from __future__ import annotations

from pathlib import Path

from ledger import registry_actions
from ledger.facade import Home, Ledger
from ledger.facade.clock import SystemClock
from ledger.types import StationId
from stations.county.people import REGISTRAR_NO, signer_of
from tests.web.desk import Desk
from tests.web.offices import COUNTY, OTHER_VILLAGE, SEED, VILLAGE, found_hall
from tests.web.seat import ALLOWANCE

PATH = f"/receive/{ALLOWANCE}"


async def test_each_station_has_its_own_draft(tmp_path: Path):
    hall = found_hall(tmp_path)
    with Ledger.open(Home(hall.folder), clock=SystemClock(), write=True, station=StationId(COUNTY)) as ledger:
        role = registry_actions.grant_role(staff_no="V003", role="window", scope=StationId(OTHER_VILLAGE))
        ledger.register("grant_role", role, signer_of(REGISTRAR_NO, seed=SEED))
    hall.start()
    try:
        async with Desk(hall) as desk:
            await desk.sign_in("V003")
            seen = {}
            for station in (VILLAGE, OTHER_VILLAGE):
                await desk.get(PATH)
                await desk.post("/station", {"station": station, "next": PATH})
                page = await desk.get(PATH)
                before, desk.word = page.text, page.word
                kept = await desk.post(f"{PATH}/draft", {"applicant.name": f"草稿{station[-5:]}"})
                assert kept.status == 200, (station, kept.code)
                seen[station] = (before, (await desk.get(PATH)).text)
        assert "草稿" not in seen[VILLAGE][0] and f"草稿{VILLAGE[-5:]}" in seen[VILLAGE][1]
        assert f"草稿{VILLAGE[-5:]}" not in seen[OTHER_VILLAGE][0]
        assert f"草稿{OTHER_VILLAGE[-5:]}" in seen[OTHER_VILLAGE][1]
    finally:
        hall.stop()
