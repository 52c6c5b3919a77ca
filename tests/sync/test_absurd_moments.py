"""Times that no calendar has, signed by a station with valid keys: every list and report above goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.cli import main as audit_main
from ledger.cases.effects import local_date_text
from ledger.limits import INT_MAX
from stations.cli.lists import EXPORTS
from stations.words.moments import NO_MOMENT, show_moment
from tests.cli.conftest import Terminal
from tests.sync.evil import EvilStation
from tests.sync.world import COUNTY, START_MS, TOWN, World, settled

YEAR_10000_MS = 253_402_300_800_000 - 8 * 3_600_000
"""The first moment, in China, that has no date of four digits."""
COMMANDS = [
    ["worklist", "--all"], ["find", "--json", "X"], ["board"], ["board", "--json"], ["sync", "status"],
    ["figures"], ["publications"], ["day-clear", "--day", "2026-03-02"], ["twins"],
]  # fmt: skip


def _run(folder: Path, words: list[str]) -> str:
    terminal = Terminal(folder=folder)
    terminal.clock.set("2026-03-03 09:00")
    return terminal.ok(*words).out


@pytest.mark.parametrize("kind", ["occurred", "recorded"])
@pytest.mark.parametrize("at_ms", [YEAR_10000_MS, INT_MAX], ids=["year 10000", "largest"])
def test_nothing_fails_above(tmp_path: Path, kind: str, at_ms: int) -> None:
    world = World.after(settled(TOWN), tmp_path)
    evil = EvilStation(world)
    if kind == "occurred":
        case = evil.add(evil.sign(occurred_at_ms=at_ms))
    else:
        case = evil.add(evil.sign(), lambda entry: entry._replace(recorded_at_ms=at_ms))
    refused = evil.send()
    world.sync(TOWN)
    assert not refused
    assert world[COUNTY].ledger.state(case)[0].steps  # type: ignore[arg-type]
    world.close()
    for station in (TOWN, COUNTY):
        folder = world[station].path
        (folder / "banjian.toml").write_text(f'station = "{station}"\n', encoding="utf-8")
        for words in COMMANDS:
            _run(folder, words)
        shown = _run(folder, ["show", "X2"]), _run(folder, ["find", "X2"])
        if kind == "occurred":
            assert all(NO_MOMENT in text for text in shown)
        for sheet in EXPORTS:
            _run(folder, ["export", sheet, "--out", str(tmp_path / f"{station}-{sheet}.out")])
        assert audit_main(["verify", str(folder)]) in (0, 1)
        assert audit_main(["replay", str(folder), case.hex()]) in (0, 1)


@pytest.mark.parametrize("at_ms", [YEAR_10000_MS, INT_MAX, -INT_MAX, -(10**17)])
def test_a_moment_without_a_date_is_a_mark(at_ms: int) -> None:
    assert show_moment(at_ms) == NO_MOMENT
    assert show_moment(YEAR_10000_MS - 1) == "9999-12-31 23:59"
    assert show_moment(START_MS) == "2026-03-02 10:00"


def test_the_day_of_such_a_moment_comes_after_every_due_day() -> None:
    assert local_date_text(INT_MAX) == local_date_text(YEAR_10000_MS) == "9999-12-31"
    assert local_date_text(START_MS) == "2026-03-02"
