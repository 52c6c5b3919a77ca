"""The county demonstration, small: real processes, everything planted shown, same seed, same acts."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.cli import main as audit
from tests.cli.conftest import Result, Terminal

SMALL = ("demo", "--stations", "4", "--days", "3", "--seed", "5")
PLANTED = {
    "dropping_links", "killed_while_writing", "clock_2000", "restored_from_backup", "cloned_station",
    "backdated_acceptance", "twins",
}  # fmt: skip
"""What has room in one township, two villages and three days."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """The demonstration, played once and kept."""
    folder = tmp_path_factory.mktemp("demo") / "kept"
    return folder, Terminal().run(*SMALL, "--json", "--keep", str(folder))


def test_everything_planted_is_shown_and_everybody_agrees(played: tuple[Path, Result]):
    answer = played[1].json
    assert {one["name"] for one in answer["planted"]} == PLANTED
    assert set(answer["not_planted"]) == {"stick_lost_and_twice", "six_days_offline", "two_stations_decide"}
    assert [one["name"] for one in answer["planted"] if not one["shown"]] == []
    assert answer["converged"] and answer["stations"] == 4
    assert answer["acts"] > 150 and answer["cases"] > 30 and answer["findings"] >= 3
    assert 0 < answer["wire_bytes_per_act"] < 2_000
    assert played[1].err == ""


def test_every_ledger_that_is_left_verifies(played: tuple[Path, Result], capsys: pytest.CaptureFixture[str]):
    ledgers = played[1].json["ledgers"]
    assert len(ledgers) == 5  # four stations, and the clone of one of them
    codes = {path: audit(["verify", path]) for path in ledgers}
    assert {path: code for path, code in codes.items() if code} == {}, capsys.readouterr().out
    assert played[1].json["verified"] and played[1].code == 0


def test_the_same_seed_gives_the_same_acts_and_another_one_others(played: tuple[Path, Result]):
    again = Terminal().run(*SMALL, "--json").json
    assert again["digest"] == played[1].json["digest"]
    assert (again["acts"], again["cases"]) == (played[1].json["acts"], played[1].json["cases"])
    assert again["dir"] == "" and again["ledgers"] == []


def test_one_can_go_on_by_hand_where_it_ended(played: tuple[Path, Result]):
    folder = played[0]
    village = next(folder.glob("village-*-00"))
    clerk = min(path.stem for path in (village / "keys").glob("V*.key"))
    terminal = Terminal(folder=village)
    terminal.clock.set("2026-02-12 09:00")
    terminal.passphrase = (folder / "passphrase.txt").read_text(encoding="utf-8").strip()
    assert terminal.ok("receive", "高龄津贴", "--as", clerk, "--name", "吴老根", "--materials", "all").number
    county = Terminal(folder=next(folder.glob("county-*")))
    county.clock.set("2026-02-12 09:00")
    assert len(county.ok("board", "--json").lines) == 4
    assert len(county.ok("twins", "--json").lines) == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--stations", "3"), "demo.stations"),
        (("--stations", "232"), "demo.stations"),
        (("--days", "61"), "demo.days"),
    ],
)
def test_sizes_that_the_county_does_not_have_are_refused(words: tuple[str, ...], code: str):
    refused = Terminal().run("demo", *words)
    assert refused.code != 0 and f"[{code}]" in refused.err


@pytest.mark.parametrize("more", [(), ("--counter",)])
def test_a_folder_in_use_is_not_touched(tmp_path: Path, more: tuple[str, ...]):
    (tmp_path / "mine.txt").write_text("x", encoding="utf-8")
    refused = Terminal().run("demo", "--keep", str(tmp_path), *more)
    assert refused.code == 2 and [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
