"""What a county that was put back from a backup still knows of joins, and what it cannot know."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Terminal
from tests.sync.conftest import folder_of
from tests.sync.test_join import NEW_VILLAGE, invite, new_station, write_request
from tests.sync.test_join_after_end import put_back
from tests.sync.test_routes import clock_at

OTHER_VILLAGE = "990121001306-00"


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


def test_an_invite_that_was_used_after_the_backup_is_good_for_nobody_else(
    county: Terminal, tmp_path: Path
) -> None:
    """That it was used is lost with the rest, and whoever found it got a certificate of the station."""
    first = invite(county, NEW_VILLAGE, *new_station())
    other = invite(county, OTHER_VILLAGE, *new_station("东门村便民服务站"))
    mine, thief, late = (tmp_path / name for name in ("mine", "thief", "late"))
    for file, request in ((first, mine), (first, thief), (other, late)):
        write_request(file, tmp_path / f"{request.name}-home", request)
    answer = ("--answer-out", str(tmp_path / "answer"))
    county.ok("join", "take", str(mine), *answer)
    county.ok("join", "approve", NEW_VILLAGE, "--as", "R001")
    back = restored(county, tmp_path)
    for name in ("used", "issued"):
        for record in (tmp_path / "restored" / "joins").glob(f"*.{name}"):
            record.unlink()
    for request in (mine, thief, late):
        assert "[join.before_restore]" in back.run("join", "take", str(request), *answer).err
    back.ok("county", "reopen", "registry", "--key", str(folder_of(county) / "roots" / "root-1.key"))
    for kind in ("catalogue", "merge"):
        back.ok("county", "reopen", kind, "--as", "R001")
    refused = back.run("join", "take", str(thief), *answer)
    assert refused.code == 1 and "[join.before_restore]" in refused.err
    # Who has these keys used it, and who has not joined yet can have used none.
    back.ok("join", "take", str(mine), *answer)
    back.ok("join", "take", str(late), *answer)
    back.clock = clock_at("2026-01-03 09:30")
    anew = invite(back, NEW_VILLAGE)
    write_request(anew, tmp_path / "anew-home", tmp_path / "anew")
    back.ok("join", "take", str(tmp_path / "anew"), *answer)
