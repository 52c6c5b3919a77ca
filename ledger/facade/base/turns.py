"""One thread at a time: numbers, heads and the states remembered of cases follow from the act before.

The store lets one thread write, but an act is decided and signed before that; two threads would sign for the
same place in the log. A server keeps its ledger on one thread in any case; this holds for whoever does not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from threading import RLock
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from ledger.errors import ConfigError

P = ParamSpec("P")
R = TypeVar("R")


class Shared(Protocol):
    """What several threads may hold: it has a turn to take, and may be open for reading alone."""

    @property
    def turn(self) -> RLock:
        """The lock of the one turn."""

    @property
    def writable(self) -> bool:
        """Whether it was opened as the one writer."""


S = TypeVar("S", bound=Shared)


def in_turn(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Make other threads wait while the method runs."""

    @wraps(method)
    def wrapped(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.turn:
            return method(self, *args, **kwargs)

    return wrapped


def as_writer(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Refuse the method where the ledger is open for reading (``ledger.read_only``); else take turns."""

    @wraps(method)
    def wrapped(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if not self.writable:
            raise ConfigError("ledger.read_only")
        with self.turn:
            return method(self, *args, **kwargs)

    return wrapped
