"""Ctrl-C: what is said of it is so, whether nothing was written, or some of it stays."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stations.config import write_config
from tests.sync.test_over_tls import certified
from tests.sync.world import TOWN, VILLAGE, World

WAIT_S = 60.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.after(certified(TOWN, VILLAGE), tmp_path)
    yield made
    made.close()


def interrupted(*words: str, when: Callable[[], bool], env: dict[str, str] | None = None) -> tuple[int, str]:
    """Run a command, press Ctrl-C once something is so, and return exit code and error output."""
    with subprocess.Popen(
        [sys.executable, "-m", "stations", *words],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1", **(env or {})},
    ) as command:  # fmt: skip
        until = time.monotonic() + WAIT_S
        while not when() and command.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        command.send_signal(signal.SIGINT)
        _, told = command.communicate(timeout=WAIT_S)
    return command.returncode, told


def test_a_demonstration_that_is_kept_says_what_lies_in_its_folder(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    words = ("demo", "--stations", "4", "--days", "3", "--keep", str(kept))
    code, told = interrupted(*words, when=lambda: any(kept.glob("village-*/ledger.db")))
    assert code == 2 and "[demo.interrupted]" in told and str(kept) in told
    assert any(kept.iterdir())


def test_of_a_demonstration_that_is_not_kept_nothing_stays(tmp_path: Path) -> None:
    words = ("demo", "--stations", "4", "--days", "3", "--no-serve")
    code, told = interrupted(
        *words, when=lambda: any(tmp_path.glob("*/village-*/ledger.db")), env={"TMPDIR": str(tmp_path)}
    )
    assert code == 2 and "[cli.aborted]" in told
    assert not any(tmp_path.iterdir())


def test_of_a_sync_it_is_not_said_that_nothing_was_written(world: World) -> None:
    place = world[VILLAGE]
    place.close()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        called: list[socket.socket] = []

        def has_called() -> bool:
            try:
                called.append(silent.accept()[0])
            except BlockingIOError:
                return False
            return True

        write_config(place.path, station=VILLAGE, upstream=(f"https://127.0.0.1:{silent.getsockname()[1]}",))
        code, told = interrupted("sync", "now", "--dir", str(place.path), when=has_called)
        for one in called:
            one.close()
    assert code == 2 and "[cli.interrupted]" in told
