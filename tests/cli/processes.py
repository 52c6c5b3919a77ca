"""Real processes on one ledger: a server, and commands beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.facade.base.clock import SystemClock
from tests.cli.conftest import PASSPHRASE, Terminal

PROGRAM = [sys.executable, "-c", "import sys; from stations.start import main; sys.exit(main())"]


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
    return subprocess.run([*PROGRAM, *words], env=env_of(folder), capture_output=True, text=True, check=False)


@contextmanager
def served(folder: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], dict]]:
    """Run a server as a process of its own; yields it once it listens, with what it said of that."""
    words = [*PROGRAM, "serve", str(folder), "--json", *more]
    with subprocess.Popen(words, env=env_of(folder), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            told = json.loads(process.stdout.readline())
            assert told["listening"]
            yield process, told
        finally:
            process.kill()


@contextmanager
def serving(folder: Path) -> Iterator[subprocess.Popen[str]]:
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
