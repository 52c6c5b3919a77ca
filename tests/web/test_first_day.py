"""The first day, with real processes: an empty folder becomes a county, a station or a training ledger."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.facade import Ledger
from ledger.facade.base.clock import SystemClock
from ledger.formats.invite import encode_invite
from ledger.types import StationId
from stations.office.inviting import Offer, code_of_invite, make_invite
from stations.office.joindesk import join_office
from stations.web.drafts import Drafts
from sync.certs.credentials import prepare_county
from tests import forked
from tests.forked import ROOT
from tests.web.adminsite import TOWNSHIP, VILLAGE, Serving, Visitor, found, signer_of
from tests.web.wizard import COUNTY_FORM, SECRET, Wizard, first_day

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")


def test_a_county_is_founded_and_the_same_process_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "county"
    with first_day(folder) as wizard:
        visitor = wizard.visitor
        assert visitor.get("/").text.count("<strong>") == 4
        for wrong, code in (
            ({"code": "99012"}, "county.code"),
            ({"code": "９９０１２１"}, "county.code"),
            ({"name": " "}, "first.name"),
            ({"registrar_name": ""}, "first.name"),
            ({"registrar_no": "李"}, "staff.number"),
            ({"again-root-2": "other"}, "web.passphrase_differs"),
            ({"passphrase-root-3": "short", "again-root-3": "short"}, "key.weak"),
        ):
            answer = visitor.post("/county", {**COUNTY_FORM, **wrong})
            assert answer.code == code and answer.status >= 400, wrong
            assert SECRET not in answer.text and not folder.exists()
        for wrong, code, told in (
            (
                {"name": "溪山\u202e县"},
                "first.name_hidden",
                "县政务服务中心名称：名称里有看不见、",
            ),
            ({"registrar_name": "周\0登记"}, "first.name_hidden", "登记员：名称里有看不见"),
            ({"registrar_name": ""}, "first.name", "登记员：名称没有填"),
            ({"passphrase-root-3": "short", "again-root-3": "short"}, "key.weak", "第 3 把根密钥：口令太短"),
            ({"passphrase-registrar": "x", "again-registrar": "x"}, "key.weak", "登记员：口令太短"),
            ({"again-root-2": "other"}, "web.passphrase_differs", "第 2 把根密钥：两遍口令不一样"),
        ):
            answer = visitor.post("/county", {**COUNTY_FORM, **wrong})
            assert answer.code == code and told in answer.text, (wrong, answer.text[:3000])
            assert not folder.exists()
        keys = visitor.post("/county", COUNTY_FORM)
        assert keys.path == "/county/keys"
        go = {"kept": "1", "remove": "1"}
        assert visitor.post("/county/go", {"remove": "1"}, page="/county/keys").code == "first.roots_kept"
        assert visitor.post("/county/go", go, page="/county/keys").code == "first.roots_left"
        taken = [visitor.get(f"/county/keys/root-{n}").body for n in (1, 2, 3)]
        assert len(set(taken)) == 3 and visitor.get("/county/keys/R001").status >= 400
        assert visitor.get("/county").code == "first.in_place"
        visitor.post("/county/go", go, page="/county/keys")
        wizard.wait_for_station()
        assert not (folder / "roots").exists()
        browser = wizard.visitor
        assert browser.sign_in("R001", f"{SECRET} registrar").path == "/pin"
        assert browser.get("/people").status == 200
    assert verify_ledger(folder).ok


def test_nobody_else_reaches_the_first_day(tmp_path: Path) -> None:
    with first_day(tmp_path / "county") as wizard:
        with pytest.raises(OSError), socket.create_connection(("127.0.0.2", wizard.port), timeout=2):
            pass
        for headers, data, code in (
            ({"Host": "evil.example"}, None, "web.host"),
            ({}, b"name=x", "web.form"),
            ({"Sec-Fetch-Site": "cross-site"}, b"form=x", "web.form"),
        ):
            request = urllib.request.Request(f"http://127.0.0.1:{wizard.port}/county", data, headers)
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=10)
            assert refused.value.code == 403 and code in refused.value.read().decode()
        assert not (tmp_path / "county").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "papers.txt").write_text("keep")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = forked.run(["serve", str(tmp_path), "--json"], env=env, timeout=60)
    assert done.returncode == 2 and "home.missing" in done.stderr
    assert (tmp_path / "papers.txt").read_text() == "keep"


@pytest.mark.parametrize("after_s", [0.2, 1.2, 2.0, 2.6])
def test_a_power_cut_while_founding_leaves_a_beginning_or_a_ledger(tmp_path: Path, after_s: float) -> None:
    folder = tmp_path / "county"
    with first_day(folder) as wizard:
        visitor = wizard.visitor
        visitor.get("/county")
        sending = threading.Thread(target=_send_quietly, args=(visitor,))
        sending.start()
        time.sleep(after_s)
        wizard.process.send_signal(signal.SIGKILL)
        wizard.process.wait(30)
        sending.join(30)
    with first_day(folder) as wizard:
        # Founded or not, what comes is the next thing to do: nobody has seen the root keys yet.
        if wizard.visitor.get("/").path == "/":
            assert wizard.visitor.post("/county", COUNTY_FORM).path == "/county/keys"
        wizard.visitor.post("/county/go", {"kept": "1"}, page="/county/keys")
        wizard.wait_for_station()
        assert wizard.visitor.sign_in("R001", f"{SECRET} registrar").path == "/pin"
    assert verify_ledger(folder).ok


def _send_quietly(visitor: Visitor) -> None:
    try:
        visitor.post("/county", COUNTY_FORM)
    except OSError:
        return


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(found(tmp_path_factory.mktemp("county") / "county"), listen="127.0.0.1:0") as serving:
        yield serving


def invite(county: Serving, *addresses: str) -> bytes:
    """Return an invite of the township that names these addresses."""
    with Ledger.open(county.home, write=False) as ledger:
        ca = prepare_county(ledger, randomness=os.urandom)
        offer = Offer(station=StationId(TOWNSHIP), addresses=addresses, roles=("window",))
        registrar = signer_of(county.home, "R001")
        made = make_invite(ledger, registrar, offer, ca_fingerprint=ca.fingerprint, randomness=os.urandom)
        return encode_invite(made, registrar)


CLERK = {"compared": "1", "no": "V009", "name": "冯新来", "passphrase": SECRET, "again": SECRET}


def test_a_station_joins_with_a_code_waits_for_approval_and_signs_in(county: Serving, tmp_path: Path) -> None:
    raw = invite(county, county.network)
    with first_day(tmp_path / "town") as wizard:
        visitor = wizard.visitor
        whole = code_of_invite(raw)
        letters = [
            f"{whole[:at]}{'A' if whole[at] != 'A' else 'B'}{whole[at + 1 :]}" for at in (60, 200, 400)
        ]
        for wrong in ("not a code", whole[:-9], code_of_invite(b"junk"), *letters):
            assert visitor.post("/join", {"code": wrong}).code == "invite.code", wrong
        assert visitor.post("/join", {"code": ""}).status >= 400
        shown = visitor.post("/join", {"code": code_of_invite(raw)})
        assert "城关镇便民服务中心" in shown.text and "溪山县政务服务中心" in shown.text
        for bad, code in (
            ({"compared": ""}, "first.compare"), ({"no": "张"}, "staff.number"), ({"name": ""}, "first.name"),
            ({"again": "x"}, "web.passphrase_differs"), ({"passphrase": "x", "again": "x"}, "key.weak"),
        ):  # fmt: skip
            assert visitor.post("/join/begin", {**CLERK, **bad}, page="/join").code == code
        visitor.post("/join/begin", CLERK, page="/join")
        wizard.wait_for_station()
        browser = wizard.visitor
        browser.post("/first-day/sync", {}, page="/first-day")
        waiting = browser.get("/first-day")
        assert waiting.path == "/first-day" and "V009" in waiting.text
        with Ledger.open(county.home, write=False) as ledger:
            (one,) = join_office(ledger, clock=SystemClock(), randomness=os.urandom).waiting()
        registrar = Visitor(county.address)
        registrar.sign_in("R001")
        approved = registrar.post(f"/joins/{one.name}/approve", {}, page="/joins")
        assert approved.path == "/joins" and approved.status == 200 and "没有等批准的" in approved.text
        assert browser.post("/first-day/sync", {}, page="/first-day").path == "/sign-in"
        assert browser.sign_in("V009", SECRET).path == "/pin"
        assert browser.get("/first-day").path == "/sign-in"
        assert browser.get("/people").code == "web.registrar_only"
        _registrars_acts_count_at_the_county_alone(county, wizard)


def _registrars_acts_count_at_the_county_alone(county: Serving, wizard: Wizard) -> None:
    """A registrar who brings her key to the township looks there and changes nothing."""
    away = wizard.visitor
    envelope = (county.home.keys_dir / "R001.key").read_bytes()
    away.post("/my-key/bring", {}, files=[("key_file", "R001.key", envelope)], page="/my-key")
    away.sign_in("R001")
    page = away.get("/people/V009")
    assert page.status == 200 and "只能在县里" in page.text and "授予岗位" not in page.text
    refused = away.post("/people/V009/grant", {"role": "head", "scope": TOWNSHIP}, page="/people/V009")
    assert refused.code == "web.not_county"
    enrolment = {"no": "W1", "name": "某某", "station": TOWNSHIP, "role": "window", "key": "here"}
    secret = {"passphrase": SECRET, "again": SECRET}
    assert away.post("/enrol", {**enrolment, **secret}).code == "web.not_county"
    assert not (wizard.folder / "keys" / "W1.key").exists()


def test_a_join_without_network_goes_on_after_a_power_cut_by_stick(
    county: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = invite(county, "https://127.0.0.1:1")
    folder = tmp_path / "town"
    with first_day(folder) as wizard:
        visitor = wizard.visitor
        visitor.post("/join", {}, files=[("invite", "x.invite", raw)])
        failed = visitor.post("/join/begin", {**CLERK, "no": "V010"}, page="/join")
        assert failed.code == "sync.unreachable" and "冯新来 V010" in failed.text
        request = visitor.get("/join/request").body
        wizard.process.send_signal(signal.SIGKILL)
        wizard.process.wait(30)
    with first_day(folder) as wizard:
        visitor = wizard.visitor
        assert "上次的加入" in visitor.get("/").text
        assert visitor.get("/join/request").body == request
        assert visitor.post("/county", COUNTY_FORM).code == "first.join_begun"
        assert visitor.post("/join/answer", {}, page="/join").code == "web.no_file"
        bad = visitor.post("/join/answer", {}, files=[("answer", "a", b"junk")], page="/join")
        assert bad.status >= 400 and bad.code != ""
        registrar = Visitor(county.address)
        registrar.sign_in("R001")
        taken = registrar.post("/joins", {}, files=[("request", "x.join", request)])
        word = taken.text.split("/joins/answer/")[1].split('"')[0]
        answer = registrar.get(f"/joins/answer/{word}").body
        visitor.post("/join/answer", {}, files=[("answer", "x.answer", answer)], page="/join")
        wizard.wait_for_station()
        name = registrar.get("/joins").text.split('action="/joins/')[1].split("/")[0]
        assert registrar.post(f"/joins/{name}/refuse", {}, page="/joins").code == "web.tick_first"
        silent = registrar.post(f"/joins/{name}/refuse", {"sure": "1"}, page="/joins")
        assert silent.code == "join.reason"
        said = {"sure": "1", "reason": "号码对不上"}
        draft = {"draft": "ab12cd34ef56ab12", "kept.action": f"/joins/{name}/refuse", "kept.page": "/joins"}
        registrar.post("/typed", {**said, **draft}, page="/joins")
        assert draft["draft"] in registrar.get("/").text
        with monkeypatch.context() as cut:
            cut.setattr(Drafts, "drop", lambda *_: None)
            gone = registrar.post(f"/joins/{name}/refuse", {**said, **draft}, page="/joins")
        assert "没有等批准的" in gone.text and gone.path == "/joins"
        assert draft["draft"] not in registrar.get("/").text, "nothing is left to refuse after a power cut"
        assert registrar.post(f"/joins/{name}/approve", {}, page="/joins").code == "join.choose"
        assert "V010" in wizard.visitor.get("/first-day").text


def test_a_join_is_given_up_only_when_ticked(county: Serving, tmp_path: Path) -> None:
    with first_day(tmp_path / "town") as wizard:
        visitor = wizard.visitor
        visitor.post("/join", {"code": code_of_invite(invite(county))})
        begun = visitor.post("/join/begin", {**CLERK, "no": "V011"}, page="/join")
        assert begun.path == "/join" and begun.code == "" and "冯新来 V011" in begun.text
        assert visitor.post("/join/ask", {}, page="/join").code == "join.no_address"
        assert visitor.post("/join/drop", {}, page="/join").code == "web.tick_first"
        assert (tmp_path / "town.part").exists()
        assert visitor.post("/join/drop", {"sure": "1"}, page="/join").path == "/"
        assert not (tmp_path / "town.part").exists()


def test_practising_is_marked_on_every_page_and_has_ten_tasks(tmp_path: Path) -> None:
    with first_day(tmp_path / "practice") as wizard:
        visitor = wizard.visitor
        wrong = visitor.post("/practise", {"name": "", "passphrase": SECRET, "again": SECRET})
        assert wrong.code == "first.name"
        visitor.post("/practise", {"name": "赵学员", "passphrase": SECRET, "again": SECRET})
        wizard.wait_for_station()
        clerk = wizard.visitor
        clerk.sign_in("V001", SECRET)
        for path in ("/", "/training", "/receive", "/safe", "/more", "/cases"):
            assert "演练" in clerk.get(path).text, path
        assert "0 / 10" in clerk.get("/training").text
        registrar = wizard.visitor
        registrar.sign_in("R001", SECRET)
        page = f"/stations/{VILLAGE}"
        refused = registrar.post(f"{page}/invite", {"addresses": "", "days": "30"}, page=page)
        assert refused.code == "join.training"
    assert verify_ledger(tmp_path / "practice").ok


def test_the_processes_end_when_asked(tmp_path: Path) -> None:
    with first_day(tmp_path / "county") as wizard:
        wizard.process.send_signal(signal.SIGTERM)
        assert wizard.process.wait(30) == 0
    assert not (tmp_path / "county").exists()
