"""Where the time of one append goes: the real functions with a stopwatch around them, for a few rounds.

Spans nest; each span's own time is what its inner spans leave of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter_ns
from typing import TypeVar

from ledger.facade.cases import writing
from ledger.facade.cases.signing import Desk
from ledger.facade.cases.views import CaseView
from ledger.facade.cases.writing import Writer
from ledger.facade.logs.ownlog import OwnLog
from ledger.formats.keys import Ed25519Signer
from ledger.store import sqlite

ResultT = TypeVar("ResultT")

_SPANS: tuple[tuple[object, str, str], ...] = (
    (Desk, "sign", "check"),
    (Desk, "_encoded", "encode"),
    (Ed25519Signer, "sign", "sign"),
    (OwnLog, "next_entry", "encode"),
    (Writer, "append_case_act", "store"),
    (CaseView, "apply", "views"),
    (writing, "search_keys", "views"),
    (sqlite._Writing, "_commit", "commit"),
)


class Stopwatch:
    """Adds up the own time of each span, in nanoseconds."""

    def __init__(self) -> None:
        self.own_ns: dict[str, int] = {}
        self._inner_ns: list[int] = [0]

    def around(self, name: str, function: Callable[..., ResultT]) -> Callable[..., ResultT]:
        """Return the function with the watch around it."""

        def timed(*args: object, **kwargs: object) -> ResultT:
            self._inner_ns.append(0)
            started = perf_counter_ns()
            try:
                return function(*args, **kwargs)
            finally:
                spent = perf_counter_ns() - started
                own = spent - self._inner_ns.pop()
                self._inner_ns[-1] += spent
                self.own_ns[name] = self.own_ns.get(name, 0) + own

        return timed


@contextmanager
def watched() -> Iterator[Stopwatch]:
    """Put the watch around the spans of the command path, and take it off again."""
    watch = Stopwatch()
    before = [(place, name, getattr(place, name)) for place, name, _ in _SPANS]
    for (place, name, span), (_, _, function) in zip(_SPANS, before, strict=True):
        setattr(place, name, watch.around(span, function))
    try:
        yield watch
    finally:
        for place, name, function in before:
            setattr(place, name, function)
