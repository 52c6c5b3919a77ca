"""What a new user mistypes, and a terminal unlike the developer's: named errors, nothing half done."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.texts.tables import print_table
from stations.words.cells import cell_width
from tests.cli.conftest import INSURANCE, ITEM, PASSPHRASE, Result, Terminal

TOWNSHIP, VILLAGE = "990121001000-00", "990121001201-00"
OTHER_STATION = "990121009999-00"
RECEIVE = ("receive", INSURANCE, "--name", "甲", "--as", "V001")


def _banjian(folder: Path, command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a shell line in which ``$BJ`` is the program, in a process of its own."""
    words = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "BJ": f"{sys.executable} -m stations",
        "BANJIAN_DIR": str(folder),
        "BANJIAN_LANG": "en",
        **env,
    }
    return subprocess.run(
        ["bash", "-c", command], env=words, capture_output=True, encoding="utf-8", check=False, timeout=60
    )


def test_a_refused_enrolment_leaves_no_key_behind(county: Terminal):
    assert county.folder is not None
    wrong = ("staff", "add", "N001", "--name", "新人", "--role", "window", "--as", "R001", "--at")
    assert "[registry.station_unknown]" in county.run(*wrong, OTHER_STATION).err
    assert not (county.folder / "keys" / "N001.key").exists()
    county.ok(*wrong, VILLAGE)
    assert (county.folder / "keys" / "N001.key").exists()


@pytest.mark.parametrize("no", ["X 001", "../X", "工号一", "X" * 33])
def test_a_staff_number_that_cannot_be_one_is_named(county: Terminal, no: str):
    refused = county.run(
        "staff", "add", no, "--name", "甲", "--at", VILLAGE, "--role", "window", "--as", "R001"
    )
    assert refused.code == 1 and "[staff.number]" in refused.err


def test_nothing_is_received_in_the_future(county: Terminal):
    for at in ("2026-03-04 09:00", "23:59"):
        refused = county.run(*RECEIVE, "--no-slip", "--at", at)
        assert refused.code == 2 and "[cli.future]" in refused.err
    county.ok(*RECEIVE, "--no-slip", "--at", "09:00")


def test_a_material_that_the_item_does_not_know_is_refused_with_the_list(county: Terminal):
    refused = county.run(*RECEIVE, "--materials", "身份正")
    assert refused.code == 1 and "[cli.material]" in refused.err and "身份证" in refused.err


def test_an_applicant_has_a_name(county: Terminal):
    refused = county.run("receive", INSURANCE, "--as", "V001")
    assert refused.code == 2 and "[cli.missing]" in refused.err and "--name" in refused.err


def test_an_item_may_be_typed_in_full_width(county: Terminal):
    code = county.ok("catalogue", "show", ITEM, "--json").json["code"]
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
    assert county.ok("catalogue", "show", wide, "--json").json["code"] == code
    assert county.ok("catalogue", "show", "食品经营许可（新办）", "--json").json["code"] == "990100100001"


def test_a_slip_that_cannot_be_written_stops_the_receipt(county: Terminal, tmp_path: Path):
    refused = county.run(*RECEIVE, "--out", str(tmp_path / "nowhere" / "slip.txt"))
    assert refused.code == 2 and "[cli.system]" in refused.err
    assert county.run("find", "甲").code == 1
    slip = tmp_path / "slip.txt"
    assert county.run(*RECEIVE, "--out", str(slip), "--station", OTHER_STATION).code != 0
    assert not slip.exists()
    county.ok(*RECEIVE, "--out", str(slip))
    assert "990121001201-00" in slip.read_text(encoding="utf-8")


def test_a_station_that_nobody_knows_is_no_station_without_work(county: Terminal):
    number = county.ok(*RECEIVE, "--no-slip").number
    for command in ("worklist", "day-clear", "figures", "find"):
        words = (command, "甲") if command == "find" else (command,)
        refused = county.run(*words, "--station", OTHER_STATION)
        assert refused.code == 1 and "[registry.station_unknown]" in refused.err
    refused = county.run("hand-over", number, "--to", OTHER_STATION, "--as", "V001")
    assert refused.code == 1 and "[registry.station_unknown]" in refused.err


def test_nothing_to_countersign_is_said_so(county: Terminal):
    number = county.ok(*RECEIVE, "--no-slip").number
    assert "[case.nothing_pending]" in county.run("countersign", number, "--as", "V001").err


def test_a_calendar_file_is_called_by_its_name(county: Terminal, tmp_path: Path):
    junk = tmp_path / "junk"
    junk.write_bytes(bytes(range(256)))
    assert "[calendar.file]" in county.run("calendar", "publish", str(junk), "--as", "R001").err


def test_a_place_that_cannot_be_written_is_named(county: Terminal, tmp_path: Path):
    plain = tmp_path / "plain"
    plain.write_text("x", encoding="utf-8")
    made = county.run("county", "create", str(plain), "--name", "甲县", "--code", "990121")
    assert made.code == 2 and "[internal]" not in made.err and str(plain) in made.err
    refused = county.run("export", "all", "--out", str(tmp_path / "nowhere" / "a.xlsx"))
    assert refused.code == 2 and "[cli.system]" in refused.err


def test_a_misspelt_setting_is_told_by_every_command(county: Terminal):
    assert county.folder is not None
    with (county.folder / "banjian.toml").open("a", encoding="utf-8") as file:
        file.write("slip_with = 32\n")
    for words in (("worklist",), RECEIVE, ("staff", "list")):
        assert "[config.unknown_key]" in county.run(*words).err


def test_a_reader_that_has_seen_enough_is_no_failure(county: Terminal):
    assert county.folder is not None
    for command in ("catalogue list --json", "calendar show --json", "-h"):
        seen = _banjian(county.folder, f"set -o pipefail; $BJ {command} | true")
        assert seen.returncode == 0 and seen.stderr == "", command


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_behind_the_answer_is_named(county: Terminal):
    assert county.folder is not None
    for command in ("$BJ -h", "$BJ catalogue list", "$BJ calendar due 2026-02-13 5"):
        full = _banjian(county.folder, f"{command} > /dev/full")
        assert full.returncode == 2 and "[cli.system]" in full.stderr and "Traceback" not in full.stderr
        assert "Exception ignored" not in full.stderr


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_a_narrow_terminal_hides_no_light_and_cuts_no_number(monkeypatch: pytest.MonkeyPatch, columns: int):
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", str(columns))
    row = ["■ 红灯", "990121001201-00-261122-RJ2L-0003-4", "城乡居民医保参保登记", "买买提·艾力", "已收件"]
    row += ["东门村便民服务站", "2026-11-24", "2026-11-22 15:06", ""]
    screen = Screen()
    print_table(screen, ["灯", "编号", "事项", "申请人", "状态", "持有", "到期日", "收件时间", "注意"], [row])
    for cell in row:
        assert cell in screen.getvalue()
    assert all(cell_width(line) <= columns for line in screen.getvalue().splitlines())


def test_closed_streams_do_not_stop_a_command(county: Terminal):
    assert county.folder is not None
    assert _banjian(county.folder, "$BJ catalogue list >&-").returncode == 0
    assert _banjian(county.folder, "$BJ catalogue list 2>&-").returncode == 0
    assert _banjian(county.folder, "$BJ no-such-command 2>&-").returncode == 2


def test_two_people_at_one_machine_wait_for_each_other(county: Terminal, tmp_path: Path):
    assert county.folder is not None
    secret = tmp_path / "passphrase.txt"
    secret.write_text(PASSPHRASE, encoding="utf-8")
    line = f"$BJ receive {INSURANCE} --name 甲 --as V001 --no-slip --json & " * 4 + "wait"
    ran = _banjian(county.folder, line, BANJIAN_PASSPHRASE_FILE=str(secret))
    numbers = {json.loads(answer)["number"] for answer in ran.stdout.splitlines()}
    assert len(numbers) == 4, ran.stderr


def test_a_folder_out_of_a_backup_is_no_broken_database(county: Terminal, tmp_path: Path):
    assert county.folder is not None
    made = Path(county.ok("backup", "--to", str(tmp_path / "backup"), "--json").json["folder"])
    (made / "secrets").mkdir()
    shutil.copy(county.folder / "secrets" / "storage.key", made / "secrets" / "storage.key")
    checks = Terminal(folder=made, clock=county.clock).run("doctor", "--json").json["checks"]
    assert [row["level"] for row in checks if row["check"] == "pragmas"] == ["ok"]


def test_words_are_utf_8_whatever_the_locale_says(county: Terminal):
    assert county.folder is not None
    plain = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    found = _banjian(county.folder, "$BJ catalogue show 林木采伐许可", **plain)
    assert found.returncode == 0 and "林木采伐许可" in found.stdout
    broken = _banjian(county.folder, r"$BJ find $'\xff\xfe'", **plain)
    assert broken.returncode == 2 and "[cli.encoding]" in broken.stderr


def test_a_station_that_holds_open_cases_is_not_closed_by_accident(county: Terminal):
    number = county.ok(*RECEIVE, "--no-slip", "--json").json["number"]
    refused = county.run("station", "close", VILLAGE, "--as", "R001")
    assert refused.code == 1 and "[station.holds_cases]" in refused.err and number in refused.err
    county.ok("hand-over", number, "--to", TOWNSHIP, "--as", "V001")
    county.ok("take-over", number, "--as", "T001")
    county.ok("station", "close", VILLAGE, "--as", "R001")


def test_a_station_with_open_cases_is_closed_when_it_is_said_twice(county: Terminal):
    county.ok(*RECEIVE, "--no-slip")
    county.ok("station", "close", VILLAGE, "--anyway", "--as", "R001")
    acts = county.ok("registry", "log", "--json").lines
    assert [one["effective"] for one in acts if one["action"] == "close_station"] == [True]


def test_certificates_of_a_lost_machine_are_ended_by_one_command(county: Terminal):
    done = county.ok("station", "end-certificates", VILLAGE, "--as", "R001", "--json")
    assert done.json["station"] == VILLAGE and 0 < done.json["before_ms"] <= county.clock.now_ms()
    told = county.ok("station", "end-certificates", VILLAGE, "--as", "R001")
    assert f"banjian invite station {VILLAGE}" in told.out + told.err
    acts = county.ok("registry", "log", "--json").lines
    assert [one["effective"] for one in acts if one["action"] == "end_certificates"] == [True, True]
    own = county.run("station", "end-certificates", "990121000000-00", "--as", "R001")
    assert own.code != 0 and "[certificates.county]" in own.err
    nobody = county.run("station", "end-certificates", "990121009999-00", "--as", "R001")
    assert nobody.code == 1 and "[registry.no_subject]" in nobody.err


def test_an_invite_knows_where_the_station_above_listens_until_it_is_lost(county: Terminal, tmp_path: Path):
    def invite(*words: str) -> Result:
        file = str(tmp_path / "a.invite")
        return county.ok("invite", "station", VILLAGE, "--out", file, "--as", "R001", *words)

    warned = invite()
    assert "加上 --address" in warned.err and "--request-out" in warned.err
    invite("--address", "https://10.20.1.1:8443")
    known = invite()
    assert "https://10.20.1.1:8443" in known.out and "加上 --address" not in known.err
    county.ok("station", "end-certificates", TOWNSHIP, "--as", "R001")
    assert "加上 --address" in invite().err
