"""A county and a township that come back from old backups together wait for the villages, which hold more."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.facade.base.home import RESTORED_MARKER
from ledger.facade.peering.between import stations_behind
from ledger.formats.package import decode_package
from ledger.registry import actions as registry_actions
from ledger.types import StationId
from sync.core.framing import PACKAGE, Splitter
from sync.core.giving import Spending
from sync.core.messages import Wanted
from sync.core.returning import Returning
from tests.sync.test_county_put_back import NEW_VILLAGE, newcomer
from tests.sync.test_county_reopened import reopen
from tests.sync.test_forks import copy, put_back
from tests.sync.test_over_tls import Serving, certified
from tests.sync.world import COUNTY, TOWN, VILLAGE, VILLAGE_2, World, signer


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    certified(TOWN, VILLAGE, VILLAGE_2, settle=True)(made)
    return made


def images(world: World) -> dict[StationId, Path]:
    return {station: copy(world, station, f"image {station}") for station in (COUNTY, TOWN)}


def back(world: World, held: dict[StationId, Path]) -> None:
    for station, image in held.items():
        put_back(world, station, image)
        (world[station].path / RESTORED_MARKER).touch()


def waited_for(world: World) -> list[StationId]:
    return stations_behind(world[COUNTY].ledger, COUNTY)


def test_the_county_waits_until_the_villages_have_brought_the_registry(world: World) -> None:
    held = images(world)
    world.enrol(VILLAGE, "window", "S99")
    world.settle(TOWN, VILLAGE)
    size = world[VILLAGE].exchange.registry_size
    back(world, held)
    world.sync(TOWN)
    # All that the township holds is at the county, and still it is not all.
    assert waited_for(world) == [TOWN]
    world.sync(VILLAGE)
    world.sync(TOWN)
    assert waited_for(world) == [TOWN]
    assert world[COUNTY].exchange.registry_size == size
    world.sync(VILLAGE_2)
    world.sync(TOWN)
    assert waited_for(world) == []
    key = signer("S99").key_id
    assert world[COUNTY].ledger.knowledge.registry.public_key(key) is not None


def test_a_township_that_was_not_put_back_is_waited_for_once(world: World) -> None:
    held = images(world)
    world.enrol(VILLAGE, "window", "S99")
    world.settle(TOWN, VILLAGE)
    back(world, {COUNTY: held[COUNTY]})
    world.sync(TOWN)
    assert waited_for(world) == []


def test_a_village_that_only_the_lost_registry_knows_brings_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = images(world)
    newcomer(world, monkeypatch, NEW_VILLAGE, level="village", upstream=TOWN)
    world.settle(TOWN, NEW_VILLAGE)
    case = world.receive(NEW_VILLAGE)
    world.settle(NEW_VILLAGE, TOWN)
    back(world, held)

    async def story() -> None:
        async with (
            Serving(world[COUNTY], listen=True) as county,
            Serving(world[TOWN], listen=True, upstream=county.address) as town,
            Serving(world[NEW_VILLAGE], listen=False, upstream=town.address) as village,
        ):
            await town.network.sync_now()
            for _ in range(2):
                await village.network.sync_now()
                await town.network.sync_now()
            state = await county.thread.run(lambda: county.thread.held.state(case)[0])
            assert state.status == "received" and state.number

    asyncio.run(story())


def test_logs_opened_after_one_restore_come_back_after_the_next(world: World) -> None:
    """A township that is put back without a word learns it from a registry that a root key opened."""
    image = images(world)
    back(world, {COUNTY: image[COUNTY]})
    world.settle(VILLAGE, VILLAGE_2, TOWN)
    reopen(world)
    world.settle(TOWN, VILLAGE, VILLAGE_2)
    end_ms = world[COUNTY].clock.now_ms()
    facts = registry_actions.end_certificates(station=VILLAGE_2, before_ms=end_ms)
    world[COUNTY].ledger.register("end_certificates", facts, world.registrar)
    world.settle(TOWN, VILLAGE)
    put_back(world, TOWN, image[TOWN])
    back(world, {COUNTY: image[COUNTY]})
    for _ in range(2):
        world.sync(VILLAGE)
        world.sync(TOWN)
    # Another village may hold still more of it.
    assert waited_for(world) == [TOWN]
    world.sync(VILLAGE_2)
    world.sync(TOWN)
    assert waited_for(world) == []
    assert world[COUNTY].ledger.knowledge.registry.certificates_end_ms(VILLAGE_2) == end_ms
    reopen(world, marker=False)
    world.settle(TOWN, VILLAGE, VILLAGE_2)
    for station in (COUNTY, TOWN, VILLAGE, VILLAGE_2):
        assert world[station].ledger.knowledge.registry.certificates_end_ms(VILLAGE_2) == end_ms
        world[station].close()
        assert verify_ledger(world[station].path, trust=world.genesis.ledger_id(), workers=1).ok


def test_what_was_opened_anew_is_given_back_in_the_order_in_which_it_can_be_taken(world: World) -> None:
    """Ids of logs are of chance: a catalogue before its registry would be refused, and told."""
    back(world, images(world))
    world.settle(TOWN, VILLAGE)
    reopen(world)
    world.settle(TOWN, VILLAGE)
    exchange = world[VILLAGE].exchange
    logs = [log for log in world[VILLAGE].ledger.logs() if log.kind in ("registry", "catalogue")]
    for asked in (logs, logs[::-1]):
        wanted = [Wanted(log_id=log.log_id, after=0, positions=()) for log in asked]
        raw = b"".join(Returning(exchange, {}).sections(wanted, Spending(packages=64, bytes=1 << 20)))
        given = [
            decode_package(section.payload).log_id
            for section in Splitter().feed(raw)
            if section.kind == PACKAGE
        ]
        kinds = [exchange.held.genesis(log_id).kind for log_id in given]  # type: ignore[union-attr]
        assert kinds == ["registry", "registry", "catalogue", "catalogue"]
