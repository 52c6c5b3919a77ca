"""``banjian serve`` with real processes: one writer, a command line beside it, a kill, a second server."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import threading
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger import platform
from ledger.data import shipped_case_types as case_types_raw
from ledger.errors import BanjianError
from ledger.facade import Command, Home, Ledger, SignedAct
from ledger.facade.cases.signing import sign_bodies
from ledger.facade.opened.beside import prepare_county, prepare_opening
from ledger.formats.act import decode_act
from ledger.formats.genesis import LogGenesis
from ledger.registry import actions as registry_actions
from ledger.types import StationId
from stations.cli.counterday.demo import TOWNSHIP, VILLAGE
from stations.cli.remote import (
    draft_log_remote,
    erase_remote,
    status_remote,
    submit_county_remote,
    submit_remote,
)
from tests.cli.conftest import ITEM, Terminal
from tests.cli.processes import beside, folder_of, ran, serving
from tests.facade.counter import statutory
from tests.sheetin.workbooks import make

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and Unix sockets")


def test_actions_reach_the_server_signed_and_reads_go_on_beside_it(county: Terminal):
    folder = folder_of(county)
    with serving(folder) as server:
        received = ran(
            folder, "receive", ITEM, "--as", "V001", "--name", "吴老根", "--materials", "all", "--json",
            "--out", str(folder.parent / "slip.txt"),
        )  # fmt: skip
        assert received.returncode == 0, received.stderr
        answer = json.loads(received.stdout)
        assert answer["number"] and answer["token"] and answer["seq"] == 2
        handed = ran(folder, "hand-over", answer["number"], "--to", TOWNSHIP, "--as", "V001")
        assert handed.returncode == 0, handed.stderr
        refused = ran(folder, "accept", answer["number"], "--as", "T001")
        assert refused.returncode == 1 and "[case." in refused.stderr
        listed = ran(folder, "find", "吴老根", "--json")
        assert json.loads(listed.stdout)["offered_to"] == TOWNSHIP
        looked = json.loads(ran(folder, "doctor", "--json").stdout)["checks"][-1]
        assert (looked["code"], looked["pid"]) == ("doctor.server", server.pid)
        status = json.loads(status_remote(Home(folder)))
        assert status["pid"] == server.pid and looked["count"] == len(status["logs"])
        assert any(log["size"] == 3 for log in status["logs"])
        grant = ("staff", "grant", "T002", "--role", "officer", "--scope", TOWNSHIP, "--as", "R001")
        granted = ran(folder, *grant)
        assert granted.returncode == 0, granted.stderr
        signed = ran(folder, "checkpoint", "--json")
        assert signed.returncode == 0 and len(signed.stdout.splitlines()) == 6
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=30) == 0
    assert not (folder / "banjian.sock").exists()
    assert json.loads(ran(folder, "doctor", "--json").stdout)["checks"][-1]["code"] == "doctor.no_server"
    assert ran(folder, "take-over", answer["number"], "--as", "T001").returncode == 0


def test_a_command_waits_for_another_though_a_killed_server_left_its_socket(county: Terminal):
    folder = folder_of(county)
    with serving(folder) as server:
        server.kill()
        server.wait(timeout=30)
    assert Path(platform.local_socket_address(folder).name).exists()
    holds, tried = threading.Event(), threading.Event()

    def other_command() -> None:
        with Ledger.open(Home(folder), write=True):
            holds.set()
            tried.wait(timeout=30)

    other = threading.Thread(target=other_command)
    other.start()
    assert holds.wait(timeout=30)
    # The other command ends while this one, which found the ledger held, is waiting.
    threading.Timer(0.5, tried.set).start()
    received = county.run("receive", ITEM, "--as", "V001", "--name", "甲", "--materials", "all")
    other.join(timeout=30)
    assert received.code == 0, received.err


def test_a_second_server_is_refused_and_a_killed_one_leaves_nothing_in_the_way(county: Terminal):
    folder = folder_of(county)
    with serving(folder) as server:
        second = ran(folder, "serve", str(folder))
        assert second.returncode == 2 and "[store.locked]" in second.stderr
        server.kill()
        server.wait(timeout=30)
    received = ran(folder, "receive", ITEM, "--as", "V001", "--name", "甲", "--materials", "all", "--json")
    assert received.returncode == 0, received.stderr
    with serving(folder):
        assert ran(folder, "show", json.loads(received.stdout)["number"]).returncode == 0


def test_a_tampered_act_is_refused_by_the_server(county: Terminal):
    folder = beside(county)
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
    with serving(folder):
        for act in bad:
            with pytest.raises(BanjianError):
                submit_remote(Home(folder), act)
        assert submit_remote(Home(folder), signed).seq == 2


def _json(terminal: Terminal, *words: str) -> dict:
    """Run a command in this process, beside the server's, and return the last object that it printed."""
    return terminal.ok(*words, "--json").lines[-1]


NEW_VILLAGE = "990121001203-00"


def _new_village(terminal: Terminal) -> dict:
    """Enrol a village and open its log here."""
    words = ("--name", "西门村", "--level", "village", "--upstream", TOWNSHIP, "--open", "--as", "R001")
    return _json(terminal, "station", "add", NEW_VILLAGE, *words)


def _received(terminal: Terminal, who: str) -> dict:
    """Receive one application."""
    words = ("--name", "吴老根", "--materials", "all", "--no-slip")
    return _json(terminal, "receive", ITEM, "--as", who, *words)


def _enrol_han(county: Terminal) -> None:
    """Enrol a clerk at the new village."""
    words = ("--name", "韩九", "--at", NEW_VILLAGE, "--role", "window", "--as", "R001")
    _json(county, "staff", "add", "V009", *words)


def test_the_registry_grows_through_the_server(county: Terminal):
    # Given a running server, when a registrar enrols a station and a person and grants, beside it,
    folder = beside(county)
    roots = folder / "roots"
    with serving(folder) as server:
        added = _new_village(county)
        assert added["log_id"]
        _enrol_han(county)
        _json(county, "staff", "grant", "T002", "--role", "officer", "--scope", TOWNSHIP, "--as", "R001")
        refused = county.run("staff", "grant", "T002", "--role", "head", "--scope", TOWNSHIP, "--as", "V001")
        assert refused.code == 1 and "[registry." in refused.err, refused.err
        # then the new person works at the new station at once, and the new officer accepts,
        received = _received(county, "V009")
        _json(county, "hand-over", received["number"], "--to", TOWNSHIP, "--as", "V009")
        _json(county, "take-over", received["number"], "--as", "T002")
        _json(county, "accept", received["number"], "--as", "T002")
        # two root keys appoint and dismiss a registrar,
        _json(county, "registry", "appoint", "R002", "--name", "二登记", "--key", str(roots / "root-1.key"))
        _json(county, "registry", "countersign", "--key", str(roots / "root-2.key"))
        _json(
            county, "registry", "dismiss", "R002", "--reason", "retired", "--key", str(roots / "root-1.key")
        )
        _json(county, "registry", "countersign", "--key", str(roots / "root-3.key"))
        _json(county, "staff", "end", "T002", "--role", "officer", "--scope", TOWNSHIP, "--as", "R001")
        _json(county, "staff", "retire", "T002", "--reason", "retired", "--as", "R001")
        _json(county, "station", "close", NEW_VILLAGE, "--as", "R001")
        assert json.loads(status_remote(Home(folder)))["pid"] == server.pid
    assert verify_ledger(folder).ok


def test_lists_from_excel_pass_through_the_server(county: Terminal, tmp_path: Path):
    folder = beside(county)
    items = make(tmp_path / "items.xlsx", 事项=[
        ["事项编码", "事项名称", "事项性质", "收件层级", "决定层级", "办件类型", "承诺时限", "材料名称"],
        ["990109900099", "电动自行车登记", "公共服务", "县、乡镇、村", "县", "承诺件", 3, "申请书"],
    ])  # fmt: skip
    places = make(tmp_path / "places.xlsx", 站点=[
        ["站点编码", "站点名称", "层级"], ["990121001205", "西门村便民服务站", "村"],
        ["990121001206", "北门村便民服务站", "村"],
    ])  # fmt: skip
    with serving(folder):
        assert _json(county, "catalogue", "import", str(items), "--as", "R001")["signed"] == 1
        assert _json(county, "registry", "import", "stations", str(places), "--as", "R001")["signed"] == 2
        again = _json(county, "registry", "import", "stations", str(places), "--as", "R001")
        assert again["signed"] == 0 and len(again["unchanged"]) == 2
    assert verify_ledger(folder).ok


def test_catalogue_calendar_erasure_and_rebuild_pass_through_the_server(county: Terminal, tmp_path: Path):
    folder = beside(county)
    calendar = tmp_path / "calendar.json"
    days = {"region": "CN", "year": 2027, "version": 1, "days_off": statutory(2027), "make_up": [],
            "source": "演练"}  # fmt: skip
    calendar.write_text(json.dumps(days), encoding="utf-8")
    items = tmp_path / "items.json"
    items.write_text(json.dumps({"withdrawn": ["990104800048"]}), encoding="utf-8")
    everything = tmp_path / "types.json"
    everything.write_text(json.dumps({"case_types": list(case_types_raw())}), encoding="utf-8")
    with serving(folder):
        received = _received(county, "V001")
        before = _json(county, "registry", "show")["catalogue_size"]
        _json(county, "calendar", "publish", str(calendar), "--as", "R001")
        _json(county, "catalogue", "publish", str(items), "--as", "R001")
        _json(county, "catalogue", "publish", str(everything), "--as", "R001")
        assert _json(county, "registry", "show")["catalogue_size"] == before + 3
        again = county.run("calendar", "publish", str(calendar), "--as", "V001")
        assert again.code == 1 and "[authority." in again.err, again.err
        other = county.run("receive", "殡葬惠民补贴", "--as", "V001", "--name", "甲")
        assert other.code == 1 and "[receive.item_unknown]" in other.err
        assert _json(county, "rebuild")["cases"] == 1
        refused = county.run("erase", received["number"], "--ground", "本人要求", "--as", "V001", "--yes")
        assert refused.code == 1
        assert _json(county, "show", received["number"])["applicant"] == "吴老根"
        erased = _json(county, "erase", received["number"], "--ground", "本人要求", "--as", "R001", "--yes")
        assert erased["erased"] == 1
        assert _json(county, "show", received["number"])["applicant"] == ""
        assert county.run("find", "吴老根").code == 1
    assert verify_ledger(folder).ok


def test_a_restored_county_is_served_and_its_logs_are_opened_beside_the_server(
    county: Terminal, tmp_path: Path
):
    # Given a ledger out of a backup, whose logs are all given up, when it is served at once,
    made = Path(county.ok("backup", "--to", str(tmp_path / "backup"), "--json").json["folder"])
    restored = tmp_path / "restored"
    shutil.copytree(made, restored)
    (restored / "secrets").mkdir()
    shutil.copytree(folder_of(county) / "keys", restored / "keys", dirs_exist_ok=True)
    shutil.copy(folder_of(county) / "secrets" / "storage.key", restored / "secrets" / "storage.key")
    root = str(folder_of(county) / "roots" / "root-1.key")
    other = Terminal(folder=restored)
    beside(other)
    with serving(restored):
        # then whoever acts first opens the successor, and so do root and registrar for the county's logs.
        received = _received(other, "V001")
        assert received["seq"] == 2
        grant = ("staff", "grant", "T002", "--role", "officer", "--scope", TOWNSHIP, "--as", "R001")
        assert "[log.county_none]" in other.run(*grant).err
        _json(other, "county", "reopen", "registry", "--key", root)
        _json(other, "county", "reopen", "catalogue", "--as", "R001")
        note = str(tmp_path / "seen.note")
        seen = county.ok("county", "note", "--out", note, "--json").json
        _json(other, "county", "reopen", "merge", "--seen", note, "--as", "R001")
        _json(other, "checkpoint")
        assert _json(other, "county", "note", "--out", note)["merge_log"] != seen["merge_log"]
        _json(other, *grant)
    assert verify_ledger(restored).ok


def test_the_server_checks_county_acts_again(county: Terminal):
    # Given acts that a faulty or hostile process of this user hands over, when they come to the server,
    folder = beside(county)
    home = Home(folder)
    county.ok("key", "check", "--as", "R001")
    county.ok("key", "check", "--as", "V001")
    signers = {path.stem: key for path, key in _signers(county, folder).items()}
    facts = registry_actions.grant_role(staff_no="T002", role="officer", scope=TOWNSHIP)
    with Ledger.open(folder, clock=county.clock, write=False) as ledger:
        good = prepare_county(ledger, "grant_role", facts, signers["R001"])
        size, log = ledger.knowledge.registry.size, ledger.knowledge.registry.station_of_log
        usurped = sign_bodies(
            ledger_id=ledger.ledger_id, case_id=decode_act(good.raw).case_id,
            parents=decode_act(good.raw).parents, action="grant_role", station=log, registry_size=size,
            catalogue_version=ledger.knowledge.catalogue.size, occurred_at_ms=county.clock.now_ms(),
            facts=good.facts, personal=b"", signer=signers["V001"],
        )  # fmt: skip
        own = LogGenesis(
            ledger_id=ledger.ledger_id, kind="station", station=StationId(VILLAGE),
            log_public_key=signers["V001"].public_key, reason="first", nonce=bytes(16), parent_log=b"",
            parent_size=0, parent_root=b"",
        )  # fmt: skip
        with serving(folder):
            for act, code in (
                (replace(good, sig=bytes(64)), ""),
                (replace(good, facts=good.facts[:-1] + b"\x00"), ""),
                (usurped, ""),
                (replace(good, raw=b"\xc1"), ""),
            ):
                with pytest.raises(BanjianError) as refused:
                    submit_county_remote(home, act)
                assert refused.value.code != "serve.unreachable", code
            with pytest.raises(BanjianError) as mistaken:
                erase_remote(home, good)
            assert mistaken.value.code == "erase.other_act"
            with pytest.raises(BanjianError) as sound:
                draft_log_remote(home, "station", VILLAGE)
            assert sound.value.code == "log.open"
            with pytest.raises(BanjianError) as unknown:
                draft_log_remote(home, "moon", VILLAGE)
            assert unknown.value.code == "wire.opening"
            _json(
                county,
                "station",
                "add",
                NEW_VILLAGE,
                "--name",
                "西门村",
                "--level",
                "village",
                "--as",
                "R001",
            )
            # the registry has grown: what was signed before is outdated, and a log with a key that the
            # server did not make is not opened.
            with pytest.raises(BanjianError) as outdated:
                submit_county_remote(home, good)
            assert outdated.value.code == "act.outdated"
            foreign = prepare_opening(
                ledger, replace(own, station=StationId(NEW_VILLAGE)).pack(), signers["R001"]
            )
            with pytest.raises(BanjianError) as foreign_key:
                submit_county_remote(home, foreign)
            assert foreign_key.value.code == "log.no_draft"
            done = submit_county_remote(home, prepare_county(ledger, "grant_role", facts, signers["R001"]))
            assert done.seq == size + 2
    assert verify_ledger(folder).ok


def test_a_reader_that_stays_open_notices_what_the_server_adds(county: Terminal, tmp_path: Path):
    # Given a ledger open for reading, when another process enrols, publishes and opens a log meanwhile,
    folder = beside(county)
    calendar = tmp_path / "calendar.json"
    days = {"region": "CN", "year": 2027, "version": 1, "days_off": statutory(2027), "make_up": [],
            "source": "演练"}  # fmt: skip
    calendar.write_text(json.dumps(days), encoding="utf-8")
    with serving(folder), Ledger.open(folder, clock=county.clock, write=False) as reader:
        size = reader.knowledge.registry.size
        assert reader.worklist() == []
        kept = reader.parts
        assert reader.worklist() == [] and reader.parts is kept
        _new_village(county)
        _enrol_han(county)
        _json(county, "calendar", "publish", str(calendar), "--as", "R001")
        number = _received(county, "V009")["number"]
        # then its next look knows the person, the station, the log and the calendar.
        (row,) = reader.worklist()
        assert (row.number, row.custodian) == (number, NEW_VILLAGE)
        page = reader.case(row.case_id)
        assert page.state.steps[0].effective and reader.staff_name(page.state.steps[0].act.actor) == "韩九"
        assert reader.knowledge.registry.size == size + 3
        assert any(item.name == "CN-2027-1" for item in reader.knowledge.calendars.calendars)
        assert NEW_VILLAGE in {log.station for log in reader.logs()}
        kept = reader.parts
        reader.day_clear(StationId(VILLAGE), date(2026, 3, 3))
        assert reader.parts is kept


def _signers(county: Terminal, folder: Path) -> dict[Path, object]:
    county.ok("key", "check", "--as", "V001")
    return {path: key for path, key in county.signers.items() if path.is_relative_to(folder)}
