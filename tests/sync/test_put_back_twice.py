"""A county that is put back twice from one backup: its disk knows nothing of the logs opened in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.errors import AuthorityError
from ledger.facade.base.home import RESTORED_MARKER
from ledger.facade.base.synctables import SYNC_MARKS
from ledger.facade.logs.comingback import IN_STEP
from ledger.facade.peering.between import stations_behind, sync_status
from ledger.registry import actions as registry_actions
from ledger.types import StationId
from stations.kept.sticks import acknowledge
from stations.office.enrolling import retirement
from tests.sync.sticks import StickWorld
from tests.sync.test_county_reopened import reopen
from tests.sync.test_forks import copy, findings, put_back
from tests.sync.test_put_back_silently import AHEAD
from tests.sync.world import COUNTY, TOWN, TOWN_2, VILLAGE, World, settled, signer


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, TOWN_2, VILLAGE), tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(("told", "running"), [(True, True), (True, False), (False, True)])
def test_what_was_opened_in_between_comes_back(world: World, told: bool, running: bool) -> None:
    """In the very process that gave the logs up as well: it waited for its townships for ever.

    Where an image of the disk was put back without a word, it is proven by the registry opened in between: no
    checkpoint is beyond what is here, and the county wrote on into a registry that had ended everywhere else.
    """
    image = copy(world, COUNTY, "image")
    put_back(world, COUNTY, image)
    reopen(world)
    synced(world, TOWN, TOWN_2)
    end_ms = world[COUNTY].clock.now_ms()
    facts = registry_actions.end_certificates(station=VILLAGE, before_ms=end_ms)
    world[COUNTY].ledger.register("end_certificates", facts, world.registrar)
    synced(world, TOWN)
    put_back(world, COUNTY, image)
    if told:
        (world[COUNTY].path / RESTORED_MARKER).touch()
        assert behind(world) == [TOWN, TOWN_2]
    if not running:
        world[COUNTY].close()
    synced(world, TOWN)
    assert behind(world) == [TOWN_2]
    assert AHEAD in findings(world, COUNTY) or told
    synced(world, TOWN_2)
    assert behind(world) == []
    county = world[COUNTY].ledger
    assert county.knowledge.registry.certificates_end_ms(VILLAGE) == end_ms
    reopened(world)
    for station in (TOWN, TOWN_2, TOWN):
        world.sync(station)
        # What the merge log had meanwhile may be lost, and is told as that.
        codes = {one.code for one in sync_status(world[station].ledger, station).findings}
        assert codes <= {"merge.restored"}
    assert county.knowledge.registry.certificates_end_ms(VILLAGE) == end_ms
    assert verify_ledger(world[COUNTY].path, trust=world.genesis.ledger_id(), workers=1).ok


def test_who_has_called_is_written_down_only_where_somebody_is_waited_for(world: World) -> None:
    """And once: a county of 231 stations would write at each of their sessions."""
    synced(world, TOWN, TOWN_2)
    assert in_step(world) == {}
    (world[COUNTY].path / RESTORED_MARKER).touch()
    world[COUNTY].close()
    synced(world, TOWN)
    first = in_step(world)
    assert list(first) == [TOWN] and behind(world) == [TOWN_2]
    reopen(world, marker=False)
    synced(world, TOWN, TOWN_2)
    once = in_step(world)
    synced(world, TOWN, TOWN_2)
    assert in_step(world) == once


def in_step(world: World) -> dict[str, object]:
    with world[COUNTY].ledger.store.read() as tx:
        marks = {str(row[0]): row[1] for row in tx.select(SYNC_MARKS, {})}
    return {name.removeprefix(IN_STEP): at for name, at in marks.items() if name.startswith(IN_STEP)}


def reopened(world: World) -> None:
    county = world[COUNTY].ledger
    county.open_county_log("registry", COUNTY, signer("root 0"))
    county.open_county_log("catalogue", COUNTY, world.registrar)
    county.open_county_log("merge", COUNTY, world.registrar)


def synced(world: World, *stations: StationId) -> None:
    for station in stations:
        for _ in range(3):
            world.sync(station)


def behind(world: World) -> list[StationId]:
    return stations_behind(world[COUNTY].ledger, COUNTY)


def test_a_county_on_its_way_back_writes_nothing_to_a_key_that_may_have_ended(tmp_path: Path) -> None:
    """The act that ended it lies behind the backup: a stolen machine could open what was written."""
    world = StickWorld.after(settled(TOWN, VILLAGE), tmp_path)
    image = copy(world, COUNTY, "image")
    county = world[COUNTY].ledger
    (key,) = county.knowledge.registry.service_keys(VILLAGE, "bundle")
    county.register("retire_key", retirement(county, key.key_id, "compromised"), world.registrar)
    synced(world, TOWN)
    put_back(world, COUNTY, image)
    (world[COUNTY].path / RESTORED_MARKER).touch()
    stick = tmp_path / "stick"
    world.export(VILLAGE, COUNTY, stick)
    assert world.take(COUNTY, stick).complete
    with pytest.raises(AuthorityError, match="coming_back"):
        world.export(COUNTY, VILLAGE, stick)
    place = world[COUNTY]
    assert acknowledge(
        place.exchange, stick, VILLAGE, now_ms=place.clock.now_ms(), version="", randomness=place.randomness
    )
    synced(world, TOWN)
    reopened(world)
    with pytest.raises(AuthorityError, match="no_key"):
        world.export(COUNTY, VILLAGE, stick)
    assert world.export(COUNTY, TOWN, stick)
    world.close()
