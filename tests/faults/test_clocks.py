"""Wrong clocks: receiving is never refused, numbers carry no wrong date, order follows from causes."""

from __future__ import annotations

import random

import pytest

from ledger.cases.number import parse
from ledger.errors import BanjianError
from ledger.facade import Command, Home, Ledger
from ledger.formats.entry import decode_entry
from ledger.formats.frame import split_frame
from tests.faults.check import check_after
from tests.faults.day import INSTANT, PLAN, PROOF, WHOLE_DAY, Day
from tests.faults.office import START_MS, VILLAGE, Dice, FakeClock, signer

YEAR_2000_MS = 946_684_800_000
YEAR_2038_MS = 2_147_483_648_000
YEAR_2099_MS = 4_070_908_800_000
WRONG = {"1970": 0, "2000": YEAR_2000_MS, "2038": YEAR_2038_MS, "2099": YEAR_2099_MS}


def receive(ledger: Ledger) -> str:
    """Receive a case and return its number."""
    facts = {"item": PROOF, "materials": ["m01", "m02"], "proof_kind": "collective_member"}
    command = Command(
        action="receive", station=VILLAGE, facts=facts, personal={"applicant": {"name": "王芳"}}
    )
    return ledger.perform(command, signer("v1")).number


@pytest.mark.parametrize("wrong", WRONG)
def test_receiving_is_never_refused(home: Home, wrong: str) -> None:
    clock = FakeClock(wall_ms=WRONG[wrong])
    with Ledger.open(home, clock=clock, randomness=Dice(wrong), write=True) as ledger:
        numbers = [receive(ledger) for _ in range(3)]
        clock.wall_ms = START_MS
        numbers.append(receive(ledger))
        assert len(set(numbers)) == len(numbers)
        assert [ledger.find(number)[0].number for number in numbers] == numbers
        assert len(ledger.worklist(station=VILLAGE)) == len(numbers)
    check_after(home.path, [])


@pytest.mark.parametrize("wrong", ["2000", "2099"])
def test_a_number_of_a_wrong_clock_carries_no_date(home: Home, wrong: str) -> None:
    with Ledger.open(home, clock=FakeClock(wall_ms=START_MS), randomness=Dice("n"), write=True) as ledger:
        assert parse(receive(ledger)).day == "260302"
    with Ledger.open(home, clock=FakeClock(wall_ms=WRONG[wrong]), randomness=Dice("m"), write=True) as ledger:
        assert parse(receive(ledger)).day == "000000"


def test_order_follows_from_causes_however_the_clock_jumps(home: Home) -> None:
    """The same day by a good clock and by one that jumps a hundred years each time it is asked."""
    rng, clock = random.Random("jumps"), FakeClock()
    day = Day("jumps", (PLAN, INSTANT))
    with Ledger.open(home, clock=clock, randomness=Dice("jumps"), write=True) as ledger:
        while not day.over:
            clock.wall_ms = rng.choice([*WRONG.values(), START_MS])
            day.work(ledger)
        for run in day.runs:
            assert run.case_id is not None
            state, _ = ledger.state(run.case_id)
            assert [step.act.action for step in state.steps] == [step.action for step in run.script]
            assert all(step.effective for step in state.steps)
            assert state.status == "closed"
    check_after(home.path, day.confirmed)


def test_a_clock_that_goes_back_refuses_no_work(home: Home) -> None:
    clock = FakeClock(wall_ms=START_MS)
    day = Day("back", WHOLE_DAY)
    with Ledger.open(home, clock=clock, randomness=Dice("back"), write=True) as ledger:
        while not day.over:
            clock.wall_ms -= 40_000
            try:
                day.work(ledger)
            except BanjianError as error:
                pytest.fail(f"refused by the clock alone: {error.code}")
    check_after(home.path, day.confirmed)


def test_entries_tell_boots_and_keep_what_the_wall_clock_said(home: Home) -> None:
    """A clock set back within one boot shows: monotonic time grows while wall time falls."""
    clock, day = FakeClock(), Day("boots", (INSTANT,))
    with Ledger.open(home, clock=clock, randomness=Dice("boots"), write=True) as ledger:
        for jump_ms in (0, -86_400_000, 0):
            clock.wall_ms += jump_ms
            day.work(ledger)
        clock.reboot()
        day.work(ledger)
        with ledger.store.read() as tx:
            entries = [
                decode_entry(split_frame(tx.frame(note.log, note.seq) or b"").entry_raw)
                for note in day.confirmed
            ]
    walls = [entry.recorded_at_ms for entry in entries]
    assert walls[1] < walls[0] < walls[1] + 86_400_000
    counters = [entry.monotonic_ms for entry in entries]
    assert counters[0] < counters[1] < counters[2]
    assert counters[3] < counters[2]
    assert [entry.boot_id == entries[0].boot_id for entry in entries] == [True, True, True, False]
