"""A reader that stays open beside the writer tells of what was written since, and of what waits."""

from __future__ import annotations

from pathlib import Path

from ledger.facade import Command, Ledger
from ledger.facade.peering.between import station_board, sync_status
from tests.facade.counter import APPLICANT, COUNTY, FELLING, VILLAGE, Dice, FakeClock, signer


def test_an_open_reader_counts_what_waits_since_it_was_opened(place: Path, clock: FakeClock, ledger: Ledger):
    with Ledger.open(place, clock=clock, randomness=Dice("page"), write=False) as reader:
        before = sync_status(reader, VILLAGE)
        seen = {line.station: line.entries for line in station_board(reader, COUNTY)}
        command = Command(action="receive", station=VILLAGE, facts={"item": FELLING}, personal=APPLICANT)
        ledger.perform(command, signer("V1"))
        after = sync_status(reader, VILLAGE)
        now = {line.station: line.entries for line in station_board(reader, COUNTY)}
    assert after.entries == before.entries + 1
    assert [level.waiting for level in after.levels] == [level.waiting + 1 for level in before.levels]
    assert all(level.oldest_ms for level in after.levels)
    assert now[VILLAGE] == seen[VILLAGE] + 1
