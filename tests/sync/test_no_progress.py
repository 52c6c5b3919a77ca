"""Stations above that keep a caller busy: what never can be taken, what never ends, what nobody foresaw."""

from __future__ import annotations

import asyncio
import itertools
import json
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web

from ledger.errors import BanjianError
from ledger.facade.base.synctables import SYNC_FINDINGS
from ledger.facade.peering.exchange import Exchange
from ledger.types import CaseId
from stations.serving import network
from stations.serving.link import Link
from sync.core import motion, responder
from sync.core.framing import ANSWER, HEADER_BYTES_MAX, encode_section
from sync.core.giving import Budget
from sync.core.pace import PaceRule
from sync.core.stream import Packer
from sync.line import client_session, server_session
from sync.line.outcome import Outcome
from tests.sync.test_over_tls import Serving, certified
from tests.sync.world import TOWN, VILLAGE, World

FINDING = "sync.no_progress"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.after(certified(TOWN, VILLAGE), tmp_path)
    made.settle(TOWN, VILLAGE)
    return made


def _handed_over(world: World) -> list[CaseId]:
    """Return cases of which the village lacks an act of the township each."""
    cases = []
    for number in range(5):
        case = world.receive(VILLAGE, applicant=f"王{number}")
        world.do(VILLAGE, "hand_over", case, to=TOWN)
        cases.append(case)
    world.sync(VILLAGE)
    for case in cases:
        world.do(TOWN, "take_over", case)
    return cases


def _open_findings(world: World) -> list[str]:
    with world[VILLAGE].ledger.store.read() as tx:
        return [str(row[0]) for row in tx.select(SYNC_FINDINGS, {"settled": 0})]


def _syncing(world: World) -> Outcome | BanjianError:
    """Sync the village with its township over TLS; return what came of it."""

    async def story() -> Outcome | BanjianError:
        async with (
            Serving(world[TOWN], listen=True) as town,
            Serving(world[VILLAGE], listen=False, upstream=town.address) as village,
        ):
            try:
                return await village.network.sync_now()
            except BanjianError as error:
                return error

    return asyncio.run(story())


@pytest.mark.parametrize("says_otherwise", [False, True])
def test_what_can_never_be_taken_ends_the_call(
    world: World, monkeypatch: pytest.MonkeyPatch, says_otherwise: bool
) -> None:
    cases = _handed_over(world)
    with monkeypatch.context() as evil:
        evil.setattr(responder, "encode_excerpt", lambda _: bytes(16))
        evil.setattr(responder, "Budget", lambda: Budget(feed_items=2))
        if says_otherwise:
            sizes = itertools.count(100)
            evil.setattr(Exchange, "feed_size", lambda *_: next(sizes))
            evil.setattr(motion, "IDLE_MAX", 8)
        outcome = _syncing(world)
    assert isinstance(outcome, Outcome)
    # One more than nothing moves in: the second answer is half of the first, and so says something else.
    assert outcome.sessions == (9 if says_otherwise else motion.STILL_MAX + 2)
    assert FINDING in outcome.notes
    assert FINDING in _open_findings(world)
    healed = _syncing(world)
    assert isinstance(healed, Outcome) and healed.notes == ()
    assert _open_findings(world) == []
    assert {world[VILLAGE].ledger.state(case)[0].custodian for case in cases} == {TOWN}


async def _drip(session: server_session._Session) -> web.StreamResponse:
    """Answer with a section that comes byte by byte."""
    response = web.StreamResponse()
    await response.prepare(session._request)
    packer = Packer()
    begun = encode_section(ANSWER, bytes(HEADER_BYTES_MAX))[:5]
    await response.write(packer.pack(begun))
    while True:
        await response.write(packer.pack(b"\0"))
        await asyncio.sleep(0.02)


def test_an_answer_that_never_ends_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as evil:
        evil.setattr(server_session._Session, "_answer", _drip)
        evil.setattr(client_session, "SESSION_TIMEOUT_S", 1.0)
        error = _syncing(world)
    assert isinstance(error, BanjianError) and error.code == "sync.too_slow"
    failure = world[VILLAGE].exchange.peers.link().failure
    assert failure is not None and failure.code == "sync.too_slow"
    assert isinstance(_syncing(world), Outcome)
    assert world[VILLAGE].exchange.peers.link().failure is None


def test_a_fault_in_one_session_does_not_end_the_syncing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, whole, calls, again = world.receive(VILLAGE), Link.sync, itertools.count(), asyncio.Event()

    async def first_fails(self: Link, told: object = None) -> Outcome:
        if not next(calls):
            raise RuntimeError("unforeseen")
        outcome = await whole(self)
        again.set()
        return outcome

    monkeypatch.setattr(Link, "sync", first_fails)
    monkeypatch.setattr(network, "PaceRule", partial(PaceRule, news_ms=1, first_retry_ms=10))

    async def story() -> None:
        async with (
            Serving(world[TOWN], listen=True) as town,
            Serving(world[VILLAGE], listen=False, upstream=town.address),
        ):
            await asyncio.wait_for(again.wait(), 60)

    asyncio.run(story())
    assert world[TOWN].ledger.state(case)[0].steps
    lines = (world[VILLAGE].path / "log" / "banjian.log").read_text(encoding="utf-8").splitlines()
    assert any(json.loads(line).get("code") == "internal" for line in lines)
