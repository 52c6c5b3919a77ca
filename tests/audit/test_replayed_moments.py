"""What ``banjian-audit replay --as-of`` says of a day, when something of that day was typed later."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from audit.telling.replay import replay_case
from ledger.errors import InputError
from ledger.facade import Command, Ledger
from ledger.types import Facts
from tests.facade.counter import COUNTY, FELLING, Dice, FakeClock, act, at, found_county, receive, signer

PAPER: Facts = {"paper_no": "城关 0042", "reason": "power"}


@pytest.mark.parametrize("action", ["accept", "request_correction"])
def test_what_was_entered_late_counts_on_its_day_without_what_was_typed_before_it(
    tmp_path: Path, action: str
) -> None:
    """The act from paper knows of later ones: who asks about its day hears of it, and not of them."""
    clock, home = FakeClock(), tmp_path / "county"
    found_county(home, clock)
    with Ledger.open(home, clock=clock, randomness=Dice("moments"), write=True) as ledger:
        case = receive(ledger, item=FELLING).case_id
        clock.wall_ms = at("2026-03-05 09:00")
        act(ledger, "C1", "supply", case, materials=["m01"])
        act(ledger, "C1", "note", case)
        facts: Facts = {"late_entry": PAPER}
        if action == "request_correction":
            facts |= {"missing": ["m02"], "due": "2026-03-20"}
        ledger.perform(
            Command(
                action=action, station=COUNTY, case=case, facts=facts, occurred_at_ms=at("2026-03-03 10:00")
            ),
            signer("C1"),
        )
    asked = replay_case(home, case.hex(), now_ms=clock.wall_ms, as_of_ms=at("2026-03-04 12:00"))
    assert asked.view.state is not None and asked.left_out == 2
    assert [(step.action, step.effective) for step in asked.view.state.steps] == [
        ("receive", True),
        (action, True),
    ]
    (acceptance,) = (one for one in asked.clocks if one.clock == "acceptance")
    assert acceptance.stopped_on == date(2026, 3, 3) and acceptance.result == "green"
    with pytest.raises(InputError) as caught:
        replay_case(home, case.hex(), now_ms=clock.wall_ms, as_of_ms=at("2026-03-01 12:00"))
    assert caught.value.code == "audit.not_received"
