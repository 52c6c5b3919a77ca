"""A listener with the routes of joining and one route that asks for the peer: a process of its own.

Its words are ``FOLDER [UPSTREAM …]``: without upstream the county's office answers, with
addresses a township that passes on. Prints its port as JSON; its clock is that of the tests' county.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from ledger.facade import Home, Ledger
from ledger.platform import monotonic_ms
from ledger.registry.registry import Registry
from stations.cli.counterday.demo import DemoClock
from sync.certs.credentials import calling_context, listening_context
from sync.joining.joinoffice import JoinOffice
from sync.line.attempts import Attempts
from sync.line.joindesks import OfficeDesk, RelayDesk
from sync.line.server_join import JoinDesk, add_join_routes, require_peer, told


def registry_of(folder: Path) -> Registry:
    """Return the registry as the folder holds it now."""
    with Ledger.open(folder, write=False) as ledger:
        return ledger.knowledge.registry


def make_desk(folder: Path, upstream: list[str]) -> JoinDesk:
    """Return what answers in a folder."""
    home, clock = Home(folder), DemoClock()
    clock.set("2026-03-03 09:30")
    with Ledger.open(folder, write=False) as ledger:
        number = ledger.ledger_id

    def registry() -> Registry:
        return registry_of(folder)

    if upstream:
        return RelayDesk(
            home, ledger_id=number, registry=registry, clock=clock, addresses=upstream,
            context=lambda: calling_context(home, number),
        )  # fmt: skip
    office = JoinOffice(home, ledger_id=number, registry=registry, clock=clock, randomness=os.urandom)

    async def run(work: Callable[[], bytes]) -> bytes:
        return work()

    return OfficeDesk(office, home, ledger_id=number, registry=registry, clock=clock, run=run)


async def serve(folder: Path, upstream: list[str]) -> None:
    """Serve until killed."""
    desk = make_desk(folder, upstream)
    application = web.Application()
    add_join_routes(application, desk, Attempts(monotonic_ms, failures_max=5))

    async def who(request: web.Request) -> web.StreamResponse:
        return web.Response(text=require_peer(request, desk).station)

    application.router.add_get("/who", told(who))
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=listening_context(Home(folder), desk.ledger_id))
    await site.start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await asyncio.Event().wait()


def main() -> int:
    """Serve the folder that is named."""
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2:]))
    return 0
