"""The day on which a late entry says that it was typed: what its own log and the station above say of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from audit.reading.findings import Finding
from ledger.facade import Command, Home
from ledger.types import Facts, StationId
from tests.audit.test_kept import forged
from tests.sync.world import COUNTY, START_MS, TOWN, VILLAGE, World, settled

CODE = "time.entered_before"
DAY_MS = 86_400_000


def told(folder: Path) -> Sequence[Finding]:
    report = verify_ledger(folder)
    assert report.ok, report.findings
    return [one for one in report.findings if one.code == CODE]


@pytest.mark.parametrize(("entered", "days"), [("2020-01-01", True), ("2199-12-31", False), ("", False)])
def test_a_day_before_that_of_the_log_is_told(copy: Path, entered: str, days: bool) -> None:
    # Given acts whose author signed another day of typing than the log recorded, or none,
    late: Facts = {"paper_no": "乡 0042", "reason": "power", **({"entered_on": entered} if entered else {})}
    forged(Home(copy), facts={"late_entry": late}, late_ms=72 * 3_600_000)
    # then only one that lies before is told, as a notice, with both days.
    found = told(copy)
    assert [(one.severity, one.params["entered"]) for one in found] == ([("notice", entered)] if days else [])


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a county whose village received a case and was heard ten days later."""
    world = World.after(settled(TOWN, VILLAGE), tmp_path)
    world.receive(VILLAGE)
    for station in (VILLAGE, TOWN, COUNTY):
        world[station].clock.time_ms = START_MS + 10 * DAY_MS
    world.settle(VILLAGE, TOWN)
    return world


def enter_late(world: World, *, clock_ms: int) -> None:
    """Enter a note of the second day late, on a clock that may be set back."""
    world[VILLAGE].clock.time_ms = clock_ms
    (case_id,) = (line.case_id for line in world[VILLAGE].ledger.worklist(station=VILLAGE))
    late: Facts = {"paper_no": "7", "reason": "power"}
    command = Command(
        action="note", station=VILLAGE, case=case_id, facts={"note_code": "x", "late_entry": late},
        occurred_at_ms=START_MS + DAY_MS,
    )  # fmt: skip
    world[VILLAGE].ledger.perform(command, world.key(VILLAGE, "window"))


def found_after(world: World) -> dict[StationId, list[tuple[object, object]]]:
    world.settle(VILLAGE, TOWN)
    for station in (VILLAGE, TOWN, COUNTY):
        world[station].close()
    return {
        station: [(one.params["entered"], one.params["known"]) for one in told(world[station].path)]
        for station in (VILLAGE, TOWN, COUNTY)
    }


def test_a_station_that_sets_its_clock_back_is_given_away_by_the_receipts(world: World) -> None:
    # Given a village that set its clock back to the second day after it was heard on the tenth,
    enter_late(world, clock_ms=START_MS + DAY_MS)
    # when it enters something late, then every file in which the receipts lie says so.
    found = found_after(world)
    assert found[VILLAGE] == found[TOWN] == [("2026-03-03", "2026-03-12")]


def test_an_honest_late_entry_is_not_given_away(world: World) -> None:
    enter_late(world, clock_ms=START_MS + 11 * DAY_MS)
    assert not any(found_after(world).values())
