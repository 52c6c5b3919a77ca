"""The county's ledger in PostgreSQL: connections that end in the middle of things, and a county restored."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.errors import StoreError
from ledger.facade import Home, Ledger
from ledger.facade.base.home import DATABASE_URL_NAME
from ledger.facade.opened.moving import move_to_postgres
from ledger.store.postgres import PostgresStore
from ledger.store.postgres_tx import PostgresReadTx
from tests.postgres import execute
from tests.sync.world import COUNTY, TOWN, VILLAGE, World

pytestmark = pytest.mark.layer("postgres")


@pytest.fixture
def world(tmp_path: Path, new_url: Callable[[], str]) -> Iterator[World]:
    made = World(tmp_path, county_url=new_url())
    for station in (TOWN, VILLAGE):
        made.join(station)
    made.settle(TOWN, VILLAGE)
    yield made
    made.close()


class Cutter:
    """Ends the writer's connection, from the server's side, just before its N-th statement."""

    def __init__(self, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 0
        run, write = PostgresReadTx._run, PostgresReadTx.__subclasses__()[0]._write  # type: ignore[attr-defined]
        cutter = self

        def cut(tx: PostgresReadTx) -> None:
            cutter.left -= 1
            if cutter.left == 0 and type(tx) is not PostgresReadTx:
                execute(dsn, f"SELECT pg_terminate_backend({tx._connection.info.backend_pid}, 5000)")

        def run_cut(tx: PostgresReadTx, *words):  # type: ignore[no-untyped-def]
            cut(tx)
            return run(tx, *words)

        def write_cut(tx, *words):  # type: ignore[no-untyped-def]
            cut(tx)
            return write(tx, *words)

        monkeypatch.setattr(PostgresReadTx, "_run", run_cut)
        monkeypatch.setattr(PostgresReadTx.__subclasses__()[0], "_write", write_cut)


@pytest.fixture
def cutter(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Cutter:
    return Cutter(postgres_dsn, monkeypatch)


def test_a_connection_that_ends_during_an_act_loses_that_act_and_nothing_else(
    world: World, cutter: Cutter, tmp_path: Path
) -> None:
    cut = 0
    for statement in range(1, 60, 2):
        county = world[COUNTY]
        before = len(county.ledger.worklist(include_closed=True))
        cutter.left = statement
        try:
            world.receive(COUNTY, applicant=f"人{statement}")
        except StoreError as error:
            assert error.code == "store.unreachable"
            cut += 1
            # Nothing more is written on what is remembered, for another may hold the lock by now.
            with pytest.raises(StoreError) as caught:
                world.receive(COUNTY, applicant="再")
            assert caught.value.code == "store.connection_lost"
            assert not county.ledger.store.usable()
            assert len(county.ledger.worklist(include_closed=True)) == before
            county.close()
            world.receive(COUNTY, applicant=f"人{statement}")
        cutter.left = 0
        assert len(county.ledger.worklist(include_closed=True)) == before + 1
        if cut and statement > 24:
            break
    assert cut >= 5
    report = exported(world, tmp_path / "export.db")
    assert report.ok, report.findings


def test_a_connection_that_ends_while_a_township_is_taken_in_costs_a_second_session(
    world: World, cutter: Cutter, tmp_path: Path
) -> None:
    cases, cut = [], 0
    for statement in range(1, 120, 17):
        cases.append(world.receive(VILLAGE, applicant=f"人{statement}"))
        world.sync(VILLAGE)
        cutter.left = statement
        try:
            world.sync(TOWN)
        except StoreError as error:
            assert error.code in {"store.unreachable", "store.connection_lost"}
        cutter.left = 0
        if not world[COUNTY].ledger.store.usable():
            cut += 1
            world[COUNTY].close()
        world.sync(TOWN)
    assert cut >= 3
    world.settle(VILLAGE, TOWN)
    for case in cases:
        assert len({world.digest(station, case) for station in (VILLAGE, TOWN, COUNTY)}) == 1
    assert world[TOWN].exchange.held.waiting(COUNTY) == (0, 0)
    report = exported(world, tmp_path / "export.db")
    assert report.ok, report.findings


def test_a_commit_whose_answer_never_came_is_told_as_unknown_and_found_afterwards(
    world: World, tmp_path: Path
) -> None:
    county = world[COUNTY]
    county.close()
    home = Home(county.path)
    url = home.database_url() or ""
    with Relay(url) as relay:
        home.write_secret(DATABASE_URL_NAME, relay.url.encode())
        county.ledger.worklist()
        relay.swallow = True
        with pytest.raises(StoreError) as caught:
            world.receive(COUNTY, applicant="不知")
        assert caught.value.code == "store.commit_unknown"
        county.close()
        home.write_secret(DATABASE_URL_NAME, url.encode())
    # The server had committed; whoever opens again continues behind that entry, as soon as the server has
    # noticed that nobody is left at the other end of the connection before.
    for _ in range(300):
        with suppress(StoreError):
            assert len(county.ledger.find("不知")) == 1
            break
        time.sleep(0.2)
    assert len(county.ledger.find("不知")) == 1
    world.receive(COUNTY, applicant="之后")
    world.settle(TOWN, VILLAGE)
    report = exported(world, tmp_path / "export.db")
    assert report.ok, report.findings
    assert not {finding.code for finding in report.findings} & {"log.branch", "log.fork"}


def test_a_county_restored_from_an_old_backup_recovers_from_its_stations(
    world: World, tmp_path: Path, new_url: Callable[[], str]
) -> None:
    old = world.receive(VILLAGE, applicant="甲")
    world.do(VILLAGE, "hand_over", old, to=COUNTY)
    world.settle(VILLAGE, TOWN)
    county = world[COUNTY]
    county.ledger.store.backup(tmp_path / "backup.db", without_tables=())
    world.do(COUNTY, "take_over", old)
    world.do(COUNTY, "accept", old, role="officer")
    fresh = world.receive(VILLAGE, applicant="乙")
    world.settle(VILLAGE, TOWN)
    digests = {case: world.digest(VILLAGE, case) for case in (old, fresh)}
    county.close()
    (county.path / "secrets" / DATABASE_URL_NAME).unlink()
    shutil.copy(tmp_path / "backup.db", county.path / "ledger.db")
    (county.path / "RESTORED").touch()
    move_to_postgres(Home(county.path), new_url())
    world.settle(VILLAGE, TOWN)
    assert isinstance(county.ledger.store, PostgresStore)
    for case, before in digests.items():
        assert {world.digest(station, case) for station in (VILLAGE, TOWN, COUNTY)} == {before}
    world.do(COUNTY, "start_review", old, role="officer")
    world.settle(TOWN, VILLAGE)
    assert len({world.digest(station, old) for station in (VILLAGE, TOWN, COUNTY)}) == 1


def test_readers_see_one_state_while_the_county_takes_things_in(world: World) -> None:
    county = world[COUNTY]
    with Ledger.open(county.path, write=False) as beside:
        with beside.reading() as (tx, _):
            before = tx.records(after=0, limit=10_000)
            world.receive(VILLAGE, applicant="甲")
            world.settle(VILLAGE, TOWN)
            assert tx.records(after=0, limit=10_000) == before
        with beside.reading() as (tx, _):
            assert len(tx.records(after=0, limit=10_000)) > len(before)
        with pytest.raises(StoreError) as caught, beside.store.write():
            pass
        assert caught.value.code == "store.read_only"


def exported(world: World, target: Path):  # type: ignore[no-untyped-def]
    """Return the audit of the county's export."""
    world[COUNTY].ledger.store.backup(target, without_tables=("case_keys", "search_tokens"))
    return verify_ledger(target, workers=1)


class Relay:
    """Passes on what goes to the server and comes back; may swallow the answer to the writer's ``COMMIT``."""

    def __init__(self, url: str) -> None:
        from psycopg.conninfo import conninfo_to_dict, make_conninfo

        # The path of a socket is short: the folder of a test may be too deep for it.
        folder = Path(tempfile.mkdtemp(prefix="relay"))
        parts = conninfo_to_dict(url)
        port = parts.get("port") or "5432"
        self._target = f"{parts['host']}/.s.PGSQL.{port}"
        self.url = make_conninfo(url, host=str(folder), sslmode="disable")
        self.swallow = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / f".s.PGSQL.{port}"))
        self._listener.listen()

    def __enter__(self) -> Relay:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(self._target)
            threading.Thread(target=self._up, args=(near, far), daemon=True).start()
            threading.Thread(target=self._down, args=(near, far), daemon=True).start()

    def _up(self, near: socket.socket, far: socket.socket) -> None:
        writes = False
        while data := _received(near):
            writes = writes or b"pg_try_advisory_lock" in data
            if self.swallow and writes and b"COMMIT" in data:
                near.shutdown(socket.SHUT_RDWR)
            far.sendall(data)
        # Closing alone tells the server nothing while the other thread still waits for its words.
        with suppress(OSError):
            far.shutdown(socket.SHUT_RDWR)
        far.close()

    def _down(self, near: socket.socket, far: socket.socket) -> None:
        while data := _received(far):
            try:
                near.sendall(data)
            except OSError:
                continue
        near.close()


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(65536)
    except OSError:
        return b""
