"""Founding: all of it or nothing, keys included."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.errors import ConfigError
from ledger.facade import CountyPlan, Home, Ledger, create_county
from ledger.types import StationId
from tests.facade.counter import COUNTY, REGISTRAR, ROOTS, Dice, FakeClock

PLAN = CountyPlan(name="溪山县政务服务中心", division_code="990121", purpose="office", registrar_no="R1")


def test_a_crash_before_the_keys_are_kept_leaves_no_ledger(tmp_path: Path, clock: FakeClock) -> None:
    place = tmp_path / "county"

    def lose_power(folder: Path, station: StationId) -> None:
        raise OSError("the power went")

    with pytest.raises(OSError, match="power"):
        create_county(
            Home(place),
            PLAN,
            roots=ROOTS,
            registrar=REGISTRAR,
            clock=clock,
            randomness=Dice(),
            finish=lose_power,
        )
    assert not place.exists()
    kept: list[tuple[str, str]] = []

    def keep(folder: Path, station: StationId) -> None:
        (folder / "keys" / "R1.key").write_bytes(b"envelope")
        kept.append((folder.name, station))

    create_county(
        Home(place), PLAN, roots=ROOTS, registrar=REGISTRAR, clock=clock, randomness=Dice(), finish=keep
    )
    assert kept == [("county.part", COUNTY)]
    assert (place / "keys" / "R1.key").read_bytes() == b"envelope"
    with Ledger.open(place, clock=clock, write=False) as ledger:
        assert not ledger.training


def test_three_different_root_keys_are_needed(tmp_path: Path, clock: FakeClock) -> None:
    for roots in ((ROOTS[0], ROOTS[0], ROOTS[1]), ROOTS[:2], (ROOTS[0], ROOTS[1], REGISTRAR)):
        with pytest.raises(ConfigError) as caught:
            create_county(Home(tmp_path / "county"), PLAN, roots=roots, registrar=REGISTRAR, clock=clock)
        assert caught.value.code == "setup.roots"
    assert not (tmp_path / "county").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        create_county(Home(tmp_path), PLAN, roots=ROOTS, registrar=REGISTRAR, clock=clock)
    assert caught.value.code == "home.exists"
    assert (tmp_path / "letter.txt").read_text(encoding="utf-8") == "dear"
