"""Helper processes that check signatures: Python computes on one core at a time, and this one has to store.

``python -m sync.helpers`` is such a helper: claims come on its standard input, one byte for each goes back.
It holds no key and no data, and ends when its master does. Where a helper cannot be had, or has died, the
signatures are checked here: slower, with the same outcome.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import IO

from ledger.keys import Claim, verify_all

CLAIMS_MIN = 64
"""Fewer signatures are checked where they are."""


class Helpers:
    """Checks signatures on other cores; a helper that was not started, or died, is started when it is needed.

    Args:
        count: how many at most; 0 to check everything here.
    """

    def __init__(self, count: int) -> None:
        self._closed = False
        self._free: SimpleQueue[_Helper] = SimpleQueue()
        self._all = [_Helper() for _ in range(count)]
        for helper in self._all:
            self._free.put(helper)

    def start(self) -> None:
        """Start every helper, so that nobody waits for one; what cannot be started now may be later."""
        for helper in self._all:
            with suppress(OSError):
                helper.start()

    def check(self, claims: Sequence[Claim]) -> Iterable[bool]:
        """Return for each claim whether its signature holds; may be called from any thread, and waits."""
        if self._closed or not self._all or len(claims) < CLAIMS_MIN:
            return verify_all(claims)
        helper = self._free.get()
        try:
            verdicts = helper.ask(claims)
        except (OSError, EOFError, pickle.PickleError):
            helper.end()
            return verify_all(claims)
        finally:
            self._free.put(helper)
        return verdicts if len(verdicts) == len(claims) else verify_all(claims)

    def close(self) -> None:
        """Let the helpers go; from now on everything is checked here."""
        self._closed = True
        for helper in self._all:
            helper.end()


class _Helper:
    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        """Return the running process.

        Raises:
            OSError: it cannot be started.
        """
        if self._process is None:
            self._process = _start()
        return self._process

    def ask(self, claims: Sequence[Claim]) -> list[bool]:
        """Return the verdicts of the process, which is started if it does not run.

        Raises:
            OSError, EOFError, pickle.PickleError: it cannot be started, or died.
        """
        process = self.start()
        if process.stdin is None or process.stdout is None:
            raise EOFError
        _write(process.stdin, list(claims))
        verdicts: bytes = pickle.load(process.stdout)  # noqa: S301 - from the process that this one started
        return [verdict == 1 for verdict in verdicts]

    def end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            # Closes both pipes too.
            process.communicate()


def _start() -> subprocess.Popen[bytes]:
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    return subprocess.Popen(
        [sys.executable, "-m", "sync.helpers"],
        env={**os.environ, "PYTHONPATH": paths},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def _write(pipe: IO[bytes], value: object) -> None:
    pipe.write(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
    pipe.flush()


def main() -> None:
    """Answer until the master closes the pipe; interrupts of the terminal are the master's matter."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            claims: list[Claim] = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
        except EOFError:
            return
        _write(sys.stdout.buffer, bytes(verify_all(claims)))


if __name__ == "__main__":
    main()
