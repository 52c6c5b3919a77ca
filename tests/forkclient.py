"""What stands in a shell script for the program: asks for a forked process, and ends as that one ends.

``python -I -S forkclient.py SOCKET PROGRAM WORD…``. Signals by which one asks a process to end are passed on;
one that is killed takes the forked process along.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import sys


def main() -> int:
    """Run the words to their end and return the exit code."""
    path, program, *words = sys.argv[1:]
    here, there = socket.socketpair()
    asked = {"program": program, "words": words, "env": dict(os.environ), "cwd": os.getcwd()}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
        control.connect(path)
        socket.send_fds(control, [json.dumps(asked).encode()], [there.fileno(), 0, 1, 2])
    there.close()
    pid = _number(here)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda which, _: os.kill(pid, which))
    code = _number(here)
    if code < 0:
        if -code in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _number(answers: socket.socket) -> int:
    return int(struct.unpack("=i", answers.recv(4, socket.MSG_WAITALL))[0])


if __name__ == "__main__":
    sys.exit(main())
