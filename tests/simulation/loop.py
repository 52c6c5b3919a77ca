"""An asyncio loop whose time is virtual and whose every delay comes from a seed: it never waits."""

from __future__ import annotations

import asyncio
import hashlib
import random
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

WORK_S = (0.000_5, 0.020)
"""How long one piece of work on a thread takes, in virtual seconds."""


class _NoSelector(selectors.BaseSelector):
    """Knows no file at all: where the loop would wait for one, time goes on."""

    def __init__(self) -> None:
        self.loop: SimLoop | None = None
        self._keys: dict[object, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        number = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        key = selectors.SelectorKey(fileobj, number, events, data)
        self._keys[fileobj] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing is left that could ever happen")
        if self.loop is not None:
            self.loop.now += max(timeout, 0.0)
        return []

    def get_map(self) -> Any:
        return self._keys


class SimLoop(asyncio.SelectorEventLoop):
    """Virtual time, inline threads, a running hash of everything that happens.

    Args:
        seed: every delay that the loop chooses comes from it.
    """

    def __init__(self, seed: str) -> None:
        self.now = 0.0
        self.rng = random.Random(f"loop {seed}")
        self.unhandled: list[str] = []
        self._trace = hashlib.sha256()
        self._busy_until: dict[Executor | None, float] = {}
        selector = _NoSelector()
        selector.loop = self
        super().__init__(selector)
        self.set_exception_handler(self._note_unhandled)

    def time(self) -> float:
        """Return the virtual time in seconds since the start."""
        return self.now

    def trace(self, *what: object) -> None:
        """Take something that happened into the hash of the run."""
        self._trace.update(repr((round(self.now, 6), *what)).encode())

    @property
    def digest(self) -> str:
        """Hash of everything that has happened so far: equal for equal runs."""
        return self._trace.hexdigest()

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run a piece of work here, one after the other for each executor, a moment later."""
        future: asyncio.Future[Any] = self.create_future()
        begins = max(self.now, self._busy_until.get(executor, 0.0))
        self._busy_until[executor] = ends = begins + self.rng.uniform(*WORK_S)

        def work() -> None:
            if future.cancelled():
                return
            try:
                result = func(*args)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        self.call_at(ends, work)
        return future

    def _note_unhandled(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.unhandled.append(f"{context.get('message')}: {error!r}")
