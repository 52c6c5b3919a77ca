"""Figures by month say which cases are in none of them, because a station's clock was wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from ledger.facade.peering.between import mistimed, months
from stations.config import write_config
from tests.cli.conftest import Terminal
from tests.sync.test_status import StationClock
from tests.sync.world import COUNTY, START_MS, TOWN, VILLAGE, World, settled

FIRST, AFTER = date(2026, 3, 1), date(2026, 4, 1)
YEAR_MS = 366 * 86_400_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("off_ms", [-26 * YEAR_MS, 30 * YEAR_MS])
def test_cases_of_a_wrong_clock_are_in_no_month_and_are_told(world: World, off_ms: int) -> None:
    world.receive(VILLAGE)
    clock = world[VILLAGE].clock
    # Nobody sets the clock that counts since the machine was started.
    clock.monotonic_ms = lambda: 10**9  # type: ignore[method-assign]
    clock.time_ms += off_ms
    world.receive(VILLAGE, applicant="李四")
    world.settle(VILLAGE, TOWN)
    ledger, now_ms = world[COUNTY].ledger, world[COUNTY].clock.time_ms
    counted = months(ledger, first=FIRST, after_last=AFTER, now_ms=now_ms)
    assert sum(one.received for one in counted) == 1
    assert mistimed(ledger, first=FIRST, after_last=AFTER, now_ms=now_ms) == {VILLAGE: 1}
    assert mistimed(ledger, first=FIRST, after_last=AFTER, now_ms=now_ms, station=TOWN) == {}
    first, after = date(1990, 1, 1), date(2070, 1, 1)
    assert sum(one.received for one in months(ledger, first=first, after_last=after, now_ms=now_ms)) == 2
    assert mistimed(ledger, first=first, after_last=after, now_ms=now_ms) == {}
    place = world[COUNTY]
    place.close()
    write_config(place.path, station=COUNTY, upstream=())
    terminal = Terminal(folder=place.path, clock=StationClock(now_ms))
    asked = ("monthly", "--since", "2026-03-01", "--until", "2026-03-31")
    assert "1 件没有计入" in terminal.ok(*asked).out and VILLAGE in terminal.ok(*asked).out
    assert terminal.ok(*asked, "--json").json["mistimed"] == {VILLAGE: 1}


def test_work_under_right_clocks_is_all_counted(world: World) -> None:
    world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    ledger = world[COUNTY].ledger
    assert mistimed(ledger, first=date(2026, 4, 1), after_last=date(2026, 5, 1), now_ms=START_MS) == {}
