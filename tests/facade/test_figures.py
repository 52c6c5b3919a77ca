"""Figures: exact whether the projection has caught up or not, and the same when it is made anew."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from ledger.facade import Ledger
from ledger.projections.activity import ACTIVITY, Activity
from ledger.projections.runner import catch_up, lag, rebuild
from tests.facade.counter import COUNTY, VILLAGE, FakeClock, act, receive

DAY = date(2026, 3, 2)


def figures(ledger: Ledger) -> dict[tuple[str, str], int]:
    found = ledger.figures(DAY, DAY)
    return {(one.station, one.action): one.acts for one in found if one.action in ("receive", "accept")}


def test_acts_are_counted_by_day_station_and_action(ledger: Ledger, clock: FakeClock) -> None:
    cases = [receive(ledger).case_id for _ in range(3)]
    receive(ledger, "V1", "990101400014")
    act(ledger, "C1", "accept", cases[0])
    clock.set("2026-03-03 09:00")
    act(ledger, "C1", "accept", cases[1])
    assert figures(ledger) == {(COUNTY, "receive"): 3, (VILLAGE, "receive"): 1, (COUNTY, "accept"): 1}
    assert [one.acts for one in ledger.figures(date(2026, 3, 3), date(2026, 3, 9), station=COUNTY)] == [1]


def test_a_reader_beside_the_writer_counts_what_the_projection_has_not_reached(
    ledger: Ledger, place: Path, clock: FakeClock
) -> None:
    receive(ledger)
    catch_up(ledger.store, Activity())
    receive(ledger)
    assert lag(ledger.store, Activity()) == 1
    with Ledger.open(place, clock=clock, write=False) as reader:
        assert figures(reader) == {(COUNTY, "receive"): 2}


def test_made_anew_is_the_same_as_kept_in_step(ledger: Ledger) -> None:
    for _ in range(5):
        receive(ledger)
        catch_up(ledger.store, Activity(), batch_records=3)
    with ledger.store.read() as tx:
        before = list(tx.select(ACTIVITY, {}))
    rebuild(ledger.store, Activity(), batch_records=7)
    with ledger.store.read() as tx:
        assert list(tx.select(ACTIVITY, {})) == before
