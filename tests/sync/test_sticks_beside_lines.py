"""Sticks and a line at once: neither takes from the other what it has brought."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.facade.transfer.feedpace import RENEWED_MS, Renewals
from ledger.facade.transfer.feeds import START, FeedPlace, Feeds
from ledger.types import CaseId
from sync.core.framing import EXCERPT
from sync.core.giving import Budget
from sync.stick import bundlewriting
from tests.sync.sticks import StickWorld
from tests.sync.test_cut_requests import kinds
from tests.sync.world import TOWN, VILLAGE

CASES = 4
BEGIN = FeedPlace(number=0, chain=START)


def hand_over(world: StickWorld, number: int) -> CaseId:
    case = world.receive(TOWN, applicant=f"第{number}人")
    world.do(TOWN, "hand_over", case, to=VILLAGE)
    return case


def begun(world: StickWorld) -> None:
    world.join(TOWN)
    world.join(VILLAGE)
    world.settle(TOWN, VILLAGE)
    for number in range(CASES):
        hand_over(world, number)
    world.settle(VILLAGE)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[StickWorld]:
    made = StickWorld.after(begun, tmp_path / "world")
    yield made
    made.close()


def held(world: StickWorld) -> FeedPlace:
    return world[VILLAGE].exchange.held.feed_held(TOWN)


def excerpts(world: StickWorld) -> int:
    """Hold sessions until nothing more comes; returns how many excerpts came down."""
    found: list[int] = []
    while world.session(VILLAGE, down=kinds(found)).more:
        pass
    return found.count(EXCERPT)


def test_a_stick_that_nobody_carries_takes_nothing_from_the_line(world: StickWorld, tmp_path: Path) -> None:
    assert excerpts(world) == 0
    for number in range(3):
        world.export(TOWN, VILLAGE, tmp_path / f"{number}", everything=bool(number % 2))
        assert excerpts(world) == 0
        hand_over(world, CASES + number)
        assert excerpts(world) == 1
    assert held(world).number == world[TOWN].exchange.feed_size(VILLAGE)


def test_a_stick_goes_on_from_what_a_session_has_told(world: StickWorld, tmp_path: Path) -> None:
    excerpts(world)
    assert world[TOWN].exchange.carried.feed_told(VILLAGE) == held(world)
    case = hand_over(world, CASES)
    whole = world.export(TOWN, VILLAGE, tmp_path / "whole", everything=True)
    [path] = world.export(TOWN, VILLAGE, tmp_path / "stick")
    # Registry and catalogue are on both, for nothing confirmed them by stick.
    assert path.stat().st_size < whole[0].stat().st_size - 1_000
    world.take(VILLAGE, [path])
    assert held(world).number == world[TOWN].exchange.feed_size(VILLAGE)
    assert world[VILLAGE].ledger.state(case)[0].offered_to == VILLAGE
    assert excerpts(world) == 0


def test_an_older_stick_moves_no_place_back(world: StickWorld, tmp_path: Path) -> None:
    older = world.export(TOWN, VILLAGE, tmp_path / "older", everything=True)
    for number in range(3):
        hand_over(world, CASES + number)
    assert excerpts(world)
    before = held(world)
    world.take(VILLAGE, older)
    assert held(world) == before
    assert excerpts(world) == 0


def test_a_feed_made_anew_is_taken_up_by_stick(
    world: StickWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = held(world)
    exchange = world[TOWN].exchange
    with world[TOWN].ledger.store.write() as tx:
        exchange.feeds.begin_anew(tx, VILLAGE)
    exchange.feeds.catch_up(world[TOWN].ledger.store)
    exchange.feeds.renew(world[TOWN].ledger.store, VILLAGE)
    case = hand_over(world, CASES)
    monkeypatch.setattr(bundlewriting, "FEED_ITEMS_MAX", 3)
    world.take(VILLAGE, world.export(TOWN, VILLAGE, tmp_path / "stick", everything=True))
    assert held(world).number == exchange.feed_size(VILLAGE) > before.number
    assert excerpts(world) == 0
    assert world[VILLAGE].ledger.state(case)[0].offered_to == VILLAGE


def test_a_stick_moves_no_place_over_what_is_not_here(world: StickWorld, tmp_path: Path) -> None:
    village = world[VILLAGE]
    village.close()
    shutil.copytree(village.path, tmp_path / "disk")
    first = hand_over(world, CASES)
    assert excerpts(world) == 1
    excerpts(world)
    village.close()
    shutil.rmtree(village.path)
    shutil.copytree(tmp_path / "disk", village.path)
    before, second = held(world), hand_over(world, CASES + 1)
    world.take(VILLAGE, world.export(TOWN, VILLAGE, tmp_path / "stick"))
    assert world[VILLAGE].ledger.state(second)[0].offered_to == VILLAGE
    assert held(world) == before
    world.sync(VILLAGE)
    assert world[VILLAGE].ledger.state(first)[0].offered_to == VILLAGE


def test_who_begins_again_and_again_has_its_feed_put_in_order_once(
    world: StickWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    renew: Callable[..., None] = Feeds.renew

    def counted(self: Feeds, store: object, audience: str) -> None:
        calls.append(audience)
        renew(self, store, audience)

    monkeypatch.setattr(Feeds, "renew", counted)
    exchange = world[TOWN].exchange
    for _ in range(5):
        start, _, found = exchange.feed(VILLAGE, BEGIN, limit=Budget().feed_items)
        assert start == BEGIN and found
    assert calls == [VILLAGE]


def test_a_feed_is_put_in_order_again_when_something_has_come_and_a_while_has_passed() -> None:
    renewals, end = Renewals(), FeedPlace(number=3, chain=bytes(31) + b"\x01")
    further = replace(end, number=4)
    assert renewals.due(VILLAGE, end, now_ms=0)
    renewals.done(VILLAGE, end, now_ms=0)
    assert not renewals.due(VILLAGE, end, now_ms=RENEWED_MS)
    assert not renewals.due(VILLAGE, further, now_ms=RENEWED_MS - 1)
    assert renewals.due(VILLAGE, further, now_ms=RENEWED_MS)
    assert renewals.due(VILLAGE, further, now_ms=-1)
    assert renewals.due(TOWN, end, now_ms=1)


def test_a_gap_that_a_stick_fills_within_the_session_is_nobodys_business(
    world: StickWorld, tmp_path: Path
) -> None:
    """A moved station was told of a missing stretch in its first sync, although all of it had come."""
    world.receive(VILLAGE)
    place = world[VILLAGE]
    world.receive(VILLAGE, applicant="后来的人")
    held = place.exchange.held
    own = {state.log_id: state.size for state in held.states(held.scope(VILLAGE), county=False)}
    # It believes that the township has all but the last entry.
    place.guesses.sizes = {log_id: size - 1 for log_id, size in own.items()}

    def brought(answer: Iterator[bytes]) -> Iterator[bytes]:
        world.take(TOWN, world.export(VILLAGE, TOWN, tmp_path / "stick"))
        yield from answer

    done = world.session(VILLAGE, down=brought)
    assert [note.code for note in done.progress.notes] == [] and not done.more
    assert all(world[TOWN].exchange.held.size(log_id) == size for log_id, size in own.items())
