"""A county's listener inside the test: real TLS on loopback, the real routes, a clock to set."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from ledger.facade import Home, Ledger
from ledger.platform import monotonic_ms
from ledger.registry.registry import Registry
from ledger.types import LedgerId, StationId
from stations.cli.counterday.demo import DemoClock
from sync.certs.credentials import CountyCa, listening_context, read_ca, write_own
from sync.certs.pki import issue_leaf, new_csr
from sync.certs.tls import client_context, tls_failure
from sync.certs.tlskeys import new_key
from sync.joining.joinoffice import JoinOffice
from sync.line.attempts import Attempts
from sync.line.joindesks import OfficeDesk
from sync.line.problem import decode_problem
from sync.line.server_join import JoinDesk, add_join_routes, require_peer, told


@dataclass(kw_only=True)
class Post:
    """The county's side of a test."""

    home: Home
    ledger_id: LedgerId
    registry: Registry
    clock: DemoClock
    ca: CountyCa
    desk: JoinDesk
    attempts: Attempts

    def leaf(
        self, station: str, *, ca: CountyCa | None = None, ledger_id: LedgerId | None = None
    ) -> tuple[bytes, bytes]:
        """Return key (PEM) and certificate (DER) of a station, by the county's CA unless told otherwise."""
        issuer = ca or self.ca
        key_pem = new_key(os.urandom)
        certificate = issue_leaf(
            new_csr(key_pem, StationId(station)),
            station=StationId(station),
            ledger_id=ledger_id or self.ledger_id,
            ca_key_pem=issuer.key_pem,
            ca_certificate=issuer.certificate,
            now_ms=self.clock.now_ms(),
            randomness=os.urandom,
        )
        return key_pem, certificate

    def caller(self, folder: Path, key_pem: bytes, certificate: bytes, *expected: str) -> ssl.SSLContext:
        """Return the context of a caller with a certificate, kept in a folder of its own."""
        home = Home(folder)
        home.complete()
        write_own(home, key_pem=key_pem, certificate=certificate, ca_certificate=self.ca.certificate)
        return client_context(
            certificate=home.tls_dir / "station.pem",
            key=home.secrets_dir / "tls.key",
            ca_certificate=self.ca.certificate,
            ledger_id=self.ledger_id,
            expected=[StationId(one) for one in expected],
        )


def open_post(folder: Path) -> Post:
    """Return the county's side of a test for a founded county."""
    home, clock = Home(folder), DemoClock()
    clock.set("2026-03-03 09:30")
    with Ledger.open(folder, write=False) as ledger:
        number, registry = ledger.ledger_id, ledger.knowledge.registry
    office = JoinOffice(home, ledger_id=number, registry=lambda: registry, clock=clock, randomness=os.urandom)

    async def run(work: Callable[[], bytes]) -> bytes:
        return work()

    return Post(
        home=home,
        ledger_id=number,
        registry=registry,
        clock=clock,
        ca=read_ca(home, number),
        desk=OfficeDesk(office, home, ledger_id=number, registry=lambda: registry, clock=clock, run=run),
        attempts=Attempts(monotonic_ms, failures_max=3),
    )


@asynccontextmanager
async def listening(post: Post, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve the routes of joining and ``/who``; yields the address."""
    application = web.Application()
    add_join_routes(application, post.desk, post.attempts)

    async def who(request: web.Request) -> web.StreamResponse:
        return web.Response(text=require_peer(request, post.desk).station)

    application.router.add_get("/who", told(who))
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(
            runner, "127.0.0.1", 0, ssl_context=context or listening_context(post.home, post.ledger_id)
        )
        await site.start()
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def ask(
    address: str, context: ssl.SSLContext, path: str = "/who", *, body: bytes | None = None
) -> tuple[int, bytes, str]:
    """Call a route; returns status, body and Retry-After. A failed handshake is raised as its named error."""
    connector = aiohttp.TCPConnector(ssl=context)
    method = "GET" if body is None else "POST"
    try:
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(method, address + path, data=body) as response,
        ):
            return response.status, await response.read(), response.headers.get("Retry-After", "")
    except (aiohttp.ClientError, OSError) as error:
        raise tls_failure(error) or error from error


async def code_of(
    address: str, context: ssl.SSLContext, path: str = "/who", *, body: bytes | None = None
) -> str:
    """Return the code with which a call is refused."""
    status, answer, _ = await ask(address, context, path, body=body)
    assert status >= 400, answer
    return decode_problem(answer).code
