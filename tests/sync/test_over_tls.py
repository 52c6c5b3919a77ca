"""The same sessions over real TLS connections on loopback, with the code that ``banjian serve`` runs."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from ledger.errors import BanjianError
from ledger.facade import Home, Ledger
from ledger.types import StationId
from stations.config import StationConfig
from stations.serving.gate import GateRule
from stations.serving.ledgerthread import LedgerThread
from stations.serving.network import Network
from sync.certs.credentials import calling_context, prepare_county, read_ca, write_own
from sync.certs.pki import issue_leaf, new_csr
from sync.certs.tlskeys import new_key
from sync.core import responder
from sync.core.giving import Budget
from sync.core.pace import PaceRule
from sync.core.requester import Requester
from sync.core.stream import CONTENT_TYPE, Packer
from sync.line import client_session
from sync.line.server_session import SESSION_PATH
from tests.postgres import execute
from tests.sync.conftest import COUNTY_PLACES, county_url
from tests.sync.world import COUNTY, TOWN, VILLAGE, Build, Place, World


class Serving:
    """One installation that serves, as ``banjian serve`` would."""

    def __init__(
        self,
        place: Place,
        *,
        listen: bool,
        upstream: str | tuple[str, ...] = "",
        gate_rule: GateRule | None = None,
        pace_rule: PaceRule | None = None,
    ) -> None:
        self.place = place
        self.thread = LedgerThread()
        self.network = Network(
            self.thread,
            Home(place.path),
            config=StationConfig(
                station=place.station,
                listen="127.0.0.1:0" if listen else "",
                upstream=upstream if isinstance(upstream, tuple) else (upstream,) if upstream else (),
                sync_interval_s=3600,
            ),
            clock=place.clock,
            randomness=place.randomness,
            gate_rule=gate_rule,
            pace_rule=pace_rule,
        )
        self.address = ""

    async def __aenter__(self) -> Serving:
        self.place.close()
        await self.thread.open(self._open)
        self.address = await self.network.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.network.stop()
        await self.thread.close()

    def _open(self) -> Ledger:
        place = self.place
        return Ledger.open(
            place.path, clock=place.clock, randomness=place.randomness, write=True, station=place.station
        )


def certify(world: World, *stations: StationId) -> None:
    """Give stations certificates of the county's CA, as joining would."""
    county = world[COUNTY]
    prepare_county(county.ledger, randomness=county.randomness)
    ca = read_ca(Home(county.path), county.ledger.ledger_id)
    for station in stations:
        key = new_key(county.randomness)
        leaf = issue_leaf(
            new_csr(key, station), station=station, ledger_id=county.ledger.ledger_id, ca_key_pem=ca.key_pem,
            ca_certificate=ca.certificate, now_ms=county.clock.now_ms(), randomness=county.randomness,
        )  # fmt: skip
        write_own(Home(world[station].path), key_pem=key, certificate=leaf, ca_certificate=ca.certificate)


@cache
def certified(*stations: StationId, settle: bool = False) -> Build:
    """Return a build after which the stations have joined with a certificate; they settle only if asked."""

    def build(world: World) -> None:
        for station in stations:
            world.join(station)
        certify(world, *stations)
        if settle:
            world.settle(*stations)

    return build


@pytest.fixture(params=COUNTY_PLACES)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return World.after(certified(TOWN, VILLAGE), tmp_path, county_url=county_url(request))


def test_three_levels_over_tls(world: World) -> None:
    async def story() -> None:
        async with (
            Serving(world[COUNTY], listen=True) as county,
            Serving(world[TOWN], listen=True, upstream=county.address) as town,
            Serving(world[VILLAGE], listen=False, upstream=town.address) as village,
        ):
            await town.network.sync_now()
            first = await village.network.sync_now()
            assert first.notes == ()
            case = await village.thread.run(lambda: _receive(village))
            second = await village.network.sync_now()
            assert (second.sessions, second.sent, second.notes) == (1, 1, ())
            await town.network.sync_now()
            found = await county.thread.run(lambda: county.thread.held.state(case)[0].status)
            assert found == "received"

    asyncio.run(story())


def test_a_first_download_longer_than_one_session_goes_on_where_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for station in (TOWN, VILLAGE):
        world.sync(station)
    for number in range(5):
        case = world.receive(VILLAGE, applicant=f"王{number}")
        world.do(VILLAGE, "hand_over", case, to=TOWN)
        world.sync(VILLAGE)
        world.do(TOWN, "take_over", case)
    world[VILLAGE].close()
    world.join(VILLAGE)
    certify(world, VILLAGE)
    monkeypatch.setattr(client_session, "ROUNDS_MAX", 12)
    monkeypatch.setattr(responder, "Budget", lambda: Budget(feed_items=2))

    async def story() -> None:
        async with (
            Serving(world[TOWN], listen=True) as town,
            Serving(world[VILLAGE], listen=False, upstream=town.address) as village,
        ):
            first = await village.network.sync_now()
            assert first.notes == ()
            held = await village.thread.exchange(lambda exchange: exchange.held.feed_held(TOWN).number)
            assert held == 5

    asyncio.run(story())


def test_what_was_whole_when_the_link_dropped_is_stored(world: World) -> None:
    world.sync(TOWN)
    world.sync(VILLAGE)
    case = world.receive(VILLAGE)
    lower = world[VILLAGE]
    asking = Requester(
        lower.exchange, TOWN, now_ms=lower.clock.now_ms(), version="test", guesses=lower.guesses
    )
    packer = Packer()
    body = b"".join(packer.pack(section) for section in asking.request([]))

    async def story() -> None:
        async with Serving(world[TOWN], listen=True) as town:
            host, _, port = town.address.removeprefix("https://").partition(":")
            context = calling_context(Home(lower.path), town.thread.ledger_id)
            context.check_hostname = False
            _, writer = await asyncio.open_connection(host, int(port), ssl=context)
            writer.write(
                f"POST {SESSION_PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: {CONTENT_TYPE}\r\n"
                f"Content-Length: {len(body) + 1}\r\n\r\n".encode()
                + body
            )
            await writer.drain()
            await asyncio.sleep(0.2)
            writer.transport.abort()
            for _ in range(100):
                with suppress(BanjianError):
                    state, _ = await town.thread.run(lambda: town.thread.held.state(case))
                    assert state.status == "received"
                    return
                await asyncio.sleep(0.05)
            pytest.fail("nothing of the torn body was stored")

    asyncio.run(story())


@pytest.mark.layer("postgres")
@pytest.mark.parametrize("world", [COUNTY_PLACES[1]], indirect=True)
def test_a_county_whose_database_restarts_is_in_step_after_the_next_sync(
    world: World, postgres_dsn: str
) -> None:
    async def story() -> None:
        async with (
            Serving(world[COUNTY], listen=True) as county,
            Serving(world[TOWN], listen=True, upstream=county.address) as town,
            Serving(world[VILLAGE], listen=False, upstream=town.address) as village,
        ):
            await town.network.sync_now()
            await village.network.sync_now()
            for _ in range(3):
                case = await village.thread.run(lambda: _receive(village))
                await village.network.sync_now()
                execute(
                    postgres_dsn,
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
                )
                # On a busy machine the township may have gone up by itself meanwhile.
                assert (await town.network.sync_now()).sent <= 1
                found = await county.thread.run(lambda case=case: county.thread.held.state(case)[0].status)
                assert found == "received"

    asyncio.run(story())


def _receive(serving: Serving):  # type: ignore[no-untyped-def]
    place = serving.place
    world_key = World.key(None, place.station, "window")  # type: ignore[arg-type]
    from ledger.facade import Command

    command = Command(
        action="receive", station=place.station,
        facts={"item": "990101400014", "applicant_kind": "person", "channel": "counter", "materials": []},
        personal={"applicant": {"name": "张三", "id_kind": "other", "id_no": "N1"}},
    )  # fmt: skip
    return serving.thread.held.perform(command, world_key).case_id
