"""A station above that answers anything at all: the one below goes on, at its own pace, in bounded memory."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from ledger.errors import BanjianError
from ledger.facade import Home
from sync.certs.credentials import listening_context
from sync.certs.pki import CERTIFICATE_BYTES_MAX
from sync.core.pace import PaceRule
from sync.line.client_session import CA_PATH, SESSION_PATH
from tests.sync.test_over_tls import Serving, certified
from tests.sync.world import TOWN, VILLAGE, World

LONG_S = 60


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(certified(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


class Odd:
    """Has the township's certificate; refuses every session, and says how long to wait."""

    def __init__(self, seconds: int, ca_bytes: int = 8) -> None:
        self.seconds = seconds
        self.ca_bytes = ca_bytes
        self.sent_bytes = 0
        self.called_s: list[float] = []
        self.called = asyncio.Event()

    async def ca(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        while self.sent_bytes < self.ca_bytes:
            part = bytes(min(1 << 20, self.ca_bytes - self.sent_bytes))
            await answer.write(part)
            self.sent_bytes += len(part)
        await answer.write_eof()
        return answer

    async def session(self, request: web.Request) -> web.StreamResponse:
        async for _ in request.content.iter_any():
            pass
        self.called_s.append(time.monotonic())
        self.called.set()
        problem = {"kind": "StoreError", "code": "sync.busy", "params": {"seconds": self.seconds}}
        return web.Response(status=503, body=json.dumps(problem).encode(), content_type="application/json")

    async def call(self, number: int) -> None:
        """Wait until so many sessions were begun."""
        async with asyncio.timeout(LONG_S):
            while len(self.called_s) < number:
                self.called.clear()
                await self.called.wait()


@asynccontextmanager
async def listening(world: World, odd: Odd) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get(CA_PATH, odd.ca)
    application.router.add_post(SESSION_PATH, odd.session)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    context = listening_context(Home(world[TOWN].path), world[TOWN].ledger.ledger_id)
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("seconds", [10**400, -(10**400), 86_400], ids=["huge", "negative", "a day"])
def test_no_answer_ends_the_syncing(world: World, seconds: int) -> None:
    rule = PaceRule(news_ms=10, first_retry_ms=20, retry_max_ms=200)

    async def story() -> int:
        odd = Odd(seconds)
        async with (
            listening(world, odd) as address,
            Serving(world[VILLAGE], listen=False, upstream=address, pace_rule=rule),
        ):
            await odd.call(3)
        return len(odd.called_s)

    assert asyncio.run(story()) >= 3


def test_new_acts_wait_as_long_as_the_station_above_asked(world: World) -> None:
    rule = PaceRule(news_ms=10, first_retry_ms=20)

    async def story() -> None:
        odd = Odd(seconds=2)
        async with (
            listening(world, odd) as address,
            Serving(world[VILLAGE], listen=False, upstream=address, pace_rule=rule) as village,
        ):
            await odd.call(1)
            while len(odd.called_s) < 2:
                village.network.news()
                await asyncio.sleep(0.02)
            assert odd.called_s[1] - odd.called_s[0] >= 1.9

    asyncio.run(story())


def test_an_endless_certificate_is_not_read(world: World) -> None:
    async def story() -> None:
        odd = Odd(seconds=1, ca_bytes=1 << 30)
        rule = PaceRule(first_retry_ms=3_600_000, retry_max_ms=3_600_000)
        async with (
            listening(world, odd) as address,
            Serving(world[VILLAGE], listen=False, upstream=address, pace_rule=rule) as village,
        ):
            with pytest.raises(BanjianError) as caught:
                await village.network.sync_now()
            assert caught.value.code == "sync.answer"
            # What lies in the buffers of the line, and no more.
            assert CERTIFICATE_BYTES_MAX < odd.sent_bytes < 1 << 26

    asyncio.run(story())
