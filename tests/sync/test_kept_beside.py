"""A machine keeps no log of a station that is not below its own: what it recorded there would go nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.errors import RuleError
from ledger.facade import Command, Ledger
from ledger.facade.peering.between import sync_status
from ledger.registry import actions as registry_actions
from tests.sync.world import COUNTY, FELLING, TOWN, VILLAGE, VILLAGE_2, World, settled


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    made.receive(VILLAGE)
    made.sync(VILLAGE)
    made.sync(TOWN)
    made.sync(VILLAGE)
    return made


def waiting(ledger: Ledger) -> list[tuple[str, int]]:
    return [(one.station, one.waiting) for one in sync_status(ledger, VILLAGE).levels]


def test_the_log_of_a_sibling_is_not_opened(world: World) -> None:
    village, township = world[VILLAGE].ledger, world[TOWN].ledger
    before = village.logs()
    for act in (
        lambda: village.open_station_log(VILLAGE_2, world.key(VILLAGE_2, "window")),
        lambda: village.parts.log_to_write(VILLAGE_2, world.key(VILLAGE_2, "window")),
        lambda: village.open_station_log(TOWN, world.key(TOWN, "window")),
    ):
        with pytest.raises(RuleError) as refused:
            act()
        assert refused.value.code == "log.not_below"
    assert village.logs() == before
    # What stands below may be kept: the township passes it on.
    township.open_station_log(VILLAGE_2, world.key(VILLAGE_2, "window"))
    world.sync(TOWN)
    assert [one.waiting for one in sync_status(township, TOWN).levels] == [0]


def test_what_an_older_program_kept_for_a_sibling_waits_and_is_told(world: World) -> None:
    place = world[VILLAGE]
    assert waiting(place.ledger) == [(TOWN, 0), (COUNTY, 0)]
    place.close()
    with Ledger.open(place.path, clock=place.clock, randomness=place.randomness, write=True) as older:
        older.open_station_log(VILLAGE_2, world.key(VILLAGE_2, "window"))
    world.sync(VILLAGE)
    assert waiting(place.ledger) == [(TOWN, 1), (COUNTY, 1)]
    status = sync_status(place.ledger, VILLAGE)
    told = [one for one in status.findings if one.code == "sync.kept_beside"]
    assert [(one.station, dict(one.params)["count"]) for one in told] == [(VILLAGE_2, 1)]
    assert told[0].found_at_ms == status.levels[0].oldest_ms > 0
    assert status.levels[0].confirmed == status.entries - 1


def test_what_was_sent_before_its_station_was_moved_is_not_told_as_kept_here_alone(world: World) -> None:
    township, county = world[TOWN].ledger, world[COUNTY].ledger
    signer = world.key(VILLAGE_2, "window")
    log_id = township.open_station_log(VILLAGE_2, signer)
    world.sync(TOWN)
    county.register("close_station", registry_actions.close_station(station=VILLAGE_2), world.registrar)
    facts = registry_actions.enrol_station(
        station=VILLAGE_2, name="西门村便民服务站", level="village", upstream=COUNTY, code_system="statistics"
    )
    county.register("enrol_station", facts, world.registrar)
    world.sync(TOWN)
    status = sync_status(township, TOWN)
    assert [one.waiting for one in status.levels] == [0] and status.findings == ()
    # What is recorded there from now on goes nowhere.
    personal = {"applicant": {"name": "张三", "id_kind": "other", "id_no": "N1"}}
    facts = {"item": FELLING, "applicant_kind": "person", "channel": "counter", "materials": []}
    township.perform(Command(action="receive", station=VILLAGE_2, facts=facts, personal=personal), signer)
    status = sync_status(township, TOWN)
    assert [one.waiting for one in status.levels] == [1]
    told = [(one.code, one.log, dict(one.params)["count"]) for one in status.findings]
    assert told == [("sync.kept_beside", log_id.hex(), 1)]
    assert status.findings[0].found_at_ms == status.levels[0].oldest_ms > 0
