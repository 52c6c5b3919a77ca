"""What a county that was put back from a backup still knows of joins, and what it cannot know."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Terminal
from tests.sync.conftest import folder_of
from tests.sync.test_join import NEW_VILLAGE, invite, new_station
from tests.sync.test_join_after_end import put_back
from tests.sync.test_routes import clock_at


@pytest.fixture
def asked(county: Terminal, tmp_path: Path) -> Path:
    """Return the request of a village that the county has answered; its keys wait."""
    file, request = invite(county, NEW_VILLAGE, *new_station()), tmp_path / "request"
    Terminal(clock=county.clock).ok(
        "join", str(file), str(tmp_path / "village"), "--yes", "--request-out", str(request)
    )
    county.ok("join", "take", str(request), "--answer-out", str(tmp_path / "answer"))
    return request


def restored(county: Terminal, tmp_path: Path) -> Terminal:
    """Put the county back from a backup of this moment."""
    county.ok("backup", "--to", str(tmp_path / "kept"))
    put_back(county, tmp_path / "kept", tmp_path / "restored")
    return Terminal(folder=tmp_path / "restored", clock=county.clock)


def test_a_request_that_waited_waits_still(county: Terminal, asked: Path, tmp_path: Path) -> None:
    """Nobody has approved it: it was told as approved."""
    before = county.ok("join", "list", "--json").lines
    after = restored(county, tmp_path).ok("join", "list", "--json").lines
    assert [one["state"] for one in before] == ["pending"] * len(before) and before
    assert after == before


def test_what_was_given_after_the_backup_is_not_told_as_ended_by_a_wrong_clock(
    county: Terminal, asked: Path, tmp_path: Path
) -> None:
    """When the newest certificate begins is remembered; a backup remembers less, and only a clock knows."""
    back = restored(county, tmp_path)
    back.ok("county", "reopen", "registry", "--key", str(folder_of(county) / "roots" / "root-1.key"))
    back.clock = clock_at("2016-03-03 09:30")
    refused = back.run("station", "end-certificates", NEW_VILLAGE, "--as", "R001")
    assert refused.code == 2 and "[certificates.clock]" in refused.err, refused.err
    back.clock = clock_at("2026-03-04 09:30")
    back.ok("station", "end-certificates", NEW_VILLAGE, "--as", "R001")
