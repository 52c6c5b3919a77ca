"""What goes wrong on the network, one line each in the installation's log: a code, never a trace.

A station that loses its line, a port scanner, a program that speaks no HTTP: all of that is daily weather.
What is a fault of this program names its place in the program as well, for the technician.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Mapping
from pathlib import Path

from ledger.errors import BanjianError
from ledger.facade.base.clock import Clock
from stations.journal import write_event
from sync.line.server_broken import BROKEN, named

EVENT = "network"
FAULT = "internal"


def web_log(folder: Path, clock: Clock) -> logging.Logger:
    """Return a logger for aiohttp and for sessions that writes into an installation's log.

    Args:
        folder: the installation folder.
        clock: for the time of each line.
    """
    log = logging.Logger("banjian.network", logging.INFO)
    log.addHandler(_Journal(folder, clock))
    return log


def quiet_loop(log: logging.Logger) -> None:
    """Have what asyncio itself finds wrong in the running loop go to a log, instead of standard error."""

    def told(_: asyncio.AbstractEventLoop, context: Mapping[str, object]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            log.error("loop", exc_info=error)

    asyncio.get_running_loop().set_exception_handler(told)


class _Journal(logging.Handler):
    """Turns a record into a line: the code that it names, or that of the exception that it is about."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        super().__init__(logging.INFO)
        self._folder = folder
        self._clock = clock

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record down."""
        fields = {
            name: value
            for name in ("code", "address", "station")
            if isinstance(value := getattr(record, name, None), str)
        }
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            fields |= _told(error)
        if fields:
            write_event(self._folder, EVENT, at_ms=self._clock.now_ms(), **fields)


def _told(error: BaseException) -> dict[str, str]:
    if isinstance(error, BanjianError):
        return {"code": error.code}
    if isinstance(error, BROKEN):
        return {"code": named(error, "").code}
    places = traceback.extract_tb(error.__traceback__)
    place = f"{Path(places[-1].filename).name}:{places[-1].lineno}" if places else ""
    return {"code": FAULT, "kind": type(error).__name__, "place": place}
