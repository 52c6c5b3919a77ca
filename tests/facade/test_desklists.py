"""Lists of a desk are those that reading every line would give, however few lines are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.facade import CaseRow, Ledger
from ledger.facade.base.tables import CASES, MARKS, NEVER_MS
from ledger.facade.cases.secondsight import MARK_SECOND, forget_all_seconds, too_late
from ledger.facade.opened.desklists import desk_of, page_of_cases
from ledger.store.tables import Row
from ledger.types import CaseId
from tests.facade.counter import COUNTY, TOWNSHIP, VILLAGE, Dice, FakeClock, found_county

NOW_MS = 1_775_000_000_000
LIGHTS = ("red", "yellow", "green", "paused", "done")
STATUSES = ("received", "correcting", "accepted", "reviewing", "decided", "issued", "closed")
moments = st.sampled_from([NOW_MS - 2, NOW_MS - 1, NOW_MS, NOW_MS + 1, NOW_MS + 2, NEVER_MS])


@st.composite
def case_rows(draw: st.DrawFn) -> list[Row]:
    rows: list[Row] = []
    for number in range(draw(st.integers(0, 24))):
        yellow_at_ms, red_at_ms = sorted((draw(moments), draw(moments)))
        # Both are far away when no clock runs, else neither is.
        if red_at_ms == NEVER_MS:
            yellow_at_ms = NEVER_MS
        is_open = draw(st.integers(0, 3)) > 0
        rows.append((
            number.to_bytes(16, "big"), f"no {number}", "item", 1, draw(st.sampled_from(STATUSES)),
            draw(st.sampled_from([TOWNSHIP, COUNTY])), draw(st.sampled_from(["", TOWNSHIP, COUNTY])), VILLAGE,
            NOW_MS - draw(st.integers(1, 5)), NOW_MS, int(is_open), "",
            yellow_at_ms, red_at_ms, draw(st.integers(0, 7)),
        ))  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    folder: Path = tmp_path_factory.mktemp("desk") / "county"
    clock = FakeClock()
    found_county(folder, clock)
    with Ledger.open(folder, clock=clock, randomness=Dice("office"), write=True) as ledger:
        yield ledger


def lay_out(ledger: Ledger, rows: Sequence[Row]) -> None:
    with ledger.store.write() as tx:
        tx.delete(CASES, {})
        forget_all_seconds(tx)
        tx.insert(CASES, rows)
        # Of two cases in three the signature can be given until a moment: one a moment ago, one not yet.
        ends = [(f"{MARK_SECOND}{row[0].hex()}", str(NOW_MS + at % 3)) for at, row in enumerate(rows)]
        tx.insert(MARKS, [one for at, one in enumerate(ends) if at % 3 < 2])


@given(rows=case_rows(), closed=st.booleans(), light=st.sampled_from(["", *LIGHTS]),
       offset=st.integers(0, 26), limit=st.integers(1, 9))  # fmt: skip
def test_a_page_is_a_part_of_the_whole_list(
    desk: Ledger, *, rows: list[Row], closed: bool, light: str, offset: int, limit: int
) -> None:
    lay_out(desk, rows)
    whole = [
        row
        for row in desk.worklist(station=TOWNSHIP, now_ms=NOW_MS, include_closed=closed)
        if light in ("", row.light)
    ]
    found = page_of_cases(
        desk, station=TOWNSHIP, now_ms=NOW_MS, light=light, include_closed=closed, offset=offset, limit=limit
    )
    assert found.total == len(whole)
    assert list(found.rows) == whole[offset : offset + limit]


@given(rows=case_rows(), limit=st.integers(1, 9), apart=st.sets(st.integers(0, 24), max_size=5))
def test_every_open_case_stands_under_its_first_heading(
    desk: Ledger, *, rows: list[Row], limit: int, apart: set[int]
) -> None:
    lay_out(desk, rows)
    shown_above = {CaseId(number.to_bytes(16, "big")) for number in apart}
    left = [row for row in desk.worklist(station=TOWNSHIP, now_ms=NOW_MS) if row.case_id not in shown_above]
    found = desk_of(desk, station=TOWNSHIP, now_ms=NOW_MS, apart=shown_above, limit=limit)
    assert list(found)[:4] == ["overdue", "at_risk", "offered", "pending"], (
        "what the law presses for is first"
    )
    for heading, listed in found.items():
        expected = [row for row in left if heading_of(row) == heading]
        assert (listed.total, list(listed.rows)) == (len(expected), expected[:limit]), heading


def heading_of(row: CaseRow) -> str:
    statuses = {
        "received": "not_accepted", "correcting": "papers",
        "decided": "awaiting_collection", "issued": "awaiting_collection",
    }  # fmt: skip
    if row.offered_to == TOWNSHIP:
        return "offered"
    if row.light in ("red", "yellow"):
        return "overdue" if row.light == "red" else "at_risk"
    return "pending" if row.pending else statuses.get(row.status, "rest")


def test_a_moment_that_somebody_changed_on_the_disk_takes_no_list_away(desk: Ledger) -> None:
    case = CaseId(bytes(16))
    with desk.store.write() as tx:
        tx.upsert(MARKS, [(f"{MARK_SECOND}{case.hex()}", "soon")])
    with desk.store.read() as tx:
        assert too_late(tx, [case], NOW_MS) == frozenset()
