"""Which version of the program this is: what was installed, else what the source tree says."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib import metadata
from pathlib import Path


@lru_cache(maxsize=1)
def version() -> str:
    """Return the version, ``0.1.0``; "unknown" where neither an installation nor a source tree tells it."""
    try:
        return metadata.version("banjian")
    except metadata.PackageNotFoundError:
        pass
    try:
        text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
        return str(tomllib.loads(text)["project"]["version"])
    except (OSError, KeyError):
        return "unknown"
