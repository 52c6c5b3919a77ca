"""The process that forks the program for the tests: it has taken in the program, and does nothing else.

``python -m tests.forking CONTROL LISTENER``, two descriptors of sockets. Each datagram on the first one, or
on a connection that the second one takes, brings a request in JSON (``program``, ``words``, ``env``,
``cwd``) and four descriptors: a socket for the answers and the three streams. The answers are the process
id, then how it ended. A process ends at the latest when nobody listens to its answers any more; this one
ends with the first socket.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import struct
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from tests import quickkeys

REQUEST_BYTES_MAX = 1 << 17
_NUMBER = struct.Struct("=i")


@dataclass(frozen=True)
class Child:
    """A process that runs: a descriptor that tells its end, and who waits for that."""

    pid: int
    end: int
    answers: socket.socket


def load() -> None:
    """Import what the program imports, however late, and take in its words and templates."""
    from stations.cli.tree import MODULES
    from stations.texts import words
    from stations.web.render import environment

    os.environ["PYPINYIN_NO_PHRASES"] = "true"  # as the program has it
    late = (
        "stations.start",
        "stations.cli.main",
        "stations.cli.actions",
        "stations.cli.receive",
        "audit.cli",
    )
    sites = ("stations.server", "stations.web.site", "stations.web.firstday.site", "stations.version")
    others = ("pypinyin", "rich.table", "stdnum.cn.ric", "stdnum.cn.uscc", "xlsxwriter")
    for name in (*late, *sites, *others, *(f"stations.cli.{module}" for module in MODULES.values())):
        importlib.import_module(name)
    for language in ("zh", "en"):
        words(language)
    for name in environment().list_templates():
        environment().get_template(name)
    assert threading.active_count() == 1
    gc.collect()
    gc.freeze()


class Forking:
    """Forks a process for each request until nobody asks any more."""

    def __init__(self, control: socket.socket, listener: socket.socket) -> None:
        self._control = control
        self._listener = listener
        self._watched = selectors.DefaultSelector()
        for one in (control, listener):
            self._watched.register(one, selectors.EVENT_READ)

    def run(self) -> int:
        """Fork; in a process that was forked, return its exit code."""
        while True:
            for key, _ in self._watched.select():
                if key.fileobj not in self._watched.get_map():
                    continue  # its process has ended just now
                if key.fileobj is self._listener:
                    self._watched.register(self._listener.accept()[0], selectors.EVENT_READ)
                elif isinstance(key.data, Child):
                    self._told(key.fileobj, key.data)
                elif (code := self._asked(key.fileobj)) is not None:  # type: ignore[arg-type]
                    return code

    def _asked(self, control: socket.socket) -> int | None:
        raw, found, _, _ = socket.recv_fds(control, REQUEST_BYTES_MAX, 4)
        if not raw:
            if control is self._control:
                os._exit(0)
            self._watched.unregister(control)
            control.close()
            return None
        answers, streams = socket.socket(fileno=found[0]), found[1:]
        pid = os.fork()
        if pid == 0:
            self._leave()
            answers.close()
            asked = json.loads(raw)
            become(asked, streams)
            return int(importlib.import_module(asked["program"]).main())
        child = Child(pid, os.pidfd_open(pid), answers)
        for stream in streams:
            os.close(stream)
        with suppress(OSError):
            answers.send(_NUMBER.pack(pid))
        for one in (child.end, answers):
            self._watched.register(one, selectors.EVENT_READ, child)
        return None

    def _told(self, by: object, child: Child) -> None:
        if by is child.answers:
            # Nobody waits any more; its end is told in a moment.
            self._watched.unregister(child.answers)
            signal.pidfd_send_signal(child.end, signal.SIGKILL)
            return
        code = os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])
        with suppress(OSError):
            child.answers.send(_NUMBER.pack(code))
        for one in (child.end, child.answers):
            if one in self._watched.get_map():
                self._watched.unregister(one)
        child.answers.close()
        os.close(child.end)

    def _leave(self) -> None:
        """Let go of everything that is the forking process's own."""
        keys = list(self._watched.get_map().values())
        self._watched.close()
        for key in keys:
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
            else:
                os.close(key.fd)


def become(asked: Mapping[str, object], streams: Sequence[int]) -> None:
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


if __name__ == "__main__":
    load()
    quickkeys.seal_quickly()
    sys.exit(Forking(*(socket.socket(fileno=int(word)) for word in sys.argv[1:])).run())
