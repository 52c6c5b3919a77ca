"""Case numbers under clocks that cannot be believed: no date is better than a wrong one."""

from __future__ import annotations

from pathlib import Path

from ledger.cases import number as casenumber
from ledger.facade import Ledger
from tests.facade.counter import Dice, FakeClock, found_county, receive


def test_a_wrong_clock_does_not_vouch_for_itself(tmp_path: Path) -> None:
    # Given a county founded in March 2026, when a station's clock falls to 2000 or runs to 2099, twice each,
    clock = FakeClock()
    found_county(tmp_path / "county", clock)
    numbers = []
    with Ledger.open(tmp_path / "county", clock=clock, randomness=Dice("number"), write=True) as ledger:
        for day in ("2026-03-03", "2000-01-01", "2000-01-01", "2099-01-01", "2099-01-02", "2026-03-04"):
            clock.set(f"{day} 09:00")
            numbers.append(receive(ledger, "V1", "990101400014").number)
    # then no number carries a date of such a clock, right ones carry it again, and none is given twice.
    days = [casenumber.parse(number).day for number in numbers]
    assert days == ["260303", "000000", "000000", "000000", "000000", "260304"]
    assert len(set(numbers)) == len(numbers)


def test_it_does_not_after_a_restart_either(tmp_path: Path) -> None:
    # Given an entry made in 2000, when the program starts anew and the clock is still wrong,
    clock = FakeClock()
    found_county(tmp_path / "county", clock)
    days = []
    for attempt in ("first", "second"):
        clock.set("2000-01-01 09:00")
        with Ledger.open(tmp_path / "county", clock=clock, randomness=Dice(attempt), write=True) as ledger:
            days.append(casenumber.parse(receive(ledger, "V1", "990101400014").number).day)
    # then the second number has no date either.
    assert days == ["000000", "000000"]
