"""A forgotten passphrase by the command line: reset at the township, carried, used, confirmed, refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ledger.formats.envelope import read_envelope
from ledger.formats.keys import key_id
from stations.cli.counterday.demo import COUNTY, TOWNSHIP, VILLAGE
from tests.cli.conftest import ITEM, Terminal
from tests.cli.processes import ran, serving

RECEIVE = ("receive", ITEM, "--name", "赵小明", "--id-no", "11010519491231002X", "--phone", "13800001234")


def folder_of(terminal: Terminal) -> Path:
    assert terminal.folder is not None
    return terminal.folder


@pytest.fixture
def office(county: Terminal) -> Terminal:
    """The county with a head at the township."""
    county.ok("staff", "add", "T009", "--name", "周主任", "--at", TOWNSHIP, "--role", "head", "--as", "R001")
    county.ok(*RECEIVE, "--as", "V001")
    return county


def elsewhere(terminal: Terminal, tmp_path: Path) -> Terminal:
    """Another machine with the same ledger and the clerk's old key alone, as the village has it."""
    folder = tmp_path / "village"
    shutil.copytree(folder_of(terminal), folder)
    for path in (folder / "keys").iterdir():
        if path.name != "V001.key":
            path.unlink()
    return Terminal(folder=folder, clock=terminal.clock)


def reset(terminal: Terminal, *words: str) -> dict:
    terminal.passphrase = "another long passphrase"
    return terminal.ok("staff", "reset", "V001", "--as", "T009", "--json", *words).json


def test_the_file_that_carries_a_key_cannot_be_written_where_no_folder_is(
    office: Terminal, tmp_path: Path
) -> None:
    """The key is given all the same, and lies here: what failed is said as a failure to write."""
    office.passphrase = "another long passphrase"
    out = tmp_path / "nowhere" / "V001.newkey"
    refused = office.run("staff", "reset", "V001", "--as", "T009", "--out", str(out))
    assert refused.code == 2 and "[store.io]" in refused.err, refused.err
    assert office.ok("staff", "grants", "--json").lines


def test_reset_use_elsewhere_and_confirm(office: Terminal, tmp_path: Path) -> None:
    village = elsewhere(office, tmp_path)
    given = reset(office, "--reason", "forgotten", "--days", "3")
    keys = folder_of(office) / "keys"
    header = read_envelope((keys / "V001.key").read_bytes())
    assert key_id(header.alg, header.public_key).hex() == given["key_id"]
    assert (keys / "V001.key.old-1").exists()
    target = tmp_path / "backups"
    office.ok("backup", "--to", str(target))
    saved = {path.name for path in target.rglob("keys/*")}
    assert {"V001.key", f"{given['key_id']}.grant"} <= saved
    case = office.ok(*RECEIVE, "--as", "V001", "--json").json
    shown = office.ok("show", case["number"], "--json").json
    assert (shown["steps"][0]["staff_no"], shown["steps"][0]["under"]) == ("V001", given["grant"])
    assert "凭城关镇便民服务中心的临时授权" in office.ok("show", case["number"]).out

    assert village.run(*RECEIVE, "--as", "V001").code == 0
    village.passphrase = office.passphrase
    village.signers.clear()
    brought = village.ok("key", "bring", given["file"], "--json").json
    assert brought["staff_no"] == "V001"
    assert (folder_of(village) / "keys" / "V001.key.old-1").exists()
    village.ok(*RECEIVE, "--as", "V001")

    (waiting,) = office.ok("staff", "grants", "--json").lines
    assert (waiting["state"], waiting["granted_by"], waiting["key_id"]) == (
        "waiting",
        "T009",
        given["key_id"],
    )
    office.passphrase = "correct horse battery"
    done = office.ok("staff", "confirm", "V001", "--as", "R001", "--json").json
    assert done["key_id"] == given["key_id"]
    assert office.ok("staff", "grants", "--json").lines[0]["state"] == "confirmed"
    office.passphrase = "another long passphrase"
    later = office.ok(*RECEIVE, "--as", "V001", "--json").json
    assert office.ok("show", later["number"], "--json").json["steps"][0]["under"] is None
    again = office.run("staff", "confirm", "V001", "--as", "R001")
    assert again.code == 1
    assert "grant.none" in again.err


def test_a_key_that_is_past_its_limit_is_told(office: Terminal) -> None:
    given = reset(office, "--days", "1")
    office.clock.set("2026-03-06 09:00")
    refused = office.run(*RECEIVE, "--as", "V001")
    assert refused.code == 1
    assert "grant.expired" in refused.err
    brought = office.run("key", "bring", given["file"])
    assert brought.code == 1
    assert "grant.expired" in brought.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("V001", "--as", "T001"), "grant.grantor"),
        (("T009", "--as", "T009"), "grant.self"),
        (("V001", "--as", "C001"), "grant.station"),
        (("X999", "--as", "T009"), "registry.staff_unknown"),
        (("V001", "--as", "T009", "--days", "8"), "grant.days"),
    ],
)
def test_who_may_not(office: Terminal, words: tuple[str, ...], code: str) -> None:
    before = sorted(path.name for path in (folder_of(office) / "keys").iterdir())
    refused = office.run("staff", "reset", *words)
    assert refused.code == 1
    assert code in refused.err
    assert sorted(path.name for path in (folder_of(office) / "keys").iterdir()) == before
    assert not office.ok("staff", "grants", "--json").lines


@pytest.mark.parametrize("content", [b"", b"\x92\xc4\x00\xc4\x00", b"\x91\xa1a", "乱写的".encode()])
def test_a_damaged_key_file(office: Terminal, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.newkey"
    path.write_bytes(content)
    refused = office.run("key", "bring", str(path))
    assert refused.code == 1
    assert "grant.no_key" in refused.err or "key.envelope" in refused.err


def test_the_county_resets_the_township(office: Terminal) -> None:
    given = office.ok("staff", "reset", "T009", "--as", "C001", "--station", COUNTY, "--json").json
    assert given["staff_no"] == "T009"
    chained = office.run("staff", "reset", "V001", "--as", "T009")
    assert chained.code == 1
    assert "grant.grantor" in chained.err


def test_beside_a_server(office: Terminal) -> None:
    folder = folder_of(office)
    with serving(folder):
        done = ran(folder, "staff", "reset", "V001", "--as", "T009", "--json")
        assert done.returncode == 0, done.stderr
        received = ran(folder, *RECEIVE, "--as", "V001", "--station", VILLAGE)
        assert received.returncode == 0, received.stderr
        confirmed = ran(folder, "staff", "confirm", "V001", "--as", "R001")
        assert confirmed.returncode == 0, confirmed.stderr
        received = ran(folder, *RECEIVE, "--as", "V001", "--station", VILLAGE)
        assert received.returncode == 0, received.stderr


def test_a_name_that_is_enrolled_already_is_told_and_not_refused(office: Terminal) -> None:
    # Given a head, when the same name is enrolled under another number, then it is, and both are told;
    words = ("--at", TOWNSHIP, "--role", "window", "--as", "R001")
    second = office.ok("staff", "add", "T010", "--name", "周主任", *words)
    assert "T010 与 T009 同名（周主任）" in second.err and "banjian staff retire" in second.err
    assert office.ok("staff", "add", "T011", "--name", "周主任", *words, "--json").json["same_name"] == [
        "T009",
        "T010",
    ]
    # a number that has ended is nobody's second, and another name is another person.
    for no in ("T009", "T010", "T011"):
        office.ok("staff", "retire", no, "--reason", "retired", "--as", "R001")
    assert "同名" not in office.ok("staff", "add", "T012", "--name", "周主任", *words).err
    assert "同名" not in office.ok("staff", "add", "T013", "--name", "周主", *words).err
