"""Real processes on one ledger: a server, and commands beside it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.facade.base.clock import SystemClock
from tests import forked
from tests.cli.conftest import PASSPHRASE, Terminal

COMMAND_S = 120
Process = forked.Process | subprocess.Popen[str]


def env_of(folder: Path) -> dict[str, str]:
    """Return the surroundings of a process on a ledger, with a file for the passphrase."""
    secret = folder.parent / "passphrase.txt"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE + "\n", encoding="utf-8")
    return {
        **os.environ,
        "BANJIAN_DIR": str(folder),
        "BANJIAN_PASSPHRASE_FILE": str(secret),
        "BANJIAN_LANG": "zh",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }


def ran(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one command as a process of its own."""
    return forked.run(words, env=env_of(folder), timeout=COMMAND_S)


@contextmanager
def served(folder: Path, *more: str) -> Iterator[tuple[Process, dict]]:
    """Run a server as a process of its own; yields it once it listens, with what it said of that."""
    words = ["serve", str(folder), "--json", *more]
    with forked.popen(words, env=env_of(folder), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            told = json.loads(process.stdout.readline())
            assert told["listening"]
            yield process, told
        finally:
            process.kill()


@contextmanager
def serving(folder: Path) -> Iterator[Process]:
    """As ``served``, without what it said."""
    with served(folder) as (process, _):
        yield process


def folder_of(county: Terminal) -> Path:
    """Return the folder that a terminal works on."""
    assert county.folder is not None
    return county.folder


def beside(terminal: Terminal) -> Path:
    """Give the terminal the server's clock, which is the machine's; returns the folder."""
    terminal.clock = SystemClock()
    return folder_of(terminal)
