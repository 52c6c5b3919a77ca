"""Whether every file of the installed program is still there: an antivirus takes some away without a word.

It takes compiled files first, and without them nothing of the program can be imported: this module, and what
it imports, is of the standard library and our texts alone, so that somebody is left to tell.
"""

from __future__ import annotations

import atexit
import contextlib
import csv
import gc
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ledger.texts import Language, render

if TYPE_CHECKING:
    from importlib import metadata

DISTRIBUTION = "banjian"
COULD_NOT_RUN = 2
NAMED_MAX = 5
_LANGUAGES: tuple[Language, ...] = ("zh", "en")
_CACHED = (".pyc", "direct_url.json", "INSTALLER", "REQUESTED", "RECORD")


def started(load: Callable[[], Callable[[], int]]) -> int:
    """Load a program and run it; where a part of it cannot be loaded, tell which files are missing.

    Args:
        load: imports the program and returns what runs it.

    Returns:
        The program's exit code; 2 when it could not be loaded, told in both languages on the error stream.
    """
    # The memory of a process that ends is given back whole: looking it through for rubbish once more would
    # take a twentieth of what a short command takes.
    atexit.register(gc.freeze)
    _begin_in_utf_8()
    try:
        return load()()
    except Exception as error:  # the outermost loop: half a program fails in any way
        if os.environ.get("BANJIAN_DEBUG") == "1":
            raise
        _tell(error)
        return COULD_NOT_RUN


def _begin_in_utf_8() -> None:
    """Begin anew in Python's UTF-8 mode where the locale would read words and names of files otherwise.

    An old locale (GBK, ISO-8859-1) would take a name that was typed in UTF-8 for another one, without a word,
    and where it knows no Chinese no such folder could be opened. What is typed in another encoding is told.

    Source: PEP 540.
    """
    if sys.getfilesystemencoding() == "utf-8" or os.environ.get("PYTHONUTF8") == "1":
        return
    with contextlib.suppress(OSError):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, "PYTHONUTF8": "1"})


def _tell(error: Exception) -> None:
    damaged = damaged_files()
    code = "doctor.program_damaged" if damaged else "program.not_loaded"
    params = {
        "count": len(damaged),
        "files": "、".join(damaged[:NAMED_MAX]),
        "detail": f"{type(error).__name__}: {error}"[:300],
    }
    stream = sys.stderr
    if stream is None:
        return
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="backslashreplace")
    for language in _LANGUAGES:
        message = render(code, params, language=language)
        # Where the texts were taken away as well the names of the files still help.
        what = message.what if message.what != code else f"{code}: {params['files'] or params['detail']}"
        print(f"✗ {what}", *([f"→ {message.next_step}"] if message.next_step else []), sep="\n", file=stream)


def damaged_files() -> list[str]:
    """Return the installed files, ours and of what we need, that are missing or of another size."""
    return sorted(name for distribution in _distributions() for name in _damaged(distribution))


def _damaged(distribution: metadata.Distribution) -> Iterator[str]:
    # Read here and not by ``distribution.files``: from Python 3.12 on that leaves out what is missing.
    base = str(distribution.locate_file(""))
    for row in csv.reader((distribution.read_text("RECORD") or "").splitlines()):
        name, _, size = [*row, "", "", ""][:3]
        if not name or name.endswith(_CACHED) or ".." in name.split("/"):
            continue
        try:
            size_bytes = os.stat(os.path.join(base, name)).st_size
        except OSError:
            yield name
            continue
        if size.isdecimal() and size_bytes != int(size):
            yield name


def _distributions() -> Iterator[metadata.Distribution]:
    """Yield our distribution and what it needs here, each once."""
    # A tenth of what a command takes to start, and next to nobody asks.
    from importlib import metadata

    waiting, seen = [DISTRIBUTION], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        yield distribution
        waiting += [word for line in distribution.requires or () if (word := _name(line))]


def _name(requirement: str) -> str:
    """Return the name in a requirement such as ``jinja2>=3.1``; "" for one of an extra."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return found.group() if found is not None and "extra ==" not in requirement else ""
