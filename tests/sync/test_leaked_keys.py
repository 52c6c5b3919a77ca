"""What a leaked key signs after it ended counts, and the running stations tell of it: intake, board, page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.facade.base.synctables import SYNC_FINDINGS, SYNC_MARKS
from ledger.facade.peering.between import station_board, sync_status
from ledger.facade.transfer.leakedkeys import KEY_LEAKED, MARK_LEAKED
from ledger.formats.bundle import bundle_public_key
from ledger.formats.keys import X25519, key_id
from ledger.registry import actions as registry_actions
from ledger.types import CaseId, StationId
from stations.office.enrolling import retirement
from tests.sync.test_without_effect import finish
from tests.sync.world import COUNTY, TOWN, VILLAGE, World, settled


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


def end_key(world: World, reason: str = "compromised") -> None:
    ledger = world[COUNTY].ledger
    facts = retirement(ledger, world.key(VILLAGE, "window").key_id, reason)
    ledger.register("retire_key", facts, world.registrar)


def told(world: World, station: StationId) -> list[tuple[str, str]]:
    found = sync_status(world[station].ledger, station).findings
    return [(one.code, one.station) for one in found]


def on_board(world: World, station: StationId) -> int:
    (line,) = (one for one in station_board(world[station].ledger, station) if one.station == VILLAGE)
    return line.without_effect


def on_page(world: World, station: StationId, case: CaseId) -> list[str]:
    page = world[station].ledger.case(case)
    return [one.code for one in page.notices if one.code == "case.notice.key_leaked"]


def test_an_act_that_comes_after_the_key_leaked_is_told_where_it_is_taken_in(world: World) -> None:
    before = world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    end_key(world)
    world.sync(TOWN)
    # The stolen machine has not heard of it, and goes on.
    case = world.receive(VILLAGE, applicant="假的人")
    world.do(VILLAGE, "note", before)
    world.sync(VILLAGE)
    world.sync(TOWN)
    for station in (TOWN, COUNTY):
        assert told(world, station) == [("act.key_leaked", VILLAGE)] * 2
        assert on_board(world, station) == 2
        assert on_page(world, station, case) == on_page(world, station, before) == ["case.notice.key_leaked"]
        assert world[station].ledger.state(case)[0].status == "received"
    world[COUNTY].close()
    found = [one.code for one in verify_ledger(world[COUNTY].path).findings]
    assert found.count("act.key_ended") == 2


def test_an_act_that_was_here_before_the_end_of_its_key_is_told_then(world: World) -> None:
    end_key(world)
    case = world.receive(VILLAGE, applicant="假的人")
    world.session(VILLAGE)
    assert told(world, TOWN) == [] and on_page(world, TOWN, case) == []
    world.sync(TOWN)
    # The opening of the log is one as well.
    assert told(world, TOWN) == [("act.key_leaked", VILLAGE)] * 2 and on_board(world, TOWN) == 2
    assert on_page(world, TOWN, case) == ["case.notice.key_leaked"]


@pytest.mark.parametrize("knows", [True, False])
def test_a_single_record_by_a_leaked_key_is_told_whatever_came_first(world: World, knows: bool) -> None:
    """A village is given the acts of its township one by one, and hears of the end later than they come."""
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.settle(VILLAGE, TOWN)
    world.do(TOWN, "take_over", case)
    world.settle(VILLAGE, TOWN)
    ledger = world[COUNTY].ledger
    facts = retirement(ledger, world.key(TOWN, "window").key_id, "compromised")
    ledger.register("retire_key", facts, world.registrar)
    world.do(TOWN, "note", case)
    if not knows:
        world.sync(VILLAGE)
        assert told(world, VILLAGE) == []
    world.sync(TOWN)
    world.sync(VILLAGE)
    assert told(world, VILLAGE) == told(world, TOWN) == [("act.key_leaked", TOWN)]
    assert on_page(world, VILLAGE, case) == ["case.notice.key_leaked"]


def test_what_the_county_had_seen_is_not_told(world: World) -> None:
    case = world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    end_key(world)
    world.settle(TOWN)
    assert told(world, COUNTY) == told(world, TOWN) == [] and on_page(world, COUNTY, case) == []


def test_what_comes_late_of_a_key_that_ended_in_good_order_is_usual(world: World) -> None:
    end_key(world, "retired")
    world.sync(TOWN)
    case = world.receive(VILLAGE)
    world.sync(VILLAGE)
    assert told(world, TOWN) == [] and on_page(world, TOWN, case) == []


@pytest.mark.parametrize("mark", [None, "1", "999999", "as it never was"])
def test_what_an_older_program_did_not_look_for_is_told_when_the_ledger_is_opened(
    world: World, mark: str | None
) -> None:
    """Nothing comes to the registry after an update: it is looked for all the same, once."""
    end_key(world)
    world.receive(VILLAGE, applicant="假的人")
    world.session(VILLAGE)
    world.sync(TOWN)
    expected = told(world, TOWN)
    assert expected == [("act.key_leaked", VILLAGE)] * 2
    with world[TOWN].ledger.store.write() as tx:
        tx.delete(SYNC_FINDINGS, {"code": KEY_LEAKED})
        tx.delete(SYNC_MARKS, {"name": MARK_LEAKED})
        if mark is not None:
            tx.insert(SYNC_MARKS, [(MARK_LEAKED, mark)])
    assert told(world, TOWN) == []
    finish(world, TOWN)
    assert told(world, TOWN) == expected


def test_a_leaked_key_that_signs_no_acts_is_not_looked_for(world: World) -> None:
    county = world[COUNTY].ledger
    public_key = bundle_public_key(bytes(range(32)))
    facts = registry_actions.enrol_service(
        purpose="bundle", station=VILLAGE, alg=X25519, public_key=public_key
    )
    county.register("enrol_service", facts, world.registrar)
    facts = registry_actions.retire_key(key_id=key_id(X25519, public_key), reason="compromised", log_sizes=())
    county.register("retire_key", facts, world.registrar)
    world.sync(TOWN)
    for station in (COUNTY, TOWN):
        with world[station].ledger.store.read() as tx:
            assert tx.get(SYNC_MARKS, (MARK_LEAKED,)) is None
    end_key(world)
    with world[COUNTY].ledger.store.read() as tx:
        assert tx.get(SYNC_MARKS, (MARK_LEAKED,)) is not None
