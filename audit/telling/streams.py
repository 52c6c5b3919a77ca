"""Where the audit writes, and what happens when that place takes no more."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TextIO

from audit.telling.words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a command writes, and what surrounds it."""

    out: TextIO
    err: TextIO
    env: Mapping[str, str]
    words: Words
    now_ms: int


def open_streams() -> None:
    """Make both streams fit for every text, and for a caller that closed one of them."""
    # A stream that the caller closed is None; a verdict that nobody reads is still given as the exit code.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives as long as the process
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="backslashreplace")


def say(around: Surroundings, code: int, tell: Callable[[], None]) -> int:
    """Tell a result and return its exit code, also when the reader of a pipe has seen enough.

    Args:
        around: where to write.
        code: the verdict; it stands whether somebody reads all of the text or not.
        tell: writes the text.

    Raises:
        OSError: the text could not be written, for a full disk for instance.
    """
    try:
        tell()
        around.out.flush()
    except OSError as error:
        # Windows has no code of its own for a pipe without reader.
        if error.errno != errno.EPIPE and (os.name != "nt" or error.errno != errno.EINVAL):
            raise
        silence(around)
    return code


def silence(around: Surroundings) -> None:
    """Lead what is still to be written nowhere; else Python complains once more at exit."""
    if around.out is sys.stdout or around.out is sys.__stdout__:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def print_message(around: Surroundings, code: str, params: Mapping[str, object]) -> None:
    """Print what went wrong and what to do next; where even that cannot be written, the exit code says it."""
    message = around.words.message(code, params)
    with contextlib.suppress(OSError):
        print(message.what, file=around.err)
        if message.next_step:
            print(f"→ {message.next_step}", file=around.err)
        print(f"[{code}]", file=around.err)
        around.err.flush()
