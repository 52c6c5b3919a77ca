"""What a session brings of a feed goes on although something else in the same answers was refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade import Command
from ledger.facade.base.synctables import SYNC_FINDINGS
from ledger.facade.logs.countyseen import INCONSISTENT
from ledger.facade.peering.between import accept_county_note
from ledger.types import CaseId, LogId, StationId
from sync.core.giving import Budget
from tests.sync.test_county_reopened import grow, held, merge_log, reopen
from tests.sync.test_forks import copy, put_back
from tests.sync.test_pins import END, findings, rot
from tests.sync.world import COUNTY, FELLING, TOWN, TOWN_2, VILLAGE, World, settled, signer


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, TOWN_2, VILLAGE), tmp_path)
    yield made
    made.close()


ACTS = 2
"""Of each case that is handed down: received, handed over."""


def handed_down(world: World, count: int = 3) -> list[CaseId]:
    """Let the county receive cases and hand them over to the township."""
    cases = [world.receive(COUNTY, applicant=f"新{number}") for number in range(count)]
    for case in cases:
        world.do(COUNTY, "hand_over", case, to=TOWN)
    return cases


def whole_feed(world: World) -> bool:
    """Whether the township has taken everything that the county has for it."""
    return world[TOWN].exchange.held.feed_held(COUNTY).number == world[COUNTY].exchange.feed_size(TOWN)


def taken(world: World) -> int:
    """Return how far the township has taken the feed of the county."""
    return world[TOWN].exchange.held.feed_held(COUNTY).number


def last_of(world: World, kind: str, station: StationId = TOWN) -> tuple[LogId, int]:
    (log,) = (one for one in world[station].ledger.logs() if one.kind == kind)
    return log.log_id, world[station].exchange.held.size(log.log_id)


def test_a_county_checkpoint_that_does_not_fit_holds_no_feed_up(world: World) -> None:
    """The county went on from last night's backup; one township has seen more, and comes when all is open."""
    image = copy(world, COUNTY, "image")
    grow(world)
    world.sync(TOWN)
    seen = held(world, TOWN)
    put_back(world, COUNTY, image)
    reopen(world)
    for _ in range(3):
        cases = handed_down(world)
        sessions = world.sync(TOWN)
        assert len(sessions) <= 2 and {note.code for one in sessions for note in one.notes} == {INCONSISTENT}
        assert [world.digest(TOWN, case) for case in cases] == [world.digest(COUNTY, case) for case in cases]
        assert whole_feed(world)
    assert held(world, TOWN) == seen
    # Three checkpoints of the county contradict what was seen: people are told of it once.
    with world[TOWN].ledger.store.read() as tx:
        assert tx.count(SYNC_FINDINGS, {"code": INCONSISTENT, "log": merge_log(world).hex()}) == 1
    accept_county_note(world[TOWN].ledger)
    grow(world)
    world.sync(TOWN)
    assert held(world, TOWN)[0] == merge_log(world)
    assert INCONSISTENT not in {one.code for one in findings(world, TOWN)}


@pytest.mark.parametrize("what", END)
def test_a_rotten_end_of_the_registry_holds_no_feed_up(world: World, what: str) -> None:
    """What cites the longer registry waits for it here, also acts of a clerk whom only new entries name."""
    log_id, seq = last_of(world, "registry")
    with rot(world, TOWN, log_id, seq, what):
        world.enrol(COUNTY, "window", "S99")
        cases = handed_down(world)
        noted = Command(
            action="note", station=COUNTY, case=cases[0], facts={"note_code": "asked"}, personal=None
        )
        world[COUNTY].ledger.perform(noted, signer("S99"))
        for _ in range(2):
            assert {one.code for done in world.sync(TOWN) for one in done.notes} == {"sync.rotten_above"}
            assert whole_feed(world)
    place = world[TOWN].exchange.held.feed_held(COUNTY)
    world.sync(TOWN)
    assert world[TOWN].exchange.held.feed_held(COUNTY) == place
    assert [world.digest(TOWN, case) for case in cases] == [world.digest(COUNTY, case) for case in cases]
    assert findings(world, TOWN) == []


@pytest.mark.parametrize("what", END)
def test_more_of_the_registry_than_an_answer_carries_holds_no_feed_up_where_it_cannot_be_taken(
    world: World, what: str
) -> None:
    """Each answer is full of what the township cannot take, but it is not given that for ever."""
    log_id, seq = last_of(world, "registry")
    budget, before = Budget(packages=1), taken(world)
    with rot(world, TOWN, log_id, seq, what):
        world.enrol(COUNTY, "window", "S99")
        cases = handed_down(world)
        for _ in range(4):
            requester = world.session(TOWN, budget=budget)
            assert {one.code for one in requester.progress.notes} == {"sync.rotten_above"}
        assert taken(world) == before + ACTS * len(cases)
        # One package is still tried each time, and what comes into the feed later comes as well.
        cases += handed_down(world)
        assert not world.session(TOWN, budget=budget).more
        assert taken(world) == before + ACTS * len(cases)
    world.sync(TOWN)
    assert [world.digest(TOWN, case) for case in cases] == [world.digest(COUNTY, case) for case in cases]
    assert findings(world, TOWN) == []


def test_a_rotten_end_of_the_catalogue_holds_no_feed_up(world: World) -> None:
    """What cites the newer catalogue waits for it here, and has not to come again."""
    log_id, seq = last_of(world, "catalogue")
    with rot(world, TOWN, log_id, seq, "frame"):
        cases = handed_down(world)
        catalogue = world[COUNTY].ledger.knowledge.catalogue
        code = next(one for one in catalogue.items(catalogue.size) if one != FELLING)
        world[COUNTY].ledger.publish("publish_items", {"items": [], "withdrawn": [code]}, world.registrar)
        cases += handed_down(world)
        world.sync(TOWN)
        assert whole_feed(world)
    place = world[TOWN].exchange.held.feed_held(COUNTY)
    world.sync(TOWN)
    assert world[TOWN].exchange.held.feed_held(COUNTY) == place
    assert [world.digest(TOWN, one) for one in cases] == [world.digest(COUNTY, one) for one in cases]
    assert findings(world, TOWN) == []
