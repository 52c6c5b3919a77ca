"""What is entered late from paper (补录) counts on its day; where that alone keeps a limit, it is told.

2026: 2 March is a Monday; the permits have five working days for acceptance, from then until 9 March.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.law.county import FELLING, Case

IN_TIME = "case.notice.in_time_by_late_entry"
LIVE = "2026-03-02 C1 receive\n"
LATE = "2026-03-04 C1 receive at=2026-03-02 late_entry=1\n"
ACCEPTED = f"{LIVE}2026-03-02 C1 accept\n"


class Told(NamedTuple):
    """A case, and the clocks whose limits it keeps by late entries alone, in the order of its acts."""

    title: str
    item: str
    lines: str
    expected: tuple[str, ...]


TABLE = [
    Told("acceptance after its limit", FELLING,
         LIVE + "2026-04-20 C1 accept at=2026-03-03 late_entry=1", ("acceptance",)),
    Told("a whole case in one evening", FELLING,
         LIVE + "2026-04-20 C1 accept at=2026-03-03 late_entry=1\n"
         "2026-04-20 C1 decide at=2026-03-09 late_entry=2", ("acceptance", "promised")),
    Told("a list that undoes a deemed acceptance", FELLING,
         LIVE + "2026-04-20 C1 request_correction at=2026-03-03 late_entry=1", ("acceptance",)),
    Told("supplied after the day told", FELLING,
         LIVE + "2026-03-03 C1 request_correction due=2026-03-31\n"
         "2026-04-20 C1 supply at=2026-03-30 late_entry=1", ("correction",)),
    Told("handed over by the village", FELLING,
         "2026-03-02 V1 receive\n2026-03-06 V1 hand_over to=T at=2026-03-03 late_entry=1", ("forwarding",)),
    Told("typed the next day, within the limit", FELLING,
         LIVE + "2026-03-05 C1 accept at=2026-03-04 late_entry=1", ()),
    Told("on its last day", FELLING, LIVE + "2026-03-09 C1 accept at=2026-03-04 late_entry=1", ()),
    Told("late all the same", FELLING, LIVE + "2026-04-20 C1 accept at=2026-03-10 late_entry=1", ()),
    Told("received on paper, worked in time", FELLING,
         LATE + "2026-03-04 C1 accept at=2026-03-03 late_entry=2", ()),
    Told("a remark has no limit", FELLING, LIVE + "2026-04-20 C1 note note_code=x at=2026-03-03 late_entry=1",
         ()),
    Told("nothing is entered late", FELLING, ACCEPTED + "2026-03-03 C1 decide", ()),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=[row.title for row in TABLE])
def test_in_time_by_late_entry_alone_is_told_on_the_page(row: Told, new_case: Callable[[str], Case]) -> None:
    # Given a case told in lines, when its page is read, then it names each act that kept a limit only
    # because the day was typed that it claims.
    case = new_case(row.item).tell(row.lines)
    assert case.case_id is not None
    told = [one for one in case.ledger.case(case.case_id).notices if one.code == IN_TIME]
    assert tuple(one.params["clock"] for one in told) == row.expected
    acts = [one.acts for one in told]
    late = [(step.act.act_id,) for step in case.ledger.case(case.case_id).state.steps
            if "late_entry" in step.act.facts]  # fmt: skip
    assert acts == late[: len(acts)]


def test_it_says_which_day_is_claimed_and_on_which_it_was_typed(new_case: Callable[[str], Case]) -> None:
    case = new_case(FELLING).tell(LIVE + "2026-04-20 C1 accept at=2026-03-03 late_entry=1")
    assert case.notices()[IN_TIME] == {
        "clock": "acceptance",
        "claimed": "2026-03-03",
        "entered": "2026-04-20",
    }
