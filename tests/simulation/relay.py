"""Somebody between two stations who reads everything and alters, drops, reorders or repeats sections.

Between neighbours TLS leaves no room for that; a station in the middle has it, towards either side.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import aiohttp
from aiohttp import web

from ledger.errors import BanjianError
from sync.core.framing import ANSWER, END, HELLO, Section, encode_section
from sync.core.stream import CONTENT_TYPE, Packer, Unpacker
from tests.simulation.world import World

TRICKS = ("none", "none", "alter", "drop", "swap", "repeat", "replay", "cut")
SEEN_MAX = 200


class Relay:
    """Listens as ``relay <station>`` for one station and passes on what it likes.

    Args:
        drops_down: whether it may leave out what comes down: nobody below can tell, see docs/simulation.md.
    """

    def __init__(self, world: World, upstream: str, *, drops_down: bool = False) -> None:
        self.world, self.upstream = world, upstream
        self.rng = random.Random(f"relay {world.seed} {upstream}")
        self.seen: dict[tuple[str, bool], list[Section]] = {}
        self.drops_down = drops_down

    async def listen(self) -> None:
        """Begin."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._pass_on)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.UnixSite(runner, f"relay {self.upstream}").start()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        caller = "" if transport is None else str(transport.get_extra_info("station"))
        connector = aiohttp.UnixConnector(f"{caller}>{self.upstream}", force_close=True)
        headers = {"Content-Type": CONTENT_TYPE}
        try:
            body = self._twist(await request.read(), caller, up=True) if request.can_read_body else None
            async with (
                aiohttp.ClientSession(connector=connector, trust_env=False) as http,
                http.request(
                    request.method, f"http://above{request.path}", data=body, headers=headers
                ) as answer,
            ):
                raw, status = await answer.read(), answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return web.Response(status=502)
        if status == 200 and request.method == "POST":
            raw = self._twist(raw, caller, up=False)
        return web.Response(body=raw, status=status, headers=headers)

    def _twist(self, body: bytes, caller: str, *, up: bool) -> bytes:
        trick, rng = self.rng.choice(TRICKS), self.rng
        # Only what went the same way before: what others were given would leak through the relay alone.
        seen = self.seen.setdefault((caller, up), [])
        sections: list[Section] = []
        with suppress(BanjianError):
            sections += Unpacker().feed(body)
        if trick == "none" or len(sections) < 2:
            return body
        first, rest = sections[0], sections[1:]
        if not up and rest[-1].kind == END and trick in ("drop", "swap", "alter") and not self.drops_down:
            # Whatever is hurt on the way down must not look as if all had come.
            rest = rest[:-1]
        self.world.tally[f"relay {trick}"] += 1
        if trick == "alter" and rest:
            index = rng.randrange(len(rest))
            rest[index] = _altered(rest[index], rng)
        elif trick == "drop" and rest:
            del rest[rng.randrange(len(rest))]
        elif trick == "swap":
            rng.shuffle(rest)
        elif trick == "repeat" and rest:
            rest.insert(0, rest[0])
        elif trick == "replay" and seen:
            rest = [*rng.sample(seen, min(3, len(seen))), *rest]
        elif trick == "cut":
            rest = rest[: rng.randrange(len(rest) + 1)]
        seen += [one for one in sections if one.kind not in (HELLO, ANSWER, END)]
        del seen[:-SEEN_MAX]
        packer = Packer()
        packed = b"".join(packer.pack(encode_section(one.kind, one.payload)) for one in (first, *rest))
        return packed + packer.end()


def _altered(section: Section, rng: random.Random) -> Section:
    raw = bytearray(section.payload)
    if raw:
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    return Section(section.kind, bytes(raw))


async def meddle(world: World, end_s: float) -> None:
    """Sit between some stations and those above them for most of the time."""
    rng = random.Random(f"meddle {world.seed}")
    uppers = sorted(place.name for place in world.main.values() if place.listens)
    for upstream in uppers:
        await Relay(world, upstream).listen()
    callers = sorted(place.name for place in world.main.values() if place.upstream)
    world.relayed |= set(rng.sample(callers, max(1, len(callers) // 3)))
    for place in world.main.values():
        if place.link is not None:
            await place.link.close()
    await asyncio.sleep(end_s * 0.9)
    world.relayed.clear()
