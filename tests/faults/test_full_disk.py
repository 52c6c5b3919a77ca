"""Full disks as the system makes them: a small file system, and a limit on the size of files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import StoreError
from ledger.facade import Home, Ledger
from stations.kept.backup import list_backups, make_backup
from tests.faults.check import check_after, sizes
from tests.faults.day import Confirmed, Day
from tests.faults.kills import ROOT
from tests.faults.office import VILLAGE, Dice, FakeClock
from tests.unprivileged import folder_of_nobody, run_unprivileged

SMALL_BYTES = 3 << 20
LIMITED = """
import resource, sys
from pathlib import Path
from ledger.errors import StoreError
from ledger.facade import Ledger
from tests.faults.day import Day
from tests.faults.office import Dice, FakeClock

home = Path(sys.argv[1])
with Ledger.open(home, clock=FakeClock(), randomness=Dice("limit"), write=True) as ledger:
    day = Day("limit")
    day.work(ledger)
    limit = (home / "ledger.db-wal").stat().st_size + 150_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        while True:
            print(day.work(ledger).line(), flush=True)
    except StoreError as error:
        print("refused", error.code, flush=True)
    ledger.worklist()
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    day.resume(ledger)
    print(day.work(ledger).line(), flush=True)
"""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Return the folder of a small file system."""
    mount = tmp_path / "small"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_BYTES}", "none", str(mount)], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", str(mount)], check=True)


@pytest.mark.layer("loop")
def test_a_small_file_system_runs_full_and_is_freed(office: Path, small: Path) -> None:
    """Full at many different places: ballast leaves a little more room each time."""
    home, ballast = small / "home", small / "ballast"
    shutil.copytree(office, home)
    confirmed: list[Confirmed] = []
    codes: set[str] = set()
    for left in range(4_096, 150_000, 12_288):
        day = Day(f"left {left}")
        with Ledger.open(Home(home), clock=FakeClock(), randomness=Dice(f"{left}"), write=True) as ledger:
            day.work(ledger)
            fill(ballast, shutil.disk_usage(small).free - left)
            with pytest.raises(StoreError) as refused:
                while True:
                    day.work(ledger)
                    day.checkpoint(ledger)
            codes.add(refused.value.code)
            assert sum(sizes(ledger).values()) >= len(confirmed) + len(day.confirmed)
            assert len(ledger.worklist(station=VILLAGE, include_closed=True)) > 0
            ballast.unlink()
            day.resume(ledger)
            day.work(ledger)
        confirmed += day.confirmed
    assert codes == {"store.disk_full"}
    check_after(home, confirmed)


@pytest.mark.layer("loop")
def test_a_full_disk_at_opening(office: Path, small: Path) -> None:
    """A ledger that was left behind by a kill is opened on a full disk: told, or opened; never harmed."""
    home, ballast = small / "home", small / "ballast"
    shutil.copytree(office, home)
    fill(ballast, shutil.disk_usage(small).free)
    try:
        with Ledger.open(home, write=True) as ledger:
            ledger.worklist()
    except StoreError as error:
        assert error.code in {"store.disk_full", "store.io", "store.cannot_open"}
    ballast.unlink()
    check_after(home, [])


@pytest.mark.layer("linux")
def test_a_limit_on_the_size_of_files(home: Home) -> None:
    """EFBIG comes as an I/O error; after the limit is lifted the same process works on."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(home.path)], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode().splitlines()
    assert [line for line in lines if line.startswith("refused")] == ["refused store.io"]
    assert len(lines) > 2
    check_after(home.path, [Confirmed.parse(line) for line in lines if not line.startswith("refused")])


@pytest.mark.layer("unprivileged")
def test_a_folder_that_may_not_be_written(home: Home) -> None:
    with folder_of_nobody(home.path) as folder:
        # Given a ledger that its user may write, when folder and file are closed to writing,
        run_unprivileged(lambda: Ledger.open(Home(folder), write=True).close())
        os.chmod(folder, 0o500)
        os.chmod(Home(folder).database_path, 0o400)
        # then opening it for writing says so, and nothing is lost.
        run_unprivileged(lambda: may_only_be_read(folder))
        os.chmod(folder, 0o700)
        os.chmod(Home(folder).database_path, 0o600)
        run_unprivileged(lambda: check_after(folder, []))


def may_only_be_read(folder: Path) -> None:
    """Check that a ledger is refused for writing."""
    with pytest.raises(StoreError) as refused:
        Ledger.open(Home(folder), write=True)
    assert refused.value.code in {"store.read_only", "store.cannot_open"}


def fill(ballast: Path, count: int) -> None:
    """Write a file of so many bytes, or of as many as there is room for."""
    try:
        with ballast.open("wb") as file:
            for _ in range(max(count, 0) // 4_096):
                file.write(bytes(4_096))
    except OSError:
        pass


@pytest.mark.layer("loop")
def test_a_backup_on_a_full_disk_leaves_no_torn_folder(office: Path, small: Path, tmp_path: Path) -> None:
    """Room for more and more of it, until the whole of it fits."""
    home, ballast = tmp_path / "home", small / "ballast"
    shutil.copytree(office, home)
    refused: set[str] = set()
    with Ledger.open(Home(home), clock=FakeClock(), randomness=Dice("backup"), write=True) as ledger:
        for left in range(8_192, SMALL_BYTES, 65_536):
            fill(ballast, shutil.disk_usage(small).free - left)
            try:
                done = make_backup(ledger, small / "stick", now_ms=ledger.clock.now_ms())
            except StoreError as error:
                refused.add(error.code)
                assert not list((small / "stick").glob("*banjian-*")), "torn, or left half-way"
                ballast.unlink()
                continue
            break
    assert refused and refused <= {"store.disk_full", "store.io"}
    assert list_backups(small / "stick")[0].folder == done.folder
