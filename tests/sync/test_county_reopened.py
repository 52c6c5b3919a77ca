"""A county that goes on in another merge log: who holds an older checkpoint of the one before comes along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.errors import RuleError
from ledger.facade.base.home import RESTORED_MARKER
from ledger.facade.base.synctables import SYNC_FINDINGS
from ledger.facade.logs.countyseen import INCONSISTENT, RESTORED, UNPROVEN
from ledger.facade.peering.between import accept_county_note, note_to_accept, sync_status
from ledger.facade.peering.countylink import CountyNews, CountyPlace
from ledger.formats.checkpoint import read_checkpoint
from ledger.store import schema
from ledger.types import StationId
from tests.sync.test_forks import copy, put_back
from tests.sync.world import COUNTY, TOWN, TOWN_2, VILLAGE, World, settled, signer

STATIONS = (TOWN, TOWN_2, VILLAGE)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(*STATIONS), tmp_path)
    yield made
    made.close()


def grow(world: World) -> None:
    """Let the county's merge log grow, without a session of anybody but the second township."""
    world.receive(TOWN_2)
    world.sync(TOWN_2)


def reopen(world: World, *, marker: bool = True) -> None:
    """Let the county give up its logs, as a machine that is not the one it was does, and open new ones."""
    county = world[COUNTY]
    county.close()
    if marker:
        (county.path / RESTORED_MARKER).touch()
    ledger = county.ledger
    ledger.open_county_log("registry", COUNTY, signer("root 0"))
    ledger.open_county_log("catalogue", COUNTY, world.registrar)
    ledger.open_county_log("merge", COUNTY, world.registrar)


def held(world: World, station: StationId) -> CountyPlace:
    found = world[station].exchange.county.held()
    assert found is not None
    return found


def merge_log(world: World) -> bytes:
    log = world[COUNTY].ledger.parts.merge_log.log
    assert log is not None
    return log.log_id


def told(world: World, station: StationId) -> set[str]:
    """Return what a station tells its people of county checkpoints, and what it keeps as evidence."""
    with world[station].ledger.store.read() as tx:
        codes = {str(row[0]) for row in tx.select(SYNC_FINDINGS, {})}
        kept = {str(row[5]) for row in tx.select(schema.COUNTY_CHECKPOINTS, {}) if row[5]}
    return {code for code in codes if code.startswith("merge.")} | kept


def test_a_township_with_an_older_checkpoint_comes_along(world: World) -> None:
    before = held(world, TOWN)
    grow(world)
    reopen(world)
    world.sync(TOWN)
    assert held(world, TOWN)[0] == merge_log(world) != before[0]
    assert told(world, TOWN) == set()
    grow(world)
    world.sync(TOWN)
    assert held(world, TOWN)[1] > 1 and told(world, TOWN) == set()


def test_a_township_that_was_away_while_the_county_began_anew_twice_comes_along(world: World) -> None:
    before = held(world, TOWN)
    for _ in range(2):
        grow(world)
        reopen(world)
    grow(world)
    for _ in range(3):
        world.sync(TOWN)
    assert held(world, TOWN)[0] == merge_log(world) != before[0]
    assert told(world, TOWN) == set()


@pytest.mark.parametrize("times", [1, 2])
def test_a_village_comes_along_behind_its_township(world: World, times: int) -> None:
    """The township has left the old log long before it hears what the village holds."""
    before = held(world, VILLAGE)
    for _ in range(times):
        grow(world)
        reopen(world)
        grow(world)
        for _ in range(3):
            world.sync(TOWN)
    world[TOWN].close()
    assert held(world, TOWN)[0] == merge_log(world) and held(world, VILLAGE) == before
    for _ in range(4):
        world.sync(VILLAGE)
        for _ in range(2):
            world.sync(TOWN)
    world.sync(VILLAGE)
    assert held(world, VILLAGE) == held(world, TOWN)
    assert told(world, VILLAGE) == told(world, TOWN) == set()


def test_a_village_that_makes_up_checkpoints_does_not_keep_its_township_from_its_own(world: World) -> None:
    old = held(world, VILLAGE)[0]
    grow(world)
    reopen(world)
    for _ in range(2):
        world.sync(TOWN)
    for number in range(1, 9):
        world[TOWN].exchange.county.heard_below(VILLAGE, (old, 10**6 + number))
        grow(world)
        world.sync(TOWN)
    world.sync(TOWN)
    world.sync(TOWN_2)
    assert held(world, TOWN)[0] == merge_log(world)
    assert held(world, TOWN)[1] > held(world, TOWN_2)[1] - 12
    assert told(world, TOWN) == set()


def test_older_news_that_come_late_say_nothing_new(world: World) -> None:
    """By stick: what the county wrote before it began anew, read where more is held, or the new log."""
    county = world[COUNTY].exchange.county
    small = county.news(held(world, TOWN), ())
    grow(world)
    county.merge()
    large = county.news(held(world, TOWN), ())
    assert small is not None and large is not None
    assert take(world, TOWN, large) == "" and held(world, TOWN)[1] == read_checkpoint(large.note).size
    assert take(world, TOWN, small) == ""
    reopen(world)
    world.sync(TOWN)
    new = held(world, TOWN)
    assert new[0] == merge_log(world)
    for late in (small, large, small):
        assert take(world, TOWN, late) == ""
    assert held(world, TOWN) == new and told(world, TOWN) == set()


def test_what_leads_into_the_new_log_must_be_proven(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    start = held(world, TOWN)
    grow(world)
    reopen(world)
    sync_all_but_news(world, monkeypatch)
    news = world[COUNTY].exchange.county.news(start, ())
    assert news is not None
    ((size, proof),) = news.proofs
    assert size == start[1]
    spoilt = replace(news, proofs=((size, (bytes(32), *proof[1:])),))
    assert take(world, TOWN, spoilt) == UNPROVEN
    assert held(world, TOWN) == start and told(world, TOWN) == {UNPROVEN}
    assert take(world, TOWN, news) == "" and held(world, TOWN)[0] == merge_log(world)
    with world[TOWN].ledger.store.read() as tx:
        assert not list(tx.select(SYNC_FINDINGS, {"code": UNPROVEN}))


def test_without_proof_nothing_leads_into_a_log_that_was_not_opened_after_a_restore(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = held(world, TOWN)
    grow(world)
    for path in (world[COUNTY].path / "secrets").glob("log-*.key"):
        path.unlink()
    reopen(world, marker=False)
    sync_all_but_news(world, monkeypatch)
    news = world[COUNTY].exchange.county.news(start, ())
    assert news is not None
    assert take(world, TOWN, replace(news, proofs=())) == UNPROVEN
    assert held(world, TOWN) == start and told(world, TOWN) == {UNPROVEN}


def test_a_county_that_goes_on_before_what_a_station_has_seen_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Restored without the word of anybody: it leaves out what was seen, and no proof can mend that."""
    image = copy(world, COUNTY, "image")
    grow(world)
    world.sync(TOWN)
    seen = held(world, TOWN)
    put_back(world, COUNTY, image)
    reopen(world)
    sync_all_but_news(world, monkeypatch)
    news = world[COUNTY].exchange.county.news(seen, ())
    assert news is not None
    assert take(world, TOWN, news) == INCONSISTENT
    assert held(world, TOWN) == seen and told(world, TOWN) == {INCONSISTENT}


def lose_leaves(world: World, *, keys: bool) -> CountyPlace:
    """Put the county back; one township proves how far it had come, and it goes on from there.

    A backup holds no keys of logs.
    """
    image = copy(world, COUNTY, "image")
    grow(world)
    for _ in range(2):
        world.sync(TOWN)
        world.sync(VILLAGE)
    grow(world)
    ahead = held(world, TOWN_2)
    put_back(world, COUNTY, image)
    (world[COUNTY].path / RESTORED_MARKER).touch()
    for path in () if keys else (world[COUNTY].path / "secrets").glob("log-*.key"):
        path.unlink()
    world.sync(TOWN_2)
    reopen(world)
    world.sync(TOWN_2)
    assert held(world, TOWN_2)[0] == merge_log(world) != ahead[0]
    return ahead


@pytest.mark.parametrize("keys", [True, False], ids=["an image", "a backup"])
def test_where_leaves_are_lost_stations_come_along_and_are_told(world: World, keys: bool) -> None:
    """One station proves how far the county had come; for the others, which hold less, there is no proof."""
    ahead, behind = lose_leaves(world, keys=keys), held(world, TOWN)
    assert behind[1] < ahead[1] and held(world, VILLAGE) == behind
    for _ in range(3):
        world.sync(TOWN)
        world.sync(VILLAGE)
    for station in (TOWN, VILLAGE):
        assert held(world, station)[0] == merge_log(world)
        assert told(world, station) == {RESTORED}
        accept_county_note(world[station].ledger)
        assert held(world, station)[0] == merge_log(world)
    grow(world)
    world.settle(TOWN, VILLAGE)
    assert held(world, VILLAGE) == held(world, TOWN)
    assert unsettled(world, TOWN) == unsettled(world, VILLAGE) == set()


def test_a_village_behind_its_township_comes_along_by_the_proofs_that_this_one_has(world: World) -> None:
    """The township has seen the end of the log that was given up, and holds what leads there."""
    image = copy(world, COUNTY, "image")
    grow(world)
    world.sync(TOWN)
    world.sync(VILLAGE)
    old = held(world, VILLAGE)
    grow(world)
    world.sync(TOWN)
    assert held(world, TOWN)[1] > old[1]
    put_back(world, COUNTY, image)
    (world[COUNTY].path / RESTORED_MARKER).touch()
    world.sync(TOWN)
    reopen(world)
    world.sync(TOWN)
    assert held(world, TOWN)[0] == merge_log(world)
    assert held(world, VILLAGE) == old
    for _ in range(2):
        world.sync(VILLAGE)
    assert held(world, VILLAGE)[0] == merge_log(world)
    assert told(world, TOWN) == told(world, VILLAGE) == set()


def test_people_decide_for_a_checkpoint_that_does_not_fit(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The county went on without the word of a station: it leaves out what that one had seen."""
    with pytest.raises(RuleError, match=r"county\.note_own"):
        accept_county_note(world[COUNTY].ledger)
    image = copy(world, COUNTY, "image")
    grow(world)
    world.sync(TOWN)
    seen = held(world, TOWN)
    put_back(world, COUNTY, image)
    reopen(world)
    world.sync(TOWN)
    assert held(world, TOWN) == seen and told(world, TOWN) == {INCONSISTENT}
    note = note_to_accept(world[TOWN].ledger)
    assert accept_county_note(world[TOWN].ledger, note) == note
    assert held(world, TOWN)[0] == merge_log(world)
    grow(world)
    world.sync(TOWN)
    assert held(world, TOWN)[1] > read_checkpoint(note).size
    assert unsettled(world, TOWN) == set() and told(world, TOWN) == {INCONSISTENT}
    assert verify_ledger(world[TOWN].path, trust=world[TOWN].ledger.ledger_id, workers=1).ok


def unsettled(world: World, station: StationId) -> set[str]:
    found = sync_status(world[station].ledger, station)
    return {one.code for one in found.findings if one.code.startswith("merge.")}


def sync_all_but_news(world: World, patched: pytest.MonkeyPatch) -> None:
    """Let the township take registry and catalogue and no county checkpoint."""
    with patched.context() as now:
        now.setattr(world[COUNTY].exchange.county, "news", lambda *_: None)
        world.sync(TOWN)


def take(world: World, station: StationId, news: CountyNews) -> str:
    return world[station].exchange.county.take(news, now_ms=1)
