"""Helper processes, one for each core: Python computes on one core at a time.

Helpers read the file themselves and answer with little. They are started before anything is opened: a
connection to a database must not be carried into another process. Where the system can copy a process that
does nothing else (Linux, a single thread) that takes milliseconds; elsewhere each begins as a new Python.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from multiprocessing.connection import wait
from typing import NamedTuple, Self

from audit.checking.desk import Brief, Desk, Result, Task
from audit.reading.county import fold_county
from audit.reading.findings import Finding
from audit.reading.source import Source, open_database
from ledger.errors import ConfigError, Param, StoreError

_AHEAD_EACH = 4
"""Tasks at hand of each helper: what it does while this process does one and cannot see to it."""
_AHEAD_FACTOR = 2
"""How many results may wait for an earlier one, for each task that helpers have at hand."""
_GARBAGE_AFTER = 50_000
"""Objects made before a helper looks for cycles; there are none but those of caught errors."""


class Failure(NamedTuple):
    """Why a helper could not open the file; an exception would lose its values on the way."""

    code: str
    params: dict[str, Param]


class Crew:
    """Running helpers; use it as a context manager.

    Args:
        count: how many.
        fork: begin as copies of this process; None to decide it by what is safe.

    Raises:
        OSError: the system starts no more processes.
    """

    def __init__(self, count: int, *, fork: bool | None = None) -> None:
        if fork is None:
            fork = sys.platform == "linux" and threading.active_count() == 1
        self.count = count
        self._brief = b""
        self._pool = ProcessPoolExecutor(
            count,
            mp_context=multiprocessing.get_context("fork" if fork else "spawn"),
            initializer=_begin,
        )
        try:
            # The pool starts a process when there is work and nobody free to do it.
            self._ready = [self._pool.submit(_nothing) for _ in range(count)]
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the helpers go."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def tell(self, brief: Brief) -> None:
        """Say what is to be checked."""
        self._brief = pickle.dumps(brief)

    def submit(self, task: Task) -> Future[Result | Failure]:
        """Give out a task.

        Raises:
            ConfigError: ``audit.helper_died``.
        """
        try:
            return self._pool.submit(_run, self._brief, task)
        except BrokenProcessPool as error:
            raise ConfigError("audit.helper_died") from error


class InOrder:
    """Results of tasks in the order of the tasks, done by helpers and, while they are busy, here.

    Args:
        tasks: may be made while they are taken.
        here: does a task in this process.
        crew: helpers; None to do everything here.
    """

    def __init__(self, tasks: Iterable[Task], here: Callable[[Task], Result], crew: Crew | None) -> None:
        self._tasks = iter(tasks)
        self._here = here
        self._crew = crew
        self._ahead = 0 if crew is None else _AHEAD_EACH * crew.count
        self._flying: deque[Future[Result | Failure]] = deque()

    def fill(self) -> None:
        """Give the helpers as many tasks as keep them busy until somebody looks again."""
        busy = sum(not future.done() for future in self._flying)
        while self._crew is not None and busy < self._ahead and self._has_room():
            task = next(self._tasks, None)
            if task is None:
                return
            self._flying.append(self._crew.submit(task))
            busy += 1

    def __iter__(self) -> Iterator[Result]:
        """Yield every result.

        Raises:
            ConfigError: ``audit.helper_died``.
            StoreError: a helper could not open the file.
        """
        while True:
            self.fill()
            waiting = self._flying and not self._flying[0].done()
            if not self._flying or (waiting and self._has_room()):
                task = next(self._tasks, None)
                if task is not None:
                    done: Future[Result | Failure] = Future()
                    done.set_result(self._here(task))
                    self._flying.append(done)
                    continue
                if not self._flying:
                    return
            yield _result(self._flying.popleft())

    def _has_room(self) -> bool:
        """Return whether one more result may wait for an earlier one."""
        return len(self._flying) < _AHEAD_FACTOR * self._ahead


def may_start_processes() -> bool:
    """Return whether this process may have helpers: one that is itself a helper of another may not."""
    return not multiprocessing.current_process().daemon


def _result(future: Future[Result | Failure]) -> Result:
    try:
        result = future.result()
    except BrokenProcessPool as error:
        raise ConfigError("audit.helper_died") from error
    if isinstance(result, Failure):
        raise StoreError(result.code, **result.params)
    return result


def _begin() -> None:
    """Make a new helper ready: its master decides about interrupts, and it does not outlive its master."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(_GARBAGE_AFTER)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _nothing() -> None:
    """The first task, done when the helper is ready."""


def _run(brief: bytes, task: Task) -> Result | Failure:
    try:
        return _desk(brief).run(task)
    except StoreError as error:
        return Failure(error.code, dict(error.params))


@lru_cache(maxsize=1)
def _desk(pickled: bytes) -> Desk:
    """Return the desk for a brief; file and folded logs stay open for all tasks."""
    brief: Brief = pickle.loads(pickled)  # noqa: S301 - from the process that started this one
    file = open_database(brief.path)
    source = Source(file, _unheard).__enter__()
    judge = fold_county(source, brief.ledger_id, brief.genesis, brief.openings)
    gc.freeze()
    return Desk(brief, source, judge)


def _unheard(finding: Finding) -> None:
    """The master folds the county's logs as well and hears what cannot be read of them."""
