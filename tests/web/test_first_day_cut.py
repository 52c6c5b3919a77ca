"""Power cuts at every step of the first day, with real processes: what was begun goes on, nothing is lost."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.facade import Home
from stations.office.rootkeys import FOLDER, LEAVING, NOT_KEPT, ROOTS, confirm_kept
from tests.web.adminsite import PASSPHRASE, Serving, Visitor, found
from tests.web.test_first_day import CLERK, invite
from tests.web.wizard import COUNTY_FORM, SECRET, Wizard, first_day

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")
KEYS = "/county/keys"


def cut(wizard: Wizard) -> None:
    """End the process as a power cut would."""
    wizard.process.send_signal(signal.SIGKILL)
    wizard.process.wait(30)


def cut_while(wizard: Wizard, send: Callable[[], object], *, after_s: float) -> None:
    """End the process a moment after a form was sent, whether or not it was answered."""

    def quietly() -> None:
        with suppress(OSError):
            send()

    sending = threading.Thread(target=quietly)
    sending.start()
    time.sleep(after_s)
    cut(wizard)
    sending.join(30)


@pytest.fixture(scope="module")
def envelopes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """A folder whose county was founded a moment ago: its files, to be laid elsewhere."""
    folder = tmp_path_factory.mktemp("founded") / "county"
    with first_day(folder) as wizard:
        assert wizard.visitor.post("/county", COUNTY_FORM).path == KEYS
        cut(wizard)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def founded(envelopes: Mapping[str, bytes], tmp_path: Path) -> Path:
    """The same in a folder of the test."""
    folder = tmp_path / "county"
    for name, raw in envelopes.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(raw)
    return folder


def test_the_root_keys_are_shown_again_until_somebody_keeps_them(founded: Path) -> None:
    keys = {name: (founded / FOLDER / f"{name}.key").read_bytes() for name in ROOTS}
    with first_day(founded) as wizard:
        visitor = wizard.visitor
        shown = visitor.get("/")
        assert shown.path == KEYS and "台账编号" in shown.text
        assert visitor.get(f"{KEYS}/root-1").body == keys["root-1"]
        for elsewhere in ("/county", "/join", "/practise"):
            assert visitor.get(elsewhere).code == "first.in_place"
        assert visitor.post("/go", {}, page=KEYS).code == "home.missing"
        assert visitor.post("/county/go", {}, page=KEYS).code == "first.roots_kept"
        cut(wizard)
    with first_day(founded) as wizard:
        visitor = wizard.visitor
        assert visitor.get("/").path == KEYS
        # What was taken before the cut is taken again: nobody knows whether it reached a stick.
        both = {"kept": "1", "remove": "1"}
        assert visitor.post("/county/go", both, page=KEYS).code == "first.roots_left"
        assert {name: visitor.get(f"{KEYS}/{name}").body for name in ROOTS} == keys
        cut(wizard)
    with first_day(founded) as wizard:
        wizard.visitor.post("/county/go", {"kept": "1"}, page=KEYS)
        cut(wizard)
    assert {name: (founded / FOLDER / f"{name}.key").read_bytes() for name in ROOTS} == keys
    with first_day(founded, expect="listening") as wizard:
        assert wizard.visitor.sign_in("R001", f"{SECRET} registrar").path == "/pin"
    assert verify_ledger(founded).ok


@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.4])
def test_a_cut_while_root_keys_go_leaves_all_of_them_or_none(founded: Path, after_s: float) -> None:
    with first_day(founded) as wizard:
        visitor = wizard.visitor
        for name in ROOTS:
            visitor.get(f"{KEYS}/{name}")
        go = {"kept": "1", "remove": "1"}
        cut_while(wizard, lambda: visitor.post("/county/go", go, page=KEYS), after_s=after_s)
    held = (founded / FOLDER / NOT_KEPT).exists() and not (founded / FOLDER / LEAVING).exists()
    with first_day(founded, expect="first_day" if held else "listening") as wizard:
        if held:
            assert all(wizard.visitor.get(f"{KEYS}/{name}").status == 200 for name in ROOTS)
        else:
            assert not (founded / FOLDER).exists()
            assert wizard.visitor.sign_in("R001", f"{SECRET} registrar").path == "/pin"


def test_root_keys_that_shall_go_are_gone_at_the_next_start(founded: Path) -> None:
    """A cut between the first and the last of them."""
    (founded / FOLDER / LEAVING).write_bytes(b"")
    (founded / FOLDER / "root-1.key").unlink()
    with first_day(founded, expect="listening"):
        assert not (founded / FOLDER).exists()


def test_kept_keys_that_stay_are_no_reason_to_ask_again(founded: Path) -> None:
    confirm_kept(Home(founded), remove=False)
    with first_day(founded, expect="listening"):
        assert sorted(path.name for path in (founded / FOLDER).iterdir()) == [f"{one}.key" for one in ROOTS]


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(found(tmp_path_factory.mktemp("county") / "county"), listen="127.0.0.1:0") as serving:
        yield serving


def test_a_join_goes_on_after_a_cut_at_any_step(county: Serving, tmp_path: Path) -> None:
    folder, raw = tmp_path / "town", invite(county)
    files = [("invite", "x.invite", raw)]
    clerk = {**CLERK, "no": "V030"}
    registrar = Visitor(county.address)
    registrar.sign_in("R001", PASSPHRASE)
    for after_s in (0.1, 0.4, 0.8):
        with first_day(folder) as wizard:
            visitor = wizard.visitor
            if "冯新来" in visitor.get("/join").text:
                break
            visitor.post("/join", {}, files=files)
            begin = partial(visitor.post, "/join/begin", clerk, page="/join")
            cut_while(wizard, begin, after_s=after_s)
    with first_day(folder) as wizard:
        visitor = wizard.visitor
        if "冯新来" not in visitor.get("/join").text:
            visitor.post("/join", {}, files=files)
            visitor.post("/join/begin", clerk, page="/join")
        request = visitor.get("/join/request").body
        taken = registrar.post("/joins", {}, files=[("request", "x.join", request)])
        word = taken.text.split("/joins/answer/")[1].split('"')[0]
        answer = [("answer", "x.answer", registrar.get(f"/joins/answer/{word}").body)]
    for after_s in (0.0, 0.03, 0.1, 0.3):
        if (folder / "ledger.db").exists():
            break
        with first_day(folder) as wizard:
            visitor = wizard.visitor
            assert visitor.get("/join/request").body == request
            put = partial(visitor.post, "/join/answer", {}, files=answer, page="/join")
            cut_while(wizard, put, after_s=after_s)
    placed = (folder / "ledger.db").exists()
    with first_day(folder, expect="listening" if placed else "first_day") as wizard:
        if not placed:
            wizard.visitor.post("/join/answer", {}, files=answer, page="/join")
            wizard.wait_for_station()
        assert "V030" in wizard.visitor.get("/first-day").text
