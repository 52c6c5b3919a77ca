"""Attachments: encrypted chunks beside the ledger, named by acts, resumed, shown, erased."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from http.client import IncompleteRead
from pathlib import Path

import pytest

from ledger.errors import InputError, StoreError
from ledger.facade import Home, Ledger
from ledger.facade.cases.attachednames import attachments_in
from ledger.types import CaseId
from stations.config import StationConfig
from stations.kept.attachments import SIZE_BYTES_MAX, UNFINISHED_MS, Attachments
from stations.kept.backup import make_backup
from stations.kept.sealed import SealedFolder
from stations.serving.ledgerthread import LedgerThread
from stations.serving.rereading import Rereading, Round
from stations.serving.weblog import web_log
from stations.texts import Say
from stations.web.cases.leftuploads import LEFT_MS
from sync.attachforms import CHUNK_BYTES
from tests.facade.counter import COUNTY, PERMIT, FakeClock
from tests.web.counterdesk import Counter, Desk, Page, serving

FOR_OTHERS = "990103000030"
"""Decided at the township; a county window receives it for others."""
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 3000


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("attachments") / "county") as one:
        yield one


@pytest.fixture(scope="module")
def desk(counter: Counter) -> Desk:
    return counter.desk("C1")


@pytest.fixture
def store(tmp_path: Path) -> Attachments:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "storage.key").write_bytes(bytes(range(32)))
    return Attachments(Home(tmp_path), os.urandom)


def put(desk: Desk, upload: str, index: int, raw: bytes) -> Page:
    headers = {"X-Banjian-Form": desk.word, "Content-Type": "application/octet-stream"}
    return desk._ask("PUT", f"/attach/{upload}/{index}", raw, headers)


def said(page: Page) -> dict[str, object]:
    value = json.loads(page.raw)
    assert isinstance(value, dict)
    return value


def uploaded(desk: Desk, raw: bytes, file: str = "照片.png") -> str:
    begun = said(desk.send("/attach", {"file": file, "size": str(len(raw))}))
    for index in range(-(-len(raw) // CHUNK_BYTES)):
        part = raw[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES]
        assert put(desk, str(begun["upload"]), index, part).status == 200
    return str(said(desk.send(f"/attach/{begun['upload']}"))["hash"])


def received(desk: Desk, item: str = PERMIT, **fields: str) -> str:
    form = desk.get(f"/receive/{item}")
    answer = desk.send(f"/receive/{item}", {"once": form.field("once"), "applicant.name": "附件人", **fields})
    assert answer.status == 303, answer.text
    return answer.headers["Location"].split("/")[2]


def test_content_comes_back_and_lies_encrypted_and_salted(store: Attachments, tmp_path: Path) -> None:
    raw = os.urandom(3 * CHUNK_BYTES + 17)
    kept = store.take("扫描.pdf", raw, by="C1", at_ms=1)
    assert b"".join(store.read(kept)) == raw and kept.named[1] == len(raw) and kept.chunks == 4
    again = store.take("扫描.pdf", raw, by="C1", at_ms=1)
    assert again.hash != kept.hash and hashlib.sha256(raw).hexdigest() not in (kept.hash, again.hash)
    for path in (tmp_path / "attachments").rglob("*.*"):
        if path.is_file():
            assert raw[:64] not in path.read_bytes() and "扫描".encode() not in path.read_bytes()


def test_a_changed_a_moved_and_a_missing_chunk_are_found(store: Attachments, tmp_path: Path) -> None:
    kept = store.take("a", os.urandom(2 * CHUNK_BYTES), by="C1", at_ms=1)
    first, second = sorted((tmp_path / "attachments" / kept.name).iterdir())
    one, two = first.read_bytes(), second.read_bytes()
    for damage in (lambda: first.write_bytes(two), lambda: second.write_bytes(two[:-1]), second.unlink):
        damage()
        with pytest.raises(StoreError) as found:
            list(store.read(kept))
        assert found.value.code == "attach.damaged"
        first.write_bytes(one)
        second.write_bytes(two)


def test_dropping_takes_key_and_content(store: Attachments, tmp_path: Path) -> None:
    kept = store.take("a", b"x" * 10, by="C1", at_ms=1)
    assert store.drop(kept.hash) and store.find(kept.hash) is None and not store.drop(kept.hash)
    assert list((tmp_path / "attachments").iterdir()) == []


def test_unfinished_uploads_go_after_a_week_and_finished_ones_never(store: Attachments) -> None:
    finished = store.take("a", b"x", by="C1", at_ms=0)
    left = store.begin("b", 5, by="C1", at_ms=0)
    store.begin("c", 5, by="C1", at_ms=UNFINISHED_MS + 1)
    assert store.find(finished.hash) is not None
    with pytest.raises(InputError) as gone:
        store.upload(left.name, by="C1")
    assert gone.value.code == "attach.unknown"


@pytest.mark.parametrize(("size", "code"), [(0, "attach.empty"), (SIZE_BYTES_MAX + 1, "attach.size")])
def test_sizes_are_bounded(store: Attachments, size: int, code: str) -> None:
    with pytest.raises(InputError) as refused:
        store.begin("a", size, by="C1", at_ms=1)
    assert refused.value.code == code


def test_an_upload_goes_on_where_it_broke_off(desk: Desk) -> None:
    begun = said(desk.send("/attach", {"file": "照片.png", "size": str(len(PNG))}))
    upload = str(begun["upload"])
    assert begun["missing"] == [0, 1, 2]
    assert put(desk, upload, 1, PNG[CHUNK_BYTES : 2 * CHUNK_BYTES]).status == 200
    early = said(desk.send(f"/attach/{upload}"))
    assert early["code"] == "attach.incomplete"
    again = said(desk.send("/attach", {"file": "照片.png", "size": str(len(PNG)), "upload": upload}))
    assert (again["upload"], again["missing"]) == (upload, [0, 2])
    for index, raw, code in ((0, b"short", "attach.chunk"), (9, b"x", "attach.chunk")):
        assert said(put(desk, upload, index, raw))["code"] == code
    for index in (0, 2):
        put(desk, upload, index, PNG[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES])
    assert len(str(said(desk.send(f"/attach/{upload}"))["hash"])) == 64


def test_an_act_names_its_attachments_and_the_page_shows_them(counter: Counter, desk: Desk) -> None:
    photo = uploaded(desk, PNG)
    case = received(desk, attach=photo)
    with counter.ledger() as ledger:
        (pairs,) = attachments_in(ledger.state(CaseId(bytes.fromhex(case)))[0]).values()
    assert pairs == ((bytes.fromhex(photo), len(PNG)),)
    path = f"/case/{case}/attachment/{photo}"
    assert f'<img src="{path}"' in desk.get(f"/case/{case}").text
    shown = desk.get(path)
    assert shown.raw == PNG and shown.headers["Content-Type"] == "image/png"
    assert "sandbox" in shown.headers["Content-Security-Policy"]
    assert desk.get(f"/case/{case}/attachment/{'0' * 64}").code == "attach.not_here"
    assert counter.desk("V1").get(path).code == "web.scope"


def test_a_form_without_script_brings_files_whole(counter: Counter, desk: Desk) -> None:
    case = received(desk)
    page = desk.post(
        f"/case/{case}/do/note",
        {"text": "补一张"},
        {"files": ("C:\\扫描\\<b>单.html", b"<script>1</script>")},
    )
    assert "&lt;b&gt;单.html" in page.text and "<b>单" not in page.text
    with counter.ledger() as ledger:
        (pairs,) = attachments_in(ledger.state(CaseId(bytes.fromhex(case)))[0]).values()
    kept = desk.get(f"/case/{case}/attachment/{pairs[0][0].hex()}")
    assert kept.headers["Content-Type"] == "application/octet-stream"
    assert kept.headers["Content-Disposition"].startswith("attachment")


def test_what_was_brought_stays_in_a_form_that_is_shown_again(desk: Desk) -> None:
    form = desk.get(f"/receive/{PERMIT}")
    page = desk.post(
        f"/receive/{PERMIT}",
        {"once": form.field("once"), "applicant.name": "错号", "applicant.id_no": "123"},
        {"files": ("留下.png", PNG)},
    )
    assert page.status == 422 and "✓ 留下.png" in page.text and len(page.field("attach")) == 64


def test_attachments_of_others_and_too_many_are_refused(counter: Counter, desk: Desk) -> None:
    photo = uploaded(desk, b"mine", "我的.txt")
    other = counter.desk("C4")
    case = received(other)
    assert other.post(f"/case/{case}/do/note", {"attach": photo}).code == "attach.unknown"
    many = {"files": ("a", b"x")}
    page = desk.post(f"/case/{case}/do/note", {"attach": [f"{n:064x}" for n in range(32)]}, many)
    assert page.code == "attach.many"
    begun = said(desk.send("/attach", {"file": "a", "size": "4"}))
    assert said(put(other, str(begun["upload"]), 0, b"evil"))["code"] == "attach.unknown"


def test_a_damaged_attachment_is_told_with_its_case(tmp_path: Path) -> None:
    with serving(tmp_path / "county", config=StationConfig(station=COUNTY)) as counter:
        desk = counter.desk("C1")
        sound, hurt = uploaded(desk, PNG, "好.png"), uploaded(desk, PNG, "坏.png")
        case = received(desk, attach=sound)
        other = received(desk, attach=hurt)
        assert "读不出来" not in desk.get("/safe").text and "attach" not in desk.get("/keep").code
        held = Attachments(Home(counter.folder), os.urandom).find(hurt)
        assert held is not None
        last = max((counter.folder / "attachments" / held.name).iterdir())
        raw = last.read_bytes()
        last.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
        # Nobody has looked at it yet: only who reads everything finds it.
        assert "个附件在本机读不出来" not in desk.get("/keep").text
        assert "1 个附件在本机读不出来" in desk.post("/keep/thorough", {}).text
        with pytest.raises(IncompleteRead) as broken:
            desk.get(f"/case/{other}/attachment/{hurt}")
        assert broken.value.partial and PNG.startswith(broken.value.partial), "no page of errors in the file"
        with counter.ledger() as ledger:
            number = ledger.state(CaseId(bytes.fromhex(other)))[0].number
        page = desk.get("/safe").text
        assert "1 个附件在本机读不出来" in page and number in page and "重新拍照" in page
        assert f'href="/case/{case}"' not in page and f'href="/case/{other}"' in page
        assert number in desk.get("/keep").text
        last.write_bytes(raw)
        assert "读不出来" not in desk.get("/safe").text


def test_a_lost_attachment_is_told_once_somebody_has_asked_for_it(tmp_path: Path) -> None:
    with serving(tmp_path / "county", config=StationConfig(station=COUNTY)) as counter:
        desk = counter.desk("C1")
        gone = uploaded(desk, PNG, "丢.png")
        case = received(desk, attach=gone)
        assert "没有逐个读" in desk.get("/keep").text
        shutil.rmtree(counter.folder / "attachments")
        assert desk.get(f"/case/{case}/attachment/{gone}").code == "attach.not_here"
        assert "1 个附件在本机读不出来" in desk.get("/safe").text
        assert "1 个附件在本机读不出来" in desk.get("/keep").text


def test_a_backup_holds_them_once_and_drops_what_was_dropped(
    counter: Counter, desk: Desk, tmp_path: Path
) -> None:
    kept, dropped = uploaded(desk, PNG), uploaded(desk, b"goes", "去掉.txt")
    store = Attachments(Home(counter.folder), os.urandom)
    target = tmp_path / "backups"
    with counter.ledger() as ledger:
        make_backup(ledger, target, now_ms=1_772_413_200_000)
        (mirrored,) = target.glob("attachments-*")
        before = {path: path.stat().st_mtime_ns for path in mirrored.rglob("*.chunk")}
        store.drop(dropped)
        make_backup(ledger, target, now_ms=1_772_413_300_000)
    after = {path: path.stat().st_mtime_ns for path in mirrored.rglob("*.chunk")}
    assert len(before) == len(after) + 1 and after.items() <= before.items()
    restored = tmp_path / "restored"
    (restored / "secrets").mkdir(parents=True)
    (restored / "secrets" / "storage.key").write_bytes((counter.folder / "secrets/storage.key").read_bytes())
    shutil.copytree(mirrored, restored / "attachments")
    again = Attachments(Home(restored), os.urandom)
    found = again.find(kept)
    assert found is not None and b"".join(again.read(found)) == PNG and again.find(dropped) is None


def test_a_backup_keeps_what_the_installation_has_lost(counter: Counter, desk: Desk, tmp_path: Path) -> None:
    """Else the next backup after a disk took the folder would throw away the only copies."""
    uploaded(desk, PNG)
    folder, target = counter.folder / "attachments", tmp_path / "backups"
    with counter.ledger() as ledger:
        make_backup(ledger, target, now_ms=1_772_413_400_000)
        before = sorted(target.glob("attachments-*/**/*"))
        folder.rename(tmp_path / "lost")
        try:
            make_backup(ledger, target, now_ms=1_772_413_500_000)
        finally:
            (tmp_path / "lost").rename(folder)
    assert before and sorted(target.glob("attachments-*/**/*")) == before


@pytest.mark.parametrize("gone", [False, True], ids=["changed", "gone"])
@pytest.mark.parametrize("digits", [32, 64], ids=["record", "place"])
def test_what_a_disk_took_of_the_record_comes_again(
    store: Attachments, tmp_path: Path, digits: int, gone: bool
) -> None:
    raw = os.urandom(CHUNK_BYTES + 5)
    kept = store.take("a.png", raw, by="C1", at_ms=1)
    (tmp_path / "taker").mkdir()
    shutil.copytree(tmp_path / "secrets", tmp_path / "taker" / "secrets")
    taker = Attachments(Home(tmp_path / "taker"), os.urandom)

    def bring() -> None:
        begun = taker.begin_known(kept.hash, kept.head, at_ms=2)
        if not begun.hash:
            for index in taker.missing(begun):
                taker.put(begun, index, store.chunk(kept, index))
            taker.finish(begun)

    bring()
    record = tmp_path / "taker" / "attachments" / f"{kept.hash[:digits]}.sealed"
    if gone:
        record.unlink()
    else:
        record.write_bytes(record.read_bytes()[:-1])
    bring()
    found = taker.find(kept.hash)
    assert found is not None and b"".join(taker.read(found)) == raw


def test_what_keeps_the_reading_from_its_turns_stands_in_the_log(
    store: Attachments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the ledger is not open yet: the reading goes on trying, and the technician sees why."""
    monkeypatch.setattr("stations.serving.rereading.EVERY_S", 0.01)
    log = tmp_path / "log" / "banjian.log"

    async def story() -> None:
        clock = FakeClock()
        reading = Rereading(
            LedgerThread(), Home(tmp_path), clock=clock, randomness=os.urandom, log=web_log(tmp_path, clock)
        )
        task = asyncio.create_task(reading.run())
        await asyncio.to_thread(_until_two_lines, log)
        assert not task.done()
        task.cancel()

    asyncio.run(story())
    assert json.loads(log.read_text().splitlines()[0])["code"] == "serve.unreachable"


def _until_two_lines(log: Path) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and (not log.exists() or len(log.read_text().splitlines()) < 2):
        time.sleep(0.01)


def test_erasing_a_case_takes_its_attachments_and_its_personal_data(counter: Counter, desk: Desk) -> None:
    photo = uploaded(desk, PNG)
    case = received(desk, attach=photo)
    with counter.ledger() as ledger:
        by = sorted(ledger.state(CaseId(bytes.fromhex(case)))[1].case_type.actions["erase"].by)
    registrar = counter.desk("C3") if "head" in by else counter.desk("C2")
    page = registrar.post(f"/case/{case}/do/erase", {"f.ground": "applicant_request"})
    assert page.status == 200 and not page.code, page.text
    with counter.ledger() as ledger:
        assert ledger.case(CaseId(bytes.fromhex(case))).row.applicant == ""
    assert Attachments(Home(counter.folder), os.urandom).find(photo) is None
    assert desk.get(f"/case/{case}/attachment/{photo}").code == "attach.not_here"


def test_what_was_erased_elsewhere_goes_here_when_somebody_looks(counter: Counter, desk: Desk) -> None:
    photo = uploaded(desk, PNG)
    case = received(desk, attach=photo)
    with Ledger.open(counter.folder, write=False) as ledger:
        by = ledger.state(CaseId(bytes.fromhex(case)))[1].case_type.actions["erase"].by
    clerk = counter.desk("C3" if "head" in by else "C2")
    store = Attachments(Home(counter.folder), os.urandom)
    kept = store.find(photo)
    assert kept is not None
    clerk.post(f"/case/{case}/do/erase", {"f.ground": "applicant_request"})
    # The act came by sync, say: nothing on this machine had been asked to drop the content.
    again = store.take(kept.file, PNG, by="C1", at_ms=1)
    (counter.folder / "attachments" / f"{again.hash}.sealed").unlink()
    SealedFolder(Home(counter.folder), "attachments", os.urandom).keep(photo, again.name.encode())
    assert store.find(photo) is not None
    assert desk.get(f"/case/{case}/attachment/{photo}").code == "attach.not_here"
    assert desk.get(f"/case/{case}").status == 200 and store.find(photo) is None


def test_the_hash_of_the_organs_result_is_computed_from_the_file(counter: Counter, desk: Desk) -> None:
    case = received(desk, item=FOR_OTHERS)
    form = desk.get(f"/case/{case}/do/record_result")
    assert 'name="f.evidence"' not in form.text and Say(language="zh")("web.evidence_hint") in form.text
    said_so = {"f.result": "grant", "f.organ": "溪山县医疗保障局", "f.external_no": "33-1"}
    refused = desk.post(f"/case/{case}/do/record_result", said_so)
    assert refused.code == "case.no_evidence"
    assert 'id="f-evidence" class="wrong"' in refused.text
    assert 'name="f.evidence_paper" aria-invalid="true"' in refused.text
    # The file is asked for where it belongs, once, and before what may stay empty.
    assert refused.text.count('id="attach-files"') == 1
    order = [
        refused.text.index(f'id="{name}"') for name in ("f-organ", "f-evidence", "attach-files", "f-court")
    ]
    assert order == sorted(order)
    desk.post(f"/case/{case}/do/record_result", said_so, {"files": ("结果.png", PNG)})
    with counter.ledger() as ledger:
        state = ledger.state(CaseId(bytes.fromhex(case)))[0]
    assert state.status == "decided" and state.steps[-1].act.facts["evidence"] == hashlib.sha256(PNG).digest()
    assert len(state.steps[-1].act.attachments) == 1


def test_where_there_is_only_paper_its_number_does(counter: Counter, desk: Desk) -> None:
    case = received(desk, item=FOR_OTHERS)
    said_so = {"f.result": "grant", "f.organ": "医保局", "f.external_no": "33-2"}
    desk.post(f"/case/{case}/do/record_result", {**said_so, "f.evidence_paper": "溪医保〔2026〕7号"})
    with counter.ledger() as ledger:
        facts = ledger.state(CaseId(bytes.fromhex(case)))[0].steps[-1].act.facts
    assert facts["evidence_paper"] == "溪医保〔2026〕7号" and "evidence" not in facts


def test_how_far_the_reading_of_all_attachments_is_is_told(counter: Counter, desk: Desk) -> None:
    kept = SealedFolder(Home(counter.folder), "reading", os.urandom)
    day_ms = counter.clock.now_ms()
    going = Round(after="00", begun_at_ms=day_ms, read=8, damaged=1, total=40, last_done_at_ms=day_ms)
    kept.keep("attachments", json.dumps(asdict(going)).encode())
    assert "已读 8 个（共 40 个），其中 1 个读不出" in desk.get("/safe").text
    done = replace(going, read=40, done_at_ms=day_ms)
    kept.keep("attachments", json.dumps(asdict(done)).encode())
    assert "读完，40 个，其中 1 个读不出" in desk.get("/safe").text


def test_uploads_that_nobody_signed_for_go_after_a_month(tmp_path: Path) -> None:
    folder = tmp_path / "county"
    with serving(folder) as counter:
        desk = counter.desk("C1")
        left, signed, typed, late = (uploaded(desk, PNG + bytes([n]), f"{n}.png") for n in range(4))
        received(desk, attach=signed)
        form = desk.get(f"/receive/{PERMIT}")
        fields = {"draft": form.field("draft"), "applicant.name": "还在填", "attach": typed}
        assert desk.send(f"/receive/{PERMIT}/draft", fields).status == 200
        lost = received(desk, attach=late)
        store = Attachments(Home(folder), os.urandom)
        # As after a power cut between the act and the note of it: the ledger alone knows.
        found = store.find(late)
        assert lost and found is not None
        store._keep(replace(found, signed=False))
        clock = counter.clock
    clock.wall_ms += LEFT_MS - 86_400_000  # type: ignore[attr-defined]
    held = {left, signed, typed, late}
    with serving(folder, clock=clock):
        assert _held_after_a_look(store, held, 1.0) == held, "a day too early"
    clock.wall_ms += 2 * 86_400_000  # type: ignore[attr-defined]
    with serving(folder, clock=clock):
        assert _held_after_a_look(store, held, 20.0) == held - {left}


def _held_after_a_look(store: Attachments, hashes: set[str], wait_s: float) -> set[str]:
    """Return which of some attachments are there once one of them is gone, or after a while."""
    until = time.monotonic() + wait_s
    while (found := {one for one in hashes if store.find(one) is not None}) == hashes:
        if time.monotonic() > until:
            break
        time.sleep(0.05)
    return found


def test_a_file_of_before_is_never_taken_for_one_that_nobody_signed_for(store: Attachments) -> None:
    kept = store.take("a", b"x", by="C1", at_ms=0)
    assert [one.hash for one in store.unsigned(1)] == [kept.hash]
    name = kept.name
    known = json.loads(store._sealed.read(name) or b"")
    del known["signed"]
    store._sealed.keep(name, json.dumps(known).encode())
    assert store.unsigned(1) == []
