"""Helper processes say of signatures what this process says, and nothing of theirs outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep

import pytest

from ledger.keys import Claim, Ed25519Signer, verify_all
from sync.helpers import CLAIMS_MIN, Helpers

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20.0
SIGNER = Ed25519Signer.from_seed(bytes(range(32)))


def claims(count: int, start: int = 0) -> list[Claim]:
    """Return claims of which every third does not hold, each in another way than the one before."""
    made: list[Claim] = []
    for number in range(start, start + count):
        message = b"%d" % number
        sig = SIGNER.sign(message)
        if number % 9 == 0:
            sig = sig[:40]
        elif number % 9 == 3:
            message += b"!"
        elif number % 9 == 6:
            sig = bytes(64)
        made.append((SIGNER.public_key, sig, message))
    return made


def pids(helpers: Helpers) -> list[int]:
    return [one._process.pid for one in helpers._all if one._process is not None]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def helpers() -> Iterator[Helpers]:
    made = Helpers(2)
    yield made
    made.close()


def test_helpers_say_what_is_said_here(helpers: Helpers) -> None:
    asked = [claims(CLAIMS_MIN + number, number) for number in range(6)]
    with ThreadPoolExecutor(4) as threads:
        found = [list(verdicts) for verdicts in threads.map(helpers.check, asked)]
    assert found == [verify_all(some) for some in asked]
    assert any(found[0])
    assert not all(found[0])
    assert 1 <= len(pids(helpers)) <= 2


def test_helpers_may_be_started_before_they_are_needed(helpers: Helpers) -> None:
    helpers.start()
    started = pids(helpers)
    assert len(started) == 2
    helpers.start()
    many = claims(CLAIMS_MIN)
    assert list(helpers.check(many)) == verify_all(many)
    assert pids(helpers) == started


def test_few_signatures_start_no_process(helpers: Helpers) -> None:
    few = claims(CLAIMS_MIN - 1)
    assert list(helpers.check(few)) == verify_all(few)
    assert pids(helpers) == []


def test_without_helpers_everything_is_checked_here() -> None:
    alone = Helpers(0)
    many = claims(CLAIMS_MIN)
    assert list(alone.check(many)) == verify_all(many)


def test_a_helper_that_dies_takes_no_verdict_with_it(helpers: Helpers) -> None:
    many = claims(CLAIMS_MIN)
    expected = verify_all(many)
    for _ in range(3):
        assert list(helpers.check(many)) == expected
        for pid in pids(helpers):
            os.kill(pid, signal.SIGKILL)
    assert list(helpers.check(many)) == expected
    assert list(helpers.check(many)) == expected
    assert all(is_running(pid) for pid in pids(helpers))


def test_where_no_process_can_be_started_everything_is_checked_here(
    helpers: Helpers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    helpers.start()
    many = claims(CLAIMS_MIN)
    assert list(helpers.check(many)) == verify_all(many)
    assert pids(helpers) == []


def test_closing_ends_the_processes(helpers: Helpers) -> None:
    helpers.check(claims(CLAIMS_MIN))
    (pid,) = pids(helpers)
    helpers.close()
    assert not is_running(pid)
    many = claims(CLAIMS_MIN)
    assert list(helpers.check(many)) == verify_all(many)
    assert pids(helpers) == []


MASTER = """
import os
from sync.helpers import Helpers
from tests.sync.test_helpers import claims, pids
helpers = Helpers(1)
helpers.check(claims(64))
print(*pids(helpers), flush=True)
os._exit(1)
"""


def test_helpers_do_not_outlive_their_master() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", MASTER], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    pid, until = int(ended.stdout), monotonic() + PATIENCE_S
    while is_running(pid) and monotonic() < until:
        sleep(0.05)
    assert not is_running(pid)
