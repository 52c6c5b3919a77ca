"""``make sim``: which seeds are meant, and that none of them is passed over."""

from __future__ import annotations

import pytest

from tests.simulation import run
from tests.simulation.__main__ import main, seeds_of
from tests.simulation.world import World


def test_seeds_are_read_as_they_are_written() -> None:
    assert seeds_of("3") == ["3"]
    assert seeds_of("1, 4,9-11") == ["1", "4", "9", "10", "11"]


@pytest.mark.parametrize("text", ["3-1", "", "a-b", "1-2-3", "-3", "1-", "1,,2", "１", "1-5,9-7"])
def test_what_names_no_seeds_is_refused_and_not_passed(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([text]) == 2
    told = capsys.readouterr()
    assert told.out == "" and "SEEDS" in told.err


def test_a_story_that_breaks_off_is_a_violation_and_the_next_seed_has_its_turn(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun: list[World] = []

    async def broken(world: World) -> int:
        begun.append(world)
        raise RuntimeError("a bug may raise anything")

    monkeypatch.setattr(run, "trouble", broken)
    assert main(["1,2"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [world.seed for world in begun] == ["1", "2"]
    assert [line.split(":")[0] for line in lines if line.startswith("seed ")] == ["seed 1", "seed 2"]
    assert sum("broke off: RuntimeError" in line for line in lines) == 2
    assert lines[-1].startswith("2 seeds, ") and lines[-1].endswith(", 2 violations")
