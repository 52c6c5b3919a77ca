"""Conditions of a few words: without any one of them something is lost, waits for ever or is told wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade.logs.heldstates import branch_name
from ledger.facade.peering import exchange, room
from ledger.facade.transfer.feeds import START, FeedPlace
from ledger.store import schema
from ledger.types import CaseId, LogId, StationId
from sync.core.framing import BRANCH, EXCERPT, PACKAGE
from sync.core.giving import Budget
from tests.sync.test_cut_requests import kinds
from tests.sync.test_forks import clone, copy, put_back
from tests.sync.test_moved_stations import move
from tests.sync.world import COUNTY, TOWN, TOWN_2, VILLAGE, World, settled

BEGIN = FeedPlace(number=0, chain=START)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


def own_log(world: World, station: StationId) -> LogId:
    return next(one.log_id for one in world[station].ledger.logs() if one.kind == "station" and one.own)


def lost_above(world: World, notes: int) -> CaseId:
    """Let township and county lose what the village holds of the township's work; returns its case."""
    case = world.receive(VILLAGE, applicant="乙")
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.settle(VILLAGE, TOWN)
    images = {station: copy(world, station, f"image {station}") for station in (TOWN, COUNTY)}
    world.do(TOWN, "take_over", case)
    for _ in range(notes):
        world.do(TOWN, "note", case)
    world.sync(VILLAGE)
    for station, image in images.items():
        put_back(world, station, image)
    world.sync(VILLAGE)
    return case


def test_a_feed_begun_anew_leaves_out_what_concerns_nobody_below_any_more(world: World) -> None:
    case = world.receive(COUNTY)
    world.do(COUNTY, "hand_over", case, to=VILLAGE)
    other = world.receive(COUNTY, applicant="李四")
    world.do(COUNTY, "hand_over", other, to=TOWN)
    county = world[COUNTY].exchange
    county.seal_heads()
    _, items, _ = county.feed_items(TOWN, BEGIN, limit=100)
    assert {one.case_id for one in items} == {case, other}
    move(world, VILLAGE, TOWN_2)
    county.feed(TOWN, BEGIN, limit=100)
    _, items, _ = county.feed_items(TOWN, BEGIN, limit=100)
    assert {one.case_id for one in items} == {other}


def test_who_holds_the_beginning_of_a_known_branch_is_given_a_receipt_for_it(world: World) -> None:
    world.receive(VILLAGE, applicant="甲")
    world.sync(VILLAGE)
    image = copy(world, VILLAGE, "image")
    world.receive(VILLAGE, applicant="乙")
    world.sync(VILLAGE)
    world[VILLAGE].close()
    second = world.places[VILLAGE] = clone(world, VILLAGE, image)
    world.receive(VILLAGE, applicant="丙")
    second.exchange.seal_heads()
    third = clone(world, VILLAGE, copy(world, VILLAGE, "third"))
    world.receive(VILLAGE, applicant="丁")
    world.sync(VILLAGE)
    (branch,) = world[TOWN].exchange.held.branches(frozenset({VILLAGE}))
    second.close()
    world.places[VILLAGE] = third
    size = third.exchange.held.size(branch.log_id)
    assert size == branch.size - 1
    # As it sends its history again, by an older guess or on a stick.
    world.session(VILLAGE, [(branch.log_id, branch.first_seq - 1)])
    assert third.exchange.held.waiting(TOWN) == (0, 0)
    name = branch_name(branch.log_id, branch.first_hash)
    with world[TOWN].ledger.store.read() as tx:
        assert {row[1] for row in tx.select(schema.RECEIPTS, {"log": name})} == {size, size + 1}


def test_single_records_that_one_request_cannot_carry_are_not_taken_for_given(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = lost_above(world, 4)
    expected = world.digest(VILLAGE, case)
    monkeypatch.setattr(exchange, "CARRIED_BYTES", 1)
    for _ in range(20):
        if not world.session(TOWN, budget=Budget(packages=2)).more:
            break
    assert world.digest(COUNTY, case) == expected


def test_single_records_that_were_refused_still_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    case = lost_above(world, 1)
    expected, before = world.digest(VILLAGE, case), world[TOWN].exchange.held.waiting(COUNTY)
    assert before[0] > 0
    with monkeypatch.context() as full:
        full.setattr(room, "STATION_HISTORIES_MAX", 0)
        refused = world.session(TOWN).progress.notes
    assert {one.code for one in refused} == {"sync.too_many_logs"}
    assert world[TOWN].exchange.held.waiting(COUNTY) == before
    world.sync(TOWN)
    assert world[TOWN].exchange.held.waiting(COUNTY)[0] == 0
    assert world.digest(COUNTY, case) == expected


def test_a_branch_waits_for_what_lies_before_it(world: World) -> None:
    for name in "甲乙丙":
        world.receive(VILLAGE, applicant=name)
        world[VILLAGE].exchange.seal_heads()
        world.sync(VILLAGE)
    log_id, image = own_log(world, VILLAGE), copy(world, VILLAGE, "image")
    world.receive(VILLAGE, applicant="丁")
    world.sync(VILLAGE)
    world[VILLAGE].close()
    world.places[VILLAGE] = clone(world, VILLAGE, image)
    world.receive(VILLAGE, applicant="戊")
    world.sync(VILLAGE)
    (branch,) = world[TOWN].exchange.held.branches(frozenset({VILLAGE}))
    assert branch.log_id == log_id
    # The county asks for the opening alone, and that is the first of three packages.
    world[TOWN].guesses.unopened = frozenset({log_id})
    sent: list[int] = []
    small = Budget(package_bytes=1)
    requester = world.session(TOWN, up=kinds(sent), budget=small)
    assert PACKAGE in sent and BRANCH not in sent
    assert requester.progress.notes == [] and requester.more
    world.sync(TOWN, budget=small)
    assert world[COUNTY].exchange.held.branches(frozenset({VILLAGE})) == [branch]


def test_the_feed_comes_behind_the_whole_registry(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.join(TOWN)
    case = world.receive(COUNTY)
    world.do(COUNTY, "hand_over", case, to=TOWN)
    down: list[int] = []
    small = Budget(packages=1)
    requester = world.session(TOWN, down=kinds(down), budget=small)
    assert PACKAGE in down and EXCERPT not in down
    assert requester.more and requester.progress.notes == []
    assert world[TOWN].exchange.held.feed_held(COUNTY) == BEGIN
    world.sync(TOWN, budget=small)
    assert world[TOWN].ledger.state(case)[0].offered_to == TOWN
    world.close()
