"""The page of a case of which a predecessor has not come here, or never will."""

from __future__ import annotations

from pathlib import Path

from ledger.facade import Home, Ledger
from tests.audit.forge import append_act, log_of
from tests.facade.counter import VILLAGE, Dice, FakeClock, found_county, receive, signer
from tests.web.counterdesk import keys, serving


def test_acts_that_wait_for_others_are_told(tmp_path: Path) -> None:
    folder, clock = tmp_path / "county", FakeClock()
    found_county(folder, clock)
    keys(folder)
    with Ledger.open(folder, clock=clock, randomness=Dice("received"), write=True) as ledger:
        case_id = receive(ledger).case_id
    with serving(folder, clock=clock) as counter:
        assert "前序未到" not in counter.desk("V1").get(f"/case/{case_id.hex()}").text
    append_act(
        Home(folder), log_of(folder, "station", VILLAGE), signer("V1"),
        action="note", facts={}, case_id=case_id, parents=(bytes(32),),
    )  # fmt: skip
    with serving(folder, clock=clock) as counter:
        page = counter.desk("C1").get(f"/case/{case_id.hex()}")
        assert page.status == 200 and "还有 1 条行为的前序未到" in page.text and "U 盘" in page.text
