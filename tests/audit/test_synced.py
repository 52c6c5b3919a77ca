"""Ledgers that took part in sync, at every level: sound after every story, each kind of row checked."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from audit.checking.outcome import Report
from audit.checking.verify import verify_ledger
from audit.telling.replay import Replay, replay_case
from ledger.cases.case import state_digest
from ledger.errors import InputError
from ledger.facade import Home
from ledger.facade.opened.founding import found_empty
from ledger.facade.peering.between import accept_county_note
from ledger.formats.excerpt import ExcerptContent, encode_excerpt
from ledger.store import schema
from ledger.types import CaseId, StationId
from sync.core.framing import EXCERPT, Section
from sync.core.ingest import PreparedExcerpt, prepare
from tests.audit.forge import altered, frame_of, log_of, note_of
from tests.audit.ledgers import ask, hurt
from tests.sync import test_forks as forks
from tests.sync import test_nested_forks as nested
from tests.sync import test_three_levels as levels
from tests.sync.evil import EvilStation
from tests.sync.world import (
    COUNTY,
    START_MS,
    TOWN,
    TOWN_2,
    VILLAGE,
    VILLAGE_2,
    VILLAGE_3,
    Randomness,
    World,
    settled,
    signer,
)

ALWAYS = {"trust.unpinned", "personal.sealed"}
QUIET = {"log.uncovered", "merge.behind", "audit.without_effect"}
"""Notices that depend on when a story ends."""

TWO, THREE = (TOWN, VILLAGE), (TOWN, VILLAGE, VILLAGE_2)
FORK = {"log.branch", "audit.number_repeated"}
STORIES: dict[str, tuple[Sequence[StationId], Callable[[World], None], set[str]]] = {
    "to the county and back": (
        THREE, levels.test_a_case_goes_from_the_village_to_the_county_and_back, set()
    ),
    "what is another one's": (THREE, levels.test_a_village_never_sees_what_is_another_ones, set()),
    "receipts of both levels": (THREE, levels.test_receipts_come_back_from_both_levels, set()),
    "county checkpoints": (
        THREE, levels.test_every_station_holds_a_proven_county_checkpoint_and_its_entries_name_it, set()
    ),
    "image put back": (
        TWO, forks.test_a_disk_image_put_back_silently_gets_its_end_back_and_a_new_log, set()
    ),
    "rollback": (TWO, forks.test_a_rollback_that_went_on_is_a_fork_and_both_branches_are_kept, FORK),
    "clone": (TWO, forks.test_two_machines_with_one_disk_image_are_found_and_lose_nothing, FORK),
    "nested forks": (TWO, nested.three_histories, FORK),
    "both branches elsewhere": (
        TWO, forks.test_cases_of_both_branches_reach_a_station_that_does_not_hold_the_log, set()
    ),
    "restored county": (
        TWO, forks.test_a_county_restored_from_an_old_backup_recovers_from_its_stations, set()
    ),
}  # fmt: skip

ELSEWHERE = "both branches elsewhere"
ONLY = {
    **{(ELSEWHERE, station): {"log.branch"} for station in (VILLAGE, TOWN, COUNTY)},
    **{(ELSEWHERE, station): {"sparse.fork"} for station in (TOWN_2, VILLAGE_3)},
    # How far its lost merge log had come, by the word of a station: the next one goes on from there.
    ("restored county", COUNTY): {"merge.unproven"},
}
"""What is told at some stations alone."""


def told(name: str, folder: Path) -> World:
    """Return the world after a story, with every ledger closed."""
    stations, story, _ = STORIES[name]
    world = World.after(settled(*stations), folder)
    story(world)
    world.close()
    return world


def errors(folder: Path) -> set[str]:
    report = verify_ledger(folder)
    found = {finding.code for finding in report.findings if finding.severity == "error"}
    assert report.ok == (not found)
    return found


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


@pytest.mark.parametrize("name", STORIES)
def test_every_ledger_is_sound_after_a_story(name: str, tmp_path: Path) -> None:
    world = told(name, tmp_path / "world")
    expected = STORIES[name][2]
    for station, place in world.places.items():
        report = verify_ledger(place.path)
        assert report.ok, report.findings
        assert codes(report) | {"personal.sealed"} >= ALWAYS
        assert codes(report) - ALWAYS - QUIET == (expected or ONLY.get((name, station), set())), station
    for folder in tmp_path.glob("world/*/ledger.db"):
        assert verify_ledger(folder.parent).ok, folder
    for station, place in world.places.items():
        for (case,) in ask(place.path, "SELECT DISTINCT case_id FROM cases"):
            assert isinstance(case, bytes)
            again = replay_case(place.path, case.hex(), now_ms=place.clock.time_ms).view.state
            assert again is not None
            assert state_digest(again) == world.digest(station, CaseId(case))
    world.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A county in which a case went from a village to the county and back."""
    made = told("to the county and back", tmp_path_factory.mktemp("synced") / "world")
    yield made
    made.close()


@pytest.fixture
def village(world: World, tmp_path: Path) -> Path:
    """A copy of the village's folder, with single frames of the township's and the county's logs."""
    return Path(shutil.copytree(world[VILLAGE].path, tmp_path / "village"))


@pytest.fixture(scope="module")
def rolled_back(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The township's folder after a village went on from an old image of its disk."""
    return told("rollback", tmp_path_factory.mktemp("forked") / "world")[TOWN].path


@pytest.fixture
def town(rolled_back: Path, tmp_path: Path) -> Path:
    """A copy of a township's folder that holds both histories of a village's log."""
    return Path(shutil.copytree(rolled_back, tmp_path / "town"))


def change(folder: Path, table: str, column: str, where: str, new: object = None) -> None:
    """Change one column of one row."""
    ((old, *key),) = ask(folder, f"SELECT {column}, {', '.join(key_of(folder, table))} FROM {table} "
                                 f"WHERE {where} LIMIT 1")  # fmt: skip
    value = moved(old) if new is None else new
    put(folder, table, column, key, value)


def moved(value: object) -> object:
    """Return another value of the same kind, far from those of other rows."""
    return value + 1_000 if isinstance(value, int) else altered(value)


def key_of(folder: Path, table: str) -> list[str]:
    """Return the columns of a table's key."""
    columns = ask(folder, f"PRAGMA table_info({table})")
    return [str(column[1]) for column in sorted(columns, key=lambda one: str(one[5])) if column[5]]


def put(folder: Path, table: str, column: str, key: Sequence[object], value: object) -> None:
    """Put a value into the row with a key."""
    where = " AND ".join(f"{name} = ?" for name in key_of(folder, table))
    hurt(folder, (f"UPDATE {table} SET {column} = ? WHERE {where}", (value, *key)))


SINGLE = "seq > 1 AND log = (SELECT log FROM logs WHERE station = '990121001000-00')"
"""A single frame of the township's log at the village."""
TOWNS = "log = (SELECT log FROM logs WHERE station = '990121001000-00')"

SPARSE_COLUMNS = [
    ("sparse", "log", SINGLE, {"log.opening", "acts.orphan"}),
    ("sparse", "seq", SINGLE, {"sparse.row", "acts.orphan"}),
    ("sparse", "act_id", SINGLE, {"sparse.row", "acts.orphan"}),
    ("sparse", "frame", SINGLE, {"encoding.malformed"}),
    ("sparse", "size", SINGLE, {"sparse.unproven"}),
    ("sparse_notes", "log", TOWNS, {"sparse.unproven"}),
    ("sparse_notes", "size", TOWNS, {"sparse.unproven"}),
    ("sparse_notes", "note", TOWNS, {"sparse.unproven", "checkpoint.origin"}),
    ("acts", "log", SINGLE, {"acts.row", "acts.orphan"}),
    ("acts", "seq", SINGLE, {"acts.row", "acts.orphan"}),
    ("acts", "action", SINGLE, {"acts.row"}),
    ("acts", "case_id", SINGLE, {"acts.row"}),
    ("acts", "act_id", SINGLE, {"acts.missing", "acts.orphan"}),
    ("bodies", "log", SINGLE, {"body.orphan", "act.facts_missing"}),
    ("bodies", "seq", SINGLE, {"act.facts_missing"}),
    ("bodies", "facts", SINGLE, {"act.facts_hash"}),
    ("logs", "log", TOWNS, {"log.missing"}),
    ("logs", "kind", TOWNS, {"log.row"}),
    ("logs", "station", TOWNS, {"log.row"}),
    ("logs", "genesis", TOWNS, {"log.row"}),
    ("county_checkpoints", "number", "state = ''", {"checkpoint.row"}),
    ("county_checkpoints", "log", "state = ''", {"log.opening"}),
    ("county_checkpoints", "size", "state = ''", {"checkpoint.row"}),
    ("county_checkpoints", "note", "state = ''", {"checkpoint.origin"}),
    ("county_checkpoints", "state", "state = ''", {"checkpoint.row"}),
]


@pytest.mark.parametrize(("table", "column", "where", "expected"), SPARSE_COLUMNS)
def test_column_that_belongs_to_single_frames(
    village: Path, table: str, column: str, where: str, expected: set[str]
) -> None:
    new = {"state": "odd", "kind": "merge"}.get(column)
    change(village, table, column, where, new=new)
    assert expected <= errors(village)


def test_every_hash_that_proves_a_single_frame_is_needed(village: Path) -> None:
    """Each node in turn changed, moved or taken away."""
    names = ("log", "size", "low", "high", "hash")
    nodes = ask(village, f"SELECT {', '.join(names)} FROM sparse_nodes")
    assert len(nodes) >= 10
    for number, row in enumerate(nodes):
        at = number % 5
        changed = [*row[:at], moved(row[at]), *row[at + 1 :]]
        put(village, "sparse_nodes", names[at], row[:4], changed[at])
        assert "sparse.unproven" in errors(village), (row, names[at])
        put(village, "sparse_nodes", names[at], changed[:4], row[at])
    assert errors(village) == set()


def test_single_frames_without_any_proof(village: Path) -> None:
    hurt(village, "DROP TABLE sparse_nodes", "DROP TABLE sparse_notes")
    assert errors(village) == {"sparse.unproven"}


def test_single_frames_of_a_log_whose_name_is_no_id(village: Path) -> None:
    hurt(village, f"UPDATE sparse SET log = 'no id at all' WHERE {SINGLE}")
    assert {"log.opening", "acts.orphan"} <= errors(village)


def test_single_frame_taken_away(village: Path) -> None:
    hurt(village, f"DELETE FROM sparse WHERE {SINGLE}")
    assert "acts.orphan" in errors(village)


def renamed(folder: Path, column: str) -> object:
    """Return the name of a branch with another hash behind the log, for columns that hold such a name."""
    if column not in ("log", "originator_id"):
        return None
    ((name,),) = ask(folder, f"SELECT DISTINCT originator_id FROM stored_events WHERE {EVENT}")
    return str(name)[:33] + str(altered(str(name)[33:]))


BRANCH = "log LIKE '%~%'"
EVENT = "originator_id LIKE '%~%'"
BRANCH_COLUMNS = [
    ("stored_events", "originator_id", EVENT, "log.branch_place"),
    ("stored_events", "originator_version", EVENT, "log.branch_place"),
    ("stored_events", "topic", EVENT, "frame.topic"),
    ("stored_events", "state", EVENT, "log.branch_place"),
    ("checkpoints", "log", BRANCH, "log.branch_unproven"),
    ("checkpoints", "size", BRANCH, "checkpoint.row"),
    ("checkpoints", "note", BRANCH, "checkpoint.origin"),
    ("receipts", "log", BRANCH, "head.unlisted"),
    ("receipts", "size", BRANCH, "receipt.row"),
    ("receipts", "line", BRANCH, "note.malformed"),
    ("acts", "log", BRANCH, "acts.row"),
    ("acts", "seq", BRANCH, "acts.row"),
    ("acts", "action", BRANCH, "acts.row"),
    ("acts", "case_id", BRANCH, "acts.row"),
    ("acts", "act_id", BRANCH, "acts.missing"),
    ("bodies", "log", BRANCH, "act.facts_missing"),
    ("bodies", "seq", BRANCH, "body.orphan"),
    ("bodies", "facts", BRANCH, "act.facts_hash"),
]


@pytest.mark.parametrize(("table", "column", "where", "expected"), BRANCH_COLUMNS)
def test_column_of_a_branch(town: Path, table: str, column: str, where: str, expected: str) -> None:
    change(town, table, column, where, new=renamed(town, column))
    assert expected in errors(town)


@pytest.mark.parametrize("size", [2, 4])
def test_branch_with_a_checkpoint_of_the_log_itself(town: Path, size: int) -> None:
    """What the log's key signed elsewhere proves nothing about a branch."""
    ((name,),) = ask(town, f"SELECT log FROM checkpoints WHERE {BRANCH}")
    base, note = str(name)[:32], "SELECT note FROM checkpoints WHERE log = ? AND size = 3"
    ((own,),) = ask(town, note, (base,))
    hurt(town, (f"UPDATE checkpoints SET note = ? WHERE {BRANCH}", (own,)))
    assert errors(town) == {"checkpoint.root", "log.branch_unproven", "cosignature.signature"}
    hurt(town, (f"UPDATE checkpoints SET size = ? WHERE {BRANCH}", (size,)))
    assert errors(town) == {"checkpoint.row", "log.branch_unproven", "receipt.row"}


def test_a_branch_has_no_rows_of_a_log(town: Path) -> None:
    ((name,),) = ask(town, f"SELECT log FROM checkpoints WHERE {BRANCH}")
    hurt(town, ("INSERT INTO heads SELECT ?, size, entry_hash, recorded_at_ms FROM heads LIMIT 1", (name,)))
    assert errors(town) == {"head.unlisted"}


def test_a_branch_of_a_log_that_is_not_here(town: Path) -> None:
    ((name,),) = ask(town, f"SELECT log FROM checkpoints WHERE {BRANCH}")
    lost = "0" * 32 + str(name)[32:]
    hurt(town, (f"UPDATE stored_events SET originator_id = ? WHERE {EVENT}", (lost,)))
    assert "log.branch_place" in errors(town)


def test_replay_says_where_each_act_came_from(world: World) -> None:
    case = the_case(world)
    at_county = lanes(replay(world, COUNTY, case))
    assert at_county == [(VILLAGE, "main")] * 2 + [(TOWN, "main")] * 3 + [(COUNTY, "main")] * 2
    at_village = lanes(replay(world, VILLAGE, case))
    assert at_village == [(VILLAGE, "main")] * 2 + [(TOWN, "sparse")] * 3 + [(COUNTY, "sparse")] * 2


def test_replay_of_a_fork_says_so(rolled_back: Path) -> None:
    found = set()
    for (case,) in ask(rolled_back, "SELECT DISTINCT case_id FROM cases"):
        assert isinstance(case, bytes)
        found |= set(lanes(replay_case(rolled_back, case.hex(), now_ms=0)))
    assert found == {(VILLAGE, "main"), (VILLAGE, "branch")}


def test_the_county_knew_what_it_had_received(world: World) -> None:
    """The village recorded earlier than the county received; the moment between shows the difference."""
    case = the_case(world)
    full = replay(world, COUNTY, case)
    received_at_ms = min(one.received_at_ms or 2**53 for one in full.origins.values())
    recorded_at_ms = min(act.recorded_at_ms for act in full.view.acts)
    assert recorded_at_ms < received_at_ms < 2**53
    with pytest.raises(InputError) as raised:
        replay(world, COUNTY, case, known_at_ms=received_at_ms - 1)
    assert raised.value.code == "audit.not_recorded"
    before = replay(world, COUNTY, case, known_at_ms=received_at_ms)
    assert 0 < len(before.view.acts) < len(full.view.acts)
    # A village has no merge log: it knows what was recorded.
    assert len(replay(world, VILLAGE, case, known_at_ms=recorded_at_ms).view.acts) == 1


def test_a_folder_that_joined_and_never_synced_says_so(world: World, tmp_path: Path) -> None:
    home = Home(tmp_path / "new")
    found_empty(home, world.genesis, randomness=Randomness(b"new"))
    report = verify_ledger(home.path)
    assert report.ok
    assert codes(report) == {"ledger.not_synced", "trust.unpinned"}
    assert report.ledger_id == world.genesis.ledger_id()
    pinned = verify_ledger(home.path, trust=world.genesis.ledger_id())
    assert codes(pinned) == {"ledger.not_synced"}
    (home.path / "ledger.genesis").write_bytes(b"\x93")
    assert errors(home.path) == {"ledger.genesis_damaged", "ledger.no_registry"}


def test_a_pinned_genesis_of_another_ledger(village: Path, tmp_path: Path) -> None:
    other = World(tmp_path / "other", seed="other")
    other.close()
    (village / "ledger.genesis").write_bytes(other.genesis.pack())
    assert errors(village) == {"ledger.other_registry"}


def the_case(world: World) -> bytes:
    ((case,),) = ask(world[COUNTY].path, "SELECT case_id FROM cases")
    assert isinstance(case, bytes)
    return case


def replay(world: World, station: StationId, case: bytes, *, known_at_ms: int | None = None) -> Replay:
    place = world[station]
    return replay_case(place.path, case.hex(), now_ms=place.clock.time_ms, known_at_ms=known_at_ms)


def lanes(found: Replay) -> list[tuple[StationId, str]]:
    state = found.view.state
    assert state is not None
    origins = [found.origins[step.act.act_id] for step in state.steps]
    return [(origin.station, origin.lane) for origin in origins]


def kept_checkpoint(world: World, frames_to_change: int = 0) -> bytes:
    """Return the township's checkpoint under which the village got single frames, or one of other entries."""
    village, town = world[VILLAGE].path, Home(world[TOWN].path)
    log = log_of(town.path, "station", TOWN)
    ((size,),) = ask(village, f"SELECT max(size) FROM sparse_notes WHERE log = '{log}'")
    assert isinstance(size, int)
    frames = [frame_of(town.path, log, seq) for seq in range(1, size + 1)]
    for number in range(frames_to_change):
        frames[number] = frames[-1]
    return note_of(town, log, frames)


def test_a_checkpoint_of_a_log_of_which_single_frames_are_held(world: World, village: Path) -> None:
    note = kept_checkpoint(world)
    report = verify_ledger(village, against=[note])
    assert report.ok
    assert "copy.single_records" in codes(report) and "copy.log_missing" not in codes(report)
    (told,) = [one for one in report.findings if one.code == "copy.single_records"]
    assert told.severity == "warning" and dict(told.params)["count"] > 0
    other = verify_ledger(village, against=[kept_checkpoint(world, 1)])
    assert {one.code for one in other.findings if one.severity == "error"} == {"copy.other"}
    spoilt = note[:-10] + (b"B" if note[-10:-9] == b"A" else b"A") + note[-9:]
    unsigned = verify_ledger(village, against=[spoilt])
    assert {one.code for one in unsigned.findings if one.severity == "error"} == {"copy.unsigned"}


def test_a_lapse_that_came_too_early_by_the_calendar_is_a_notice(tmp_path: Path) -> None:
    day_ms, world = 86_400_000, World(tmp_path)
    station = EvilStation(world, TOWN_2)
    case = CaseId(station.add(opening := station.sign()))
    asked = station.sign(
        "request_correction", {"missing": ["m01"], "due": "2026-03-07"}, case_id=case,
        parents=(opening.act_id,), occurred_at_ms=START_MS + 3_600_000, signer=world.key(TOWN_2, "officer"),
    )  # fmt: skip
    station.add(asked)
    lapse = station.sign(
        "lapse", {"applicant_told": True}, case_id=case, parents=(asked.act_id,),
        occurred_at_ms=START_MS + 6 * day_ms, signer=world.key(TOWN_2, "officer"),
    )  # fmt: skip
    station.add(lapse)
    assert station.send(COUNTY) == []
    state = world[COUNTY].ledger.state(case)[0]
    assert state.status == "lapsed", [(step.act.action, step.reason, step.params) for step in state.steps]
    world.close()
    told = [
        one for one in verify_ledger(world[COUNTY].path).findings if one.code == "case.notice.lapse_early"
    ]
    assert [(one.severity, one.case, one.act) for one in told] == [("notice", case, lapse.act_id)]


@pytest.mark.parametrize("dense_first", [False, True])
def test_an_act_taken_in_before_its_key_was_known_is_recognised_when_its_log_comes(
    tmp_path: Path, dense_first: bool
) -> None:
    """Held as a single record first, or in its log: in the end its row says what it is, the file is sound."""
    world = World.after(settled(TOWN), tmp_path)
    station = EvilStation(world)
    case = CaseId(station.add(station.sign(signer=signer("S99"))))
    place = world[TOWN]
    if dense_first:
        assert station.send() == []
    else:
        content = station.package()
        excerpt = encode_excerpt(
            ExcerptContent(
                log_id=station.log_id, checkpoint=content.checkpoint, positions=(1, 2), frames=content.frames,
                nodes=(), facts=content.facts, personal=content.personal,
            )
        )  # fmt: skip
        exchange = place.exchange
        found = prepare(
            Section(EXCERPT, excerpt), ledger_id=place.ledger.ledger_id, public_key=exchange.public_key
        )
        assert isinstance(found, PreparedExcerpt)
        assert exchange.receiving.take_excerpt(found.checked, found.records, now_ms=START_MS) > 0
    with place.ledger.store.read() as tx:
        assert {row[4] for row in tx.select(schema.ACTS, {"case_id": case})} == {"opaque"}
    world.enrol(VILLAGE_2, "window", "S99")
    world.settle(TOWN)
    if not dense_first:
        assert station.send() == []
    with place.ledger.store.read() as tx:
        assert {row[4] for row in tx.select(schema.ACTS, {"case_id": case})} == {"receive"}
    for folder in (TOWN, COUNTY):
        world.settle(TOWN)
        world[folder].close()
        assert errors(world[folder].path) == set()


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM county_checkpoints", "UPDATE county_checkpoints SET state = 'merge.unproven'"],
)
def test_a_county_checkpoint_that_own_entries_name_was_taken(village: Path, statement: str) -> None:
    hurt(village, statement)
    assert errors(village) == {"merge.seen_missing"}


def test_what_a_log_that_was_given_up_names_and_nobody_holds_is_told(village: Path) -> None:
    """Marked by hand, or put back from a backup: the file alone cannot tell the two apart, but says so."""
    code = "merge.seen_given_up"
    hurt(village, "UPDATE logs SET state = 'given_up' WHERE own = 1")
    assert code not in codes(verify_ledger(village))
    hurt(village, "DELETE FROM county_checkpoints")
    report = verify_ledger(village)
    assert [one.severity for one in report.findings if one.code == code] == ["notice"]
    assert not codes(report) & {"merge.seen_missing", "merge.seen_dropped", "merge.seen_order"}


def test_who_once_held_a_county_checkpoint_never_names_none_again(tmp_path: Path) -> None:
    world = World.after(settled(*TWO), tmp_path / "world")
    world.receive(VILLAGE)
    world.close()
    village = world[VILLAGE].path
    assert errors(village) == set()
    hurt(village, "DELETE FROM county_checkpoints")
    world.receive(VILLAGE)
    world.close()
    assert errors(village) == {"merge.seen_missing", "merge.seen_dropped"}


def swap_checkpoints(folder: Path, first: int, second: int) -> None:
    """Let two county checkpoints that were taken change their places in the order."""
    hurt(folder, f"UPDATE county_checkpoints SET number = -1 WHERE number = {first}")
    hurt(folder, f"UPDATE county_checkpoints SET number = {first} WHERE number = {second}")
    hurt(folder, f"UPDATE county_checkpoints SET number = {second} WHERE number = -1")


@pytest.mark.parametrize("named", [True, False])
def test_the_memory_of_the_county_is_not_turned_back(tmp_path: Path, named: bool) -> None:
    world = World.after(settled(*TWO), tmp_path / "world")
    for _ in range(4):
        if named:
            world.receive(VILLAGE)
        world.receive(COUNTY)
        world.settle(*TWO)
    with world[VILLAGE].ledger.store.read() as tx:
        rows = list(tx.select(schema.COUNTY_CHECKPOINTS, {"state": ""}, order_by=("number",)))
    assert len(rows) > 3
    world.receive(VILLAGE)
    world.close()
    village = world[VILLAGE].path
    found = [one.code for one in verify_ledger(village).findings]
    assert errors(village) == set() and "merge.seen_order" not in found
    swap_checkpoints(village, 1, len(rows))
    findings = [one for one in verify_ledger(village).findings if one.code == "merge.seen_order"]
    assert "warning" in {one.severity for one in findings}
    # Where no entry named those between, it could be an older one that people accepted.
    assert errors(village) == ({"merge.seen_order"} if named else set())
    world.receive(VILLAGE)
    world.close()
    assert errors(village) == ({"merge.seen_order"} if named else set())
    assert "merge.seen_order" in {one.code for one in verify_ledger(village).findings}


def test_an_older_checkpoint_that_people_accept_is_told_and_no_error(tmp_path: Path) -> None:
    world = World.after(settled(*TWO), tmp_path / "world")
    for _ in range(2):
        world.receive(VILLAGE)
        world.receive(COUNTY)
        world.settle(*TWO)
    place = world[VILLAGE]
    with place.ledger.store.read() as tx:
        (first, *_) = tx.select(schema.COUNTY_CHECKPOINTS, {"state": ""}, order_by=("number",))
    assert isinstance(first[3], bytes)
    accept_county_note(place.ledger, first[3])
    world.receive(VILLAGE)
    world.receive(COUNTY)
    world.settle(*TWO)
    world.receive(VILLAGE)
    world.close()
    assert errors(place.path) == set()
    assert "merge.seen_order" in {one.code for one in verify_ledger(place.path).findings}
