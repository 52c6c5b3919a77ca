"""What differs between systems: durable files, locks, addresses, ids."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger import platform
from ledger.errors import StoreError

ROOT = Path(__file__).resolve().parents[2]


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "sentinel"
    for data in (b"first", b"", bytes(100_000)):
        platform.write_durably(target, data)
        assert target.read_bytes() == data
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "folder" / "sentinel"
    with pytest.raises(StoreError) as caught:
        platform.write_durably(target, b"data")
    assert caught.value.code == "store.io"
    target.mkdir(parents=True)
    with pytest.raises(StoreError):
        platform.write_durably(target, b"data")
    assert target.is_dir()
    assert [item.name for item in target.parent.iterdir()] == ["sentinel"]


SYNC_ORDER = """
import sys
from pathlib import Path
from ledger.platform import write_durably
write_durably(Path(sys.argv[1]), b"data")
"""


@pytest.mark.layer("strace")
def test_bytes_then_name_then_folder_reach_the_disk_in_this_order(tmp_path: Path) -> None:
    target, trace = tmp_path / "sentinel", tmp_path / "trace"
    wanted = "trace=fsync,rename,renameat,renameat2"
    command = [
        "strace",
        "-f",
        "-qq",
        "-o",
        str(trace),
        "-e",
        wanted,
        sys.executable,
        "-c",
        SYNC_ORDER,
        str(target),
    ]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)
    calls = [line.split(None, 1)[1].split("(")[0] for line in trace.read_text().splitlines() if "(" in line]
    assert [name[:6] for name in calls][-3:] == ["fsync", "rename", "fsync"]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "store.disk_full"),
        (errno.EDQUOT, "store.disk_full"),
        (errno.EFBIG, "store.disk_full"),
        (errno.EROFS, "store.read_only"),
        (errno.EACCES, "store.read_only"),
        (errno.EIO, "store.io"),
        (None, "store.io"),
    ],
)
def test_failures_of_the_file_system_have_codes(number: int | None, code: str) -> None:
    error = OSError() if number is None else OSError(number, "x")
    found = platform.os_failure(error, Path("folder/ledger.db"))
    assert (found.code, found.params["file"]) == (code, "ledger.db")


def test_a_lock_has_one_holder_who_is_named(tmp_path: Path) -> None:
    lock, other = platform.FileLock(tmp_path / "x.lock"), platform.FileLock(tmp_path / "x.lock")
    lock.acquire()
    with pytest.raises(StoreError) as caught:
        other.acquire()
    assert (caught.value.code, caught.value.params["pid"]) == ("store.locked", os.getpid())
    lock.release()
    lock.release()
    other.acquire()
    other.release()


HOLDER = """
import sys
from pathlib import Path
from ledger.platform import FileLock
FileLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_the_system_frees_the_lock_of_a_process_that_died(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(StoreError) as caught:
        platform.FileLock(path).acquire()
    assert caught.value.params["pid"] == holder.pid
    holder.kill()
    holder.communicate(timeout=60)
    lock = platform.FileLock(path)
    lock.acquire()
    assert lock.holder_pid() == os.getpid()
    lock.release()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff\xfe", b"9" * 50])
def test_a_lock_file_with_any_content_is_no_obstacle(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.lock"
    path.write_bytes(content)
    lock = platform.FileLock(path)
    assert lock.holder_pid() >= 0
    lock.acquire()
    assert path.read_bytes() == b"%d\n" % os.getpid()
    lock.release()


def test_a_lock_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        platform.FileLock(tmp_path / "none" / "x.lock").acquire()
    assert caught.value.code == "store.io"
    assert platform.FileLock(tmp_path / "none" / "x.lock").holder_pid() == 0


@pytest.mark.layer("unix_socket")
def test_the_local_socket_can_be_bound_however_deep_the_folder(tmp_path: Path) -> None:
    import socket

    deep = tmp_path / ("办件" * 20) / ("x" * 60)
    deep.mkdir(parents=True)
    addresses = {platform.local_socket_address(folder) for folder in (tmp_path, deep, deep.parent)}
    assert len(addresses) == 3
    for address in addresses:
        assert address.kind == "unix"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address.name)
        Path(address.name).unlink()
    assert platform.local_socket_address(deep) == platform.local_socket_address(deep)


def test_ids_of_machine_and_boot_are_the_same_in_every_process() -> None:
    script = "from ledger.platform import boot_id, machine_id; print(boot_id().hex(), machine_id().hex())"
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    )
    boot, machine = told.stdout.split(" ")
    assert boot == platform.boot_id().hex()
    assert machine.strip() == platform.machine_id().hex()
    assert len(platform.boot_id()) == 16
    assert len(platform.machine_id()) in {0, 16}


def test_the_systems_own_numbers_are_not_shown() -> None:
    for path in (Path("/etc/machine-id"), Path("/proc/sys/kernel/random/boot_id")):
        if path.exists():
            raw = path.read_text().strip().replace("-", "")
            assert raw not in {platform.machine_id().hex(), platform.boot_id().hex()}


def test_the_clock_that_nobody_sets_only_grows() -> None:
    times = [platform.monotonic_ms() for _ in range(1000)]
    assert times == sorted(times)
    assert times[0] > 0


def test_free_space_is_told(tmp_path: Path) -> None:
    assert platform.disk_free_bytes(tmp_path) > 0
