"""Both programs agree on ledgers that took part in sync, as they are and with any row of them changed."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import reader

from audit.checking.verify import verify_ledger
from tests.audit import test_synced as synced
from tests.sync import test_county_chain as chains
from tests.sync.world import COUNTY, TOWN, VILLAGE, World, settled

NOT_CHECKED = {
    "log.no_checkpoint", "log.uncovered", "personal.erased", "personal.sealed", "time.backdated",
    "time.late_entry", "time.entered_before",
}  # fmt: skip
"""What the second reader leaves out, beside what cases give."""


def agreed(folder: Path) -> set[tuple[str, str]]:
    """Return the findings on which both programs agree; whatever only one of them has fails the test."""
    first, second = both(folder)
    assert first == second
    return first


def both(folder: Path) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Return what each program finds; that the file is sound, both say or neither."""
    report = verify_ledger(folder)
    _, answer = reader.verify(folder / "ledger.db")
    assert report.ok == answer["ok"]
    first = {(one.code, one.severity) for one in report.findings if one.code not in NOT_CHECKED}
    second = {
        (one["code"], severity.rstrip("s"))
        for severity in ("errors", "warnings", "notices")
        for one in answer[severity]
    }
    first, second = (
        {one for one in found if not one[0].startswith(("audit.", "case."))} for found in (first, second)
    )
    return first, second


@pytest.mark.parametrize("name", [name for name in synced.STORIES if name != "receipts of both levels"])
def test_ledgers_after_a_story(name: str, tmp_path: Path) -> None:
    world = synced.told(name, tmp_path / "world")
    for place in world.places.values():
        assert {severity for _, severity in agreed(place.path)} <= {"warning", "notice"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A county in which a case went from a village to the county and back."""
    yield synced.told("to the county and back", tmp_path_factory.mktemp("both") / "world")


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chains.Made]:
    """A county that went on from an older disk, and what its stations still hold of the time between."""
    made = chains.two_histories(tmp_path_factory.mktemp("both"))
    yield made
    made.world.close()


@pytest.fixture(scope="module")
def rolled_back(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The township's folder after a village went on from an old image of its disk."""
    return synced.told("rollback", tmp_path_factory.mktemp("both") / "world")[TOWN].path


@pytest.mark.parametrize("seed", range(3))
def test_county_that_goes_on_before_the_end_of_what_its_stations_hold(
    chain: chains.Made, tmp_path: Path, seed: int
) -> None:
    with chains.receiver(chain, tmp_path / "r") as ledger:
        chains.take(ledger, chains.shuffled(chain, seed))
    found = agreed(tmp_path / "r")
    assert ("log.superseded", "warning") in found and "error" not in {severity for _, severity in found}


def test_key_that_was_known_by_what_does_not_count(chain: chains.Made, tmp_path: Path) -> None:
    successors = chains.of_successors(chain)
    with chains.receiver(chain, tmp_path / "r") as ledger:
        order = chains.in_order(chain)
        chains.take(ledger, [raw for raw in order if raw not in successors])
        chains.take(ledger, [raw for raw in order if raw in successors])
    found = agreed(tmp_path / "r")
    assert ("authority.key_unknown", "warning") in found
    assert "error" not in {severity for _, severity in found}


def test_successor_before_the_end_of_the_log_that_it_continues(chain: chains.Made, tmp_path: Path) -> None:
    missing = [raw for name, log in chain.logs.items() if chain.kinds[name] == "catalogue" for raw in log[1:]]
    with chains.receiver(chain, tmp_path / "r") as ledger:
        chains.take(ledger, [raw for raw in chains.in_order(chain) if raw not in missing])
    assert ("log.truncated", "error") in agreed(tmp_path / "r")


@pytest.mark.parametrize(("table", "column", "where", "expected"), synced.SPARSE_COLUMNS)
def test_column_that_belongs_to_single_frames(
    world: World, tmp_path: Path, table: str, column: str, where: str, expected: set[str]
) -> None:
    folder = Path(shutil.copytree(world[VILLAGE].path, tmp_path / "village"))
    new: Any = {"state": "odd", "kind": "merge"}.get(column)
    synced.change(folder, table, column, where, new=new)
    for found in both(folder):
        # What else follows from one change each program may tell in its own way.
        assert {(code, "error") for code in expected - {"acts.orphan"}} <= found


@pytest.mark.parametrize(("table", "column", "where", "expected"), synced.BRANCH_COLUMNS)
def test_column_of_a_branch(
    rolled_back: Path, tmp_path: Path, table: str, column: str, where: str, expected: str
) -> None:
    folder = Path(shutil.copytree(rolled_back, tmp_path / "town"))
    synced.change(folder, table, column, where, new=synced.renamed(folder, column))
    assert all((expected, "error") in found for found in both(folder))


def test_hashes_that_prove_single_frames(world: World, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(world[VILLAGE].path, tmp_path / "village"))
    for low, high in synced.ask(folder, f"SELECT low, high FROM sparse_nodes WHERE {synced.TOWNS}"):
        where = f"{synced.TOWNS} AND low = {low} AND high = {high}"
        ((old,),) = synced.ask(folder, f"SELECT hash FROM sparse_nodes WHERE {where}")
        synced.change(folder, "sparse_nodes", "hash", where)
        assert ("sparse.unproven", "error") in agreed(folder)
        synced.change(folder, "sparse_nodes", "hash", where, new=old)
    assert not {severity for _, severity in agreed(folder)} - {"warning", "notice"}


SEEN = {"merge.seen_missing", "merge.seen_dropped", "merge.seen_order", "merge.seen_given_up"}
GIVEN_UP = "UPDATE logs SET state = 'given_up' WHERE own = 1"


@pytest.fixture(scope="module")
def naming(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a village whose entries name one county checkpoint after the other."""
    world = World.after(settled(TOWN, VILLAGE), tmp_path_factory.mktemp("both") / "world")
    for _ in range(3):
        world.receive(VILLAGE)
        world.receive(COUNTY)
        world.settle(TOWN, VILLAGE)
    world.receive(VILLAGE)
    world.close()
    return world[VILLAGE].path


@pytest.fixture
def village(naming: Path, tmp_path: Path) -> Path:
    """A copy of that folder."""
    return Path(shutil.copytree(naming, tmp_path / "village"))


def seen(folder: Path) -> set[tuple[str, str]]:
    """Return what both programs find of the county checkpoints that entries name."""
    return {one for one in agreed(folder) if one[0] in SEEN}


def numbers(folder: Path) -> list[int]:
    """Return the numbers of the county checkpoints."""
    return [
        int(str(row[0])) for row in synced.ask(folder, "SELECT number FROM county_checkpoints ORDER BY 1")
    ]


def taken_again(folder: Path, number: int, state: str = "") -> None:
    """Put a county checkpoint behind all others a second time, as taken or with the code why not."""
    row = "SELECT (SELECT max(number) FROM county_checkpoints) + 1, log, size, note, received_at_ms, ?"
    synced.hurt(
        folder,
        (f"INSERT INTO county_checkpoints {row} FROM county_checkpoints WHERE number = ?", (state, number)),
    )


def test_county_checkpoints_of_which_none_is_left_or_one_is_not(village: Path, tmp_path: Path) -> None:
    assert seen(village) == set()
    missing = set()
    for number in numbers(village):
        folder = Path(shutil.copytree(village, tmp_path / f"{number}"))
        synced.hurt(folder, f"DELETE FROM county_checkpoints WHERE number >= {number}")
        missing |= seen(folder)
        again = Path(shutil.copytree(village, tmp_path / f"{number} not taken"))
        synced.hurt(again, f"UPDATE county_checkpoints SET state = 'merge.unproven' WHERE number = {number}")
        missing |= seen(again)
    assert missing == {("merge.seen_missing", "error")}


def test_entry_that_names_no_county_checkpoint_behind_one_that_does(tmp_path: Path) -> None:
    world = World.after(settled(TOWN, VILLAGE), tmp_path / "world")
    world.receive(VILLAGE)
    world.settle(TOWN, VILLAGE)
    world.close()
    village = world[VILLAGE].path
    synced.hurt(village, "DELETE FROM county_checkpoints")
    world.receive(VILLAGE)
    world.close()
    assert seen(village) == {("merge.seen_missing", "error"), ("merge.seen_dropped", "error")}
    synced.hurt(village, GIVEN_UP)
    assert seen(village) == {("merge.seen_given_up", "notice")}


def test_county_checkpoints_that_changed_their_places(village: Path) -> None:
    order, told = numbers(village), set()
    for at, first in enumerate(order):
        for second in order[at + 1 :]:
            synced.swap_checkpoints(village, first, second)
            found = seen(village)
            told |= found
            assert ("merge.seen_order", "warning") in found
            synced.swap_checkpoints(village, first, second)
    assert told == {("merge.seen_order", "warning"), ("merge.seen_order", "error")}
    synced.swap_checkpoints(village, order[0], order[-1])
    synced.hurt(village, GIVEN_UP)
    assert seen(village) == {("merge.seen_order", "warning")}


def test_log_that_was_given_up_names_what_is_not_held(village: Path) -> None:
    synced.hurt(village, GIVEN_UP)
    assert seen(village) == set()
    synced.hurt(village, "DELETE FROM county_checkpoints WHERE number > 2")
    assert seen(village) == {("merge.seen_given_up", "notice")}
    synced.hurt(village, "DELETE FROM county_checkpoints")
    assert seen(village) == {("merge.seen_given_up", "notice")}


def test_county_checkpoint_that_was_taken_twice(village: Path) -> None:
    order = numbers(village)
    taken_again(village, order[0])
    assert seen(village) == {("merge.seen_order", "warning")}
    synced.swap_checkpoints(village, order[0], order[-1])
    assert seen(village) == {("merge.seen_order", "warning"), ("merge.seen_order", "error")}
    # What was taken twice says nothing of the order, whether it is named before or after the other one.
    for number in order[1:]:
        taken_again(village, number)
    assert seen(village) == {("merge.seen_order", "warning")}


def test_county_checkpoint_that_was_kept_before_it_was_taken(village: Path) -> None:
    first, *_ = numbers(village)
    taken_again(village, first, "merge.unproven")
    taken_again(village, first)
    assert seen(village) == set()
    synced.hurt(village, "UPDATE county_checkpoints SET state = 'odd' WHERE state != ''")
    assert seen(village) == {("merge.seen_order", "warning")}


@pytest.mark.parametrize("column", ["number", "log", "size", "note", "state"])
def test_county_checkpoint_that_is_an_error_counts_for_nothing(village: Path, column: str) -> None:
    (*_, last) = numbers(village)
    new = {"state": "odd", "note": b"", "log": "0"}.get(column)
    synced.change(village, "county_checkpoints", column, f"number = {last}", new=new)
    assert seen(village) == {("merge.seen_missing", "error")}


def test_log_of_which_no_row_says_whether_it_was_given_up(village: Path) -> None:
    synced.hurt(village, "UPDATE logs SET state = NULL WHERE own = 1", "DELETE FROM county_checkpoints")
    assert seen(village) == {("merge.seen_missing", "error")}


def test_county_checkpoints_of_two_merge_logs(tmp_path: Path) -> None:
    world = synced.told("restored county", tmp_path / "world")
    world[COUNTY].ledger.open_county_log("merge", COUNTY, world.registrar)
    for _ in range(2):
        world.receive(VILLAGE)
        world.receive(COUNTY)
        world.settle(TOWN, VILLAGE, TOWN)
    world.close()
    assert not any(seen(place.path) for place in world.places.values())
    village = world[VILLAGE].path
    (*_, last), (first, _, further, *_) = (
        synced.ask(village, f"SELECT number, log, size FROM county_checkpoints WHERE {where} ORDER BY number")
        for where in ("log = (SELECT log FROM county_checkpoints WHERE number = 1)",
                      "log != (SELECT log FROM county_checkpoints WHERE number = 1)")
    )  # fmt: skip
    synced.swap_checkpoints(village, int(str(last[0])), int(str(first[0])))
    assert ("merge.seen_order", "warning") in seen(village)
    # Each step into a log that had been left is told, and not what goes on from there.
    told = [one for one in verify_ledger(village).findings if one.code == "merge.seen_order"]
    steps = {(one.log, one.seq) for one in told if one.severity == "warning"}
    answer = reader.verify(village / "ledger.db")[1]["warnings"]
    places = [one["where"].split() for one in answer if one["code"] == "merge.seen_order"]
    assert steps == {(log, int(size)) for log, size, _ in places}
    assert len(steps) == 2 and (further[1], further[2]) not in steps
