"""A rollback journal beside a ledger would be written over it: refused, but for what a power cut leaves."""

from __future__ import annotations

import sqlite3
import struct
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.errors import StoreError
from ledger.facade import Home
from ledger.sqlitefile import unwritable_copy
from ledger.store.sqlite_opening import open_sqlite
from tests.audit.ledgers import copy_home, make_ledger

PAGE = 4096
LOG = "00" * 16


def page_of(path: Path, number: int) -> bytes:
    return path.read_bytes()[(number - 1) * PAGE : number * PAGE]


def lay_journal(path: Path, pages: dict[int, bytes], *, before: int = 0) -> Path:
    """Lay a rollback journal that SQLite plays back beside a file.

    Args:
        path: the file.
        pages: what the journal holds.
        before: pages that the file is said to have had; as many as it has by default.
    """
    count = before or path.stat().st_size // PAGE
    raw = struct.pack(">8sIIIII", bytes.fromhex("d9d505f920a163d7"), len(pages), 7, count, 512, PAGE)
    raw = raw.ljust(512, b"\0")
    for number, page in pages.items():
        total = 7 + sum(page[place] for place in range(PAGE - 200, 0, -200))
        raw += struct.pack(">I", number) + page + struct.pack(">I", total & 0xFFFFFFFF)
    journal = path.with_name(path.name + "-journal")
    journal.write_bytes(raw)
    return journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger file at rest, in the mode of a ledger."""
    path = tmp_path / "ledger.db"
    with closing(open_sqlite(path, create=True)) as made, made.write() as tx:
        tx.append(LOG, 1, [("receive", b"frame 1")])
    assert page_of(path, 1)[18:20] == b"\2\2"
    return path


def link_to(path: Path) -> Path:
    """Lay a link to a ledger file, under another name and in another folder."""
    folder = path.parent / "elsewhere"
    folder.mkdir()
    link = folder / "linked.db"
    link.symlink_to(path)
    return link


def opened(path: Path, *, read_only: bool) -> str:
    try:
        open_sqlite(path, read_only=read_only).close()
    except StoreError as error:
        return error.code
    return ""


def altered(path: Path) -> bytes:
    page = bytearray(page_of(path, 3))
    page[-1] ^= 1
    return bytes(page)


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("what", ["page", "first page", "two pages", "shorter", "cut off"])
def test_a_journal_that_would_change_the_file_is_refused(path: Path, read_only: bool, what: str) -> None:
    first = page_of(path, 1)
    pages = {
        "page": {3: altered(path)},
        "first page": {1: first[:40] + bytes([first[40] ^ 1]) + first[41:]},
        "two pages": {1: first, 3: altered(path)},
    }.get(what, {1: first})
    journal = lay_journal(path, pages, before=2 if what == "shorter" else 0)
    if what == "cut off":
        journal.write_bytes(journal.read_bytes()[:20])
    before = path.read_bytes(), journal.read_bytes()
    assert opened(path, read_only=read_only) == "store.journal"
    assert (path.read_bytes(), journal.read_bytes()) == before, "nothing was touched"
    journal.rename(journal.with_suffix(".kept"))
    assert opened(path, read_only=read_only) == ""


def test_this_is_what_sqlite_would_have_played_back(path: Path) -> None:
    wrong = altered(path)
    journal = lay_journal(path, {3: wrong})
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    assert page_of(path, 3) == wrong and not journal.exists()


def test_a_power_cut_while_a_copy_gets_its_log_back_locks_nobody_out(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    before = page_of(path, 1)
    open_sqlite(path).close()
    assert page_of(path, 1) != before
    journal = lay_journal(path, {1: before})
    assert opened(path, read_only=False) == ""
    assert not journal.exists()
    with closing(open_sqlite(path, read_only=True)) as store, store.read() as tx:
        assert tx.frame(LOG, 1) == b"frame 1"


@pytest.mark.parametrize("left", [b"", bytes(512)])
def test_a_journal_that_has_ended_is_none(path: Path, left: bytes) -> None:
    path.with_name("ledger.db-journal").write_bytes(left)
    assert opened(path, read_only=False) == ""


@pytest.mark.parametrize("read_only", [True, False])
def test_a_journal_beside_what_a_link_leads_to_is_refused(path: Path, read_only: bool) -> None:
    link = link_to(path)
    wrong = altered(path)
    journal = lay_journal(path, {3: wrong})
    before = path.read_bytes(), journal.read_bytes()
    with pytest.raises(StoreError) as refused:
        open_sqlite(link, read_only=read_only)
    assert (refused.value.code, refused.value.params) == ("store.journal", {"file": path.name})
    assert (path.read_bytes(), journal.read_bytes()) == before, "nothing was touched"
    with closing(sqlite3.connect(link)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    assert page_of(path, 3) == wrong and not journal.exists(), "this is what SQLite does through the link"


@pytest.mark.parametrize("read_only", [True, False])
def test_what_lies_beside_the_link_is_no_journal(path: Path, read_only: bool) -> None:
    link = link_to(path)
    lay_journal(path, {3: altered(path)}).rename(link.with_name("linked.db-journal"))
    assert opened(link, read_only=read_only) == ""


def test_a_copy_has_the_log_of_what_a_link_leads_to(path: Path) -> None:
    link = link_to(path)
    with closing(open_sqlite(path)) as store:
        with store.write() as tx:
            tx.append(LOG, 2, [("receive", b"frame 2")])
        with ExitStack() as stack:
            copy = unwritable_copy(link, stack)
            assert copy != link, "the log holds the newest frame"
            with closing(sqlite3.connect(copy)) as connection:
                rows = connection.execute("SELECT state FROM stored_events ORDER BY originator_version")
                assert [row[0] for row in rows] == [b"frame 1", b"frame 2"]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_ledger(tmp_path_factory.mktemp("journal") / "sound", cases=1)


def test_an_audit_tells_of_it_and_judges_the_file_as_it_is(sound: Home, tmp_path: Path) -> None:
    folder = copy_home(sound, tmp_path / "copy")
    path = folder / "ledger.db"
    assert verify_ledger(folder).ok
    journal = lay_journal(path, {3: altered(path)})
    before = path.read_bytes(), journal.read_bytes()
    report = verify_ledger(folder)
    assert [one.code for one in report.findings if one.severity == "error"] == ["file.journal"]
    assert (path.read_bytes(), journal.read_bytes()) == before


def test_an_audit_of_a_linked_ledger_tells_of_it_too(sound: Home, tmp_path: Path) -> None:
    path = copy_home(sound, tmp_path / "copy") / "ledger.db"
    link = link_to(path)
    assert verify_ledger(link).ok
    lay_journal(path, {3: altered(path)})
    found = [one for one in verify_ledger(link).findings if one.severity == "error"]
    assert [one.code for one in found] == ["file.journal"]
    assert "ledger.db-journal" in str(found[0])
