"""The folder of one run of the tests goes when the run ends, whoever ends it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.house.sources import ROOT

pytestmark = pytest.mark.layer("linux")
WAIT_S = 30.0
# Stands where the interpreter stands: tells which folder it was given, then works until it is ended.
WORKS = '#!/bin/sh\necho "$TMPDIR" >"$TOLD.new" && mv "$TOLD.new" "$TOLD"\nexec sleep 600\n'


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_broken_off_leaves_no_folder_behind(tmp_path: Path, ended_by: signal.Signals) -> None:
    stand_in, told = tmp_path / "python", tmp_path / "told"
    stand_in.write_text(WORKS, encoding="utf-8")
    stand_in.chmod(0o755)
    unset = ("CI", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")
    around = {name: text for name, text in os.environ.items() if name not in unset}
    run = subprocess.Popen(
        ["make", "-o", "check", "test", f"BIN={tmp_path}"],
        cwd=ROOT,
        env={**around, "TOLD": str(told)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + WAIT_S
        while not told.exists() and run.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        folder = Path(told.read_text(encoding="utf-8").strip())
        assert folder.is_dir()
        # As a terminal does it: everything that was started there hears of it.
        os.killpg(run.pid, ended_by)
        assert run.wait(WAIT_S) != 0
        while folder.exists() and time.monotonic() < until:
            time.sleep(0.02)
        left = folder.exists()
        shutil.rmtree(folder, ignore_errors=True)
        assert not left
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
