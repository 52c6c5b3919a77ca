"""The page of a refused case: result, reasons, and what an amendment changed, as commands tell it."""

from __future__ import annotations

import json
from pathlib import Path

from ledger.facade import Ledger
from tests.facade.counter import Dice, FakeClock, act, found_county, receive
from tests.web.counterdesk import keys, serving


def test_the_page_tells_result_reasons_and_what_was_corrected(tmp_path: Path) -> None:
    folder, clock = tmp_path / "county", FakeClock()
    found_county(folder, clock)
    keys(folder)
    with Ledger.open(folder, clock=clock, randomness=Dice("refused"), write=True) as ledger:
        case = receive(ledger).case_id
        act(ledger, "C1", "accept", case)
        decided = act(
            ledger, "C1", "decide", case, result="refuse", reasons=["场所不符"],
            review_organ="误写的机关", court="溪山县人民法院",
        )  # fmt: skip
        changes = {"review_organ": "溪山县人民政府"}
        act(ledger, "C1", "amend", case, target=decided.act_id, reason="机关写错", changes=changes)
    with serving(folder, clock=clock) as counter:
        desk = counter.desk("C1")
        page = desk.get(f"/case/{case.hex()}").text
        head, _, timeline = page.partition('id="acts"')
        assert "<dt>结果</dt><dd><strong>不予</strong></dd>" in head
        ruling = "不予；理由：场所不符；行政复议：溪山县人民政府；行政诉讼：溪山县人民法院"
        assert f"<dt>决定</dt><dd>{ruling}</dd>" in head
        assert "误写的机关 → 溪山县人民政府" in timeline and "机关写错" in timeline
        told = json.loads(desk.get(f"/api/v1/case/{case.hex()}").raw)
        assert told["result"] == told["line"]["result"] == "不予"
        assert told["outcome"] == [["决定", ruling]]
        assert "已决定 · 不予" in desk.get("/find?q=" + told["line"]["number"]).text
