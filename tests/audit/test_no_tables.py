"""A ledger file in which something else stands for a table: a finding at once, not an endless look."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.facade import Home

ENDLESS = (
    "CREATE VIEW acts AS WITH RECURSIVE more(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more) "
    "SELECT case_id, act_id, log, seq, action FROM more, acts_before"
)
INSTEAD: dict[str, Sequence[str]] = {
    "an endless view": ("ALTER TABLE acts RENAME TO acts_before", ENDLESS),
    "a view of frames": (
        "ALTER TABLE stored_events RENAME TO before",
        "CREATE VIEW stored_events AS SELECT * FROM before",
    ),
    "a view of bodies": ("ALTER TABLE bodies RENAME TO before", "CREATE VIEW bodies AS SELECT * FROM before"),
    "a view of its own": ("CREATE VIEW something AS SELECT 1",),
    "a virtual table": ("CREATE VIRTUAL TABLE words USING fts5(word)",),
    "a computed column": ("ALTER TABLE heads ADD COLUMN more TEXT AS (hex(zeroblob(1000000000))) VIRTUAL",),
}


@pytest.fixture
def home(copy: Path) -> Home:
    return Home(copy)


@pytest.mark.parametrize("name", INSTEAD)
def test_what_is_no_table_is_told_at_once(home: Home, name: str) -> None:
    connection = sqlite3.connect(home.path / "ledger.db", isolation_level=None)
    connection.execute("PRAGMA legacy_alter_table = ON")
    for statement in INSTEAD[name]:
        connection.execute(statement)
    connection.close()
    report = verify_ledger(home.path)
    assert not report.ok
    assert [(one.code, one.params["cause"]) for one in report.findings] == [
        ("file.unreadable", "store.damaged")
    ]


def test_without_any_sentinel_the_end_may_have_been_cut_off(home: Home) -> None:
    shutil.rmtree(home.sentinel_dir)
    found = [one for one in verify_ledger(home.path).findings if one.code == "sentinel.missing"]
    assert found and all(one.severity == "warning" for one in found)
    (home.path / "RESTORED").write_text("copy", encoding="utf-8")
    assert not [one for one in verify_ledger(home.path).findings if one.code == "sentinel.missing"]
