"""The director's side of the actors: starts processes, sends commands, ends a process without warning."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import cast

from ledger.errors import BanjianError, StoreError
from stations.county.forms import LINE_BYTES_MAX, Message, decode, encode

STOP_S = 30.0


class Refusal(BanjianError):
    """A station refused a command, with its code and what its text needs."""


class Process:
    """One process with its pipes; several commands may be under way at once.

    Args:
        errors: file that takes what the process says on standard error.
    """

    def __init__(self, errors: Path) -> None:
        self._errors = errors
        self._child: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[object]] = {}
        self._begun: dict[int, asyncio.Event] = {}
        self._number = 0

    async def start(self) -> None:
        """Start the process."""
        with self._errors.open("ab") as errors:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "stations.county.actor",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors,
                limit=LINE_BYTES_MAX, env={**os.environ, "PYTHONUTF8": "1"},
            )  # fmt: skip
        self._reader = asyncio.create_task(self._read(self._child))

    async def ask(self, **message: object) -> object:
        """Send a command and return its result.

        Raises:
            Refusal: what the station refused.
            StoreError: ``serve.unreachable`` when the process is gone.
        """
        return await self._send(message)

    async def begin(self, **message: object) -> asyncio.Future[object]:
        """Send a command and return once the process is about to carry it out."""
        number = self._number + 1
        begun = self._begun[number] = asyncio.Event()
        future = self._send({**message, "announce": True})
        await begun.wait()
        return future

    def kill(self) -> None:
        """End the process without warning, as a power cut would."""
        if self._child is not None:
            self._child.kill()

    async def gone(self) -> None:
        """Wait until the process is gone."""
        if self._child is not None and self._reader is not None:
            await self._child.wait()
            await self._reader

    async def close(self) -> None:
        """Let the process stop its stations and end."""
        if self._child is None or self._child.stdin is None:
            return
        self._child.stdin.close()
        try:
            async with asyncio.timeout(STOP_S):
                await self.gone()
        except TimeoutError:
            self._child.kill()
            await self.gone()

    def _send(self, message: Message) -> asyncio.Future[object]:
        if self._child is None or self._child.stdin is None:
            raise StoreError("serve.unreachable")
        self._number += 1
        future = self._waiting[self._number] = asyncio.get_running_loop().create_future()
        with suppress(ConnectionError):
            self._child.stdin.write(encode({**message, "id": self._number}))
        return future

    async def _read(self, child: asyncio.subprocess.Process) -> None:
        if child.stdout is None:
            return
        while line := await child.stdout.readline():
            message = decode(line)
            number = cast(int, message["id"])
            if "begun" in message:
                self._begun[number].set()
                continue
            future = self._waiting.pop(number)
            error = message.get("error")
            if isinstance(error, dict):
                future.set_exception(Refusal(error["code"], **error["params"]))
            else:
                future.set_result(message.get("result"))
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(StoreError("serve.unreachable"))
        self._waiting.clear()
        for begun in self._begun.values():
            begun.set()
