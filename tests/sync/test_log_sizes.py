"""A key can be ended in a county that holds more logs than the act can list: where it appears is listed."""

from __future__ import annotations

import pytest

from ledger.facade.logs import appearances
from ledger.facade.logs.appearances import log_sizes
from ledger.registry.schema import LOG_SIZES_MAX
from ledger.types import KeyId, StationId
from stations.office.enrolling import retire
from tests.sync.grants import CLERK, carry, receive, reset
from tests.sync.grants import world as world
from tests.sync.test_forks import clone, copy
from tests.sync.world import COUNTY, TOWN, VILLAGE, VILLAGE_2, World


def listed(world: World, key: KeyId) -> dict[tuple[str, str], int]:
    """Return kind and station of each log that the county would list, with its size."""
    ledger = world[COUNTY].ledger
    with ledger.reading() as (tx, parts):
        found = dict(log_sizes(tx, parts.holdings, key))
    return {(log.kind, log.station): found[log.log_id] for log in ledger.logs() if log.log_id in found}


def clerk(world: World, station: StationId) -> KeyId:
    return world.key(station, "window").key_id


def test_every_log_is_listed_while_there_is_room(world: World) -> None:
    world.settle(VILLAGE, TOWN)
    sizes = {(log.kind, log.station): log.size for log in world[COUNTY].ledger.logs() if log.size}
    assert 3 <= len(sizes) < LOG_SIZES_MAX
    assert listed(world, clerk(world, VILLAGE)) == listed(world, clerk(world, TOWN)) == sizes


def test_of_too_many_those_are_listed_in_which_the_key_appears(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world.receive(TOWN)
    world.settle(VILLAGE, TOWN)
    monkeypatch.setattr(appearances, "LOG_SIZES_MAX", 2)
    county = world[COUNTY].ledger
    size = next(log.size for log in county.logs() if (log.kind, log.station) == ("station", VILLAGE))
    assert listed(world, clerk(world, VILLAGE)) == {("station", VILLAGE): size}
    assert listed(world, clerk(world, VILLAGE_2)) == {}
    retire(county, county.register, world.registrar, no=CLERK, reason="compromised")
    retirement = county.knowledge.registry.retirement(clerk(world, VILLAGE))
    assert retirement is not None
    log_id = next(log.log_id for log in county.logs() if (log.kind, log.station) == ("station", VILLAGE))
    assert retirement.seen_size(log_id) == size


def test_what_was_done_under_a_grant_for_the_key_counts_as_its_appearance(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the sizes of the key that a grant replaces its acts are told from those that came too late."""
    grant = reset(world, no="S05w")
    carry(world, grant, VILLAGE_2)
    # Somebody else opens the log, for a key that only a grant names may not.
    world[VILLAGE_2].ledger.parts.log_to_write(VILLAGE_2, world.key(VILLAGE_2, "head"))
    receive(world, VILLAGE_2)
    world.settle(VILLAGE_2, VILLAGE, TOWN)
    monkeypatch.setattr(appearances, "LOG_SIZES_MAX", 2)
    assert ("station", VILLAGE_2) in listed(world, clerk(world, VILLAGE_2))
    assert ("station", VILLAGE) not in listed(world, clerk(world, VILLAGE_2))


def test_a_divergent_history_in_which_the_key_appears_lists_its_log(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world.settle(VILLAGE, TOWN)
    second = clone(world, VILLAGE, copy(world, VILLAGE, "clone"))
    world.do(VILLAGE, "receive", role="window", item="990101400014", applicant_kind="person",
             channel="counter", materials=[])  # fmt: skip
    world.sync(VILLAGE)
    first, world.places[VILLAGE] = world.places[VILLAGE], second
    case = world.receive(VILLAGE, applicant="李四")
    world.do(VILLAGE, "note", case, role="head")
    world.settle(VILLAGE, TOWN)
    monkeypatch.setattr(appearances, "LOG_SIZES_MAX", 2)
    assert ("station", VILLAGE) in listed(world, world.key(VILLAGE, "head").key_id)
    first.close()
