"""The commands for sticks, as two offices use them: a new village without network, and its county."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.texts import catalogue
from stations.cli.counterday.demo import COUNTY
from tests import forked
from tests.cli.conftest import INSURANCE, Terminal
from tests.sync.conftest import env_of, folder_of

NEW = "990121001305-00"


@pytest.fixture
def village(county: Terminal, tmp_path: Path) -> Terminal:
    """A village that has joined by stick, directly below the county; it holds nothing yet."""
    target, file = tmp_path / "village", tmp_path / "village.invite"
    county.ok(
        "invite", "station", NEW, "--name", "西门村便民服务站", "--level", "village", "--upstream", COUNTY,
        "--out", str(file), "--as", "R001",
    )  # fmt: skip
    made = Terminal(clock=county.clock)
    request, answer = str(tmp_path / "request"), str(tmp_path / "answer")
    made.ok("join", str(file), str(target), "--yes", "--staff", "W305=西门甲", "--request-out", request)
    county.ok("join", "take", request, "--answer-out", answer)
    made.ok("join", "finish", answer, str(target))
    county.ok("join", "approve", "--all", "--as", "R001")
    made.folder = target
    return made


@contextmanager
def serving(folder: Path) -> Iterator[None]:
    words = ["serve", str(folder), "--json"]
    with forked.popen(words, env=env_of(folder), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            assert json.loads(process.stdout.readline())["listening"]
            yield
        finally:
            process.terminate()
            process.wait(30)


def exported(terminal: Terminal, stick: Path, *words: str) -> Path:
    stick.mkdir(exist_ok=True)
    (file,) = terminal.ok("bundle", "export", "--to", str(stick), "--json", *words).json["files"]
    return Path(file["file"])


def test_before_the_first_download_every_command_says_that_it_is_to_come(village: Terminal) -> None:
    """The commands of the counter were told to be unknown."""
    for words in (
        ("receive", INSURANCE, "--name", "张三", "--materials", "all", "--as", "W305"),
        ("accept", "1", "--as", "W305"),
        ("station", "open", NEW, "--as", "W305"),
    ):
        early = village.run(*words)
        assert early.code == 2 and "[sync.not_begun]" in early.err, words
        assert "banjian sync now" in early.err and "bundle import" in early.err
    assert "receive" in village.ok("--help").out


def test_a_village_lives_by_sticks(county: Terminal, village: Terminal, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    exported(county, stick, "--for", NEW)
    (stick / "春节安排.docx").write_bytes(b"PK")
    first = village.ok("bundle", "import", str(stick))
    assert "已收" in first.out and f"已写好给 {COUNTY} 的回执" in first.out
    village.ok("station", "open", NEW, "--as", "W305")
    village.ok("receive", INSURANCE, "--name", "张三", "--materials", "all", "--as", "W305")
    up = exported(village, stick)
    seen = village.ok("bundle", "show", str(up))
    assert f"给 {COUNTY}" in seen.out and "内容是加密的" in seen.out
    told = county.ok("bundle", "show", str(up), "--json").json
    assert (told["sender"], told["kind"]) == (NEW, "up")
    assert [(one["first"], one["last"], one["records"]) for one in told["logs"]] == [(1, 2, 2)]
    taken = county.ok("bundle", "import", str(stick), "--json").json
    assert (taken["new"], taken["complete"], taken["foreign"]) == (2, True, 1)
    assert county.ok("find", "张三", "--json").lines
    (line,) = [one for one in county.ok("board", "--json").lines if one["station"] == NEW]
    assert (line["via"], line["waiting"]) == ("stick", 0)
    assert county.ok("board").out.count("（U 盘）") == 1
    assert county.ok("board", lang="en").out.count("(stick)") == 1
    back = village.ok("bundle", "import", str(stick), "--json").json
    assert (back["waiting_before"], back["waiting_after"]) == (2, 0)
    assert "没有" in village.ok("bundle", "export", "--to", str(stick)).out


def test_the_board_waits_for_a_stick_as_long_as_sticks_take(
    county: Terminal, village: Terminal, tmp_path: Path
) -> None:
    stick = tmp_path / "stick"
    exported(county, stick, "--for", NEW)
    village.ok("bundle", "import", str(stick))
    village.ok("station", "open", NEW, "--as", "W305")
    exported(village, stick)
    county.ok("bundle", "import", str(stick))

    def remarks() -> str:
        (line,) = [one for one in county.ok("board").out.splitlines() if NEW in one and "（U 盘）" in one]
        return line

    for day, silent in (("2026-03-04", ""), ("2026-03-11", ""), ("2026-03-14", "11 天没有联系")):
        county.clock.set(f"{day} 10:00")
        assert silent in remarks() and ("没有联系" in remarks()) == bool(silent), day


def test_what_a_closed_station_did_before_is_still_taken_from_its_stick(
    county: Terminal, village: Terminal, tmp_path: Path
) -> None:
    stick = tmp_path / "stick"
    exported(county, stick, "--for", NEW)
    village.ok("bundle", "import", str(stick))
    village.ok("station", "open", NEW, "--as", "W305")
    village.ok("receive", INSURANCE, "--name", "张三", "--materials", "all", "--as", "W305")
    county.ok("station", "close", NEW, "--as", "R001")
    exported(village, stick)
    taken = county.ok("bundle", "import", str(stick), "--json").json
    assert (taken["new"], taken["complete"]) == (2, True)
    (row,) = county.ok("find", "张三", "--json").lines
    assert row["status"] == "received"
    for language in ("zh", "en"):
        assert "banjian bundle export" in catalogue(language)["tls.station_closed"]["next"]


def test_what_goes_wrong_is_said(county: Terminal, village: Terminal, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    file = exported(county, stick, "--for", NEW)
    nowhere = village.run("bundle", "export", "--to", str(tmp_path / "none"))
    assert nowhere.code == 2 and "[bundle.no_upstream]" in nowhere.err
    county_up = county.run("bundle", "export", "--to", str(stick))
    assert county_up.code == 2 and "[bundle.no_upstream]" in county_up.err
    unknown = county.run("bundle", "export", "--to", str(stick), "--for", "990199000000-00")
    assert unknown.code == 1 and "[bundle.unrelated]" in unknown.err
    other = county.run("bundle", "import", str(file))
    assert other.code == 1 and "[bundle.receiver]" in other.out
    file.write_bytes(file.read_bytes()[:-400])
    torn = village.run("bundle", "import", str(stick))
    assert torn.code == 1 and "[bundle.truncated]" in torn.out
    assert f"→ {catalogue('zh')['bundle.truncated']['next']}" in torn.out
    whole = file.read_bytes()
    file.write_bytes(whole[:300])
    headless = village.run("bundle", "import", str(stick))
    assert headless.code == 1 and "[bundle.damaged]" in headless.out
    # It is for this station, and what to do is said.
    assert "没有给本站的数据文件" not in headless.err and "重新拷贝" in headless.out
    assert "[bundle.damaged]" in village.run("bundle", "show", str(stick)).out
    file.write_bytes(whole)
    (stick / "notes.txt").write_text("x", encoding="utf-8")
    foreign = village.run("bundle", "import", str(stick / "notes.txt"), lang="en")
    assert foreign.code == 1 and "[bundle.malformed]" in foreign.out
    file.rename(tmp_path / file.name)
    nobody = county.run("bundle", "import", str(tmp_path))
    assert nobody.code == 1 and "没有给本站的数据文件" in nobody.err


@pytest.mark.skipif(sys.platform == "win32", reason="the server is ended by a signal")
def test_beside_a_running_server_the_server_does_it(
    county: Terminal, village: Terminal, tmp_path: Path
) -> None:
    stick = tmp_path / "stick"
    with serving(folder_of(county)):
        exported(county, stick, "--for", NEW)
        assert village.ok("bundle", "import", str(stick), "--json").json["complete"]
        village.ok("station", "open", NEW, "--as", "W305")
        village.ok("receive", INSURANCE, "--name", "张三", "--materials", "all", "--as", "W305")
        exported(village, stick)
        assert county.ok("bundle", "import", str(stick), "--json").json["new"] == 2
        unknown = county.run("bundle", "export", "--to", str(stick), "--for", "990199000000-00")
        assert unknown.code == 1 and "[bundle.unrelated]" in unknown.err
    assert village.ok("bundle", "import", str(stick), "--json").json["waiting_after"] == 0


def test_a_county_without_receipt_key_says_so_on_every_stick(
    county: Terminal, village: Terminal, tmp_path: Path
) -> None:
    stick = tmp_path / "stick"
    exported(county, stick, "--for", NEW)
    village.ok("bundle", "import", str(stick))
    village.ok("station", "open", NEW, "--as", "W305")
    village.ok("receive", INSURANCE, "--name", "张三", "--materials", "all", "--as", "W305")
    (folder_of(county) / "secrets" / f"receipt-{COUNTY}.key").unlink()
    exported(village, stick)
    taken = county.ok("bundle", "import", str(stick))
    assert "的回执：" not in taken.out and f"已写好给 {NEW} 的答复" in taken.out
    assert f"{COUNTY} 这台机器上没有回执密钥" in taken.err
    assert [one["code"] for one in county.ok("sync", "status", "--json").json["why"]] == [
        "receipt_key.missing"
    ]
    doctor = county.run("doctor", "--json")
    checks = {row["check"]: row for row in doctor.json["checks"]}
    assert doctor.code == 1 and checks["receipt_key"]["code"] == "receipt_key.missing"
    assert village.ok("bundle", "import", str(stick), "--json").json["waiting_after"] == 2
    refused = county.run("county", "keys", "--as", "V001")
    assert refused.code == 1
    made = county.ok("county", "keys", "--as", "R001", "--json").lines
    assert [(one["purpose"], one["enrolled_now"]) for one in made] == [("receipt", True), ("bundle", False)]
    again = county.ok("county", "keys", "--as", "R001", "--json").lines
    assert [one["enrolled_now"] for one in again] == [False, False]
    # What came while there was no key is receipted by the next stick, though nothing new was brought.
    exported(county, stick, "--for", NEW)
    assert village.ok("bundle", "import", str(stick), "--json").json["waiting_after"] == 0
    elsewhere = village.run("county", "keys", "--as", "W305")
    assert elsewhere.code == 2 and "[county.keys_elsewhere]" in elsewhere.err


def test_a_county_checkpoint_is_carried_and_accepted_by_people(
    county: Terminal, village: Terminal, tmp_path: Path
) -> None:
    note = tmp_path / "county.note"
    assert "[county.note_none]" in village.run("county", "accept").err
    assert "[county.note_none]" in village.run("county", "note", "--out", str(note)).err
    stick = tmp_path / "stick"
    exported(county, stick, "--for", NEW)
    village.ok("bundle", "import", str(stick))
    held = village.ok("county", "note", "--out", str(note), "--json").json
    assert held["size"] > 0 and note.read_bytes().startswith(b"banjian/log/")
    assert "[cli.file]" in village.run("county", "note", "--out", str(tmp_path / "none" / "x")).err
    unsure = village.run("county", "accept")
    assert unsure.code == 2 and "[county.accept_confirm]" in unsure.err
    assert village.ok("county", "accept", "--yes", "--json").json["merge_log"] == held["merge_log"]
    assert "[county.note_own]" in county.run("county", "accept", str(note), "--yes").err
    (tmp_path / "bad").write_bytes(b"banjian/log/0\n")
    assert "[note.malformed]" in village.run("county", "accept", str(tmp_path / "bad"), "--yes").err
    county.ok("staff", "add", "C009", "--name", "新", "--at", COUNTY, "--role", "window", "--as", "R001")
    exported(county, stick, "--for", NEW)
    newer = county.ok("county", "note", "--out", str(note), "--json").json
    assert newer["size"] > held["size"]
    with serving(folder_of(village)):
        assert village.ok("county", "accept", str(note), "--yes", "--json").json["size"] == newer["size"]
    assert village.ok("county", "note", "--out", str(note), "--json").json["size"] == newer["size"]
