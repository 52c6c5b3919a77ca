"""A founded county for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.facade import Ledger
from tests.facade.counter import Dice, FakeClock, found_county


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def place(tmp_path: Path, clock: FakeClock) -> Path:
    """The folder of an installation with a village's, a township's and the county's log."""
    folder = tmp_path / "county"
    found_county(folder, clock)
    return folder


@pytest.fixture
def ledger(place: Path, clock: FakeClock) -> Iterator[Ledger]:
    with Ledger.open(place, clock=clock, randomness=Dice("office"), write=True) as opened:
        yield opened
