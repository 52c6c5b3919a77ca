"""A station joins again in its old folder, nothing was lost: sticks and receipts go on meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.facade import Home
from ledger.facade.peering.receiptkey import receipt_key_fault
from ledger.formats.bundle import bundle_public_key
from ledger.formats.keys import X25519, Ed25519Signer
from ledger.registry import actions as registry_actions
from ledger.types import StationId
from stations.checkup.doctorkeys import key_checks
from tests.sync.sticks import StickWorld
from tests.sync.world import COUNTY, TOWN, VILLAGE, settled

NEW_SEED, NEWEST_SEED = bytes([7]) * 32, bytes([8]) * 32


@pytest.fixture
def world(tmp_path: Path) -> StickWorld:
    made = StickWorld.after(settled(TOWN, VILLAGE), tmp_path)
    made.settle(TOWN, VILLAGE)
    return made


def home_of(world: StickWorld, station: StationId) -> Home:
    return Home(world[station].path)


def refused(world: StickWorld, files: list[Path]) -> list[str]:
    """Let the village import files and return why some were refused."""
    found = world.take(VILLAGE, files)
    assert len(found.files) == len(files) > 0
    return [one.error.code for one in found.files if one.error is not None]


def doctors_words(world: StickWorld, station: StationId) -> set[str]:
    ledger = world[station].ledger
    found = key_checks(home_of(world, station), ledger, station, key_fits=True)
    return {one.code for one in found if one.name == "machine_keys"}


def test_sticks_reach_a_station_that_joins_again_before_and_after_its_new_key_is_enrolled(
    world: StickWorld,
) -> None:
    home = home_of(world, VILLAGE)
    world.receive(VILLAGE)
    posted = world.export(COUNTY, VILLAGE, world.folder / "posted", everything=True)
    home.renew_service_seed(VILLAGE, "bundle", NEW_SEED)
    assert refused(world, posted) == []
    assert refused(world, world.export(COUNTY, VILLAGE, world.folder / "waiting")) == []
    assert doctors_words(world, VILLAGE) == {"doctor.machine_keys"}
    facts = registry_actions.enrol_service(
        purpose="bundle", station=VILLAGE, alg=X25519, public_key=bundle_public_key(NEW_SEED)
    )
    world[COUNTY].ledger.register("enrol_service", facts, world.registrar)
    assert refused(world, world.export(COUNTY, VILLAGE, world.folder / "enrolled")) == []
    assert world[VILLAGE].exchange.carried.seed() == NEW_SEED
    # What was in the mail all the time.
    assert refused(world, posted) == []


def test_a_township_that_joins_again_signs_receipts_that_are_believed(world: StickWorld) -> None:
    home, ledger = home_of(world, TOWN), world[TOWN].ledger
    old = home.service_seed(TOWN, "receipt")
    assert old is not None
    home.renew_service_seed(TOWN, "receipt", NEW_SEED)
    assert receipt_key_fault(home, ledger.knowledge.registry, TOWN) == ""
    world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    assert world[VILLAGE].exchange.carried.confirmed(TOWN) != {}
    # The registrar ends the old key: from then on the new one signs, believed once it is enrolled.
    facts = registry_actions.retire_key(
        key_id=Ed25519Signer.from_seed(old).key_id, reason="retired", log_sizes=()
    )
    world[COUNTY].ledger.register("retire_key", facts, world.registrar)
    world.settle(TOWN)
    assert receipt_key_fault(home, ledger.knowledge.registry, TOWN) == "receipt_key.not_enrolled"


def test_every_key_that_was_replaced_stays_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.complete()
    for seed in (bytes(32), NEW_SEED, NEW_SEED, NEWEST_SEED, NEWEST_SEED):
        home.renew_service_seed(VILLAGE, "bundle", seed)
    assert home.service_seeds(VILLAGE, "bundle") == (NEWEST_SEED, NEW_SEED, bytes(32))
    assert home.service_seed(VILLAGE, "bundle") == NEWEST_SEED
    assert all(path.stat().st_mode & 0o077 == 0 for path in home.secrets_dir.glob("bundle-*"))
