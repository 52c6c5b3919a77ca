"""The oracle is worth something only if it sees: each planted loss must be told."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing

import pytest

from ledger.facade import Home, Ledger
from tests.faults.check import check_after, problems
from tests.faults.day import WHOLE_DAY, Confirmed, Day
from tests.faults.office import Dice, FakeClock

PLANTED = {
    "view": ("UPDATE cases SET status = 'x'", "view cases differs"),
    "search": ("DELETE FROM search_tokens", "view search_tokens differs"),
    "number": ("DELETE FROM case_numbers", "view case_numbers differs"),
    "body": ("UPDATE bodies SET nonce = NULL, personal = NULL WHERE personal IS NOT NULL", "personal_hash"),
    "half": ("UPDATE bodies SET nonce = NULL WHERE personal IS NOT NULL", "half a personal body"),
    "facts": ("DELETE FROM bodies WHERE seq = (SELECT max(seq) FROM bodies)", "bodies and acts differ"),
    "place": ("UPDATE acts SET seq = seq + 1 WHERE action = 'receive'", "no row of the act"),
    "key": ("DELETE FROM case_keys WHERE case_id = (SELECT min(case_id) FROM case_keys)", "keys and"),
    "merged": ("DELETE FROM merged WHERE seq = 1", "table of places"),
    "named": ("UPDATE tracking SET notification_id = 9 WHERE application_name = 'merge_log'", "due"),
    "head": ("UPDATE heads SET entry_hash = zeroblob(32)", "log.head"),
}


@pytest.fixture
def worked(home: Home) -> tuple[Home, list[Confirmed]]:
    """Return an office after a whole day."""
    day = Day("oracle", WHOLE_DAY)
    with Ledger.open(home, clock=FakeClock(), randomness=Dice("oracle"), write=True) as ledger:
        while not day.over:
            day.work(ledger)
            day.checkpoint(ledger)
    return home, day.confirmed


def test_a_whole_day(worked: tuple[Home, list[Confirmed]]) -> None:
    home, confirmed = worked
    assert len(confirmed) >= 60
    check_after(home.path, confirmed)


@pytest.mark.parametrize("planted", PLANTED)
def test_sees_a_planted_loss(worked: tuple[Home, list[Confirmed]], planted: str) -> None:
    home, confirmed = worked
    statement, told = PLANTED[planted]
    with closing(sqlite3.connect(home.database_path, isolation_level=None)) as file:
        assert file.execute(statement).rowcount > 0
    assert any(told in line for line in problems(home.path, confirmed))


def test_sees_a_dropped_tail_and_another_frame(worked: tuple[Home, list[Confirmed]]) -> None:
    home, confirmed = worked
    last = random.Random(1).choice(confirmed)
    beyond = Confirmed(last.act_id, last.log, last.seq + 1_000, last.frame_hash)
    other = Confirmed(last.act_id, last.log, last.seq, bytes(32))
    moved = Confirmed(bytes(32), last.log, last.seq, last.frame_hash)
    told = problems(home.path, [beyond, other, moved])
    assert [line.split(":")[0] for line in told] == ["lost", "other bytes", "other act"]


def test_a_day_goes_on_in_another_process_where_it_stood(home: Home) -> None:
    dice = Dice("resume")
    confirmed: list[Confirmed] = []
    while True:
        day = Day("resume", WHOLE_DAY)
        with Ledger.open(home, clock=FakeClock(), randomness=dice, write=True) as ledger:
            day.resume(ledger)
            for _ in range(17):
                if not day.over:
                    day.work(ledger)
        confirmed += day.confirmed
        if day.over:
            break
    assert len(confirmed) == sum(len(script) for script in WHOLE_DAY)
    check_after(home.path, confirmed)
