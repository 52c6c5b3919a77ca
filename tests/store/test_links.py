"""One writer however the ledger is named: by its real place, through links, by a second name of the file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger import platform
from ledger.errors import StoreError
from ledger.sqlitefile import file_uri
from ledger.store.sqlite_opening import open_sqlite

ROOT = Path(__file__).resolve().parents[2]

OPENER = """
import sys
from pathlib import Path
from ledger.errors import StoreError
from ledger.store.sqlite_opening import open_sqlite
try:
    with open_sqlite(Path(sys.argv[1])).write() as tx:
        tx.append("bb", 1, [("receive", b"second")])
    print("wrote")
except StoreError as error:
    print(error.code, error.params.get("pid", ""))
"""


def second_writer(path: Path) -> list[str]:
    """Return what another process is told that opens the ledger by this name and writes."""
    command = [sys.executable, "-c", OPENER, str(path)]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    return told.stdout.split()


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """A ledger file at its real place."""
    place = tmp_path / "real"
    place.mkdir()
    open_sqlite(place / "ledger.db", create=True).close()
    return place / "ledger.db"


def linked(real: Path, how: str) -> Path:
    """Return another name for the ledger."""
    aside = real.parent.parent / "aside"
    if how == "folder":
        aside.symlink_to(real.parent)
        return aside / "ledger.db"
    aside.mkdir()
    if how == "chain":
        (aside / "middle").symlink_to(os.path.relpath(real, aside))
        (aside / "other.db").symlink_to("middle")
        return aside / "other.db"
    (aside / "ledger.db").symlink_to(real)
    return aside / "ledger.db"


@pytest.mark.parametrize("first", ["real", "link"])
@pytest.mark.parametrize("how", ["folder", "file", "chain"])
def test_a_writer_through_a_link_and_one_at_the_real_place_are_one_too_many(
    real: Path, how: str, first: str
) -> None:
    names = [real, linked(real, how)]
    if first == "link":
        names.reverse()
    store = open_sqlite(names[0])
    try:
        assert second_writer(names[1]) == ["store.locked", str(os.getpid())]
    finally:
        store.close()
    assert second_writer(names[1]) == ["wrote"]
    assert [one.name for one in real.parent.glob("*.lock")] == ["ledger.db.lock"]


def test_a_ledger_made_through_a_link_lies_and_is_locked_where_the_link_leads(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    link = tmp_path / "ledger.db"
    link.symlink_to(tmp_path / "disk" / "kept.db")
    store = open_sqlite(link, create=True)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["disk", "ledger.db"]
    assert (tmp_path / "disk" / "kept.db.lock").read_text() == f"{os.getpid()}\n"
    assert second_writer(tmp_path / "disk" / "kept.db")[0] == "store.locked"
    store.close()


def test_links_in_a_circle_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.db").symlink_to(tmp_path / "b.db")
    (tmp_path / "b.db").symlink_to(tmp_path / "a.db")
    with pytest.raises(StoreError) as caught:
        open_sqlite(tmp_path / "a.db")
    assert caught.value.code == "store.missing"
    with pytest.raises(StoreError) as caught:
        open_sqlite(tmp_path / "a.db", create=True)
    assert caught.value.code in {"store.io", "store.cannot_open", "store.missing"}


def test_a_file_with_two_names_is_not_written(real: Path) -> None:
    """SQLite keeps what is confirmed beside the name: under the other name it would be missing."""
    other = real.parent / "other.db"
    os.link(real, other)
    for name in (real, other):
        with pytest.raises(StoreError) as caught:
            open_sqlite(name)
        assert (caught.value.code, caught.value.params["file"]) == ("store.two_names", name.name)
        open_sqlite(name, read_only=True).close()
    other.unlink()
    open_sqlite(real).close()


def test_the_database_is_opened_by_its_real_name(real: Path) -> None:
    """Only some systems' SQLite follows links itself when it names its log."""
    assert file_uri(linked(real, "file"), mode="ro") == file_uri(real, mode="ro")


def test_a_path_that_begins_with_two_slashes_is_no_host(real: Path) -> None:
    store = open_sqlite(Path(f"/{real}"))
    assert second_writer(real)[0] == "store.locked"
    store.close()


def test_the_local_socket_is_found_through_a_link(tmp_path: Path) -> None:
    """However deep the folder, so that its address may be a hash of its name."""
    for name in ("short", "深" * 40):
        (tmp_path / name).mkdir()
        (tmp_path / f"{len(name)}-link").symlink_to(tmp_path / name)
        addresses = {
            platform.local_socket_address(tmp_path / name),
            platform.local_socket_address(tmp_path / f"{len(name)}-link"),
        }
        assert len(addresses) == 1
