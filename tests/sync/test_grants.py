"""A forgotten passphrase: a new key at the township, offline; the village goes on, the county confirms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger import registry_actions
from ledger.errors import AuthorityError
from ledger.facade import Command
from ledger.facade.granted import authority_now, give_grant, list_grants
from ledger.facade.granting import GrantPlan
from ledger.grant import Grant, pack_carried
from ledger.keys import Signer, prove_possession
from ledger.types import CaseId, StationId
from stations.enrolling import EnrolledKey, give_new_key
from tests.sync.world import COUNTY, FELLING, TOWN, VILLAGE, VILLAGE_2, World, signer

DAY_MS = 86_400_000
CLERK = "S04w"
"""The window clerk of the village."""
NEW = signer("the clerk's new key")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    for station in (TOWN, VILLAGE, VILLAGE_2):
        made.join(station)
    made.sync(TOWN)
    made.sync(VILLAGE)
    made.sync(VILLAGE_2)
    made.receive(VILLAGE, applicant="王五")
    yield made
    made.close()


def reset(world: World, *, station: StationId = TOWN, role: str = "head", no: str = CLERK,
          key: Signer = NEW, lasts_ms: int = 7 * DAY_MS) -> Grant:  # fmt: skip
    """Let somebody give a clerk a new key; returns the grant as it lies beside the key."""
    ledger = world[station].ledger
    plan = GrantPlan(
        station=station, staff_no=no, public_key=key.public_key,
        possession=prove_possession(key, ledger.ledger_id), lasts_ms=lasts_ms,
    )  # fmt: skip
    give_grant(ledger, plan, world.key(station, role))
    grant = ledger.parts.grants.held(key.key_id)
    assert grant is not None
    return grant


def carry(world: World, grant: Grant, station: StationId) -> None:
    """Lay a grant beside the key at another station, as a stick brings both."""
    world[station].ledger.home.write_grant(grant.key_id, pack_carried(grant))


def receive(world: World, station: StationId, key: Signer = NEW) -> CaseId:
    command = Command(
        action="receive", station=station,
        facts={"item": FELLING, "applicant_kind": "person", "channel": "counter", "materials": []},
        personal={"applicant": {"name": "张三", "id_kind": "other", "id_no": f"N{station}"}},
    )  # fmt: skip
    return world[station].ledger.perform(command, key).case_id


def confirm(world: World, grant: Grant) -> None:
    county = world[COUNTY].ledger
    key = EnrolledKey(public_key=grant.public_key, possession=grant.possession)
    give_new_key(county, county.register, world.registrar, no=grant.staff_no, key=key, reason="retired")


def refuse(world: World) -> None:
    """Let the registrar give the clerk another key than the township did."""
    county, other = world[COUNTY].ledger, signer("the clerk's third key")
    key = EnrolledKey(public_key=other.public_key, possession=prove_possession(other, county.ledger_id))
    give_new_key(county, county.register, world.registrar, no=CLERK, key=key, reason="retired")


def why(world: World, station: StationId, case: CaseId) -> list[str]:
    return [step.reason for step in world[station].ledger.state(case)[0].steps]


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
