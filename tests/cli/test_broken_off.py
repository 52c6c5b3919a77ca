"""Commands of the first days that were killed half-way, and are given again."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from ledger import platform
from stations.cli.counterday.demo import COUNTY, TOWNSHIP
from stations.office.newkeys import make_key
from tests.cli.conftest import PASSPHRASE, Terminal

NEW = "990121001202-00"
ADD = ("station", "add", NEW, "--name", "新村", "--level", "village", "--upstream", TOWNSHIP, "--as", "R001")


def _keys(terminal: Terminal) -> Path:
    assert terminal.folder is not None
    return terminal.folder / "keys"


def test_a_station_enrolled_and_not_opened_is_opened_by_the_same_command(county: Terminal) -> None:
    county.ok(*ADD)  # As far as a command with --open got that was killed after it enrolled.
    named = county.run(*ADD)
    assert named.code == 1 and f"banjian station open {NEW}" in named.err
    other = county.run(*(word if word != "新村" else "另一村" for word in ADD), "--open")
    assert "[registry.station_enrolled]" in other.err
    assert county.ok(*ADD, "--open", "--json").json["log_id"]
    again = county.run(*ADD, "--open")
    assert again.code == 1 and "[registry.station_enrolled]" in again.err
    (row,) = (one for one in county.ok("station", "list", "--json").lines if one["station"] == NEW)
    assert row["kept_here"]


def test_a_closed_station_without_a_log_here_is_enrolled_again_before_it_is_opened(county: Terminal) -> None:
    county.ok(*ADD)
    county.ok("station", "close", NEW, "--as", "R001")
    assert county.ok(*ADD, "--open", "--json").json["log_id"]
    (row,) = (one for one in county.ok("station", "list", "--json").lines if one["station"] == NEW)
    assert row["kept_here"]
    acts = county.ok("registry", "log", "--json").lines
    done = [one["action"] for one in acts if one["effective"] and one["action"].endswith("_station")]
    assert done[-3:] == ["enrol_station", "close_station", "enrol_station"], done


def test_a_key_made_and_not_enrolled_is_enrolled_by_the_same_command(county: Terminal) -> None:
    path = _keys(county) / "C010.key"
    made = make_key(path, label="C010", passphrase=PASSPHRASE, randomness=os.urandom)
    add = ("staff", "add", "C010", "--name", "程县", "--at", COUNTY, "--role", "window", "--as", "R001")
    county.passphrase = "somebody else's"
    stranger = county.run(*add)
    assert "[key.passphrase]" in stranger.err and path.exists()
    county.passphrase = PASSPHRASE
    refused = county.run(*(word if word != COUNTY else "990121999999-00" for word in add))
    assert refused.code == 1 and path.exists(), refused.err
    county.ok(*add)
    people = {one["staff_no"]: one["key_id"] for one in county.ok("staff", "list", "--json").lines}
    assert people["C010"] == made.key_id.hex()
    taken = county.run(*add)
    assert "[key.exists]" in taken.err and path.exists()


def test_a_key_of_somebody_else_is_enrolled_for_nobody(county: Terminal) -> None:
    path = _keys(county) / "C010.key"
    make_key(path, label="C011", passphrase=PASSPHRASE, randomness=os.urandom)
    add = ("staff", "add", "C010", "--name", "程县", "--at", COUNTY, "--role", "window", "--as", "R001")
    assert "[key.exists]" in county.run(*add).err and path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="modes of files")
def test_a_secret_is_its_owners_alone_before_it_has_its_name(tmp_path: Path) -> None:
    """No step comes after the one that gives the file its name: whoever is killed leaves nothing open."""
    before = os.umask(0)
    try:
        platform.write_durably(tmp_path / "secret", b"x", private=True)
        platform.write_durably(tmp_path / "other", b"x")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"secret": 0o600, "other": 0o666}
