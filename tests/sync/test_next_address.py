"""Addresses of the station above are tried in their order, whatever else answers at the first ones."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from ledger.errors import BanjianError
from ledger.facade import Home
from ledger.types import LedgerId
from sync.certs.credentials import CountyCa, ensure_ca, read_ca
from sync.certs.pki import issue_leaf, new_csr, to_pem
from sync.certs.tlskeys import new_key
from sync.line.client_join import first_that_answers
from tests.sync.lines import line
from tests.sync.test_over_tls import Serving, _receive, certified
from tests.sync.world import COUNTY, START_MS, TOWN, VILLAGE, World

OTHER_LEDGER = LedgerId(bytes(range(32)))
ELSEWHERE = ("login page", "old TLS", "other county", "other ledger", "other station")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.after(certified(TOWN, VILLAGE), tmp_path)
    made.settle(TOWN, VILLAGE)
    return made


def listener(world: World, kind: str) -> ssl.SSLContext:
    """Return the context of a machine that is no station above the village."""
    county = world[COUNTY].ledger.ledger_id
    ca = read_ca(Home(world[COUNTY].path), county)
    if kind == "other county":
        ca = _other_ca(world.folder / "elsewhere")
    number = county if kind in ("old TLS", "other station") else OTHER_LEDGER
    station = VILLAGE if kind == "other station" else TOWN
    key = new_key(os.urandom)
    leaf = issue_leaf(
        new_csr(key, station), station=station, ledger_id=number, ca_key_pem=ca.key_pem,
        ca_certificate=ca.certificate, now_ms=START_MS, randomness=os.urandom,
    )  # fmt: skip
    file = world.folder / f"{kind}.pem"
    file.write_bytes(key + to_pem(leaf))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    if kind == "old TLS":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def _other_ca(folder: Path) -> CountyCa:
    home = Home(folder)
    home.complete()
    return ensure_ca(home, county_name="别县", ledger_id=OTHER_LEDGER, now_ms=0, randomness=os.urandom)


@asynccontextmanager
async def elsewhere(world: World, kind: str) -> AsyncIterator[str]:
    """Serve something else; yields its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    context = None if kind == "login page" else listener(world, kind)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_what_is_no_station_above_stands_in_nobodys_way(world: World, kind: str) -> None:
    case = world.receive(VILLAGE)

    async def story() -> None:
        async with (
            elsewhere(world, kind) as first,
            Serving(world[TOWN], listen=True) as town,
            Serving(world[VILLAGE], listen=False, upstream=(first, town.address)) as village,
        ):
            done = await village.network.sync_now()
            assert (done.sent, done.notes) == (1, ())
            assert await town.thread.run(lambda: town.thread.held.state(case)[0].status) == "received"

    asyncio.run(story())


@pytest.mark.parametrize("kind", ["login page", "nobody"])
def test_an_address_that_led_to_the_station_and_leads_there_no_more(world: World, kind: str) -> None:
    """A machine that is taken to another network while it serves: the same go finds the other address."""

    async def story() -> None:
        async with AsyncExitStack() as stack:
            town = await stack.enter_async_context(Serving(world[TOWN], listen=True))
            near = AsyncExitStack()
            first = await near.enter_async_context(passed_on(town.address))
            village = await stack.enter_async_context(
                Serving(world[VILLAGE], listen=False, upstream=(first, town.address))
            )
            await village.network.sync_now()
            link = village.network.link
            assert link is not None
            above = link.above()
            assert above is not None and above.address == first
            await near.aclose()
            if kind == "login page":
                port = int(first.rpartition(":")[2])
                await stack.enter_async_context(await asyncio.start_server(_portal, "127.0.0.1", port))
            case = await village.thread.run(lambda: _receive(village))
            await link.close()
            await village.network.sync_now()
            assert await town.thread.run(lambda: town.thread.held.state(case)[0].status) == "received"
            above = link.above()
            assert above is not None and above.address == town.address

    asyncio.run(story())


async def _portal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 302 Found\r\n\r\n")
    writer.close()


@asynccontextmanager
async def passed_on(address: str) -> AsyncIterator[str]:
    async def carry(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async with line(address, up=carry, down=carry) as near:
        yield near


def test_what_answered_is_told_and_not_that_another_did_not(world: World) -> None:
    """The last address is dead; what stands at the first one is what somebody can do something about."""

    async def story(*addresses: str) -> str:
        async with Serving(world[VILLAGE], listen=False, upstream=addresses) as village:
            with pytest.raises(BanjianError) as caught:
                await village.network.sync_now()
            return caught.value.code

    async def both() -> None:
        async with elsewhere(world, "other county") as other, elsewhere(world, "login page") as page:
            dead = "https://127.0.0.1:9"
            assert await story(other, dead) == "tls.other_ca"
            assert await story(dead, other, dead) == "tls.other_ca"
            assert await story(other, page) == "tls.version"
            assert await story(dead, dead) == "sync.unreachable"

    asyncio.run(both())


async def test_a_newcomer_too_passes_over_what_is_no_station() -> None:
    asked: list[str] = []

    async def attempt(address: str) -> str:
        asked.append(address)
        if address == "county":
            return address
        raise BanjianError(address)

    elsewhere = ["tls.version", "tls.other_ca", "join.other_ca", "sync.answer", "sync.unreachable"]
    assert await first_that_answers([*elsewhere, "county"], attempt) == "county"
    assert asked == [*elsewhere, "county"]
    for refusal in ("join.used", "tls.certificate_ended"):
        with pytest.raises(BanjianError) as caught:
            await first_that_answers([refusal, "county"], attempt)
        assert caught.value.code == refusal
