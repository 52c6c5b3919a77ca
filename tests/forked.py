"""Processes of the program, forked from one that has imported it already.

The tests run the program many hundred times, and most of what a short command takes is importing it. A
process that is forked here differs from one that was started in that alone: it has the words, the
environment, the folder and the streams that it is given, and ends as an interpreter ends. How the program
starts, and what it says when a part of it is missing, is tested by starting it.

``python -m tests.forked FD`` is the process that forks. Each datagram on the socket brings a request and four
descriptors: a socket for the answers (process id, then how it ended) and the three streams. It ends with the
socket. Where the system cannot do this the program is started.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import selectors
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Self, TextIO

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = "stations.start"
REQUEST_BYTES_MAX = 1 << 17
_NUMBER = struct.Struct("=i")
_FORKS = hasattr(os, "pidfd_open") and hasattr(socket, "send_fds")


def started(program: str = PROGRAM) -> list[str]:
    """Return the words by which a program is started and not forked."""
    return [sys.executable, "-c", f"import sys; from {program} import main; sys.exit(main())"]


class Process:
    """A forked process: what the tests use of ``subprocess.Popen``."""

    def __init__(
        self, pid: int, answers: socket.socket, stdout: TextIO | None, stderr: TextIO | None
    ) -> None:
        self.pid = pid
        self.stdout = stdout
        self.stderr = stderr
        self.returncode: int | None = None
        self._answers = answers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()
        self.wait()

    def poll(self) -> int | None:
        """Return how it ended; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(timeout=0.0001)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; returns the exit code, a signal's is negative.

        Raises:
            subprocess.TimeoutExpired: it runs on.
        """
        if self.returncode is None:
            self._answers.settimeout(timeout)
            try:
                self.returncode = _number(self._answers)
            except TimeoutError as error:
                raise subprocess.TimeoutExpired([str(self.pid)], timeout or 0) from error
            self._answers.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(15)

    def kill(self) -> None:
        """End it without warning."""
        self.send_signal(9)


def popen(
    words: Sequence[str],
    *,
    program: str = PROGRAM,
    env: Mapping[str, str],
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
    cwd: Path = ROOT,
) -> Process | subprocess.Popen[str]:
    """Run the program, or another module's ``main``; what ``subprocess.PIPE`` makes is read as text."""
    if not _FORKS:
        return subprocess.Popen(
            [*started(program), *words],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd=cwd,
            text=True,
        )
    control = _nursery()
    here, there = socket.socketpair()
    ends: list[int] = []
    read: list[TextIO | None] = []
    with open(os.devnull, "r+b", buffering=0) as nothing:
        for number, wanted in ((1, stdout), (2, stderr)):
            if wanted == subprocess.PIPE:
                out, end = os.pipe()
                ends.append(end)
                read.append(os.fdopen(out, encoding="utf-8"))
                continue
            if wanted == subprocess.DEVNULL:
                wanted = nothing
            if wanted is None:
                wanted = number
            ends.append(os.dup(wanted if isinstance(wanted, int) else wanted.fileno()))
            read.append(None)
        request = {"program": program, "words": list(words), "env": dict(env), "cwd": str(cwd)}
        socket.send_fds(control, [json.dumps(request).encode()], [there.fileno(), nothing.fileno(), *ends])
    there.close()
    for end in ends:
        os.close(end)
    return Process(_number(here), here, *read)


def run(
    words: Sequence[str], *, env: Mapping[str, str], timeout: float, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run the program to its end; returns what it printed.

    Raises:
        subprocess.TimeoutExpired: it took too long, and was ended.
    """
    with TemporaryFile() as out, TemporaryFile() as err:
        process = popen(words, env=env, stdout=out, stderr=err, cwd=cwd)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        told = [(file.seek(0), file.read().decode("utf-8"))[1] for file in (out, err)]
    return subprocess.CompletedProcess(list(words), code, *told)


def _number(answers: socket.socket) -> int:
    raw = answers.recv(_NUMBER.size, socket.MSG_WAITALL)
    if len(raw) < _NUMBER.size:
        raise EOFError("the process that forks has ended")
    return int(_NUMBER.unpack(raw)[0])


@cache
def _nursery() -> socket.socket:
    """Start the process that forks, once; returns the socket by which it is asked."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    words = [sys.executable, "-m", "tests.forked", str(there.fileno())]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(words, env=env, cwd=ROOT, stdin=quiet, stdout=quiet, pass_fds=[there.fileno()])
    there.close()
    atexit.register(_end, here, process)
    return here


def _end(control: socket.socket, process: subprocess.Popen[bytes]) -> None:
    control.close()
    process.wait()


# --- the process that forks ------------------------------------------------------------------------------


def _load() -> None:
    """Import what the program imports, however late."""
    from stations.cli.tree import MODULES

    late = ("stations.cli.main", "stations.cli.actions", "stations.cli.receive", "stations.server")
    sites = ("stations.web.site", "stations.web.firstday.site", "stations.version")
    for name in (*late, *sites, *(f"stations.cli.{module}" for module in MODULES.values())):
        importlib.import_module(name)
    assert threading.active_count() == 1
    gc.collect()
    gc.freeze()


def _become(asked: Mapping[str, object], streams: Sequence[int]) -> None:
    """Take on words, environment, folder and streams."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # What Python made of the streams of the forking process knows whether those could be wound back.
    sys.stdin = sys.__stdin__ = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.__stderr__ = os.fdopen(
        2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
    )
    os.environ.clear()
    os.environ.update(asked["env"])  # type: ignore[call-overload]
    os.chdir(str(asked["cwd"]))
    sys.argv = ["-c", *asked["words"]]  # type: ignore[misc]


def _fork_until_the_end(control: socket.socket) -> int:
    """Fork a process for each request; in such a process, return its exit code."""
    watched = selectors.DefaultSelector()
    watched.register(control, selectors.EVENT_READ)
    while True:
        for key, _ in watched.select():
            if key.fileobj is control:
                raw, found, _, _ = socket.recv_fds(control, REQUEST_BYTES_MAX, 4)
                if not raw:
                    os._exit(0)
                answers, streams = socket.socket(fileno=found[0]), found[1:]
                pid = os.fork()
                if pid == 0:
                    for other in list(watched.get_map().values()):
                        _close(other)
                    watched.close()
                    answers.close()
                    asked = json.loads(raw)
                    _become(asked, streams)
                    return int(importlib.import_module(asked["program"]).main())
                answers.send(_NUMBER.pack(pid))
                for stream in streams:
                    os.close(stream)
                watched.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, answers))
            else:
                pid, answers = key.data
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                with suppress(OSError):
                    answers.send(_NUMBER.pack(code))
                watched.unregister(key.fileobj)
                _close(key)


def _close(key: selectors.SelectorKey) -> None:
    if isinstance(key.fileobj, socket.socket):
        key.fileobj.close()
    else:
        os.close(key.fd)
        key.data[1].close()


if __name__ == "__main__":
    _load()
    sys.exit(_fork_until_the_end(socket.socket(fileno=int(sys.argv[1]))))
