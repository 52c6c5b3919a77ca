"""A registry or catalogue that was begun anew by mistake: it is named, and can be ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.calendars import shipped_facts
from ledger.errors import StoreError
from ledger.facade import Ledger
from ledger.facade.logs.succession import Succession
from ledger.facade.peering.between import stations_behind
from ledger.types import LogId
from stations.checkup.doctor import examine
from stations.config import StationConfig
from tests.second_reader.test_synced_ledgers import agreed
from tests.sync.world import COUNTY, TOWN, VILLAGE, World, settled, signer


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    settled(TOWN, VILLAGE)(made)
    yield made
    made.close()


def heads(world: World, kind: str) -> list[str]:
    """Return what doctor says of the county's own logs of a kind."""
    ledger = world[COUNTY].ledger
    checks = examine(
        ledger.home, StationConfig(station=COUNTY), ledger, now_ms=ledger.clock.now_ms(), thorough=False,
        key_fits=True,
    )  # fmt: skip
    return sorted(one.code for one in checks if one.name == "head" and f"{kind} " in str(one.params["log"]))


def own_log(ledger: Ledger, kind: str) -> LogId:
    return next(log.log_id for log in ledger.logs() if log.own and log.kind == kind and not log.doubt)


def begun_anew(world: World, monkeypatch: pytest.MonkeyPatch, kind: str) -> LogId:
    """Do what an earlier version did when the county had given up its logs: open one without parent."""
    ledger = world[COUNTY].ledger
    world[COUNTY].exchange.give_up(own_log(ledger, kind), "log.upstream_other")
    with monkeypatch.context() as patch:
        patch.setattr(Succession, "predecessor", lambda *_: None)
        patch.setattr(Succession, "is_begun", lambda *_: False)
        patch.setattr("ledger.facade.opened.county.check_founded", lambda _: None)
        key = signer("root 0") if kind == "registry" else world.registrar
        return ledger.open_county_log(kind, COUNTY, key)  # type: ignore[arg-type]


def test_a_registry_is_never_begun_anew_where_none_is_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = world[COUNTY].ledger
    world[COUNTY].exchange.give_up(own_log(ledger, "registry"), "log.upstream_other")
    before = len(ledger.logs())
    monkeypatch.setattr(Succession, "predecessor", lambda *_: None)
    monkeypatch.setattr(Succession, "is_begun", lambda *_: False)
    with pytest.raises(StoreError) as caught:
        ledger.open_county_log("registry", COUNTY, signer("root 0"))
    assert caught.value.code == "log.not_first" and len(ledger.logs()) == before


def test_a_mistaken_registry_is_named_refused_and_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = begun_anew(world, monkeypatch, "registry")
    for place in (world[COUNTY], world[TOWN]):
        place.close()
    ledger = world[COUNTY].ledger
    assert heads(world, "registry") == ["doctor.county_log_doubt", "doctor.log_beside"]
    with pytest.raises(StoreError) as caught:
        world.enrol(VILLAGE, "window", "S99")
    assert caught.value.code == "log.beside_chain"
    assert next(log.size for log in ledger.logs() if log.log_id == wrong) == 1
    # The stations take it as they take any log of the county, and go by the one that counts.
    world.settle(TOWN, VILLAGE)
    right = ledger.open_county_log("registry", COUNTY, signer("root 0"))
    assert heads(world, "registry") == [
        "doctor.head_new",
        "doctor.log_beside_ended",
        "doctor.log_continued",
    ]
    assert stations_behind(ledger, COUNTY) == []
    world.enrol(VILLAGE, "window", "S99")
    world[COUNTY].close()
    assert heads(world, "registry") == [
        "doctor.head_new",
        "doctor.log_beside_ended",
        "doctor.log_continued",
    ]
    world.settle(TOWN, VILLAGE)
    key = signer("S99").key_id
    for station in (COUNTY, TOWN, VILLAGE):
        registry = world[station].ledger.knowledge.registry
        assert registry.public_key(key) is not None
        assert world[station].exchange.held.size(right) > 1
    # Nobody asks for the rest of it.
    assert all(end.log_id != wrong for end in world[COUNTY].exchange.lost_ends())
    world.close()
    found = verify_ledger(world[COUNTY].path, trust=world.genesis.ledger_id(), workers=1)
    assert found.ok and "ledger.second_registry" in {one.code for one in found.findings}


def a_second_catalogue(world: World, monkeypatch: pytest.MonkeyPatch, *, counts: bool) -> LogId:
    """Begin a catalogue anew, with an id by which it counts, or does not."""
    place = world[COUNTY]
    right = own_log(place.ledger, "catalogue")
    with monkeypatch.context() as patch:
        patch.setattr(Succession, "predecessor", lambda *_: None)
        patch.setattr(Succession, "is_begun", lambda *_: False)
        for _ in range(64):
            before = place.randomness.count
            drafts = place.ledger.parts.county.drafts
            drafted = drafts.new_log(world.genesis.ledger_id(), "catalogue", COUNTY).log_id()
            if (drafted < right) == counts:
                break
        place.randomness.count = before
    wrong = begun_anew(world, monkeypatch, "catalogue")
    assert wrong == drafted
    return wrong


def catalogue_sizes(world: World) -> set[int]:
    return {world[station].ledger.knowledge.catalogue.size for station in (COUNTY, TOWN, VILLAGE)}


@pytest.mark.parametrize("counts", [False, True])
def test_a_mistaken_catalogue_is_named_and_ended_whichever_of_both_counts(
    world: World, monkeypatch: pytest.MonkeyPatch, counts: bool
) -> None:
    (size,) = catalogue_sizes(world)
    right = own_log(world[COUNTY].ledger, "catalogue")
    case = world.receive(VILLAGE)
    world.settle(VILLAGE, TOWN)
    digest = world.digest(COUNTY, case)
    wrong = a_second_catalogue(world, monkeypatch, counts=counts)
    world.settle(TOWN, VILLAGE)
    assert catalogue_sizes(world) == {1 if counts else size}
    ledger = world[COUNTY].ledger
    named = "doctor.log_not_counted" if counts else "doctor.log_beside"
    assert named in heads(world, "catalogue")
    if counts:
        with pytest.raises(StoreError, match=r"log\.open"):
            ledger.open_county_log("catalogue", COUNTY, world.registrar)
    note = ledger.home.sentinel_path(right).read_bytes()
    new = ledger.open_county_log("catalogue", COUNTY, world.registrar, newest=note)
    world.settle(TOWN, VILLAGE)
    assert catalogue_sizes(world) == {size + 1}
    assert heads(world, "catalogue") == ["doctor.head", "doctor.log_beside_ended", "doctor.log_continued"]
    ledger.publish("publish_calendar", {**shipped_facts()[0], "version": 2}, world.registrar)
    assert world[COUNTY].exchange.held.size(new) == 2 and world[COUNTY].exchange.held.size(wrong) == 1
    world.settle(TOWN, VILLAGE)
    assert {world.digest(station, case) for station in (COUNTY, TOWN, VILLAGE)} == {digest}
    for station in (COUNTY, TOWN):
        world[station].close()
        assert "ledger.second_catalogue" in dict(agreed(world[station].path))
