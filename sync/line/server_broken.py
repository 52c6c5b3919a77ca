"""What a broken line looks like to aiohttp, and what a listener does about it: a code, no trace.

A line may break anywhere: while a body is read, while an answer is written, with or without a word from the
other end. None of that is a fault of the program.
"""

from __future__ import annotations

import logging
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from ledger.errors import BanjianError, EncodingError, StoreError

BROKEN: Final = (OSError, HttpProcessingError, web.RequestPayloadError)
"""Raised by reading or writing when the other end is gone or speaks no HTTP; ``TimeoutError`` too."""


def named(error: BaseException, address: str) -> BanjianError:
    """Return the named error of one of ``BROKEN``.

    Args:
        error: what was raised.
        address: of the other end.
    """
    if isinstance(error, TimeoutError) and not error.errno:
        return StoreError("sync.too_slow")
    if isinstance(error, OSError):
        return StoreError("sync.torn", address=address)
    return EncodingError("sync.not_http", address=address)


def hang_up(request: web.Request, *, at_once: bool = False) -> None:
    """End a connection whose answer has begun, for no other answer may follow in it.

    Args:
        request: that is answered.
        at_once: end it in any case: there is nobody at its other end any more.
    """
    if request.transport is not None and (at_once or request.writer.output_size > 0):
        request.transport.abort()


def note(log: logging.Logger, error: BanjianError, **fields: str) -> None:
    """Write one line about a call that failed: its code and who called."""
    log.info(error.code, extra={"code": error.code, **fields})
