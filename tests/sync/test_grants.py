"""A forgotten passphrase: a new key at the township, offline; the village goes on, the county confirms."""

from __future__ import annotations

import pytest

from ledger.errors import AuthorityError
from ledger.facade import Command
from ledger.facade.base.synctables import SYNC_FINDINGS
from ledger.facade.base.tables import MARKS
from ledger.facade.opened.granted import authority_now, list_grants
from ledger.facade.transfer.rejudging import MARK_COUNTY, finish_judging
from ledger.registry import actions as registry_actions
from ledger.types import StationId
from tests.sync.grants import (
    CLERK,
    DAY_MS,
    NEW,
    carry,
    confirm,
    put,
    receive,
    refuse,
    reset,
    why,
)
from tests.sync.grants import world as world
from tests.sync.world import COUNTY, TOWN, TOWN_2, VILLAGE, VILLAGE_2, World


def test_a_clerk_works_on_within_minutes_and_the_county_confirms(world: World) -> None:
    grant = reset(world)
    with pytest.raises(AuthorityError, match=r"authority\.key_unknown"):
        receive(world, VILLAGE)
    carry(world, grant, VILLAGE)
    case = receive(world, VILLAGE)
    step = world[VILLAGE].ledger.state(case)[0].steps[0]
    assert step.effective
    assert step.act.staff_no == CLERK
    assert step.act.under is not None
    assert step.act.under.station == TOWN
    assert step.act.under.staff_no == "S02h"
    assert "grant" not in step.act.facts
    # The village's records come before anything of the township's own log reaches the county.
    world.sync(VILLAGE)
    world.sync(TOWN)
    for station in (TOWN, COUNTY):
        assert why(world, station, case) == [""], station
    (waiting,) = list_grants(world[COUNTY].ledger)
    assert (waiting.state, waiting.grant.staff_no, waiting.grantor_no) == ("waiting", CLERK, "S02h")
    before = world.digest(COUNTY, case)
    confirm(world, waiting.grant)
    assert list_grants(world[COUNTY].ledger)[0].state == "confirmed"
    assert world.digest(COUNTY, case) == before
    registry = world[COUNTY].ledger.knowledge.registry
    assert registry.retirement(grant.replaces) is not None
    assert registry.staff(CLERK) is not None
    world.settle(TOWN, VILLAGE)
    world[VILLAGE].clock.time_ms += 30 * DAY_MS
    later = receive(world, VILLAGE)
    act = world[VILLAGE].ledger.state(later)[0].steps[0].act
    assert (act.blocked, act.under, act.staff_no) == ("", None, CLERK)


def test_what_is_recorded_behind_the_limit_waits_for_the_confirmation(world: World) -> None:
    carry(world, reset(world, lasts_ms=DAY_MS), VILLAGE)
    first = receive(world, VILLAGE)
    # The village's clock stands still for the program that signs and is set right behind its back.
    village = world[VILLAGE]
    prepared = village.ledger.prepare(
        Command(action="note", station=VILLAGE, case=first, personal={"text": "续"}), NEW
    )
    village.clock.time_ms += 2 * DAY_MS
    assert authority_now(village.ledger, NEW.key_id) is None
    with pytest.raises(AuthorityError, match=r"grant\.expired"):
        receive(world, VILLAGE)
    with pytest.raises(AuthorityError, match=r"act\.not_effective"):
        village.ledger.submit(prepared, VILLAGE)
    world.sync(VILLAGE)
    world.sync(TOWN)
    assert why(world, COUNTY, first) == [""]
    assert list_grants(world[COUNTY].ledger)[0].state == "waiting"
    world[COUNTY].clock.time_ms += 2 * DAY_MS
    assert list_grants(world[COUNTY].ledger)[0].state == "expired"


@pytest.mark.parametrize(
    ("station", "role", "no", "code"),
    [
        (TOWN, "officer", CLERK, r"grant\.grantor"),
        (VILLAGE_2, "head", CLERK, r"grant\.station"),
        (COUNTY, "head", CLERK, r"grant\.station"),
        (TOWN, "head", "S02h", r"grant\.self"),
        (TOWN, "head", "S99x", r"registry\.staff_unknown"),
    ],
)
def test_who_may_not_give_it_is_told_before_anything_is_signed(
    world: World, station: StationId, role: str, no: str, code: str
) -> None:
    before = [(log.log_id, log.size) for log in world[station].ledger.logs() if log.kind != "station"]
    with pytest.raises(AuthorityError, match=code):
        reset(world, station=station, role=role, no=no)
    assert [(log.log_id, log.size) for log in world[station].ledger.logs() if log.kind != "station"] == before
    assert not list_grants(world[station].ledger)
    assert world[station].ledger.home.grant(NEW.key_id) is None


def test_a_registrar_refuses_a_grant_with_another_key(world: World) -> None:
    carry(world, reset(world), VILLAGE)
    first = receive(world, VILLAGE)
    refuse(world)
    world.settle(TOWN, VILLAGE)
    with pytest.raises(AuthorityError, match=r"grant\.old_key"):
        receive(world, VILLAGE)
    world.settle(VILLAGE, TOWN)
    assert why(world, COUNTY, first) == [""]
    assert list_grants(world[COUNTY].ledger)[0].state == "refused"


def test_a_grantor_whose_role_ended_grants_no_more(world: World) -> None:
    carry(world, reset(world), VILLAGE)
    county = world[COUNTY].ledger
    county.register(
        "end_role", registry_actions.end_role(staff_no="S02h", role="head", scope=TOWN), world.registrar
    )
    world.settle(TOWN, VILLAGE)
    with pytest.raises(AuthorityError, match=r"grant\.grantor_ended"):
        receive(world, VILLAGE)


def test_an_act_proves_itself_to_stations_that_have_nothing_of_the_township(world: World) -> None:
    for station in (TOWN_2,):
        world.join(station)
        world.sync(station)
    carry(world, reset(world), VILLAGE)
    case = receive(world, VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=TOWN_2)
    world.settle(VILLAGE, TOWN, TOWN_2)
    state, _ = world[TOWN_2].ledger.state(case)
    assert [(step.reason, step.act.under is not None) for step in state.steps] == [("", True), ("", False)]
    world.do(TOWN_2, "take_over", case)
    world.settle(TOWN_2, TOWN, VILLAGE)
    assert len({world.digest(station, case) for station in (COUNTY, TOWN, TOWN_2, VILLAGE)}) == 1
    assert not list_grants(world[TOWN_2].ledger)


def test_a_confirmation_gives_effect_to_what_came_too_late(world: World) -> None:
    grant = reset(world, lasts_ms=DAY_MS)
    world[VILLAGE].clock.time_ms += 2 * DAY_MS
    case = put(world, grant.carried())
    world.settle(VILLAGE, TOWN)
    for station in (VILLAGE, TOWN, COUNTY):
        assert why(world, station, case) == ["grant.expired"], station
    confirm(world, grant)
    assert why(world, COUNTY, case) == [""]
    assert case in {row.case_id for row in world[COUNTY].ledger.worklist()}
    world.settle(TOWN, VILLAGE)
    for station in (VILLAGE, TOWN, COUNTY):
        assert why(world, station, case) == [""], station
    assert len({world.digest(station, case) for station in (COUNTY, TOWN, VILLAGE)}) == 1


def test_an_act_waits_for_the_registry_that_its_grant_cites(world: World) -> None:
    world.enrol(TOWN, "supervisor", "S99")
    world.sync(TOWN)
    grant = reset(world)
    assert grant.act.header.registry_size > world[VILLAGE].ledger.knowledge.registry.size
    carry(world, grant, VILLAGE)
    with pytest.raises(AuthorityError, match=r"authority\.registry_ahead"):
        receive(world, VILLAGE)
    case = put(world, grant.carried())
    assert why(world, VILLAGE, case) == ["authority.registry_ahead"]
    world.sync(VILLAGE)
    assert why(world, VILLAGE, case) == [""]
    receive(world, VILLAGE)


def test_the_lists_of_grants_are_made_anew(world: World) -> None:
    reset(world)
    town = world[TOWN].ledger
    before = list_grants(town)
    town.rebuild()
    assert list_grants(town) == before != []


def test_a_registry_that_is_folded_anew_leaves_acts_under_grants_as_they_are(world: World) -> None:
    carry(world, reset(world), VILLAGE)
    case = receive(world, VILLAGE)
    world.settle(VILLAGE, TOWN)
    ledger = world[COUNTY].ledger
    before = world.digest(COUNTY, case)
    with ledger.store.write() as tx:
        tx.upsert(MARKS, [(MARK_COUNTY, "as it never was")])
    finish_judging(ledger.store, ledger.view, book=ledger.parts.book, fold=ledger.parts.fold)
    assert world.digest(COUNTY, case) == before
    assert why(world, COUNTY, case) == [""]
    with ledger.store.read() as tx:
        assert not list(tx.select(SYNC_FINDINGS, {"code": "authority.key_unknown"}))
