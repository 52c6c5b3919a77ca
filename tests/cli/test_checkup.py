"""What ``doctor`` tells of tables that somebody changed, and of a ledger that came out of an old backup."""

from __future__ import annotations

import ast
import shutil
import sqlite3
from pathlib import Path

import pytest

from ledger.facade import Home, Ledger
from ledger.facade.peering.between import merge
from stations.checkup import doctor
from stations.texts import words
from tests.audit.ledgers import hurt
from tests.cli.conftest import ITEM, Terminal

FULL = ("doctor", "--full", "--json")
PLAIN = ("doctor", "--json")


def _folder(terminal: Terminal) -> Path:
    assert terminal.folder is not None
    return terminal.folder


def _receive(terminal: Terminal, name: str = "吴老根") -> str:
    words = ("receive", ITEM, "--as", "V001", "--name", name, "--materials", "all", "--json")
    return str(terminal.ok(*words).json["number"])


def _alter(terminal: Terminal, change: str) -> None:
    connection = sqlite3.connect(_folder(terminal) / "ledger.db")
    assert connection.execute(change).rowcount > 0
    connection.commit()
    connection.close()


def _checks(terminal: Terminal, *words: str) -> dict[str, dict]:
    return {row["check"]: row for row in terminal.run(*words).json["checks"]}


def test_every_check_has_a_name_in_both_languages() -> None:
    named: set[str] = set()
    for path in Path(doctor.__file__).parents[1].rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in ("found", "Check"):
                continue
            given = [*node.args[:1], *(one.value for one in node.keywords if one.arg == "name")]
            named |= {str(one.value) for one in given if isinstance(one, ast.Constant)}
    assert {"acts", "sqlite", "backup", "server"} <= named and len(named) > 20
    for language in ("zh", "en"):
        held = words(language)
        assert {name for name in named if f"doctor.name.{name}" not in held} == set(), language


def test_no_code_stands_where_a_name_should(county: Terminal) -> None:
    for language in ("zh", "en"):
        assert "doctor.name" not in county.run("doctor", lang=language).out


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE cases SET red_at_ms = 253402300799999, yellow_at_ms = 253402300799999",
        "UPDATE cases SET clock = 'other'",
        "UPDATE cases SET flags = 1",
        "UPDATE cases SET open = 0",
        "UPDATE cases SET custodian = 'nobody'",
        "DELETE FROM search_tokens",
        "UPDATE case_numbers SET log = substr(log, 1, 31) || 'x'",
        "UPDATE case_numbers SET log = (SELECT min(log) FROM logs WHERE kind = 'registry')",
        "UPDATE case_numbers SET day = '990101'",
        "UPDATE case_numbers SET ordinal = ordinal + 1",
        "UPDATE search_tokens SET token = zeroblob(12) WHERE token = (SELECT max(token) FROM search_tokens)",
    ],
)
def test_a_full_look_compares_every_column_of_the_lists(county: Terminal, change: str) -> None:
    _receive(county)
    assert _checks(county, *FULL)["lists"]["code"] == "doctor.lists"
    _alter(county, change)
    assert _checks(county, *PLAIN)["lists"]["code"] == "doctor.lists_listed"
    assert _checks(county, *FULL)["lists"]["code"] == "doctor.lists_differ"
    county.ok("rebuild")
    assert _checks(county, *FULL)["lists"]["code"] == "doctor.lists"


@pytest.mark.parametrize("column", ["nonce", "personal"])
def test_a_full_look_opens_every_personal_body(county: Terminal, column: str) -> None:
    _receive(county)
    assert _checks(county, *FULL)["case_keys"]["code"] == "doctor.case_keys"
    _alter(county, f"UPDATE bodies SET {column} = zeroblob(length({column})) WHERE {column} IS NOT NULL")
    assert _checks(county, *PLAIN)["case_keys"]["code"] == "doctor.case_keys"
    assert _checks(county, *FULL)["case_keys"]["code"] == "doctor.personal_changed"


def test_where_the_merge_log_names_each_frame_is_told_and_made_again_by_a_rebuild(county: Terminal) -> None:
    _receive(county)
    with Ledger.open(Home(_folder(county)), clock=county.clock, write=True) as ledger:
        merge(ledger)
    assert _checks(county, *FULL)["lists"]["code"] == "doctor.lists"
    _alter(county, "DELETE FROM merged")
    assert _checks(county, *FULL)["lists"]["code"] == "doctor.merged_differ"
    county.ok("rebuild")
    assert _checks(county, *FULL)["lists"]["code"] == "doctor.lists"


def test_a_county_checkpoint_that_own_entries_name_is_missed(county: Terminal) -> None:
    home = Home(_folder(county))
    with Ledger.open(home, clock=county.clock, write=True) as ledger:
        merge(ledger)
    _receive(county)
    assert "doctor.county_seen_lost" not in _codes(county, *FULL)
    hurt(home.path, "DELETE FROM county_checkpoints")
    for look in (PLAIN, FULL):
        assert "doctor.county_seen_lost" in _codes(county, *look)
    _receive(county, "吴二根")
    assert "doctor.county_seen_lost" in _codes(county, *FULL)


def test_a_full_look_finds_the_memory_of_the_county_turned_back(county: Terminal) -> None:
    home = Home(_folder(county))
    for name in ("甲", "乙", "丙"):
        _receive(county, name)
        with Ledger.open(home, clock=county.clock, write=True) as ledger:
            merge(ledger)
    _receive(county, "丁")
    assert "doctor.county_seen_order" not in _codes(county, *FULL)
    hurt(
        home.path,
        "UPDATE county_checkpoints SET number = -1 WHERE number = 1",
        "UPDATE county_checkpoints SET number = 1 WHERE number = 3",
        "UPDATE county_checkpoints SET number = 3 WHERE number = -1",
    )
    assert "doctor.county_seen_order" in _codes(county, *FULL)
    assert "doctor.county_seen_order" not in _codes(county, *PLAIN), "the entries are read by a full look"


def _codes(terminal: Terminal, *words: str) -> set[str]:
    return {row["code"] for row in terminal.run(*words).json["checks"]}


def test_a_log_of_which_nobody_knows_whether_it_was_given_up_is_told(county: Terminal) -> None:
    _receive(county)
    told = {row["code"]: row for row in county.run(*PLAIN).json["checks"]}
    assert "doctor.log_stateless" not in told
    _alter(county, "UPDATE logs SET state = NULL WHERE kind = 'station'")
    told = {row["code"]: row for row in county.run(*PLAIN).json["checks"]}
    assert told["doctor.log_stateless"]["level"] == "error"
    text = county.run("doctor").out
    assert "ledger.db" in text
    # Work goes on in the same log.
    _receive(county, "第二人")


def test_a_tree_that_lacks_rows_is_told_and_made_again_by_a_rebuild(county: Terminal) -> None:
    for name in ("甲", "乙", "丙", "丁", "戊", "己", "庚", "辛"):
        _receive(county, name)
    connection = sqlite3.connect(_folder(county) / "ledger.db")
    (guard,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'tree__no_delete'").fetchone()
    connection.execute("DROP TRIGGER tree__no_delete")
    assert connection.execute("DELETE FROM tree").rowcount > 1
    connection.execute(guard)
    connection.commit()
    connection.close()
    told = [row["code"] for row in county.run(*PLAIN).json["checks"]]
    assert "doctor.tree_lacks" in told
    _receive(county, "壬")
    county.ok("rebuild")
    told = [row["code"] for row in county.run(*PLAIN).json["checks"]]
    assert "doctor.tree_lacks" not in told


def test_the_lights_of_older_calendars_are_no_change(county: Terminal) -> None:
    """A newer program knows other calendars than the rows were made with: the next act makes them anew."""
    _receive(county)
    _alter(county, "UPDATE view_marks SET value = 'older' WHERE name = 'calendars'")
    _alter(county, "UPDATE cases SET red_at_ms = red_at_ms + 86400000")
    assert _checks(county, *FULL)["lists"]["code"] == "doctor.lists"
    _receive(county, "第二人")
    assert _checks(county, *FULL)["lists"]["code"] == "doctor.lists"
    _alter(county, "UPDATE cases SET red_at_ms = red_at_ms + 86400000")
    assert _checks(county, *FULL)["lists"]["code"] == "doctor.lists_differ"


@pytest.mark.parametrize("mark", ["value = '2'", "value = 'x'", "name = 'rows_of_none'"])
def test_lists_of_another_program_accuse_nobody_and_are_made_anew_once(county: Terminal, mark: str) -> None:
    first, _ = _receive(county), _receive(county, "第二人")
    _alter(county, f"UPDATE view_marks SET {mark} WHERE name = 'rows'")
    _alter(county, "UPDATE cases SET status = 'delivered', open = 0")
    for look in (PLAIN, FULL):
        lists = _checks(county, *look)["lists"]
        assert (lists["code"], lists["level"]) == ("doctor.lists_older", "warning")
    stale = county.ok("find", first)
    assert "另一版本" in stale.err
    made = county.ok("receive", ITEM, "--as", "V001", "--name", "第三人", "--materials", "all")
    assert "0 / 2" in made.err and "2 / 2" in made.err
    assert _checks(county, *FULL)["lists"]["code"] == "doctor.lists"
    assert "另一版本" not in county.ok("find", first).err
    _alter(county, "UPDATE cases SET status = 'delivered'")
    assert _checks(county, *FULL)["lists"]["code"] == "doctor.lists_differ"


def test_a_case_that_nobody_can_fold_holds_up_no_newer_program(county: Terminal) -> None:
    _receive(county)
    _receive(county, "第二人")
    _alter(county, "UPDATE acts SET seq = 9999 WHERE case_id = (SELECT min(case_id) FROM cases)")
    _alter(
        county, "UPDATE case_keys SET wrapped = zeroblob(60) WHERE case_id = (SELECT max(case_id) FROM cases)"
    )
    _alter(county, "UPDATE cases SET status = 'delivered'")
    _alter(county, "UPDATE view_marks SET value = '2' WHERE name = 'rows'")
    told = _codes(county, *FULL)
    assert {"doctor.acts_astray", "doctor.lists_older"} <= told and "doctor.lists_differ" not in told
    _receive(county, "第三人")
    assert "doctor.lists_older" not in _codes(county, *FULL)


@pytest.mark.parametrize("value", ["x", "7", "[7]", "[{}]", "{}"])
def test_marks_that_nobody_can_read_hold_up_nothing(county: Terminal, value: str) -> None:
    _receive(county)
    _alter(county, f"UPDATE view_marks SET value = '{value}' WHERE name IN ('calendars', 'calendars_held')")
    _receive(county, "第二人")
    assert _checks(county, *FULL)["lists"]["code"] == "doctor.lists"


def test_a_case_without_one_of_its_entries_ends_no_check_up(county: Terminal) -> None:
    first, _ = _receive(county), _receive(county, "第二人")
    _alter(county, "UPDATE acts SET seq = 9999 WHERE case_id = (SELECT min(case_id) FROM cases)")
    found = county.run(*FULL)
    told = {row["code"]: row for row in found.json["checks"]}
    assert found.code == 1 and first
    assert told["doctor.acts_astray"]["count"] == 1 and "doctor.lists_differ" not in told
    assert {"attachments", "backup"} <= {row["check"] for row in found.json["checks"]}
    _alter(county, "UPDATE cases SET status = 'delivered' WHERE case_id = (SELECT max(case_id) FROM cases)")
    told = {row["code"]: row for row in county.run(*FULL).json["checks"]}
    assert told["doctor.acts_astray"]["count"] == told["doctor.lists_differ"]["count"] == 1


def test_a_case_whose_key_was_changed_ends_no_check_up(county: Terminal) -> None:
    _receive(county)
    _receive(county, "第二人")
    _alter(
        county, "UPDATE case_keys SET wrapped = zeroblob(60) WHERE case_id = (SELECT max(case_id) FROM cases)"
    )
    found = county.run(*FULL)
    told = {row["code"]: row for row in found.json["checks"]}
    assert found.code == 1 and {"lists", "backup"} <= {row["check"] for row in found.json["checks"]}
    assert told["doctor.lists_differ"]["count"] == 1


def test_a_case_erased_after_the_backup_is_named_and_can_be_erased_again(
    county: Terminal, tmp_path: Path
) -> None:
    number, _ = _receive(county), _receive(county, "第二人")
    copies = tmp_path / "backup"
    made = Path(county.ok("backup", "--to", str(copies), "--json").json["folder"])
    erase = ("erase", number, "--ground", "applicant_request", "--yes", "--as")
    county.ok(*erase, "R001")
    county.ok("backup", "--to", str(copies))
    restored = tmp_path / "restored"
    shutil.copytree(made, restored)
    shutil.copy(copies / "case-keys.txt", restored)
    (restored / "secrets").mkdir()
    shutil.copy(_folder(county) / "secrets" / "storage.key", restored / "secrets")
    other = Terminal(folder=restored)
    other.clock.set("2026-03-04 09:00")
    _receive(other, "恢复之后")
    unkeyed = _checks(other, *PLAIN)["case_keys"]
    assert (unkeyed["code"], unkeyed["numbers"]) == ("doctor.case_keys_missing", number)
    text = other.run("doctor").out
    assert number in text.replace("\n", "") and "banjian erase" in text
    other.ok(*erase, "R001")
    assert _checks(other, *PLAIN)["case_keys"]["code"] == "doctor.case_keys"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_log_that_cannot_go_on_is_told_in_words(county: Terminal, language: str) -> None:
    _receive(county)
    (_folder(county) / "sentinel" / "machine").write_bytes(b"another")
    told = county.run("doctor", lang=language)
    assert "log.machine_changed" not in told.out
    assert not [kind for kind in ("registry", "catalogue", "station", "merge") if f"{kind} 99" in told.out]
    rows = county.run(*PLAIN).json["checks"]
    county_logs = [row for row in rows if row["code"] == "doctor.county_log_doubt"]
    assert {row["level"] for row in county_logs} == {"error"} and told.code == 1
    assert {row["reason"] for row in county_logs} == {"log.machine_changed"}
