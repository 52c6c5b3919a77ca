"""What an untouched ledger gives, and that reading leaves no trace."""

from __future__ import annotations

import os
import sqlite3
from hashlib import sha256
from pathlib import Path

from audit.checking.verify import Report, verify_ledger
from audit.telling.notes import newest_heads, read_storage_key
from ledger.facade import Home, Ledger
from tests.audit.ledgers import CLERK, StepClock, Stream, ask, make_ledger, receive


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


def test_sound_ledger_has_no_error_and_only_expected_remarks(sound: Home) -> None:
    report = verify_ledger(sound.path)
    assert report.ok
    assert codes(report) == {"trust.unpinned", "personal.sealed"}
    assert report.records == sum(count for (count,) in ask(sound.path, "SELECT count(*) FROM stored_events"))
    assert report.cases == 12
    assert {(log.kind, log.size) for log in report.logs} >= {("registry", 9), ("station", 13)}


def test_pinned_with_storage_key_there_is_nothing_to_say(sound: Home) -> None:
    trust = verify_ledger(sound.path).ledger_id
    key = read_storage_key(sound.secrets_dir / "storage.key")
    report = verify_ledger(sound.path, trust=trust, storage_key=key)
    assert report.findings == ()
    assert report.tally.personal_read == report.tally.personal_read > 10
    assert report.tally.personal_sealed == 0


def test_database_file_alone_is_enough(sound: Home) -> None:
    report = verify_ledger(sound.database_path, workers=1)
    assert report.ok and report.records == verify_ledger(sound.path, workers=4).records


def test_audit_changes_no_byte_and_leaves_no_file(sound: Home) -> None:
    def state() -> dict[str, bytes]:
        return {
            str(path.relative_to(sound.path)): sha256(path.read_bytes()).digest()
            for path in sorted(sound.path.rglob("*"))
            if path.is_file() and not path.name.endswith(("-shm", "-wal"))
        }

    before = state()
    verify_ledger(sound.path)
    newest_heads(sound.path)
    assert state() == before


def test_read_only_folder_can_be_audited(copy: Path) -> None:
    for path in copy.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    copy.chmod(0o555)
    try:
        assert verify_ledger(copy).ok
    finally:
        copy.chmod(0o755)
        for path in copy.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_entries_still_in_the_write_ahead_log_are_audited(tmp_path: Path) -> None:
    home = make_ledger(tmp_path / "home", cases=1)
    clock, randomness = StepClock(home_time(home)), Stream("later")
    with Ledger.open(home, clock=clock, randomness=randomness, write=True) as ledger:
        receive(ledger, 1)
        wal = home.path / "ledger.db-wal"
        assert wal.exists() and wal.stat().st_size > 0
        beside = tmp_path / "beside"
        beside.mkdir()
        for name in ("ledger.db", "ledger.db-wal"):
            (beside / name).write_bytes((home.path / name).read_bytes())
        assert verify_ledger(home.path).records == 40
    os.chmod(beside, 0o555)
    try:
        report = verify_ledger(beside)
    finally:
        os.chmod(beside, 0o755)
    assert report.ok and report.records == 40


def test_audit_beside_a_writer_sees_one_moment(tmp_path: Path) -> None:
    home = make_ledger(tmp_path / "home", cases=1)
    with Ledger.open(home, clock=StepClock(home_time(home)), randomness=Stream("w"), write=True) as ledger:
        for number in range(3):
            receive(ledger, number)
            report = verify_ledger(home.path)
            assert report.ok, report.findings
        assert ledger.staff_name(CLERK.key_id)


def home_time(home: Home) -> int:
    (newest,) = ask(home.path, "SELECT max(recorded_at_ms) FROM heads")
    assert isinstance(newest[0], int)
    return newest[0]


def test_a_file_of_another_program_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
    report = verify_ledger(path)
    assert not report.ok and codes(report) == {"file.unreadable"}
    path.write_bytes(b"this is no database at all" * 100)
    report = verify_ledger(path)
    assert not report.ok and codes(report) == {"file.unreadable"}
