"""Rule 9: a limit that ends earlier by a new calendar is told to the owner until its clock has ended.

Accepted on Monday 14 December 2026, five working days promised, twenty by law. Promised: 15 16 17 18 | 21.
By law, while 2027 is not published: 15-18 (4) | 21-25 (9) | 28-31 (13) | 4-8 (18) | 11 12 (20).
A notice that works Saturday 2 and Sunday 3 January: 28-31 (13), 2 3 (15), 4-8 (20): 8 January.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ledger.facade import Ledger
from ledger.facade.base.tables import MARKS, MOVED
from ledger.types import CaseId
from tests.facade.counter import COUNTY, REGISTRAR, Dice, FakeClock, act, receive, statutory

DAY = date(2026, 12, 14)


def publish(ledger: Ledger, version: int, *make_up: str) -> None:
    """Publish a calendar of 2027 with the statutory days off and days worked instead."""
    facts = {
        "region": "CN", "year": 2027, "version": version, "source": "test",
        "days_off": statutory(2027), "make_up": list(make_up),
    }  # fmt: skip
    ledger.publish("publish_calendar", facts, REGISTRAR)


def told(ledger: Ledger, case: CaseId) -> list[tuple[object, ...]]:
    """Return what the page of a case says of limits that became earlier, if the day's list has the case."""
    listed = [row.case_id for row in ledger.day_clear(COUNTY, DAY).moved_earlier]
    notices = [tuple(item.params.values()) for item in ledger.case(case).notices]
    assert listed == ([case] if notices else [])
    return notices


@pytest.fixture
def accepted(ledger: Ledger, clock: FakeClock) -> CaseId:
    """A case accepted before the calendar of the next year is out."""
    clock.set("2026-12-14 09:00")
    case = receive(ledger).case_id
    act(ledger, "C1", "accept", case)
    return case


STATUTORY = ("statutory", "2027-01-12", "2027-01-08")


def test_every_open_clock_counts_not_the_most_pressing_alone(ledger: Ledger, accepted: CaseId) -> None:
    assert told(ledger, accepted) == []
    publish(ledger, 1, "2027-01-02", "2027-01-03")
    row = ledger.case(accepted).row
    assert (row.clock, row.due_on) == ("promised", date(2026, 12, 21))
    assert told(ledger, accepted) == [STATUTORY]


def test_a_later_calendar_does_not_hide_what_was_not_yet_dealt_with(ledger: Ledger, accepted: CaseId) -> None:
    publish(ledger, 1, "2027-01-02", "2027-01-03")
    ledger.publish(
        "publish_calendar",
        {
            "region": "CN",
            "year": 2028,
            "version": 1,
            "source": "test",
            "days_off": statutory(2028),
            "make_up": [],
        },
        REGISTRAR,
    )
    assert told(ledger, accepted) == [STATUTORY]
    # the notice is corrected: one day worked, then none: the first day that was said is the one told
    publish(ledger, 2, "2027-01-03")
    assert told(ledger, accepted) == [("statutory", "2027-01-12", "2027-01-11")]
    publish(ledger, 3)
    assert told(ledger, accepted) == []


def test_it_is_told_until_its_clock_has_ended(ledger: Ledger, clock: FakeClock, accepted: CaseId) -> None:
    publish(ledger, 1, "2027-01-02", "2027-01-03")
    act(ledger, "C1", "start_review", accepted)
    assert told(ledger, accepted) == [STATUTORY]
    act(ledger, "C1", "decide", accepted, result="grant")
    assert told(ledger, accepted) == []


def test_a_clock_that_silence_starts_is_compared_as_well(ledger: Ledger, clock: FakeClock) -> None:
    clock.set("2026-12-14 09:00")
    case = receive(ledger).case_id
    clock.set("2026-12-18 09:00")
    publish(ledger, 1, "2027-01-02", "2027-01-03")
    assert told(ledger, case) == []
    clock.set("2026-12-22 09:00")
    assert told(ledger, case) == [STATUTORY]


def test_a_calendar_that_arrived_while_nobody_looked_is_compared_at_the_next_start(
    place: Path, clock: FakeClock
) -> None:
    with Ledger.open(place, clock=clock, randomness=Dice("office"), write=True) as ledger:
        clock.set("2026-12-14 09:00")
        case = receive(ledger).case_id
        act(ledger, "C1", "accept", case)
        with ledger.store.read() as tx:
            marks = list(tx.select(MARKS, {}))
        publish(ledger, 1, "2027-01-02", "2027-01-03")
        # the power fails after the calendar was stored and before the lights were made anew
        with ledger.store.write() as tx:
            tx.delete(MOVED, {})
            tx.upsert(MARKS, marks)
    with Ledger.open(place, clock=clock, randomness=Dice("again"), write=True) as ledger:
        assert told(ledger, case) == [STATUTORY]


@pytest.mark.parametrize("damaged", ["", "soon", "9999-99-99"])
def test_a_note_that_somebody_changed_on_the_disk_takes_no_page_away(
    ledger: Ledger, accepted: CaseId, damaged: str
) -> None:
    publish(ledger, 1, "2027-01-02", "2027-01-03")
    with ledger.store.write() as tx:
        tx.upsert(MOVED, [(accepted, "statutory", damaged)])
    assert told(ledger, accepted) == []
    publish(ledger, 2)
    publish(ledger, 3, "2027-01-02", "2027-01-03")
    assert told(ledger, accepted) == [STATUTORY]
