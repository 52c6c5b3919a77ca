"""A training ledger never syncs, and no page says that anything waits for a station above."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.facade.counter import COUNTY, PERMIT, TOWNSHIP, FakeClock, found_county
from tests.web.counterdesk import Counter, keys, serving
from tests.web.test_actions import received

NEVER = "演练台账从不报送"


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    folder, clock = tmp_path_factory.mktemp("drill") / "county", FakeClock()
    found_county(folder, clock, purpose="training")
    keys(folder)
    with serving(folder, clock=clock) as one:
        yield one


def test_nothing_waits_for_anybody_in_a_training_ledger(counter: Counter) -> None:
    desk = counter.desk("V1")
    case = received(desk, "练习的人", item="990102800028", **{"f.materials": "m01"})
    for path in ("/", f"/case/{case}", "/safe", "/safe/line", "/board", f"/receive/{PERMIT}"):
        page = desk.get(path).text
        assert NEVER in page, path
        assert "还差" not in page and "还没有与上级联系过" not in page and "已全收" not in page, path
    safe = desk.get("/safe").text
    assert 'action="/safe/sync"' not in safe and "已存本机" in safe and "没有哪一级会来收" in safe
    # What programs read stays as it is: they ask whether it is a training ledger.
    told = json.loads(desk.get("/api/v1/safety").raw)
    assert {one["station"]: one["waiting"] > 0 for one in told["levels"]} == {TOWNSHIP: True, COUNTY: True}
    assert json.loads(desk.get("/api/v1/session").raw)["training"] is True


def test_no_station_of_a_training_ledger_is_missed(counter: Counter) -> None:
    board = counter.desk("C1").get("/board").text.partition("<tbody>")[2].partition("</tbody>")[0]
    assert board.count("本站") >= 6 and "light-red" not in board and "light-yellow" not in board


def test_a_real_ledger_still_says_what_waits(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("real") / "county") as real:
        desk = real.desk("V1")
        page = desk.get("/safe").text
        assert NEVER not in page and "还差" in page and 'action="/safe/sync"' in page
