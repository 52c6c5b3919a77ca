"""The page of red and yellow lights: what is chosen is what the sheet has."""

from __future__ import annotations

import re
from pathlib import Path

from tests.web.counterdesk import serving


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
