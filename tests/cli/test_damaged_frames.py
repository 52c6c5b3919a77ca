"""Frames that a disk or a hand destroyed: every command says so in its own words, and nothing else."""

from __future__ import annotations

import gc
import sqlite3
import sys
from pathlib import Path

import pytest

from ledger.facade import Ledger
from ledger.sqlitefile import EVENTS_TABLE
from tests.cli.conftest import ITEM, Terminal

COMMANDS = (
    ("worklist",),
    ("find", "吴"),
    ("receive", ITEM, "--as", "V001", "--name", "甲", "--materials", "all"),
    ("doctor",),
    ("day-clear",),
)


def _spoil(folder: Path, log: str, frame: bytes) -> None:
    """Put other bytes in place of the second frame of a log."""
    database = sqlite3.connect(folder / "ledger.db")
    triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        database.execute(f'DROP TRIGGER "{name}"')
    where = "originator_id = ? AND originator_version = 2"
    changed = database.execute(f"UPDATE {EVENTS_TABLE} SET state = ? WHERE {where}", (frame, log))
    assert changed.rowcount == 1
    for _, text in triggers:
        database.execute(text)
    database.commit()
    database.close()


@pytest.mark.parametrize("frame", [b"", b"\x00", b"\xff" * 5_000_000], ids=["empty", "short", "huge"])
def test_a_frame_that_nobody_can_read_is_told_without_a_traceback(
    county: Terminal, frame: bytes, monkeypatch: pytest.MonkeyPatch
):
    assert county.folder is not None
    for name in ("甲", "乙", "丙"):
        county.ok("receive", ITEM, "--as", "V001", "--name", name, "--materials", "all")
    with Ledger.open(county.folder, write=False) as ledger:
        (log,) = (one.log_id.hex() for one in ledger.logs() if one.kind == "station" and one.size > 3)
    _spoil(county.folder, log, frame)
    unseen: list[str] = []
    monkeypatch.setattr(
        sys, "unraisablehook", lambda one: unseen.append(f"{one.exc_value!r} in {one.object!r}")
    )
    for command in COMMANDS:
        result = county.run(*command)
        gc.collect()
        assert "Traceback" not in result.err, command
        assert unseen == [], command
        assert "[log.head]" in result.err, command
