"""A county that comes back from an older disk, over TLS, in processes that go on running."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.errors import AuthorityError
from ledger.facade import Command, Home, Ledger
from ledger.facade.base.home import RESTORED_MARKER
from ledger.facade.base.peers import BY_STICK
from ledger.facade.base.synctables import PEERS
from ledger.facade.opened.founding import found_empty
from ledger.facade.peering.between import stations_behind, sync_status
from ledger.facade.peering.receiptkey import receipt_key_fault
from ledger.formats.keys import Signer, prove_possession
from ledger.registry import actions as registry_actions
from ledger.types import CaseId, StationId
from tests.sync.test_forks import copy, put_back
from tests.sync.test_over_tls import Serving, certified, certify
from tests.sync.world import COUNTY, FELLING, LEVEL, TOWN, TOWN_2, UPSTREAM, VILLAGE, World, signer

CASES = 12


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.after(certified(TOWN, VILLAGE), tmp_path)
    made.settle(TOWN, VILLAGE)
    return made


def receive(ledger: Ledger, key: Signer, number: int, *, station: StationId = VILLAGE) -> CaseId:
    command = Command(
        action="receive", station=station,
        facts={"item": FELLING, "applicant_kind": "person", "channel": "counter", "materials": []},
        personal={"applicant": {"name": f"王{number}", "id_kind": "other", "id_no": f"N{number}"}},
    )  # fmt: skip
    return ledger.perform(command, key).case_id


def a_lost_week(world: World, how: str) -> list[CaseId]:
    """Enrol somebody who receives cases, let all of it reach the county, and put the county back."""
    image = copy(world, COUNTY, "image")
    world.enrol(VILLAGE, "window", "S99")
    world.settle(TOWN, VILLAGE)
    cases = [receive(world[VILLAGE].ledger, signer("S99"), number) for number in range(CASES)]
    world.settle(VILLAGE, TOWN)
    put_back(world, COUNTY, image)
    if how == "told":
        (world[COUNTY].path / RESTORED_MARKER).touch()
    return cases


def serve(world: World, story: Callable[[Serving, Serving], Coroutine[None, None, None]]) -> None:
    async def run() -> None:
        async with (
            Serving(world[COUNTY], listen=True) as county,
            Serving(world[TOWN], listen=True, upstream=county.address) as town,
        ):
            await story(county, town)

    asyncio.run(run())


@pytest.mark.parametrize("how", ["told", "silently"])
def test_acts_of_somebody_enrolled_in_the_lost_week_count_in_the_running_county(
    world: World, how: str
) -> None:
    cases = a_lost_week(world, how)

    async def story(county: Serving, town: Serving) -> None:
        await town.network.sync_now()
        seen = await county.thread.run(lambda: [county.thread.held.state(case)[0] for case in cases])
        assert [state.status for state in seen] == ["received"] * CASES
        assert all(state.number for state in seen)

    serve(world, story)


@pytest.mark.parametrize("how", ["told", "silently"])
def test_the_county_waits_for_its_townships_before_it_opens_new_logs(world: World, how: str) -> None:
    world.join(TOWN_2)
    certify(world, TOWN, VILLAGE, TOWN_2)
    world.settle(TOWN_2)
    a_lost_week(world, how)
    if how == "told":
        assert stations_behind(world[COUNTY].ledger, COUNTY) == [TOWN, TOWN_2]

    async def story(county: Serving, town: Serving) -> None:
        await town.network.sync_now()
        assert await behind(county) == [TOWN_2]
        async with Serving(world[TOWN_2], listen=False, upstream=county.address) as other:
            await other.network.sync_now()
        assert await behind(county) == []

    serve(world, story)


async def behind(county: Serving) -> list[str]:
    return list(await county.thread.run(lambda: stations_behind(county.thread.held, COUNTY)))


def test_a_township_that_has_not_brought_all_of_the_registry_is_still_waited_for(
    world: World,
) -> None:
    a_lost_week(world, "told")
    world.session(TOWN)
    assert stations_behind(world[COUNTY].ledger, COUNTY) == [TOWN]
    world.sync(TOWN)
    assert stations_behind(world[COUNTY].ledger, COUNTY) == []


def test_nobody_is_waited_for_who_never_joined_or_comes_by_stick(world: World) -> None:
    a_lost_week(world, "told")
    county = world[COUNTY]
    assert stations_behind(county.ledger, COUNTY) == [TOWN]
    heard = next(one for one in county.exchange.peers.all() if one.station == TOWN)
    with county.ledger.store.write() as tx:
        tx.delete(PEERS, {"station": TOWN})
    # It has joined, as its keys say.
    assert stations_behind(county.ledger, COUNTY) == [TOWN]
    county.exchange.peers.take([replace(heard, via=BY_STICK)], now_ms=heard.heard_at_ms)
    assert stations_behind(county.ledger, COUNTY) == []


NEW_VILLAGE = StationId("990121001003-00")


def newcomer(
    world: World, monkeypatch: pytest.MonkeyPatch, station: StationId, *, level: str, upstream: StationId
) -> None:
    """Enrol a station with a clerk, and let it join."""
    monkeypatch.setitem(UPSTREAM, station, upstream)
    monkeypatch.setitem(LEVEL, station, level)
    facts = registry_actions.enrol_station(
        station=station, name="新站", level=level, upstream=upstream, code_system="statistics"
    )
    world[COUNTY].ledger.register("enrol_station", facts, world.registrar)
    world.enrol(station, "window", "S98")
    world.join(station)
    certify(world, station)


@pytest.mark.parametrize("how", ["told", "silently"])
def test_a_county_that_came_back_goes_on_in_the_processes_that_run(
    world: World, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clerk and a station of the lost week, new logs, a new receipt key, a clerk enrolled afterwards."""
    image = copy(world, COUNTY, "image")
    newcomer(world, monkeypatch, NEW_VILLAGE, level="village", upstream=TOWN)
    world.settle(TOWN, NEW_VILLAGE)
    case = world.receive(NEW_VILLAGE)
    world.settle(NEW_VILLAGE, TOWN)
    put_back(world, COUNTY, image)
    if how == "told":
        (world[COUNTY].path / RESTORED_MARKER).touch()
        (world[COUNTY].path / "secrets" / f"receipt-{COUNTY}.key").unlink()

    async def story(county: Serving, town: Serving) -> None:
        async with Serving(world[NEW_VILLAGE], listen=False, upstream=town.address) as village:
            again = await village.thread.run(lambda: receive_at(village, 1))
            await village.network.sync_now()
            await town.network.sync_now()
            assert await behind(county) == []
            await county.thread.run(lambda: reopen(county.thread.held, world.registrar))
            await county.thread.run(lambda: enrol_late(county.thread.held, world.registrar))
            for _ in range(3):
                await town.network.sync_now()
                await village.network.sync_now()
            late = await village.thread.run(lambda: receive_at(village, 2, signer("S97")))
            for serving in (village, town, village):
                await serving.network.sync_now()
            for one in (case, again, late):
                seen = await county.thread.run(lambda one=one: county.thread.held.state(one)[0])  # type: ignore[misc]
                assert seen.status == "received" and seen.number
            status = await village.thread.run(lambda: sync_status(village.thread.held, NEW_VILLAGE))
            assert [level.waiting for level in status.levels] == [0, 0]
            assert not [one for one in status.findings if one.code.startswith(("merge.", "sync."))]

    serve(world, story)
    assert verify_ledger(world[COUNTY].path, trust=world.genesis.ledger_id(), workers=1).ok


def receive_at(serving: Serving, number: int, key: Signer | None = None) -> CaseId:
    clerk = key or signer(f"{NEW_VILLAGE} window")
    return receive(serving.thread.held, clerk, number, station=NEW_VILLAGE)


def reopen(ledger: Ledger, registrar: Signer) -> None:
    """Open the county's logs anew, and enrol a receipt key where it was lost."""
    ledger.open_county_log("registry", COUNTY, signer("root 0"))
    ledger.open_county_log("catalogue", COUNTY, registrar)
    ledger.open_county_log("merge", COUNTY, registrar)
    if receipt_key_fault(ledger.home, ledger.knowledge.registry, COUNTY):
        ledger.enrol_service_key(COUNTY, "receipt", registrar)


def enrol_late(ledger: Ledger, registrar: Signer) -> None:
    """Enrol somebody after the county came back."""
    key = signer("S97")
    facts = registry_actions.enrol_staff(
        staff_no="S97", station=NEW_VILLAGE, alg=key.alg, public_key=key.public_key,
        possession=prove_possession(key, ledger.ledger_id),
    )  # fmt: skip
    ledger.register("enrol_staff", facts, registrar)
    grant = registry_actions.grant_role(staff_no="S97", role="window", scope=NEW_VILLAGE)
    ledger.register("grant_role", grant, registrar)


NEW_TOWN = StationId("990121009000-00")


def test_a_township_of_the_lost_week_brings_the_registry_that_knows_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else has synced since: the end of the registry lies with it alone."""
    image = copy(world, COUNTY, "image")
    newcomer(world, monkeypatch, NEW_TOWN, level="township", upstream=COUNTY)
    world.settle(NEW_TOWN)
    case = world.receive(NEW_TOWN)
    world.settle(NEW_TOWN)
    put_back(world, COUNTY, image)
    (world[COUNTY].path / RESTORED_MARKER).touch()

    async def story(county: Serving, town: Serving) -> None:
        async with Serving(world[NEW_TOWN], listen=False, upstream=county.address) as other:
            for _ in range(2):
                await other.network.sync_now()
            state = await county.thread.run(lambda: county.thread.held.state(case)[0])
            assert state.status == "received" and state.number
            assert county.thread.held.knowledge.registry.station(NEW_TOWN) is not None

    serve(world, story)


def test_a_certified_stranger_is_refused_where_nothing_was_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(UPSTREAM, NEW_TOWN, COUNTY)
    monkeypatch.setitem(LEVEL, NEW_TOWN, "township")
    place = world._place(NEW_TOWN)
    found_empty(Home(place.path), world.genesis, randomness=place.randomness)
    certify(world, NEW_TOWN)

    async def story(county: Serving, town: Serving) -> None:
        async with Serving(place, listen=False, upstream=county.address) as stranger:
            with pytest.raises(AuthorityError) as refused:
                await stranger.network.sync_now()
            assert refused.value.code == "tls.station_unknown"

    serve(world, story)
