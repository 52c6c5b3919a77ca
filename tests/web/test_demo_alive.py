"""``banjian demo`` on a terminal ends with a county that is alive, until Ctrl-C."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import re
import select
import subprocess
import termios
import time
from pathlib import Path

import pytest

from stations.county.leaving import PASSPHRASE
from tests.forked import ROOT, started
from tests.web.desk import Desk
from tests.web.offices import COUNTY, PLACES, Office

pytestmark = pytest.mark.layer("linux")
WAIT_S = 180


def _read_until(terminal: int, what: str) -> str:
    """Return what a program prints on its terminal up to some words."""
    seen, until = b"", time.monotonic() + WAIT_S
    while what.encode() not in seen and time.monotonic() < until:
        if select.select([terminal], [], [], 1)[0]:
            try:
                seen += os.read(terminal, 65_536)
            except OSError:  # the other end is closed
                break
    return seen.decode("utf-8", "replace")


def _take_terminal() -> None:
    """Make standard input the terminal of a new process, so that Ctrl-C reaches it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_the_county_lives_on_until_ctrl_c(tmp_path: Path):
    ours, theirs = pty.openpty()
    words = [*started(), "demo", "--stations", "4", "--days", "1", "--seed", "5"]
    environment = {**os.environ, "BANJIAN_LANG": "zh", "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        words,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
        preexec_fn=_take_terminal,
    ) as demo:
        try:
            os.close(theirs)
            shown = _read_until(ours, "Ctrl-C")
            addresses = re.findall(r"http://127\.0\.0\.1:(\d+)/", shown)
            assert len(addresses) == 3 and PASSPHRASE in shown, shown[-2_000:]
            clerk = re.search(r"(V\d{7}) ", shown)
            assert clerk
            asyncio.run(
                _work(Office(place=PLACES[2], folder=tmp_path, web_port=int(addresses[0])), clerk.group(1))
            )
            os.write(ours, b"\x03")
            assert demo.wait(timeout=60) == 0
            assert list(tmp_path.glob("banjian-demo-*")) == [], "nothing is left behind"
        finally:
            demo.kill()
            os.close(ours)


async def _work(office: Office, staff_no: str) -> None:
    """Let the clerk of the village sign in and receive; the township has it at once."""
    async with Desk(office) as desk:
        await desk.sign_in(staff_no, passphrase=PASSPHRASE)
        assert (await desk.receive("990102800028", "吴老根", **{"f.materials": "m01"})).status == 303
        assert (await desk.post("/safe/sync")).status == 303
        safety = json.loads((await desk.get("/api/v1/safety")).text)
        assert safety["levels"][0]["waiting"] == 0 and not safety["failure"], safety
        assert safety["levels"][-1]["station"] == COUNTY


def test_without_a_terminal_it_ends_by_itself(tmp_path: Path):
    words = [*started(), "demo", "--stations", "4", "--days", "1", "--seed", "5"]
    environment = {**os.environ, "BANJIAN_LANG": "zh", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.returncode == 0, done.stderr
    assert "http://127.0.0.1" not in done.stdout
