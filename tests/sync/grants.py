"""What tests of provisional grants do: give, carry, use, confirm and refuse a key; store what is hostile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade import Command
from ledger.facade.cases.granting import GrantPlan
from ledger.facade.cases.signing import sign_bodies
from ledger.facade.opened.granted import give_grant
from ledger.formats.body import new_body
from ledger.formats.keys import Signer, prove_possession
from ledger.registry.grant import Grant, pack_carried
from ledger.types import CaseId, Facts, StationId, Value
from stations.office.enrolling import EnrolledKey, give_new_key
from tests.sync.world import COUNTY, FELLING, TOWN, VILLAGE, VILLAGE_2, World, signer

DAY_MS = 86_400_000
CLERK = "S04w"
"""The window clerk of the village."""
NEW = signer("the clerk's new key")


def begin(world: World) -> None:
    """Let a township and two villages join and know the county; one village has a case."""
    for station in (TOWN, VILLAGE, VILLAGE_2):
        world.join(station)
    for station in (TOWN, VILLAGE, VILLAGE_2):
        world.sync(station)
    world.receive(VILLAGE, applicant="王五")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(begin, tmp_path)
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


def put(world: World, carried: Value, *, action: str = "receive") -> CaseId:
    """Store an act of the new key that carries something, as a hostile station would: unasked."""
    ledger = world[VILLAGE].ledger
    log = ledger.parts.station_log(VILLAGE)
    assert log is not None
    facts: Facts = {
        "item": FELLING, "applicant_kind": "person", "channel": "counter", "materials": [],
        "number": "N-1", "grant": carried,
    }  # fmt: skip
    signed = sign_bodies(
        ledger_id=ledger.ledger_id, case_id=CaseId(b""), parents=(), action=action, station=VILLAGE,
        registry_size=ledger.knowledge.registry.size, catalogue_version=ledger.knowledge.catalogue.size,
        occurred_at_ms=world[VILLAGE].clock.now_ms(), facts=new_body(facts, bytes(16)), personal=b"",
        signer=NEW,
    )  # fmt: skip
    ledger.parts.writer.append_county_act(log, signed)
    return CaseId(signed.act_id[:16])
