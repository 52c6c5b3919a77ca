"""Keys, backup, restore, check-up: what an office does so that nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
from datetime import datetime
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.errors import ConfigError, StoreError
from ledger.facade import Home, Ledger
from ledger.facade.peering.between import merge
from ledger.formats.envelope import open_key
from stations.cli.counterday.demo import CHINA, COUNTY, TOWNSHIP, VILLAGE
from stations.cli.secret import ask_secret
from stations.kept.backup import last_backup_ms, list_backups, make_backup
from stations.office.newkeys import seal
from sync.certs.credentials import prepare_county
from tests.cli.conftest import ITEM, Terminal


def _folder(terminal: Terminal) -> Path:
    assert terminal.folder is not None
    return terminal.folder


def _ledger(terminal: Terminal) -> str:
    with Ledger.open(
        Home(_folder(terminal)), clock=terminal.clock, randomness=os.urandom, write=False
    ) as ledger:
        return ledger.ledger_id.hex()[:8]


def _receive(terminal: Terminal, name: str = "吴老根") -> str:
    words = ("receive", ITEM, "--as", "V001", "--name", name, "--materials", "all", "--json")
    return str(terminal.ok(*words).json["number"])


def test_with_several_keys_nobody_is_chosen(county: Terminal):
    result = county.run("receive", ITEM, "--name", "甲")
    assert result.code == 1 and "[key.several]" in result.err and "V001" in result.err
    assert county.run("receive", ITEM, "--name", "甲", "--as", "X999").code == 1


def test_a_copied_key_does_not_become_its_new_name(county: Terminal):
    keys = _folder(county) / "keys"
    whole = (keys / "V001.key").read_bytes()
    shutil.copy(keys / "T001.key", keys / "V001.key")
    refused = county.run("receive", ITEM, "--name", "甲", "--as", "V001", "--materials", "all")
    assert refused.code == 1 and "[key.other_person]" in refused.err and "T001" in refused.err
    by_file = ("--key", str(keys / "T001.key"), "--as", "V001")
    assert "[key.other_person]" in county.run("receive", ITEM, "--name", "甲", *by_file).err
    shutil.copy(keys / "T001.key", keys / "T001-2.key")
    county.ok("receive", ITEM, "--name", "甲", "--as", "T001-2", "--materials", "all")
    # Sealed anew under the other's name it still signs as whom the registry enrolled it for.
    opened = open_key((keys / "T001.key").read_bytes(), county.passphrase)
    blob = seal(opened.seed, county.passphrase, label="V001", randomness=os.urandom)
    (keys / "V001.key").write_bytes(blob)
    county.signers.clear()
    refused = county.run("receive", ITEM, "--name", "甲", "--as", "V001", "--materials", "all")
    assert refused.code == 1 and "[key.other_person]" in refused.err
    (keys / "V001.key").write_bytes(whole)
    county.signers.clear()
    county.ok("receive", ITEM, "--name", "甲", "--as", "V001", "--materials", "all")


def test_a_wrong_passphrase_is_told_apart_and_never_cached(county: Terminal):
    county.signers.clear()
    county.passphrase = "wrong passphrase"
    wrong = county.run("key", "check", "--as", "V001")
    assert wrong.code == 1 and "[key.passphrase]" in wrong.err
    county.passphrase = "correct horse battery"
    assert county.ok("key", "check", "--as", "V001", "--json").json["label"] == "V001"


def test_a_passphrase_file_of_one_line_or_with_labels(county: Terminal, tmp_path: Path):
    secret = tmp_path / "secret.txt"
    county.env["BANJIAN_PASSPHRASE_FILE"] = str(secret)
    for text, code in (
        ("correct horse battery\n", 0),
        ("\ufeffV001 = correct horse battery\nT001 = other\n", 0),
        ("T001 = correct horse battery\n", 2),
        ("one\ntwo\n", 2),
    ):
        secret.write_text(text, encoding="utf-8")
        county.signers.clear()
        assert county.run("key", "check", "--as", "V001").code == code, text


def test_a_passphrase_file_that_others_can_read_is_told(county: Terminal, tmp_path: Path):
    secret = tmp_path / "secret.txt"
    secret.write_text("correct horse battery\n", encoding="utf-8")
    county.env["BANJIAN_PASSPHRASE_FILE"] = str(secret)
    for mode, told in ((0o644, True), (0o640, True), (0o600, False)):
        secret.chmod(mode)
        county.signers.clear()
        result = county.ok("key", "check", "--as", "V001", "--json")
        assert ("chmod 600" in result.err) == told and result.json["ok"], oct(mode)


def test_a_calendar_with_a_repeated_key_is_not_published(county: Terminal, tmp_path: Path):
    file = tmp_path / "calendar.json"
    days = '"days_off": ["2026-03-04"], "make_up": [], "source": "x"'
    file.write_text(
        f'{{"region": "990121", "year": 2026, "version": 1, "year": 2027, {days}}}', encoding="utf-8"
    )
    refused = county.run("calendar", "publish", str(file), "--as", "R001")
    assert refused.code == 2 and "[catalogue.repeated_key]" in refused.err and "year" in refused.err
    assert not [one for one in county.ok("calendar", "show", "2026", "--json").lines if "990121" in str(one)]


def test_a_calendar_with_faults_is_refused_by_command_as_on_the_page(county: Terminal, tmp_path: Path):
    file = tmp_path / "calendar.json"
    words = {"region": "CN", "year": 2027, "version": 1, "make_up": ["2027-10-02"], "source": "x"}
    file.write_text(json.dumps({**words, "days_off": ["2027-01-01"]}), encoding="utf-8")
    for command in (("calendar", "publish"), ("catalogue", "lint")):
        refused = county.run(*command, str(file), *(("--as", "R001") if command[0] == "calendar" else ()))
        assert refused.code == 1, refused.err
        # Every day is told, not the first alone: on holiday though a Saturday that is worked, too.
        assert refused.err.count("是法定节假日，这份日历却让它上班") == 7, refused.err
        assert "2027-10-02" in refused.err and "2027-02-08" in refused.err
        assert ("[catalogue.lint]" in refused.err) == (command[0] == "calendar")
    assert not [one for one in county.ok("calendar", "show", "2027", "--json").lines if "2027" in str(one)]


def test_a_platform_number_of_another_case_is_refused_by_command_as_on_the_page(county: Terminal):
    receive = (
        "receive",
        ITEM,
        "--applicant-kind",
        "person",
        "--channel",
        "counter",
        "--as",
        "V001",
        "--name",
    )
    first, second = county.ok(*receive, "甲").number, county.ok(*receive, "乙").number
    county.ok("link-external", first, "--external-no", "33038226500001", "--as", "V001")
    for words in (
        ("link-external", second, "--external-no", "33038226500001", "--as", "V001"),
        ("link-external", second, "--external-no", "3303 8226500001", "--as", "V001"),
        (*receive, "丙", "--external-no", "33038226500001"),
    ):
        refused = county.run(*words)
        assert refused.code == 1 and "[platform.number_used]" in refused.err, refused.err
        assert first in refused.err and "--same-number" in refused.err
    held = county.run("link-external", first, "--external-no", "33038226500002", "--as", "V001")
    assert held.code == 1 and "[platform.number_held]" in held.err, held.err
    assert county.ok("show", second, "--json").json["external_no"] == ""
    both = ("link-external", second, "--external-no", "33038226500001", "--same-number", "--as", "V001")
    county.ok(*both)
    assert county.ok("show", second, "--json").json["external_no"] == "33038226500001"


def test_a_bundle_for_a_folder_that_is_not_there_says_so(tmp_path: Path):
    for words in (("bundle", "export", "--to", str(tmp_path)), ("bundle", "import", str(tmp_path))):
        refused = Terminal(folder=tmp_path / "nowhere").run(*words)
        assert refused.code == 2 and "[home.missing]" in refused.err, refused.err
    assert not (tmp_path / "nowhere").exists()


def test_without_a_terminal_no_passphrase_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    with open(os.devnull) as nothing, monkeypatch.context() as patch:
        patch.setattr("sys.stdin", nothing)
        with pytest.raises(ConfigError) as caught:
            ask_secret("?", False)
    assert caught.value.code == "cli.no_terminal"


def test_a_key_is_never_overwritten_and_only_its_owner_reads_it(county: Terminal):
    again = county.run(
        "staff", "add", "V001", "--name", "乙", "--at", VILLAGE, "--role", "window", "--as", "R001"
    )
    assert again.code == 2 and "[key.exists]" in again.err
    for path in (_folder(county) / "keys").glob("*.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_made_elsewhere_is_enrolled_by_its_request(county: Terminal, tmp_path: Path):
    ledger_id = county.ok("registry", "show", "--json").json["ledger_id"]
    elsewhere = Terminal(folder=None)
    key = tmp_path / "V002.key"
    made = elsewhere.ok(
        "key", "new", "--no", "V002", "--out", str(key), "--ledger-id", ledger_id, "--json"
    ).json
    add = (
        "staff",
        "add",
        "V002",
        "--name",
        "钱",
        "--at",
        VILLAGE,
        "--role",
        "window",
        "--as",
        "R001",
        "--request",
    )
    other = county.run(*[*add[:2], "V003", *add[3:]], made["request"])
    assert other.code == 1 and "[key.request_other]" in other.err
    text = Path(made["request"]).read_text(encoding="utf-8")
    broken = tmp_path / "broken.request"
    broken.write_text(text.replace('possession = "', 'possession = "00'), encoding="utf-8")
    assert county.run(*add, str(broken)).code == 1
    county.ok(*add, made["request"])
    received = ("receive", ITEM, "--name", "甲", "--materials", "all", "--no-slip", "--key", str(key))
    assert county.ok(*received).number


def test_a_retired_key_signs_nothing_more(county: Terminal):
    county.ok("staff", "retire", "V001", "--reason", "retired", "--as", "R001")
    refused = county.run(
        "receive", ITEM, "--name", "甲", "--materials", "all", "--as", "V001", "--station", VILLAGE
    )
    assert refused.code == 1 and "[authority." in refused.err


def test_roles_end_and_begin(county: Terminal):
    county.ok("staff", "end", "V001", "--role", "window", "--scope", VILLAGE, "--as", "R001")
    assert county.run("receive", ITEM, "--name", "甲", "--as", "V001", "--station", VILLAGE).code == 1
    county.ok("staff", "grant", "V001", "--role", "window", "--scope", f"{TOWNSHIP}/*", "--as", "R001")
    held = {row["staff_no"]: row for row in county.ok("staff", "list", "--json").lines}
    assert held["V001"]["grants"] == [["window", f"{TOWNSHIP}/*"]]
    assert county.ok(
        "receive", ITEM, "--name", "甲", "--as", "V001", "--station", VILLAGE, "--no-slip"
    ).number


def test_root_acts_take_two_keys(county: Terminal):
    roots = _folder(county) / "roots"
    words = ("registry", "appoint", "R002", "--name", "第二登记员", "--key")
    assert county.ok(*words, str(roots / "root-1.key"), "--json").json["pending"]
    same = county.run("registry", "countersign", "--key", str(roots / "root-1.key"))
    assert same.code == 1
    county.ok("registry", "countersign", "--key", str(roots / "root-2.key"))
    assert county.ok("registry", "show", "--json").json["registrars"] == ["R001", "R002"]
    assert county.ok("registry", "log", "--json").lines[-1]["effective"]


def test_backup_holds_everything_but_the_keys_that_must_not_travel(county: Terminal, tmp_path: Path):
    number = _receive(county)
    target = tmp_path / "backup"
    made = Path(county.ok("backup", "--to", str(target), "--json").json["folder"])
    names = {path.name for path in target.rglob("*") if path.is_file()}
    assert {"ledger.db", "banjian.toml", "RESTORED", "case-keys.txt", "V001.key"} <= names
    assert not any(name.startswith("log-") or name == "storage.key" for name in names)
    with sqlite3.connect(made / "ledger.db") as copy:
        assert copy.execute("SELECT count(*) FROM case_keys").fetchone() == (0,)
    assert len((target / "case-keys.txt").read_text("ascii").splitlines()) >= 2
    report = verify_ledger(made)
    assert report.ok and report.records > 40
    inside = county.run("backup", "--to", str(_folder(county) / "backup"))
    assert inside.code == 2 and "[backup.inside]" in inside.err
    county.ok("erase", number, "--ground", "本人要求", "--as", "R001", "--yes")
    before = len((target / "case-keys.txt").read_text("ascii").splitlines())
    county.clock.set("2026-03-03 12:00")
    county.ok("backup", "--to", str(target))
    assert len((target / "case-keys.txt").read_text("ascii").splitlines()) == before - 1


def test_a_backup_is_for_its_owner_alone(county: Terminal, tmp_path: Path):
    """Not even the names of the files are for other users of the machine."""
    before = os.umask(0o022)
    try:
        county.ok("backup", "--to", str(tmp_path / "copies"))
    finally:
        os.umask(before)
    (made,) = (path for path in (tmp_path / "copies").iterdir() if path.is_dir() and "banjian-" in path.name)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (made, *made.rglob("*"))}
    assert modes.pop(made.name) == modes.pop("keys") == 0o700 and "ledger.db" in modes
    assert not any(mode & 0o077 for mode in modes.values()), modes


def test_work_goes_on_from_a_restored_backup_in_new_logs(county: Terminal, tmp_path: Path):
    number = _receive(county)
    made = Path(county.ok("backup", "--to", str(tmp_path / "backup"), "--json").json["folder"])
    _receive(county, "备份之后")
    restored = tmp_path / "restored"
    shutil.copytree(made, restored)
    (restored / "secrets").mkdir()
    shutil.copy(_folder(county) / "secrets" / "storage.key", restored / "secrets" / "storage.key")
    other = Terminal(folder=restored)
    other.clock.set("2026-03-04 09:00")
    assert other.ok("show", number, "--json").json["number"] == number
    checks = {row["check"]: row for row in other.run("doctor", "--json").json["checks"]}
    assert checks["machine"]["code"] == "doctor.restored"
    fresh = _receive(other, "恢复之后")
    assert fresh.split("-")[3] != number.split("-")[3]
    assert other.ok("hand-over", number, "--to", TOWNSHIP, "--as", "V001", "--json").json["effective"]


def test_a_restored_county_goes_on_enrolling_in_new_logs(county: Terminal, tmp_path: Path):
    made = Path(county.ok("backup", "--to", str(tmp_path / "backup"), "--json").json["folder"])
    restored = tmp_path / "restored"
    shutil.copytree(made, restored)
    (restored / "secrets").mkdir()
    shutil.copy(_folder(county) / "secrets" / "storage.key", restored / "secrets" / "storage.key")
    other = Terminal(folder=restored)
    other.clock.set("2026-03-04 09:00")
    grant = ("staff", "grant", "T002", "--role", "officer", "--scope", TOWNSHIP, "--as", "R001")
    assert "[log.county_none]" in other.run(*grant).err
    root = str(_folder(county) / "roots" / "root-1.key")
    assert other.run("county", "reopen", "registry", "--as", "R001").code == 1
    other.ok("county", "reopen", "registry", "--key", root)
    other.ok("county", "reopen", "catalogue", "--as", "R001")
    reopen = ("county", "reopen", "merge", "--as", "R001", "--seen")
    assert "[home.unreadable]" in other.run(*reopen, str(tmp_path / "none.note")).err
    note = tmp_path / "seen.note"
    note.write_bytes(b"banjian/log/0\n")
    assert "[note.malformed]" in other.run(*reopen, str(note)).err
    with Ledger.open(_folder(county), write=True) as ledger:
        note.write_bytes(merge(ledger))
    other.ok(*reopen, str(note))
    other.ok(*grant)
    assert verify_ledger(restored).ok


def test_doctor_finds_what_is_wrong(county: Terminal):
    checks = {row["check"]: row for row in county.ok("doctor", "--full", "--json").json["checks"]}
    assert checks["backup"]["code"] == "doctor.backup_never" and checks["pages"]["level"] == "ok"
    key = _folder(county) / "keys" / "V001.key"
    key.chmod(0o644)
    (_folder(county) / "banjian.toml").write_text("disk_warn_mb = 1000000000\n", encoding="utf-8")
    loose = {row["check"]: row for row in county.ok("doctor", "--json").json["checks"]}
    assert loose["secrets"]["level"] == "warning" and "V001.key" in loose["secrets"]["files"]
    assert loose["disk"]["code"] == "doctor.disk_low"
    slow = Terminal(folder=county.folder)
    slow.clock.set("2026-03-01 08:00")
    back = slow.run("doctor", "--json")
    assert back.code == 1 and not back.json["ok"]
    assert "doctor.clock_back" in {row["code"] for row in back.json["checks"]}


@pytest.mark.parametrize(
    ("change", "full", "code"),
    [
        ("DELETE FROM case_keys", False, "doctor.case_keys_missing"),
        ("DELETE FROM cases", False, "doctor.lists_differ"),
        (
            "INSERT INTO cases SELECT zeroblob(16), number, item, catalogue_version, status, custodian, "
            "offered_to, received_station, opened_at_ms, last_at_ms, open, clock, yellow_at_ms, red_at_ms, "
            "flags FROM cases LIMIT 1",
            False, "doctor.lists_differ",
        ),
        ("DELETE FROM case_numbers", False, "doctor.lists_differ"),
        ("UPDATE case_numbers SET ordinal = 7", True, "doctor.lists_differ"),
        ("UPDATE cases SET status = 'delivered'", True, "doctor.lists_differ"),
        (
            "UPDATE bodies SET facts = NULL WHERE seq = 1 "
            "AND log = (SELECT log FROM logs WHERE kind = 'registry')",
            False, "doctor.rules_without_facts",
        ),
        (
            "UPDATE bodies SET facts = NULL WHERE seq = 2 "
            "AND log = (SELECT log FROM logs WHERE kind = 'catalogue')",
            False, "doctor.rules_without_facts",
        ),
    ],
)  # fmt: skip
def test_doctor_finds_rows_that_somebody_changed(county: Terminal, change: str, full: bool, code: str):
    _receive(county)
    words = ("doctor", "--json", *(("--full",) if full else ()))
    before = {row["check"]: row for row in county.ok(*words).json["checks"]}
    assert all(before[name]["level"] == "ok" for name in ("case_keys", "rules", "lists"))
    connection = sqlite3.connect(_folder(county) / "ledger.db")
    assert connection.execute(change).rowcount > 0
    connection.commit()
    connection.close()
    result = county.run(*words)
    assert result.code == 1
    assert code in {row["code"] for row in result.json["checks"] if row["level"] == "error"}
    if code == "doctor.lists_differ":
        county.ok("rebuild")
        county.ok(*words)


def _a_day_later(county: Terminal) -> None:
    now_ms = county.clock.now_ms()
    county.clock.set(datetime.fromtimestamp(now_ms // 1000 + 86_401, tz=CHINA).isoformat(sep=" ")[:19])


DISOWNED = "签名密钥在本机，台账却说它写在别处"


def test_a_log_whose_key_lies_here_is_no_other_machines(county: Terminal) -> None:
    _receive(county)
    assert DISOWNED not in county.ok("worklist").err
    connection = sqlite3.connect(_folder(county) / "ledger.db")
    connection.execute("UPDATE logs SET own = 0 WHERE kind = 'station' AND station = ?", (VILLAGE,))
    connection.commit()
    connection.close()
    result = county.run("doctor", "--json")
    told = [row for row in result.json["checks"] if row["code"] == "log.disowned"]
    assert result.code == 1 and [row["station"] for row in told] == [VILLAGE]
    words = ("receive", ITEM, "--as", "V001", "--name", "甲乙", "--materials", "all")
    refused = county.run(*words)
    assert refused.code == 1 and DISOWNED in refused.err
    county.ok(*words, "--station", VILLAGE)
    assert DISOWNED not in county.ok("worklist").err
    assert "log.disowned" not in {row["code"] for row in county.ok("doctor", "--json").json["checks"]}


def _head(county: Terminal) -> tuple[str, str]:
    checks = county.run("doctor", "--json").json["checks"]
    (row,) = [row for row in checks if row["check"] == "head" and row["log"] == f"station {VILLAGE}"]
    return row["code"], row["level"]


def test_a_log_without_checkpoint_is_worth_a_warning_only_after_a_day(county: Terminal):
    words = ("receive", ITEM, "--as", "V001", "--name", "甲乙", "--materials", "all", "--no-slip")
    for _ in range(3):
        county.ok(*words)
    assert _head(county) == ("doctor.head_new", "ok")
    _a_day_later(county)
    county.ok(*words)
    assert _head(county) == ("doctor.head_alone", "warning")
    county.ok("checkpoint")
    assert _head(county) == ("doctor.head", "ok")
    county.ok(*words)
    assert _head(county) == ("doctor.head", "ok")
    _a_day_later(county)
    assert _head(county) == ("doctor.head_behind", "warning")


def test_doctor_says_that_no_checkpoint_lies_outside(county: Terminal):
    _receive(county)
    for note in (_folder(county) / "sentinel").glob("*.note"):
        note.unlink()
    codes = {row["code"] for row in county.run("doctor", "--json").json["checks"]}
    assert "doctor.head" not in codes and codes & {"doctor.head_alone", "doctor.log_doubt"}


def test_rebuild_gives_the_same_lists(county: Terminal):
    _receive(county)
    before = county.ok("worklist", "--json").out
    assert county.ok("rebuild", "--json").json["cases"] == 1
    assert county.ok("worklist", "--json").out == before


def test_the_journal_holds_ids_and_codes_and_nobody(county: Terminal):
    number = _receive(county)
    county.run("accept", number, "--as", "T001")
    text = (_folder(county) / "log" / "banjian.log").read_text(encoding="utf-8")
    events = [json.loads(line) for line in text.splitlines()]
    assert events[-2]["command"] == "receive" and len(events[-2]["act"]) == 64
    assert events[-1]["event"] == "refused" and events[-1]["code"].startswith("case.")
    assert "吴老根" not in text


def test_a_calendar_that_the_county_publishes_moves_limits(county: Terminal, tmp_path: Path):
    number = _receive(county)
    before = county.ok("show", number, "--json").json["due_on"]
    file = tmp_path / "calendar.json"
    file.write_text(
        json.dumps({
            "region": "990121", "year": 2026, "version": 1, "days_off": ["2026-03-04", "2026-03-05"],
            "make_up": [], "source": "溪山县人民政府关于抗洪期间调整工作日的通知",
        }),
        encoding="utf-8",
    )  # fmt: skip
    due = ("calendar", "due", "2026-03-03", "2", "--json")
    assert county.ok(*due).json["due"] == "2026-03-05"
    county.ok("calendar", "publish", str(file), "--as", "R001")
    assert county.ok(*due).json["due"] == "2026-03-09"
    assert Terminal().ok(*due, "--dir", str(county.folder)).json["due"] == "2026-03-09"
    assert Terminal().ok(*due).json["due"] == "2026-03-05"
    assert before == "2026-03-05" and county.ok("show", number, "--json").json["due_on"] == "2026-03-09"
    assert county.ok("calendar", "show", "2026", "--json").lines[-1]["region"] == "990121"


def test_the_shipped_catalogue_is_sound_and_a_bad_one_is_not_published(county: Terminal, tmp_path: Path):
    county.ok("catalogue", "lint")
    bad = tmp_path / "bad.json"
    bad.write_text('{"items": [{"base_code": "1"}]}', encoding="utf-8")
    assert county.run("catalogue", "lint", str(bad)).code == 1
    assert county.run("catalogue", "publish", str(bad), "--as", "R001").code == 1
    bad.write_text("{}", encoding="utf-8")
    assert county.run("catalogue", "publish", str(bad), "--as", "R001").code == 2
    assert len(county.ok("catalogue", "list", "--json").lines) == 48
    assert county.ok("catalogue", "types", "permit", "--json").lines


def test_a_backup_has_its_name_once_it_is_whole(county: Terminal, tmp_path: Path) -> None:
    """Here the case keys cannot be written, the last but one thing: nothing of the attempt stays."""
    target = tmp_path / "stick"
    (target / "case-keys.txt").mkdir(parents=True)
    killed = [target / f"part-banjian-{_ledger(county)}-{day}-110000" for day in ("20260301", "20260303")]
    for one in killed:
        one.mkdir()
    refused = county.run("backup", "--to", str(target))
    assert refused.code == 2 and "[backup.folder]" in refused.err, refused.err
    assert sorted(path.name for path in target.iterdir()) == ["case-keys.txt", killed[1].name]
    (target / "case-keys.txt").rmdir()
    county.clock.set("2026-03-03 12:00")
    done = Path(county.ok("backup", "--to", str(target), "--json").json["folder"])
    assert done.is_dir() and not list(target.glob(f"part-{done.name}"))
    odd = target / f"banjian-{_ledger(county)}-20261399-250000"
    odd.mkdir()
    (odd / "ledger.db").write_bytes(b"")
    assert [one.folder for one in list_backups(target)] == [done]
    with Ledger.open(Home(_folder(county)), clock=county.clock, randomness=os.urandom, write=False) as ledger:
        now_ms = last_backup_ms(Home(_folder(county)))
        assert now_ms is not None
        with pytest.raises(StoreError, match=r"backup\.exists"):
            make_backup(ledger, target, now_ms=now_ms)
    assert [one.folder for one in list_backups(target)] == [done]


def test_a_file_in_place_of_the_backup_folder_is_named(county: Terminal, tmp_path: Path) -> None:
    """The error names the path that was given and no folder below it."""
    target = tmp_path / "stick"
    target.write_text("no folder", encoding="utf-8")
    refused = county.run("backup", "--to", str(target))
    assert refused.code == 2 and "[backup.folder]" in refused.err
    assert f"{target}（" in refused.err


def test_doctor_goes_on_without_the_storage_key(county: Terminal) -> None:
    """A lost key is a finding among the others, not the end of the examination."""
    found = {check["check"] for check in county.run("doctor", "--json").json["checks"]}
    key = _folder(county) / "secrets" / "storage.key"
    for damage, code in (
        (lambda: key.write_bytes(bytes(32)), "doctor.storage_key_other"),
        (lambda: key.write_bytes(bytes(7)), "doctor.storage_key_missing"),
        (key.unlink, "doctor.storage_key_missing"),
    ):
        damage()
        result = county.run("doctor", "--json")
        checks = {check["check"]: check for check in result.json["checks"]}
        assert result.code == 1 and checks["storage_key"]["code"] == code
        assert checks["storage_key"]["level"] == "error" and set(checks) == found


@pytest.mark.parametrize(
    ("name", "code", "level"),
    [
        (f"bundle-{COUNTY}.key", "doctor.bundle_key", "warning"),
        ("tls.key", "doctor.tls_key", "error"),
        ("ca.key", "doctor.ca_key", "warning"),
    ],
)
def test_doctor_compares_the_keys_of_the_machine(
    county: Terminal, tmp_path: Path, name: str, code: str, level: str
) -> None:
    """A key that lies here and is another's opens nothing; one that is missing is told just so."""
    other = tmp_path / "other"
    Terminal().ok("county", "create", str(other), "--name", "邻县政务服务中心", "--code", "990122")
    for folder in (_folder(county), other):
        with Ledger.open(folder, write=True) as ledger:
            prepare_county(ledger, randomness=os.urandom)
    before = {row["check"]: row for row in county.ok("doctor", "--json").json["checks"]}
    assert before["machine_keys"]["code"] == "doctor.machine_keys"
    path = _folder(county) / "secrets" / name
    foreign = next((other / "secrets").glob(f"{name.partition('-')[0]}*")).read_bytes()
    for content in (foreign, b"junk", None):
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        checks = county.run("doctor", "--json").json["checks"]
        rows = [row for row in checks if row["check"] == "machine_keys"]
        assert [row["level"] for row in rows] == [level], rows
        assert rows[0]["code"].startswith(code)


def test_a_station_of_another_county_is_refused(county: Terminal) -> None:
    """A mistyped division code would stay in the registry for ever."""
    refused = county.run(
        "station", "add", "990122001000-00", "--name", "外县", "--level", "township", "--as", "R001"
    )
    assert refused.code == 1 and "[cli.station_county]" in refused.err and "990121" in refused.err
    listed = county.ok("station", "list", "--json").lines
    assert "990122001000-00" not in {row["station"] for row in listed}
