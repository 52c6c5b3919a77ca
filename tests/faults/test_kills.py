"""Real processes that die: at any moment, and inside each of their syncs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ledger.errors import StoreError
from ledger.facade import Home, Ledger
from tests.faults.check import check_after
from tests.faults.kills import ROOT, child_command, kill_at_random, kill_in_sync

KILLS = 25
SYNCS = (1, 2, 3, 5, 8, 13)
ACTS = 12


def test_nothing_confirmed_is_lost_by_kills(office: Path, tmp_path: Path) -> None:
    done = kill_at_random(office, tmp_path, seed="suite", kills=KILLS, check_every=5)
    assert done.problems == []
    assert done.kills == KILLS
    assert done.confirmed > KILLS


@pytest.mark.layer("strace")
@pytest.mark.parametrize("nth", SYNCS)
def test_killed_inside_a_sync(office: Path, tmp_path: Path, nth: int) -> None:
    done = kill_in_sync(office, tmp_path, nth=nth, acts=ACTS)
    assert done.problems == []
    assert done.kills == 1, "the process lived on: fewer syncs than acts"


@pytest.mark.layer("strace")
def test_no_promise_comes_before_its_sync(office: Path, tmp_path: Path) -> None:
    """A sync that comes only after the promise would show: killed in sync N, it told fewer than N acts."""
    counts = [
        kill_in_sync(office, tmp_path, nth=nth, acts=ACTS, call="fdatasync").confirmed for nth in (2, 4, 6)
    ]
    assert counts == sorted(counts)
    assert all(count < nth for count, nth in zip(counts, (2, 4, 6), strict=True))


def test_the_lock_of_a_killed_process_is_free(home: Home) -> None:
    with subprocess.Popen(child_command(home.path, "lock"), stdout=subprocess.PIPE, cwd=ROOT) as child:
        assert child.stdout is not None
        assert [child.stdout.readline() for _ in range(2)] == [b"start\n", b"open\n"]
        with pytest.raises(StoreError) as refused:
            Ledger.open(home, write=True)
        assert refused.value.code == "store.locked"
        assert refused.value.params["pid"] == child.pid
        child.kill()
    check_after(home.path, [])


def test_founding_that_is_killed_leaves_nothing_that_looks_founded(tmp_path: Path) -> None:
    """The folder gets its name when all is done; a second attempt then works."""
    code = (
        "import os, sys; from pathlib import Path; from ledger.facade.opened import setup\n"
        "from tests.faults.office import found_office\n"
        "setup._publish = lambda *_: os.kill(os.getpid(), 9)\n"
        "found_office(Path(sys.argv[1]))\n"
    )
    home = tmp_path / "county"
    died = subprocess.run([sys.executable, "-c", code, str(home)], cwd=ROOT, check=False)
    assert died.returncode == -9
    assert not Home(home).exists
    again = subprocess.run(
        [sys.executable, "-c", code.replace("setup._publish =", "_ ="), str(home)], cwd=ROOT, check=False
    )
    assert again.returncode == 0
    check_after(home, [])
