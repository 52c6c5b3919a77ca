"""A process that the tests fork does what one does that is started, and ends as it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import forked
from tests.web.offices import free_port

WORDS = (("--version",), ("calendar", "due", "2026-02-13", "5"), ("doctor", "--dir", "nowhere"), ("x",))


def _env(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(forked.ROOT), "BANJIAN_LANG": "zh", **more}


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_it_says_what_a_started_one_says(words: tuple[str, ...], tmp_path: Path) -> None:
    started = subprocess.run(
        [*forked.started(), *words], env=_env(), cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    told = forked.run(words, env=_env(), cwd=tmp_path, timeout=60)
    assert (told.returncode, told.stdout, told.stderr) == (started.returncode, started.stdout, started.stderr)
    assert told.stdout or told.returncode


def test_it_has_the_environment_that_it_is_given_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANJIAN_DIR", "nowhere")
    for env, code in (
        (_env(), "[home.missing]"),
        ({name: text for name, text in _env().items() if name != "BANJIAN_DIR"}, "[cli.no_directory]"),
    ):
        told = forked.run(["worklist"], env=env, timeout=60)
        assert code in told.stderr, told


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_it_is_asked_to_end_or_killed(tmp_path: Path) -> None:
    for end, code in ((signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)):
        words = ["serve", str(tmp_path / "county"), "--port", str(free_port()), "--json"]
        with forked.popen(words, env=_env(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None and "first_day" in process.stdout.readline()
            assert process.poll() is None
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.05)
            process.send_signal(end)
            assert process.wait(30) == process.returncode == code


def test_one_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        forked.run(["serve", str(tmp_path / "county"), "--port", str(free_port())], env=_env(), timeout=0.5)
