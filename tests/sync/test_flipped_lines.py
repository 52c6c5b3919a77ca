"""A bit that flips under way on a secure line: the line broke, and the same go gets through."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.sync.lines import line
from tests.sync.test_over_tls import Serving, certified
from tests.sync.world import TOWN, VILLAGE, World

RECORD_HEAD = bytes((23, 3, 3))
"""What a TLS record of data begins with."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.after(certified(TOWN, VILLAGE), tmp_path)
    made.sync(TOWN)
    return made


class Flipping:
    """Passes one way on and flips one bit of one long record, once."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.done = False

    async def __call__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            spoilt = bytearray(data)
            # What is longer than this is no ticket and no handshake.
            if not self.done and len(data) > 4096 and data.startswith(RECORD_HEAD):
                self.done = True
                spoilt[self.at] ^= 1
            writer.write(bytes(spoilt))
        writer.close()


async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


@pytest.mark.parametrize("at", [0, 1, 3, 4, 5, 700], ids=str)
def test_a_bit_that_flips_on_its_way_down_is_a_broken_line(world: World, at: int) -> None:
    """Address and port are right, so nobody is told to look at them; the same go asks again."""
    for _ in range(20):
        case = world.receive(TOWN)
        world.do(TOWN, "hand_over", case, to=VILLAGE)

    async def story() -> None:
        flipping = Flipping(at)
        async with (
            Serving(world[TOWN], listen=True) as town,
            line(town.address, up=plain, down=flipping) as near,
            Serving(world[VILLAGE], listen=False, upstream=near) as village,
        ):
            done = await village.network.sync_now()
            assert flipping.done and done.torn == 1
            assert await village.thread.run(lambda: village.thread.held.state(case)[0].status) == "received"

    asyncio.run(story())
