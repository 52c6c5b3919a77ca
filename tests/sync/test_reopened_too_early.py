"""A county that reopens its registry before those below have come: what is lost is told, and no gate jams."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade.base.home import RESTORED_MARKER
from ledger.facade.peering.between import lost_by_reopening, mark_seen, stations_behind, sync_status
from ledger.registry import actions as registry_actions
from ledger.types import StationId
from stations.checkup.doctor import examine
from stations.config import StationConfig, write_config
from tests.cli.conftest import Terminal
from tests.second_reader.test_synced_ledgers import agreed
from tests.sync.test_county_put_back import a_lost_week
from tests.sync.test_forks import copy, put_back
from tests.sync.test_status import StationClock
from tests.sync.world import COUNTY, TOWN, TOWN_2, VILLAGE, World, settled, signer


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


def reopened(world: World) -> None:
    """Lose a week in which somebody was enrolled, and open the registry before anybody has brought it."""
    a_lost_week(world, "told")
    world[COUNTY].ledger.open_county_log("registry", COUNTY, signer("root 0"))


def test_the_other_logs_wait_for_the_townships_and_no_longer(world: World) -> None:
    """What the registry lost can never come; who has brought all that can is waited for no more."""
    reopened(world)
    county = world[COUNTY].ledger
    assert stations_behind(county, COUNTY) == [TOWN]
    world.settle(VILLAGE, TOWN)
    assert stations_behind(county, COUNTY) == []
    county.open_county_log("catalogue", COUNTY, world.registrar)
    county.open_county_log("merge", COUNTY, world.registrar)
    world.settle(TOWN)
    assert stations_behind(county, COUNTY) == []


def lost(world: World) -> list[tuple[object, object]]:
    """Return what doctor says of entries that a log lost by being reopened: log and how many."""
    ledger = world[COUNTY].ledger
    checks = examine(
        ledger.home, StationConfig(station=COUNTY), ledger, now_ms=ledger.clock.now_ms(), thorough=False,
        key_fits=True,
    )  # fmt: skip
    return [
        (one.params["log"], one.params["count"])
        for one in checks
        if (one.code, one.level) == ("doctor.reopened_early", "warning")
    ]


def told(world: World) -> list[tuple[str, int]]:
    """Return code and last position of what `sync status` of the county tells of that."""
    found = sync_status(world[COUNTY].ledger, COUNTY).findings
    return [(one.code, one.seq) for one in found if one.code == "log.reopened_early"]


def registry_size(world: World, station: StationId) -> int:
    logs = world[station].ledger.logs()
    return max(log.size for log in logs if log.kind == "registry")


def test_what_a_registry_lost_by_being_reopened_is_told(world: World) -> None:
    image_size = registry_size(world, COUNTY)
    reopened(world)
    assert (lost(world), told(world)) == ([], [])
    whole = registry_size(world, TOWN)
    for _ in range(2):
        world.settle(VILLAGE, TOWN)
        assert lost(world) == [(f"registry {COUNTY}", whole - image_size)]
        assert told(world) == [("log.reopened_early", whole)]
    assert whole > image_size


def test_of_what_a_registry_lost_the_most_that_anybody_holds_is_told(tmp_path: Path) -> None:
    """The first station that comes need not hold all of it."""
    world = World.after(settled(TOWN, TOWN_2, VILLAGE), tmp_path)
    image, before = copy(world, COUNTY, "image"), registry_size(world, COUNTY)
    world.enrol(VILLAGE, "window", "S99")
    world.sync(TOWN_2)
    grant = registry_actions.grant_role(staff_no="S99", role="officer", scope=VILLAGE)
    world[COUNTY].ledger.register("grant_role", grant, world.registrar)
    world.sync(TOWN)
    put_back(world, COUNTY, image)
    (world[COUNTY].path / RESTORED_MARKER).touch()
    world[COUNTY].ledger.open_county_log("registry", COUNTY, signer("root 0"))
    for station, count in ((TOWN_2, 2), (TOWN, 3), (TOWN_2, 3)):
        world.settle(station)
        assert lost(world) == [(f"registry {COUNTY}", count)]
        assert told(world) == [("log.reopened_early", before + count)]
    world.close()


def test_a_registry_that_waited_has_lost_nothing(world: World) -> None:
    a_lost_week(world, "told")
    world.settle(VILLAGE, TOWN)
    county = world[COUNTY].ledger
    assert stations_behind(county, COUNTY) == []
    county.open_county_log("registry", COUNTY, signer("root 0"))
    county.open_county_log("catalogue", COUNTY, world.registrar)
    county.open_county_log("merge", COUNTY, world.registrar)
    world.settle(VILLAGE, TOWN)
    assert (lost(world), told(world)) == ([], [])


def test_what_was_lost_is_kept_without_effect_and_named_until_somebody_has_seen_it(world: World) -> None:
    reopened(world)
    before = world[COUNTY].ledger.knowledge.registry.size
    world.settle(VILLAGE, TOWN)
    county = world[COUNTY].ledger
    (found,) = lost_by_reopening(county)
    assert found.acts == ("enrol_staff S99", "grant_role S99") and found.count == 2 and not found.seen
    assert registry_size(world, COUNTY) == registry_size(world, TOWN)
    # It counts nowhere: whoever it enrolled is enrolled anew, at positions of the log that goes on.
    assert county.knowledge.registry.size == before
    world.enrol(VILLAGE, "window", "S99")
    world.settle(TOWN, VILLAGE)
    assert len({world[at].ledger.knowledge.registry.size for at in (COUNTY, TOWN, VILLAGE)}) == 1
    assert mark_seen(county) == 1
    assert (lost(world), told(world)) == ([], [])
    world.settle(TOWN)
    assert (lost(world), told(world)) == ([], []) and mark_seen(county) == 0
    world[COUNTY].close()
    assert dict(agreed(world[COUNTY].path))["log.superseded"] == "warning"


def test_a_command_tells_it_and_tells_it_no_more(world: World) -> None:
    reopened(world)
    world.settle(VILLAGE, TOWN)
    place = world[COUNTY]
    place.close()
    write_config(place.path, station=COUNTY)
    terminal = Terminal(folder=place.path, clock=StationClock(place.clock.time_ms))
    assert "banjian sync seen" in terminal.ok("sync", "status").out
    assert "重开日志" in terminal.ok("sync", "seen").out
    assert "重开日志" not in terminal.ok("sync", "status").out
    assert terminal.ok("sync", "seen", "--json").json["seen"] == []
