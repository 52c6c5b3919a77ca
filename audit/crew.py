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
from typing import Self

from audit.county import fold_county
from audit.desk import Brief, Desk, Result, Task
from audit.findings import Finding
from audit.source import Source, open_database
from ledger.errors import ConfigError

_GARBAGE_AFTER = 50_000
"""Objects made before a helper looks for cycles; there are none but those of caught errors."""


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

    def submit(self, task: Task) -> Callable[[], Result]:
        """Give out a task; return where its result is asked for.

        Asking raises:
            ConfigError: ``audit.helper_died``.
        """
        try:
            future: Future[Result] = self._pool.submit(_run, self._brief, task)
        except BrokenProcessPool as error:
            raise ConfigError("audit.helper_died") from error
        return lambda: _result(future)


class InOrder:
    """Results of tasks in the order of the tasks, with only so many given out at once.

    Args:
        tasks: may be made while they are taken.
        submit: gives one out and returns where its result is asked for.
        window: tasks given out at once; 0 does each when its turn comes.
    """

    def __init__(
        self, tasks: Iterable[Task], submit: Callable[[Task], Callable[[], Result]], *, window: int
    ) -> None:
        self._tasks = iter(tasks)
        self._submit = submit
        self._window = window
        self._flying: deque[Callable[[], Result]] = deque()

    def fill(self) -> None:
        """Give out as many tasks as there is room for."""
        while len(self._flying) < max(1, self._window):
            task = next(self._tasks, None)
            if task is None:
                return
            self._flying.append(self._submit(task))

    def __iter__(self) -> Iterator[Result]:
        self.fill()
        while self._flying:
            result = self._flying.popleft()
            yield result()
            self.fill()


def may_start_processes() -> bool:
    """Return whether this process may have helpers: one that is itself a helper of another may not."""
    return not multiprocessing.current_process().daemon


def _result(future: Future[Result]) -> Result:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise ConfigError("audit.helper_died") from error


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


def _run(brief: bytes, task: Task) -> Result:
    return _desk(brief).run(task)


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
