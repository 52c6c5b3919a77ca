"""Helper processes that prepare packages: Python computes on one core at a time, and this one has to store.

``python -m sync.preparing.helpers`` is such a helper: sections come on its standard input, what
``sync.core.ingest.prepare`` makes of them goes back. It holds no key and no data, and ends when its master
does. Where a helper cannot be had, has died or stands still, packages are prepared here: slower, with the
same outcome.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Timer
from typing import IO

from ledger.errors import BanjianError
from ledger.formats.keys import verify_all
from ledger.known.verified import KeyFinder
from ledger.types import KeyId, LedgerId
from sync.core.framing import BRANCH, PACKAGE, Section
from sync.core.ingest import Prepared, PreparedPackage, prepare
from sync.preparing.handover import (
    BROKEN,
    Answer,
    Asked,
    Lacking,
    pack_answer,
    pack_asked,
    unpack_answer,
    unpack_asked,
)

SECTION_BYTES_MIN = 32 * 1024
"""Smaller sections are prepared where they are."""
KEYS_MAX = 1024
"""Authors of whom a helper is told beforehand; of the others it has to ask."""
ANSWER_S_MAX = 30.0
"""A helper that takes longer is ended: the largest package takes far less, and callers wait longer."""
LENGTH_BYTES = 8


class Helpers:
    """Prepares packages on other cores; a helper that died is started again when it is needed.

    All are started with the first large section, which is prepared here meanwhile: each takes time to begin
    and 28 MiB, and many a station never sees so much at once.

    Args:
        count: how many at most; 0 to prepare everything here.
    """

    def __init__(self, count: int) -> None:
        self._closed = False
        self._started = False
        self._starting = Lock()
        self._free: SimpleQueue[_Helper] = SimpleQueue()
        self._all = [_Helper() for _ in range(count)]
        for helper in self._all:
            self._free.put(helper)
        self._actors: dict[KeyId, None] = {}

    def start(self) -> bool:
        """Start every helper, the first time; what cannot be started now may be later.

        Returns:
            Whether this was the first time. May be called from any thread.
        """
        with self._starting:
            if self._started or self._closed:
                return False
            self._started = True
            for helper in self._all:
                with suppress(OSError):
                    helper.start()
            return True

    def prepare(self, section: Section, *, ledger_id: LedgerId, public_key: KeyFinder) -> Prepared:
        """Return what ``sync.core.ingest.prepare`` returns, and raise what it raises.

        May be called from any thread, and waits.
        """
        found: Prepared | None = None
        for helper in self._all:
            helper.reap()
        large = section.kind in (PACKAGE, BRANCH) and len(section.payload) >= SECTION_BYTES_MIN
        if large and self._all and not self.start() and not self._closed:
            helper = self._free.get()
            try:
                found = self._prepared(helper, section, ledger_id, public_key)
            except (OSError, *BROKEN):
                helper.end()
            finally:
                self._free.put(helper)
        if found is None:
            found = prepare(section, ledger_id=ledger_id, public_key=public_key)
        return found

    def _prepared(
        self, helper: _Helper, section: Section, ledger_id: LedgerId, public_key: KeyFinder
    ) -> PreparedPackage | None:
        keys = {actor: public_key(actor) for actor in tuple(self._actors)}
        answer = helper.ask(Asked(section, ledger_id, keys))
        if isinstance(answer, Lacking):
            keys |= {actor: public_key(actor) for actor in answer.actors}
            answer = helper.ask(Asked(section, ledger_id, keys))
            # Those of the next section are likely the same people.
            self._actors = dict.fromkeys(list(keys)[-KEYS_MAX:])
        return answer if isinstance(answer, PreparedPackage) else None

    def close(self) -> None:
        """Let the helpers go; from now on everything is prepared here."""
        with self._starting:
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
        if self._process is not None and self._process.poll() is not None:
            self.end()
        if self._process is None:
            self._process = _start()
        return self._process

    def reap(self) -> None:
        """Let the system forget a process that has ended, though nobody may ask it again; from any thread."""
        process = self._process
        if process is not None:
            process.poll()

    def ask(self, asked: Asked) -> Answer:
        """Return the answer of the process, which is started if it does not run.

        Raises:
            OSError, EOFError, ValueError, TypeError: it cannot be started, died, or was ended for being late.
        """
        process = self.start()
        if process.stdin is None or process.stdout is None:
            raise EOFError
        # A pipe waits for ever on a process that was stopped; that of one that was killed ends, both ways.
        deadline = Timer(ANSWER_S_MAX, process.kill)
        deadline.daemon = True
        deadline.start()
        try:
            _send(process.stdin, pack_asked(asked))
            return unpack_answer(_receive(process.stdout))
        finally:
            deadline.cancel()

    def end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            # Closes both pipes too.
            process.communicate()


def _start() -> subprocess.Popen[bytes]:
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    return subprocess.Popen(
        [sys.executable, "-m", "sync.preparing.helpers"],
        env={**os.environ, "PYTHONPATH": paths},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def _send(pipe: IO[bytes], message: bytes) -> None:
    pipe.write(len(message).to_bytes(LENGTH_BYTES, "big"))
    pipe.write(message)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes:
    """Return the next message.

    Raises:
        EOFError: the other process has ended.
    """
    head = pipe.read(LENGTH_BYTES)
    size = int.from_bytes(head, "big")
    message = pipe.read(size)
    if len(head) < LENGTH_BYTES or len(message) < size:
        raise EOFError
    return message


def _answer(asked: Asked) -> Answer:
    lacking: dict[KeyId, None] = {}

    def find(actor: KeyId) -> bytes | None:
        if actor not in asked.keys:
            lacking[actor] = None
        return asked.keys.get(actor)

    try:
        prepared = prepare(
            asked.section,
            ledger_id=asked.ledger_id,
            public_key=find,
            # What lacks a key is asked for again, and need not be checked twice.
            signatures=lambda claims: [False] * len(claims) if lacking else verify_all(claims),
        )
    except BanjianError:
        return None
    if lacking:
        return Lacking(tuple(lacking))
    return prepared if isinstance(prepared, PreparedPackage) else None


def main() -> None:
    """Answer until the master closes the pipe; interrupts of the terminal are the master's matter."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a package is made of has no cycles, and all of it goes when the answer has gone.
    gc.disable()
    with suppress(EOFError):
        while True:
            asked = unpack_asked(_receive(sys.stdin.buffer))
            _send(sys.stdout.buffer, pack_answer(_answer(asked)))


if __name__ == "__main__":
    main()
