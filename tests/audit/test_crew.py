"""Helper processes change nothing about a report, see nothing that came later, and never end in silence."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from audit import cli
from audit.checking.caserange import case_tasks
from audit.checking.crew import Crew, InOrder
from audit.checking.desk import Brief, Desk, Task
from audit.checking.stretch import stretches
from audit.checking.verify import Report, verify_ledger
from audit.reading.county import fold_county, read_ledger_genesis
from audit.reading.incarnations import choose_registry
from audit.reading.openings import read_openings
from audit.reading.source import Source, open_database
from audit.reading.subtree import BATCH
from ledger.errors import ConfigError
from ledger.facade import Home, Ledger
from ledger.formats.keys import Ed25519Signer
from tests.audit.forge import append_act, change_act, change_entry, frame_of, log_of, put_frame
from tests.audit.ledgers import (
    CLERK,
    VILLAGE,
    StepClock,
    Stream,
    ask,
    copy_home,
    hurt,
    make_ledger,
    receive,
    signer,
)

MANY = 300
"""Cases: more than one batch of a log, so that several processes have something to do."""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_ledger(tmp_path_factory.mktemp("crew") / "many", cases=MANY)


@pytest.fixture
def hurt_copy(many: Home, tmp_path: Path) -> Path:
    return copy_home(many, tmp_path / "copy")


def alone(folder: Path, **options: object) -> Report:
    return verify_ledger(folder, workers=1, **options)  # type: ignore[arg-type]


def together(folder: Path, **options: object) -> Report:
    return verify_ledger(folder, workers=3, helpers_from_bytes=0, **options)  # type: ignore[arg-type]


def village(folder: Path) -> str:
    return log_of(folder, "station", VILLAGE)


def forge(folder: Path, who: Ed25519Signer = CLERK, **what: object) -> None:
    case_id, act = ask(folder, "SELECT case_id, act_id FROM acts WHERE seq = 290 AND action = 'receive'")[0]
    append_act(
        Home(folder), village(folder), who, action="note", facts=what.pop("facts", {}),  # type: ignore[arg-type]
        case_id=case_id, parents=(act,), **what,  # type: ignore[arg-type]
    )  # fmt: skip


def frames(seqs: str) -> str:
    return f"WHERE originator_version IN ({seqs}) AND length(originator_id) = 32"


def spoil_page(folder: Path) -> None:
    """Zero a page in the middle of each table's tree, as a bad sector does."""
    path = folder / "ledger.db"
    content = bytearray(path.read_bytes())
    for part in range(1, 8):
        place = len(content) * part // 8 // 4096 * 4096
        content[place : place + 4096] = bytes(4096)
    path.write_bytes(content)


def repeat_act(folder: Path) -> None:
    """Let an act stand twice; its row and its bodies are at the first place."""
    log = village(folder)
    forge(folder)
    put_frame(folder, log, MANY + 2, frame_of(folder, log, 270))
    hurt(folder, f"DELETE FROM acts WHERE seq = {MANY + 2}", f"DELETE FROM bodies WHERE seq = {MANY + 2}")


HURT: dict[str, Callable[[Path], None]] = {
    "nothing": lambda folder: None,
    "frames gone": lambda folder: hurt(folder, f"DELETE FROM stored_events {frames('5, 256, 257, 299')}"),
    "end gone": lambda folder: hurt(folder, "DELETE FROM stored_events WHERE originator_version > 200"),
    "topics": lambda folder: hurt(folder, "UPDATE stored_events SET topic = 'void' WHERE rowid % 7 = 0"),
    "frames cut": lambda folder: hurt(
        folder, f"UPDATE stored_events SET state = substr(state, 3) {frames('9, 10, 258')}"
    ),
    "all frames cut": lambda folder: hurt(
        folder, "UPDATE stored_events SET state = substr(state, 3) WHERE originator_version > 1"
    ),
    "act changed": lambda folder: change_act(folder, village(folder), 280, "occurred_at_ms", pinned=True),
    "act malformed": lambda folder: change_act(folder, village(folder), 280, "parents", pinned=True),
    "entry changed": lambda folder: change_entry(folder, village(folder), 280, "previous"),
    "facts changed": lambda folder: hurt(folder, "UPDATE bodies SET facts = x'80' WHERE seq % 5 = 0"),
    "bodies gone": lambda folder: hurt(folder, "DELETE FROM bodies WHERE seq > 30"),
    "bodies elsewhere": lambda folder: hurt(folder, "UPDATE bodies SET seq = seq + 999 WHERE seq > 280"),
    "rows of acts gone": lambda folder: hurt(folder, "DELETE FROM acts WHERE seq % 50 = 3"),
    "rows of acts moved": lambda folder: hurt(folder, "UPDATE acts SET seq = seq + 1 WHERE seq % 50 = 3"),
    "rows of acts refiled": lambda folder: hurt(
        folder, "UPDATE acts SET case_id = zeroblob(16) WHERE seq % 50 = 3"
    ),
    "rows of acts of no case": lambda folder: hurt(
        folder,
        "CREATE TABLE loose AS SELECT * FROM acts",
        "DROP TABLE acts",
        "ALTER TABLE loose RENAME TO acts",
        "UPDATE acts SET case_id = 7 WHERE seq = 9",
    ),
    "tables gone": lambda folder: hurt(folder, "DROP TABLE acts", "DROP TABLE bodies", "DROP TABLE tree"),
    "nodes": lambda folder: hurt(folder, "UPDATE tree SET hash = zeroblob(32) WHERE \"index\" = 1"),
    "act by a stranger": lambda folder: forge(folder, signer("stranger")),
    "act without facts": lambda folder: forge(folder, facts=None),
    "signature of nothing": lambda folder: forge(folder, sig=bytes(64)),
    "opaque": lambda folder: forge(folder, sig=bytes(64), topic="opaque"),
    "act backdated": lambda folder: forge(folder, late_ms=90 * 3_600_000),
    "act repeated": repeat_act,
    "pages": spoil_page,
}  # fmt: skip


@pytest.mark.parametrize("name", HURT)
def test_one_process_and_several_say_the_same(hurt_copy: Path, name: str) -> None:
    HURT[name](hurt_copy)
    report = alone(hurt_copy)
    assert together(hurt_copy) == report
    assert report.ok == (name in ("nothing", "opaque", "act backdated")), report.findings
    assert together(hurt_copy, cases=False) == alone(hurt_copy, cases=False)


def test_personal_bodies_are_opened_by_helpers_too(many: Home) -> None:
    key = many.storage_key()
    report = together(many.path, storage_key=key)
    assert report == alone(many.path, storage_key=key)
    assert report.tally.personal_read > MANY


def test_helpers_that_begin_as_a_new_python(many: Home) -> None:
    stop = threading.Event()
    beside = threading.Thread(target=stop.wait)
    beside.start()
    try:
        assert together(many.path) == alone(many.path)
    finally:
        stop.set()
        beside.join()


def test_small_ledgers_and_one_worker_start_no_process(
    sound: Home, many: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Crew, "__init__", lambda self, count: pytest.fail("a process for that"))
    assert verify_ledger(sound.path, workers=4).ok
    assert verify_ledger(many.path, workers=1, helpers_from_bytes=0).ok


def test_where_no_process_can_be_had_the_audit_runs_alone(
    many: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Crew, count: int) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(Crew, "__init__", refuse)
    assert together(many.path).ok


def test_a_station_that_goes_on_writing_is_not_disturbed_and_not_seen(
    many: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Helpers open the file later than the process that audits: what came meanwhile is not for them."""
    home = Home(copy_home(many, tmp_path / "working"))
    before = alone(home.path)
    tell = Crew.tell

    def work_on(self: Crew, brief: Brief) -> None:
        with Ledger.open(
            home, clock=StepClock(1_772_520_000_000), randomness=Stream("on"), write=True
        ) as one:
            for number in range(40):
                receive(one, 1000 + number)
            for log in one.logs():
                one.checkpoint(log.log_id)
        tell(self, brief)

    monkeypatch.setattr(Crew, "tell", work_on)
    during = together(home.path)
    monkeypatch.undo()
    assert during.ok and (during.records, during.cases) == (before.records, before.cases)
    assert during.counts == before.counts
    assert alone(home.path).records == before.records + 40


def test_copy_from_media_that_cannot_be_written(many: Home, tmp_path: Path) -> None:
    """The newest frames lie in a write-ahead log that nobody can open there; helpers read the same copy."""
    home = Home(copy_home(many, tmp_path / "working"))
    media = tmp_path / "media"
    media.mkdir()
    with Ledger.open(home, clock=StepClock(1_772_520_000_000), randomness=Stream("on"), write=True) as ledger:
        receive(ledger, 1000)
        for name in ("ledger.db", "ledger.db-wal"):
            (media / name).write_bytes((home.path / name).read_bytes())
    (media / "ledger.db-shm").mkdir()
    report = together(media)
    assert report == alone(media)
    assert report.records == alone(many.path).records + 1


@contextmanager
def at_work(home: Home) -> Iterator[tuple[Desk, Brief]]:
    """Give a desk in this process, and the brief for others."""
    found: list[object] = []
    with open_database(home.database_path) as file, Source(file, found.append) as source:
        openings, _ = read_openings(source, found.append)
        registry = choose_registry(openings, found.append)
        assert registry is not None
        genesis = read_ledger_genesis(registry, found.append)
        assert genesis is not None
        judge = fold_county(source, genesis[0], genesis[1], openings)
        brief = Brief(path=file.opened, ledger_id=genesis[0], genesis=genesis[1], openings=tuple(openings))
        yield Desk(brief, source, judge), brief
    assert not found


@pytest.mark.parametrize("helpers", [0, 2])
def test_only_so_many_parts_are_under_way(many: Home, helpers: int) -> None:
    """However slowly results are taken, and however long the ledger: memory does not grow with it."""
    taken, made, most = 0, 0, 0

    def tasks(one: list[Task]) -> Iterator[Task]:
        nonlocal made
        for _ in range(30):
            for task in one:
                made += 1
                yield task

    crew = Crew(helpers) if helpers else None
    try:
        with at_work(many) as (desk, brief):
            log = village(many.path)
            parts: list[Task] = list(stretches(log, MANY + 1, stretch=BATCH, wanted_sizes=()))
            parts += case_tasks(MANY, stretch=BATCH)
            if crew is not None:
                crew.tell(brief)
            for _ in InOrder(tasks(parts), desk.run, crew):
                most = max(most, made - taken)
                taken += 1
    finally:
        if crew is not None:
            crew.close()
    assert taken == made == 30 * len(parts) > 100
    assert most <= (20 if helpers else 1)


def test_a_helper_that_dies_is_told_and_never_passes(
    many: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tell = Crew.tell

    def kill_one(self: Crew, brief: Brief) -> None:
        os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGTERM)
        tell(self, brief)

    monkeypatch.setattr(Crew, "tell", kill_one)
    with pytest.raises(ConfigError) as raised:
        together(many.path)
    assert raised.value.code == "audit.helper_died"
    assert multiprocessing.active_children() == []
    monkeypatch.setattr("audit.checking.verify.HELPERS_FROM_BYTES", 0)
    monkeypatch.setattr(cli, "verify_ledger", lambda path, **options: together(path))
    assert cli.main(["verify", str(many.path), "--lang", "en"]) == 2
    assert "[audit.helper_died]" in capsys.readouterr().err


PARENT = """
import multiprocessing, sys, time
from audit.checking.crew import Crew
crew = Crew(2)
for ready in crew._ready:
    ready.result()
print(*(child.pid for child in multiprocessing.active_children()), flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="processes are asked for by their ids")
def test_helpers_do_not_outlive_who_started_them() -> None:
    master = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert master.stdout is not None
    helpers = [int(pid) for pid in master.stdout.readline().split()]
    assert len(helpers) == 2
    master.kill()
    master.wait()
    deadline = time.monotonic() + 10
    while any(map(runs, helpers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(runs, helpers))


def runs(pid: int) -> bool:
    """Tell whether a process runs; a dead one that nobody asked about does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
