"""Being a user whom file permissions bind, also where the tests run as root: a child becomes nobody.

The child is forked, not started: nobody may be barred from the interpreter's own folder, so whatever the work
imports must be imported before.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534
_OPEN_TO_ALL = "/tmp"


def is_root() -> bool:
    """Return whether this process passes by every file permission."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def run_unprivileged(work: Callable[[], None]) -> None:
    """Run something as this user, or as root in a child that gives its privileges up.

    Raises:
        AssertionError: it failed in the child, with the child's own traceback.
    """
    if not is_root():
        work()
        return
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        code = 1
        try:
            # The tests' own folder is shut to others; temporary files go where anybody may write.
            tempfile.tempdir = _OPEN_TO_ALL
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            work()
            code = 0
        except BaseException:
            os.write(tell, traceback.format_exc().encode("utf-8", "replace")[-32_000:])
        finally:
            # no handler, fixture or buffer of the parent may run a second time
            os._exit(code)
    os.close(tell)
    with open(told, encoding="utf-8", errors="replace") as pipe:
        trace = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise AssertionError(f"as nobody:\n{trace}")


@contextmanager
def folder_of_nobody(source: Path | None = None) -> Iterator[Path]:
    """Yield a temporary folder, with a copy of another in it, that belongs to whoever the work runs as."""
    outer = Path(tempfile.mkdtemp(prefix="unprivileged-"))
    try:
        folder = outer / "copy"
        if source is None:
            folder.mkdir()
        else:
            shutil.copytree(source, folder)
        if is_root():
            for path in (outer, folder, *folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        yield folder
    finally:
        shutil.rmtree(outer)


def probe_unprivileged() -> str | None:
    """Return why nothing can be run as somebody whom permissions bind; None when it can."""
    if not is_root():
        return None
    if not hasattr(os, "fork"):
        return "this system cannot fork"
    try:
        with folder_of_nobody() as folder:
            run_unprivileged((folder / "file").touch)
            folder.chmod(0o500)
            run_unprivileged(lambda: _refused(folder / "another"))
    except (AssertionError, OSError) as error:
        return f"root cannot become nobody here: {str(error).strip().splitlines()[-1]}"
    return None


def _refused(path: Path) -> None:
    try:
        path.write_bytes(b"")
    except PermissionError:
        return
    raise AssertionError("a folder that may not be written was written")
