"""A ledger whose registry or catalogue somebody changed by hand: nothing is done by what is left."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.errors import StoreError
from ledger.facade import Command, Ledger
from ledger.formats.keys import Ed25519Signer
from ledger.types import StationId
from stations.cli.counterday.demo import VILLAGE
from tests.cli.conftest import ITEM, Terminal

CHANGES = [
    ("facts = NULL", "registry", 1, "ledger.registry_unfounded"),
    ("facts = x'81a0'", "registry", 1, "ledger.registry_unfounded"),
    ("facts = NULL", "registry", 4, "ledger.rules_changed"),
    ("facts = NULL", "catalogue", 2, "ledger.rules_changed"),
    ("facts = x'81a0'", "catalogue", 2, "ledger.rules_changed"),
]


def _folder(terminal: Terminal) -> Path:
    assert terminal.folder is not None
    return terminal.folder


def _change(folder: Path, change: str, kind: str, seq: int) -> None:
    connection = sqlite3.connect(folder / "ledger.db")
    done = connection.execute(
        f"UPDATE bodies SET {change} WHERE seq = ? AND log = (SELECT log FROM logs WHERE kind = ?)",
        (seq, kind),
    )
    assert done.rowcount == 1
    connection.commit()
    connection.close()


@pytest.mark.parametrize(("change", "kind", "seq", "code"), CHANGES)
def test_changed_rules_stop_work_by_name_and_leave_every_look(
    county: Terminal, tmp_path: Path, change: str, kind: str, seq: int, code: str
):
    receive = ("receive", ITEM, "--as", "V001", "--name", "吴老根", "--materials", "all")
    number = str(county.ok(*receive, "--json").json["number"])
    _change(_folder(county), change, kind, seq)
    for words in (
        receive, ("worklist",), ("find", "吴老根"), ("day-clear",), ("board",), ("conflicts",),
        ("accept", number, "--as", "V001"), ("withdraw", number, "--as", "V001"), ("staff", "list"),
        ("catalogue", "list"),
    ):  # fmt: skip
        refused = county.run(*words)
        assert refused.code == 2 and f"[{code}]" in refused.err, (words, refused.err)
    doctor = county.run("doctor", "--json")
    errors = {row["code"] for row in doctor.json["checks"] if row["level"] == "error"}
    assert doctor.code == 1 and "doctor.rules_without_facts" in errors
    county.ok("backup", "--to", str(tmp_path / "copies"))
    county.ok("registry", "show")
    shown = county.run("show", number)
    assert f"[{code}]" not in shown.err and "[internal]" not in shown.err
    assert not verify_ledger(_folder(county)).ok


def test_a_ledger_that_is_open_signs_nothing_by_changed_rules(county: Terminal):
    """Pages and programs open it once and for long; they come to the same words when somebody acts."""
    county.ok("receive", ITEM, "--as", "V001", "--name", "吴老根", "--materials", "all")
    _change(_folder(county), "facts = NULL", "catalogue", 2)
    with Ledger.open(_folder(county), write=True) as ledger:
        before = [log.size for log in ledger.logs()]
        command = Command(action="receive", station=StationId(VILLAGE), facts={"item": "x"})
        with pytest.raises(StoreError) as caught:
            ledger.perform(command, Ed25519Signer.from_seed(bytes(32)))
        assert [log.size for log in ledger.logs()] == before
        assert caught.value.code == "ledger.rules_changed"
