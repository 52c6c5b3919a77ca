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
from tests.sync.world import TOWN, VILLAGE, World

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
