"""A log that names somebody else's log as the one that it continues takes nothing away from anybody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import StoreError
from ledger.formats.excerpt import ExcerptContent, encode_excerpt
from ledger.formats.frame import split_frame
from ledger.formats.merkle import Tree, leaf_hash
from ledger.formats.package import encode_package
from ledger.types import LogId, StationId
from sync.core.framing import ANSWER, EXCERPT, PACKAGE, Splitter, encode_section
from tests.second_reader.test_synced_ledgers import agreed
from tests.sync.evil import EvilStation, heir
from tests.sync.sticks import StickWorld
from tests.sync.test_forks import findings
from tests.sync.world import COUNTY, TOWN, VILLAGE, VILLAGE_2, World, signer

FOREIGN = "log.foreign_parent"


def with_cases(world: StickWorld) -> None:
    """Let the stations join, and two of them receive a case."""
    for station in (TOWN, VILLAGE, VILLAGE_2):
        world.join(station)
    world.settle(TOWN, VILLAGE)
    world.receive(VILLAGE, applicant="甲")
    world.receive(TOWN, applicant="乙")
    world.settle(VILLAGE, TOWN)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = StickWorld(tmp_path)
    with_cases(made)
    yield made
    made.close()


def open_logs(world: World, station: StationId) -> dict[LogId, str]:
    """Return the logs that a station goes on writing, with their kinds."""
    held = world[station].exchange.held
    return {log.log_id: log.kind for log in world[station].ledger.logs() if held.is_open_own(log.log_id)}


def audit_codes(world: World, station: StationId) -> dict[str, str]:
    """Return codes and severities of what audit and second reader both find in a station's ledger."""
    world[station].close()
    return dict(agreed(world[station].path))


def injected(kind: int, payload: bytes):  # type: ignore[no-untyped-def]
    """Return what puts one more section right behind the first one of an answer."""

    def down(sections: Iterator[bytes]) -> Iterator[bytes]:
        for raw in sections:
            yield raw
            if next(Splitter().feed(raw)).kind == ANSWER:
                yield encode_section(kind, payload)

    return down


def as_excerpt(evil: EvilStation) -> bytes:
    """Return the first entry of a log as an excerpt."""
    content, line = evil.package(), evil.lines[0]
    tree = Tree()
    tree.extend([leaf_hash(split_frame(line.frame).entry_raw)])
    return encode_excerpt(
        ExcerptContent(
            log_id=evil.log_id, checkpoint=content.checkpoint, positions=(1,), frames=(line.frame,),
            nodes=(), facts=(line.facts,), personal=(b"",),
        )
    )  # fmt: skip


def test_a_log_that_nobody_of_the_station_opened_is_refused(world: World) -> None:
    before = {station: open_logs(world, station) for station in (COUNTY, TOWN)}
    victims = [log for logs in before.values() for log in logs]
    nobody = signer("nobody at all")
    assert set(before[COUNTY].values()) == {"registry", "catalogue", "merge", "station"}
    for number, victim in enumerate(victims, start=1):
        evil = heir(world, victim, opener=nobody, number=number)
        assert evil.send() == ["sync.log_opening"]
        assert world[TOWN].exchange.held.genesis(evil.log_id) is None
    world.sync(VILLAGE_2)
    assert [pair for one in world.sync(TOWN) for pair in one.sealed] == []
    assert {station: open_logs(world, station) for station in (COUNTY, TOWN)} == before


def test_a_log_of_another_station_or_kind_is_kept_and_continues_nothing(world: World) -> None:
    """Its clerk may open logs of the village; that says nothing about anybody else's."""
    stations = (COUNTY, TOWN, VILLAGE)
    before = {station: open_logs(world, station) for station in stations}
    victims = [log for logs in before.values() for log in logs]
    logs = [heir(world, victim, number=number) for number, victim in enumerate(victims, start=1)]
    assert [one.send() for one in logs] == [[]] * len(victims)
    world.settle(VILLAGE_2, TOWN, VILLAGE)
    assert {station: open_logs(world, station) for station in stations} == before
    world.enrol(VILLAGE, "window", "S99")
    for station in (TOWN, COUNTY):
        assert FOREIGN in findings(world, station)
        assert all(world[station].exchange.held.genesis(one.log_id) is not None for one in logs)
    honest = world.receive(VILLAGE, applicant="丙")
    world.settle(VILLAGE, TOWN)
    assert world.digest(COUNTY, honest) == world.digest(VILLAGE, honest)
    for station in (TOWN, COUNTY):
        codes = audit_codes(world, station)
        assert codes[FOREIGN] == "warning"
        assert "error" not in codes.values()


def test_a_neighbour_takes_nothing_away_with_a_case_that_it_hands_over(world: World) -> None:
    (mine,) = open_logs(world, VILLAGE)
    evil = heir(world, mine)
    made = evil.sign()
    case = evil.add(made)
    evil.add(evil.sign("hand_over", {"to": VILLAGE}, case_id=case, parents=(made.act_id,)))
    assert evil.send() == []
    assert [pair for one in world.sync(VILLAGE) for pair in one.sealed] == []
    assert world[VILLAGE].exchange.held.genesis(evil.log_id) is not None
    assert open_logs(world, VILLAGE) == {mine: "station"}
    assert FOREIGN in findings(world, VILLAGE)


@pytest.mark.parametrize("way", ["package", "excerpt"])
def test_a_station_above_takes_nothing_away_without_a_clerk(world: World, way: str) -> None:
    """A successor of the village's own log, of its own kind, but opened by a key that nobody enrolled."""
    (mine,) = open_logs(world, VILLAGE)
    evil = heir(world, mine, station=VILLAGE, opener=signer("nobody at all"))
    given = encode_package(evil.package()) if way == "package" else as_excerpt(evil)
    more = world.receive(TOWN, applicant="丁")
    world.do(TOWN, "hand_over", more, to=VILLAGE)
    kind = PACKAGE if way == "package" else EXCERPT
    progress = world.session(VILLAGE, down=injected(kind, given)).progress
    assert progress.sealed == []
    assert [note.code for note in progress.notes] == (["sync.log_opening"] if way == "package" else [])
    assert open_logs(world, VILLAGE) == {mine: "station"}
    assert world[VILLAGE].exchange.lost_ends() == []
    # Nothing else was held up by it.
    assert world.digest(VILLAGE, more) == world.digest(TOWN, more)
    assert world[VILLAGE].exchange.held.feed_held(TOWN).number == progress.feed_size


def test_a_successor_that_a_clerk_of_the_station_opened_is_proof_of_a_second_machine(world: World) -> None:
    (mine,) = open_logs(world, VILLAGE)
    evil = heir(world, mine, station=VILLAGE)
    sealed = world.session(VILLAGE, down=injected(PACKAGE, encode_package(evil.package()))).progress.sealed
    assert sealed == [(mine, "log.upstream_other")]


def test_an_opening_that_cites_a_longer_registry_waits_for_it(world: World) -> None:
    size = world[TOWN].ledger.knowledge.registry.size
    world.enrol(VILLAGE_2, "window", "S99")
    late = signer("S99")
    cited = world[COUNTY].ledger.knowledge.registry.size
    evil = heir(world, b"\1" * 16, opener=late, registry_size=cited)
    assert evil.send() == ["sync.registry_behind"]
    assert world[TOWN].ledger.knowledge.registry.size == size
    world.sync(TOWN)
    assert evil.send() == []
    assert heir(world, b"\1" * 16, opener=late, registry_size=size, number=2).send() == ["sync.log_opening"]


@pytest.mark.parametrize("kind", ["registry", "catalogue"])
def test_a_county_log_is_continued_whatever_names_it_as_its_parent(world: World, kind: str) -> None:
    before = open_logs(world, COUNTY)
    (victim,) = (log for log, found in before.items() if found == kind)
    assert heir(world, victim).send() == []
    world.sync(TOWN)
    ledger, size = world[COUNTY].ledger, world[COUNTY].ledger.knowledge.registry.size
    world[COUNTY].exchange.give_up(victim, "log.restored")
    opener = signer("root 0") if kind == "registry" else world.registrar
    opened = ledger.parts.county.open_log(kind, COUNTY, opener)  # type: ignore[arg-type]
    assert (opened.genesis.reason, opened.genesis.parent_log) == ("restored", victim)
    assert ledger.knowledge.registry.size == size + (kind == "registry")
    world.enrol(VILLAGE, "window", "S99")
    world.settle(TOWN, VILLAGE)
    assert world[VILLAGE].ledger.knowledge.registry.size == ledger.knowledge.registry.size
    assert set(before) - set(open_logs(world, COUNTY)) == {victim}


@pytest.mark.parametrize("kind", ["registry", "catalogue"])
def test_registry_and_catalogue_begin_once(world: World, kind: str) -> None:
    ledger = world[VILLAGE].ledger
    with pytest.raises(StoreError) as refused:
        ledger.parts.county.draft_log(kind, VILLAGE)  # type: ignore[arg-type]
    assert refused.value.code == "log.not_first"
    # What is drafted for the county's own station continues what counts.
    newest = ledger.parts.fold.chain(kind)[-1]
    drafted = ledger.parts.county.draft_log(kind, COUNTY)  # type: ignore[arg-type]
    assert (drafted.reason, drafted.parent_log.hex()) == ("lost", newest)
