"""A lost machine comes back by pages alone: county and township, with real processes and a real network."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.errors import BanjianError
from ledger.facade import Home, Ledger
from stations.kept.backup import make_backup
from stations.kept.orders import Order, keep_orders, load_orders
from stations.kept.restoring import OURS, Source, find_backups, look, restore
from stations.kept.sealed import SealedFolder
from stations.province.settings import load_settings
from stations.web.firstday.restore import BACKUPS_MAX
from tests.web.adminsite import PASSPHRASE, TOWNSHIP, Answer, Visitor, found
from tests.web.offices import free_port
from tests.web.seat import ALLOWANCE
from tests.web.wizard import SECRET, Wizard, first_day

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")
ANSWERED = [Order(order_no="HL1", title="路灯不亮", reply="已修好", by="王芳", done_on="2026-03-01")]
CLERK = {"compared": "1", "no": "T009", "name": "冯乡镇", "passphrase": SECRET, "again": SECRET}


@dataclass
class Lost:
    """What is left of an installation that burnt: its backups, and the keys in the safe."""

    backups: Path
    safe: Path

    def key(self, name: str) -> bytes:
        """Return a key from the safe."""
        return (self.safe / name).read_bytes()


def settings(folder: Path, **lines: str) -> None:
    """Add lines to a configuration."""
    config = folder / "banjian.toml"
    added = "".join(f'{name} = "{value}"\n' for name, value in lines.items())
    config.write_text(f"{config.read_text('utf-8').rstrip()}\n{added}", "utf-8")


def copied(visitor: Visitor, page: Answer) -> Answer:
    """Wait until the copy is over."""
    for _ in range(400):
        if 'id="copying" hx-get' not in page.text:
            return page
        time.sleep(0.05)
        page = visitor.get("/restore/progress")
    raise TimeoutError(page.text)


def backed_up(wizard: Wizard, who: Visitor, *names: str) -> Lost:
    """Back an installation up by page; copy keys into a safe."""
    backups, safe = wizard.folder.with_name("backups"), wizard.folder.with_name("safe")
    done = who.post("/keep/backup", {"folder": str(backups)}, page="/keep")
    assert done.path == "/keep" and done.code == "", done.code
    safe.mkdir()
    for name in names:
        shutil.copy(wizard.folder / name, safe)
    return Lost(backups=backups, safe=safe)


def burn(wizard: Wizard) -> None:
    """Let a machine be lost, with its disk."""
    wizard.process.send_signal(signal.SIGKILL)
    wizard.process.wait(30)
    shutil.rmtree(wizard.folder)


def come_back(wizard: Wizard, lost: Lost, *, with_ca: bool) -> str:
    """Restore by the wizard; returns the page to which it leads on."""
    visitor = wizard.visitor
    assert "从备份恢复" in visitor.get("/").text
    (backup,) = find_backups(lost.backups)
    where = "/restore"
    assert str(backup.folder) in visitor.post(where, {"folder": str(lost.backups)}).text
    # No address names a folder to be read, and no form of somebody else's page does.
    assert str(backup.folder) not in visitor.get(f"{where}?folder={lost.backups}").text
    assert visitor.send(where, [("folder", str(lost.backups))], ()).code == "web.form"
    fields = {"folder": str(lost.backups), "backup": str(backup.folder)}
    storage = ("storage_key", "storage.key", lost.key("storage.key"))
    ca = ("ca_key", "ca.key", lost.key("ca.key") if with_ca else b"")
    other = ("storage_key", "storage.key", os.urandom(32))
    wrong = [
        ({}, [ca], "restore.storage_key"),
        ({}, [other, ca], "restore.other_key"),
        ({"backup": str(lost.safe)}, [storage, ca], "restore.backup"),
        ({"backup": "elsewhere"}, [storage, ca], "restore.choose"),
    ]
    if with_ca:
        wrong += [({}, [storage], "restore.ca_key"), ({}, [storage, (*storage[:2], b"x")], "restore.ca_key")]
    for more, files, code in wrong:
        refused = visitor.post("/restore/begin", {**fields, **more}, files=files, page=where)
        assert refused.code == code and not wizard.folder.exists(), (code, refused.code)
    begun = visitor.post("/restore/begin", fields, files=[storage, ca], page=where)
    done = copied(visitor, begun)
    assert "恢复好了" in done.text, done.text
    going = visitor.post("/restore/go", {}, page="/restore/progress")
    wizard.wait_for_station()
    return going.text.partition("url=")[2].partition('"')[0]


@dataclass
class Pair:
    """A county and a township that has joined it, both with pages and a network between them."""

    county: Wizard
    town: Wizard
    registrar: Visitor
    clerk: Visitor


def _approved(registrar: Visitor) -> None:
    name = registrar.get("/joins").text.split('action="/joins/')[1].split("/")[0]
    assert registrar.post(f"/joins/{name}/approve", {}, page="/joins").code == ""


def _invited(registrar: Visitor, *addresses: str) -> bytes:
    page = f"/stations/{TOWNSHIP}"
    asked = {"addresses": "\n".join(addresses), "days": "30", "role": "window"}
    return registrar.get(f"{registrar.post(f'{page}/invite', asked, page=page).path}/file").body


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    home, port = found(tmp_path / "c" / "county", village=False), free_port()
    settings(home.path, listen=f"127.0.0.1:{port}")
    with first_day(home.path, expect="listening") as county, first_day(tmp_path / "t" / "town") as town:
        registrar, clerk = county.visitor, town.visitor
        registrar.sign_in("R001", PASSPHRASE)
        invite = _invited(registrar, f"https://127.0.0.1:{port}")
        clerk.post("/join", {}, files=[("invite", "x.invite", invite)])
        clerk.post("/join/begin", CLERK, page="/join")
        town.wait_for_station()
        clerk = town.visitor
        _approved(registrar)
        assert clerk.post("/first-day/sync", {}, page="/first-day").path == "/sign-in"
        clerk.sign_in("T009", SECRET)
        yield Pair(county=county, town=town, registrar=registrar, clerk=clerk)


def _synced(clerk: Visitor) -> str:
    """Sync by page; returns the page of what is safe."""
    page = clerk.post("/safe/sync", {}, page="/safe")
    assert "同步完成" in page.text, page.text
    return page.text


def test_a_county_comes_back_by_pages_and_waits_for_its_township(pair: Pair) -> None:
    lost = backed_up(pair.county, pair.registrar, "secrets/storage.key", "secrets/ca.key", "roots/root-1.key")
    enrolment = {"no": "X200", "name": "周备份后", "station": TOWNSHIP, "role": "window", "key": "here"}
    secret = {"passphrase": SECRET, "again": SECRET}
    assert pair.registrar.post("/enrol", {**enrolment, **secret}).code == ""
    _synced(pair.clerk)
    pair.clerk.post(f"/receive/{ALLOWANCE}", {"applicant.name": "欧阳恢复"})
    _synced(pair.clerk)
    burn(pair.county)
    with first_day(pair.county.folder) as county:
        assert come_back(county, lost, with_ca=True) == "/sign-in?next=/reopen"
        registrar = county.visitor
        registrar.sign_in("R001", PASSPHRASE)
        page = registrar.get("/reopen").text
        assert page.count("不能接着写") == 3 and TOWNSHIP in page and "没有能用的回执密钥" in page
        assert registrar.get("/people/X200").status >= 400
        sure, root = {"sure": "1"}, [("root", "root-1.key", lost.key("root-1.key"))]
        opening = {**sure, "passphrase": PASSPHRASE}
        for fields, files, code in (
            (opening, root, "county.stations_behind"),
            ({**opening, "anyway": "1", "passphrase": "wrong"}, root, "key.passphrase"),
            ({**opening, "anyway": "1"}, [("root", "x", b"junk")], "key.envelope"),
            ({"passphrase": PASSPHRASE}, root, "web.tick_first"),
        ):
            refused = registrar.post("/reopen/registry", fields, files=files, page="/reopen")
            assert refused.code == code, (code, refused.code)
        left = pair.clerk.post("/safe/sync", {}, page="/safe").text
        # It took everything, and can sign nothing: this is no sync that is done.
        assert "有没办妥的" in left and "没有可用的回执密钥" in left and "同步完成" not in left
        page = registrar.get("/reopen").text
        assert "联网的下级都来过了" in page
        assert registrar.post("/reopen/registry", opening, files=root, page="/reopen").code == ""
        for kind in ("catalogue", "merge"):
            assert registrar.post(f"/reopen/{kind}", sure, page="/reopen").code == "", kind
        assert registrar.post("/reopen/keys", {}, page="/reopen").code == ""
        assert "没有要办的" in registrar.get("/reopen").text
        assert "周备份后" in registrar.get("/people/X200").text
        _synced(pair.clerk)
        _synced(pair.clerk)
        safe = pair.clerk.get("/safe").text
        assert "记录全部收到，有回执" in safe, safe
        with Ledger.open(county.folder, write=False) as ledger:
            assert [row.applicant for row in ledger.find("欧阳恢复")] == ["欧阳恢复"]
    assert verify_ledger(county.folder).ok


def test_a_township_comes_back_and_joins_again_by_page(pair: Pair) -> None:
    pair.clerk.post(f"/receive/{ALLOWANCE}", {"applicant.name": "欧阳之前"})
    lost = backed_up(pair.town, pair.clerk, "secrets/storage.key")
    pair.clerk.post(f"/receive/{ALLOWANCE}", {"applicant.name": "欧阳之后"})
    _synced(pair.clerk)
    port = free_port()
    burn(pair.town)
    with first_day(pair.town.folder) as town:
        assert come_back(town, lost, with_ca=False) == "/sign-in?next=/join-again"
        clerk = town.visitor
        clerk.sign_in("T009", SECRET)
        assert "欧阳之前" in clerk.get("/cases").text
        failed = clerk.post("/safe/sync", {}, page="/safe").text
        assert "tls.not_joined" in failed and "「重新加入」" in failed and "banjian join" not in failed
    # Whoever listens for villages below cannot without certificate; the pages go on all the same.
    settings(town.folder, listen=f"127.0.0.1:{port}")
    with first_day(town.folder, expect="listening") as town:
        clerk = town.visitor
        clerk.sign_in("T009", SECRET)
        address = next(line for line in _config(pair.county).splitlines() if line.startswith("listen"))
        invite = _invited(pair.registrar, f"https://{address.split(chr(34))[1]}")
        refused = clerk.post("/join-again", {"code": "不是邀请码"})
        assert refused.code == "invite.code"
        shown = clerk.post("/join-again", {}, files=[("invite", "x.invite", invite)])
        word = {"invite": shown.url.partition("invite=")[2]}
        refused = clerk.post("/join-again/begin", word, page=f"/join-again?invite={word['invite']}")
        assert refused.code == "first.compare"
        ticked = {**word, "compared": "1"}
        done = clerk.post("/join-again/begin", ticked, page=f"/join-again?invite={word['invite']}")
        assert done.path == "/safe" and "已重新加入" in done.text, done.text
        _approved(pair.registrar)
        _synced(clerk)
        assert "欧阳之后" in clerk.get("/cases").text
        assert clerk.post("/join-again/ask", {}, page="/join-again").code == "join.not_begun"
        again = clerk.post("/join-again", {}, files=[("invite", "x.invite", invite)])
        word = {"invite": again.url.partition("invite=")[2], "compared": "1"}
        used = clerk.post("/join-again/begin", word, page=f"/join-again?invite={word['invite']}")
        assert used.code == "join.done"
    assert verify_ledger(town.folder).ok


def _config(wizard: Wizard) -> str:
    return (wizard.folder / "banjian.toml").read_text("utf-8")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """A backup that was looked at, with the right keys."""
    folder = tmp_path_factory.mktemp("kept")
    home = found(folder / "county")
    with Ledger.open(home, write=True) as ledger:
        keep_orders(SealedFolder(home, "orders", os.urandom), "x", ANSWERED)
        (home.path / "platform.toml").write_text('name = "浙里办"\n', encoding="utf-8")
        done = make_backup(ledger, folder / "backups", now_ms=ledger.clock.now_ms())
    storage, ca = ((home.secrets_dir / name).read_bytes() for name in ("storage.key", "ca.key"))
    return look(done.folder, storage_key=storage, ca_key=ca)


def test_a_copy_that_is_given_up_leaves_nothing(source: Source, tmp_path: Path) -> None:
    home = Home(tmp_path / "county")
    steps = restore(home, source)
    assert next(steps) > 0
    assert (tmp_path / "county.restoring").exists()
    steps.close()
    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_a_power_cut_broke_off_is_begun_anew(source: Source, tmp_path: Path) -> None:
    home, half = Home(tmp_path / "county"), tmp_path / "county.restoring"
    half.mkdir()
    (half / OURS).touch()
    (half / "ledger.db").write_bytes(b"half")
    done = list(restore(home, source))
    assert done[-1] == source.size_bytes and done == sorted(done)
    assert home.exists and home.restored and not half.exists() and not (home.path / OURS).exists()
    # What citizens of the hotline were answered is nowhere else.
    assert load_orders(SealedFolder(home, "orders", os.urandom), "x") == ANSWERED
    assert load_settings(home.path).name == "浙里办"
    with Ledger.open(home, write=True) as ledger:
        assert ledger.knowledge.registry.size > 0
    assert verify_ledger(home.path).ok


@pytest.mark.parametrize("place", ["county", "county.restoring"])
def test_a_file_that_somebody_keeps_there_is_left_alone(source: Source, tmp_path: Path, place: str) -> None:
    (tmp_path / place).write_text("keep")
    with pytest.raises(BanjianError) as refused:
        list(restore(Home(tmp_path / "county"), source))
    assert refused.value.code == "home.exists"
    assert (tmp_path / place).read_text() == "keep"


@pytest.mark.parametrize("place", ["county", "county.restoring"])
def test_what_somebody_keeps_there_is_left_alone(source: Source, tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir()
    (tmp_path / place / "papers.txt").write_text("keep")
    with pytest.raises(BanjianError) as refused:
        list(restore(Home(tmp_path / "county"), source))
    assert refused.value.code == "home.exists"
    assert (tmp_path / place / "papers.txt").read_text() == "keep"


def test_a_damaged_backup_is_not_put_in_place(source: Source, tmp_path: Path) -> None:
    copy = tmp_path / "backups" / source.folder.name
    shutil.copytree(source.folder.parent, tmp_path / "backups")
    with (copy / "ledger.db").open("r+b") as file:
        file.seek(4096 * 3)
        file.write(os.urandom(4096 * 4))
    spoilt = look(copy, storage_key=source.storage_key, ca_key=source.ca_key)
    with pytest.raises(BanjianError) as refused:
        list(restore(Home(tmp_path / "county"), spoilt))
    assert refused.value.code == "restore.damaged"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backups"]


def test_a_folder_of_many_backups_offers_every_one(tmp_path: Path) -> None:
    folder, count = tmp_path / "backups", BACKUPS_MAX + 7
    for n in range(count):
        one = folder / f"banjian-0123abcd-202601{n // 24 + 1:02d}-{n % 24:02d}0000"
        one.mkdir(parents=True)
        (one / "ledger.db").write_bytes(b"")
    with first_day(tmp_path / "station") as wizard:
        visitor = wizard.visitor
        page = visitor.post("/restore", {"folder": str(folder)}).text
    first, _, older = page.partition("<details><summary>更早的 7 份")
    assert first.count('name="backup"') == BACKUPS_MAX and older.count('name="backup"') == count - BACKUPS_MAX
    assert f"这里有 {count} 份备份，只列出最近的 {BACKUPS_MAX} 份" in first
    # The newest is chosen already, the oldest is the last.
    assert first.partition(" checked")[0].count('name="backup"') == 1
    assert "20260101-000000" in older.rpartition('name="backup"')[2]
