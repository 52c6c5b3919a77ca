"""Processes of the program, forked from one that has imported it already.

The tests run the program many hundred times, and most of what a short command takes is taking itself in. A
process that is forked here differs from one that was started in that, and in that the keys that it makes open
quickly (``tests.quickkeys``): it has the words, the environment, the folder and the streams that it is given,
and ends as an interpreter ends. How the program starts, what its keys cost, and what it says when a part of
it is missing, is tested by starting it.

``tests.forking`` is the process that forks; where the system cannot do this the program is started.
"""

from __future__ import annotations

import atexit
import json
import os
import shlex
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile, mkdtemp
from types import TracebackType
from typing import IO, Self, TextIO

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = "stations.start"
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


def in_a_shell(program: str = PROGRAM) -> str:
    """Return the line of a shell script that does what the program does with the script's own words."""
    if not _FORKS:
        return f'exec {shlex.join(started(program))} "$@"'
    _nursery()
    client = [sys.executable, "-I", "-S", str(Path(__file__).with_name("forkclient.py")), _address(), program]
    return f'exec {shlex.join(client)} "$@"'


@cache
def _address() -> str:
    """Return where the process that forks is asked by others; the path of a socket must be short."""
    folder = mkdtemp(prefix="forks", dir="/tmp")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return f"{folder}/s"


@cache
def _nursery() -> socket.socket:
    """Start the process that forks, once; returns the socket by which it is asked."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(_address())
    listener.listen()
    passed = [there.fileno(), listener.fileno()]
    words = [sys.executable, "-m", "tests.forking", *map(str, passed)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(words, env=env, cwd=ROOT, stdin=quiet, stdout=quiet, pass_fds=passed)
    there.close()
    listener.close()
    atexit.register(_end, here, process)
    return here


def _end(control: socket.socket, process: subprocess.Popen[bytes]) -> None:
    control.close()
    process.wait()
