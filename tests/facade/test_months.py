"""Figures by month: late stays late, decided is not in hand, papers given back were never received."""

from __future__ import annotations

from datetime import date

from ledger.facade import Ledger
from ledger.facade.base.tables import CASES, MARKS, VIEW_TABLES
from ledger.facade.cases.monthly import MonthFigure
from ledger.facade.cases.views import MARK_ROWS
from ledger.facade.opened.listcheck import compare_lists
from ledger.facade.opened.remaking import follow_program
from ledger.facade.peering.between import months
from ledger.types import CaseId
from tests.facade.counter import APPLICANT, COUNTY, PERMIT, FakeClock, act, receive

MARCH = {"first": date(2026, 3, 1), "after_last": date(2026, 4, 1)}


def figure(ledger: Ledger, clock: FakeClock) -> MonthFigure:
    (one,) = months(ledger, **MARCH, now_ms=clock.now_ms())
    return one


def give_back(ledger: Ledger) -> CaseId:
    done = act(
        ledger, "C1", "advise_and_return", personal=APPLICANT,
        item=PERMIT, reason="materials_missing", missing=["m01"],
    )  # fmt: skip
    return done.case_id


def decide(ledger: Ledger, case: CaseId) -> None:
    act(ledger, "C1", "start_review", case)
    act(ledger, "C1", "decide", case, result="grant")


def test_what_was_late_is_told_after_it_was_done(ledger: Ledger, clock: FakeClock) -> None:
    case = receive(ledger).case_id
    # Nobody has answered yet: that is as late as an answer that came late, and the page of the case says so.
    for day, decision in (("2026-03-12", 0), ("2026-04-20", 1)):
        clock.set(f"{day} 09:00")
        waiting = figure(ledger, clock)
        assert (waiting.open, waiting.overdue, waiting.late_accepted, waiting.late) == (1, 1, 1, 1)
        assert waiting.late_decided == decision
        flags = {flag for reading in ledger.case(case).clocks for flag in reading.flags}
        assert {"overdue_acceptance", "deemed_accepted"} <= flags
        assert ("overdue_decision" in flags) == bool(decision)
    act(ledger, "C1", "accept", case)
    done = figure(ledger, clock)
    assert (done.open, done.late_accepted, done.late_decided, done.late) == (1, 1, 1, 1)
    clock.set("2026-09-01 09:00")
    decide(ledger, case)
    decided = figure(ledger, clock)
    assert (decided.late_accepted, decided.late_decided, decided.late) == (1, 1, 1)
    assert figure(ledger, clock).decided == 1


def test_decided_is_concluded_and_no_longer_in_hand(ledger: Ledger, clock: FakeClock) -> None:
    decided, withdrawn, _ = (receive(ledger).case_id for _ in range(3))
    act(ledger, "C1", "accept", decided)
    decide(ledger, decided)
    act(ledger, "C1", "withdraw", withdrawn, proof="signature")
    act(ledger, "C1", "close", withdrawn)
    one = figure(ledger, clock)
    assert (one.received, one.decided, one.ended, one.open) == (3, 1, 1, 1)
    assert (one.late, one.returned) == (0, 0)


def test_papers_given_back_are_counted_apart_closed_or_not(ledger: Ledger, clock: FakeClock) -> None:
    receive(ledger)
    first, second = give_back(ledger), give_back(ledger)
    act(ledger, "C1", "close", second)
    one = figure(ledger, clock)
    assert (one.received, one.open, one.ended, one.returned) == (1, 1, 0, 2)
    day = ledger.day_clear(COUNTY, date(2026, 3, 2))
    assert {row.case_id for row in day.returned} == {first, second}
    assert len(day.received) == 1 and first not in {row.case_id for row in day.received}
    assert first not in {row.case_id for row in ledger.worklist(station=COUNTY)}
    assert first in {row.case_id for row in ledger.worklist(station=COUNTY, include_closed=True)}


def test_what_rows_say_of_lateness_is_the_same_made_anew(ledger: Ledger, clock: FakeClock) -> None:
    case = receive(ledger).case_id
    clock.set("2026-04-20 09:00")
    act(ledger, "C1", "accept", case)
    act(ledger, "C1", "note", case)
    give_back(ledger)
    with ledger.store.read() as tx:
        before = {table.name: set(tx.select(table, {})) for table in VIEW_TABLES}
    ledger.rebuild()
    with ledger.store.read() as tx:
        assert {table.name: set(tx.select(table, {})) for table in VIEW_TABLES} == before


def test_rows_of_an_earlier_version_are_made_anew_once(ledger: Ledger, clock: FakeClock) -> None:
    given_back = give_back(ledger)
    with ledger.store.read() as tx:
        (written,) = tx.select(CASES, {"case_id": given_back})
    # An earlier version called the case open and had no more to say of it.
    older = [*written]
    older[CASES.column_names.index("open")] = 1
    older[CASES.column_names.index("flags")] = 0
    with ledger.store.write() as tx:
        tx.upsert(CASES, [tuple(older)])
        tx.delete(MARKS, {"name": MARK_ROWS})
    with ledger.reading() as (tx, parts):
        assert compare_lists(tx, parts, thorough=True) == (0, 0, 0, True), "nobody changed the file"
    told: list[tuple[int, int]] = []
    for _ in range(2):
        follow_program(ledger.store, ledger.parts, view=ledger.view, watch=lambda *done: told.append(done))
    assert told == [(0, 1), (1, 1)], "once"
    with ledger.reading() as (tx, parts):
        assert compare_lists(tx, parts, thorough=True) == (0, 0, 0, False)
        assert list(tx.select(CASES, {"case_id": given_back})) == [written]
