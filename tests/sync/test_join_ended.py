"""Join requests that wait from before the end of a station's certificates: a stolen machine's may be one."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.facade import Ledger
from tests.cli.conftest import Terminal
from tests.sync.conftest import folder_of
from tests.sync.test_join import NEW_VILLAGE, invite, new_station


def asked(county: Terminal, folder: Path, *words: str, station: str = NEW_VILLAGE) -> str:
    """Let a machine ask for keys by stick; returns the number of its request, which waits."""
    before = {one["request"] for one in waiting(county)}
    request = str(folder.with_name(f"{folder.name}.request"))
    file = invite(county, station, *words)
    machine = Terminal(clock=county.clock)
    staff = f"--staff={folder.name}=西门甲"
    machine.ok("join", str(file), str(folder), "--yes", "--request-out", request, staff)
    county.ok("join", "take", request, "--answer-out", f"{request}.answer")
    file.unlink()
    (number,) = {str(one["request"]) for one in waiting(county)} - before
    return number


def waiting(county: Terminal) -> list[dict[str, object]]:
    lines: list[dict[str, object]] = county.ok("join", "list", "--json").lines
    return [one for one in lines if one["state"] == "pending"]


def keys(county: Terminal) -> set[str]:
    """Return who has a key in force at the village."""
    with Ledger.open(folder_of(county), write=False) as ledger:
        registry = ledger.knowledge.registry
        people = {no for no in ("thief", "new") if registry.staff(no) is not None}
        return people | {
            purpose for purpose in ("bundle", "receipt") if registry.service_keys(NEW_VILLAGE, purpose)
        }


@pytest.fixture
def stolen(county: Terminal, tmp_path: Path) -> str:
    """The number of a request that a machine sent; its station's certificates were ended since."""
    number = asked(county, tmp_path / "thief", *new_station())
    told = county.ok("station", "end-certificates", NEW_VILLAGE, "--as", "R001")
    assert "1 份" in told.err and "join reject" in told.err
    return number


def test_what_waits_from_before_the_end_is_not_approved_with_the_others(
    county: Terminal, stolen: str, tmp_path: Path
) -> None:
    county.clock.set("2026-03-04 08:30")
    for words in (("--all",), ("--all", "--anyway"), (NEW_VILLAGE,), (NEW_VILLAGE, "--anyway"), (stolen,)):
        for lang, said in (("zh", "作废证书以前"), ("en", "before the certificates")):
            done = county.run("join", "approve", *words, "--as", "R001", lang=lang)
            assert done.code == 1, (words, done)
            assert said in done.err and stolen[:12] in done.err and NEW_VILLAGE in done.err
    assert keys(county) == set()
    assert {one["ended"] for one in waiting(county)} == {True}
    assert "作废证书以前" in county.ok("join", "list").out
    # The new machine's request waits beside it, and is approved by any of these.
    new = asked(county, tmp_path / "new")
    assert {one["request"]: one["ended"] for one in waiting(county)} == {stolen: True, new: False}
    done = county.run("join", "approve", NEW_VILLAGE, "--as", "R001")
    assert done.code == 1 and stolen[:12] in done.err and new[:12] not in done.err
    assert keys(county) == {"new", "bundle", "receipt"}
    county.ok("join", "reject", stolen, "--reason", "丢失的电脑", "--as", "R001")
    assert waiting(county) == []
    county.ok("join", "approve", "--all", "--as", "R001")


def test_it_is_approved_when_it_is_named_and_vouched_for(county: Terminal, stolen: str) -> None:
    county.ok("join", "approve", stolen[:8], "--anyway", "--as", "R001")
    assert keys(county) == {"thief", "bundle", "receipt"}
    assert waiting(county) == []


def test_one_of_which_nobody_knows_when_its_invite_was_used_counts_as_one_from_before(
    county: Terminal, tmp_path: Path
) -> None:
    numbers = {asked(county, tmp_path / "first", *new_station()), asked(county, tmp_path / "second")}
    county.ok("station", "end-certificates", NEW_VILLAGE, "--as", "R001")
    joins = folder_of(county) / "joins"
    for number, broken in zip(sorted(numbers), (b"\xc1", None), strict=True):
        used = joins / f"{number}.used"
        used.unlink() if broken is None else used.write_bytes(broken)
    assert {one["request"] for one in waiting(county) if one["ended"]} == numbers
    # Other stations' requests are what they were.
    other = asked(county, tmp_path / "other", *new_station("另一村"), station="990121001306-00")
    assert [one["ended"] for one in waiting(county) if one["request"] == other] == [False, False, False]
