"""A county on disk and servers of their own processes that answer its routes of joining."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import forked
from tests.cli.conftest import PASSPHRASE, Terminal, county, founded

__all__ = ["county", "founded"]

COUNTY_PLACES = ["sqlite", pytest.param("postgres", marks=pytest.mark.layer("postgres"))]
"""Where a county's ledger lies: parameters of a fixture that makes a world."""

Serve = Callable[..., str]
"""Starts a server for a folder and returns its address."""


def env_of(folder: Path) -> dict[str, str]:
    """Return the environment of a process that works with a folder."""
    secret = folder.parent / "passphrase.txt"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE + "\n", encoding="utf-8")
    return {
        **os.environ,
        "BANJIAN_PASSPHRASE_FILE": str(secret),
        "BANJIAN_LANG": "zh",
        "PYTHONPATH": str(forked.ROOT),
    }


def banjian(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own."""
    return forked.run(words, env=env_of(folder), timeout=120)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers; all of them end with the test."""
    with ExitStack() as stack:

        def start(folder: Path, *upstream: str) -> str:
            process = forked.popen(
                [str(folder), *upstream],
                program="tests.sync.joinserver",
                env=env_of(folder),
                stdout=subprocess.PIPE,
            )
            stack.callback(process.wait, 30)
            stack.callback(process.kill)
            assert process.stdout is not None
            stack.callback(process.stdout.close)
            return f"https://127.0.0.1:{json.loads(process.stdout.readline())['port']}"

        yield start


def folder_of(terminal: Terminal) -> Path:
    """Return the folder that a terminal works on."""
    assert terminal.folder is not None
    return terminal.folder


def county_url(request: pytest.FixtureRequest) -> str:
    """Return where the ledger of the county lies for the parameter of a fixture, "" for a file."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("new_url")())
