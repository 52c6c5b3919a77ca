"""A certificate says who calls, the registry whether they may: whoever is called refuses a closed station."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ledger.errors import AuthorityError, BanjianError
from ledger.registry import actions as registry_actions
from ledger.texts import Language, render
from ledger.types import StationId
from tests.sync.sticks import StickWorld
from tests.sync.test_over_tls import Serving, certify
from tests.sync.world import COUNTY, LEVEL, TOWN, TOWN_2, UPSTREAM, VILLAGE, VILLAGE_3, World, settled

LANGUAGES: tuple[Language, ...] = ("zh", "en")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.after(settled(TOWN, TOWN_2, VILLAGE), tmp_path)
    certify(made, TOWN, TOWN_2, VILLAGE)
    return made


def close(world: World, station: StationId) -> None:
    facts = registry_actions.close_station(station=station)
    world[COUNTY].ledger.register("close_station", facts, world.registrar)


def enrol(world: World, station: StationId, upstream: StationId) -> None:
    facts = registry_actions.enrol_station(
        station=station, name=station, level=LEVEL[station], upstream=upstream, code_system="statistics"
    )
    world[COUNTY].ledger.register("enrol_station", facts, world.registrar)


async def call(world: World, upper: StationId, lower: StationId) -> str:
    """Let a station call another one over TLS; returns the code with which it is refused, "" for a sync."""
    async with (
        Serving(world[upper], listen=True) as above,
        Serving(world[lower], listen=False, upstream=above.address) as below,
    ):
        try:
            done = await below.network.sync_now()
        except BanjianError as error:
            return error.code
        return "" if not done.notes else done.notes[0].code


@pytest.mark.parametrize("upper", [TOWN, COUNTY])
def test_a_closed_station_is_refused_by_what_the_registry_says(world: World, upper: StationId) -> None:
    """At the township as well, with the certificate that it always had, as soon as the township has heard."""
    lower = VILLAGE if upper == TOWN else TOWN_2
    assert asyncio.run(call(world, upper, lower)) == ""
    if lower == TOWN_2:
        close(world, VILLAGE_3)
    close(world, lower)
    if upper == TOWN:
        # What the township has not heard it cannot know.
        assert asyncio.run(call(world, TOWN, VILLAGE)) == ""
        world.sync(TOWN)
    world.receive(lower)
    held = world[upper].exchange.held.scope(lower)
    before = world[upper].exchange.held.states(held, county=False)
    assert asyncio.run(call(world, upper, lower)) == "tls.station_closed"
    assert world[upper].exchange.held.states(held, county=False) == before
    enrol(world, lower, UPSTREAM[lower])
    if upper == TOWN:
        world.sync(TOWN)
    assert asyncio.run(call(world, upper, lower)) == ""
    assert world[upper].exchange.held.states(held, county=False) != before


def test_a_station_that_was_put_under_another_one_is_refused_by_the_first(world: World) -> None:
    close(world, VILLAGE)
    enrol(world, VILLAGE, TOWN_2)
    world.sync(TOWN)
    world.sync(TOWN_2)
    world.receive(VILLAGE)
    held = world[TOWN].exchange.held.states(frozenset([VILLAGE]), county=False)
    # It is told where it stands, and then knows by itself that the first one is not above it any more.
    assert asyncio.run(call(world, TOWN, VILLAGE)) == "tls.other_station"
    assert world[VILLAGE].exchange.held.line()[:2] == (VILLAGE, TOWN_2)
    assert world[TOWN].exchange.held.states(frozenset([VILLAGE]), county=False) == held


def test_a_session_that_got_past_the_handshake_is_refused_too(world: World) -> None:
    """The registry may close a station between the handshake and the first section."""
    world.receive(VILLAGE)
    close(world, VILLAGE)
    world.sync(TOWN)
    with pytest.raises(AuthorityError) as caught:
        world.session(VILLAGE)
    assert caught.value.code == "tls.station_closed"
    world.close()


@pytest.mark.parametrize("code", ["tls.station_closed", "tls.station_unknown", "sync.not_below"])
def test_whoever_is_refused_reads_why_and_what_to_do(code: str) -> None:
    for language in LANGUAGES:
        told = render(code, {"station": VILLAGE}, language=language)
        assert VILLAGE in told.what and told.next_step and code not in told.what


def test_a_stick_for_a_closed_station_is_refused_and_its_own_is_taken(tmp_path: Path) -> None:
    world = StickWorld.after(settled(TOWN, VILLAGE), tmp_path / "world")
    case = world.receive(VILLAGE)
    close(world, VILLAGE)
    world.sync(TOWN)
    world.receive(TOWN, applicant="王语嫣")
    for sender in (TOWN, COUNTY):
        with pytest.raises(AuthorityError) as caught:
            world.export(sender, VILLAGE, tmp_path / f"down from {sender}")
        assert caught.value.code == "bundle.closed"
        assert not [one for one in (tmp_path / f"down from {sender}").rglob("*") if one.is_file()]
    # What nobody has yet comes all the same, and is acknowledged.
    stick = tmp_path / "up"
    assert world.take(TOWN, world.export(VILLAGE, TOWN, stick)).complete
    assert world.digest(TOWN, case) == world.digest(VILLAGE, case)
    world.take(VILLAGE, world.confirm(TOWN, VILLAGE, tmp_path / "back"))
    assert world[VILLAGE].exchange.held.waiting(TOWN) == (0, 0)
    # Enrolled again it is written for as before.
    enrol(world, VILLAGE, TOWN)
    world.sync(TOWN)
    assert world.take(VILLAGE, world.export(TOWN, VILLAGE, tmp_path / "again")).complete
