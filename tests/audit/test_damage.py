"""Deleted, swapped, cut off, replaced by older bytes, damaged anywhere: always an error, never a crash."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.checking.verify import Report, verify_ledger
from audit.telling.notes import newest_heads
from ledger.errors import StoreError
from ledger.facade import Home, Ledger
from ledger.formats.entry import decode_entry, entry_hash
from ledger.formats.frame import split_frame
from tests.audit.forge import frame_of, log_of
from tests.audit.ledgers import VILLAGE, StepClock, Stream, ask, copy_home, hurt, make_ledger, receive


def errors(report: Report) -> set[str]:
    return {finding.code for finding in report.findings if finding.severity == "error"}


@pytest.mark.parametrize("seq", [1, 2, 7, 13])
def test_deleted_entry(copy: Path, seq: int) -> None:
    village = log_of(copy, "station", VILLAGE)
    hurt(
        copy,
        (
            "DELETE FROM stored_events WHERE originator_id = ? AND originator_version = ?",
            (village, seq),
        ),
    )
    found = errors(verify_ledger(copy))
    assert ("log.truncated" if seq == 13 else "log.gap") in found
    assert "acts.orphan" in found


def test_swapped_entries(copy: Path) -> None:
    village = log_of(copy, "station", VILLAGE)
    swap = (
        "UPDATE stored_events SET originator_version = ? WHERE originator_id = ? AND originator_version = ?"
    )
    hurt(copy, (swap, (99, village, 4)), (swap, (4, village, 5)), (swap, (5, village, 99)))
    assert {"entry.sequence", "entry.chain", "checkpoint.root"} <= errors(verify_ledger(copy))


def test_entry_moved_into_another_log(copy: Path) -> None:
    village, catalogue = log_of(copy, "station", VILLAGE), log_of(copy, "catalogue")
    statement = (
        "UPDATE stored_events SET originator_id = ?, originator_version = 27 WHERE originator_id = ? AND "
    )
    hurt(copy, (statement + "originator_version = 13", (catalogue, village)))
    assert {"entry.log", "log.truncated"} <= errors(verify_ledger(copy))


@pytest.mark.parametrize("keep", [1, 5, 12])
def test_cut_off_end_with_all_traces_inside_the_file_removed(copy: Path, keep: int) -> None:
    village = log_of(copy, "station", VILLAGE)
    cut_off(copy, village, keep)
    assert errors(verify_ledger(copy)) == {"log.truncated"}, "the sentinel outside the file knows better"
    shutil.rmtree(copy / "sentinel")
    report = verify_ledger(copy)
    assert report.ok
    assert {"log.no_checkpoint"} <= {finding.code for finding in report.findings}


def test_cut_off_end_is_an_older_copy_to_whoever_kept_a_checkpoint(sound: Home, copy: Path) -> None:
    village = log_of(copy, "station", VILLAGE)
    (note,) = [head.note for head in newest_heads(sound.path) if head.log == village]
    assert verify_ledger(copy, against=[note.encode()]).ok
    cut_off(copy, village, 6)
    shutil.rmtree(copy / "sentinel")
    assert errors(verify_ledger(copy, against=[note.encode()])) == {"copy.older"}


def cut_off(folder: Path, log: str, keep: int) -> None:
    """Remove the end of a log as completely as can be done without the log's key."""
    raw = split_frame(frame_of(folder, log, keep)).entry_raw
    tree = f"DELETE FROM tree WHERE log = '{log}' AND ((\"index\" + 1) << level) > {keep}"
    head = "UPDATE heads SET size = ?, entry_hash = ?, recorded_at_ms = ? WHERE log = ?"
    statements: list[str | tuple[str, tuple[object, ...]]] = [
        f"DELETE FROM bodies WHERE log = '{log}' AND seq > {keep}",
        f"DELETE FROM acts WHERE log = '{log}' AND seq > {keep}",
        f"DELETE FROM stored_events WHERE originator_id = '{log}' AND originator_version > {keep}",
        f"DELETE FROM checkpoints WHERE log = '{log}' AND size > {keep}",
        (head, (keep, entry_hash(raw), decode_entry(raw).recorded_at_ms, log)),
    ]
    hurt(folder, *statements)
    if keep < 8 and ask(folder, "SELECT count(*) FROM tree WHERE log = ?", (log,))[0][0]:
        hurt(folder, tree)


def test_older_backup_and_other_history(tmp_path: Path) -> None:
    home = make_ledger(tmp_path / "home", cases=2)
    older = copy_home(home, tmp_path / "older")
    with Ledger.open(home, clock=later(home), randomness=Stream("new"), write=True) as ledger:
        receive(ledger, 7)
        for log in ledger.logs():
            ledger.checkpoint(log.log_id)
    village = log_of(home.path, "station", VILLAGE)
    (note,) = [head.note.encode() for head in newest_heads(home.path) if head.log == village]
    assert errors(verify_ledger(older, against=[note])) == {"copy.older"}
    other = Home(older)
    with Ledger.open(other, clock=later(other), randomness=Stream("other"), write=True) as ledger:
        receive(ledger, 8)
    assert verify_ledger(older).ok
    assert errors(verify_ledger(older, against=[note])) == {"copy.other"}
    report = verify_ledger(home.path, against=[note])
    assert report.ok and "copy.consistent" in {finding.code for finding in report.findings}


def test_checkpoint_of_a_log_that_was_deleted(sound: Home, copy: Path, tmp_path: Path) -> None:
    stranger = make_ledger(tmp_path / "stranger", cases=1, seed="stranger")
    note = newest_heads(stranger.path)[0].note.encode()
    assert errors(verify_ledger(copy, against=[note])) == {"copy.log_missing"}


def test_log_deleted_whole(copy: Path) -> None:
    village = log_of(copy, "station", VILLAGE)
    hurt(copy, ("DELETE FROM stored_events WHERE originator_id = ?", (village,)))
    assert {"log.missing", "acts.orphan", "head.unlisted"} <= errors(verify_ledger(copy))


def test_ledger_of_others_under_a_pinned_id(sound: Home, tmp_path: Path) -> None:
    stranger = make_ledger(tmp_path / "stranger", cases=1, seed="stranger")
    trust = verify_ledger(sound.path).ledger_id
    assert errors(verify_ledger(stranger.path, trust=trust)) == {"trust.other_ledger"}  # type: ignore[arg-type]


def test_position_far_away_does_not_stop_the_audit(copy: Path) -> None:
    village = log_of(copy, "station", VILLAGE)
    hurt(
        copy,
        "UPDATE stored_events SET originator_version = 1099511627776 "
        f"WHERE originator_id = '{village}' AND originator_version = 13",
    )
    assert "log.positions" in errors(verify_ledger(copy))


@pytest.mark.parametrize("seq", [0, -1])
def test_frame_at_a_position_that_no_log_has(copy: Path, seq: int) -> None:
    village = log_of(copy, "station", VILLAGE)
    columns = "originator_version, topic, state"
    hurt(
        copy,
        f"INSERT INTO stored_events (originator_id, {columns}) "
        f"SELECT originator_id, {seq}, topic, state FROM stored_events "
        f"WHERE originator_id = '{village}' AND originator_version = 5",
    )
    assert errors(verify_ledger(copy)) == {"log.positions"}


@pytest.mark.parametrize(
    ("added", "name"),
    [
        (
            "CREATE TRIGGER evil BEFORE INSERT ON stored_events WHEN NEW.topic = 'receive' "
            "BEGIN SELECT RAISE(IGNORE); END",
            "evil",
        ),
        (
            "CREATE TRIGGER bodies__no_delete AFTER INSERT ON bodies "
            "BEGIN UPDATE bodies SET personal = NULL; END",
            "bodies__no_delete",
        ),
        ("CREATE UNIQUE INDEX one ON heads (log)", "one"),
        ("PRAGMA user_version = 0", "user_version"),
    ],
)
def test_what_no_program_of_ours_adds_to_a_file(copy: Path, added: str, name: str) -> None:
    connection = sqlite3.connect(copy / "ledger.db", isolation_level=None)
    connection.execute(added)
    connection.close()
    report = verify_ledger(copy)
    found = [one for one in report.findings if one.severity == "error"]
    assert [(one.code, one.params["name"]) for one in found] == [("file.schema", name)]


def test_values_of_wrong_types(copy: Path) -> None:
    """A damaged file may hold anything anywhere; STRICT tables are only a promise of whoever wrote them."""
    hurt(
        copy,
        "CREATE TABLE loose AS SELECT * FROM heads",
        "DROP TABLE heads",
        "ALTER TABLE loose RENAME TO heads",
        "UPDATE heads SET size = 'many', entry_hash = 7, recorded_at_ms = x'00'",
    )
    assert "head.row" in errors(verify_ledger(copy))


@pytest.mark.parametrize("table", ["heads", "tree", "checkpoints", "bodies", "acts", "logs"])
def test_missing_table(copy: Path, table: str) -> None:
    hurt(copy, f"DROP TABLE {table}")
    assert errors(verify_ledger(copy))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), kind=st.sampled_from(["flip", "zero", "random", "cut"]))
def test_random_damage_is_never_a_crash_and_never_silent(
    sound: Home, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, kind: str
) -> None:
    content = bytearray(sound.database_path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if kind == "flip":
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    elif kind == "zero":
        place -= place % 512
        content[place : place + 512] = bytes(512)
    elif kind == "random":
        content[place : place + 64] = data.draw(st.binary(min_size=64, max_size=64))
    else:
        del content[place:]
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "ledger.db").write_bytes(content)
    before = evidence(sound.path)
    try:
        report = verify_ledger(folder, workers=1)
    except StoreError as told:  # the file says that a newer program wrote it
        assert told.code == "store.schema_newer"
        return
    if report.ok:
        assert evidence(folder) == before, "changed evidence went unnoticed"


def evidence(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return every row that an audit vouches for."""
    columns = {
        "stored_events": "originator_id, originator_version, topic, state",
        "acts": "*",
        "bodies": "log, seq, facts",
        "tree": "*",
        "heads": "*",
        "checkpoints": "*",
        "logs": "log, kind, station, genesis",
    }
    return {
        table: ask(folder, f"SELECT {names} FROM {table} ORDER BY 1, 2") for table, names in columns.items()
    }


def later(home: Home) -> StepClock:
    ((newest,),) = ask(home.path, "SELECT max(recorded_at_ms) FROM heads")
    assert isinstance(newest, int)
    return StepClock(newest)


def test_a_log_that_is_gone_from_the_file_is_missed_by_its_sentinel(copy: Path) -> None:
    ((log,),) = ask(copy, "SELECT log FROM logs WHERE kind = 'station' AND own = 1 LIMIT 1")
    hurt(
        copy,
        ("DELETE FROM logs WHERE log = ?", (log,)),
        ("DELETE FROM stored_events WHERE originator_id = ?", (log,)),
    )
    assert "sentinel.log_missing" in errors(verify_ledger(copy))


@pytest.mark.parametrize("kept", ["sentinel", "key"])
def test_a_log_that_was_written_here_is_no_strangers(copy: Path, sound: Home, kept: str) -> None:
    ((log,),) = ask(copy, "SELECT log FROM logs WHERE kind = 'station' AND own = 1 LIMIT 1")
    assert "sentinel.disowned" not in errors(verify_ledger(copy))
    hurt(copy, ("UPDATE logs SET own = 0 WHERE log = ?", (log,)))
    if kept == "key":
        shutil.rmtree(copy / "sentinel")
        (copy / "secrets").mkdir(exist_ok=True)
        shutil.copy(sound.secrets_dir / f"log-{log}.key", copy / "secrets")
    assert "sentinel.disowned" in errors(verify_ledger(copy))


def test_the_database_of_another_station_does_not_fit_the_sentinels(copy: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "sentinel").mkdir(parents=True)
    shutil.copy(copy / "ledger.db", other / "ledger.db")
    note = next((copy / "sentinel").glob("*.note"))
    shutil.copy(note, other / "sentinel" / f"{'0' * 32}.note")
    assert errors(verify_ledger(other)) == {"sentinel.log_missing"}
