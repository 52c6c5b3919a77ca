"""Runs tests with planted bugs, each in a child forked from a process that has imported everything already.

One JSON line on standard input asks for a run: ``bug``, ``words`` for pytest, ``out`` where its words go; the
answer is its exit code on a line. A bug is planted in the child alone, after the fork;
the worlds that most of the runs begin with were made before, by the sound program.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.planted import VARIABLE

SECONDS_MAX = 300
IMPORTED = (
    "audit.checking.verify", "hypothesis", "pypinyin", "tests.planted.bugs", "tests.quickkeys",
    "tests.postgres", "tests.simulation.run", "tests.sync.sticks", "tests.sync.world", "tests.sync.evil",
)  # fmt: skip
"""What the runs import in any case. No tests and no conftest: pytest takes those in by itself."""


def run(bug: str, words: Sequence[str], out: str) -> int:
    """Run pytest with a bug in a child of its own and return the exit code; a signal's is negative."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            signal.alarm(SECONDS_MAX)
            os.environ[VARIABLE] = bug
            told = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(told, 1)
            os.dup2(told, 2)
            code = int(pytest.main(list(words)))
            sys.stdout.flush()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Answer until standard input ends."""
    for name in IMPORTED:
        importlib.import_module(name)
    from tests.simulation.county import founded
    from tests.sync.world import TOWN, VILLAGE, World, settled

    # What children would keep until they end: these go with this process, for a child ends without farewell.
    founded()
    with TemporaryDirectory() as folder:
        World.after(settled(TOWN, VILLAGE), Path(folder)).close()
    for line in sys.stdin:
        print(run(**json.loads(line)), flush=True)


if __name__ == "__main__":
    main()
