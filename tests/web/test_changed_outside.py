"""Another program changes the ledger file while the station serves: nothing is built upon that unseen."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from ledger.facade import Home
from ledger.facade.peering.between import sync_status
from ledger.formats.envelope import seal_key
from ledger.store.sqlite_schema import events_schema
from stations.checkup.doctorrows import row_checks
from tests.facade.counter import FELLING, TOWNSHIP, VILLAGE
from tests.quickkeys import QUICK
from tests.web.counterdesk import PASSPHRASE, Counter, Desk, Page, serving

TRIGGER = "stored_events__no_delete"


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    with serving(tmp_path / "county") as one:
        yield one


def receive(desk: Desk) -> Page:
    path = f"/receive/{FELLING}"
    return desk.post(path, {"once": desk.get(path).field("once"), "applicant.name": "洪有人改"})


def enrol(desk: Desk, number: int) -> Page:
    form = desk.get("/stations/new")
    given = {
        "station": f"{VILLAGE[:-3]}-{number:02}",
        "name": "新站",
        "level": "village",
        "upstream": TOWNSHIP,
    }
    return desk.post("/stations/new", {"once": form.field("once"), **given})


def hurt(folder: Path, statement: str, values: Sequence[object] = ()) -> None:
    with closing(sqlite3.connect(folder / "ledger.db")) as connection, connection:
        connection.execute(statement, values)


def acts(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "ledger.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM stored_events").fetchone()[0])


def test_pages_stop_while_the_guards_of_the_file_are_gone(counter: Counter) -> None:
    desk = counter.desk("V1")
    assert receive(desk).status == 200
    path = f"/receive/{FELLING}"
    once = desk.get(path).field("once")
    before = acts(counter.folder)
    hurt(counter.folder, f"DROP TRIGGER {TRIGGER}")
    assert desk.get("/").code == "store.schema_differs"
    assert desk.post(path, {"once": once, "applicant.name": "洪有人改"}).code == "store.schema_differs"
    assert acts(counter.folder) == before
    hurt(counter.folder, events_schema()[TRIGGER])
    assert desk.get("/").status == 200
    # Whoever could drop a guard may have done more: the first write has the file opened anew, and goes on.
    assert receive(desk).status == 200
    assert acts(counter.folder) == before + 1


def test_a_checkpoint_by_another_program_refuses_nobody(counter: Counter) -> None:
    desk = counter.desk("V1")
    before = acts(counter.folder)
    for count in (1, 2):
        with closing(sqlite3.connect(counter.folder / "ledger.db")) as connection:
            assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
        answer = receive(desk)
        assert (answer.status, answer.code) == (200, "")
        assert acts(counter.folder) == before + count
    with counter.ledger() as ledger:
        assert [one.code for one in sync_status(ledger, VILLAGE).findings] == ["ledger.changed_outside"]


def test_nothing_is_written_by_rules_that_were_changed_meanwhile(counter: Counter) -> None:
    desk = counter.desk("V1")
    assert receive(desk).status == 200
    before = acts(counter.folder)
    place = "seq = 2 AND log = (SELECT log FROM logs WHERE kind = 'catalogue')"
    with closing(sqlite3.connect(counter.folder / "ledger.db")) as connection:
        (facts,) = connection.execute(f"SELECT facts FROM bodies WHERE {place}").fetchone()
    hurt(counter.folder, f"UPDATE bodies SET facts = NULL WHERE {place}")
    for _ in range(2):
        assert receive(desk).code == "ledger.rules_changed"
    assert acts(counter.folder) == before
    hurt(counter.folder, f"UPDATE bodies SET facts = ? WHERE {place}", (facts,))
    assert receive(desk).status == 200
    assert acts(counter.folder) == before + 1
    with counter.ledger() as ledger:
        told = {
            one.code: one.level
            for one in row_checks(Home(counter.folder), ledger, thorough=True, key_fits=True)
        }
        assert told["ledger.changed_outside"] == "warning" and told["doctor.rules"] == "ok"
        assert [one.code for one in sync_status(ledger, VILLAGE).findings] == ["ledger.changed_outside"]
    assert "别的程序动过本机的台账文件" in desk.get("/safe").text


def test_what_a_page_registers_is_guarded_as_well(counter: Counter) -> None:
    seed = hashlib.sha256(b"registrar").digest()
    raw = seal_key(seed, PASSPHRASE, salt=bytes(16), nonce=bytes(12), label="R1", params=QUICK)
    (counter.folder / "keys" / "R1.key").write_bytes(raw)
    desk = counter.desk("R1")
    assert enrol(desk, 1).status == 200
    before = acts(counter.folder)
    place = "seq = 4 AND log = (SELECT log FROM logs WHERE kind = 'registry')"
    hurt(counter.folder, f"UPDATE bodies SET facts = NULL WHERE {place}")
    codes = [enrol(desk, 2).code for _ in range(2)]
    assert codes == ["ledger.rules_changed"] * 2
    assert acts(counter.folder) == before
