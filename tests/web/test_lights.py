"""The page of red and yellow lights: what is chosen is what the sheet has."""

from __future__ import annotations

import re
from pathlib import Path

from ledger.facade import Ledger
from tests.facade.counter import Dice, FakeClock, found_county, receive
from tests.web.counterdesk import keys, serving

AT_ONCE = "990100200002"
"""To be received and handed back on the day; the limit of acceptance is days away."""
DAY_MS = 86_400_000


def test_the_chosen_light_is_marked_and_goes_into_the_sheet(tmp_path: Path) -> None:
    with serving(tmp_path / "county") as counter:
        desk = counter.desk("C1")
        for light in ("", "red", "yellow"):
            page = desk.get(f"/lights?light={light}" if light else "/lights")
            assert page.status == 200 and "Macro" not in page.text
            assert re.search(rf'href="/lights\?light={light}&(amp;)?format=xlsx"', page.text)
            chosen = re.findall(r'class=" small" href="([^"]*)"', page.text)
            assert chosen == [f"/lights?light={light}" if light else "/lights"]
        assert desk.get("/lights?light=red&format=xlsx").raw[:2] == b"PK"


def test_a_row_shows_first_why_it_is_red(tmp_path: Path) -> None:
    folder, clock = tmp_path / "county", FakeClock()
    found_county(folder, clock)
    keys(folder)
    with Ledger.open(folder, clock=clock, randomness=Dice("lights"), write=True) as ledger:
        case = receive(ledger, "C1", AT_ONCE).case_id
        clock.wall_ms += 4 * DAY_MS
        readings = ledger.case(case, now_ms=clock.wall_ms).clocks
        urgent = [one.light for one in readings if one.light in ("red", "yellow")]
        assert urgent == ["yellow", "red"], "the order that misled"
    with serving(folder, clock=clock) as counter:
        page = counter.desk("C1").get("/lights")
    row = page.text.partition(f'href="/case/{case.hex()}"')[2].partition("</tr>")[0]
    shown = row.partition("<summary>")[2].partition("</summary>")[0]
    assert "红" in shown and "黄" not in shown, shown
