"""Everything in which Linux and Windows differ, both branches side by side.

Directory fsync, file locks, how many files may be open, the local socket's address, the boot id, a clock that
nobody can set, the machine id, memory. Each branch is chosen by ``sys.platform`` so that a type checker can
follow either.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from ledger.errors import StoreError

if sys.platform == "win32":
    import msvcrt
    import winreg
else:
    import fcntl
    import resource

OPEN_FILES_MAX = 65_536
"""More is never asked for: some programs walk through all numbers that could be open."""
_UNIX_SOCKET_PATH_BYTES_MAX = 103
"""The smallest ``sun_path`` among the systems in use, less the closing zero."""
_ARENAS_OPTION = -8
"""M_ARENA_MAX of mallopt(3)."""
_LOCKED_BYTE_OFFSET = 1 << 30
"""Windows locks are mandatory: lock a byte far behind the pid, so that others can read the pid."""


def write_durably(path: Path, data: bytes, *, private: bool = False) -> None:
    """Replace a file so that after a power cut it holds either the old bytes or the new ones.

    Temporary file in the same folder, fsync, rename, fsync of the folder.

    Args:
        path: the file.
        data: what it is to hold.
        private: nobody but the owner may read it, from its first byte on.

    Raises:
        StoreError: ``store.disk_full``; ``store.io``, the bytes are not safely on the disk.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb", opener=_open_private if private else None) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        fsync_dir(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise os_failure(error, path) from error


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def write_once(path: Path, data: bytes) -> bool:
    """Write a file durably unless it is there already; of several that try at once, one succeeds.

    Returns:
        Whether this call wrote it.

    Raises:
        StoreError: ``store.disk_full``, ``store.read_only``, ``store.io``.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.once")
    try:
        write_durably(temporary, data)
        if sys.platform == "win32":
            temporary.rename(path)  # which refuses an existing name there
        else:
            os.link(temporary, path)
        fsync_dir(path.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise os_failure(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return True


def fsync_dir(folder: Path) -> None:
    """Make renames and new names in a folder durable.

    Windows has no such call; NTFS journals the names themselves.
    """
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def fsync_file(path: Path) -> None:
    """Force a closed file's bytes to the disk."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def os_failure(error: OSError, path: Path) -> StoreError:
    """Return the error of the product for a failure of the file system."""
    name = path.name
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return StoreError("store.disk_full", file=name)
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return StoreError("store.read_only", file=name)
    return StoreError("store.io", file=name, detail=os.strerror(error.errno or 0))


def disk_free_bytes(folder: Path) -> int:
    """Return the bytes that this user may still write in the folder's file system."""
    return shutil.disk_usage(folder).free


def open_more_files() -> int:
    """Let this process have as many files and connections open as the system allows it; returns how many.

    Many systems give a process 1,024 and would allow it more, but only if it asks. Windows has no such bound
    for connections.

    Source: setrlimit(2).
    """
    if sys.platform == "win32":
        return OPEN_FILES_MAX
    else:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = OPEN_FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES_MAX)
        if soft == resource.RLIM_INFINITY or soft >= wanted:
            return OPEN_FILES_MAX if soft == resource.RLIM_INFINITY else soft
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            return soft  # some systems promise more than they give
        return wanted


class FileLock:
    """One holder among all processes of this machine; the system frees it when the process dies.

    The file stays behind; it holds the pid of the last holder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock without waiting.

        Raises:
            StoreError: ``store.locked`` with the holder's pid; ``store.read_only``, ``store.io``.
        """
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise os_failure(error, self.path) from error
        try:
            _lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            if error.errno not in {errno.EACCES, errno.EAGAIN, errno.EDEADLK}:
                raise os_failure(error, self.path) from error
            raise StoreError("store.locked", pid=self.holder_pid()) from error
        try:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, b"%d\n" % os.getpid())
        except OSError as error:
            os.close(descriptor)
            raise os_failure(error, self.path) from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        if self._descriptor is not None:
            if sys.platform == "win32":
                os.lseek(self._descriptor, _LOCKED_BYTE_OFFSET, os.SEEK_SET)
                msvcrt.locking(self._descriptor, msvcrt.LK_UNLCK, 1)
            os.close(self._descriptor)
            self._descriptor = None

    def holder_pid(self) -> int:
        """Return the pid written by the last holder, 0 when none can be read."""
        try:
            text = self.path.read_bytes()[:20].strip()
        except OSError:
            return 0
        return int(text) if text.isdigit() else 0


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        os.lseek(descriptor, _LOCKED_BYTE_OFFSET, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAddress:
    """Where the running station listens for its own command line.

    Args:
        kind: ``unix``: a socket file; ``pipe``: a Windows named pipe.
        name: its path.
    """

    kind: Literal["unix", "pipe"]
    name: str


def local_socket_address(folder: Path) -> LocalAddress:
    """Return the address of the local socket of the installation in this folder, through whatever link.

    A socket path has a short limit; a deeper folder gets a name under the user's run-time folder instead.
    """
    # Windows also follows junctions and drives that stand for folders, and spells names as the disk does
    place = Path(os.path.realpath(folder))
    tag = hashlib.sha256(os.fsencode(place)).hexdigest()[:24]
    if sys.platform == "win32":
        return LocalAddress(kind="pipe", name=rf"\\.\pipe\banjian-{tag}")
    else:
        direct = place / "banjian.sock"
        if len(os.fsencode(direct)) <= _UNIX_SOCKET_PATH_BYTES_MAX:
            return LocalAddress(kind="unix", name=str(direct))
        name = f"banjian-{os.getuid()}-{tag}.sock"
        # A folder for temporary files may be deep as well; the system's own is not.
        folders = (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp")
        paths = [Path(one) / name for one in folders if one]
        fits = [one for one in paths if len(os.fsencode(one)) <= _UNIX_SOCKET_PATH_BYTES_MAX]
        return LocalAddress(kind="unix", name=str((fits or paths)[0]))


def is_answered(address: LocalAddress) -> bool:
    """Return whether somebody listens there: a process that was killed leaves its socket file behind.

    A named pipe goes with its process; where there is one, who opens it finds out.
    """
    if sys.platform == "win32" or address.kind == "pipe":
        return True
    else:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.setblocking(False)
            try:
                probe.connect(address.name)
            except BlockingIOError:
                # Somebody listens, and others are waiting already.
                return True
            except OSError:
                return False
        return True


def monotonic_ms() -> int:
    """Return milliseconds since an unknown moment of this boot, sleep of the machine included."""
    if sys.platform == "linux":
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    else:
        return time.monotonic_ns() // 1_000_000


def share_heap() -> None:
    """Let all threads share one heap of the C library: holes that one leaves are filled by another.

    Source: mallopt(3), M_ARENA_MAX.
    """
    if sys.platform == "linux":
        # Another C library than glibc has no such call.
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).mallopt(_ARENAS_OPTION, 1)


def trim_heap() -> None:
    """Return to the system what is free in the C library's heap; Windows does so by itself.

    Source: malloc_trim(3).
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)


def resident_bytes() -> int:
    """Return the memory of this process now; 0 where the system does not tell as Linux does."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, ValueError, IndexError):
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE")
    return 0


@cache
def boot_id() -> bytes:
    """Return 16 bytes that change with every boot; only within one of them do monotonic times compare.

    Where the system has no such number, each process counts as a boot of its own.
    """
    known = _boot_text()
    if known:
        return hashlib.sha256(b"banjian/boot/1\n" + known.encode()).digest()[:16]
    return os.urandom(16)


@cache
def machine_id() -> bytes:
    """Return 16 bytes that tell this machine from others, empty when the system has no such number.

    The system's own number is hashed: it is not meant to be shown to others.

    Source: machine-id(5).
    """
    known = _machine_text()
    return hashlib.sha256(b"banjian/machine/1\n" + known.encode()).digest()[:16] if known else b""


if sys.platform == "win32":

    def _boot_text() -> str:
        machine = _machine_text()
        count = _registry_value(
            r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters", "BootId"
        )
        return f"{machine}/{count}" if machine and count else ""

    def _machine_text() -> str:
        return _registry_value(r"SOFTWARE\Microsoft\Cryptography", "MachineGuid")

    def _registry_value(path: str, name: str) -> str:
        try:
            access = winreg.KEY_READ | winreg.KEY_WOW64_64KEY
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path, 0, access) as key:
                return str(winreg.QueryValueEx(key, name)[0])
        except OSError:
            return ""

else:

    def _boot_text() -> str:
        return _first_line(Path("/proc/sys/kernel/random/boot_id"))

    def _machine_text() -> str:
        return _first_line(Path("/etc/machine-id")) or _first_line(Path("/var/lib/dbus/machine-id"))

    def _first_line(path: Path) -> str:
        try:
            return path.read_text(encoding="ascii").strip()
        except OSError:
            return ""
