"""The head of the log cannot be signed for a slip: the receipt is safe, and is not told as failed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from ledger.facade import Home
from tests.facade.counter import FELLING
from tests.web.counterdesk import serving


def test_a_receipt_is_no_failure_because_its_slip_has_no_signed_head(tmp_path: Path) -> None:
    with serving(tmp_path / "county") as counter:
        desk = counter.desk("V1")
        path = f"/receive/{FELLING}"
        form = {"once": desk.get(path).field("once"), "applicant.name": "洪有人改"}
        place = Home(counter.folder).sentinel_dir
        place.rename(aside := place.with_name("aside"))
        place.touch()  # nothing can be written there, whoever one is
        answers = [desk.post(path, form) for _ in range(2)]
        body = {"item": FELLING, "applicant": {"name": "洪有人改"}, "once": "program"}
        told = [desk.call("/api/v1/receive", body) for _ in range(2)]
        place.unlink()
        aside.rename(place)
        assert [(one.status, one.code) for one in answers] == [(200, "")] * 2
        assert "洪有人改" in answers[0].text and "评价码" in answers[0].text
        assert [one.status for one in told] == [200, 200] and told[0].raw == told[1].raw
        done = json.loads(told[0].raw)
        assert done["token"] and done["checkpoint"] == ""
        with closing(sqlite3.connect(counter.folder / "ledger.db")) as connection:
            (count,) = connection.execute("SELECT count(*) FROM acts WHERE action = 'receive'").fetchone()
        assert count == 2
