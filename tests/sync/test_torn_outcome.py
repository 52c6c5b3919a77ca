"""What a sync brought is told with what came before its line broke, whether or not it went on behind that."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from ledger.facade import Home
from stations.config import load_config, write_config
from stations.server import StationServer
from sync.line.outcome import Outcome, SoFar
from tests.cli.conftest import Result, Terminal
from tests.sync.test_cut_answers import NEWCOMER_BYTES, cut_line, grow
from tests.sync.test_over_tls import Serving, certified
from tests.sync.world import COUNTY, TOWN, VILLAGE, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(certified(TOWN, VILLAGE), tmp_path)
    grow(made)
    yield made
    made.close()


def held(world: World, station: str) -> int:
    """Return how many entries of registry and catalogue a station holds."""
    knowledge = world[station].ledger.knowledge  # type: ignore[index]
    return int(knowledge.registry.size + knowledge.catalogue.size)


def test_what_came_in_sessions_that_broke_counts(world: World) -> None:
    told: list[SoFar] = []

    async def story() -> Outcome:
        async with (
            Serving(world[TOWN], listen=True) as town,
            cut_line(town.address, down=NEWCOMER_BYTES) as line,
            Serving(world[VILLAGE], listen=False, upstream=line) as village,
        ):
            return await village.network.sync_now(told.append)

    outcome = asyncio.run(story())
    assert outcome.torn > 1
    assert outcome.stored == held(world, VILLAGE) == held(world, COUNTY)
    assert told[-1] == SoFar(
        sessions=outcome.sessions, sent=outcome.sent, stored=outcome.stored, sent_bytes=outcome.sent_bytes
    )
    assert all(before.sent_bytes < after.sent_bytes for before, after in pairwise(told))
    assert len(told) == outcome.sessions + outcome.torn


@pytest.mark.parametrize("words", [(), ("--json",)], ids=["words", "json"])
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside a server"])
def test_what_came_before_a_sync_broke_off_is_told_with_the_failure(
    world: World, beside: bool, words: tuple[str, ...]
) -> None:
    place = world[VILLAGE]
    place.close()
    terminal = Terminal(folder=place.path)
    terminal.clock.set("2026-03-02 10:00")

    async def story() -> Result:
        async with Serving(world[TOWN], listen=True) as town, cut_line(town.address, down=9_000) as line:
            write_config(place.path, station=VILLAGE, upstream=(line,))
            stop, up = asyncio.Event(), asyncio.Event()
            serving = asyncio.create_task(serve(stop, up)) if beside else None
            if beside:
                await asyncio.wait_for(up.wait(), 30)
            done = await asyncio.to_thread(terminal.run, "sync", "now", *words)
            stop.set()
            if serving is not None:
                await serving
            return done

    async def serve(stop: asyncio.Event, up: asyncio.Event) -> None:
        config = replace(load_config(place.path), web="127.0.0.1:0")
        server = StationServer(
            Home(place.path), config=config, clock=place.clock, randomness=place.randomness,
            started=lambda _: up.set(), keeps_in_step=False,
        )  # fmt: skip
        await server.run(stop)

    done = asyncio.run(story())
    assert done.code != 0 and "[sync.torn]" in done.err
    if words:
        stored = json.loads(done.out)["stored_records"]
    else:
        (stored,) = re.findall(r"收到新记录 (\d+) 条，都存好了", done.out)
    assert int(stored) == held(world, VILLAGE) > 0
