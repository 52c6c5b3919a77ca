"""An upper station put back to an old image without a word: stations below prove it, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.errors import BanjianError
from ledger.facade.base.home import RESTORED_MARKER
from ledger.facade.base.synctables import FORK
from ledger.facade.logs.countyseen import merge_genesis
from ledger.facade.logs.ownlog import newest_checkpoint
from ledger.formats.checkpoint import log_origin, read_checkpoint, sign_checkpoint
from ledger.formats.genesis import LogGenesis
from ledger.registry import actions as registry_actions
from ledger.store import schema
from ledger.types import CaseId, LogId, StationId
from sync.core.framing import ANSWER, NOTE, Section, Splitter
from sync.core.ingest import prepare
from sync.core.messages import decode_answer, decode_hello
from sync.core.requester import Guesses, Requester
from sync.core.responder import Responder
from tests.sync.test_forks import copy, findings, put_back
from tests.sync.world import COUNTY, TOWN, TOWN_2, VILLAGE, VILLAGE_2, World, settled, signer

AHEAD, OTHER = "log.downstream_ahead", "log.downstream_other"
EVERYBODY = (VILLAGE, TOWN, COUNTY)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(settled(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


def own_logs(world: World, station: StationId) -> dict[str, set[str]]:
    """Return the doubts of the logs that a station writes or wrote, "" for one that goes on, by kind."""
    found: dict[str, set[str]] = {}
    for log in world[station].ledger.logs():
        if log.own:
            found.setdefault(log.kind, set()).add(log.doubt)
    return found


def at_county(world: World) -> CaseId:
    """Return a case that the village received and handed over to the county, taken over there."""
    case = world.receive(VILLAGE, applicant="甲")
    world.do(VILLAGE, "hand_over", case, to=COUNTY)
    world.settle(VILLAGE, TOWN)
    world.do(COUNTY, "take_over", case)
    world.settle(TOWN, VILLAGE)
    return case


def audited(world: World, station: StationId) -> list[tuple[str, str]]:
    """Return the errors that an audit finds in the file of a station."""
    world[station].close()
    path, number = world[station].path / "ledger.db", world[VILLAGE].ledger.ledger_id
    report = verify_ledger(path, trust=number, workers=1)
    return [(one.code, one.where) for one in report.findings if one.severity == "error"]


def same_everywhere(world: World, case: CaseId, *stations: StationId) -> bool:
    """Tell whether all stations see a case alike."""
    return len({world.digest(station, case) for station in stations or EVERYBODY}) == 1


def test_a_county_put_back_silently_gives_its_logs_up_and_gets_everything_back(world: World) -> None:
    case = at_county(world)
    image = copy(world, COUNTY, "image")
    world.do(COUNTY, "accept", case, role="officer")
    world.enrol(VILLAGE, "window", "S99")
    world.settle(TOWN, VILLAGE)
    before, size = world.digest(VILLAGE, case), world[COUNTY].ledger.knowledge.registry.size
    put_back(world, COUNTY, image)
    assert world.digest(COUNTY, case) != before
    world.sync(TOWN)
    assert own_logs(world, COUNTY) == {
        kind: {AHEAD} for kind in ("station", "registry", "catalogue", "merge")
    }
    assert AHEAD in findings(world, COUNTY)
    assert world.digest(COUNTY, case) == before
    assert world[COUNTY].ledger.knowledge.registry.size == size
    world.do(COUNTY, "start_review", case, role="officer")
    world.settle(TOWN, VILLAGE)
    assert same_everywhere(world, case)
    assert own_logs(world, COUNTY)["station"] == {AHEAD, ""}
    # It stays at that one doubt, however often it is told again.
    world[COUNTY].close()
    world[TOWN].guesses = Guesses()
    notes = [note.code for one in world.sync(TOWN) for note in one.notes]
    assert notes == []
    assert own_logs(world, COUNTY)["station"] == {AHEAD, ""}


def test_nothing_is_signed_while_it_is_not_proven_that_this_is_an_old_disk(world: World) -> None:
    """A checkpoint of the second history would leave with the very answer that asks for the proof."""
    case = at_county(world)
    image = copy(world, COUNTY, "image")
    for _ in range(3):
        world.do(COUNTY, "note", case)
    world.settle(TOWN)
    put_back(world, COUNTY, image)
    world.do(COUNTY, "note", case)
    log = next(one for one in world[COUNTY].ledger.logs() if one.own and one.kind == "station")
    said: list[Section] = []

    def lost(pieces: Iterator[bytes]) -> Iterator[bytes]:
        splitter = Splitter()
        said.extend(section for data in pieces for section in splitter.feed(data))
        return iter(())

    world.session(TOWN, down=lost)
    (answer,) = (decode_answer(one.payload) for one in said if one.kind == ANSWER)
    assert answer.wanted and answer.county is None
    assert answer.feed_end == answer.feed_start and not answer.more
    with world[COUNTY].ledger.store.read() as tx:
        note = newest_checkpoint(tx, log.log_id.hex())
        assert note is not None and read_checkpoint(note).size < tx.size(log.log_id.hex())
    world.sync(TOWN)
    assert own_logs(world, COUNTY)["station"] == {AHEAD}


def test_a_county_that_was_written_on_after_it_was_put_back_keeps_both_histories(world: World) -> None:
    case = at_county(world)
    other = world.receive(COUNTY, applicant="乙")
    world.settle(TOWN, VILLAGE)
    image = copy(world, COUNTY, "image")
    for _ in range(3):
        world.do(COUNTY, "note", case)
        world.sync(TOWN)
    lost = world.digest(TOWN, case)
    put_back(world, COUNTY, image)
    anew = [world.receive(COUNTY, applicant=name) for name in "丙丁戊己庚"]
    world.do(COUNTY, "note", other)
    world.settle(TOWN, VILLAGE)
    assert "" not in own_logs(world, COUNTY)["station"]
    assert {OTHER, FORK} <= findings(world, COUNTY)
    assert world.digest(COUNTY, case) == lost and same_everywhere(world, case)
    for one in (other, *anew):
        world.do(COUNTY, "hand_over", one, to=VILLAGE)
    world.settle(TOWN, VILLAGE)
    assert "" in own_logs(world, COUNTY)["station"]
    for one in (other, *anew):
        assert same_everywhere(world, one)
    assert audited(world, COUNTY) == []


def enrol_more(world: World, role: str) -> None:
    """Grant a role of the county to somebody: one more act in the registry."""
    facts = registry_actions.grant_role(staff_no="S01w", role=role, scope=COUNTY)
    world[COUNTY].ledger.register("grant_role", facts, world.registrar)


def test_both_histories_of_the_registry_are_kept(world: World) -> None:
    at_county(world)
    image = copy(world, COUNTY, "image")
    world.enrol(VILLAGE, "window", "S99")
    world.settle(TOWN, VILLAGE)
    put_back(world, COUNTY, image)
    for role in ("officer", "head", "issuer"):
        enrol_more(world, role)
    world.settle(TOWN, VILLAGE)
    assert own_logs(world, COUNTY)["registry"] == {OTHER}
    with world[COUNTY].ledger.store.read() as tx:
        rows = [row for row in tx.select(schema.ACTS, {}) if row[4] == "enrol_staff" and "~" in str(row[2])]
    assert len(rows) == 1
    assert FORK in findings(world, COUNTY)


def test_the_new_merge_log_names_what_a_station_proved(world: World) -> None:
    case = at_county(world)
    image = copy(world, COUNTY, "image")
    world.do(COUNTY, "note", case)
    world.settle(TOWN, VILLAGE)
    seen = world[TOWN].exchange.county.held()
    put_back(world, COUNTY, image)
    world.settle(TOWN, VILLAGE)
    log_id = world[COUNTY].ledger.open_county_log("merge", COUNTY, world.registrar)
    with world[COUNTY].ledger.store.read() as tx:
        opened = merge_genesis(tx, log_id.hex())
    assert opened is not None
    assert (opened.genesis.parent_log, opened.genesis.parent_size) == seen
    assert opened.genesis.reason == "restored"
    world.settle(TOWN, VILLAGE)
    held = world[VILLAGE].exchange.county.held()
    assert held is not None and held[0] == log_id
    assert "merge.inconsistent" not in findings(world, VILLAGE) | findings(world, TOWN)


def session_with(world: World, *notes: bytes) -> tuple[Responder, list[str]]:
    """Let the township show checkpoints as proof, and return what the county refused."""
    lower, upper = world[TOWN], world[COUNTY]
    requester = Requester(
        lower.exchange, COUNTY, now_ms=lower.clock.now_ms(), version="test", guesses=Guesses()
    )
    hello = next(requester.request([]))
    responder = Responder(upper.exchange, TOWN, now_ms=upper.clock.now_ms(), version="test")
    responder.open(decode_hello(hello[5:]))
    for note in notes:
        try:
            section = Section(NOTE, note)
            prepared = prepare(
                section, ledger_id=upper.exchange.held.ledger_id, public_key=upper.exchange.public_key
            )
            responder.take(prepared)
        except BanjianError as error:
            responder.refuse(error)
    return responder, [one.code for one in responder._refused]


def merge_of(world: World) -> tuple[LogId, LogGenesis]:
    log = world[COUNTY].ledger.parts.merge_log.log
    assert log is not None
    return log.log_id, log.genesis


def test_forged_and_foreign_proof_is_refused_and_moves_nothing(world: World) -> None:
    at_county(world)
    log_id, _ = merge_of(world)
    true = world[TOWN].exchange.seen_below.notes(log_id)[-1]
    point = read_checkpoint(true)
    forged = sign_checkpoint(
        type(point)(origin=point.origin, size=point.size + 5, root=bytes(32)), signer("somebody")
    )
    renumbered = true.replace(f"\n{point.size}\n".encode(), f"\n{point.size + 5}\n".encode())
    unknown = sign_checkpoint(
        type(point)(origin=log_origin(LogId(bytes(16))), size=9, root=bytes(32)), signer("somebody")
    )
    before = findings(world, COUNTY)
    _, refused = session_with(world, forged, renumbered, unknown, b"garbage", true)
    assert refused == ["note.unsigned", "note.signature", "sync.log_scope", "note.malformed"]
    assert own_logs(world, COUNTY) == {kind: {""} for kind in ("station", "registry", "catalogue", "merge")}
    assert findings(world, COUNTY) == before


def test_a_made_up_size_alone_moves_nothing_and_holds_up_nobody_else(world: World) -> None:
    case = at_county(world)
    log_id, _ = merge_of(world)

    def boast(sections: Iterator[bytes]) -> Iterator[bytes]:
        from sync.core.framing import HELLO, encode_section

        hello = decode_hello(next(sections)[5:])
        logs = [one._replace(size=one.size + 1_000) if one.log_id == log_id else one for one in hello.logs]
        from dataclasses import replace

        yield encode_section(HELLO, replace(hello, logs=tuple(logs)).pack())
        yield from sections

    for _ in range(3):
        world.session(TOWN, up=boast)
    assert own_logs(world, COUNTY) == {kind: {""} for kind in ("station", "registry", "catalogue", "merge")}
    world.do(COUNTY, "note", case)
    world.settle(TOWN, VILLAGE)
    assert same_everywhere(world, case)


@pytest.mark.parametrize("log", ["opened before", "opened in the lost week"])
def test_a_township_put_back_silently_learns_it_from_its_village(world: World, log: str) -> None:
    if log == "opened before":
        world.receive(TOWN, applicant="己")
    case = world.receive(VILLAGE, applicant="甲")
    world.do(VILLAGE, "hand_over", case, to=TOWN)
    world.settle(VILLAGE, TOWN)
    image = copy(world, TOWN, "image")
    world.do(TOWN, "take_over", case)
    world.do(TOWN, "note", case)
    # The village has it, the county not yet.
    world.sync(VILLAGE)
    before = world.digest(VILLAGE, case)
    put_back(world, TOWN, image)
    own = world.receive(TOWN, applicant="乙")
    world.settle(VILLAGE, TOWN)
    assert own_logs(world, TOWN)["station"] == ({AHEAD} if log == "opened before" else {""})
    assert {world.digest(station, case) for station in EVERYBODY} == {before}
    world.do(TOWN, "note", own)
    world.settle(VILLAGE, TOWN)
    assert same_everywhere(world, own, TOWN, COUNTY)


@pytest.mark.parametrize("how", ["told", "silently"])
def test_what_township_and_county_both_lost_comes_back_from_a_village(world: World, how: str) -> None:
    world.join(VILLAGE_2)
    case = at_county(world)
    own = world.receive(VILLAGE, applicant="乙")
    world.do(VILLAGE, "hand_over", own, to=TOWN)
    world.settle(VILLAGE, TOWN, VILLAGE_2)
    images = {station: copy(world, station, f"image {station}") for station in (TOWN, COUNTY)}
    world.do(TOWN, "take_over", own)
    world.do(TOWN, "note", own)
    world.do(COUNTY, "note", case)
    world.enrol(VILLAGE, "window", "S99")
    world.settle(TOWN, VILLAGE)
    digests = {one: world.digest(VILLAGE, one) for one in (case, own)}
    size = world[VILLAGE].ledger.knowledge.registry.size
    for station, image in images.items():
        put_back(world, station, image)
        if how == "told":
            (world[station].path / RESTORED_MARKER).touch()
    world.settle(VILLAGE, TOWN, VILLAGE_2, VILLAGE, TOWN)
    for station in (TOWN, COUNTY):
        assert world[station].ledger.knowledge.registry.size == size
        for one, digest in digests.items():
            assert world.digest(station, one) == digest, (station, one.hex())
    world.do(TOWN, "note", own)
    world.do(COUNTY, "note", case)
    world.settle(VILLAGE, TOWN, VILLAGE)
    assert same_everywhere(world, case) and same_everywhere(world, own)


def test_a_second_township_adds_what_it_alone_has_seen(world: World) -> None:
    world.join(TOWN_2)
    case = at_county(world)
    world.sync(TOWN_2)
    image = copy(world, COUNTY, "image")
    world.do(COUNTY, "note", case)
    world.settle(TOWN, VILLAGE)
    world.enrol(VILLAGE, "window", "S99")
    world.sync(TOWN_2)
    size = world[TOWN_2].ledger.knowledge.registry.size
    put_back(world, COUNTY, image)
    world.settle(TOWN, TOWN_2, TOWN)
    assert world[COUNTY].ledger.knowledge.registry.size == size
    assert world[TOWN].ledger.knowledge.registry.size == size
    assert own_logs(world, COUNTY)["registry"] == {AHEAD}


def test_single_records_make_way_for_what_their_writer_wrote_instead(world: World) -> None:
    world.join(TOWN_2)
    first = world.receive(TOWN, applicant="甲")
    world.do(TOWN, "hand_over", first, to=TOWN_2)
    world.settle(TOWN, TOWN_2)
    images = {station: copy(world, station, f"image {station}") for station in (TOWN, COUNTY)}
    lost = world.receive(TOWN, applicant="乙")
    world.do(TOWN, "hand_over", lost, to=TOWN_2)
    world.settle(TOWN, TOWN_2)
    before = world.digest(TOWN_2, lost)
    for station, image in images.items():
        put_back(world, station, image)
    (world[COUNTY].path / RESTORED_MARKER).touch()
    instead = world.receive(TOWN, applicant="丙")
    # First the county gets the lost records one by one, then what now stands at their positions.
    world.sync(TOWN_2)
    assert world.digest(COUNTY, lost) == before
    world.settle(TOWN, TOWN_2, TOWN)
    assert FORK in findings(world, COUNTY)
    assert "" not in own_logs(world, TOWN)["station"]
    assert {world.digest(station, lost) for station in (TOWN, COUNTY, TOWN_2)} == {before}
    assert same_everywhere(world, instead, TOWN, COUNTY)
    for station in (TOWN, COUNTY):
        assert [len(world[station].ledger.find(name)) for name in "乙丙"] == [1, 1]
    assert audited(world, COUNTY) == []
    world.do(TOWN_2, "take_over", lost)
    world.settle(TOWN_2, TOWN)
    assert same_everywhere(world, lost, TOWN, COUNTY, TOWN_2)


@pytest.mark.parametrize("log", ["lost too", "still there"])
def test_a_divergent_history_that_the_upper_station_lost_is_given_again(world: World, log: str) -> None:
    backup = copy(world, COUNTY, "backup")
    case = world.receive(VILLAGE, applicant="甲")
    world.settle(VILLAGE, TOWN)
    image = copy(world, VILLAGE, "image")
    if log == "still there":
        backup = copy(world, COUNTY, "later backup")
    world.receive(VILLAGE, applicant="乙")
    world.settle(VILLAGE, TOWN)
    put_back(world, VILLAGE, image)
    other = world.receive(VILLAGE, applicant="丙")
    world.settle(VILLAGE, TOWN)
    assert same_everywhere(world, other)
    put_back(world, COUNTY, backup)
    (world[COUNTY].path / RESTORED_MARKER).touch()
    if log == "lost too":
        # A process that was just started knows only its receipts, and begins behind what the county has.
        world[TOWN].guesses = Guesses()
    world.settle(TOWN)
    assert same_everywhere(world, other) and same_everywhere(world, case)
