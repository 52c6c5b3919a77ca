"""``banjian serve`` with real processes: one writer, a command line beside it, a kill, a second server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.facade import Home
from stations.cli.remote import status_remote
from stations.demo import TOWNSHIP
from tests.cli.conftest import ITEM, PASSPHRASE, Terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and Unix sockets")
PROGRAM = [sys.executable, "-c", "import sys; from stations.cli.main import main; sys.exit(main())"]


def _env(folder: Path) -> dict[str, str]:
    secret = folder.parent / "passphrase.txt"
    secret.write_text(PASSPHRASE + "\n", encoding="utf-8")
    return {
        **os.environ,
        "BANJIAN_DIR": str(folder),
        "BANJIAN_PASSPHRASE_FILE": str(secret),
        "BANJIAN_LANG": "zh",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *words], env=_env(folder), capture_output=True, text=True, check=False)


@contextmanager
def _server(folder: Path) -> Iterator[subprocess.Popen[str]]:
    words = [*PROGRAM, "serve", str(folder), "--json"]
    with subprocess.Popen(words, env=_env(folder), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert json.loads(process.stdout.readline())["listening"]
            yield process
        finally:
            process.kill()


def _folder(county: Terminal) -> Path:
    assert county.folder is not None
    return county.folder


def test_actions_reach_the_server_signed_and_reads_go_on_beside_it(county: Terminal):
    folder = _folder(county)
    with _server(folder) as server:
        received = _run(
            folder, "receive", ITEM, "--as", "V001", "--name", "吴老根", "--materials", "all", "--json",
            "--out", str(folder.parent / "slip.txt"),
        )  # fmt: skip
        assert received.returncode == 0, received.stderr
        answer = json.loads(received.stdout)
        assert answer["number"] and answer["token"] and answer["seq"] == 2
        handed = _run(folder, "hand-over", answer["number"], "--to", TOWNSHIP, "--as", "V001")
        assert handed.returncode == 0, handed.stderr
        refused = _run(folder, "accept", answer["number"], "--as", "T001")
        assert refused.returncode == 1 and "[case." in refused.stderr
        listed = _run(folder, "find", "吴老根", "--json")
        assert json.loads(listed.stdout)["offered_to"] == TOWNSHIP
        status = json.loads(status_remote(Home(folder)))
        assert status["pid"] == server.pid and any(log["size"] == 3 for log in status["logs"])
        locked = _run(
            folder, "staff", "grant", "T002", "--role", "officer", "--scope", TOWNSHIP, "--as", "R001"
        )
        assert locked.returncode == 2 and "[store.locked]" in locked.stderr
        signed = _run(folder, "checkpoint", "--json")
        assert signed.returncode == 0 and len(signed.stdout.splitlines()) == 5
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=30) == 0
    assert not (folder / "banjian.sock").exists()
    assert _run(folder, "take-over", answer["number"], "--as", "T001").returncode == 0


def test_a_second_server_is_refused_and_a_killed_one_leaves_nothing_in_the_way(county: Terminal):
    folder = _folder(county)
    with _server(folder) as server:
        second = _run(folder, "serve", str(folder))
        assert second.returncode == 2 and "[store.locked]" in second.stderr
        server.kill()
        server.wait(timeout=30)
    received = _run(folder, "receive", ITEM, "--as", "V001", "--name", "甲", "--materials", "all", "--json")
    assert received.returncode == 0, received.stderr
    with _server(folder):
        assert _run(folder, "show", json.loads(received.stdout)["number"]).returncode == 0


def test_a_tampered_act_is_refused_by_the_server(county: Terminal):
    from ledger.errors import BanjianError
    from ledger.facade import Command, Ledger
    from ledger.facade.types import SignedAct
    from stations.cli.remote import submit_remote
    from stations.demo import VILLAGE

    folder = _folder(county)
    with Ledger.open(folder, clock=county.clock, write=False) as ledger:
        item = next(
            code for code, item in ledger.knowledge.catalogue.items(99).items() if item.name.zh == ITEM
        )
        signer = next(key for path, key in _signers(county, folder).items() if path.stem == "V001")
        signed = ledger.prepare(Command(action="receive", station=VILLAGE, facts={"item": item}), signer)
    bad = [
        SignedAct(raw=signed.raw, sig=bytes(64), facts=signed.facts, number=signed.number),
        SignedAct(raw=signed.raw, sig=signed.sig, facts=signed.facts[:-1] + b"\x00", number=signed.number),
        SignedAct(raw=b"\xc1", sig=signed.sig, facts=signed.facts),
    ]
    with _server(folder):
        for act in bad:
            with pytest.raises(BanjianError):
                submit_remote(Home(folder), act)
        assert submit_remote(Home(folder), signed).seq == 2


def _signers(county: Terminal, folder: Path) -> dict[Path, object]:
    county.ok("key", "check", "--as", "V001")
    return {path: key for path, key in county.signers.items() if path.is_relative_to(folder)}
