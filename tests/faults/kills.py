"""Killing a real process at work: at any moment (SIGKILL), or inside its Nth sync (strace)."""

from __future__ import annotations

import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.check import problems
from tests.faults.day import Confirmed
from tests.forked import ROOT, Process, popen

OPENING_S = 0.15
"""One in four dies within so long after it begins to open the ledger."""
PROMISES_MAX = 10
"""The others die within ``ACT_S`` after one of so many promises: in an act, a commit or a checkpoint."""
ACT_S = 0.02
PATIENCE_S = 60.0


@dataclass
class Killed:
    """What was done and what was found."""

    kills: int = 0
    confirmed: int = 0
    ended: int = 0
    problems: list[str] = field(default_factory=list)


def child_command(home: Path, seed: str, acts: int | None = None) -> list[str]:
    """Return the command of a process that works in an installation."""
    command = [sys.executable, "-m", "tests.faults.child", str(home), seed]
    return command if acts is None else [*command, str(acts)]


def _child(home: Path, seed: str) -> Process | subprocess.Popen[str]:
    """Begin such a process; one after the other they would import the same for most of their time."""
    return popen([str(home), seed], program="tests.faults.child", env=os.environ, stdout=subprocess.PIPE)


def kill_at_random(office: Path, work: Path, *, seed: str, kills: int, check_every: int = 1) -> Killed:
    """Kill one process after the other at work in the same installation.

    Args:
        office: a founded office; it stays as it is.
        work: folder to work in; emptied first.
        seed: moments of death.
        kills: how many.
        check_every: look at the files after so many kills; each kill is followed by an opening in any case.
    """
    shutil.rmtree(work, ignore_errors=True)
    home = work / "home"
    shutil.copytree(office, home)
    rng, result, promises = random.Random(f"kills {seed}"), Killed(), list[Confirmed]()
    while result.kills < kills and not result.problems:
        with _child(home, seed) as child:
            opening, promised = rng.random() < 0.25, rng.randint(0, PROMISES_MAX)
            lines = 1 if opening else 2 + promised
            told = _read_until(child, time.monotonic() + PATIENCE_S, lines=lines)
            told += _read_until(child, time.monotonic() + rng.random() * (OPENING_S if opening else ACT_S))
            child.send_signal(signal.SIGKILL)
            told += _read_rest(child)
        if child.returncode != -signal.SIGKILL:
            result.problems.append(f"kill {result.kills}: it ended by itself, {child.returncode}")
        result.kills += 1
        promises += _promises(told)
        if result.kills % check_every == 0 or result.kills == kills:
            result.problems += _look(home, work, promises, f"kill {result.kills}")
    result.confirmed = len(promises)
    return result


def kill_in_sync(office: Path, work: Path, *, nth: int, acts: int, call: str = "fdatasync,fsync") -> Killed:
    """Kill a process inside its Nth sync, and look at what is left.

    Args:
        office: a founded office; it stays as it is.
        work: folder to work in; emptied first.
        nth: which sync, from 1.
        acts: how long the process would work.
        call: system calls that count; the kill comes before the call does anything.
    """
    shutil.rmtree(work, ignore_errors=True)
    home = work / "home"
    shutil.copytree(office, home)
    inject = f"inject={call}:signal=SIGKILL:when={nth}"
    command = ["strace", "-f", "-qq", "-e", f"trace={call}", "-e", inject, "-o", os.devnull]
    done = subprocess.run(
        [*command, *child_command(home, f"sync {nth}", acts)],
        capture_output=True, cwd=ROOT, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    promises = _promises(done.stdout)
    result = Killed(kills=int(done.returncode != 0), confirmed=len(promises), ended=int(done.returncode == 0))
    if done.returncode not in (0, -signal.SIGKILL, 128 + signal.SIGKILL):
        result.problems.append(f"sync {nth}: exit {done.returncode}: {done.stderr.decode()[-500:]}")
    result.problems += _look(home, work, promises, f"sync {nth}")
    return result


def _look(home: Path, work: Path, promises: Sequence[Confirmed], where: str) -> list[str]:
    """Look at a copy, so that the next process finds what the dead one left."""
    copy = work / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(home, copy)
    return [f"{where}: {line}" for line in problems(copy, promises)]


def _read_until(
    child: Process | subprocess.Popen[str], deadline: float, *, lines: int | None = None
) -> bytes:
    """Read the pipe until a moment, or until so many lines are in; no longer than the process lives."""
    assert child.stdout is not None
    told = b""
    while (left := deadline - time.monotonic()) > 0:
        ready, _, _ = select.select([child.stdout], [], [], left)
        if not ready:
            break
        piece = os.read(child.stdout.fileno(), 1 << 16)
        if not piece:
            break
        told += piece
        if lines is not None and told.count(b"\n") >= lines:
            break
    return told


def _read_rest(child: Process | subprocess.Popen[str]) -> bytes:
    assert child.stdout is not None
    return child.stdout.buffer.read()


def _promises(told: bytes) -> list[Confirmed]:
    """Return the promises that were told whole: the last line may be cut."""
    lines = told.decode("ascii").split("\n")[:-1]
    return [Confirmed.parse(line) for line in lines if " " in line]
