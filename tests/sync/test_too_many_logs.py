"""One station that opens log after log, or forks them, comes to an end; its township goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.facade.logs.heldstates import BranchState, LogState, ReceiptLine
from ledger.facade.transfer.feeds import START, FeedPlace
from ledger.formats.checkpoint import Checkpoint, cosign, log_origin, receipt_name
from ledger.formats.genesis import LogGenesis
from ledger.formats.keys import Ed25519Signer
from ledger.limits import INT_MAX, SPENT_HISTORIES_MAX, STATION_HISTORIES_MAX
from ledger.registry import actions as registry_actions
from ledger.types import LogId
from sync.core.framing import HEADER_BYTES_MAX
from sync.core.messages import Answer, decode_answer
from tests.sync.evil import EvilStation, heir
from tests.sync.world import COUNTY, START_MS, TOWN, VILLAGE, VILLAGE_2, World, settled

STATIONS = 40
REFUSED = ["sync.too_many_logs"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    return made


def _another_log(world: World, number: int) -> EvilStation:
    evil = EvilStation(world)
    evil.key = Ed25519Signer.from_seed(number.to_bytes(32, "big"))
    evil.genesis = LogGenesis(
        ledger_id=world.genesis.ledger_id(), kind="station", station=VILLAGE_2,
        log_public_key=evil.key.public_key, reason="first", nonce=number.to_bytes(16, "big"),
        parent_log=b"", parent_size=0, parent_root=b"",
    )  # fmt: skip
    evil.log_id = evil.genesis.log_id()
    evil.lines = []
    evil.add(evil.sign("open_log", registry_actions.open_log(genesis=evil.genesis.pack())))
    return evil


def _fork(evil: EvilStation, number: int) -> EvilStation:
    other = evil.history(evil.lines[:1])
    other.add(other.sign(occurred_at_ms=START_MS + number))
    return other


def _at_work(world: World) -> None:
    honest = world.receive(VILLAGE)
    world.sync(VILLAGE)
    world.sync(TOWN)
    assert world.digest(COUNTY, honest) == world.digest(VILLAGE, honest)


def test_no_more_logs_than_the_limit_are_taken(world: World) -> None:
    logs = [_another_log(world, number) for number in range(STATION_HISTORIES_MAX + 2)]
    refused = [one.send() for one in logs]
    assert refused == [[]] * STATION_HISTORIES_MAX + [REFUSED] * 2
    logs[0].add(logs[0].sign())
    assert logs[0].send(first=2) == []
    assert logs[0].send(first=2, diverges=True) == []
    assert world[TOWN].exchange.held.genesis(logs[-1].log_id) is None
    _at_work(world)
    assert len(world[COUNTY].exchange.held.states(frozenset({VILLAGE_2}), county=False)) == len(logs) - 2


def test_a_registrar_makes_room_by_ending_the_key_that_was_abused(world: World) -> None:
    """What was under way under that key can come too, and whoever has it fills no room but its own."""
    logs = [_another_log(world, number) for number in range(SPENT_HISTORIES_MAX + 2)]
    under_way = logs[STATION_HISTORIES_MAX]
    assert [one.send() for one in logs[: STATION_HISTORIES_MAX + 1]] == [[]] * STATION_HISTORIES_MAX + [
        REFUSED
    ]
    fresh = heir(world, b"", opener=world.key(VILLAGE_2, "officer"), number=999)
    assert fresh.send() == REFUSED
    abused = world.key(VILLAGE_2, "window").key_id
    facts = registry_actions.retire_key(key_id=abused, reason="compromised", log_sizes=[])
    world[COUNTY].ledger.register("retire_key", facts, world.registrar)
    world.sync(TOWN)
    assert [under_way.send(), fresh.send()] == [[], []]
    refused = [one.send() for one in logs[STATION_HISTORIES_MAX + 1 :]]
    room = SPENT_HISTORIES_MAX - STATION_HISTORIES_MAX - 1
    assert refused == [[]] * room + [REFUSED] * 2
    assert _fork(logs[0], 1).send(diverges=True) == []
    more = _fork(logs[0], 2)
    more.add(more.sign(occurred_at_ms=START_MS + 7))
    assert more.send(diverges=True) == REFUSED
    fresh.add(fresh.sign(signer=world.key(VILLAGE_2, "officer")))
    assert fresh.send(first=2) == []
    assert heir(world, b"", opener=world.key(VILLAGE_2, "officer"), number=1000).send() == []
    _at_work(world)
    county = world[COUNTY].exchange.held.states(frozenset({VILLAGE_2}), county=False)
    assert fresh.log_id in [state.log_id for state in county]


def test_histories_count_as_logs_do(world: World) -> None:
    evil = _another_log(world, 0)
    forks = [_fork(evil, number) for number in range(STATION_HISTORIES_MAX + 1)]
    assert forks[0].send() == []
    # The log, and its divergent histories beside it.
    refused = [one.send(diverges=True) for one in forks[1:]]
    assert refused == [[]] * (STATION_HISTORIES_MAX - 1) + [REFUSED]
    assert _another_log(world, 1).send() == REFUSED
    # Every history that is held goes on, the log as well.
    for held in (forks[0], forks[5]):
        held.add(held.sign())
        assert held.send(diverges=True) == []
    assert len(world[TOWN].exchange.held.branches(frozenset({VILLAGE_2}))) == STATION_HISTORIES_MAX - 1
    _at_work(world)


@pytest.mark.parametrize("forked", [False, True])
def test_the_header_of_a_large_township_stays_below_its_limit(world: World, forked: bool) -> None:
    count = STATIONS * STATION_HISTORIES_MAX
    ids = [LogId(number.to_bytes(16, "big")) for number in range(count)]
    key = Ed25519Signer.from_seed(bytes(32))
    checkpoint = Checkpoint(origin=log_origin(ids[0]), size=INT_MAX, root=bytes(32))
    line = cosign(checkpoint, receipt_name(COUNTY), key, time_s=START_MS // 1000)
    place = FeedPlace(number=INT_MAX, chain=START)
    answer = Answer(
        ledger_id=world.genesis.ledger_id(), station=COUNTY, answered_at_ms=START_MS, version="v" * 64,
        logs=() if forked else tuple(LogState(one, INT_MAX, bytes(32)) for one in ids),
        branches=tuple(BranchState(one, bytes(32), INT_MAX, INT_MAX, bytes(32)) for one in ids if forked),
        forks=(), refused=(), wanted=(),
        receipts=tuple(ReceiptLine(one, INT_MAX, line) for one in ids for _ in range(2)), county=None,
        feed_start=place, feed_end=place, feed_size=INT_MAX, more=False,
    )  # fmt: skip
    raw = answer.pack()
    assert len(raw) <= count * 465 < HEADER_BYTES_MAX
    assert decode_answer(raw) == answer
