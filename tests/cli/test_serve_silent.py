"""A server that stands still, lost answers, six clerks at once: nothing is lost, nothing is there twice."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from audit import cli as audit_cli
from ledger import platform
from ledger.cases.guards import token_hash
from ledger.errors import StoreError
from ledger.facade import Command, Home, Ledger
from ledger.facade.opened.beside import prepare_county
from ledger.facade.opened.performed import performed_already
from ledger.formats.keys import Signer
from ledger.registry import actions as registry_actions
from stations.cli import asking, remote
from stations.cli.asking import Patience
from stations.cli.counterday.demo import TOWNSHIP, VILLAGE
from stations.cli.remote import erase_remote, submit_county_remote, submit_remote
from tests.cli.conftest import ITEM, Terminal
from tests.cli.processes import Process, beside, env_of, folder_of, served, serving
from tests.web.counterdesk import Desk

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and Unix sockets")
WAIT_S = 60
RECEIVE = ("receive", ITEM, "--as", "V001", "--materials", "all")
MANY = """
import sys
from stations.cli.main import main
print("ready", flush=True)
sys.stdin.readline()
sys.exit(max(main(sys.argv[2:] + ["--name", f"{sys.argv[1]}{one}"]) for one in "甲乙丙丁"))
"""


@contextmanager
def stopped(server: Process) -> Iterator[None]:
    """Let a server stand still: its socket takes what comes, and nobody answers."""
    server.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.send_signal(signal.SIGCONT)


@contextmanager
def losing(folder: Path, *lost: bytes) -> Iterator[list[bytes]]:
    """Put a relay before a server: answers to some paths never arrive; yields the paths that were asked."""
    place = platform.local_socket_address(folder).name
    behind, asked = f"{place}.s", list[bytes]()
    os.rename(place, behind)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    listener.listen()

    def pass_on(near: socket.socket) -> None:
        with near, socket.socket(socket.AF_UNIX) as far, suppress(OSError):
            far.connect(behind)
            head = near.recv(1 << 20)
            if not head:
                return  # somebody only looked whether anybody listens
            path = head.split(b" ")[1]
            asked.append(path)
            upwards = threading.Thread(target=_pump, args=(near, far))
            far.sendall(head)
            upwards.start()
            while data := far.recv(1 << 20):
                if path.startswith(lost):
                    # What it was asked to do is done: that is what this answer says.
                    near.shutdown(socket.SHUT_RDWR)
                    break
                near.sendall(data)

    def listen() -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                threading.Thread(target=pass_on, args=(near,), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    try:
        yield asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        os.replace(behind, place)


def _pump(near: socket.socket, far: socket.socket) -> None:
    with suppress(OSError):
        while data := near.recv(1 << 20):
            far.sendall(data)


def cases(terminal: Terminal) -> list[dict]:
    """Return what lies on the desk."""
    return terminal.ok("worklist", "--json").lines


def signer_of(county: Terminal, name: str) -> Signer:
    """Return somebody's key, unlocked."""
    county.ok("key", "check", "--as", name)
    return next(key for path, key in county.signers.items() if path.stem == name)


def test_a_server_that_goes_on_answers_what_was_asked_while_it_stood_still(
    county: Terminal, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(asking, "PATIENCE", Patience(first_s=1.0, total_s=WAIT_S))
    folder = beside(county)
    with serving(folder) as server, stopped(server):
        # The first time has ended without an answer when it goes on.
        threading.Timer(2.5, server.send_signal, (signal.SIGCONT,)).start()
        told = county.ok(*RECEIVE, "--name", "冻结者", "--json")
        assert told.err.count("正在再问") == 1
        received = told.json
        assert received["number"] and received["token"]
        assert [row["number"] for row in cases(county)] == [received["number"]]


def test_what_nobody_knows_is_told_so_and_how_to_look(county: Terminal, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asking, "PATIENCE", Patience(first_s=0.5, total_s=1.0))
    folder = beside(county)
    with serving(folder) as server:
        with stopped(server):
            told = county.run(*RECEIVE, "--name", "冻结者")
            assert told.code == 2 and "[serve.unanswered_receipt]" in told.err
            assert "不要再录一遍" in told.err and "[serve.unreachable]" not in told.err
            assert cases(county) == []
            monkeypatch.setattr(remote, "STATUS_TIMEOUT_S", 1)
            looked = json.loads(county.run("doctor", "--json").out)["checks"][-1]
            assert (looked["code"], looked["level"]) == ("doctor.server_silent", "warning")
        # The server reads what it was sent as soon as it can.
        until = time.monotonic() + WAIT_S
        while not cases(county) and time.monotonic() < until:
            time.sleep(0.1)
        (row,) = cases(county)
        assert f"banjian show {row['number']}" in told.err
        assert county.ok("show", row["number"], "--json").json["applicant"] == "冻结者"
        with Ledger.open(folder, write=False) as ledger:
            state, _ = ledger.state(ledger.resolve(row["number"]))
        token = told.err.partition("评价码 ")[2][:8]
        assert state.steps[0].act.facts["token_hash"] == token_hash(token.encode("ascii"))


def test_an_act_of_the_county_that_nobody_answers_is_looked_for_by_the_audit(
    county: Terminal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(asking, "PATIENCE", Patience(first_s=0.5, total_s=1.0))
    folder = beside(county)
    grant = ("staff", "grant", "T002", "--role", "officer", "--scope", TOWNSHIP, "--as", "R001")
    with serving(folder) as server:
        with stopped(server):
            told = county.run(*grant)
            assert told.code == 2 and "[serve.unanswered]" in told.err
        words = [*told.err.partition("banjian-audit ")[2].split("：")[0].split(), "--dir", str(folder)]
        assert words[0] == "show-act"
        until = time.monotonic() + WAIT_S
        while audit_cli.main(words) and time.monotonic() < until:
            time.sleep(0.1)
        assert "grant_role" in capsys.readouterr().out


@pytest.mark.parametrize("lost", [b"/act", b"/checkpoint"])
def test_a_receipt_whose_answer_is_lost_gets_its_slip(county: Terminal, lost: bytes):
    folder = beside(county)
    with serving(folder), losing(folder, lost) as asked:
        received = county.run(*RECEIVE, "--name", "冻结者")
        assert received.code == 0, received.err
        assert "评价码" in received.out and "冻结者" in received.out
        assert (received.err.count("不要再收一次") == 1) == (lost == b"/checkpoint")
        assert {path[: len(lost)] for path in asked} >= {lost}
        (row,) = cases(county)
        assert row["number"] in received.out


def test_what_is_handed_over_twice_is_stored_once_and_answered_alike(county: Terminal):
    folder = beside(county)
    home = Home(folder)
    clerk, registrar = signer_of(county, "V001"), signer_of(county, "R001")
    facts = registry_actions.grant_role(staff_no="T002", role="officer", scope=TOWNSHIP)
    with Ledger.open(folder, write=False) as ledger:
        item = next(code for code, one in ledger.knowledge.catalogue.items(99).items() if one.name.zh == ITEM)
        people = {"applicant": {"name": "两遍"}}
        receipt = ledger.prepare(
            Command(action="receive", station=VILLAGE, facts={"item": item}, personal=people), clerk
        )
        with serving(folder):
            assert performed_already(ledger, receipt) is None
            first = submit_remote(home, receipt)
            assert first.number == receipt.number and first.token == receipt.token
            assert submit_remote(home, receipt) == first == performed_already(ledger, receipt)
            erasure = ledger.prepare(
                Command(
                    action="erase",
                    station=TOWNSHIP,
                    case=first.case_id,
                    facts={"ground": "applicant_request"},
                ),
                registrar,
            )
            assert erase_remote(home, erasure) == erase_remote(home, erasure) == 1
            granted = prepare_county(ledger, "grant_role", facts, registrar)
            done = submit_county_remote(home, granted)
            assert submit_county_remote(home, granted) == done
            # The registry has grown: what was stored before is known all the same.
            assert submit_remote(home, receipt) == first
        assert len(ledger.state(first.case_id)[0].steps) == 2


def test_a_server_that_is_not_there_was_asked_nothing(county: Terminal):
    folder = folder_of(county)
    signer = signer_of(county, "R001")
    facts = registry_actions.grant_role(staff_no="T002", role="officer", scope=TOWNSHIP)
    with Ledger.open(folder, write=False) as ledger:
        signed = prepare_county(ledger, "grant_role", facts, signer)
    with pytest.raises(StoreError) as refused:
        submit_county_remote(Home(folder), signed)
    assert refused.value.code == "serve.unreachable"


def test_a_program_that_sends_again_after_silence_gets_the_same_answer(county: Terminal):
    folder = beside(county)
    with served(folder, "--port", "0") as (server, told):
        with Ledger.open(folder, write=False) as ledger:
            items = ledger.knowledge.catalogue.items(99)
        item = next(code for code, one in items.items() if one.name.zh == ITEM)
        desk = Desk(int(str(told["pages"]).rstrip("/").rpartition(":")[2]))
        desk.sign_in("V001")
        body = {"item": item, "applicant": {"name": "再发"}, "once": "same"}
        with stopped(server):
            headers = {"Content-Type": "application/json", "X-Banjian-Form": desk.word}
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in desk.cookies.items())
            impatient = http.client.HTTPConnection("127.0.0.1", desk.port, timeout=1)
            impatient.request("POST", "/api/v1/receive", json.dumps(body).encode(), headers)
            with pytest.raises(TimeoutError):
                impatient.getresponse()
            impatient.close()
        answers = [desk.call("/api/v1/receive", body) for _ in range(2)]
        assert [one.status for one in answers] == [200, 200] and answers[0].raw == answers[1].raw
        (row,) = cases(county)
        assert json.loads(answers[0].raw)["number"] == row["number"]


def test_six_clerks_at_once_are_all_served(county: Terminal):
    folder = folder_of(county)
    words = [*RECEIVE, "--no-slip", "--json"]
    with serving(folder):
        clerks = [
            subprocess.Popen(
                [sys.executable, "-c", MANY, name, *words],
                env=env_of(folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                encoding="utf-8",
            )
            for name in ("赵", "钱", "孙", "李", "周", "吴")
        ]  # fmt: skip
        for clerk in clerks:
            assert clerk.stdout is not None
            assert clerk.stdout.readline() == "ready\n"
        told = []
        for clerk in clerks:
            assert clerk.stdin is not None
            clerk.stdin.write("go\n")
            clerk.stdin.flush()
        for clerk in clerks:
            out, err = clerk.communicate(timeout=300)
            assert clerk.returncode == 0, err
            told += [json.loads(line)["number"] for line in out.splitlines()]
    assert len(set(told)) == len(told) == 24
