"""The command line's side of the local socket: hand a signed act to the running server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import aiohttp

from ledger import platform
from ledger.errors import StoreError
from ledger.facade import Home, Performed, SignedAct
from stations.serving.bundlejobs import BundleJob, Step
from stations.serving.bundleroute import PATH
from stations.serving.wire import (
    CASES,
    ERASED,
    GENESIS,
    SEEN,
    decode_error,
    decode_outcome,
    decode_performed,
    decode_value,
    encode_opening,
    encode_signed,
    error_of,
)
from sync.outcome import Outcome

BASE = "http://station"
_TIMEOUT_S = 60
_STATUS_TIMEOUT_S = 15
_SYNC_TIMEOUT_S = 6 * 3600
"""A first download over a weak link takes its time."""
_OK = 200
_LINE_BYTES = 1 << 24
"""The last step of a job names every file."""


def submit_remote(home: Home, signed: SignedAct) -> Performed:
    """Hand a signed act to the process that holds the lock; confirmed when this returns.

    Raises:
        StoreError: ``serve.unreachable`` when a process holds the lock but answers no socket; whatever the
            server refuses, in its own class and code.
    """
    return decode_performed(_ask(home, "POST", "/act", encode_signed(signed)))


def submit_county_remote(home: Home, signed: SignedAct) -> Performed:
    """Hand a signed act of registry or catalogue, or the opening of a log, to the running server.

    Raises:
        StoreError: as ``submit_remote``.
    """
    return decode_performed(_ask(home, "POST", "/county", encode_signed(signed)))


def erase_remote(home: Home, signed: SignedAct) -> int:
    """Have the running server store a signed erasure and delete; returns how many bodies were deleted."""
    return int(decode_value(_ask(home, "POST", "/erasure", encode_signed(signed)), ERASED))


def draft_log_remote(home: Home, kind: str, station: str, newest: bytes = b"") -> bytes:
    """Have the running server make the key of a log; returns the genesis to sign for."""
    answer = decode_value(_ask(home, "POST", "/log", encode_opening(kind, station, newest)), GENESIS)
    try:
        return bytes.fromhex(str(answer))
    except ValueError as error:
        raise StoreError("serve.answer") from error


def rebuild_remote(home: Home) -> int:
    """Have the running server make all lists anew; returns how many cases there are."""
    return int(decode_value(_ask(home, "POST", "/rebuild", b""), CASES))


def checkpoint_remote(home: Home, log: str) -> str:
    """Have the running server sign the head of a log; returns the note."""
    return _ask(home, "POST", f"/checkpoint/{log}", b"")


def accept_note_remote(home: Home, note: bytes) -> None:
    """Have the running server go on from a county checkpoint that people decided for."""
    _ask(home, "POST", "/county/note", note)


def mark_seen_remote(home: Home) -> int:
    """Have the running server settle what was found and stays as it is; returns how much that was."""
    return int(decode_value(_ask(home, "POST", "/seen", b""), SEEN))


def sync_remote(home: Home) -> Outcome:
    """Have the running server sync now; returns what that brought.

    Raises:
        StoreError: ``serve.unreachable``; whatever stands in the way, in its own class and code.
    """
    return decode_outcome(_ask(home, "POST", "/sync", b"", timeout_s=_SYNC_TIMEOUT_S))


def bundle_remote(home: Home, job: BundleJob, told: Callable[[Step], None]) -> Step:
    """Have the running server export or import a bundle; returns the last step.

    Args:
        home: the installation folder.
        job: what is to be done.
        told: called with each step before the last.

    Raises:
        StoreError: ``serve.unreachable``; whatever stands in the way, in its own class and code.
    """
    return asyncio.run(_bundle(home, job, told))


async def _bundle(home: Home, job: BundleJob, told: Callable[[Step], None]) -> Step:
    timeout = aiohttp.ClientTimeout(total=None, sock_read=_SYNC_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(
                connector=_connector(home), timeout=timeout, read_bufsize=_LINE_BYTES
            ) as session,
            session.post(BASE + PATH, json=job.as_object()) as response,
        ):
            if response.status != _OK:
                raise decode_error(await response.text())
            async for line in response.content:
                step = json.loads(line)
                if step["step"] == "error":
                    raise error_of(step)
                if step["step"] == "done":
                    found: Step = step
                    return found
                told(step)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise StoreError("serve.unreachable") from error
    raise StoreError("serve.unreachable")


def status_remote(home: Home) -> str:
    """Return the running server's status, as JSON text: its process, and the logs that it writes.

    Raises:
        StoreError: ``serve.unreachable`` when none runs, or none that answers.
    """
    return _ask(home, "GET", "/status", b"", timeout_s=_STATUS_TIMEOUT_S)


def _ask(home: Home, method: str, path: str, body: bytes, *, timeout_s: int = _TIMEOUT_S) -> str:
    return asyncio.run(_request(home, method, path, body, timeout_s))


async def _request(home: Home, method: str, path: str, body: bytes, timeout_s: int) -> str:
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with (
            aiohttp.ClientSession(connector=_connector(home), timeout=timeout) as session,
            session.request(method, BASE + path, data=body) as response,
        ):
            text = await response.text()
            if response.status == _OK:
                return text
            raise decode_error(text)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise StoreError("serve.unreachable") from error


def _connector(home: Home) -> aiohttp.BaseConnector:
    address = platform.local_socket_address(home.path)
    if address.kind == "pipe":
        return aiohttp.NamedPipeConnector(address.name)
    return aiohttp.UnixConnector(address.name)
