"""Who is given a case: those to whom it was offered, whatever comes of it; nobody who only writes into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade.base.synctables import FEED
from ledger.facade.transfer.feeds import START, FeedPlace
from ledger.types import CaseId, StationId
from tests.sync.evil import EvilStation
from tests.sync.world import COUNTY, TOWN, TOWN_2, VILLAGE, VILLAGE_2, VILLAGE_3, World, settled


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, TOWN_2, VILLAGE, VILLAGE_3), tmp_path)
    yield made
    made.close()


def given(world: World, upper: StationId, audience: StationId) -> set[CaseId]:
    """Return the cases in what a station gives to one directly below it."""
    exchange = world[upper].exchange
    exchange.seal_heads()
    _, items, _ = exchange.feed_items(audience, FeedPlace(number=0, chain=START), limit=1_000)
    return {item.case_id for item in items}


@pytest.mark.parametrize(
    ("action", "facts", "role"),
    [
        ("adjudicate", {"reason": "因为"}, "window"),
        ("note", {}, "window"),
        ("take_over", {}, "window"),
        ("hand_over", {"to": VILLAGE_2}, "window"),
        ("hand_over", {"to": VILLAGE_2}, "officer"),
        ("accept", {}, "officer"),
    ],
)
def test_an_act_alone_does_not_bring_its_station_the_case(
    world: World, action: str, facts: dict[str, object], role: str
) -> None:
    case = world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    heads = world[TOWN].ledger.state(case)[0].heads
    evil = EvilStation(world)
    evil.add(
        evil.sign(action, facts, case_id=case, parents=heads, signer=world.key(VILLAGE_2, role))  # type: ignore[arg-type]
    )
    own = evil.add(evil.sign())
    assert evil.send() == []
    world.settle(VILLAGE, TOWN)
    assert given(world, TOWN, VILLAGE_2) == set()
    assert case in given(world, TOWN, VILLAGE)
    with world[TOWN].ledger.reading() as (tx, _):
        assert tx.size(evil.log_id.hex()) == 3
    # Its own case is another matter: what others do to that it is given.
    world.do(TOWN, "note", CaseId(own), role="officer")
    assert given(world, TOWN, VILLAGE_2) == {own}


def test_who_was_offered_a_case_sees_what_becomes_of_it(world: World) -> None:
    """Taken over at one station while the other took its offer back: both see both, and the end of it."""
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=VILLAGE_3)
    everybody = (VILLAGE, TOWN, TOWN_2, VILLAGE_3)
    world.settle(*everybody)
    world.do(VILLAGE_3, "take_over", case)
    world.do(VILLAGE, "recall_hand_over", case, reason="wrong_station")
    for _ in range(2):
        world.settle(*everybody)
    assert len({world.digest(station, case) for station in (*everybody, COUNTY)}) == 1
    acts = [step.act.action for step in world[COUNTY].ledger.state(case)[0].steps]
    assert sorted(acts) == ["hand_over", "recall_hand_over", "receive", "take_over"]
    assert case in given(world, TOWN_2, VILLAGE_3)


def test_an_offer_taken_back_is_told_to_whom_it_was_made(world: World) -> None:
    case = world.receive(VILLAGE)
    world.do(VILLAGE, "hand_over", case, to=VILLAGE_3)
    everybody = (VILLAGE, TOWN, TOWN_2, VILLAGE_3)
    world.settle(*everybody)
    assert world[VILLAGE_3].ledger.state(case)[0].offered_to == VILLAGE_3
    world.do(VILLAGE, "recall_hand_over", case, reason="wrong_station")
    world.settle(*everybody)
    assert world[VILLAGE_3].ledger.state(case)[0].offered_to == ""
    assert len({world.digest(station, case) for station in (*everybody, COUNTY)}) == 1


def test_a_machine_that_begins_anew_is_given_the_newest_cases_first(world: World) -> None:
    cases = []
    for applicant in ("甲", "乙", "丙"):
        cases.append(world.receive(VILLAGE, applicant=applicant))
        world.do(VILLAGE, "hand_over", cases[-1], to=TOWN)
        for place in world.places.values():
            place.clock.time_ms += 3_600_000
    world.settle(VILLAGE)
    for case in cases:
        world.do(TOWN, "take_over", case)
    world[VILLAGE].close()
    world.join(VILLAGE)
    world.sync(VILLAGE)
    with world[TOWN].ledger.store.read() as tx:
        given = [row[4] for row in tx.select(FEED, {"audience": VILLAGE}, order_by=("number",))]
    assert list(dict.fromkeys(given)) == cases[::-1]
