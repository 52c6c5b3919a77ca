"""A folder that its own user may only read: whoever looks sees everything, whoever signs is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.facade import Home, Ledger
from stations.cli.counterday.demo import VILLAGE
from tests.cli.conftest import ITEM, Terminal
from tests.unprivileged import folder_of_nobody, probe_unprivileged, run_unprivileged

LOOKS = (("worklist",), ("day-clear", "--station", VILLAGE), ("find", "吴老根"), ("twins",), ("conflicts",),
         ("station", "list"), ("staff", "list"), ("catalogue", "list"), ("calendar", "show"))  # fmt: skip


def _closed(folder: Path) -> None:
    for path in folder.rglob("*"):
        path.chmod(0o500 if path.is_dir() else 0o400)
    folder.chmod(0o500)


def _received(county: Terminal) -> str:
    """Receive a case, and look at everything once: nobody may be barred from what commands import."""
    words = ("receive", ITEM, "--as", "V001", "--name", "吴老根", "--materials", "all", "--no-slip", "--json")
    number = str(county.ok(*words).json["number"])
    for looked in (*LOOKS, ("show", number, "--why"), ("hand-over", number, "--to", "990121999999-00")):
        county.run(*looked)
    return number


@pytest.fixture(autouse=True)
def bound() -> None:
    """Leave out where nobody can be bound by permissions."""
    why = probe_unprivileged()
    if why is not None:
        pytest.skip(why)


def _looks(terminal: Terminal, number: str) -> None:
    for words in (*LOOKS, ("show", number, "--why")):
        result = terminal.run(*words)
        assert result.code == 0, (words, result.err)
        assert "[store." not in result.err
    assert number in terminal.run("worklist").out
    refused = terminal.run("hand-over", number, "--to", VILLAGE, "--as", "V001")
    assert refused.code == 2 and "[store.read_only]" in refused.err, refused.err


def test_looking_goes_on_where_nothing_may_be_written(county: Terminal) -> None:
    number = _received(county)
    with folder_of_nobody(county.folder) as folder:
        _closed(folder)
        run_unprivileged(lambda: _looks(Terminal(folder=folder, clock=county.clock), number))


def test_what_is_still_in_the_write_ahead_log_is_seen_too(county: Terminal, tmp_path: Path) -> None:
    assert county.folder is not None
    home, torn = Home(county.folder), tmp_path / "torn"
    with Ledger.open(home, clock=county.clock, randomness=lambda size: bytes(size), write=False):
        # Somebody looks: the writer that ends beside it does not empty the log.
        number = _received(county)
        shutil.copytree(county.folder, torn, ignore=shutil.ignore_patterns("*-shm"))
    assert (torn / "ledger.db-wal").stat().st_size > 0
    with folder_of_nobody(torn) as folder:
        _closed(folder)
        run_unprivileged(lambda: _looks(Terminal(folder=folder, clock=county.clock), number))


def _kept(terminal: Terminal, target: Path) -> None:
    checks = {row["check"]: row for row in terminal.run("doctor", "--json").json["checks"]}
    assert checks["folder"]["code"] == "doctor.folder_read_only" and checks["folder"]["level"] == "error"
    assert terminal.run("doctor").code == 1
    done = terminal.run("backup", "--to", str(target))
    assert done.code == 0, done.err
    assert "没有记下这次备份" in done.err
    (made,) = target.glob("banjian-*/ledger.db")
    report = verify_ledger(made)
    assert report.ok and report.cases == 1


@pytest.mark.parametrize("torn", [False, True])
def test_a_disk_that_turned_read_only_is_told_and_can_be_backed_up(
    county: Terminal, tmp_path: Path, torn: bool
) -> None:
    assert county.folder is not None
    left = tmp_path / "left"
    county.ok("backup", "--to", str(tmp_path / "before"))
    checks = {row["check"]: row for row in county.run("doctor", "--json").json["checks"]}
    assert checks["folder"]["code"] == "doctor.folder"
    with Ledger.open(Home(county.folder), clock=county.clock, randomness=bytes, write=False):
        _received(county)
        if torn:
            shutil.copytree(county.folder, left, ignore=shutil.ignore_patterns("*-shm"))
            assert (left / "ledger.db-wal").stat().st_size > 0
    with folder_of_nobody(left if torn else county.folder) as folder:
        _closed(folder)
        target = folder.parent / "stick"
        target.mkdir()
        target.chmod(0o777)
        run_unprivileged(lambda: _kept(Terminal(folder=folder, clock=county.clock), target))
