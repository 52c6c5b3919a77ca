"""Whether every file of the installed program is still there: an antivirus takes some away without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

DISTRIBUTION = "banjian"
_CACHED = (".pyc", "direct_url.json", "INSTALLER", "REQUESTED", "RECORD")


def damaged_files() -> list[str]:
    """Return the installed files, ours and of what we need, that are missing or of another size."""
    return sorted(name for distribution in _distributions() for name in _damaged(distribution))


def _damaged(distribution: metadata.Distribution) -> Iterator[str]:
    for file in distribution.files or ():
        if file.name.endswith(_CACHED) or ".." in file.parts:
            continue
        try:
            size_bytes = Path(str(file.locate())).stat().st_size
        except OSError:
            yield str(file)
            continue
        if file.size is not None and size_bytes != file.size:
            yield str(file)


def _distributions() -> Iterator[metadata.Distribution]:
    """Yield our distribution and what it needs here, each once."""
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
