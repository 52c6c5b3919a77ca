"""The command line's side of the local socket: hand a signed act to the running server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TypeVar

import aiohttp

from ledger.errors import StoreError
from ledger.facade import Home, Performed, SignedAct
from ledger.formats.act import case_of, read_act
from stations.cli.asking import BASE, NO_ANSWER, Reached, ask, ask_until_answered, connector
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
from sync.line.outcome import Outcome, SoFar

STATUS_TIMEOUT_S = 15
_SYNC_TIMEOUT_S = 6 * 3600
"""A first download over a weak link takes its time."""
_OK = 200
COUNTY_PATH = "/county"
SHORT, SHOWN = 12, 8
"""Digits of an id that find one, and those of an act that the page of a case shows."""
_LINE_BYTES = 1 << 24
"""The last step of a job names every file."""


T = TypeVar("T")
Look = Callable[[], Performed | None]
"""Finds an act that was handed over where it is stored; None while it is not."""


def nowhere() -> None:
    """Find nothing: for who cannot read the ledger."""


def submit_remote(home: Home, signed: SignedAct, *, look: Look = nowhere) -> Performed:
    """Hand a signed act to the process that holds the lock; confirmed when this returns.

    Args:
        home: the installation folder.
        signed: the act; handed over again where no answer comes.
        look: finds it where it is stored.

    Raises:
        StoreError: ``serve.unreachable`` when a process holds the lock but answers no socket;
            ``serve.unanswered`` when the act was handed over and nobody knows what became of it; whatever the
            server refuses, in its own class and code.
    """
    return _handed_over(home, "/act", signed, read=decode_performed, look=look)


def submit_county_remote(home: Home, signed: SignedAct, *, look: Look = nowhere) -> Performed:
    """Hand a signed act of registry or catalogue, or the opening of a log, to the running server.

    Raises:
        StoreError: as ``submit_remote``.
    """
    return _handed_over(home, COUNTY_PATH, signed, read=decode_performed, look=look)


def erase_remote(home: Home, signed: SignedAct) -> int:
    """Have the running server store a signed erasure and delete; returns how many bodies were deleted.

    Raises:
        StoreError: as ``submit_remote``; what was stored and not deleted yet is deleted when asked again.
    """
    return _handed_over(
        home, "/erasure", signed, read=lambda text: int(decode_value(text, ERASED)), look=lambda: None
    )


def _handed_over(
    home: Home, path: str, signed: SignedAct, *, read: Callable[[str], T], look: Callable[[], T | None]
) -> T:
    try:
        return ask_until_answered(home, path, encode_signed(signed), read=read, look=look)
    except StoreError as error:
        if error.code != NO_ANSWER:
            raise
        raise _unanswered(path, signed) from error


def _unanswered(path: str, signed: SignedAct) -> StoreError:
    """Return what to say of an act of which nobody knows whether it is stored, and how to look."""
    if signed.number and signed.token:
        look = f"banjian show {signed.number}"
        return StoreError("serve.unanswered_receipt", number=signed.number, token=signed.token, look=look)
    act = signed.act_id.hex()
    case = case_of(read_act(signed.raw, signed.sig)).hex()[:SHORT]
    look = f"banjian-audit show-act {act[:SHORT]}" if path == COUNTY_PATH else f"banjian show {case}"
    return StoreError("serve.unanswered", act=act[:SHOWN], look=look)


def draft_log_remote(home: Home, kind: str, station: str, newest: bytes = b"") -> bytes:
    """Have the running server make the key of a log; returns the genesis to sign for."""
    answer = decode_value(ask(home, "POST", "/log", encode_opening(kind, station, newest)), GENESIS)
    try:
        return bytes.fromhex(str(answer))
    except ValueError as error:
        raise StoreError("serve.answer") from error


def rebuild_remote(home: Home) -> int:
    """Have the running server make all lists anew; returns how many cases there are."""
    return int(decode_value(ask(home, "POST", "/rebuild", b""), CASES))


def checkpoint_remote(home: Home, log: str) -> str:
    """Have the running server sign the head of a log; returns the note."""
    return ask(home, "POST", f"/checkpoint/{log}", b"")


def accept_note_remote(home: Home, note: bytes) -> None:
    """Have the running server go on from a county checkpoint that people decided for."""
    ask(home, "POST", "/county/note", note)


def mark_seen_remote(home: Home) -> int:
    """Have the running server settle what was found and stays as it is; returns how much that was."""
    return int(decode_value(ask(home, "POST", "/seen", b""), SEEN))


def sync_remote(home: Home, told: Callable[[SoFar], None] | None = None) -> Outcome:
    """Have the running server sync now; returns what that brought.

    Args:
        home: the installation folder.
        told: called with what it has brought where it breaks off.

    Raises:
        StoreError: ``serve.unreachable``, ``serve.no_answer``; whatever stands in the way, in its own class
            and code.
    """
    return decode_outcome(ask(home, "POST", "/sync", b"", timeout_s=_SYNC_TIMEOUT_S), told)


def bundle_remote(home: Home, job: BundleJob, told: Callable[[Step], None]) -> Step:
    """Have the running server export or import a bundle; returns the last step.

    Args:
        home: the installation folder.
        job: what is to be done.
        told: called with each step before the last.

    Raises:
        StoreError: ``serve.unreachable``, ``serve.no_answer``; whatever stands in the way, in its own class
            and code.
    """
    return asyncio.run(_bundle(home, job, told))


async def _bundle(home: Home, job: BundleJob, told: Callable[[Step], None]) -> Step:
    reached = Reached()
    timeout = aiohttp.ClientTimeout(total=None, sock_read=_SYNC_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector(home),
                timeout=timeout,
                read_bufsize=_LINE_BYTES,
                trace_configs=[reached.trace],
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
        raise reached.error() from error
    raise StoreError(NO_ANSWER)


def status_remote(home: Home) -> str:
    """Return the running server's status, as JSON text: its process, and the logs that it writes.

    Raises:
        StoreError: ``serve.unreachable`` when none runs; ``serve.no_answer`` when one stands still.
    """
    return ask(home, "GET", "/status", b"", timeout_s=STATUS_TIMEOUT_S)
