"""Asking the running server over the local socket; and again, where no answer came.

A signed act has its id before it is sent, so that it may be sent as often as one likes: the server answers
each time with what it stored. What nobody answers for a while may be stored or not, and is told so: whoever
typed it once more would have it twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import aiohttp

from ledger import platform
from ledger.errors import StoreError
from ledger.facade import Home
from stations.serving.wire import decode_error

T = TypeVar("T")
BASE = "http://station"
UNREACHABLE = "serve.unreachable"
NO_ANSWER = "serve.no_answer"
TIMEOUT_S = 60.0
_OK = 200
_LEAST_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for an answer.

    Attributes:
        first_s: for the first time; twice as long each time after.
        total_s: until it is told that nobody knows.
        pause_s: between two times.
    """

    first_s: float = 5.0
    total_s: float = TIMEOUT_S
    pause_s: float = 0.2


PATIENCE = Patience()


def ask(home: Home, method: str, path: str, body: bytes, *, timeout_s: float = TIMEOUT_S) -> str:
    """Ask once; returns the text of the answer.

    Raises:
        StoreError: ``serve.unreachable`` when nothing was handed over; ``serve.no_answer`` when something was
            and no whole answer came; whatever the server refuses, in its own class and code.
    """
    return asyncio.run(_request(home, method, path, body, timeout_s))


def ask_until_answered(
    home: Home,
    path: str,
    body: bytes,
    *,
    read: Callable[[str], T],
    look: Callable[[], T | None],
) -> T:
    """Hand over what may be sent several times, until its answer comes.

    Args:
        home: the installation folder.
        path: of the question.
        body: what is handed over.
        read: understands the answer.
        look: finds what was done by other means; None where it cannot.

    Raises:
        StoreError: as ``ask``; ``serve.no_answer`` after all of ``PATIENCE``.
    """
    patience = PATIENCE
    until, wait_s, handed_over = time.monotonic() + patience.total_s, patience.first_s, False
    while True:
        left_s = max(_LEAST_S, until - time.monotonic())
        try:
            return read(ask(home, "POST", path, body, timeout_s=min(wait_s, left_s)))
        except StoreError as error:
            handed_over = handed_over or error.code == NO_ANSWER
            if error.code not in (NO_ANSWER, UNREACHABLE) or not handed_over:
                raise
        known = look()
        if known is not None:
            return known
        if time.monotonic() >= until:
            raise StoreError(NO_ANSWER)
        time.sleep(patience.pause_s)
        wait_s *= 2


def connector(home: Home) -> aiohttp.BaseConnector:
    """Return what connects to the server of an installation."""
    address = platform.local_socket_address(home.path)
    if address.kind == "pipe":
        return aiohttp.NamedPipeConnector(address.name)
    return aiohttp.UnixConnector(address.name)


class Reached:
    """Notes whether a connection stood: what was handed over then may be stored, whatever one hears."""

    def __init__(self) -> None:
        self._connected = False
        self.trace = aiohttp.TraceConfig()
        self.trace.on_connection_create_end.append(self._note)

    def error(self) -> StoreError:
        """Return what to say where no answer came."""
        return StoreError(NO_ANSWER if self._connected else UNREACHABLE)

    async def _note(self, *_: object) -> None:
        self._connected = True


async def _request(home: Home, method: str, path: str, body: bytes, timeout_s: float) -> str:
    reached = Reached()
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector(home),
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                trace_configs=[reached.trace],
            ) as session,
            session.request(method, BASE + path, data=body) as response,
        ):
            text = await response.text()
            if response.status == _OK:
                return text
            raise decode_error(text)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise reached.error() from error
