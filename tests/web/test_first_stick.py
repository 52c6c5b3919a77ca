"""A station that never has a network joins by pages and files alone, with real processes on both sides."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.facade import Ledger
from ledger.formats.bundle import read_bundle_header
from stations.kept.stickbook import MARKER
from tests.web.adminsite import COUNTY, PASSPHRASE, TOWNSHIP, Answer, Visitor, found
from tests.web.seat import ALLOWANCE
from tests.web.wizard import SECRET, Wizard, first_day

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")
REMOTE = "990121001205-00"
CLERK = {"compared": "1", "no": "V020", "name": "冯远山", "passphrase": SECRET, "again": SECRET}


@dataclass
class Office:
    """The county's process and its registrar at the page, with a stick that is plugged in there."""

    wizard: Wizard
    registrar: Visitor
    stick: Path
    county: Path


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    home, stick = found(folder / "county"), folder / "stick"
    stick.mkdir()
    _plug(home.path, stick)
    with first_day(home.path, expect="listening") as wizard:
        registrar = wizard.visitor
        registrar.sign_in("R001", PASSPHRASE)
        named = {"name": "白色 8G", "path": str(stick)}
        assert registrar.post("/sticks/register", named, page="/sticks").path == "/sticks"
        yield Office(wizard=wizard, registrar=registrar, stick=stick, county=home.path)


def _plug(folder: Path, *sticks: Path) -> None:
    """Let an installation look into folders as if they were sticks."""
    config = folder / "banjian.toml"
    words = json.dumps([str(one) for one in sticks])
    config.write_text(config.read_text("utf-8") + f"\nstick_dirs = {words}\n", "utf-8")


def _finished(visitor: Visitor, page: Answer) -> Answer:
    """Wait for the job that a form began; its page has no trigger when it is over."""
    for _ in range(600):
        if '<div id="job"  aria-live' in page.text:
            return page
        time.sleep(0.05)
        page = visitor.get(page.path)
    raise TimeoutError(page.text)


def _invited(office: Office, station: str, name: str) -> bytes:
    """Enrol a station by page and return the invite that names no address."""
    registrar = office.registrar
    typed = {"station": station, "name": name, "level": "village", "upstream": TOWNSHIP}
    page = f"/stations/{station}"
    assert registrar.post("/stations/new", typed).path == page
    asked = {"addresses": "", "days": "30", "role": "window"}
    shown = registrar.post(f"{page}/invite", asked, page=page)
    return registrar.get(f"{shown.path}/file").body


def _approved(office: Office, request: bytes) -> bytes:
    """Take a request at the county, approve it, and return the answer."""
    registrar = office.registrar
    taken = registrar.post("/joins", {}, files=[("request", "x.join", request)])
    answer = registrar.get(re.search(r"/joins/answer/\w+", taken.text).group()).body  # type: ignore[union-attr]
    name = registrar.get("/joins").text.split('action="/joins/')[1].split("/")[0]
    assert registrar.post(f"/joins/{name}/approve", {}, page="/joins").code == ""
    return answer


def _written(office: Office, station: str) -> list[tuple[str, str, bytes]]:
    """Write a stick for a station at the county; returns its files as a form sends them."""
    form = {"path": str(office.stick), "receiver": station}
    done = _finished(office.registrar, office.registrar.post("/sticks/write", form, page="/sticks"))
    assert "请安全弹出" in done.text, done.text
    parts = [one for one in office.stick.iterdir() if one.name != MARKER]
    ours = [one for one in parts if read_bundle_header(one.read_bytes()).receiver == station]
    return [("bundle", one.name, one.read_bytes()) for one in ours]


def test_a_village_joins_by_files_alone_and_its_case_reaches_the_county(
    office: Office, tmp_path: Path
) -> None:
    folder, visitor = tmp_path / "village", office.registrar
    invite = _invited(office, REMOTE, "远山村便民服务站")
    assert REMOTE in visitor.get("/sticks").text, "the county offers every station below, not the next alone"
    with first_day(folder) as wizard:
        clerk = wizard.visitor
        clerk.post("/join", {}, files=[("invite", "x.invite", invite)])
        begun = clerk.post("/join/begin", CLERK, page="/join")
        assert begun.path == "/join" and begun.code == "" and "冯远山 V020" in begun.text
        answer = _approved(office, clerk.get("/join/request").body)
        clerk.post("/join/answer", {}, files=[("answer", "x.answer", answer)], page="/join")
        wizard.wait_for_station()
        clerk = wizard.visitor
        assert clerk.get("/sign-in").text.count("/first-day") == 1
        page = clerk.get("/first-day")
        assert "等登记簿" in page.text and REMOTE in page.text and "立即同步" not in page.text
        _wrong_sticks_change_nothing(office, clerk)
        parts = _written(office, REMOTE)
        read = _finished(clerk, clerk.post("/first-day/stick", {}, files=parts, page="/first-day"))
        assert "读完了" in read.text and 'class="problem"' not in read.text, read.text
        assert clerk.get("/first-day").path == "/sign-in"
        assert clerk.post("/first-day/stick", {}, page="/sign-in").path == "/sign-in"
        assert clerk.sign_in("V020", SECRET).path == "/pin"
        clerk.post(f"/receive/{ALLOWANCE}", _application("欧阳远"))
        assert "欧阳远" in clerk.get("/cases").text
    _plug(folder, office.stick)
    with first_day(folder, expect="listening") as wizard:
        clerk = wizard.visitor
        clerk.sign_in("V020", SECRET)
        form = {"path": str(office.stick), "receiver": COUNTY}
        done = _finished(clerk, clerk.post("/sticks/write", form, page="/sticks"))
        assert "给 溪山县政务服务中心。" in done.text, done.text
    read = _finished(visitor, visitor.post("/sticks/read", {"path": str(office.stick)}, page="/sticks"))
    assert 'class="problem"' not in read.text and "给别的站点的 2 份留在盘上" in read.text, read.text
    with Ledger.open(office.county, write=False) as ledger:
        assert [row.applicant for row in ledger.find("欧阳远")] == ["欧阳远"]
    assert verify_ledger(folder).ok


def _application(name: str) -> dict[str, str]:
    return {"applicant.name": name}


def _wrong_sticks_change_nothing(office: Office, clerk: Visitor) -> None:
    """Files of another station, torn ones, none at all: said, and the way stays open."""
    assert clerk.post("/first-day/stick", {}, page="/first-day").code == "web.no_file"
    assert clerk.post("/first-day/stick", {"path": "/etc"}, page="/first-day").code == "stick.gone"
    ours = _written(office, REMOTE)
    whole = ours[0][2]
    for raw in (
        b"junk",
        whole[:300],
        whole.replace(REMOTE.encode(), TOWNSHIP.encode()),
        whole[:200] + bytes([whole[200] ^ 1]) + whole[201:],
    ):
        sent = clerk.post("/first-day/stick", {}, files=[("bundle", "x.bundle", raw)], page="/first-day")
        told = _finished(clerk, sent)
        assert 'class="problem"' in told.text, told.text
    assert "等登记簿" in clerk.get("/first-day").text
