"""County checkpoints mixed of two merge logs, made up, or of a log that nobody opened, move nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.errors import BanjianError, DataError
from ledger.facade.base.types import SignedAct
from ledger.facade.logs.countyseen import newest_seen
from ledger.registry import actions as registry_actions
from ledger.types import LogId
from tests.sync.test_county_reopened import grow, held, merge_log, reopen, sync_all_but_news, take, told
from tests.sync.test_county_seen import give, merge_successor, take_checkpoint
from tests.sync.world import COUNTY, TOWN, TOWN_2, VILLAGE, World, settled


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, TOWN_2, VILLAGE), tmp_path)
    yield made
    made.close()


def test_a_checkpoint_of_one_merge_log_with_the_opening_of_another_is_refused_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, county = held(world, TOWN), world[COUNTY].exchange.county
    grow(world)
    county.merge()
    before = county.news(start, ())
    reopen(world)
    sync_all_but_news(world, monkeypatch)
    after = world[COUNTY].exchange.county.news(start, ())
    assert before is not None and after is not None
    for mixed in (replace(after, note=before.note), replace(before, note=after.note)):
        with pytest.raises(DataError, match=r"merge\.unknown_log"):
            take(world, TOWN, mixed)
        assert held(world, TOWN) == start and told(world, TOWN) == set()
        assert merge_log(world).hex() not in world[TOWN].ledger.parts.holdings.logs
    assert take(world, TOWN, after) == "" and held(world, TOWN)[0] == merge_log(world)


def test_what_is_asked_in_the_name_of_a_village_proves_nothing_for_oneself(world: World) -> None:
    """The village holds as many entries of the log before as the township holds of the one that counts."""
    old = held(world, VILLAGE)[0]
    for _ in range(4):
        grow(world)
    reopen(world)
    for _ in range(2):
        world.sync(TOWN)
    now = held(world, TOWN)
    assert now[0] == merge_log(world) != old
    world[TOWN].exchange.county.heard_below(VILLAGE, (old, now[1]))
    for _ in range(3):
        grow(world)
        world.session(TOWN)
        assert told(world, TOWN) == set()
    assert held(world, TOWN)[1] > now[1]


def test_nothing_is_asked_in_the_name_of_a_log_that_the_county_never_continued(world: World) -> None:
    county = world[TOWN].exchange.county
    for number, size in enumerate((1, 10**6)):
        county.heard_below(VILLAGE, (LogId(bytes([number]) * 16), size))
    for _ in range(4):
        place, sizes = county.question()
        assert place == held(world, TOWN) and 10**6 not in sizes


def test_whoever_holds_a_log_that_nobody_knows_is_proven_nothing_by_its_size(world: World) -> None:
    place, county = held(world, TOWN), world[COUNTY].exchange.county
    known, unknown = county.news(place, ()), county.news((LogId(bytes(16)), place[1]), ())
    assert known is not None and unknown is not None
    assert [size for size, _ in known.proofs] == [place[1]]
    assert unknown.proofs == ()


@pytest.mark.parametrize("honest", [True, False], ids=["signed", "in the name of the registrar"])
def test_a_merge_log_that_the_registrar_did_not_open_moves_nothing(world: World, honest: bool) -> None:
    village = world[VILLAGE].ledger
    with village.store.read() as tx:
        seen = newest_seen(tx)
    assert seen is not None
    made = merge_successor(world, held(world, VILLAGE)[0], seen.size, seen.root)
    facts = registry_actions.open_log(genesis=made.genesis.pack())
    opening = made.sign("open_log", facts, signer=world.registrar)
    made.add(opening if honest else SignedAct(raw=opening.raw, sig=bytes(64), facts=opening.facts))
    give(world, VILLAGE, made.excerpt([1]))
    if honest:
        assert take_checkpoint(village, made.package().checkpoint, ()).code == ""
    else:
        with pytest.raises(BanjianError, match=r"act\.signature"):
            take_checkpoint(village, made.package().checkpoint, ())
    with village.store.read() as tx:
        assert (newest_seen(tx) == seen) is not honest
